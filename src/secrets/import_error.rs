//! Why a file of another tool gives no secrets. Never holds any text of a secret, a password or a key.

use std::fmt;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ImportError {
    Form {
        line: usize,
        why: &'static str,
    },
    /// Neither the one form nor the other.
    NoVault,
    /// Nothing in it is encrypted.
    Nothing,
    /// A format of Ansible Vault that nobody writes any more, or does not yet.
    Version {
        line: usize,
    },
    /// The HMAC does not fit under any password that is known.
    Password {
        line: usize,
        label: Option<String>,
    },
    /// Nobody gave one, and nobody is there to ask.
    NoPassword,
    /// No text, or no map of names to values.
    Content {
        line: usize,
        why: &'static str,
    },
    /// Two become one name.
    SameName {
        name: String,
        first: String,
        second: String,
    },
    NoSops,
    /// Encrypted to others than age's keys only, or in parts to several.
    NoAge {
        to: String,
    },
    /// The key of the file is not encrypted to this identity.
    NotFor {
        recipients: Vec<String>,
        own: Vec<String>,
    },
    /// A value, a name or the MAC was changed.
    Tampered {
        line: Option<usize>,
    },
    /// A plain value whose bytes the MAC is over are not sure.
    Unsure {
        line: usize,
    },
}

impl fmt::Display for ImportError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImportError::Form { line, why } => write!(formatter, "line {line}: {why}"),
            ImportError::NoVault => {
                formatter.write_str("expected $ANSIBLE_VAULT in the first line, or values with the tag `!vault`")
            }
            ImportError::Nothing => formatter.write_str("nothing in it is encrypted"),
            ImportError::Version { line } => write!(
                formatter,
                "line {line}: expected `$ANSIBLE_VAULT;1.1;AES256` or `$ANSIBLE_VAULT;1.2;AES256;LABEL`, and hexadecimal lines below it"
            ),
            ImportError::Password { line, label } => {
                let of = label.as_ref().map(|label| format!(" (labelled `{}`)", label.escape_debug()));
                write!(
                    formatter,
                    "line {line}: no password that was given opens the value{}, or it was changed",
                    of.unwrap_or_default()
                )
            }
            ImportError::NoPassword => formatter.write_str("it takes a password, and there is no terminal to ask on"),
            ImportError::Content { line, why } => write!(formatter, "line {line} of what it holds: {why}"),
            ImportError::SameName { name, first, second } => write!(
                formatter,
                "`{}` and `{}` would both be `{name}`; rename one of them",
                first.escape_debug(),
                second.escape_debug()
            ),
            ImportError::NoSops => formatter.write_str("expected a file of SOPS: a map with `sops:` in it"),
            ImportError::NoAge { to } => {
                write!(formatter, "it is encrypted {to}; only files of SOPS for age's keys are read")
            }
            ImportError::NotFor { recipients, own } => write!(
                formatter,
                "it is encrypted to {}, and the identity is {}; `--key FILE` names another",
                recipients.join(", "),
                own.join(", ")
            ),
            ImportError::Tampered { line: Some(line) } => {
                write!(formatter, "line {line}: the value, or its name, was changed since SOPS wrote it")
            }
            ImportError::Tampered { line: None } => formatter
                .write_str("its MAC does not fit: values were changed, added, moved or removed since SOPS wrote it"),
            ImportError::Unsure { line } => write!(
                formatter,
                "line {line}: a plain value that only SOPS itself counts into its MAC (a date, or a number in another form than 123 or 1.5)"
            ),
        }
    }
}

impl std::error::Error for ImportError {}
