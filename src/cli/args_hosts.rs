//! The command line about hosts: inventory, facts, locks.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

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
    Show(ShowCommand),
    /// Whether hosts can be worked with, a line each: how far one gets, and how long a step takes at least
    Status(HostsCommand),
    /// Look at the host keys of hosts, and add those that you approve to known_hosts
    Trust(TrustCommand),
    /// Change one setting of a host, a group or the defaults, in the inventory's own text
    Set(SetCommand),
    /// Add a host, or a range such as 'web[01:20]'
    Add(AddCommand),
    /// Take a host out of a group, or out of the inventory
    Rm(RmCommand),
    /// Ask the sources of hosts anew (`[sources.NAME]` of opsc.toml), and say what changed
    Refresh(RefreshCommand),
    /// Write the inventory of another tool as text of inventory.yaml, and say what cannot be kept
    Import(ImportCommand),
}

#[derive(Args, Debug)]
pub struct ShowCommand {
    pub host: String,
    /// Which level says each setting, with its place, and what it was said over
    #[arg(long)]
    pub explain: bool,
    /// As if this were the login user
    #[arg(short, long)]
    pub user: Option<String>,
    /// As if this were the private key file
    #[arg(long, value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// Configuration of ssh instead of ~/.ssh/config and that of the system; `none` for none
    #[arg(long, value_name = "FILE|none")]
    pub ssh_config: Option<PathBuf>,
    /// The JSON is that of --explain
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
    pub output: Format,
}

#[derive(Args, Debug)]
pub struct SetCommand {
    /// A host, a group or `defaults`
    #[arg(value_name = "HOST|GROUP|defaults")]
    pub name: String,
    /// A setting such as port, tags.env or vars.rack
    pub key: String,
    /// As YAML of one line; what is none is a text
    #[arg(required_unless_present = "unset", conflicts_with = "unset", allow_negative_numbers = true)]
    pub value: Option<String>,
    /// Take the setting away, so that the levels below say it
    #[arg(long)]
    pub unset: bool,
    /// Which one is meant, where a host and a group have one name
    #[arg(long, value_enum)]
    pub of: Option<SetOf>,
    #[command(flatten)]
    pub edit: Edit,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum SetOf {
    Host,
    Group,
    Defaults,
}

#[derive(Args, Debug)]
pub struct AddCommand {
    /// The host's name, or a range
    pub host: String,
    /// Where it is reached; else by its name
    #[arg(long)]
    pub address: Option<String>,
    /// A group that it is a member of; may be given more than once
    #[arg(short, long = "group", value_name = "GROUP")]
    pub groups: Vec<String>,
    /// Another setting
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair)]
    pub settings: Vec<(String, String)>,
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = pair)]
    pub tags: Vec<(String, String)>,
    #[arg(long = "var", value_name = "KEY=VALUE", value_parser = pair)]
    pub vars: Vec<(String, String)>,
    #[command(flatten)]
    pub edit: Edit,
}

#[derive(Args, Debug)]
pub struct RmCommand {
    pub host: String,
    /// Only out of this group
    #[arg(short, long)]
    pub group: Option<String>,
    #[command(flatten)]
    pub edit: Edit,
}

#[derive(Args, Debug)]
pub struct Edit {
    /// The file of the inventory that something new is written to, where several could have it
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Show what would change, and write nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let split = text.split_once('=').filter(|(key, _)| !key.is_empty());
    split.map(|(key, value)| (key.to_string(), value.to_string())).ok_or_else(|| "expected KEY=VALUE".to_string())
}

#[derive(Args, Debug)]
pub struct RefreshCommand {
    /// Only these sources
    #[arg(value_name = "SOURCE")]
    pub names: Vec<String>,
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
        #[command(flatten)]
        to: ImportTo,
    },
    /// From a table (CSV) with a host in each row; the first row names the columns
    Csv {
        /// The table, or - for standard input
        #[arg(value_name = "FILE")]
        path: PathBuf,
        /// What a column is: name, groups, a setting, tags.KEY, vars.KEY, or - for nothing
        #[arg(long = "map", value_name = "COLUMN=KEY", value_parser = pair)]
        map: Vec<(String, String)>,
        /// What stands between cells, where it is no comma
        #[arg(long, value_name = "CHARACTER")]
        delimiter: Option<char>,
        #[command(flatten)]
        to: ImportTo,
    },
    /// From a state of OpenTofu or Terraform (version 4): machines of well-known providers, and no secret of it
    #[command(alias = "terraform")]
    Tofu {
        /// The state, or - for standard input: `tofu state pull | opsc inv import tofu -`
        #[arg(value_name = "FILE")]
        path: PathBuf,
        /// Private addresses go before public ones
        #[arg(long)]
        private: bool,
        #[command(flatten)]
        to: ImportTo,
    },
}

impl ImportFrom {
    /// What is read.
    pub fn paths(&self) -> &[PathBuf] {
        match self {
            ImportFrom::Ansible { paths, .. } => paths,
            ImportFrom::Csv { path, .. } | ImportFrom::Tofu { path, .. } => std::slice::from_ref(path),
        }
    }
}

#[derive(Args, Debug)]
pub struct ImportTo {
    /// Write to this file instead of standard output; one that is there is kept
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// With --save: write over a file that is there
    #[arg(long, requires = "save")]
    pub force: bool,
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

/// Which hosts `check --connect` connects to.
#[derive(Args, Debug)]
pub struct NamedHosts {
    /// With --connect, only these hosts of them: names, globs, comma lists, or a selector such as 'group("web")'
    #[arg(short, long, requires = "connect", value_name = "HOSTS")]
    pub limit: Option<String>,
    /// With --connect, a value for the parameter of this name, where a playbook has one
    #[arg(short = 'e', long = "var", requires = "connect", value_name = "NAME=VALUE")]
    pub variables: Vec<String>,
}
