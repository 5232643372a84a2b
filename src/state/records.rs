//! The rows of the journal, as data, and why a journal cannot be used.

use std::fmt;
use std::path::PathBuf;

use super::approvals::Approval;
use super::copies::told;
use super::promises::Finding;
use super::receipt::Receipt;
use super::space::Trouble;

/// The other phase that the journal knows is `apply`.
pub(super) const ROLLBACK: &str = "rollback";

/// Written and synced before the first byte of a step's apply or rollback goes out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intent {
    pub run: i64,
    pub step: String,
    pub host: String,
    pub attempt: u32,
    /// `apply` or `rollback`.
    pub phase: String,
    pub program_sha256: String,
    pub effect: String,
    pub kind: String,
    pub deadline_ms: u64,
    /// What was found before, as an object of texts; absent where a secret is in it.
    pub before_json: Option<String>,
    /// Where the host keeps one.
    pub receipt: Option<Receipt>,
    /// Milliseconds since 1970, UTC.
    pub time: u64,
}

impl Intent {
    pub fn is_of_rollback(&self) -> bool {
        self.phase == ROLLBACK
    }
}

/// What was found out about a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// An object.
    pub json: String,
    /// When: milliseconds since 1970, UTC.
    pub time: u64,
}

/// Written before any step that depends on this one starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepResult {
    pub run: i64,
    pub step: String,
    pub host: String,
    pub attempt: u32,
    pub phase: String,
    pub outcome: String,
    pub changed: bool,
    pub code: Option<i32>,
    pub before_json: String,
    pub apply_json: String,
    pub after_json: String,
    pub error: Option<String>,
    pub output_sha256: Option<String>,
    /// Bounded by the runner.
    pub output: Vec<u8>,
    /// What another run needs to go on from here, as the runner wrote it.
    pub kept_json: Option<String>,
    pub time: u64,
}

impl StepResult {
    pub fn is_of_rollback(&self) -> bool {
        self.phase == ROLLBACK
    }
}

/// Who started what, from where. Holds no secret.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RunRecord {
    pub playbook: String,
    /// Of the playbook's file, as given.
    pub path: String,
    pub digest: String,
    pub source_sha256: String,
    /// The commit of the project, where it is a git checkout.
    pub commit: Option<String>,
    /// Whether the checkout had changes that are in no commit.
    pub dirty: Option<bool>,
    pub user: String,
    pub machine: String,
    pub started: u64,
    pub pid: u32,
    /// Of the process, in clock ticks since boot: a pid alone is used again.
    pub pid_start: Option<u64>,
    pub boot_id: Option<String>,
    /// What was asked for, as JSON; absent where it cannot be asked for again.
    pub request: Option<String>,
    /// The run that this one goes on with.
    pub goes_on_with: Option<i64>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunSummary {
    pub id: i64,
    pub record: RunRecord,
    /// Absent while it runs, and for ever if its process was killed.
    pub status: Option<String>,
    pub exit: Option<i32>,
    pub finished: Option<u64>,
    /// Absent where an older opsc ran it.
    pub lease: Option<Lease>,
}

/// A run that goes on says so; it counts as going on until the lease ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lease {
    /// When it last said so: milliseconds since 1970, UTC.
    pub beat: u64,
    pub until: u64,
}

/// A host that a run keeps for itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lock {
    pub host: String,
    pub holder: RunSummary,
    /// Milliseconds since 1970, UTC.
    pub since: u64,
}

/// One attempt of one phase on one host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepState {
    pub step: String,
    pub host: String,
    pub attempt: u32,
    pub phase: String,
    /// When the intent was recorded; absent for steps that only read.
    pub intended: Option<u64>,
    pub result: Option<StepResult>,
}

impl StepState {
    /// The runner meant to act and never learned what came of it.
    pub fn is_open(&self) -> bool {
        self.intended.is_some() && self.result.is_none()
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunDetails {
    pub summary: RunSummary,
    /// In the order recorded.
    pub steps: Vec<StepState>,
    /// Those that it came to.
    pub approvals: Vec<Approval>,
    /// The run that goes on with it.
    pub gone_on_by: Option<i64>,
}

/// The output of one attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepLog {
    pub step: String,
    pub host: String,
    pub attempt: u32,
    pub phase: String,
    pub output: Vec<u8>,
}

/// Intents and results in the order they came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    Intent(Intent),
    Result(StepResult),
}

#[derive(Debug)]
pub enum StateError {
    Folder {
        path: PathBuf,
        error: std::io::Error,
    },
    Database {
        error: rusqlite::Error,
    },
    /// Written by a newer opsc.
    Newer {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    /// Too short for a journal; empty only where one was.
    Cut {
        path: PathBuf,
        bytes: u64,
    },
    /// The disk takes no more.
    Unwritable(Trouble),
    /// There is no journal.
    Missing {
        path: PathBuf,
    },
    Unreadable {
        path: PathBuf,
        error: std::io::Error,
    },
    /// A part of it is in another file, and only who may write can put them together.
    OnlyRead {
        path: PathBuf,
    },
    /// Nothing is written over it.
    Exists {
        path: PathBuf,
    },
    /// A copy that is not to be trusted.
    NotWhole {
        path: PathBuf,
        findings: Vec<Finding>,
    },
    /// A run that may still write.
    MayBeUnderWay {
        run: Box<RunSummary>,
    },
    /// Another run is changing this host.
    Locked {
        host: String,
        holder: Box<RunSummary>,
    },
    /// A lock is not this run's any more: its lease was over, or somebody broke it.
    Fenced {
        host: String,
        by: Option<i64>,
    },
    /// Another run goes on with that run already.
    GoneOn {
        run: i64,
        by: i64,
    },
    /// A plan that is run once was run before.
    UsedUp {
        run: i64,
    },
    /// An approval was answered already.
    Said,
    /// The writer is gone: the process is ending.
    Closed,
}

impl StateError {
    /// Whether the journal's file is no journal any more.
    pub fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            StateError::Cut { .. } => true,
            StateError::Database { error } => {
                error.sqlite_error_code().is_some_and(|code| matches!(code, DatabaseCorrupt | NotADatabase))
            }
            _ => false,
        }
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateError::Folder { path, error } => write!(formatter, "cannot make `{}`: {error}", path.display()),
            StateError::Unreadable { path, error } => write!(formatter, "`{}` cannot be read: {error}", path.display()),
            StateError::OnlyRead { path } => write!(
                formatter,
                "`{0}` may only be read here, and what was written last is in `{0}-wal`, which only who may write can put to it",
                path.display()
            ),
            StateError::Database { error } => write!(formatter, "the journal's database says: {error}"),
            StateError::Newer { path, found, known } => write!(
                formatter,
                "`{}` has format {found}, and this opsc knows formats up to {known}; use the newer opsc that wrote it",
                path.display()
            ),
            StateError::Cut { path, bytes } => write!(
                formatter,
                "`{}` has {bytes} bytes and is no journal: it was cut, or something else was written there; move it away, or \
                 put a copy of the journal in its place",
                path.display()
            ),
            StateError::Unwritable(trouble) => trouble.fmt(formatter),
            StateError::Missing { path } => write!(formatter, "there is no journal `{}`", path.display()),
            StateError::Exists { path } => {
                write!(formatter, "`{}` exists, and nothing is written over it", path.display())
            }
            StateError::NotWhole { path, findings } => {
                write!(formatter, "`{}` is not whole: {}", path.display(), told(findings))
            }
            StateError::MayBeUnderWay { run } => {
                let RunRecord { playbook, user, machine, pid, .. } = &run.record;
                let run = run.id;
                write!(formatter, "run {run} may be under way (`{playbook}`, by {user} on {machine}, process {pid})")
            }
            StateError::Locked { host, holder } => {
                let RunRecord { playbook, user, machine, pid, .. } = &holder.record;
                let run = holder.id;
                write!(formatter, "{host} is locked by run {run} (`{playbook}`, by {user} on {machine}, process {pid})")
            }
            StateError::Fenced { host, by: Some(by) } => {
                write!(formatter, "run {by} has taken over the lock of {host}: nothing more is begun there")
            }
            StateError::Fenced { host, by: None } => {
                write!(formatter, "the lock of {host} was taken away: nothing more is begun there")
            }
            StateError::GoneOn { run, by } => write!(formatter, "run {run} was gone on with by run {by}"),
            StateError::UsedUp { run } => write!(formatter, "the plan was run before, by run {run}"),
            StateError::Said => formatter.write_str("somebody else has just answered it"),
            StateError::Closed => formatter.write_str("the journal is closed"),
        }
    }
}

impl std::error::Error for StateError {}

impl From<rusqlite::Error> for StateError {
    fn from(error: rusqlite::Error) -> Self {
        StateError::Database { error }
    }
}
