//! The command line about what the journal has: lists, one run in every form, what steps printed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::args::{Format, RunFormat, at_least_one};
use crate::report::since::{Since, since};

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct RunsCommand {
    #[command(subcommand)]
    pub what: Option<RunsWhat>,
    /// How many, newest first
    #[arg(long, default_value = "20", value_parser = at_least_one)]
    pub most: usize,
    /// Only runs of this playbook
    #[arg(long, value_name = "NAME")]
    pub playbook: Option<String>,
    /// Only runs that had this host, or did something on it
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// Only runs that came to one of these
    #[arg(long, value_enum, value_delimiter = ',', value_name = "OUTCOMES")]
    pub outcome: Vec<RunOutcome>,
    /// Only runs that started since then: 90m, 7d, 2026-11-01, 2026-11-01T06:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub since: Option<Since>,
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
    pub output: Format,
}

#[derive(Subcommand, Debug)]
pub enum RunsWhat {
    /// How long a playbook and each of its steps took: p50 and p95 of runs that are over
    Stats(StatsCommand),
}

#[derive(Args, Debug)]
pub struct StatsCommand {
    /// The playbook's name, as `opsc runs` lists it
    pub playbook: String,
    /// How many runs at most, the newest
    #[arg(long, default_value = "100", value_parser = at_least_one)]
    pub most: usize,
    /// Only runs that started since then: 90m, 7d, 2026-11-01, 2026-11-01T06:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub since: Option<Since>,
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
    pub output: Format,
}

/// What may become of a run.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
#[value(rename_all = "snake_case")]
pub enum RunOutcome {
    Done,
    Failed,
    RolledBack,
    Dirty,
    Unreachable,
    Stopped,
    TimedOut,
    Waiting,
    Crashed,
    Running,
    Interrupted,
}

#[derive(Args, Debug)]
pub struct ShowCommand {
    /// The run's number
    pub run: i64,
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
    pub output: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum ReportFormat {
    /// For a change record or a pull request
    Markdown,
    /// One page that needs nothing else
    Html,
    /// opsc.run/1
    Json,
    /// For a CI system: a case for each step on each host
    Junit,
}

#[derive(Args, Debug)]
pub struct ReportCommand {
    /// The run's number
    pub run: i64,
    /// Write it to a file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// With --save: write over a file that is there
    #[arg(long, requires = "save")]
    pub force: bool,
    #[arg(short, long, value_enum, default_value = "markdown")]
    pub output: ReportFormat,
}

#[derive(Args, Debug)]
pub struct LogsCommand {
    /// The run's number
    pub run: i64,
    /// Only this step, as `show` names it
    pub step: Option<String>,
}

#[derive(Args, Debug)]
pub struct ReplayCommand {
    /// The run's number
    pub run: i64,
    /// So many times as fast as it was; without it text is told as fast as it was, NDJSON at once
    #[arg(long, value_name = "N", conflicts_with = "fast", value_parser = above_zero)]
    pub speed: Option<f64>,
    /// Wait for nothing
    #[arg(long)]
    pub fast: bool,
    /// Begin behind the event with this `seq`: a reader that was cut off goes on there
    #[arg(long, value_name = "SEQ", default_value = "0")]
    pub after: u64,
    /// Go on with a run that is not over until it is
    #[arg(long)]
    pub follow: bool,
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
    pub output: RunFormat,
}

impl ReplayCommand {
    /// So many times as fast; nothing: at once.
    pub fn pace(&self) -> Option<f64> {
        match (self.fast, self.output) {
            (true, _) => None,
            (false, RunFormat::Ndjson) => self.speed,
            (false, RunFormat::Text) => Some(self.speed.unwrap_or(1.0)),
        }
    }
}

fn above_zero(text: &str) -> Result<f64, String> {
    let refuse = || "expected a number from 0.001 to 1000000".to_string();
    text.parse()
        .map_err(|_| refuse())
        .and_then(|speed| if (0.001..=1e6).contains(&speed) { Ok(speed) } else { Err(refuse()) })
}
