//! The command line about encrypted files of secrets.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::args::Format;
use crate::app::secret_files::{Rotation, parse_rotate};

#[derive(Subcommand, Debug)]
pub enum SecretCommand {
    /// Make an identity of your own, which only you can read; prints the recipient that it is
    Keygen,
    /// Print the recipient that your identity is: others add it to secrets/recipients
    Recipient,
    /// Write a secret, asked for unseen or read from standard input
    ///
    /// A file that is not there yet is encrypted to secrets/recipients, or without such a file to your own identity. A
    /// secret that has the text already keeps its bytes and its day.
    Set(SetSecretCommand),
    /// Print a secret
    Get {
        #[arg(value_name = "FILE/NAME")]
        name: String,
    },
    /// Take a secret out of its file
    Rm {
        #[arg(value_name = "FILE/NAME")]
        name: String,
    },
    /// Names, when each was changed, and when it should be again; opens nothing
    Ls(LsSecretCommand),
    /// Edit the secrets of a file in $VISUAL or $EDITOR, as one text
    ///
    /// The text lies in a folder of memory where there is one, which only you can look into, and is wiped afterwards.
    Edit {
        #[arg(value_name = "FILE")]
        file: String,
    },
    /// Which secrets two revisions differ in, by name: exit 0 no difference, 2 differences
    Diff(DiffSecretCommand),
    /// Encrypt files again under new keys, to the recipients of now
    ///
    /// Whoever could read a file before can still read its earlier revisions: change the secrets themselves too.
    Rekey(RekeyCommand),
    /// Merge two sides of a file, secret by secret, as git's merge driver: `opsc secret merge %O %A %B %P`
    Merge(MergeCommand),
    /// A file's names and days as text, for `git diff` (diff.NAME.textconv); opens nothing
    Textconv { file: PathBuf },
}

#[derive(Args, Debug)]
pub struct SetSecretCommand {
    /// Such as db/password, of secrets/db.yaml
    #[arg(value_name = "FILE/NAME")]
    pub name: String,
    /// After how many days it should be changed again, such as 90d; `never` takes that away
    #[arg(long, value_name = "DAYS", value_parser = parse_rotate)]
    pub rotate: Option<Rotation>,
}

#[derive(Args, Debug)]
pub struct LsSecretCommand {
    /// Only of this file
    pub file: Option<String>,
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
    pub output: Format,
}

#[derive(Args, Debug)]
pub struct DiffSecretCommand {
    /// A..B; A...B from where the two parted; A alone against the working tree
    #[arg(value_name = "A..B", default_value = "HEAD")]
    pub range: String,
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
    pub output: Format,
}

#[derive(Args, Debug)]
pub struct MergeCommand {
    /// What both come from
    pub base: PathBuf,
    /// Our side; the result is written here
    pub ours: PathBuf,
    pub theirs: PathBuf,
    /// Where the file lies, by whose name it counts
    pub path: PathBuf,
}

#[derive(Args, Debug)]
pub struct RekeyCommand {
    /// Only these files
    #[arg(value_name = "FILE")]
    pub files: Vec<String>,
    /// Do not ask
    #[arg(short, long, env = "OPSC_YES", value_parser = clap::builder::BoolishValueParser::new())]
    pub yes: bool,
}
