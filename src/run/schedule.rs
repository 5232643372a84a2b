//! What starts when, who is out, which clauses and rollbacks are owed, and the exit code: `input -> effects`.
//! Pure: knows neither clock nor sessions nor what a step does. The dispatcher does the work and tells what ended.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::exit;
use super::schedule_data::*;
use crate::base::ids::{BlockId, HostId, Id};
use crate::hir::program::RollbackScope;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Resolving,
    Main,
    Failure,
    AfterBatch,
    ScopeRollback,
    Always,
    OuterFailure,
    OuterRollback,
    OuterAlways,
    Over,
}

/// The state machine of one run.
#[derive(Clone, Debug)]
pub struct Schedule {
    outline: Outline,
    pub(super) phase: Phase,
    /// The last one is current; those before it are over.
    blocks: Vec<BlockRun>,
    next_block: usize,
    queue: VecDeque<(Actor, Work)>,
    running: BTreeMap<Actor, Work>,
    /// Where a clause goes on after its own host's rollback.
    resume: BTreeMap<Actor, Work>,
    /// Clauses that came to `rollback batch` or `rollback all`, and where they go on.
    waiting: Vec<(Actor, RollbackScope, usize)>,
    /// Groups still to roll back, each after the one before it.
    groups: VecDeque<Vec<(Actor, Work)>>,
    out: BTreeSet<Actor>,
    facts: exit::Facts,
    effects: Vec<Effect>,
}

impl Schedule {
    pub fn new(outline: Outline) -> Self {
        Schedule {
            outline,
            phase: Phase::Resolving,
            blocks: Vec::new(),
            next_block: 0,
            queue: VecDeque::new(),
            running: BTreeMap::new(),
            resume: BTreeMap::new(),
            waiting: Vec::new(),
            groups: VecDeque::new(),
            out: BTreeSet::new(),
            facts: exit::Facts::default(),
            effects: Vec::new(),
        }
    }

    /// The one door: everything that happens comes in here, everything to do goes out here.
    pub fn handle(&mut self, input: Input) -> Vec<Effect> {
        if self.phase != Phase::Over {
            match input {
                Input::Begin => self.resolve_next(),
                Input::Resolved(Some(shape)) => self.open(shape),
                Input::Resolved(None) => self.resolve_next(),
                Input::NotResolved => {
                    self.facts.failed = true;
                    self.start_outer();
                }
                Input::Ended(actor, end) => self.ended(actor, end),
                Input::Stop(level) => self.stop(level),
                Input::Expired => {
                    self.facts.timed_out = true;
                    self.stop(2);
                }
            }
        }
        std::mem::take(&mut self.effects)
    }

    /// Blocks that run or have run, in order.
    pub fn blocks(&self) -> &[BlockRun] {
        &self.blocks
    }

    /// Hosts of the current batch that have started.
    pub fn current_batch(&self) -> Vec<HostId> {
        let run = self.blocks.last();
        run.into_iter().flat_map(|run| run.in_batch(Track::started)).filter_map(Actor::host).collect()
    }

    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    fn stop(&mut self, level: u8) {
        self.facts.stop = self.facts.stop.max(level);
        if level >= 3 {
            self.effects.push(Effect::Abandon);
            self.finish();
        }
    }

    fn resolve_next(&mut self) {
        let wanted = self.next_block < self.outline.blocks.len() && self.facts.stop == 0;
        if wanted && !self.blocks.last().is_some_and(|run| run.stopped) {
            self.phase = Phase::Resolving;
            self.effects.push(Effect::Resolve(BlockId::from_index(self.next_block)));
            self.next_block += 1;
        } else {
            self.start_outer();
        }
    }

    fn open(&mut self, shape: Shape) {
        let track = |batch| Track { batch, status: Status::NotRun, timed_out: false, rollback: None };
        let tracks = shape
            .batches
            .iter()
            .enumerate()
            .flat_map(|(batch, actors)| actors.iter().map(move |actor| (*actor, track(batch))))
            .collect();
        let block = BlockId::from_index(self.next_block.saturating_sub(1));
        let run = BlockRun {
            block,
            shape,
            tracks,
            failures: 0,
            stopped: false,
            finished: BTreeSet::new(),
            batch: 0,
            gate: Gate::Ahead,
        };
        self.blocks.push(run);
        self.start_batch();
    }

    fn start_batch(&mut self) {
        let Some((block, batch, able)) = self.next_able_batch() else { return self.close_block() };
        let of = self.blocks.last().map_or(0, |run| run.shape.batches.len());
        self.effects.push(Effect::BatchStarted { block, batch: batch + 1, of, actors: able.clone() });
        self.phase = Phase::Main;
        self.queue = able.into_iter().map(|actor| (actor, Work::Main(block))).collect();
        self.advance();
    }

    /// Passes over batches whose actors are all out of the run.
    fn next_able_batch(&mut self) -> Option<(BlockId, usize, Vec<Actor>)> {
        let run = self.blocks.last_mut()?;
        if run.stopped || self.facts.stop > 0 {
            return None;
        }
        let include_failed = run.shape.include_failed;
        loop {
            let actors = run.shape.batches.get(run.batch)?.iter().copied();
            let able: Vec<Actor> = actors.filter(|actor| include_failed || !self.out.contains(actor)).collect();
            if !able.is_empty() {
                return Some((run.block, run.batch, able));
            }
            run.batch += 1;
        }
    }

    /// Starts what may start; where nothing runs and nothing may start, the phase is over.
    fn advance(&mut self) {
        while self.running.len() < self.limit() && self.may_start() {
            let Some((actor, work)) = self.queue.pop_front() else { break };
            self.begin(actor, work);
        }
        if self.running.is_empty() && (self.queue.is_empty() || !self.may_start()) {
            self.queue.clear();
            self.phase_over();
        }
    }

    fn begin(&mut self, actor: Actor, work: Work) {
        if let (Work::Main(_), Some(track)) = (work, self.track(actor)) {
            track.status = Status::Running;
        }
        self.running.insert(actor, work);
        self.effects.push(Effect::Start(actor, work));
    }

    /// Stopping concerns only what has not started: clauses and rollbacks of started hosts always run.
    fn may_start(&self) -> bool {
        self.phase != Phase::Main || (self.facts.stop == 0 && !self.blocks.last().is_some_and(|run| run.stopped))
    }

    fn limit(&self) -> usize {
        let forks = self.outline.forks.max(1);
        let outer =
            matches!(self.phase, Phase::AfterBatch | Phase::OuterFailure | Phase::OuterRollback | Phase::OuterAlways);
        let at_once = self.blocks.last().and_then(|run| run.shape.at_once).filter(|_| !outer);
        at_once.map_or(forks, |at_once| at_once.clamp(1, forks))
    }

    fn track(&mut self, actor: Actor) -> Option<&mut Track> {
        self.blocks.last_mut().and_then(|run| run.tracks.get_mut(&actor))
    }

    fn ended(&mut self, actor: Actor, end: End) {
        let Some(work) = self.running.remove(&actor) else { return };
        if end == End::Crashed {
            self.facts.bug = true;
        }
        match (work, end) {
            (Work::Main(_) | Work::Always(_), end) => self.main_ended(actor, end),
            (Work::Failure(_, _) | Work::OuterFailure(_), End::AsksRollback(scope, next)) => {
                self.rollback_asked(actor, work, (scope, next));
            }
            (Work::Rollback(block), end) => self.rollback_ended(actor, block, end),
            (Work::AfterBatch(_), End::Ok) => {}
            (Work::AfterBatch(_), _) => self.gate_failed(),
            (Work::OuterFailure(_) | Work::OuterAlways, End::Ok) | (Work::Failure(_, _), _) => {}
            (Work::OuterFailure(_) | Work::OuterAlways, _) => self.facts.failed = true,
        }
        self.advance();
    }

    fn main_ended(&mut self, actor: Actor, end: End) {
        let status = match end {
            End::Ok | End::AsksRollback(..) | End::RolledBack { .. } | End::NothingToUndo => Status::Ok,
            End::Skipped => Status::Skipped,
            End::Failed | End::TimedOut | End::Crashed => Status::Failed,
            End::Unreachable => Status::Unreachable,
            End::Cancelled => Status::Cancelled,
        };
        let was_running = {
            let Some(track) = self.track(actor) else { return };
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
            self.out.insert(actor);
            self.count_failure();
        }
        self.finish_early(actor, status);
    }

    /// An actor with no clause to come is over before its batch is.
    fn finish_early(&mut self, actor: Actor, status: Status) {
        let Some(run) = self.blocks.last() else { return };
        let clause = run.shape.on_failure && !matches!(status, Status::Ok | Status::Skipped);
        if !clause && !run.shape.always && !run.shape.after_batch {
            self.finish_actor(actor);
        }
    }

    fn finish_actor(&mut self, actor: Actor) {
        let Some(run) = self.blocks.last_mut() else { return };
        let Some(track) = run.tracks.get(&actor) else { return };
        if run.finished.insert(actor) {
            let outcome = track.outcome();
            self.effects.push(Effect::ActorFinished { block: run.block, actor, outcome });
        }
    }

    fn count_failure(&mut self) {
        let (out, queue) = (&self.out, &self.queue);
        let Some(run) = self.blocks.last_mut() else { return };
        run.failures += 1;
        if run.stopped || run.failures <= run.shape.max_failures {
            return;
        }
        run.stopped = true;
        let later = run.shape.batches.iter().skip(run.batch + 1).flatten().copied();
        let not_started: Vec<Actor> = queue
            .iter()
            .map(|(actor, _)| *actor)
            .filter(|_| self.phase == Phase::Main)
            .chain(later.filter(|actor| run.shape.include_failed || !out.contains(actor)))
            .collect();
        if !not_started.is_empty() {
            self.facts.stopped_by_threshold = true;
            self.effects.push(Effect::ThresholdReached {
                block: run.block,
                failures: run.failures,
                max_failures: run.shape.max_failures,
                not_started,
            });
        }
    }

    fn rollback_asked(&mut self, actor: Actor, work: Work, (scope, next): (RollbackScope, usize)) {
        match (scope, work) {
            (RollbackScope::Host, Work::Failure(block, _)) => {
                let owed = self.track(actor).is_some_and(|track| track.rollback.is_none());
                let goes_on = Work::Failure(block, next);
                if owed {
                    self.resume.insert(actor, goes_on);
                    self.begin(actor, Work::Rollback(block));
                } else {
                    self.begin(actor, goes_on);
                }
            }
            _ => self.waiting.push((actor, scope, next)),
        }
    }

    fn rollback_ended(&mut self, actor: Actor, block: BlockId, end: End) {
        let undone = match end {
            End::RolledBack { clean, complete } => Undone { clean, complete, touched: true },
            End::NothingToUndo => Undone { clean: true, complete: true, touched: false },
            // A host that cannot be reached still owes its rollback: nothing was tried, so nothing failed.
            End::Unreachable => Undone { clean: true, complete: false, touched: true },
            _ => Undone { clean: false, complete: false, touched: true },
        };
        self.out.insert(actor);
        let run = self.blocks.iter_mut().find(|run| run.block == block);
        if let Some(track) = run.and_then(|run| run.tracks.get_mut(&actor)) {
            track.rollback = Some(undone);
        }
        if let Some(goes_on) = self.resume.remove(&actor) {
            self.queue.push_front((actor, goes_on));
        }
    }

    fn phase_over(&mut self) {
        match self.phase {
            Phase::Resolving | Phase::Over => {}
            Phase::Main => self.start_failure(),
            Phase::Failure | Phase::OuterFailure if !self.waiting.is_empty() => self.start_rollback(),
            Phase::Failure => self.start_after_batch(),
            Phase::AfterBatch => self.after_batch_over(),
            Phase::ScopeRollback | Phase::OuterRollback => self.next_group(),
            Phase::Always => self.close_batch(),
            Phase::OuterFailure => self.start_outer_always(),
            Phase::OuterAlways => self.finish(),
        }
    }

    fn start_failure(&mut self) {
        self.fail(Track::concerned);
    }

    /// `on failure` of the current batch's actors of this kind.
    fn fail(&mut self, concerned: fn(&Track) -> bool) {
        self.phase = Phase::Failure;
        if let Some(run) = self.blocks.last().filter(|run| run.shape.on_failure) {
            let block = run.block;
            self.queue = run.in_batch(concerned).into_iter().map(|actor| (actor, Work::Failure(block, 0))).collect();
        }
        self.advance();
    }

    /// Once per batch, unless the block has stopped already.
    fn start_after_batch(&mut self) {
        let may_run = self.facts.stop == 0;
        let Some(run) = self.blocks.last_mut() else { return };
        if run.gate != Gate::Ahead {
            return self.start_always();
        }
        run.gate = Gate::Passed;
        let wanted = run.shape.after_batch && !run.stopped && may_run;
        let block = run.block;
        self.phase = Phase::AfterBatch;
        if wanted {
            self.queue.push_back((Actor::Controller, Work::AfterBatch(block)));
        }
        self.advance();
    }

    fn gate_failed(&mut self) {
        self.facts.gate_failed = true;
        if let Some(run) = self.blocks.last_mut() {
            run.gate = Gate::Failed;
            run.stopped = true;
        }
    }

    /// What a failed gate says is that the batch is not good, so its hosts' `on failure` runs although they did well.
    fn after_batch_over(&mut self) {
        if self.blocks.last().is_some_and(|run| run.gate == Gate::Failed) {
            self.fail(|track| track.status == Status::Ok);
        } else {
            self.start_always();
        }
    }

    /// `rollback batch` and `rollback all`: once, newest first, also those that succeeded.
    fn start_rollback(&mut self) {
        let outer = self.phase == Phase::OuterFailure;
        let all = outer || self.waiting.iter().any(|(_, scope, _)| *scope == RollbackScope::All);
        let runs = self.blocks.iter().rev().take(if outer { self.blocks.len() } else { 1 });
        self.groups = runs.flat_map(|run| run.owed_groups(all)).collect();
        self.phase = if outer { Phase::OuterRollback } else { Phase::ScopeRollback };
        self.next_group();
    }

    fn next_group(&mut self) {
        if let Some(group) = self.groups.pop_front() {
            self.queue = group.into();
            return self.advance();
        }
        let outer = self.phase == Phase::OuterRollback;
        self.phase = if outer { Phase::OuterFailure } else { Phase::Failure };
        let block = self.blocks.last().map(|run| run.block);
        let goes_on = |next| match block {
            Some(block) if !outer => Work::Failure(block, next),
            _ => Work::OuterFailure(next),
        };
        self.queue =
            std::mem::take(&mut self.waiting).into_iter().map(|(actor, _, next)| (actor, goes_on(next))).collect();
        self.advance();
    }

    fn start_always(&mut self) {
        self.phase = Phase::Always;
        if let Some(run) = self.blocks.last().filter(|run| run.shape.always) {
            let block = run.block;
            self.queue = run.in_batch(Track::started).into_iter().map(|actor| (actor, Work::Always(block))).collect();
        }
        self.advance();
    }

    fn close_batch(&mut self) {
        let Some(run) = self.blocks.last_mut() else { return };
        let (block, batch) = (run.block, run.batch + 1);
        let started = run.in_batch(Track::started);
        run.batch += 1;
        run.gate = Gate::Ahead;
        for actor in started {
            self.finish_actor(actor);
        }
        self.effects.push(Effect::BatchFinished { block, batch });
        self.start_batch();
    }

    fn close_block(&mut self) {
        let Some(run) = self.blocks.last() else { return };
        let block = run.block;
        for actor in run.tracks.keys().copied().collect::<Vec<_>>() {
            self.finish_actor(actor);
        }
        self.effects.push(Effect::BlockFinished(block));
        self.resolve_next();
    }

    fn start_outer(&mut self) {
        self.note_hosts_left_out();
        let failed = self.facts.failed || self.facts.stop >= 2 || self.blocks.iter().any(|run| run.stopped);
        self.phase = Phase::OuterFailure;
        if failed && self.outline.on_failure {
            self.queue.push_back((Actor::Controller, Work::OuterFailure(0)));
        }
        self.advance();
    }

    /// Later blocks whose able hosts never start because a threshold was passed.
    fn note_hosts_left_out(&mut self) {
        let later = self.outline.blocks.iter().skip(self.next_block).flatten();
        let able = later.copied().any(|host| !self.out.contains(&Actor::Host(host)));
        let by_hosts = |run: &BlockRun| run.stopped && !run.tracks.contains_key(&Actor::Controller);
        if able && self.blocks.last().is_some_and(by_hosts) {
            self.facts.stopped_by_threshold = true;
        }
    }

    fn start_outer_always(&mut self) {
        self.phase = Phase::OuterAlways;
        if self.outline.always {
            self.queue.push_back((Actor::Controller, Work::OuterAlways));
        }
        self.advance();
    }

    fn finish(&mut self) {
        self.phase = Phase::Over;
        let exit = exit::code(&self.facts, &self.blocks);
        self.effects.push(Effect::Finished { exit });
    }
}
