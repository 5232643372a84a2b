//! The command line about hosts: inventory, facts, locks.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::args::{Connection, Format};
use crate::eval::parse::parse_duration;

#[derive(Args, Debug)]
pub struct InvCommand {
    #[command(subcommand)]
    pub what: InvWhat,
}

#[derive(Subcommand, Debug)]
pub enum InvWhat {
    /// Hosts and groups
    Ls {
        /// Only these hosts
        #[arg(short, long)]
        limit: Option<String>,
    },
    /// One host with all its settings
    Show { host: String },
    /// Whether hosts can be worked with, a line each: how far one gets, and how long a step takes at least
    Status(HostsCommand),
    /// Look at the host keys of hosts, and add those that you approve to known_hosts
    Trust(TrustCommand),
    /// Write the inventory of another tool as text of inventory.yaml, and say what cannot be kept
    Import(ImportCommand),
}

#[derive(Args, Debug)]
pub struct ImportCommand {
    #[command(subcommand)]
    pub from: ImportFrom,
}

#[derive(Subcommand, Debug)]
pub enum ImportFrom {
    /// From Ansible: INI, YAML or TOML, with the group_vars and host_vars beside it; passwords are never written
    Ansible {
        /// The inventory's files and folders, in the order of Ansible's `-i`
        #[arg(required = true, value_name = "FILE|FOLDER")]
        paths: Vec<PathBuf>,
        /// Write to this file instead of standard output; one that is there is kept
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
        /// With --save: write over a file that is there
        #[arg(long, requires = "save")]
        force: bool,
    },
}

#[derive(Args, Debug)]
pub struct TrustCommand {
    /// The hosts, as for `-l`
    pub hosts: String,
    #[command(flatten)]
    pub connection: Connection,
    /// Approve every key that is not known, without looking at it
    #[arg(short, long, env = "OPSC_YES", value_parser = clap::builder::BoolishValueParser::new())]
    pub yes: bool,
}

#[derive(Args, Debug)]
pub struct HostsCommand {
    /// The hosts, as for `-l`
    pub hosts: String,
    #[command(flatten)]
    pub connection: Connection,
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
    pub output: Format,
}

#[derive(Args, Debug)]
pub struct FactsCommand {
    /// The hosts, as for `-l`
    pub hosts: String,
    /// Ask the hosts, whatever is known
    #[arg(long)]
    pub refresh: bool,
    /// How old facts may be that are shown again, such as 10m or 2h
    #[arg(long, value_name = "AGE", default_value = "1h", value_parser = age)]
    pub max_age: u64,
    #[command(flatten)]
    pub connection: Connection,
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
    pub output: Format,
}

/// Milliseconds.
fn age(text: &str) -> Result<u64, String> {
    parse_duration(text).ok_or_else(|| "expected a duration such as 90s, 10m or 2h".to_string())
}

#[derive(Subcommand, Debug)]
pub enum LockCommand {
    /// List the locks, each with its run
    Ls {
        #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
        output: Format,
    },
    /// Take a host's lock away from its run
    Break {
        /// The host's name
        host: String,
        /// Also from a run whose process may still be there
        #[arg(short, long, env = "OPSC_YES", value_parser = clap::builder::BoolishValueParser::new())]
        yes: bool,
    },
}
