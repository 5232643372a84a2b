//! What starts when, who is out, which clauses and rollbacks are owed, and the exit code: `input -> effects`.
//! Pure: knows neither clock nor sessions nor what a step does. The dispatcher does the work and tells what ended.

use std::collections::VecDeque;

use super::exit;
use super::schedule_block::Common;
use super::schedule_data::*;
use crate::base::ids::{BlockId, HostId, Id};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Resolving,
    Blocks,
    OuterFailure,
    OuterRollback,
    OuterAlways,
    Over,
}

/// The state machine of one run.
#[derive(Clone, Debug)]
pub struct Schedule {
    outline: Outline,
    pub(super) stage: Stage,
    /// The last ones, from `open` on, are under way; those before them are over.
    blocks: Vec<BlockRun>,
    open: usize,
    next_group: usize,
    /// Blocks of the next group that are not decided yet, and those that are.
    resolving: VecDeque<BlockId>,
    resolved: Vec<BlockRun>,
    /// Work of the playbook's own clauses: theirs, and the rollbacks that they ask for.
    queue: VecDeque<(Actor, Work)>,
    /// Where the playbook's `on failure` goes on after `rollback all`.
    goes_on: Option<usize>,
    /// Groups still to roll back, each after the one before it.
    groups: VecDeque<Vec<(Actor, Work)>>,
    common: Common,
}

impl Schedule {
    pub fn new(outline: Outline) -> Self {
        Schedule {
            outline,
            stage: Stage::Resolving,
            blocks: Vec::new(),
            open: 0,
            next_group: 0,
            resolving: VecDeque::new(),
            resolved: Vec::new(),
            queue: VecDeque::new(),
            goes_on: None,
            groups: VecDeque::new(),
            common: Common::default(),
        }
    }

    /// The one door: everything that happens comes in here, everything to do goes out here.
    pub fn handle(&mut self, input: Input) -> Vec<Effect> {
        if self.stage != Stage::Over {
            match input {
                Input::Begin => self.resolve_group(),
                Input::Resolved(shape) => self.resolved(shape),
                Input::NotResolved => self.not_resolved(),
                Input::Ended(actor, end) => self.ended(actor, end),
                Input::Stop(level) => self.stop(level),
                Input::Expired => {
                    self.common.facts.timed_out = true;
                    self.stop(2);
                }
            }
        }
        std::mem::take(&mut self.common.effects)
    }

    /// Blocks that run or have run, in order.
    pub fn blocks(&self) -> &[BlockRun] {
        &self.blocks
    }

    /// Hosts of a block's current batch that have started.
    pub fn current_batch(&self, block: BlockId) -> Vec<HostId> {
        let run = self.blocks.iter().find(|run| run.block == block);
        run.into_iter().flat_map(|run| run.in_batch(Track::started)).filter_map(Actor::host).collect()
    }

    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    fn stop(&mut self, level: u8) {
        self.common.facts.stop = self.common.facts.stop.max(level);
        if level >= 3 {
            self.common.effects.push(Effect::Abandon);
            self.note_hosts_cut_off();
            self.finish();
        }
    }

    /// The blocks of a group are all decided before one of them begins.
    fn resolve_group(&mut self) {
        self.stage = Stage::Resolving;
        match self.outline.groups.get(self.next_group) {
            Some(group) if self.common.facts.stop == 0 && !self.common.stopped => {
                self.next_group += 1;
                self.resolving = group.iter().copied().collect();
                self.resolve_block();
            }
            _ => self.start_outer(),
        }
    }

    fn resolve_block(&mut self) {
        match self.resolving.front() {
            Some(block) => self.common.effects.push(Effect::Resolve(*block)),
            None if self.resolved.is_empty() => self.resolve_group(),
            None => self.open_group(),
        }
    }

    fn resolved(&mut self, shape: Option<Shape>) {
        if let (Some(block), Some(shape)) = (self.resolving.pop_front(), shape) {
            self.resolved.push(BlockRun::new(block, shape));
        }
        self.resolve_block();
    }

    fn not_resolved(&mut self) {
        self.resolving.clear();
        self.resolved.clear();
        self.common.facts.failed = true;
        self.start_outer();
    }

    fn open_group(&mut self) {
        if let Some((host, blocks)) = in_two_blocks(&self.resolved) {
            self.common.effects.push(Effect::HostInTwoBlocks { host, blocks });
            return self.not_resolved();
        }
        self.stage = Stage::Blocks;
        self.open = self.blocks.len();
        for mut run in std::mem::take(&mut self.resolved) {
            run.start_batch(&mut self.common);
            self.blocks.push(run);
        }
        self.advance();
    }

    fn ended(&mut self, actor: Actor, end: End) {
        let Some(work) = self.common.running.remove(&actor) else { return };
        if end == End::Crashed {
            self.common.facts.bug = true;
        }
        if let End::Waits { differs } = end {
            self.common.facts.waits = Some(if differs { exit::DIFFERS } else { exit::WAITS });
            return self.advance();
        }
        match (work, end) {
            (Work::OuterFailure(_), End::AsksRollback(_, next)) => self.goes_on = Some(next),
            (Work::OuterFailure(_) | Work::OuterAlways, End::Ok) => {}
            (Work::OuterFailure(_) | Work::OuterAlways, _) => self.common.facts.failed = true,
            (Work::Rollback(block), end) if self.stage == Stage::OuterRollback => {
                if let Some(run) = self.blocks.iter_mut().find(|run| run.block == block) {
                    run.rollback_ended(actor, end, &mut self.common);
                }
            }
            (
                Work::Main(block)
                | Work::Failure(block, _)
                | Work::Rollback(block)
                | Work::AfterBatch(block)
                | Work::Always(block),
                end,
            ) => {
                if let Some(run) = self.blocks.iter_mut().find(|run| run.block == block) {
                    run.ended(actor, (work, end), &mut self.common);
                }
            }
        }
        self.advance();
    }

    /// Starts what may start; where nothing runs and nothing may start, the next thing begins.
    fn advance(&mut self) {
        if self.common.facts.waits.is_some() {
            return self.wait();
        }
        match self.stage {
            Stage::Blocks => self.advance_blocks(),
            Stage::OuterFailure | Stage::OuterRollback | Stage::OuterAlways => self.advance_outer(),
            Stage::Resolving | Stage::Over => {}
        }
    }

    /// What is at work ends as it ends; no clause judges a run that is to go on.
    fn wait(&mut self) {
        if self.common.running.is_empty() {
            self.finish();
        }
    }

    fn advance_blocks(&mut self) {
        let forks = self.outline.forks.max(1);
        loop {
            let under_way = self.blocks.get_mut(self.open..).unwrap_or_default();
            let mut moved = false;
            // In turn, so that no block of a `parallel` has all the forks.
            for run in under_way.iter_mut() {
                if run.phase != Phase::Over && run.is_idle(&self.common) {
                    run.phase_over(&mut self.common);
                    moved = true;
                } else if self.common.running.len() < forks {
                    moved |= run.start_one(&mut self.common);
                }
            }
            if under_way.iter().all(|run| run.phase == Phase::Over) {
                return self.resolve_group();
            }
            if !moved {
                return;
            }
        }
    }

    fn advance_outer(&mut self) {
        while self.common.running.len() < self.outline.forks.max(1) {
            let Some((actor, work)) = self.queue.pop_front() else { break };
            self.common.begin(actor, work);
        }
        if self.common.running.is_empty() {
            match self.stage {
                Stage::OuterFailure if self.goes_on.is_some() => self.start_outer_rollback(),
                Stage::OuterFailure => self.start_outer_always(),
                Stage::OuterRollback => self.next_group(),
                _ => self.finish(),
            }
        }
    }

    fn start_outer(&mut self) {
        self.note_hosts_left_out();
        let facts = &self.common.facts;
        let failed = facts.failed || facts.stop >= 2 || self.blocks.iter().any(|run| run.stopped);
        self.stage = Stage::OuterFailure;
        if failed && self.outline.on_failure {
            self.queue.push_back((Actor::Controller, Work::OuterFailure(0)));
        }
        self.advance();
    }

    /// Later blocks whose able hosts never start.
    fn note_hosts_left_out(&mut self) {
        let by_hosts = |run: &BlockRun| run.stopped && !run.tracks.contains_key(&Actor::Controller);
        let by_threshold = self.blocks.iter().any(by_hosts);
        for block in self.outline.groups.iter().skip(self.next_group).flatten() {
            let hosts = self.outline.blocks.get(block.index()).into_iter().flatten().map(|host| Actor::Host(*host));
            let able: Vec<Actor> = hosts.filter(|host| !self.common.out.contains(host)).collect();
            self.common.facts.stopped_by_threshold |= by_threshold && !able.is_empty();
            self.common.leave_out(*block, able, self.common.reason());
        }
    }

    /// Everything is cut off before the blocks have closed.
    fn note_hosts_cut_off(&mut self) {
        if !matches!(self.stage, Stage::Resolving | Stage::Blocks) {
            return;
        }
        let under_way = self.blocks.get(self.open..).unwrap_or_default();
        for run in under_way.iter().filter(|run| run.phase != Phase::Over) {
            run.note_hosts_left_out(&mut self.common);
        }
        self.note_hosts_left_out();
    }

    /// `rollback all` of the playbook: every block, the newest first, also hosts that succeeded.
    fn start_outer_rollback(&mut self) {
        self.groups = self.blocks.iter().rev().flat_map(|run| run.owed_groups(true)).collect();
        self.stage = Stage::OuterRollback;
        self.next_group();
    }

    fn next_group(&mut self) {
        if let Some(group) = self.groups.pop_front() {
            self.queue = group.into();
        } else {
            self.stage = Stage::OuterFailure;
            self.queue.extend(self.goes_on.take().map(|next| (Actor::Controller, Work::OuterFailure(next))));
        }
        self.advance();
    }

    fn start_outer_always(&mut self) {
        self.stage = Stage::OuterAlways;
        if self.outline.always {
            self.queue.push_back((Actor::Controller, Work::OuterAlways));
        }
        self.advance();
    }

    fn finish(&mut self) {
        self.stage = Stage::Over;
        let exit = exit::code(&self.common.facts, &self.blocks);
        self.common.effects.push(Effect::Finished { exit });
    }
}

/// A host does one thing at a time, so no two blocks at once may have it.
fn in_two_blocks(runs: &[BlockRun]) -> Option<(HostId, [BlockId; 2])> {
    runs.iter().enumerate().find_map(|(index, later)| {
        let hosts = later.tracks.keys().filter_map(|actor| actor.host());
        let earlier = |host: HostId| {
            let first = runs.iter().take(index).find(|run| run.tracks.contains_key(&Actor::Host(host)));
            first.map(|run| (host, [run.block, later.block]))
        };
        hosts.filter_map(earlier).next()
    })
}
