//! Why a secret cannot be had. Never holds any of its text.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::SHORTEST;
use super::keyring::KeyringError;
use super::sealed_error::SealedError;
use super::vault_error::VaultError;
use crate::base::{reference, words};

/// One reference, and why it has no text.
#[derive(Debug)]
pub struct Failure {
    pub reference: String,
    pub error: SecretError,
}

#[derive(Debug)]
pub enum SecretError {
    /// No such kind of reference.
    NoProvider,
    NotSet {
        name: String,
    },
    /// No UTF-8, or a NUL in it.
    NotText,
    Empty,
    TooShort,
    File {
        path: PathBuf,
        error: io::Error,
    },
    /// Somebody else than its owner may read the file.
    Open {
        path: PathBuf,
        mode: u32,
    },
    TooLarge {
        most: u64,
    },
    /// No table `[secrets.NAME]`.
    NoCommand {
        name: String,
    },
    Start {
        program: String,
        error: io::Error,
    },
    /// The end of what it printed as errors, without anything of its output.
    Exit {
        program: String,
        code: Option<i32>,
        said: String,
    },
    TimedOut {
        program: String,
        after: Duration,
    },
    /// Nobody is there to ask.
    Nobody,
    /// Of an encrypted file.
    Sealed(SealedError),
    /// Of a server of secrets.
    Vault(VaultError),
    Keyring(KeyringError),
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.error, self.reference.strip_prefix("prompt:")) {
            (SecretError::Nobody, Some(name)) => write!(
                formatter,
                "{}: the parameter `{name}` has no default, and there is no terminal to ask on",
                self.reference
            ),
            (error, _) => write!(formatter, "{}: {error}", self.reference),
        }
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretError::NoProvider => write!(formatter, "expected {}", reference::forms()),
            SecretError::NotSet { name } => write!(formatter, "the environment variable {name} is not set"),
            SecretError::NotText => formatter.write_str("it is not UTF-8 text"),
            SecretError::Empty => formatter.write_str("it is empty"),
            SecretError::TooShort => write!(
                formatter,
                "it has fewer than {SHORTEST} visible characters, so it cannot be hidden in what hosts print"
            ),
            SecretError::File { path, error } => write!(formatter, "`{}` cannot be read: {error}", path.display()),
            SecretError::Open { path, mode } => {
                write!(formatter, "`{}` can be read by others (mode {mode:03o}); make it 0600 first", path.display())
            }
            SecretError::TooLarge { most } => {
                write!(formatter, "it is larger than {}", words::size(*most))
            }
            SecretError::NoCommand { name } => write!(formatter, "opsc.toml has no table [secrets.{name}]"),
            SecretError::Start { program, error } => write!(formatter, "`{program}` cannot be started: {error}"),
            SecretError::Exit { program, code, said } => {
                let how = code.map_or_else(|| "a signal".to_string(), |code| format!("exit code {code}"));
                let said = if said.is_empty() { String::new() } else { format!(": {said}") };
                write!(formatter, "`{program}` ended with {how}{said}")
            }
            SecretError::TimedOut { program, after } => {
                let after = words::duration(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
                write!(formatter, "`{program}` did not end within {after}")
            }
            SecretError::Nobody => formatter.write_str("there is no terminal to ask on"),
            SecretError::Sealed(error) => error.fmt(formatter),
            SecretError::Vault(error) => error.fmt(formatter),
            SecretError::Keyring(error) => error.fmt(formatter),
        }
    }
}
