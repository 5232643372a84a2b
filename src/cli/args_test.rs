//! The command line of tests.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use super::args::Connection;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum TestFormat {
    Text,
    Json,
    Junit,
}

#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("real").args(["twice", "rollback_each"]).multiple(true),
    after_help = "exit codes: 0 all passed, 1 some failed, 10 nothing to test, 11 a file of tests is wrong, 12 hosts that are not to be lost"
)]
pub struct TestCommand {
    /// Files, and folders with files *.test.yaml; of --twice and --rollback-each, playbooks
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// Write golden plans that are another now, or not there yet
    #[arg(long, conflicts_with = "real")]
    pub accept: bool,
    /// On real hosts with the tag `throwaway: true`: run each playbook twice; the second run changes nothing
    #[arg(long, requires = "limit")]
    pub twice: bool,
    /// On real hosts with the tag `throwaway: true`: run each playbook and undo it; then all is as it was before
    #[arg(long, requires = "limit")]
    pub rollback_each: bool,
    /// The real hosts: names, globs, groups, comma separated; or a selector such as 'group("web") - host("web2")'
    #[arg(short, long, requires = "real")]
    pub limit: Option<String>,
    /// A parameter's value, on real hosts
    #[arg(short = 'e', long = "var", value_name = "NAME=VALUE", requires = "real")]
    pub variables: Vec<String>,
    /// Allow steps that may lose data for good, on real hosts
    #[arg(long, requires = "real")]
    pub allow_destroy: bool,
    #[command(flatten)]
    pub connection: Connection,
    /// For people, for programs, or for a CI system
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_TEST_OUTPUT")]
    pub output: TestFormat,
}
