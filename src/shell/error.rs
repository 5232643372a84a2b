//! Every way a program can fail to become shell text, with its prose. Knows nothing of hosts.

use std::fmt;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ShellError {
    /// A shell cannot hold the byte 0 in a variable.
    NulByte { name: String },
    /// Not `[A-Za-z_][A-Za-z0-9_]*`.
    BadName { name: String },
    /// A line of cmd.exe ends at a line end.
    CmdWord { word: String },
}

impl fmt::Display for ShellError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShellError::NulByte { name } => {
                write!(formatter, "`{name}` holds a NUL byte, which no shell variable can carry; send it as a file")
            }
            ShellError::CmdWord { word } => {
                write!(
                    formatter,
                    "`{}` holds a line end or a NUL, which no line of cmd.exe can carry",
                    word.escape_debug()
                )
            }
            ShellError::BadName { name } => write!(formatter, "`{name}` cannot be the name of a shell variable"),
        }
    }
}

impl std::error::Error for ShellError {}
