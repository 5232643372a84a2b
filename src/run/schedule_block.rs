//! One block of the schedule: its batches one after another, with their clauses, gates and rollbacks.
//! Knows nothing of other blocks but what all of a run share.

use std::collections::{BTreeMap, BTreeSet};

use super::event::NotStartedReason;
use super::exit;
use super::schedule_data::*;
use crate::base::ids::BlockId;
use crate::hir::program::RollbackScope;

/// What the blocks of a run share.
#[derive(Clone, Debug, Default)]
pub(super) struct Common {
    pub(super) running: BTreeMap<Actor, Work>,
    /// Actors that failed or were rolled back: later blocks leave them out.
    pub(super) out: BTreeSet<Actor>,
    pub(super) facts: exit::Facts,
    pub(super) effects: Vec<Effect>,
    /// A block stopped: no host starts any more, in no block.
    pub(super) stopped: bool,
}

impl Common {
    pub(super) fn begin(&mut self, actor: Actor, work: Work) {
        self.running.insert(actor, work);
        self.effects.push(Effect::Start(actor, work));
    }

    /// Of what never starts, hosts are named; the controller is none.
    pub(super) fn leave_out(&mut self, block: BlockId, mut hosts: Vec<Actor>, reason: NotStartedReason) {
        hosts.retain(|actor| actor.host().is_some());
        if !hosts.is_empty() {
            self.effects.push(Effect::HostsNotStarted { block, hosts, reason });
        }
    }

    /// Why a block that did nothing wrong starts nothing more.
    pub(super) fn reason(&self) -> NotStartedReason {
        match (self.facts.timed_out, self.facts.stop) {
            (true, _) => NotStartedReason::MaxDuration,
            (false, 0) => NotStartedReason::OtherBlock,
            (false, _) => NotStartedReason::Stopped,
        }
    }
}

impl BlockRun {
    pub(super) fn start_batch(&mut self, common: &mut Common) {
        let Some(able) = self.next_able_batch(common) else { return self.close(common) };
        let (batch, of) = (self.batch + 1, self.shape.batches.len());
        common.effects.push(Effect::BatchStarted { block: self.block, batch, of, actors: able.clone() });
        self.phase = Phase::Main;
        self.queue = able.into_iter().map(|actor| (actor, Work::Main(self.block))).collect();
    }

    /// Passes over batches whose actors are all out of the run.
    fn next_able_batch(&mut self, common: &Common) -> Option<Vec<Actor>> {
        if common.stopped || common.facts.stop > 0 {
            return None;
        }
        loop {
            let actors = self.shape.batches.get(self.batch)?;
            let able: Vec<Actor> = actors.iter().copied().filter(|actor| self.may_take(*actor, common)).collect();
            if !able.is_empty() {
                return Some(able);
            }
            self.batch += 1;
        }
    }

    fn may_take(&self, actor: Actor, common: &Common) -> bool {
        self.shape.include_failed || !common.out.contains(&actor)
    }

    /// Starts the next of the queue, if it may start.
    pub(super) fn start_one(&mut self, common: &mut Common) -> bool {
        if !self.may_start(common) || self.at_work >= self.limit() {
            return false;
        }
        // Two blocks of a `parallel` share the controller.
        let free = |(actor, _): &(Actor, Work)| !common.running.contains_key(actor);
        if !self.queue.front().is_some_and(free) {
            return false;
        }
        let Some((actor, work)) = self.queue.pop_front() else { return false };
        if let (Work::Main(_), Some(track)) = (work, self.tracks.get_mut(&actor)) {
            track.status = Status::Running;
        }
        self.at_work += 1;
        common.begin(actor, work);
        true
    }

    /// Stopping concerns only what has not started: clauses and rollbacks of started hosts always run.
    fn may_start(&self, common: &Common) -> bool {
        self.phase != Phase::Main || (common.facts.stop == 0 && !common.stopped)
    }

    fn limit(&self) -> usize {
        let at_once = self.shape.at_once.filter(|_| self.phase != Phase::AfterBatch);
        at_once.map_or(usize::MAX, |at_once| at_once.max(1))
    }

    /// Nothing of this phase is under way, and nothing more will be.
    pub(super) fn is_idle(&self, common: &Common) -> bool {
        self.at_work == 0 && (self.queue.is_empty() || !self.may_start(common))
    }

    pub(super) fn ended(&mut self, actor: Actor, (work, end): (Work, End), common: &mut Common) {
        self.at_work = self.at_work.saturating_sub(1);
        match (work, end) {
            (Work::Main(_) | Work::Always(_), end) => self.main_ended(actor, end, common),
            (Work::Failure(_, _), End::AsksRollback(scope, next)) => self.rollback_asked(actor, (scope, next)),
            (Work::Rollback(_), end) => self.rollback_ended(actor, end, common),
            (Work::AfterBatch(_), End::Ok) | (Work::Failure(_, _), _) => {}
            (Work::AfterBatch(_), _) => self.gate_failed(common),
            // The playbook's own clauses run when no block does.
            (Work::OuterFailure(_) | Work::OuterAlways, _) => {}
        }
    }

    fn main_ended(&mut self, actor: Actor, end: End, common: &mut Common) {
        let status = match end {
            End::Ok | End::AsksRollback(..) | End::RolledBack { .. } | End::NothingToUndo => Status::Ok,
            End::Skipped => Status::Skipped,
            End::Failed | End::TimedOut | End::Crashed => Status::Failed,
            End::Unreachable => Status::Unreachable,
            End::Cancelled => Status::Cancelled,
            // The schedule has stopped the run before.
            End::Waits { .. } => return,
        };
        let was_running = {
            let Some(track) = self.tracks.get_mut(&actor) else { return };
            let was_concerned = track.concerned();
            track.timed_out |= end == End::TimedOut;
            if end == End::Crashed {
                // What was done is no longer known, so nothing may claim to have undone it.
                track.rollback = Some(Undone { clean: false, complete: false, touched: true });
            }
            // A clause that ends well does not change how the block ended.
            if !was_concerned && (track.status != Status::Skipped || status != Status::Ok) {
                track.status = status;
            }
            !was_concerned
        };
        if was_running && matches!(status, Status::Failed | Status::Unreachable) {
            common.out.insert(actor);
            self.count_failure(common);
        }
        self.finish_early(actor, status, common);
    }

    /// An actor with no clause to come is over before its batch is.
    fn finish_early(&mut self, actor: Actor, status: Status, common: &mut Common) {
        let clause = self.shape.on_failure && !matches!(status, Status::Ok | Status::Skipped);
        if !clause && !self.shape.always && !self.shape.after_batch {
            self.finish_actor(actor, common);
        }
    }

    fn finish_actor(&mut self, actor: Actor, common: &mut Common) {
        let Some(track) = self.tracks.get(&actor) else { return };
        if self.finished.insert(actor) {
            let outcome = track.outcome();
            common.effects.push(Effect::ActorFinished { block: self.block, actor, outcome });
        }
    }

    fn count_failure(&mut self, common: &mut Common) {
        self.failures += 1;
        if self.stopped || self.failures <= self.shape.max_failures {
            return;
        }
        self.stopped = true;
        common.stopped = true;
        let queued = self.queue.iter().map(|(actor, _)| *actor).filter(|_| self.phase == Phase::Main);
        let not_started: Vec<Actor> = queued.chain(self.later(common)).collect();
        if !not_started.is_empty() {
            common.facts.stopped_by_threshold = true;
            common.effects.push(Effect::ThresholdReached {
                block: self.block,
                failures: self.failures,
                max_failures: self.shape.max_failures,
                not_started,
            });
        }
    }

    /// Able actors of the batches to come.
    fn later(&self, common: &Common) -> Vec<Actor> {
        let later = self.shape.batches.iter().skip(self.batch + 1).flatten().copied();
        later.filter(|actor| self.may_take(*actor, common)).collect()
    }

    fn rollback_asked(&mut self, actor: Actor, (scope, next): (RollbackScope, usize)) {
        if scope != RollbackScope::Host {
            return self.waiting.push((actor, scope, next));
        }
        let owed = self.tracks.get(&actor).is_some_and(|track| track.rollback.is_none());
        let goes_on = Work::Failure(self.block, next);
        if owed {
            self.resume.insert(actor, goes_on);
        }
        let work = if owed { Work::Rollback(self.block) } else { goes_on };
        self.queue.push_front((actor, work));
    }

    /// Also for the playbook's clause, after the block is over.
    pub(super) fn rollback_ended(&mut self, actor: Actor, end: End, common: &mut Common) {
        common.out.insert(actor);
        let mut is_new_failure = false;
        if let Some(track) = self.tracks.get_mut(&actor) {
            let was_lost = track.status == Status::Unreachable;
            let undone = match end {
                End::RolledBack { clean, complete } => Undone { clean, complete, touched: true },
                End::NothingToUndo => Undone { clean: true, complete: true, touched: false },
                // A host that was lost before still owes its rollback: nothing was tried, so nothing failed.
                End::Unreachable => Undone { clean: was_lost, complete: false, touched: true },
                _ => Undone { clean: false, complete: false, touched: true },
            };
            track.rollback = Some(undone);
            is_new_failure = !undone.clean && !track.concerned();
        }
        // A host that did well, and is not as it was.
        if is_new_failure && self.phase != Phase::Over {
            self.count_failure(common);
        }
        if let Some(goes_on) = self.resume.remove(&actor) {
            self.queue.push_front((actor, goes_on));
        }
    }

    /// Nothing of the phase is left: the next one begins.
    pub(super) fn phase_over(&mut self, common: &mut Common) {
        self.queue.clear();
        match self.phase {
            Phase::Over => {}
            Phase::Main => self.fail(Track::concerned),
            Phase::Failure if !self.waiting.is_empty() => self.start_rollback(),
            Phase::Failure => self.start_after_batch(common),
            Phase::AfterBatch => self.after_batch_over(),
            Phase::ScopeRollback => self.next_group(),
            Phase::Always => self.close_batch(common),
        }
    }

    /// `on failure` of the current batch's actors of this kind.
    fn fail(&mut self, concerned: fn(&Track) -> bool) {
        self.phase = Phase::Failure;
        if self.shape.on_failure {
            let of = self.in_batch(concerned).into_iter();
            self.queue = of.map(|actor| (actor, Work::Failure(self.block, 0))).collect();
        }
    }

    /// Once per batch, unless the block has stopped already, or one beside it before a host of the batch had started.
    fn start_after_batch(&mut self, common: &Common) {
        if self.gate != Gate::Ahead {
            return self.start_always();
        }
        self.gate = Gate::Passed;
        self.phase = Phase::AfterBatch;
        let has_started = !self.in_batch(Track::started).is_empty();
        if self.shape.after_batch && has_started && !self.stopped && common.facts.stop == 0 {
            self.queue.push_back((Actor::Controller, Work::AfterBatch(self.block)));
        }
    }

    fn gate_failed(&mut self, common: &mut Common) {
        common.facts.gate_failed = true;
        common.stopped = true;
        self.gate = Gate::Failed;
        self.stopped = true;
        common.leave_out(self.block, self.later(common), NotStartedReason::Gate);
    }

    /// What a failed gate says is that the batch is not good, so its hosts' `on failure` runs although they did well.
    fn after_batch_over(&mut self) {
        if self.gate == Gate::Failed {
            self.fail(|track| track.status == Status::Ok);
        } else {
            self.start_always();
        }
    }

    /// `rollback batch` and `rollback all`: once, newest first, also those that succeeded.
    fn start_rollback(&mut self) {
        let all = self.waiting.iter().any(|(_, scope, _)| *scope == RollbackScope::All);
        self.groups = self.owed_groups(all).into();
        self.phase = Phase::ScopeRollback;
        self.next_group();
    }

    fn next_group(&mut self) {
        if let Some(group) = self.groups.pop_front() {
            self.queue = group.into();
            return;
        }
        self.phase = Phase::Failure;
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        self.queue = waiting.map(|(actor, _, next)| (actor, Work::Failure(self.block, next))).collect();
    }

    fn start_always(&mut self) {
        self.phase = Phase::Always;
        if self.shape.always {
            let started = self.in_batch(Track::started).into_iter();
            self.queue = started.map(|actor| (actor, Work::Always(self.block))).collect();
        }
    }

    fn close_batch(&mut self, common: &mut Common) {
        let (block, batch) = (self.block, self.batch + 1);
        let started = self.in_batch(Track::started);
        self.batch += 1;
        self.gate = Gate::Ahead;
        for actor in started {
            self.finish_actor(actor, common);
        }
        common.effects.push(Effect::BatchFinished { block, batch });
        self.start_batch(common);
    }

    fn close(&mut self, common: &mut Common) {
        self.phase = Phase::Over;
        for actor in self.tracks.keys().copied().collect::<Vec<_>>() {
            self.finish_actor(actor, common);
        }
        self.note_hosts_left_out(common);
        common.effects.push(Effect::BlockFinished(self.block));
    }

    /// The run, or a block beside this one, stopped before hosts of this one had started.
    pub(super) fn note_hosts_left_out(&self, common: &mut Common) {
        let not_run = |(actor, track): &(&Actor, &Track)| !track.started() && self.may_take(**actor, common);
        let left_out: Vec<Actor> = self.tracks.iter().filter(not_run).map(|(actor, _)| *actor).collect();
        // A block that stopped itself has told it.
        if self.stopped || left_out.is_empty() {
            return;
        }
        common.facts.stopped_by_threshold |= common.stopped;
        common.leave_out(self.block, left_out, common.reason());
    }
}
