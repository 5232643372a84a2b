//! Files of ssh's configuration as a tree, included files inside: everything that can be wrong whatever host is asked
//! for. Knows nothing of what holds for a host.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::ssh_config_error::{Place, SshConfigError};
use super::ssh_config_files::files_named;
use super::ssh_config_tokens::{Here, check_variables, in_home, is_variable_name};
use super::ssh_config_values::{Hop, Key, key_of, names, parse_choice, parse_jumps, parse_port, parse_time};
use super::ssh_config_words::{keyword_of, next_word, rest_of_line, split_words};
use crate::base::near::nearest;

const MOST_DEPTH: usize = 16;
/// Files may include each other; all of them together are a few dozen.
const MOST_FILES: usize = 1000;

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Host(Vec<String>),
    Match(Vec<Condition>),
    Include(Vec<Vec<Entry>>),
    Set(Key, Value),
    /// An error, unless `IgnoreUnknown` says otherwise for this host.
    Unknown(String),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Value {
    Text(String),
    Texts(Vec<String>),
    Number(u64),
    Jumps(Vec<Hop>),
}

impl std::fmt::Display for Value {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Text(text) => formatter.write_str(text),
            Value::Texts(texts) => formatter.write_str(&texts.join(" ")),
            Value::Number(number) => write!(formatter, "{number}"),
            Value::Jumps(jumps) if jumps.is_empty() => formatter.write_str("none"),
            Value::Jumps(jumps) => formatter.write_str(&jumps.iter().map(Hop::to_string).collect::<Vec<_>>().join(",")),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) negated: bool,
    pub(super) criterion: Criterion,
}

#[derive(Clone, Debug)]
pub(super) enum Criterion {
    All,
    Canonical,
    Final,
    Host(String),
    OriginalHost(String),
    User(String),
    LocalUser(String),
    Exec(String),
}

/// Reads files, and those that they include.
pub(super) struct Reader<'a> {
    pub(super) here: &'a Here,
    pub(super) is_users: bool,
    pub(super) files: usize,
}

impl Reader<'_> {
    /// The entries of a file; `checked` where it must be nobody else's.
    pub(super) fn read(&mut self, file: &Path, checked: bool, depth: usize) -> Result<Vec<Entry>, SshConfigError> {
        self.files += 1;
        if self.files > MOST_FILES {
            return Err(SshConfigError::TooManyFiles { most: MOST_FILES });
        }
        let unreadable =
            |error: std::io::Error| SshConfigError::Unreadable { file: file.to_owned(), reason: error.to_string() };
        if checked {
            let data = std::fs::metadata(file).map_err(unreadable)?;
            if data.mode() & 0o022 != 0 || (data.uid() != 0 && data.uid() != self.here.uid) {
                return Err(SshConfigError::Writable { file: file.to_owned() });
            }
        }
        let bytes = std::fs::read(file).map_err(unreadable)?;
        self.parse(file, &String::from_utf8_lossy(&bytes), depth)
    }

    pub(super) fn parse(&mut self, file: &Path, text: &str, depth: usize) -> Result<Vec<Entry>, SshConfigError> {
        let mut entries = Vec::new();
        for (index, line) in text.split('\n').enumerate() {
            let Some((keyword, rest)) = keyword_of(line) else { continue };
            let place = Place { file: file.to_owned(), line: index + 1 };
            let line = Line { place, keyword, rest };
            if let Some(what) = self.parse_line(&line, depth)? {
                entries.push(Entry { place: line.place, what });
            }
        }
        Ok(entries)
    }

    fn parse_line(&mut self, line: &Line<'_>, depth: usize) -> Result<Option<What>, SshConfigError> {
        if line.rest.is_empty() {
            return Err(SshConfigError::NoArgument { place: line.place.clone(), keyword: line.keyword.clone() });
        }
        let words = split_words(line.rest).ok_or_else(|| SshConfigError::Quotes { place: line.place.clone() })?;
        Ok(match key_of(&line.keyword) {
            None => Some(What::Unknown(line.keyword.clone())),
            Some(Key::Other) => None,
            Some(Key::Host) => Some(What::Host(line.full(words)?)),
            Some(Key::Match) => Some(What::Match(line.conditions()?)),
            Some(Key::Include) => Some(What::Include(self.include(line, line.full(words)?, depth)?)),
            Some(key) => line.value(key, words)?.map(|value| What::Set(key, value)),
        })
    }

    fn include(
        &mut self,
        line: &Line<'_>,
        paths: Vec<String>,
        depth: usize,
    ) -> Result<Vec<Vec<Entry>>, SshConfigError> {
        let mut included = Vec::new();
        for path in paths {
            if path.starts_with('~') && !self.is_users {
                return Err(SshConfigError::SystemInclude { place: line.place.clone(), path });
            }
            let folder = if self.is_users { self.here.home.join(".ssh") } else { PathBuf::from("/etc/ssh") };
            for file in files_named(&folder.join(in_home(&path, self.here)?)) {
                if depth >= MOST_DEPTH {
                    return Err(SshConfigError::TooDeep { place: line.place.clone() });
                }
                included.push(self.read(&file, true, depth + 1)?);
            }
        }
        Ok(included)
    }
}

/// A keyword with what follows it.
struct Line<'a> {
    place: Place,
    keyword: String,
    rest: &'a str,
}

impl Line<'_> {
    /// Words of which none is empty.
    fn full(&self, words: Vec<String>) -> Result<Vec<String>, SshConfigError> {
        if words.iter().any(String::is_empty) {
            return Err(SshConfigError::EmptyArgument { place: self.place.clone(), keyword: self.keyword.clone() });
        }
        Ok(words)
    }

    /// Nothing where the line says nothing: `ConnectTimeout none`.
    fn value(&self, key: Key, words: Vec<String>) -> Result<Option<Value>, SshConfigError> {
        match key {
            Key::ProxyCommand => return Ok(Some(Value::Text(rest_of_line(self.rest).to_owned()))),
            Key::ProxyJump => {
                let text = rest_of_line(self.rest);
                let jumps =
                    parse_jumps(text).ok_or_else(|| self.refuse(text, "`none` or a list of `[USER@]HOST[:PORT]`"));
                return jumps.map(|jumps| Some(Value::Jumps(jumps)));
            }
            Key::UserKnownHostsFile | Key::GlobalKnownHostsFile => {
                let files = self.full(words)?;
                if files.len() > 1 && files.iter().any(|file| file.eq_ignore_ascii_case("none")) {
                    return Err(SshConfigError::NoneAlone { place: self.place.clone(), keyword: self.keyword.clone() });
                }
                return Ok(Some(Value::Texts(files)));
            }
            _ => {}
        }
        let word = self.only(words)?;
        let (value, expected) = match key {
            Key::Port => (parse_port(&word).map(|port| Value::Number(port.into())), "a port"),
            Key::ConnectTimeout | Key::ServerAliveInterval => {
                if word == "none" {
                    return Ok(None);
                }
                (parse_time(&word).map(Value::Number), "a time such as 10 or 1m30s")
            }
            Key::ServerAliveCountMax => (word.parse::<u32>().ok().map(|count| Value::Number(count.into())), "a number"),
            Key::StrictHostKeyChecking => (choice(key, &word), "`yes`, `no`, `off`, `ask` or `accept-new`"),
            Key::AddressFamily => (choice(key, &word), "`any`, `inet` or `inet6`"),
            Key::IdentitiesOnly => (choice(key, &word), "`yes` or `no`"),
            Key::CanonicalizeHostname => (choice(key, &word), "`yes`, `no` or `always`"),
            Key::IdentityAgent => {
                check_variables(&word).map_err(|_| self.refuse(&word, "a socket, whose variables are set"))?;
                let legacy = word.strip_prefix('$').filter(|name| !name.starts_with('{'));
                let is_wrong = legacy.is_some_and(|name| !is_variable_name(name));
                ((!is_wrong).then(|| Value::Text(word.clone())), "a socket, or `$` and the name of a variable")
            }
            _ => (Some(Value::Text(word.clone())), "a text"),
        };
        value.map(Some).ok_or_else(|| self.refuse(&word, expected))
    }

    fn only(&self, words: Vec<String>) -> Result<String, SshConfigError> {
        let mut words = words.into_iter();
        let (place, keyword) = (self.place.clone(), self.keyword.clone());
        match (words.next().filter(|word| !word.is_empty()), words.next()) {
            (None, _) => Err(SshConfigError::NoArgument { place, keyword }),
            (Some(_), Some(_)) => Err(SshConfigError::Extra { place, keyword }),
            (Some(word), None) => Ok(word),
        }
    }

    fn refuse(&self, value: &str, expected: &'static str) -> SshConfigError {
        SshConfigError::Value {
            place: self.place.clone(),
            keyword: self.keyword.clone(),
            value: value.to_owned(),
            expected,
        }
    }

    /// What follows `Match`; its words are others than those of all other lines.
    fn conditions(&self) -> Result<Vec<Condition>, SshConfigError> {
        let place = || self.place.clone();
        let is_end = |word: &str| word.is_empty() || word.starts_with('#');
        let mut rest = Some(self.rest);
        let mut conditions = Vec::new();
        while let Some(word) = next_word(&mut rest).filter(|word| !is_end(word)) {
            let (negated, name) = word.strip_prefix('!').map_or((false, word.as_str()), |name| (true, name));
            let name = name.to_ascii_lowercase();
            if name == "all" {
                let is_alone = conditions.len() <= 1 && next_word(&mut rest).is_none_or(|next| is_end(&next));
                if !is_alone {
                    return Err(SshConfigError::NotAlone { place: place(), criterion: word });
                }
                conditions.push(Condition { negated, criterion: Criterion::All });
                return Ok(conditions);
            }
            let mut value = || {
                let value = next_word(&mut rest).filter(|word| !is_end(word));
                value.ok_or_else(|| SshConfigError::NoCriterionValue { place: place(), criterion: name.clone() })
            };
            let criterion = match name.as_str() {
                "canonical" => Criterion::Canonical,
                "final" => Criterion::Final,
                "host" => Criterion::Host(value()?),
                "originalhost" => Criterion::OriginalHost(value()?),
                "user" => Criterion::User(value()?),
                "localuser" => Criterion::LocalUser(value()?),
                "exec" => Criterion::Exec(value()?),
                _ => return Err(SshConfigError::Criterion { place: place(), criterion: name }),
            };
            conditions.push(Condition { negated, criterion });
        }
        if conditions.is_empty() { Err(SshConfigError::NoCriteria { place: place() }) } else { Ok(conditions) }
    }
}

fn choice(key: Key, word: &str) -> Option<Value> {
    parse_choice(key, word).map(|choice| Value::Text(choice.to_owned()))
}

/// The error of an option that is none.
pub(super) fn unknown(place: &Place, keyword: &str) -> SshConfigError {
    let known: BTreeSet<&'static str> = names().collect();
    let near = nearest(keyword, known.iter().copied());
    SshConfigError::Unknown { place: place.clone(), keyword: keyword.to_owned(), near }
}
