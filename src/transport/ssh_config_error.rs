//! Every way in which a configuration of ssh can be wrong, as data and in prose. Knows nothing of reading.

use std::fmt;
use std::path::PathBuf;

/// A line of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    pub file: PathBuf,
    pub line: usize,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SshConfigError {
    Unreadable {
        file: PathBuf,
        reason: String,
    },
    /// ssh refuses a configuration that others may write, and so do we.
    Writable {
        file: PathBuf,
    },
    TooDeep {
        place: Place,
    },
    TooManyFiles {
        most: usize,
    },
    NoArgument {
        place: Place,
        keyword: String,
    },
    Quotes {
        place: Place,
    },
    Unknown {
        place: Place,
        keyword: String,
        near: Option<&'static str>,
    },
    Extra {
        place: Place,
        keyword: String,
    },
    EmptyArgument {
        place: Place,
        keyword: String,
    },
    NoneAlone {
        place: Place,
        keyword: String,
    },
    Value {
        place: Place,
        keyword: String,
        value: String,
        expected: &'static str,
    },
    SystemInclude {
        place: Place,
        path: String,
    },
    NoCriteria {
        place: Place,
    },
    NotAlone {
        place: Place,
        criterion: String,
    },
    NoCriterionValue {
        place: Place,
        criterion: String,
    },
    Criterion {
        place: Place,
        criterion: String,
    },
    /// `Match exec`, where nobody allowed it.
    Exec {
        place: Place,
        command: String,
    },
    ExecFailed {
        place: Place,
        command: String,
        reason: String,
    },
    Canonicalize {
        place: Place,
    },
    Token {
        value: String,
        token: String,
    },
    Variable {
        value: String,
        name: String,
    },
    NoSuchUser {
        value: String,
        name: String,
    },
    /// What a shell would take apart.
    Characters {
        what: &'static str,
        text: String,
    },
    /// Jump hosts that are reached through themselves.
    JumpLoop {
        host: String,
    },
}

impl SshConfigError {
    pub fn hint(&self) -> Option<String> {
        use SshConfigError as E;
        Some(match self {
            E::Unknown { near: Some(near), .. } => format!("did you mean `{near}`?"),
            E::Unknown { .. } => "`IgnoreUnknown` above it lets such options pass".to_owned(),
            E::Exec { .. } => "set `ssh_config_exec = \"yes\"` in opsc.toml, or `ssh_config = \"none\"`".to_owned(),
            E::Canonicalize { .. } => "write the host's full name in the inventory's `address`".to_owned(),
            E::Writable { file } => format!("`chmod go-w {}`, and make it yours", file.display()),
            _ => return None,
        })
    }

    /// The line that is wrong, where one is.
    pub fn place(&self) -> Option<&Place> {
        use SshConfigError as E;
        match self {
            E::TooDeep { place }
            | E::NoArgument { place, .. }
            | E::Quotes { place }
            | E::Unknown { place, .. }
            | E::Extra { place, .. }
            | E::EmptyArgument { place, .. }
            | E::NoneAlone { place, .. }
            | E::Value { place, .. }
            | E::SystemInclude { place, .. }
            | E::NoCriteria { place }
            | E::NotAlone { place, .. }
            | E::NoCriterionValue { place, .. }
            | E::Criterion { place, .. }
            | E::Exec { place, .. }
            | E::ExecFailed { place, .. }
            | E::Canonicalize { place } => Some(place),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file.display(), self.line)
    }
}

impl fmt::Display for SshConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        use SshConfigError as E;
        if let Some(place) = self.place() {
            write!(formatter, "{place}: ")?;
        }
        match self {
            E::Unreadable { file, reason } => write!(formatter, "cannot read {}: {reason}", file.display()),
            E::Writable { file } => {
                write!(formatter, "{} belongs to someone else, or others may write to it", file.display())
            }
            E::TooDeep { .. } => formatter.write_str("files include each other more than 16 deep"),
            E::TooManyFiles { most } => write!(formatter, "the configuration of ssh includes more than {most} files"),
            E::NoArgument { keyword, .. } => write!(formatter, "`{keyword}` has no value"),
            E::Quotes { .. } => formatter.write_str("a quote is not closed"),
            E::Unknown { keyword, .. } => write!(formatter, "there is no option `{keyword}`"),
            E::Extra { keyword, .. } => write!(formatter, "there is more behind the value of `{keyword}`"),
            E::EmptyArgument { keyword, .. } => write!(formatter, "a value of `{keyword}` is empty"),
            E::NoneAlone { keyword, .. } => {
                write!(formatter, "`none` is the only value of `{keyword}`, or none of them")
            }
            E::Value { keyword, value, expected, .. } => {
                write!(formatter, "`{keyword}` is {expected}, found `{value}`")
            }
            E::SystemInclude { path, .. } => {
                write!(formatter, "a file of the system cannot include `{path}`, which starts at a home")
            }
            E::NoCriteria { .. } => formatter.write_str("`Match` has no criteria"),
            E::NotAlone { criterion, .. } => write!(formatter, "`{criterion}` of `Match` stands alone"),
            E::NoCriterionValue { criterion, .. } => write!(formatter, "`{criterion}` of `Match` has no value"),
            E::Criterion { criterion, .. } => write!(formatter, "`Match` knows no `{criterion}`"),
            E::Exec { command, .. } => {
                write!(formatter, "`Match exec` would run `{command}`, and opsc runs no program to find a host")
            }
            E::ExecFailed { command, reason, .. } => write!(formatter, "`{command}` could not be run: {reason}"),
            E::Canonicalize { .. } => {
                formatter.write_str("`CanonicalizeHostname` asks name servers for the full name, which opsc does not")
            }
            E::Token { value, token } => {
                write!(formatter, "`{value}` of ssh's configuration has no meaning for `{token}`")
            }
            E::Variable { value, name } => {
                write!(formatter, "`{value}` of ssh's configuration needs the variable `{name}`, which is not set")
            }
            E::NoSuchUser { value, name } => {
                write!(formatter, "`{value}` of ssh's configuration names the home of `{name}`, who is not there")
            }
            E::Characters { what, text } => {
                write!(formatter, "the {what} `{}` has characters that ssh does not take", text.escape_debug())
            }
            E::JumpLoop { host } => write!(formatter, "ProxyJump leads to `{host}` again and again"),
        }
    }
}

impl std::error::Error for SshConfigError {}
