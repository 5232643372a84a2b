//! One actor's stretches of work: the items of a block or a clause in order, and the way back over its steps.
//! Knows nothing of other hosts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::MutexGuard;

use super::context::Context;
use super::errors::StepError;
use super::event::{EventKind, Evidence, HostRecap, Outcome};
use super::link::Link;
use super::places::{Shared, machine};
use super::prepare::Surroundings;
use super::results::{Flags, Own, Recorded, Results};
use super::schedule_data::{Actor, End, Work};
use super::scope::RunScope;
use super::step::{Done, StepRun, Undo};
use super::undo_order::{Rules, undo_order};
use crate::base::ids::{BindingId, BlockId, HostId, StepId};
use crate::eval::eval_condition;
use crate::hir::effect::{Kind, Level};
use crate::hir::expr::Expr;
use crate::hir::value::Value;
use crate::plan::model::{Block, BlockHosts, Guard, Item, ItemKind};
use crate::plan::touches::touch_overlap;

/// Everything that belongs to one actor during a run. It moves into the stretch of work that uses it and back.
pub struct ActorState {
    pub actor: Actor,
    pub link: Link,
    /// Links for what a `parallel` does beside the first of its steps.
    pub beside: Vec<Link>,
    pub own: Own,
    pub recap: HostRecap,
    pub changed: BTreeMap<BlockId, bool>,
    /// Steps that changed something, or may have, in the order they ran.
    undo: BTreeMap<BlockId, Vec<Undo>>,
    /// Blocks that were gone back over: nothing of earlier runs is owed there any more.
    gone_back: BTreeSet<BlockId>,
    /// Names bound in each block, absent again after its rollback.
    bound: BTreeMap<BlockId, Vec<BindingId>>,
}

impl ActorState {
    pub fn new(context: &Context, actor: Actor) -> Self {
        ActorState {
            actor,
            link: Link::new(actor.host()),
            beside: Vec::new(),
            own: Own::new(),
            recap: HostRecap { host: context.name(actor), ..HostRecap::default() },
            changed: BTreeMap::new(),
            undo: BTreeMap::new(),
            gone_back: BTreeSet::new(),
            bound: BTreeMap::new(),
        }
    }

    pub async fn close(self) {
        for link in self.beside {
            link.close().await;
        }
        self.link.close().await;
    }

    fn bound_in(&self, block: BlockId) -> &[BindingId] {
        self.bound.get(&block).map_or(&[], Vec::as_slice)
    }

    pub(super) fn count(&mut self, outcome: Outcome) {
        let recap = &mut self.recap;
        match outcome {
            Outcome::Ok | Outcome::Ignored => recap.ok += 1,
            Outcome::Changed => {
                recap.ok += 1;
                recap.changed += 1;
            }
            Outcome::Skipped => recap.skipped += 1,
            Outcome::Failed | Outcome::TimedOut | Outcome::Cancelled => recap.failed += 1,
            Outcome::Unreachable => recap.unreachable += 1,
            Outcome::RolledBack => recap.rolled_back += 1,
            Outcome::RollbackFailed => recap.failed += 1,
        }
    }
}

/// One stretch of work under way.
pub struct Worker {
    pub context: Arc<Context>,
    pub published: Arc<Results>,
    pub state: ActorState,
    pub work: Work,
    /// The hosts of the batch, for `after batch`.
    pub batch: Vec<HostId>,
    /// Its number, from 1, and how many there are.
    pub batch_of: Option<(usize, usize)>,
}

impl Worker {
    /// Does the work; the state comes back with how it ended.
    pub async fn run(mut self) -> (ActorState, End) {
        let context = Arc::clone(&self.context);
        let plan = &context.plan;
        let end = match self.work {
            Work::Main(block) => match self.lock_if_new(block).await {
                Ok(()) => self.clause(block, |block| &block.items, 0).await,
                Err(end) => end,
            },
            Work::Failure(block, from) => self.clause(block, |block| &block.on_failure, from).await,
            Work::AfterBatch(block) => self.clause(block, |block| &block.after_batch, 0).await,
            Work::Always(block) => self.clause(block, |block| &block.always, 0).await,
            Work::OuterFailure(from) => self.items(&plan.on_failure, from, None).await,
            Work::OuterAlways => self.items(&plan.always, 0, None).await,
            Work::Rollback(block) => self.rollback(block).await,
        };
        (self.state, end)
    }

    /// Hosts that the run decides are locked when it does, unless nothing changes.
    async fn lock_if_new(&mut self, id: BlockId) -> Result<(), End> {
        let context = Arc::clone(&self.context);
        let Some(block) = context.plan.blocks.get(id) else { return Ok(()) };
        let decided_late = matches!(block.hosts, BlockHosts::Pending { .. });
        if !decided_late || context.plan.row.level == Level::Read {
            return Ok(());
        }
        let locked = context.lock(self.state.recap.host.clone()).await;
        locked.map_err(|error| self.refused(&block.name, &error))
    }

    async fn clause(&mut self, id: BlockId, items: fn(&Block) -> &[Item], from: usize) -> End {
        let context = Arc::clone(&self.context);
        match context.plan.blocks.get(id) {
            Some(block) => self.items(items(block), from, Some(id)).await,
            None => End::Crashed,
        }
    }

    async fn items(&mut self, items: &[Item], from: usize, block: Option<BlockId>) -> End {
        let mut index = from;
        while let Some(item) = items.get(index) {
            if matches!(self.work, Work::Main(_)) && self.context.is_halted() {
                return End::Cancelled;
            }
            let together = together(items, index);
            let done = if together.len() > 1 {
                self.at_the_same_time(together, block).await
            } else {
                self.item(item, index, block).await
            };
            index += together.len();
            match done {
                Ok(()) => {}
                Err(End::Skipped) => {
                    items.iter().skip(index).for_each(|rest| self.passed_over(rest));
                    return End::Skipped;
                }
                Err(end) => return end,
            }
        }
        End::Ok
    }

    async fn item(&mut self, item: &Item, index: usize, block: Option<BlockId>) -> Result<(), End> {
        match (self.applies(&item.guards), &item.kind) {
            (Ok(true), ItemKind::Step(step)) => self.step(*step, block).await,
            (Ok(false), ItemKind::Step(step)) => {
                self.skipped(*step);
                Ok(())
            }
            (Ok(true), ItemKind::Require { condition, message, .. }) => self.required(condition, message),
            (Ok(true), ItemKind::SkipIf { condition, reason, .. }) => self.left_out(condition, reason),
            (Ok(true), ItemKind::Approve(gate)) => self.gate(*gate).await,
            (Ok(true), ItemKind::Rollback(scope)) => Err(End::AsksRollback(*scope, index + 1)),
            (Ok(false), _) => Ok(()),
            (Err(error), _) => Err(self.refused("if", &error)),
        }
    }

    fn required(&mut self, condition: &Expr, message: &Expr) -> Result<(), End> {
        match self.holds(condition) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let message = self.text(message);
                Err(self.refused("require", &StepError::Required { message }))
            }
            Err(error) => Err(self.refused("require", &error)),
        }
    }

    /// `skip if`: unknown counts as false, as in `if`.
    fn left_out(&mut self, condition: &Expr, reason: &Expr) -> Result<(), End> {
        match self.holds(condition) {
            Ok(false) => Ok(()),
            Ok(true) => {
                self.state.count(Outcome::Skipped);
                self.tell("skip if", Outcome::Skipped, Some(self.text(reason)));
                Err(End::Skipped)
            }
            Err(error) => Err(self.refused("skip if", &error)),
        }
    }

    fn holds(&self, condition: &Expr) -> Result<bool, StepError> {
        let met = self.scoped(|scope| eval_condition(condition, scope)).map_err(StepError::Expression)?;
        Ok(met == Some(true))
    }

    fn text(&self, message: &Expr) -> String {
        match self.scoped(|scope| super::arguments::known(message, scope)) {
            Ok(Value::String(text)) => text,
            Ok(other) => other.literal(),
            Err(error) => error.to_string(),
        }
    }

    /// A guard whose condition is unknown counts as false.
    pub(super) fn applies(&self, guards: &[Guard]) -> Result<bool, StepError> {
        for guard in guards {
            if self.holds(&guard.condition)? != guard.expected {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn scoped<T>(&self, ask: impl FnOnce(&RunScope<'_>) -> T) -> T {
        ask(&self.around().scope(&self.context, None))
    }

    fn around(&self) -> Surroundings<'_> {
        Surroundings {
            actor: self.state.actor,
            published: &self.published,
            own: &self.state.own,
            batch: &self.batch,
            foreseen: None,
        }
    }

    async fn step(&mut self, id: StepId, block: Option<BlockId>) -> Result<(), End> {
        let place = match self.place(id) {
            Ok(place) => place,
            Err(error) => {
                let name = self.context.step(id).name.clone();
                return Err(self.refused(&name, &error));
            }
        };
        let mut shared = lock(&place).await;
        let applied = self.applied(block);
        let done = self.step_run(id, shared.as_deref_mut(), applied).run().await;
        drop(shared);
        self.state.count(done.outcome);
        self.keep(id, block, done)
    }

    /// How many steps of the block have changed this host so far.
    pub(super) fn applied(&self, block: Option<BlockId>) -> usize {
        block.map_or(0, |block| self.state.undo.get(&block).map_or(0, Vec::len))
    }

    /// The machine of an `at`, where the step stands in one.
    fn place(&self, id: StepId) -> Result<Option<Shared>, StepError> {
        let Some(place) = &self.context.step(id).runs_at else { return Ok(None) };
        let machine = self.scoped(|scope| machine(place, scope))?;
        Ok(Some(self.context.places.link(machine)))
    }

    fn step_run<'a>(&'a mut self, id: StepId, shared: Option<&'a mut Link>, applied: usize) -> StepRun<'a> {
        StepRun {
            context: &self.context,
            link: shared.unwrap_or(&mut self.state.link),
            around: Surroundings {
                actor: self.state.actor,
                published: &self.published,
                own: &self.state.own,
                batch: &self.batch,
                foreseen: None,
            },
            id,
            applied,
        }
    }

    pub(super) fn keep(&mut self, id: StepId, block: Option<BlockId>, done: Done) -> Result<(), End> {
        let outcome = done.outcome;
        let main = matches!(self.work, Work::Main(_));
        if let Some(block) = block {
            *self.state.changed.entry(block).or_default() |= done.recorded.flags.changed;
            if let (Some(undo), true) = (done.undo, main) {
                self.state.undo.entry(block).or_default().push(undo);
            }
        }
        if let Some(binding) = self.context.step(id).binding {
            self.bind(binding, block, done.recorded);
        }
        match outcome {
            _ if outcome.goes_on() => Ok(()),
            Outcome::Unreachable => Err(End::Unreachable),
            Outcome::TimedOut => Err(End::TimedOut),
            Outcome::Cancelled => Err(End::Cancelled),
            _ => Err(End::Failed),
        }
    }

    fn bind(&mut self, binding: BindingId, block: Option<BlockId>, recorded: Recorded) {
        self.state.own.insert(binding, recorded);
        if let Some(block) = block {
            self.state.bound.entry(block).or_default().push(binding);
        }
    }

    fn passed_over(&mut self, item: &Item) {
        if let ItemKind::Step(step) = item.kind {
            self.skipped(step);
        }
    }

    /// A step behind a guard that is not true: its result is absent, and reports say so.
    pub(super) fn skipped(&mut self, id: StepId) {
        let step = self.context.step(id);
        // Both branches of an `if` may bind one name: the branch not taken must not hide the other's result.
        if let Some(binding) = step.binding {
            let absent = || Recorded { value: Value::None, flags: Flags { skipped: true, ..Flags::default() } };
            self.state.own.entry(binding).or_insert_with(absent);
        }
        self.state.count(Outcome::Skipped);
        self.tell(&step.name, Outcome::Skipped, None);
    }

    pub(super) fn refused(&mut self, what: &str, error: &StepError) -> End {
        self.state.count(Outcome::Failed);
        self.tell(what, Outcome::Failed, Some(error.to_string()));
        End::Failed
    }

    fn tell(&self, step: &str, outcome: Outcome, error: Option<String>) {
        self.context.events.emit(EventKind::StepFinished {
            step: step.to_string(),
            host: self.state.recap.host.clone(),
            attempt: 1,
            outcome,
            error: error.map(|error| self.context.redactor().clean(&error)),
            evidence: Evidence::default(),
        });
    }

    /// Undoes this actor's steps of a block, the last first, restarts at the end. One that fails does not keep the others
    /// from it.
    async fn rollback(&mut self, block: BlockId) -> End {
        let mut owed = self.state.undo.remove(&block).unwrap_or_default();
        if self.state.gone_back.insert(block) {
            self.owe_earlier(block, &mut owed);
        }
        let name = self.context.plan.blocks.get(block).map(|block| block.name.clone()).unwrap_or_default();
        let host = self.state.recap.host.clone();
        if owed.is_empty() {
            self.forget(block);
            return End::NothingToUndo;
        }
        let started = EventKind::RollbackStarted { block: name.clone(), host: host.clone(), steps: owed.len() };
        self.context.events.emit(started);
        let (mut clean, mut left, mut reachable) = (true, Vec::new(), true);
        for undo in self.undo_order(&owed) {
            let step = self.context.step(undo.step).name.clone();
            if !reachable {
                left.push(step);
                continue;
            }
            match self.undo(undo).await {
                Ok(true) => self.state.count(Outcome::RolledBack),
                Ok(false) => left.push(step),
                Err(error) if error.is_unreachable() && self.context.step(undo.step).runs_at.is_none() => {
                    reachable = false;
                    self.state.count(Outcome::Unreachable);
                    left.push(step);
                }
                Err(_) => {
                    clean = false;
                    self.state.count(Outcome::RollbackFailed);
                    left.push(step);
                }
            }
        }
        let complete = left.is_empty();
        self.forget(block);
        self.context.events.emit(EventKind::RollbackFinished { block: name, host, clean: clean && reachable, left });
        if reachable { End::RolledBack { clean, complete } } else { End::Unreachable }
    }

    /// Steps that earlier runs did on this host and this one did not come to.
    fn owe_earlier(&self, block: BlockId, owed: &mut Vec<Undo>) {
        let of_plan = |name: &str| self.context.plan.steps.iter().find(|(_, step)| step.name == name).map(|(id, _)| id);
        let changes = self.context.earlier.changes(block, &self.state.recap.host);
        let mut earlier: Vec<_> = changes.filter_map(|(name, left)| Some((of_plan(name)?, left))).collect();
        // In the order of the plan: a step that was looked at again, or was done again, is no later one for that.
        earlier.sort_by_key(|(step, _)| *step);
        for (id, left) in earlier {
            if owed.iter().all(|undo| undo.step != id) {
                owed.push(Undo::earlier(id, left));
            }
        }
    }

    fn undo_order<'u>(&self, owed: &'u [Undo]) -> Vec<&'u Undo> {
        let step = |index: usize| owed.get(index).map(|undo| self.context.step(undo.step));
        let repeatable = |index: usize| step(index).is_some_and(|step| step.kind == Kind::Repeatable);
        // A step that does not say what it touches may have written what the restart must read again.
        let overlaps = |earlier: usize, later: usize| match (step(earlier), step(later)) {
            (Some(earlier), Some(later)) if !earlier.touches_undeclared => touch_overlap(earlier, later),
            _ => false,
        };
        let elsewhere = |index: usize| step(index).is_some_and(|step| step.runs_at.is_some());
        undo_order(owed.len(), &Rules { repeatable, elsewhere, overlaps })
            .into_iter()
            .filter_map(|index| owed.get(index))
            .collect()
    }

    async fn undo(&mut self, undo: &Undo) -> Result<bool, StepError> {
        let place = self.place(undo.step)?;
        let mut shared = lock(&place).await;
        self.step_run(undo.step, shared.as_deref_mut(), 0).undo_step(undo).await
    }

    fn forget(&mut self, block: BlockId) {
        for binding in self.state.bound_in(block).to_vec() {
            self.state.own.remove(&binding);
        }
        self.state.changed.insert(block, false);
    }
}

/// The items of one `parallel`, else the one item.
fn together(items: &[Item], index: usize) -> &[Item] {
    let rest = items.get(index..).unwrap_or_default();
    let parallel = rest.first().and_then(|item| item.parallel.as_ref());
    let others = rest.iter().skip(1).take_while(|item| parallel.is_some() && item.parallel.as_ref() == parallel);
    rest.get(..1 + others.count()).unwrap_or_default()
}

async fn lock(place: &Option<Shared>) -> Option<MutexGuard<'_, Link>> {
    match place {
        Some(shared) => Some(shared.lock().await),
        None => None,
    }
}
