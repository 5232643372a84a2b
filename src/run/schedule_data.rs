//! What the schedule is told, tells and remembers, as data. Knows no order of things.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::event::{HostOutcome, NotStartedReason};
use crate::base::ids::{BlockId, HostId};
use crate::hir::program::RollbackScope;

/// Who does a stretch of work: a host, or the controller for the playbook's own body and clauses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Actor {
    Controller,
    Host(HostId),
}

impl Actor {
    pub fn host(self) -> Option<HostId> {
        match self {
            Actor::Controller => None,
            Actor::Host(host) => Some(host),
        }
    }
}

/// What the schedule must know of a playbook before it starts.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Outline {
    /// Per block, in program order, the hosts known beforehand (empty where pending or on the controller).
    pub blocks: Vec<Vec<HostId>>,
    /// Blocks by what runs at the same time, in program order: one each, or those of one `parallel`.
    pub groups: Vec<Vec<BlockId>>,
    /// The most actors at work at the same time, at least 1.
    pub forks: usize,
    pub on_failure: bool,
    pub always: bool,
}

/// A block whose hosts and batches are decided.
#[derive(Clone, PartialEq, Debug)]
pub struct Shape {
    pub batches: Vec<Vec<Actor>>,
    pub at_once: Option<usize>,
    pub max_failures: usize,
    pub include_failed: bool,
    pub on_failure: bool,
    pub after_batch: bool,
    pub always: bool,
}

/// One stretch of work of one actor, done in order and without a break.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Work {
    Main(BlockId),
    /// `on failure` of a block, from this item on.
    Failure(BlockId, usize),
    /// Undo what this actor did in this block.
    Rollback(BlockId),
    /// `after batch` of a block, on the controller.
    AfterBatch(BlockId),
    Always(BlockId),
    /// The playbook's own clauses, on the controller.
    OuterFailure(usize),
    OuterAlways,
}

/// How a stretch of work ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Ok,
    /// Left out of the rest of the block by `skip if`.
    Skipped,
    Failed,
    TimedOut,
    Unreachable,
    /// Stopped at a step border.
    Cancelled,
    /// A clause came to `rollback`; its next item has this index.
    AsksRollback(RollbackScope, usize),
    RolledBack {
        /// No rollback failed.
        clean: bool,
        /// Everything that was changed is as it was before.
        complete: bool,
    },
    /// A rollback found that the actor had changed nothing.
    NothingToUndo,
    /// It came to an approval that nobody has given; or that somebody gave for other values.
    Waits {
        differs: bool,
    },
    /// The code that ran it broke: a bug in opsc.
    Crashed,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    Begin,
    /// The answer to [`Effect::Resolve`]; `None` where the block's guards are not true.
    Resolved(Option<Shape>),
    /// The block's guards or hosts could not be decided: the run fails.
    NotResolved,
    Ended(Actor, End),
    /// Ctrl-C, once, twice, three times.
    Stop(u8),
    /// `max_duration` has passed: like a second Ctrl-C, with the exit code of a timeout.
    Expired,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Decide this block's guards, hosts and batches; answer with [`Input::Resolved`].
    Resolve(BlockId),
    Start(Actor, Work),
    BatchStarted {
        block: BlockId,
        batch: usize,
        of: usize,
        actors: Vec<Actor>,
    },
    BatchFinished {
        block: BlockId,
        batch: usize,
    },
    ActorFinished {
        block: BlockId,
        actor: Actor,
        outcome: HostOutcome,
    },
    ThresholdReached {
        block: BlockId,
        failures: usize,
        max_failures: usize,
        not_started: Vec<Actor>,
    },
    HostsNotStarted {
        block: BlockId,
        hosts: Vec<Actor>,
        reason: NotStartedReason,
    },
    BlockFinished(BlockId),
    /// Two blocks of one `parallel` chose the same host; neither begins.
    HostInTwoBlocks {
        host: HostId,
        blocks: [BlockId; 2],
    },
    /// Leave at once, whatever is under way.
    Abandon,
    Finished {
        exit: i32,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    NotRun,
    Running,
    Ok,
    Skipped,
    Failed,
    Unreachable,
    Cancelled,
}

/// One actor in one block.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Track {
    pub batch: usize,
    pub status: Status,
    pub timed_out: bool,
    pub rollback: Option<Undone>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Undone {
    pub clean: bool,
    pub complete: bool,
    /// There was something to undo; else nobody may say that anything was rolled back.
    pub touched: bool,
}

impl Track {
    pub fn outcome(&self) -> HostOutcome {
        match (self.rollback.filter(|undone| undone.touched), self.status) {
            (Some(Undone { clean: false, .. }), _) => HostOutcome::Dirty,
            (Some(Undone { complete: true, .. }), _) => HostOutcome::RolledBack,
            // Some of its changes could not be undone, as the plan had said.
            (Some(_), Status::Ok | Status::Skipped) => HostOutcome::Failed,
            (_, Status::NotRun) => HostOutcome::NotRun,
            (_, Status::Running | Status::Ok) => HostOutcome::Ok,
            (_, Status::Skipped) => HostOutcome::Skipped,
            (_, Status::Failed | Status::Cancelled) => HostOutcome::Failed,
            (_, Status::Unreachable) => HostOutcome::Unreachable,
        }
    }

    pub(super) fn started(&self) -> bool {
        self.status != Status::NotRun
    }

    pub(super) fn concerned(&self) -> bool {
        matches!(self.status, Status::Failed | Status::Unreachable | Status::Cancelled)
    }
}

/// A block that runs or has run.
#[derive(Clone, PartialEq, Debug)]
pub struct BlockRun {
    pub block: BlockId,
    pub shape: Shape,
    pub tracks: BTreeMap<Actor, Track>,
    pub failures: usize,
    /// More failures than `max_failures`.
    pub stopped: bool,
    pub(super) finished: BTreeSet<Actor>,
    pub(super) batch: usize,
    pub(super) gate: Gate,
    pub(super) phase: Phase,
    pub(super) queue: VecDeque<(Actor, Work)>,
    /// How many of its actors are at work.
    pub(super) at_work: usize,
    /// Where a clause goes on after its own host's rollback.
    pub(super) resume: BTreeMap<Actor, Work>,
    /// Clauses that came to `rollback batch` or `rollback all`, and where they go on.
    pub(super) waiting: Vec<(Actor, RollbackScope, usize)>,
    /// Groups still to roll back, each after the one before it.
    pub(super) groups: VecDeque<Vec<(Actor, Work)>>,
}

/// How far a block is with its batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Main,
    Failure,
    AfterBatch,
    ScopeRollback,
    Always,
    Over,
}

/// `after batch` of the current batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gate {
    Ahead,
    Passed,
    Failed,
}

impl BlockRun {
    pub(super) fn new(block: BlockId, shape: Shape) -> Self {
        let track = |batch| Track { batch, status: Status::NotRun, timed_out: false, rollback: None };
        let batches = shape.batches.iter().enumerate();
        let tracks =
            batches.flat_map(|(batch, actors)| actors.iter().map(move |actor| (*actor, track(batch)))).collect();
        BlockRun {
            block,
            shape,
            tracks,
            failures: 0,
            stopped: false,
            finished: BTreeSet::new(),
            batch: 0,
            gate: Gate::Ahead,
            phase: Phase::Main,
            queue: VecDeque::new(),
            at_work: 0,
            resume: BTreeMap::new(),
            waiting: Vec::new(),
            groups: VecDeque::new(),
        }
    }

    pub(super) fn in_batch(&self, wanted: fn(&Track) -> bool) -> Vec<Actor> {
        let in_order = self.shape.batches.get(self.batch).into_iter().flatten();
        in_order.copied().filter(|actor| self.tracks.get(actor).is_some_and(wanted)).collect()
    }

    /// Started actors not rolled back yet, by batch, the newest first; only the current batch unless `all`.
    pub(super) fn owed_groups(&self, all: bool) -> Vec<Vec<(Actor, Work)>> {
        let batches = self.shape.batches.iter().enumerate().rev();
        batches
            .filter(|(index, _)| all || *index == self.batch)
            .map(|(_, actors)| {
                let owes = |actor: &Actor| {
                    self.tracks.get(actor).is_some_and(|track| track.started() && track.rollback.is_none())
                };
                actors.iter().copied().filter(owes).map(|actor| (actor, Work::Rollback(self.block))).collect()
            })
            .filter(|group: &Vec<_>| !group.is_empty())
            .collect()
    }
}
