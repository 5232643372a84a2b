//! A connected plan: what each step would do now. Only `check` bodies run, and reads that decide
//! something, so nothing changes.
//! Goes over the blocks in order, and over the hosts of each at the same time; knows nothing of batches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::arguments::known;
use super::context::Context;
use super::differences::Difference;
use super::dispatcher::host_set;
use super::forecast::{Elsewhere, HostForecast, HostState, Seen};
use super::prepare::Surroundings;
use super::results::{Own, Results};
use super::schedule_data::Actor;
use crate::base::ids::{BindingId, HostId, Id, StepId};
use crate::eval::walk::walk;
use crate::eval::{Evaluated, eval};
use crate::hir::effect::Level;
use crate::hir::expr::{Expr, ExprKind, Operator};
use crate::hir::value::Value;
use crate::plan::model::{Block, BlockHosts, Guard, Item, ItemKind, Plan, Step};

/// What one step would do on one host.
#[derive(Clone, PartialEq, Debug)]
pub struct Prediction {
    pub step: String,
    pub host: String,
    pub verdict: Verdict,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// Nothing to do, or only reads.
    Ok,
    /// As it should be when it was asked: a url, or what `until` waits for.
    Now,
    /// Its guard is not true.
    Skipped,
    /// The host fails before it comes to this.
    NotReached {
        why: String,
    },
    WillChange {
        differences: Vec<Difference>,
    },
    Unknown {
        why: String,
    },
    /// It would fail.
    WillFail {
        why: String,
    },
    /// The host cannot be asked.
    Unreachable {
        why: String,
    },
}

impl Verdict {
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Now => "now",
            Verdict::Skipped => "skipped",
            Verdict::NotReached { .. } => "not_reached",
            Verdict::WillChange { .. } => "will_change",
            Verdict::Unknown { .. } => "unknown",
            Verdict::WillFail { .. } => "will_fail",
            Verdict::Unreachable { .. } => "unreachable",
        }
    }
}

/// Predictions by step, then by host, in the order of plan and inventory. `contents` asks for the contents of files too.
pub async fn predict(context: Arc<Context>, forks: usize, contents: bool) -> Vec<Prediction> {
    let plan = Arc::clone(&context.plan);
    let mut forecast = Forecast::new(context, forks, contents);
    for block in plan.blocks.values() {
        forecast.block(block).await;
    }
    forecast.end().await
}

/// What a block comes to, in order.
pub(super) enum Point {
    Step(StepId, Vec<Guard>),
    Require(Requirement),
    /// From here on it is done whatever became of the rest.
    Always,
}

pub(super) struct Requirement {
    pub(super) guards: Vec<Guard>,
    pub(super) condition: Expr,
    pub(super) message: Expr,
    /// Where it is told, among the steps.
    pub(super) order: Order,
}

/// The place of a prediction: a step's, or that of something else right behind it.
pub(super) type Order = (Option<StepId>, usize);

/// What the hosts of a block see of the others.
pub(super) struct Stage {
    pub(super) points: Vec<Point>,
    /// What is to be said of every step, without asking.
    pub(super) foregone: Option<Verdict>,
    pub(super) published: Results,
    /// Names whose results are all there, or absent in a run too.
    pub(super) foreseen: BTreeSet<BindingId>,
    pub(super) elsewhere: BTreeSet<Elsewhere>,
    /// Names that a condition or a set of hosts needs.
    pub(super) deciding: BTreeSet<BindingId>,
    pub(super) contents: bool,
    /// Hosts that failed before take part.
    pub(super) include_failed: bool,
}

struct Forecast {
    context: Arc<Context>,
    permits: Arc<Semaphore>,
    contents: bool,
    states: BTreeMap<HostId, HostState>,
    published: Results,
    foreseen: BTreeSet<BindingId>,
    elsewhere: BTreeSet<Elsewhere>,
    found: Vec<(Order, HostId, Prediction)>,
}

impl Forecast {
    fn new(context: Arc<Context>, forks: usize, contents: bool) -> Self {
        let foreseen = never_bound(&context.plan);
        Forecast {
            context,
            permits: Arc::new(Semaphore::new(forks.max(1))),
            contents,
            states: BTreeMap::new(),
            published: Results::default(),
            foreseen,
            elsewhere: BTreeSet::new(),
            found: Vec::new(),
        }
    }

    async fn block(&mut self, block: &Block) {
        let (hosts, foregone) = self.reached(block);
        let seen = self.until_nothing_is_new(block, &hosts, foregone.as_ref()).await;
        let never = matches!(foregone, Some(Verdict::Skipped));
        let settled = foregone.is_none() && seen.iter().all(|seen| seen.settled);
        self.found.extend(seen.into_iter().flat_map(|seen| seen.predictions));
        let names = self.names(block);
        if settled {
            for host in &hosts {
                let Some(state) = self.states.get(host) else { continue };
                let own = state.own.iter().filter(|(name, _)| names.contains(name));
                self.published.publish(Actor::Host(*host), &own.map(|(name, value)| (*name, value.clone())).collect());
            }
        }
        if settled || never {
            self.foreseen.extend(names);
        }
        self.on_the_controller(block);
    }

    /// Steps of the controller are not foreseen, so what they may change is not known to be as it is.
    fn on_the_controller(&mut self, block: &Block) {
        let whole = matches!(block.hosts, BlockHosts::Controller).then_some(&block.items);
        for item in whole.into_iter().flatten().chain(&block.after_batch) {
            if let ItemKind::Step(step) = item.kind {
                self.elsewhere.insert(Elsewhere { host: None, step, machine: None });
            }
        }
    }

    fn names(&self, block: &Block) -> BTreeSet<BindingId> {
        let steps =
            block.all_items().filter_map(|item| if let ItemKind::Step(step) = item.kind { Some(step) } else { None });
        steps.filter_map(|step| self.context.step(step).binding).collect()
    }

    /// Whom a block reaches, and what its conditions decide of all of it.
    fn reached(&self, block: &Block) -> (Vec<HostId>, Option<Verdict>) {
        let own = Own::new();
        let around = Surroundings {
            actor: Actor::Controller,
            published: &self.published,
            own: &own,
            batch: &[],
            foreseen: Some(&self.foreseen),
        };
        let scope = around.scope(&self.context, None);
        let unknown = |why: &str| Some(Verdict::Unknown { why: why.to_string() });
        let mut foregone = None;
        for guard in &block.guards {
            match eval(&guard.condition, &scope) {
                Ok(Evaluated::Known(value)) if (value == Value::Bool(true)) == guard.expected => {}
                Ok(Evaluated::Known(_)) => foregone = Some(Verdict::Skipped),
                _ => foregone = foregone.or_else(|| unknown("its condition depends on the run")),
            }
        }
        match &block.hosts {
            BlockHosts::Known(hosts) => (hosts.clone(), foregone),
            BlockHosts::Controller => (Vec::new(), foregone),
            BlockHosts::Pending { hosts, within, .. } => {
                let limit = within.as_ref().unwrap_or(&self.context.plan.hosts);
                match known(hosts, &scope) {
                    Ok(value) => {
                        let mut chosen = host_set(value);
                        chosen.retain(|host| within.as_ref().is_none_or(|limit| limit.contains(host)));
                        (chosen, foregone)
                    }
                    Err(_) => (limit.clone(), foregone.or_else(|| unknown("its hosts depend on the run"))),
                }
            }
        }
    }

    /// What one host does at a machine is seen by others only in the next pass; without `at` one is enough.
    async fn until_nothing_is_new(&mut self, block: &Block, hosts: &[HostId], foregone: Option<&Verdict>) -> Vec<Seen> {
        let shares = self.context.plan.steps.values().any(|step| step.runs_at.is_some());
        loop {
            let stage = Arc::new(Stage {
                points: points(block),
                foregone: foregone.cloned(),
                published: self.published.clone(),
                foreseen: self.foreseen.clone(),
                elsewhere: self.elsewhere.clone(),
                deciding: deciding(&self.context.plan),
                contents: self.contents,
                include_failed: block.include_failed,
            });
            let kept: Vec<_> = hosts.iter().filter_map(|host| Some((*host, self.states.get(host)?.memory()))).collect();
            let seen = self.pass(&stage, hosts).await;
            let known = self.elsewhere.len();
            if shares {
                self.elsewhere.extend(seen.iter().flat_map(|seen| seen.elsewhere.iter().copied()));
            }
            if self.elsewhere.len() == known {
                return seen;
            }
            for host in hosts {
                let memory = kept.iter().find(|(kept, _)| kept == host).map(|(_, memory)| memory.clone());
                if let Some(state) = self.states.get_mut(host) {
                    state.recall(memory.unwrap_or_default());
                }
            }
        }
    }

    async fn pass(&mut self, stage: &Arc<Stage>, hosts: &[HostId]) -> Vec<Seen> {
        let mut tasks = JoinSet::new();
        for host in hosts {
            let state = self.states.remove(host).unwrap_or_else(|| HostState::new(*host));
            let (context, permits, stage) = (Arc::clone(&self.context), Arc::clone(&self.permits), Arc::clone(stage));
            tasks.spawn(async move {
                // The semaphore is never closed; without a permit the host would only be asked earlier.
                let _permit = permits.acquire().await;
                HostForecast::new(&context, &stage, state).run().await
            });
        }
        let mut found = Vec::new();
        while let Some(done) = tasks.join_next().await {
            match done {
                Ok((state, seen)) => {
                    self.states.insert(state.host, state);
                    found.push(seen);
                }
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        found
    }

    async fn end(mut self) -> Vec<Prediction> {
        for state in self.states.into_values() {
            state.link.close().await;
        }
        self.context.places.close().await;
        self.found.sort_by_key(|(order, host, _)| (*order, *host));
        self.found.into_iter().map(|(_, _, prediction)| prediction).collect()
    }
}

fn deciding(plan: &Plan) -> BTreeSet<BindingId> {
    let mut found = BTreeSet::new();
    for block in plan.blocks.values() {
        block.guards.iter().for_each(|guard| add_names(plan, &guard.condition, &mut found));
        if let BlockHosts::Pending { hosts, .. } = &block.hosts {
            add_names(plan, hosts, &mut found);
        }
        for item in block.all_items() {
            item.guards.iter().for_each(|guard| add_names(plan, &guard.condition, &mut found));
            if let ItemKind::Require { condition, .. } | ItemKind::SkipIf { condition, .. } = &item.kind {
                add_names(plan, condition, &mut found);
            }
        }
    }
    found
}

/// The names in an expression, and in the `let`s that it names.
fn add_names(plan: &Plan, expr: &Expr, found: &mut BTreeSet<BindingId>) {
    walk(expr, &mut |inner| {
        if let ExprKind::Binding(name) = inner.kind
            && found.insert(name)
        {
            let values = plan.lets.iter().filter(|(bound, _)| *bound == name);
            values.for_each(|(_, value)| add_names(plan, value, found));
        }
    });
}

/// A block's items and then its `always`; what follows a `skip if` is done only where it was not true.
fn points(block: &Block) -> Vec<Point> {
    let mut points = Vec::new();
    // The steps of earlier blocks have lower numbers: what comes before the block's own is told right behind them.
    let first = block.all_items().filter_map(Item::step).min();
    let before = first.and_then(|first| first.index().checked_sub(1)).map(StepId::from_index);
    follow(&block.items, before, &mut points);
    points.push(Point::Always);
    follow(&block.always, before, &mut points);
    points
}

fn follow(items: &[Item], before: Option<StepId>, points: &mut Vec<Point>) {
    let mut shared: Vec<Guard> = Vec::new();
    let mut last = before;
    for (index, item) in items.iter().enumerate() {
        last = item.step().or(last);
        let guards = || [shared.as_slice(), &item.guards].concat();
        match &item.kind {
            ItemKind::Step(step) => points.push(Point::Step(*step, guards())),
            ItemKind::Require { condition, message, .. } => points.push(Point::Require(Requirement {
                guards: guards(),
                condition: condition.clone(),
                message: message.clone(),
                order: (last, index + 1),
            })),
            ItemKind::SkipIf { condition, .. } => {
                let reached = item.guards.iter().map(Guard::as_condition);
                let left_out = reached.reduce(and).map_or_else(|| condition.clone(), |met| and(met, condition.clone()));
                shared.push(Guard { condition: left_out, expected: false });
            }
            ItemKind::Approve(_) | ItemKind::Rollback(_) => {}
        }
    }
}

fn and(left: Expr, right: Expr) -> Expr {
    Expr::binary(Operator::And, left, right)
}

/// Names of steps that the plan does not have, chosen otherwise by `--tags` or `--from`.
fn never_bound(plan: &Plan) -> BTreeSet<BindingId> {
    let steps = plan.steps.values().filter_map(|step| step.binding);
    let bound: BTreeSet<BindingId> = steps.chain(plan.blocks.values().filter_map(|block| block.binding)).collect();
    plan.bindings.ids().filter(|binding| !bound.contains(binding)).collect()
}

/// A read that names nothing may look at whatever an earlier step has yet to change.
pub(super) fn looks_anywhere(step: &Step) -> bool {
    step.row.level == Level::Read && step.touches.is_empty()
}
