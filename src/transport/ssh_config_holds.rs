//! What holds for one host: the tree of files is walked, conditions are judged, and the first value of each option wins.
//! Runs a program for `Match exec` alone, and only where that is allowed.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use super::patterns::matches_list;
use super::ssh_config::Asked;
use super::ssh_config_error::{Place, SshConfigError};
use super::ssh_config_parse::{Condition, Criterion, Entry, Value, What, unknown};
use super::ssh_config_tokens::{Here, OF_FILES, OF_HOST_NAME, Tokens};
use super::ssh_config_values::Key;

/// The first value of each option with its place, and all values of those that have many.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) first: BTreeMap<Key, (Value, Option<Place>)>,
    pub(super) identity_files: Vec<String>,
    pub(super) certificate_files: Vec<String>,
}

impl Chosen {
    pub(super) fn text(&self, key: Key) -> Option<&str> {
        match self.first.get(&key) {
            Some((Value::Text(text), _)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn texts(&self, key: Key) -> Option<&[String]> {
        match self.first.get(&key) {
            Some((Value::Texts(texts), _)) => Some(texts),
            _ => None,
        }
    }

    pub(super) fn number(&self, key: Key) -> Option<u64> {
        match self.first.get(&key) {
            Some((Value::Number(number), _)) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn port(&self) -> Option<u16> {
        self.number(Key::Port).and_then(|port| u16::try_from(port).ok())
    }

    fn set(&mut self, key: Key, value: &Value, place: &Place) {
        let many = match key {
            Key::IdentityFile => Some(&mut self.identity_files),
            Key::CertificateFile => Some(&mut self.certificate_files),
            _ => None,
        };
        if let (Some(many), Value::Text(text)) = (many, value)
            && !many.contains(text)
        {
            many.push(text.clone());
        }
        if !self.has_rival(key) {
            self.first.entry(key).or_insert_with(|| (value.clone(), Some(place.clone())));
        }
    }

    /// A command and hosts on the way exclude each other, and the first of both wins; no hosts leave room for a command.
    fn has_rival(&self, key: Key) -> bool {
        match key {
            Key::ProxyCommand => {
                matches!(self.first.get(&Key::ProxyJump), Some((Value::Jumps(jumps), _)) if !jumps.is_empty())
            }
            Key::ProxyJump => self.first.contains_key(&Key::ProxyCommand),
            _ => false,
        }
    }
}

/// One walk through the files.
pub(super) struct Pass<'a> {
    pub(super) asked: &'a Asked,
    pub(super) here: &'a Here,
    pub(super) runs_programs: bool,
    pub(super) chosen: &'a mut Chosen,
    /// What the patterns of `Host` see.
    pub(super) host: &'a str,
    pub(super) is_final: bool,
    /// `Match final` asks for a second walk.
    pub(super) wants_final: bool,
}

impl Pass<'_> {
    /// `never` below an `Include` that does not count.
    pub(super) fn walk(&mut self, entries: &[Entry], never: bool) -> Result<(), SshConfigError> {
        let mut active = !never;
        for entry in entries {
            match &entry.what {
                What::Host(patterns) => {
                    active = !never && matches_list(patterns.iter().map(String::as_str), self.host);
                }
                What::Match(conditions) => active = self.matches(conditions, &entry.place, never)?,
                What::Include(files) => {
                    for file in files {
                        self.walk(file, !active)?;
                    }
                }
                What::Set(key, value) if active => self.chosen.set(*key, value, &entry.place),
                What::Set(..) => {}
                What::Unknown(keyword) if self.is_ignored(keyword) => {}
                What::Unknown(keyword) => return Err(unknown(&entry.place, keyword)),
            }
        }
        Ok(())
    }

    fn is_ignored(&self, keyword: &str) -> bool {
        let ignored = self.chosen.text(Key::IgnoreUnknown).unwrap_or_default().to_ascii_lowercase();
        matches_list(ignored.split(','), keyword)
    }

    fn matches(&mut self, conditions: &[Condition], place: &Place, never: bool) -> Result<bool, SshConfigError> {
        let host = self.current_host()?;
        let mut result = true;
        for condition in conditions {
            let holds = match &condition.criterion {
                Criterion::All => true,
                Criterion::Canonical => self.is_final,
                Criterion::Final => {
                    self.wants_final = true;
                    self.is_final
                }
                Criterion::Host(list) => matches_names(list, &host),
                Criterion::OriginalHost(list) => matches_names(list, &self.asked.host),
                Criterion::User(list) => {
                    let user = self.chosen.text(Key::User).unwrap_or(&self.here.user);
                    matches_list(list.split(','), user)
                }
                Criterion::LocalUser(list) => matches_list(list.split(','), &self.here.user),
                Criterion::Exec(_) if never || !result => continue,
                Criterion::Exec(command) => self.run(command, &host, place)?,
            };
            result &= holds != condition.negated;
        }
        Ok(result && !never)
    }

    fn current_host(&self) -> Result<String, SshConfigError> {
        match self.chosen.text(Key::HostName) {
            Some(name) if self.is_final => Ok(name.to_owned()),
            Some(name) => self.tokens(&self.asked.host).in_text(name, OF_HOST_NAME),
            None => Ok(self.asked.host.clone()),
        }
    }

    fn tokens<'a>(&'a self, host: &'a str) -> Tokens<'a> {
        Tokens {
            here: self.here,
            host,
            original: &self.asked.host,
            alias: self.chosen.text(Key::HostKeyAlias).unwrap_or(host),
            port: self.chosen.port().unwrap_or(22),
            user: self.chosen.text(Key::User).unwrap_or(&self.here.user),
        }
    }

    fn run(&self, command: &str, host: &str, place: &Place) -> Result<bool, SshConfigError> {
        let command = self.tokens(host).in_text(command, OF_FILES)?;
        let place = place.clone();
        if !self.runs_programs {
            return Err(SshConfigError::Exec { place, command });
        }
        let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".into());
        let mut process = Command::new(shell);
        process.arg("-c").arg(&command).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match process.status() {
            Ok(status) => Ok(status.success()),
            Err(error) => Err(SshConfigError::ExecFailed { place, command, reason: error.to_string() }),
        }
    }
}

/// Names of hosts have no case.
fn matches_names(list: &str, host: &str) -> bool {
    matches_list(list.to_ascii_lowercase().split(','), &host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::matches_names;

    #[test]
    fn names_have_no_case() {
        assert!(matches_names("WEB*,!web2", "Web1"));
        assert!(!matches_names("WEB*,!web2", "Web2"));
    }
}
