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
    /// Make secrets of what Ansible Vault or SOPS (for age) keeps in a file
    ///
    /// Names are made of the keys that lead to each value, such as `app/db.password`. Passwords are asked for unless a file
    /// or standard input has them.
    Import(ImportSecretCommand),
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
pub struct ImportSecretCommand {
    /// A file of Ansible Vault, YAML with values that are `!vault`, or YAML of SOPS
    pub file: PathBuf,
    /// What wrote it
    #[arg(long, value_enum)]
    pub from: ImportSecretFrom,
    /// Into secrets/FILE.yaml, else one of the same name; with /NAME, a whole file of Ansible Vault as one secret
    #[arg(long, value_name = "FILE[/NAME]")]
    pub to: Option<String>,
    /// A file (0600) with a password of Ansible Vault, perhaps only for values of that label
    #[arg(long, value_name = "[LABEL@]FILE")]
    pub password_file: Vec<String>,
    /// The password of Ansible Vault comes from standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// The file (0600) with age's keys that opens a file of SOPS, else your own identity
    #[arg(long, value_name = "FILE", env = "SOPS_AGE_KEY_FILE")]
    pub key: Option<PathBuf>,
    /// Also change secrets that are there with another text
    #[arg(long)]
    pub force: bool,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
pub enum ImportSecretFrom {
    AnsibleVault,
    Sops,
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
    /// Also where your own identity could not read them any more
    #[arg(long)]
    pub without_me: bool,
    /// Do not ask
    #[arg(short, long, env = "OPSC_YES", value_parser = clap::builder::BoolishValueParser::new())]
    pub yes: bool,
}
