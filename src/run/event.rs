//! What happened, as data: the one stream that feeds the terminal, NDJSON and the journal. Goes up, never down.
//! Values in events are strings already free of secrets.

/// One event; the dispatcher adds sequence number and time when it sends.
#[derive(Clone, PartialEq, Debug)]
pub struct RunEvent {
    pub seq: u64,
    /// Milliseconds since 1970, UTC.
    pub time: u64,
    /// Nothing of it happened anywhere: a script answered instead of hosts.
    pub simulated: bool,
    pub kind: EventKind,
}

#[derive(Clone, PartialEq, Debug)]
pub enum EventKind {
    RunStarted {
        run: i64,
        playbook: String,
        digest: String,
        hosts: Vec<String>,
        steps: usize,
    },
    BlockStarted {
        block: String,
        hosts: Vec<String>,
        batches: usize,
    },
    /// Numbers from 1.
    BatchStarted {
        block: String,
        batch: usize,
        of: usize,
        hosts: Vec<String>,
    },
    BatchFinished {
        block: String,
        batch: usize,
    },
    HostStarted {
        block: String,
        host: String,
    },
    StepStarted {
        step: String,
        host: String,
        attempt: u32,
    },
    StepOutput {
        step: String,
        host: String,
        stream: Stream,
        text: String,
    },
    /// An attempt failed and another follows.
    StepRetried {
        step: String,
        host: String,
        attempt: u32,
        error: String,
    },
    StepFinished {
        step: String,
        host: String,
        attempt: u32,
        outcome: Outcome,
        error: Option<String>,
        evidence: Evidence,
    },
    HostFinished {
        block: String,
        host: String,
        outcome: HostOutcome,
    },
    /// `max_failures` was passed: these hosts do not start.
    ThresholdReached {
        block: String,
        failures: usize,
        max_failures: usize,
        not_started: Vec<String>,
    },
    /// These hosts of the block never start, for another reason than their own failures.
    HostsNotStarted {
        block: String,
        hosts: Vec<String>,
        reason: NotStartedReason,
    },
    RollbackStarted {
        block: String,
        host: String,
        steps: usize,
    },
    /// `left` names the steps that could not be undone.
    RollbackFinished {
        block: String,
        host: String,
        clean: bool,
        left: Vec<String>,
    },
    /// Nobody has approved what is to happen next: the run stops here.
    ApprovalRequested {
        gate: String,
        /// From 1, for an approval after each batch.
        batch: Option<usize>,
        by: Vec<String>,
        message: String,
        /// Milliseconds.
        within: Option<u64>,
        /// What is another thing than somebody approved before; empty where nobody did.
        differs: Vec<String>,
    },
    /// Somebody has approved it, under this name, when an earlier run stopped there.
    ApprovalUsed {
        gate: String,
        batch: Option<usize>,
        by: String,
        user: String,
        run: i64,
    },
    /// A host, or a group of them, that gives no connection is left alone for a time; or is asked once; or answers again.
    CircuitChanged {
        name: String,
        is_group: bool,
        /// `open`, `half_open` or `closed`.
        state: &'static str,
        /// Milliseconds since 1970, UTC; absent where it is closed.
        since: Option<u64>,
        until: Option<u64>,
        error: String,
    },
    /// Ctrl-C, once, twice, three times.
    StopRequested {
        level: u8,
    },
    RunFinished {
        exit: i32,
        status: String,
        elapsed_ms: u64,
        hosts: Vec<HostRecap>,
    },
}

impl EventKind {
    /// How many bytes of a step's output it tells.
    pub fn printed(&self) -> usize {
        match self {
            EventKind::StepOutput { text, .. } => text.len(),
            _ => 0,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    Stdout,
    Stderr,
    /// What the playbook itself says to those who watch.
    Note,
}

impl Stream {
    pub fn name(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
            Stream::Note => "note",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// Nothing to do, or only read.
    Ok,
    Changed,
    Skipped,
    Failed,
    /// Failed, and `allow_failure: true`.
    Ignored,
    Unreachable,
    TimedOut,
    RolledBack,
    RollbackFailed,
    /// Stopped at a step border by Ctrl-C.
    Cancelled,
}

impl Outcome {
    /// Whether the actor goes on with its next step.
    pub fn goes_on(self) -> bool {
        matches!(self, Outcome::Ok | Outcome::Changed | Outcome::Skipped | Outcome::Ignored | Outcome::RolledBack)
    }

    pub fn name(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Changed => "changed",
            Outcome::Skipped => "skipped",
            Outcome::Failed => "failed",
            Outcome::Ignored => "ignored",
            Outcome::Unreachable => "unreachable",
            Outcome::TimedOut => "timed_out",
            Outcome::RolledBack => "rolled_back",
            Outcome::RollbackFailed => "rollback_failed",
            Outcome::Cancelled => "cancelled",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HostOutcome {
    Ok,
    /// Left out of the rest of the block by `skip if`.
    Skipped,
    Failed,
    Unreachable,
    RolledBack,
    Dirty,
    NotRun,
}

impl HostOutcome {
    pub fn name(self) -> &'static str {
        match self {
            HostOutcome::Ok => "ok",
            HostOutcome::Skipped => "skipped",
            HostOutcome::Failed => "failed",
            HostOutcome::Unreachable => "unreachable",
            HostOutcome::RolledBack => "rolled_back",
            HostOutcome::Dirty => "dirty",
            HostOutcome::NotRun => "not_run",
        }
    }
}

/// Why hosts of a block never start.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NotStartedReason {
    /// `after batch` failed.
    Gate,
    /// Somebody stopped the run.
    Stopped,
    MaxDuration,
    /// Another block has ended the run.
    OtherBlock,
}

impl NotStartedReason {
    pub fn name(self) -> &'static str {
        match self {
            NotStartedReason::Gate => "gate",
            NotStartedReason::Stopped => "stopped",
            NotStartedReason::MaxDuration => "max_duration",
            NotStartedReason::OtherBlock => "other_block",
        }
    }
}

/// Why an outcome is believed. No step is green without it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Evidence {
    /// Exit code of the last phase that ran.
    pub code: Option<i32>,
    /// Fields that `check` reported before, that `apply` reported, and that `verify` or `check` reported after.
    pub before: Vec<(String, String)>,
    pub apply: Vec<(String, String)>,
    pub after: Vec<(String, String)>,
    /// SHA-256 of all output, lower-case hex; absent where nothing was printed.
    pub output_sha256: Option<String>,
    pub output_bytes: u64,
    pub elapsed_ms: u64,
    /// As whom, and where when not on the host itself.
    pub user: Option<String>,
    pub ran_at: Option<String>,
    /// The run that did it, where this one goes on with that and did not do it again.
    pub done_in: Option<i64>,
}

/// `host : ok=3 changed=1 unreachable=0 failed=0 skipped=0 rolled_back=0`
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HostRecap {
    pub host: String,
    pub ok: usize,
    pub changed: usize,
    pub unreachable: usize,
    pub failed: usize,
    pub skipped: usize,
    pub rolled_back: usize,
}
