//! One actor's stretches of work: the items of a block or a clause in order, and the way back over its steps.
//! Knows nothing of other hosts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::Context;
use super::errors::StepError;
use super::event::{EventKind, Evidence, HostRecap, Outcome};
use super::link::Link;
use super::predict::touch_overlap;
use super::results::{Flags, Own, Recorded, Results};
use super::schedule::{Actor, End, Work};
use super::scope::RunScope;
use super::step::{Done, StepRun, Undo};
use super::undo_order::undo_order;
use crate::base::ids::{BindingId, BlockId, StepId};
use crate::eval::eval_condition;
use crate::hir::effect::Kind;
use crate::hir::value::Value;
use crate::plan::model::{Guard, Item, ItemKind};

/// Everything that belongs to one actor during a run. It moves into the stretch of work that uses it and back.
pub struct ActorState {
    pub link: Link,
    pub own: Own,
    pub recap: HostRecap,
    pub changed: BTreeMap<BlockId, bool>,
    /// Steps that changed something, or may have, in the order they ran.
    undo: BTreeMap<BlockId, Vec<Undo>>,
    /// Names bound in each block, absent again after its rollback.
    bound: BTreeMap<BlockId, Vec<BindingId>>,
}

impl ActorState {
    pub fn new(context: &Context, actor: Actor) -> Self {
        ActorState {
            link: Link::new(actor),
            own: Own::new(),
            recap: HostRecap { host: context.name(actor), ..HostRecap::default() },
            changed: BTreeMap::new(),
            undo: BTreeMap::new(),
            bound: BTreeMap::new(),
        }
    }

    fn bound_in(&self, block: BlockId) -> &[BindingId] {
        self.bound.get(&block).map_or(&[], Vec::as_slice)
    }

    fn count(&mut self, outcome: Outcome) {
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
}

impl Worker {
    /// Does the work; the state comes back with how it ended.
    pub async fn run(mut self) -> (ActorState, End) {
        let context = Arc::clone(&self.context);
        let plan = &context.plan;
        let end = match self.work {
            Work::Main(block) => match plan.blocks.get(block) {
                Some(planned) => self.items(&planned.items, 0, Some(block)).await,
                None => End::Crashed,
            },
            Work::Failure(block, from) => match plan.blocks.get(block) {
                Some(planned) => self.items(&planned.on_failure, from, Some(block)).await,
                None => End::Crashed,
            },
            Work::Always(block) => match plan.blocks.get(block) {
                Some(planned) => self.items(&planned.always, 0, Some(block)).await,
                None => End::Crashed,
            },
            Work::OuterFailure(from) => self.items(&plan.on_failure, from, None).await,
            Work::OuterAlways => self.items(&plan.always, 0, None).await,
            Work::Rollback(block) => self.rollback(block).await,
        };
        (self.state, end)
    }

    async fn items(&mut self, items: &[Item], from: usize, block: Option<BlockId>) -> End {
        for (index, item) in items.iter().enumerate().skip(from) {
            if matches!(self.work, Work::Main(_)) && self.context.is_halted() {
                return End::Cancelled;
            }
            match self.item(item, index, block).await {
                Ok(()) => {}
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
            (Ok(true), ItemKind::Require { condition, message, .. }) => {
                let met = self.scoped(|scope| eval_condition(condition, scope)).map_err(StepError::Expression);
                match met {
                    Ok(Some(true)) => Ok(()),
                    Ok(_) => {
                        let text = self.scoped(|scope| super::arguments::known(message, scope));
                        let message = match text {
                            Ok(Value::String(text)) => text,
                            Ok(other) => other.literal(),
                            Err(error) => error.to_string(),
                        };
                        Err(self.refused("require", &StepError::Required { message }))
                    }
                    Err(error) => Err(self.refused("require", &error)),
                }
            }
            (Ok(true), ItemKind::Rollback(scope)) => Err(End::AsksRollback(*scope, index + 1)),
            (Ok(false), ItemKind::Require { .. } | ItemKind::Rollback(_)) => Ok(()),
            (Err(error), _) => Err(self.refused("if", &error)),
        }
    }

    /// A guard whose condition is unknown counts as false.
    fn applies(&self, guards: &[Guard]) -> Result<bool, StepError> {
        for guard in guards {
            let met = self.scoped(|scope| eval_condition(&guard.condition, scope)).map_err(StepError::Expression)?;
            if met.unwrap_or(false) != guard.expected {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn scoped<T>(&self, ask: impl FnOnce(&RunScope<'_>) -> T) -> T {
        let host = if let Actor::Host(host) = self.state.link.actor { Some(host) } else { None };
        ask(&RunScope {
            plan: &self.context.plan,
            inventory: &self.context.inventory,
            files: self.context.files.as_ref(),
            secrets: &self.context.secrets,
            published: &self.published,
            own: &self.state.own,
            host,
            it: None,
        })
    }

    async fn step(&mut self, id: StepId, block: Option<BlockId>) -> Result<(), End> {
        let step_run = StepRun {
            context: &self.context,
            link: &mut self.state.link,
            published: &self.published,
            own: &self.state.own,
            id,
            applied: block.map_or(0, |block| self.state.undo.get(&block).map_or(0, Vec::len)),
        };
        let done = step_run.run().await;
        self.state.count(done.outcome);
        self.keep(id, block, done)
    }

    fn keep(&mut self, id: StepId, block: Option<BlockId>, done: Done) -> Result<(), End> {
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
            Outcome::Unreachable => Err(End::Unreachable),
            Outcome::TimedOut => Err(End::TimedOut),
            Outcome::Failed | Outcome::RollbackFailed => Err(End::Failed),
            Outcome::Cancelled => Err(End::Cancelled),
            Outcome::Ok | Outcome::Changed | Outcome::Skipped | Outcome::Ignored | Outcome::RolledBack => Ok(()),
        }
    }

    fn bind(&mut self, binding: BindingId, block: Option<BlockId>, recorded: Recorded) {
        self.state.own.insert(binding, recorded);
        if let Some(block) = block {
            self.state.bound.entry(block).or_default().push(binding);
        }
    }

    /// A step behind a guard that is not true: its result is absent, and reports say so.
    fn skipped(&mut self, id: StepId) {
        let step = self.context.step(id);
        // Both branches of an `if` may bind one name: the branch not taken must not hide the other's result.
        if let Some(binding) = step.binding {
            let absent = || Recorded { value: Value::None, flags: Flags { skipped: true, ..Flags::default() } };
            self.state.own.entry(binding).or_insert_with(absent);
        }
        self.state.count(Outcome::Skipped);
        self.tell(&step.name, Outcome::Skipped, None);
    }

    fn refused(&mut self, what: &str, error: &StepError) -> End {
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
        let owed = self.state.undo.remove(&block).unwrap_or_default();
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
                Err(error) if error.is_unreachable() => {
                    reachable = false;
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

    fn undo_order<'u>(&self, owed: &'u [Undo]) -> Vec<&'u Undo> {
        let step = |index: usize| owed.get(index).map(|undo| self.context.step(undo.step));
        let repeatable = |index: usize| step(index).is_some_and(|step| step.kind == Kind::Repeatable);
        // A step that does not say what it touches may have written what the restart must read again.
        let overlaps = |earlier: usize, later: usize| match (step(earlier), step(later)) {
            (Some(earlier), Some(later)) if !earlier.touches_undeclared => touch_overlap(earlier, later),
            _ => false,
        };
        undo_order(owed.len(), repeatable, overlaps).into_iter().filter_map(|index| owed.get(index)).collect()
    }

    async fn undo(&mut self, undo: &Undo) -> Result<bool, StepError> {
        let step_run = StepRun {
            context: &self.context,
            link: &mut self.state.link,
            published: &self.published,
            own: &self.state.own,
            id: undo.step,
            applied: 0,
        };
        step_run.undo_step(undo).await
    }

    fn forget(&mut self, block: BlockId) {
        for binding in self.state.bound_in(block).to_vec() {
            self.state.own.remove(&binding);
        }
        self.state.changed.insert(block, false);
    }
}
