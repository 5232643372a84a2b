//! Flags and subcommands. Only what works is listed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use super::args_adhoc::{DoCommand, ExecCommand};
use super::args_audit::AuditCommand;
use super::args_db::DbCommand;
use super::args_history::{LogsCommand, ReplayCommand, ReportCommand, RunsCommand, ShowCommand};
use super::args_hosts::{FactsCommand, HostsCommand, InvCommand, LockCommand, NamedHosts};
use super::args_runs::{AnswerCommand, CancelCommand, ResolveCommand, ResumeCommand, RetryCommand};
use super::args_secret::SecretCommand;
use super::args_test::TestCommand;
use crate::eval::parse::parse_duration;

#[derive(Parser, Debug)]
#[command(name = "opsc", version, about = "Operations, compiled: typed playbooks, proven plans, runs with evidence")]
#[command(
    after_help = "exit codes: 0 done, 1 anything else failed, 2 changes present (plan --detailed-exitcode, diff), 3 needs input, 10 usage, 11 findings, 12 refused, 13 no host, 20 unreachable, 21 failed, 22 threshold, 23 rolled back, 24 rollback failed, 25 another plan than before, or not signed, 26 locked, 27 timed out, 70 a bug, 130 stopped by a signal or `opsc cancel`"
)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Inventory file or folder, instead of the project's own; may be given several times
    #[arg(short, long, global = true, env = "OPSC_INVENTORY", value_name = "PATH")]
    pub inventory: Vec<PathBuf>,
    /// Whether sources of hosts (`[sources.NAME]` of opsc.toml) are asked, or what they said last counts
    #[arg(long, global = true, env = "OPSC_SOURCES", value_name = "WHEN", value_enum)]
    pub sources: Option<SourcesWhen>,
    /// Those of a run that is gone on with
    #[arg(skip)]
    pub pinned: Option<BTreeMap<String, String>>,
    /// Show the output of steps as it comes
    #[arg(short, long, global = true, env = "OPSC_VERBOSE", value_parser = clap::builder::BoolishValueParser::new())]
    pub verbose: bool,
    /// Only results and errors
    #[arg(short, long, global = true, env = "OPSC_QUIET", value_parser = clap::builder::BoolishValueParser::new())]
    pub quiet: bool,
    /// Never colour (NO_COLOR is honoured too)
    #[arg(long, global = true, env = "OPSC_NO_COLOR", value_parser = clap::builder::BoolishValueParser::new())]
    pub no_color: bool,
    /// Never ask; what would be asked is exit 3 or 10
    #[arg(long, global = true, env = "OPSC_NO_INPUT", value_parser = clap::builder::BoolishValueParser::new())]
    pub no_input: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum SourcesWhen {
    /// Those whose last answer is older than their max_age
    Auto,
    /// Nobody is asked, however old the last answer is
    Kept,
    /// All of them
    Ask,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Plain language into a checked playbook, or questions
    Compile(CompileCommand),
    /// Check playbooks: names, types, effects, platforms
    Check(CheckCommand),
    /// Write files in the one canonical form
    Fmt(FmtCommand),
    /// Compare playbooks at two git revisions by meaning: exit 0 no difference, 2 differences
    ///
    /// Formatting and comments are no difference; neither are the contents of files that a playbook copies. With `-i`,
    /// the hosts of both sides are looked up in that inventory.
    Diff(DiffCommand),
    /// Explain a code such as E0301, or a playbook in plain English
    Explain(ExplainCommand),
    /// Why a step is in a plan: where, when, after what, with which values
    Why(WhyCommand),
    /// Show exactly what would happen where
    Plan(PlanCommand),
    /// The plan's steps as a graph
    Graph(GraphCommand),
    /// Run a playbook
    #[command(alias = "apply")]
    Run(RunCommand),
    /// Run one action on some hosts
    Do(DoCommand),
    /// Run one command on some hosts
    Exec(ExecCommand),
    /// Go on with a run that failed, was stopped, or died: what is done stays, what is missing is done
    ///
    /// The plan must be the one of that run, or exit 25. Steps that converge are looked at again, steps that must not be
    /// done twice are not; where nobody knows whether such a step was done, exit 3 names it, and `opsc resolve` says it.
    Resume(ResumeCommand),
    /// Run a playbook again, as it is now, on the hosts of a run that failed, were not reached, or were not come to
    Retry(RetryCommand),
    /// Stop a run that is under way on this machine, as Ctrl-C does: hosts at work finish, and no other one begins
    Cancel(CancelCommand),
    /// Undo what a run changed, on all of its hosts, the last first
    Rollback(ResumeCommand),
    /// Approve what a run waits for: `opsc resume` then goes on with it
    ///
    /// It counts once, for what was shown: where the message or the hosts behind it are others when the run comes to it
    /// again, it stops there (exit 25). Where `[approvers]` lists keys for a name, only a signature by one of them counts
    /// (`--sign`, or `--print` and `--signature`); without keys, whoever can write the journal can approve.
    Approve(AnswerCommand),
    /// Reject what a run waits for: nothing goes on with it
    Reject(AnswerCommand),
    /// Say how a step ended of which a run that died never learned it
    Resolve(ResolveCommand),
    /// List runs, or say how long they took
    Runs(RunsCommand),
    /// Show one run: hosts, steps, evidence
    Show(ShowCommand),
    /// Hosts that runs keep for themselves
    #[command(subcommand)]
    Lock(LockCommand),
    /// Who did what: runs with the names of their secrets, answers, locks, keys, edits; and whether that was changed since
    #[command(subcommand)]
    Audit(AuditCommand),
    /// The journal's file: look through it, copy it, bring a copy back
    #[command(subcommand)]
    Db(DbCommand),
    /// One run as a document: Markdown, HTML, JSON, or JUnit for a CI system
    Report(ReportCommand),
    /// Tell a run again, as it was told while it ran; with `-o ndjson` its events, from any place on
    ///
    /// The journal keeps all events but those of outputs, whose numbers are missing: what steps printed is kept with
    /// their results, without the times of lines.
    Replay(ReplayCommand),
    /// The output of a run's steps
    Logs(LogsCommand),
    /// Look at the inventory
    Inv(InvCommand),
    /// What hosts are: system, version, hardware, package manager
    ///
    /// What was read before is shown again while it is younger than --max-age; the age stands beside the name.
    Facts(FactsCommand),
    /// What is wrong with the way to hosts, stage by stage, and what mends it; changes nothing
    ///
    /// Name, port, host key, login, login shell, clock, disks, tools, sudo, sessions. Exit 20 where a host cannot be
    /// worked with, 21 where something else must be mended.
    Doctor(HostsCommand),
    /// Files of secrets, each value encrypted: secrets/FILE.yaml
    #[command(subcommand)]
    Secret(SecretCommand),
    /// List actions, or show one
    Actions(ActionsCommand),
    /// A script that completes commands in a shell
    Completions(CompletionsCommand),
    /// Settings, and where they come from
    Config(ConfigCommand),
    /// Test playbooks without any host: plans, findings, and what a run does when hosts answer as the test says
    ///
    /// Tests are files *.test.yaml; docs/testing.md tells what stands in them. Runs are SIMULATED: the engine as it is, on
    /// simulated time. With --twice or --rollback-each, playbooks are tried on real hosts that may be lost instead.
    Test(TestCommand),
    /// See the main job on this machine, in a folder that is removed again
    Tour,
    /// Fetch modules of other repositories into vendor/ and pin them in opsc.lock
    Vendor,
    /// Start a project in this folder
    Init(InitCommand),
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum RunFormat {
    Text,
    #[value(alias = "json")]
    Ndjson,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum GraphFormat {
    Dot,
    Mermaid,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum TranslatorName {
    Auto,
    Offline,
    Model,
}

#[derive(Args, Debug)]
pub struct CompileCommand {
    /// What should be done, in English
    pub request: String,
    /// Write the file; one that is already there is refused with a diff
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Replace a file that is already there
    #[arg(long)]
    pub force: bool,
    /// Show how each part of the request was read
    #[arg(long)]
    pub explain: bool,
    /// Who translates: a model is asked only where the offline translator has questions, never, or always
    #[arg(long, value_enum, default_value = "auto", env = "OPSC_TRANSLATOR", value_name = "WHO")]
    pub translator: TranslatorName,
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
    pub output: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum CheckFormat {
    Text,
    Json,
    Sarif,
    Github,
    Gitlab,
    Checkstyle,
    Junit,
}

#[derive(Args, Debug)]
pub struct CheckCommand {
    /// Files and folders
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// Apply the fixes that findings offer
    #[arg(long, conflicts_with = "watch")]
    pub fix: bool,
    /// Check again whenever a file changes, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    /// Findings that this file knows are not shown; a file that is not there is written with those of now
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Then connect to the hosts that the playbooks name: are they reached, of the declared system, and is the admin
    /// method of use where steps need it? Exit 20 where a host cannot be worked with, 21 where something must be mended
    #[arg(long, conflicts_with = "watch")]
    pub connect: bool,
    #[command(flatten)]
    pub named: NamedHosts,
    #[command(flatten)]
    pub connection: Connection,
    /// For people, for programs, or for a CI system
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_CHECK_OUTPUT")]
    pub output: CheckFormat,
}

#[derive(Args, Debug)]
pub struct FmtCommand {
    /// Files and folders
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// Change nothing; exit 11 where a file is not in canonical form
    #[arg(long)]
    pub check: bool,
    /// Change nothing; show what would change
    #[arg(long)]
    pub diff: bool,
    /// Print the canonical text of a syntax tree in JSON (opsc.file/1)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "check", "diff", "output"])]
    pub from_json: Option<PathBuf>,
    /// json: change nothing; print the syntax tree of one file, comments included (opsc.file/1)
    #[arg(short, long, value_enum, default_value = "text", conflicts_with_all = ["check", "diff"])]
    pub output: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub enum DiffFormat {
    Text,
    Json,
    Markdown,
}

#[derive(Args, Debug)]
#[command(
    after_help = "exit codes: 0 no difference, 2 differences, 10 no repository or unknown revision, 11 a file is no program on one side"
)]
pub struct DiffCommand {
    /// A..B; A...B from where the two parted; A alone against the working tree
    #[arg(value_name = "A..B", default_value = "HEAD")]
    pub range: String,
    /// Files and folders; none: the whole repository
    pub paths: Vec<PathBuf>,
    /// For people, for programs, or for a pull request
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_DIFF_OUTPUT")]
    pub output: DiffFormat,
}

#[derive(Args, Debug)]
pub struct ExplainCommand {
    /// A code such as E0301, or a file
    #[arg(value_name = "CODE|FILE")]
    pub subject: String,
}

#[derive(Args, Debug)]
pub struct WhyCommand {
    /// The step, as `opsc plan` names it; a composite action's name stands for all of its steps
    pub step: String,
    #[command(flatten)]
    pub selection: Selection,
}

/// Which playbook, on what, with which values.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct Selection {
    /// The playbook's file
    pub file: PathBuf,
    /// Which playbook, where the file holds several
    #[arg(long, value_name = "NAME")]
    pub playbook: Option<String>,
    /// A parameter's value
    #[arg(short = 'e', long = "var", value_name = "NAME=VALUE")]
    pub variables: Vec<String>,
    /// Parameters' values from a YAML or JSON file; `-e` wins over it
    #[arg(long = "var-file", env = "OPSC_VAR_FILE", value_name = "FILE")]
    pub variable_files: Vec<PathBuf>,
    /// Only these hosts: names, globs, groups, comma separated, `!name` leaves out; or a selector such as
    /// 'group("web") - host("web2")'
    #[arg(short, long, env = "OPSC_LIMIT")]
    pub limit: Option<String>,
    /// Only steps with one of these tags
    #[arg(long, value_name = "TAGS", value_delimiter = ',', env = "OPSC_TAGS")]
    pub tags: Vec<String>,
    /// No steps with one of these tags
    #[arg(long, value_name = "TAGS", value_delimiter = ',', env = "OPSC_SKIP_TAGS")]
    pub skip_tags: Vec<String>,
    /// Begin with this step, as `opsc plan` names it
    #[arg(long, value_name = "STEP")]
    pub from: Option<String>,
    #[command(flatten)]
    pub allow: Allowed,
}

/// What is refused unless it is said.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct Allowed {
    /// Allow steps that may lose data for good
    #[arg(long, env = "OPSC_ALLOW_DESTROY", value_parser = clap::builder::BoolishValueParser::new())]
    pub allow_destroy: bool,
    /// Allow changes of hosts that are in maintenance or retired, as the inventory says
    #[arg(long, env = "OPSC_ALLOW_INACTIVE", value_parser = clap::builder::BoolishValueParser::new())]
    pub allow_inactive: bool,
}

/// How hosts are reached.
#[derive(Args, Clone, Debug)]
pub struct Connection {
    /// Login user
    #[arg(short, long, env = "OPSC_USER")]
    pub user: Option<String>,
    /// Private key file
    #[arg(long, env = "OPSC_PRIVATE_KEY", value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// Configuration of ssh instead of ~/.ssh/config and that of the system; `none` for none
    #[arg(long, env = "OPSC_SSH_CONFIG", value_name = "FILE|none")]
    pub ssh_config: Option<PathBuf>,
    /// Ask for the login password
    #[arg(short = 'k', long)]
    pub ask_pass: bool,
    /// Ask for the password that sudo or su wants
    #[arg(short = 'K', long)]
    pub ask_become_pass: bool,
    /// Ask for the passphrase of private keys
    #[arg(long)]
    pub ask_key_pass: bool,
    /// Read the login password from a file (0600)
    #[arg(long, env = "OPSC_PASSWORD_FILE", value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// How long to wait for a connection, and for a shell on it (slow name servers make sudo slow); `30s`, or seconds
    #[arg(long, env = "OPSC_TIMEOUT", value_name = "DURATION", value_parser = whole_seconds)]
    pub timeout: Option<usize>,
    /// How many hosts at the same time [default: 16]
    #[arg(short, long, env = "OPSC_FORKS", value_parser = at_least_one)]
    pub forks: Option<usize>,
}

#[derive(Args, Debug)]
pub struct PlanCommand {
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub connection: Connection,
    /// Ask no host: show the plan without predictions
    #[arg(long)]
    pub offline: bool,
    /// Show how contents of files would change; they may be confidential
    #[arg(long, env = "OPSC_DIFF", value_parser = clap::builder::BoolishValueParser::new())]
    pub diff: bool,
    /// Exit 2 where something would change, or may
    #[arg(long, conflicts_with = "offline")]
    pub detailed_exitcode: bool,
    /// Only the names of the hosts
    #[arg(long)]
    pub list_hosts: bool,
    /// Keep the plan in this file, `*.plan`: `opsc run FILE` runs exactly that, or nothing (exit 25)
    #[arg(long, value_name = "FILE", conflicts_with = "list_hosts")]
    pub save: Option<PathBuf>,
    /// With `--save`: it may be run for this long, such as 4h; after that it is refused (exit 25)
    #[arg(long, value_name = "DURATION", value_parser = some_time, requires = "save")]
    pub expires: Option<u64>,
    /// With `--save`: it may be run once; after that it is refused (exit 25)
    #[arg(long, requires = "save")]
    pub once: bool,
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
    pub output: Format,
}

#[derive(Args, Debug)]
pub struct GraphCommand {
    #[command(flatten)]
    pub selection: Selection,
    #[arg(short, long, value_enum, default_value = "dot")]
    pub output: GraphFormat,
}

#[derive(Args, Debug)]
pub struct RunCommand {
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub connection: Connection,
    /// Do not ask before the run
    #[arg(short, long, env = "OPSC_YES", value_parser = clap::builder::BoolishValueParser::new())]
    pub yes: bool,
    /// Run a saved plan only, `x.plan` with `x.plan.minisig`, that one of `[approvers]` signed with `minisign -Sm x.plan`
    /// (exit 25)
    #[arg(long)]
    pub require_signed: bool,
    /// Only plan
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// With `--dry-run`, show how contents of files would change; they may be confidential
    #[arg(long, env = "OPSC_DIFF", value_parser = clap::builder::BoolishValueParser::new())]
    pub diff: bool,
    #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
    pub output: RunFormat,
}

#[derive(Args, Debug)]
pub struct CompletionsCommand {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub struct ActionsCommand {
    /// One action in full, or the noun of several
    pub name: Option<String>,
}

#[derive(Args, Debug)]
pub struct ConfigCommand {
    #[command(subcommand)]
    pub what: ConfigWhat,
}

#[derive(Subcommand, Debug)]
pub enum ConfigWhat {
    /// Every setting with its value
    Show {
        /// Who set each value
        #[arg(long)]
        origin: bool,
    },
}

#[derive(Args, Debug)]
pub struct InitCommand {
    /// The folder; it may hold anything but the files that are written
    #[arg(default_value = ".")]
    pub folder: PathBuf,
}

/// Milliseconds.
/// With its unit: nobody means four seconds by `4`.
fn some_time(text: &str) -> Result<u64, String> {
    let has_unit = text.ends_with(|letter: char| letter.is_ascii_alphabetic());
    let parsed = parse_duration(text).filter(|milliseconds| has_unit && *milliseconds > 0);
    parsed.ok_or_else(|| "expected a duration such as 30m or 4h".to_string())
}

/// Of less than a second, one.
fn whole_seconds(text: &str) -> Result<usize, String> {
    let parsed = parse_duration(text).filter(|milliseconds| *milliseconds > 0);
    let seconds = parsed.and_then(|milliseconds| usize::try_from(milliseconds.div_ceil(1000)).ok());
    seconds.ok_or_else(|| "expected a duration such as 30s, or seconds".to_string())
}

pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "expected a whole number of at least 1".to_string())
}
