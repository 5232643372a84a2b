//! Why a server of secrets gave none. Holds what was asked for and what the server says of it, never a token or a value.

use std::fmt;

use crate::base::words;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VaultError {
    BadReference {
        reference: String,
    },
    NoAddress,
    Address {
        address: String,
        why: &'static str,
    },
    NoToken {
        file: String,
    },
    /// Letters that no token has.
    BadToken,
    NoAnswer {
        address: String,
        reason: String,
    },
    Sealed {
        address: String,
        said: String,
    },
    Denied {
        address: String,
        path: String,
        /// What a policy must allow to read.
        asked: String,
        said: String,
    },
    /// The server says the same where there is no such mount and where the token may read nothing of it.
    NoMount {
        address: String,
        path: String,
        said: String,
    },
    NotKv {
        mount: String,
        kind: String,
    },
    OnlyMount {
        path: String,
    },
    Nothing {
        address: String,
        path: String,
        mount: String,
        version: u8,
    },
    Deleted {
        path: String,
        /// When, as far as the server says it.
        deleted: String,
    },
    NoField {
        path: String,
        field: String,
        near: Option<String>,
        known: Vec<String>,
    },
    NoText {
        path: String,
        field: String,
        kind: &'static str,
    },
    Status {
        address: String,
        asked: String,
        status: u16,
        said: String,
    },
    NotJson {
        address: String,
    },
}

/// Of the names of fields that are there.
const MOST_NAMES: usize = 8;

impl VaultError {
    /// Whether another path of the server would not be answered either.
    pub fn is_of_server(&self) -> bool {
        matches!(self, VaultError::NoAnswer { .. } | VaultError::Sealed { .. })
    }
}

impl fmt::Display for VaultError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let also = |said: &String| if said.is_empty() { String::new() } else { format!(": {said}") };
        match self {
            VaultError::BadReference { reference } => {
                write!(formatter, "expected MOUNT/PATH#FIELD such as `secret/app/db#password`, found `{reference}`")
            }
            VaultError::NoAddress => formatter.write_str(
                "no server is named; set `vault.address` in opsc.toml, or VAULT_ADDR (BAO_ADDR), to https://HOST:PORT",
            ),
            VaultError::Address { address, why } => write!(
                formatter,
                "the address `{}`: {why}{}",
                address.escape_debug(),
                if why.starts_with("plain") {
                    "; use https, or set `vault.plain_http` to yes where that is meant"
                } else {
                    ""
                }
            ),
            VaultError::NoToken { file } => write!(
                formatter,
                "there is no token: neither VAULT_TOKEN (BAO_TOKEN) is set nor is there a file `{file}` (`vault.token_file`)"
            ),
            VaultError::BadToken => formatter.write_str("the token is empty, or has letters that no token has"),
            VaultError::NoAnswer { address, reason } => write!(formatter, "asking {address} failed: {reason}"),
            VaultError::Sealed { address, said } => {
                write!(formatter, "{address} is sealed or not ready (503){}", also(said))
            }
            VaultError::Denied { address, path, asked, said } => write!(
                formatter,
                "{address} denies `{path}` (403){}; the token must be valid, and a policy of it allow `read` on `{asked}`",
                also(said)
            ),
            VaultError::NoMount { address, path, said } => write!(
                formatter,
                "{address} denies `{path}` (403){}; the token is not valid, may read nothing there, or there is no such mount",
                also(said)
            ),
            _ => self.fmt_of_content(formatter),
        }
    }
}

impl VaultError {
    fn fmt_of_content(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VaultError::NotKv { mount, kind } => {
                write!(formatter, "`{mount}` is a mount of type {kind}; only KV stores (version 1 and 2) are read")
            }
            VaultError::OnlyMount { path } => {
                write!(formatter, "`{path}` is a mount; expected the path of a secret in it")
            }
            VaultError::Nothing { address, path, mount, version } => write!(
                formatter,
                "{address} has nothing at `{path}` (404), which it takes for a path of `{mount}`, KV version {version}"
            ),
            VaultError::Deleted { path, deleted } => {
                let when = if deleted.is_empty() { String::new() } else { format!(" on {deleted}") };
                write!(formatter, "the newest version of `{path}` was deleted{when}")
            }
            VaultError::NoField { path, field, near, known } => {
                let hint = match near {
                    Some(near) => format!("; did you mean `{}`?", near.escape_debug()),
                    None if known.is_empty() => "; it is empty".to_string(),
                    None => {
                        let names: Vec<String> =
                            known.iter().take(MOST_NAMES).map(|name| name.escape_debug().to_string()).collect();
                        format!("; it has {}", words::join_and(&names))
                    }
                };
                write!(formatter, "`{path}` has no field `{field}`{hint}")
            }
            VaultError::NoText { path, field, kind } => {
                write!(formatter, "the field `{field}` of `{path}` is {kind}; expected a text or a number")
            }
            VaultError::Status { address, asked, status, said } => {
                let said = if said.is_empty() { String::new() } else { format!(": {said}") };
                write!(formatter, "{address} answered {status} to `{asked}`{said}")
            }
            VaultError::NotJson { address } => {
                write!(formatter, "{address} did not answer as Vault does; is the address right?")
            }
            // The others are said above.
            _ => Ok(()),
        }
    }
}

impl std::error::Error for VaultError {}
