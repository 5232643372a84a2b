//! What stands for something else in values of ssh's configuration: `%h`, `${NAME}`, `~`. Asks the environment and the
//! list of users.

use std::path::PathBuf;

use sha1::{Digest, Sha1};

use super::ssh_config_error::SshConfigError;

use crate::base::hex::hex;

/// Who asks, and where.
#[derive(Clone, Debug)]
pub struct Here {
    pub home: PathBuf,
    pub user: String,
    pub uid: u32,
    /// The name of this machine.
    pub machine: String,
}

impl Here {
    pub(super) fn home(&self) -> String {
        self.home.display().to_string()
    }
}

/// What the tokens of one host stand for.
pub(super) struct Tokens<'a> {
    pub(super) here: &'a Here,
    pub(super) host: &'a str,
    pub(super) original: &'a str,
    pub(super) alias: &'a str,
    pub(super) port: u16,
    pub(super) user: &'a str,
}

/// In `HostName`.
pub(super) const OF_HOST_NAME: &str = "h";
/// In `ProxyCommand`.
pub(super) const OF_COMMAND: &str = "hknpr";
/// In names of files, and in `Match exec`.
pub(super) const OF_FILES: &str = "CLdhiklnpru";

impl Tokens<'_> {
    fn value(&self, token: char) -> String {
        match token {
            'C' => self.connection(),
            'L' => self.here.machine.split('.').next().unwrap_or_default().to_owned(),
            'd' => self.here.home(),
            'h' => self.host.to_owned(),
            'i' => self.here.uid.to_string(),
            'k' => self.alias.to_owned(),
            'l' => self.here.machine.clone(),
            'n' => self.original.to_owned(),
            'p' => self.port.to_string(),
            'r' => self.user.to_owned(),
            _ => self.here.user.clone(),
        }
    }

    /// The hash that names a connection.
    fn connection(&self) -> String {
        let text = format!("{}{}{}{}", self.here.machine, self.host, self.port, self.user);
        hex(&Sha1::digest(text.as_bytes()))
    }

    /// Replaces `%x` by what it stands for, of those that are `allowed`.
    pub(super) fn in_text(&self, text: &str, allowed: &str) -> Result<String, SshConfigError> {
        self.replace(text, allowed, false)
    }

    /// A file's name: its `~`, tokens and variables.
    pub(super) fn in_path(&self, text: &str) -> Result<String, SshConfigError> {
        self.replace(&in_home(text, self.here)?, OF_FILES, true)
    }

    fn replace(&self, text: &str, allowed: &str, with_variables: bool) -> Result<String, SshConfigError> {
        let mut replaced = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['%', '$']) {
            let (before, after) = rest.split_at(at);
            replaced.push_str(before);
            if let Some(behind) = after.strip_prefix("${").filter(|_| with_variables) {
                let (value, behind) = variable(text, behind)?;
                replaced.push_str(&value);
                rest = behind;
            } else if let Some(behind) = after.strip_prefix('$') {
                replaced.push('$');
                rest = behind;
            } else {
                let mut behind = after.chars().skip(1);
                match behind.next() {
                    Some('%') => replaced.push('%'),
                    Some(token) if allowed.contains(token) => replaced.push_str(&self.value(token)),
                    other => {
                        let token = format!("%{}", other.map(String::from).unwrap_or_default());
                        return Err(SshConfigError::Token { value: text.to_owned(), token });
                    }
                }
                // Every token that is known is one byte.
                rest = after.get(2..).unwrap_or_default();
            }
        }
        replaced.push_str(rest);
        Ok(replaced)
    }
}

/// The value of a variable whose `${` is gone, and what follows.
fn variable<'a>(whole: &str, text: &'a str) -> Result<(String, &'a str), SshConfigError> {
    let not_set = |name: &str| SshConfigError::Variable { value: whole.to_owned(), name: name.to_owned() };
    let (name, behind) = text.split_once('}').ok_or_else(|| not_set(text))?;
    let value = std::env::var_os(name).filter(|_| is_variable_name(name)).ok_or_else(|| not_set(name))?;
    Ok((value.to_string_lossy().into_owned(), behind))
}

pub(super) fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

/// Every `${NAME}` of a text has a value.
pub(super) fn check_variables(text: &str) -> Result<(), SshConfigError> {
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once("${") {
        rest = variable(text, behind)?.1;
    }
    Ok(())
}

/// `~/x` and `~user/x`.
pub(super) fn in_home(text: &str, here: &Here) -> Result<String, SshConfigError> {
    let Some(rest) = text.strip_prefix('~') else { return Ok(text.to_owned()) };
    let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
    let home = if name.is_empty() { Some(here.home()) } else { home_of(name) };
    let home = home.ok_or_else(|| SshConfigError::NoSuchUser { value: text.to_owned(), name: name.to_owned() })?;
    Ok(format!("{}/{path}", home.trim_end_matches('/')))
}

fn home_of(name: &str) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let of_user = |line: &&str| line.split(':').next() == Some(name);
    users.lines().find(of_user)?.split(':').nth(5).map(str::to_owned)
}
