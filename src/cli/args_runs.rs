//! The command line about runs that are over: going on, going back, answering, saying how a step ended.

use std::path::PathBuf;

use clap::Args;

use super::args::{Connection, RunFormat};

#[derive(Args, Debug)]
pub struct ResumeCommand {
    /// The run's number, as `opsc runs` lists it
    pub run: i64,
    #[command(flatten)]
    pub connection: Connection,
    /// Do not ask before the run
    #[arg(short, long, env = "OPSC_YES", value_parser = clap::builder::BoolishValueParser::new())]
    pub yes: bool,
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
    pub output: RunFormat,
}

#[derive(Args, Debug)]
pub struct RetryCommand {
    /// The run's number, as `opsc runs` lists it
    pub run: i64,
    #[command(flatten)]
    pub connection: Connection,
    /// Also what the run did on these hosts and must not be done twice
    #[arg(long)]
    pub again: bool,
    /// Do not ask before the run
    #[arg(short, long, env = "OPSC_YES", value_parser = clap::builder::BoolishValueParser::new())]
    pub yes: bool,
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
    pub output: RunFormat,
}

#[derive(Args, Debug)]
pub struct CancelCommand {
    /// The run's number, as `opsc runs` lists it
    pub run: i64,
    /// As Ctrl-C twice: steps at work finish, and `on failure` does what it does
    #[arg(long)]
    pub steps: bool,
    /// As Ctrl-C three times: nothing is waited for
    #[arg(long)]
    pub now: bool,
}

#[derive(Args, Debug)]
pub struct AnswerCommand {
    /// The run's number
    pub run: i64,
    /// Only if it waits at this approval, as `opsc show` names it
    #[arg(long)]
    pub gate: Option<String>,
    /// One of the names in its `by:`; without it your login name, a name that `[approvers]` says is `self`, or whose key
    /// signed
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    /// Sign it with this secret key of minisign; its passphrase is asked for
    #[arg(long, value_name = "KEYFILE")]
    pub sign: Option<PathBuf>,
    /// Read the key's passphrase from a file (0600)
    #[arg(long, value_name = "FILE", requires = "sign")]
    pub password_file: Option<PathBuf>,
    /// It was signed elsewhere: the signature of what `--print` writes
    #[arg(long, value_name = "FILE", conflicts_with = "sign")]
    pub signature: Option<PathBuf>,
    /// Answer nothing: write the text that is to be signed, for `minisign -S` on another machine
    #[arg(long, conflicts_with_all = ["sign", "signature", "name"])]
    pub print: bool,
}

#[derive(Args, Debug)]
pub struct ResolveCommand {
    /// The run's number
    pub run: i64,
    /// The step, as `opsc show` names it
    pub step: String,
    /// The host's name
    pub host: String,
    #[command(flatten)]
    pub said: SaidFlags,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct SaidFlags {
    /// It was done: it is not done again, and what it reported stays unknown
    #[arg(long)]
    pub done: bool,
    /// It was not done, or somebody took it back: it is done
    #[arg(long)]
    pub not_done: bool,
    /// Nobody knows, and it may be done once more
    #[arg(long)]
    pub again: bool,
}
