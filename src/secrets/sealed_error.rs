//! What is wrong with a file of secrets, an identity or a recipient. Never holds any text of a secret.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::sealed::Misformed;
use crate::base::words;

#[derive(Debug)]
pub enum SealedError {
    BadReference {
        reference: String,
    },
    /// A name that no file can have.
    BadName {
        name: String,
    },
    NoFile {
        name: String,
        near: Option<String>,
    },
    NoSecret {
        file: String,
        name: String,
        near: Option<String>,
    },
    Read {
        path: PathBuf,
        error: io::Error,
    },
    Misformed {
        path: PathBuf,
        misformed: Misformed,
    },
    /// Written under another name.
    OtherName {
        path: PathBuf,
        name: String,
    },
    /// The MAC, or what must be if the MAC is right.
    Tampered {
        path: PathBuf,
    },
    NotRecipient {
        path: PathBuf,
        identity: PathBuf,
        /// The recipients that the identity is.
        own: Vec<String>,
    },
    WrongPassphrase {
        path: PathBuf,
    },
    /// Nobody is there to ask.
    NoPassphrase {
        what: String,
    },
    NoIdentity {
        path: PathBuf,
    },
    /// Somebody else than its owner may read the identity.
    Open {
        path: PathBuf,
        mode: u32,
    },
    BadIdentity {
        path: PathBuf,
        line: usize,
    },
    BadRecipient {
        place: String,
        text: String,
    },
    /// A passphrase beside others, or no recipient at all.
    Recipients {
        place: String,
        why: &'static str,
    },
}

impl fmt::Display for SealedError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let near = |near: &Option<String>| near.as_ref().map(|near| format!("; did you mean `{near}`?"));
        match self {
            SealedError::BadReference { reference } => {
                write!(formatter, "expected FILE/NAME such as `db/password`, found `{reference}`")
            }
            SealedError::BadName { name } => write!(
                formatter,
                "`{name}` is no name for secrets: letters, digits, `_`, `-` and `.`, a letter or `_` first"
            ),
            SealedError::NoFile { name, near: hint } => {
                write!(formatter, "there is no file `secrets/{name}.yaml`{}", near(hint).unwrap_or_default())
            }
            SealedError::NoSecret { file, name, near: hint } => {
                let hint = near(hint).unwrap_or_else(|| format!("; `opsc secret ls {file}` lists what it has"));
                write!(formatter, "`secrets/{file}.yaml` has no secret `{name}`{hint}")
            }
            SealedError::Read { path, error } => write!(formatter, "`{}` cannot be read: {error}", path.display()),
            SealedError::Misformed { path, misformed: Misformed { line, expected } } => {
                write!(formatter, "`{}` line {line}: expected {expected}", path.display())
            }
            SealedError::OtherName { path, name } => write!(
                formatter,
                "`{}` was written as `secrets/{name}.yaml`, and counts under that name only",
                path.display()
            ),
            SealedError::Tampered { path } => write!(
                formatter,
                "`{}` was changed by something else than opsc: its MAC does not fit what stands there; compare it with an earlier revision",
                path.display()
            ),
            _ => self.fmt_of_keys(formatter),
        }
    }
}

impl SealedError {
    fn fmt_of_keys(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SealedError::NotRecipient { path, identity, own } => write!(
                formatter,
                "`{}` is not encrypted to `{}`; somebody who can read it adds {} to `secrets/recipients`, then `opsc secret rekey`",
                path.display(),
                identity.display(),
                words::join_and(own)
            ),
            SealedError::WrongPassphrase { path } => {
                write!(formatter, "that is not the passphrase of `{}`", path.display())
            }
            SealedError::NoPassphrase { what } => {
                write!(formatter, "it takes the passphrase of `{what}`, and there is no terminal to ask on")
            }
            SealedError::NoIdentity { path } => write!(
                formatter,
                "there is no identity `{}`; `opsc secret keygen` makes one, the setting `identity` (OPSC_IDENTITY) names another",
                path.display()
            ),
            SealedError::Open { path, mode } => write!(
                formatter,
                "the identity `{}` can be read by others (mode {mode:03o}); make it 0600 first",
                path.display()
            ),
            SealedError::BadIdentity { path, line } => write!(
                formatter,
                "the identity `{}` line {line}: expected AGE-SECRET-KEY-1…, or the whole file a private key of ssh-ed25519",
                path.display()
            ),
            SealedError::BadRecipient { place, text } => {
                write!(formatter, "{place}: expected age1…, ssh-ed25519 AAAA… or `passphrase`, found `{text}`")
            }
            SealedError::Recipients { place, why } => write!(formatter, "{place}: {why}"),
            // The others are said above.
            _ => Ok(()),
        }
    }
}

impl std::error::Error for SealedError {}
