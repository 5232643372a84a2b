//! The command line of one action, or one command, on some hosts.

use clap::{Args, ValueEnum};

use super::args::{Allowed, Connection, RunFormat};

#[derive(Args, Debug)]
pub struct DoCommand {
    /// The action, such as file.info
    pub action: String,
    /// Its arguments
    #[arg(value_name = "NAME=VALUE")]
    pub arguments: Vec<String>,
    /// The hosts: names, globs, groups, comma separated; or a selector such as 'group("web") - host("web2")'
    #[arg(short, long, env = "OPSC_LIMIT")]
    pub limit: String,
    /// As root
    #[arg(short, long = "become", env = "OPSC_BECOME", value_parser = clap::builder::BoolishValueParser::new())]
    pub become_root: bool,
    #[command(flatten)]
    pub connection: Connection,
    /// Do not ask before the run
    #[arg(short, long, env = "OPSC_YES", value_parser = clap::builder::BoolishValueParser::new())]
    pub yes: bool,
    #[command(flatten)]
    pub allow: Allowed,
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
    pub output: RunFormat,
}

#[derive(Args, Debug)]
pub struct ExecCommand {
    /// The hosts: names, globs, groups, comma separated; or a selector such as 'group("web") - host("web2")'
    #[arg(short, long, env = "OPSC_LIMIT")]
    pub limit: String,
    /// As root
    #[arg(short, long = "become", env = "OPSC_BECOME", value_parser = clap::builder::BoolishValueParser::new())]
    pub become_root: bool,
    /// What the command may do; `read` asks nothing before the run
    #[arg(long, value_enum, default_value = "change")]
    pub effect: EffectName,
    /// Allow changes of hosts that are in maintenance or retired, as the inventory says
    #[arg(long, env = "OPSC_ALLOW_INACTIVE", value_parser = clap::builder::BoolishValueParser::new())]
    pub allow_inactive: bool,
    #[command(flatten)]
    pub connection: Connection,
    /// Do not ask before the run
    #[arg(short, long, env = "OPSC_YES", value_parser = clap::builder::BoolishValueParser::new())]
    pub yes: bool,
    /// The command, after `--`: one word is a line for the shell (cmd.exe on Windows), several are a program and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub words: Vec<String>,
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
    pub output: RunFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum EffectName {
    Read,
    Change,
    Destroy,
}
