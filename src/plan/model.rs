//! The plan: blocks, steps bound to hosts, edges with reasons. What `run` executes and `report` prints.
//! Control flow is already flat: a step under `if` carries its guards. Knows nothing of how steps reach a host.

use super::batches;
use crate::base::ids::{ActionId, BindingId, BlockId, GateId, HostId, IdVec, StepId};
use crate::base::source::Span;
use crate::hir::effect::{Kind, Level, Row};
use crate::hir::expr::Expr;
use crate::hir::program::{Binding, RollbackScope};
use crate::hir::schedule::Schedule;
use crate::hir::types::Os;
use crate::hir::value::Value;
use crate::hir::world::{Host, Inventory};

/// A finite, canonical plan. The program and the inventory it was made from are needed to run it.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    pub playbook: String,
    pub doc: String,
    /// `sha256:…`, see `plan::digest`.
    pub digest: String,
    pub row: Row,
    /// Parameters by name, in the order declared.
    pub inputs: Vec<(String, Value)>,
    /// Parameters by binding, so that expressions find them.
    pub params: Vec<(BindingId, Value)>,
    /// Every name: the playbook's, and those of single rounds.
    pub bindings: IdVec<BindingId, Binding>,
    /// `let`s, and what names bound in loops are after them: evaluated where they are used, since expressions have no
    /// effects.
    pub lets: Vec<(BindingId, Expr)>,
    /// Hosts of all blocks known now, in inventory order.
    pub hosts: Vec<HostId>,
    /// In program order; they follow each other.
    pub blocks: IdVec<BlockId, Block>,
    pub steps: IdVec<StepId, Step>,
    /// The playbook's own clauses, on the controller.
    pub on_failure: Vec<Item>,
    pub always: Vec<Item>,
    /// Approvals, in program order.
    pub gates: IdVec<GateId, Gate>,
    pub schedule: Option<Schedule>,
    /// Milliseconds after a scheduled time in which a run may still begin.
    pub window: Option<u64>,
    /// Milliseconds.
    pub max_duration: Option<u64>,
    pub assumptions: Vec<String>,
    pub warnings: Vec<String>,
}

impl Plan {
    /// The worst that any of its steps does.
    pub fn level(&self) -> Level {
        self.steps.values().map(|step| step.row.level).max().unwrap_or(Level::Read)
    }

    /// Blocks by what runs at the same time, in program order.
    pub fn groups(&self) -> Vec<Vec<BlockId>> {
        let mut groups: Vec<(Option<&str>, Vec<BlockId>)> = Vec::new();
        for (id, block) in self.blocks.iter() {
            match (groups.last_mut(), block.parallel.as_deref()) {
                (Some((Some(open), group)), Some(parallel)) if *open == parallel => group.push(id),
                (_, parallel) => groups.push((parallel, vec![id])),
            }
        }
        groups.into_iter().map(|(_, group)| group).collect()
    }
}

/// An `on` block, or a stretch of the playbook's body that runs on the controller.
#[derive(Clone, PartialEq, Debug)]
pub struct Block {
    /// `on#1`, `controller#1`.
    pub name: String,
    /// The `parallel` it is in, `parallel#1`: its blocks run at the same time.
    pub parallel: Option<String>,
    pub binding: Option<BindingId>,
    pub guards: Vec<Guard>,
    pub hosts: BlockHosts,
    /// Sizes in turn, the last repeats; empty: all hosts in one batch.
    pub batch: Vec<BatchSize>,
    /// `spread:` of each host: never two hosts of one value in a batch. Hosts without one are free.
    pub spread: Vec<(HostId, Value)>,
    pub at_once: Option<usize>,
    pub max_failures: usize,
    pub include_failed: bool,
    pub items: Vec<Item>,
    pub on_failure: Vec<Item>,
    /// On the controller, after every batch.
    pub after_batch: Vec<Item>,
    pub always: Vec<Item>,
    pub span: Span,
}

impl Block {
    /// The batches that these hosts make.
    pub fn table(&self, hosts: &[HostId]) -> Vec<Vec<HostId>> {
        batches::table(hosts, &self.batch, &self.spread)
    }

    /// The items of the block and of its clauses.
    pub fn all_items(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().chain(&self.on_failure).chain(&self.after_batch).chain(&self.always)
    }
}

/// An `approve`: nothing behind it happens before somebody agrees.
#[derive(Clone, PartialEq, Debug)]
pub struct Gate {
    /// `approve#1`.
    pub name: String,
    /// Names of approvers.
    pub by: Vec<String>,
    pub message: Expr,
    /// The message as far as it is known now.
    pub shown: Shown,
    /// Milliseconds.
    pub within: Option<u64>,
    /// Steps behind it.
    pub before: Vec<StepId>,
    /// What of the message and of the host sets behind it only the run will know.
    pub pending: Vec<String>,
    pub span: Span,
}

#[derive(Clone, PartialEq, Debug)]
pub enum BlockHosts {
    Known(Vec<HostId>),
    /// Decided by results of the run; `text` is the expression as written.
    Pending {
        hosts: Expr,
        text: String,
        /// The limit of `-l`: whatever the run decides, no other host is touched.
        within: Option<Vec<HostId>>,
    },
    Controller,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum BatchSize {
    Count(usize),
    Percent(f64),
}

/// One condition of an enclosing `if`; the item runs if it is known and equals `expected`.
/// An unknown condition counts as false: the `else` branch runs.
#[derive(Clone, PartialEq, Debug)]
pub struct Guard {
    pub condition: Expr,
    pub expected: bool,
}

impl Guard {
    /// As one condition that is to be true.
    pub fn as_condition(&self) -> Expr {
        if self.expected { self.condition.clone() } else { self.condition.clone().negated() }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    pub guards: Vec<Guard>,
    /// The `parallel` it is in, `parallel#1`: its steps run at the same time. They follow each other in the list.
    pub parallel: Option<String>,
    pub kind: ItemKind,
}

impl Item {
    pub fn step(&self) -> Option<StepId> {
        if let ItemKind::Step(step) = self.kind { Some(step) } else { None }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub enum ItemKind {
    Step(StepId),
    Require {
        condition: Expr,
        message: Expr,
        span: Span,
    },
    /// Waits for an approval.
    Approve(GateId),
    /// Leaves the host out of the rest of the block, where the condition is true.
    SkipIf {
        condition: Expr,
        reason: Expr,
        span: Span,
    },
    Rollback(RollbackScope),
}

#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// Unique in the playbook: `service.restart#2`, or the name it binds.
    pub name: String,
    pub block: Option<BlockId>,
    pub clause: Clause,
    pub action: ActionId,
    pub binding: Option<BindingId>,
    /// The place of an `at` around it; absent: the host itself.
    pub runs_at: Option<RunsAt>,
    /// One per parameter of the action, defaults filled in.
    pub args: Vec<Arg>,
    /// `as:` of the step, its block or the playbook; see [`Step::user_on`].
    pub as_user: Option<String>,
    pub row: Row,
    pub kind: Kind,
    pub reversible: Reversible,
    /// Keys as they are known now, `path:/srv/app`; a pending part is written `{…}`.
    pub touches: Vec<String>,
    pub touches_undeclared: bool,
    /// Milliseconds per attempt.
    pub timeout: u64,
    pub retry: u32,
    /// Milliseconds between attempts.
    pub every: u64,
    pub until: Option<Expr>,
    pub changed: Option<Expr>,
    pub ok: Option<Expr>,
    pub allow_failure: bool,
    pub tags: Vec<String>,
    pub after: Vec<Edge>,
    pub span: Span,
}

impl Step {
    /// The user this step runs as on a host: the nearest `as:`, else root for steps with the `admin` flag, else the login
    /// user (`None`). Windows has no root: who logs in there is an administrator, or is not.
    pub fn user_on(&self, host: Option<&Host>) -> Option<String> {
        let inventory_as = host.and_then(|host| host.connection.as_user.as_deref());
        let has_root = host.is_none_or(|host| host.os != Some(Os::Windows));
        let nearest = self.as_user.as_deref().or(inventory_as);
        nearest.map(str::to_string).or_else(|| (self.row.admin && has_root).then(|| "root".to_string()))
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct Arg {
    pub name: String,
    /// Evaluated again at step start, in the step's own scope. A parameter's default is evaluated in the action's.
    pub value: Expr,
    pub from_default: bool,
    pub shown: Shown,
}

/// Where steps of an `at` run.
#[derive(Clone, PartialEq, Debug)]
pub enum RunsAt {
    /// The machine that opsc runs on, as the host `localhost`.
    Controller,
    Host {
        host: Expr,
        shown: Shown,
        text: String,
    },
}

impl RunsAt {
    /// As written.
    pub fn text(&self) -> &str {
        match self {
            RunsAt::Controller => "controller",
            RunsAt::Host { text, .. } => text,
        }
    }

    /// The machines as far as they are known now.
    pub fn machines(&self, inventory: &Inventory) -> Vec<HostId> {
        let one = |value: &Value| if let Value::Host(host) = value { Some(*host) } else { None };
        match self {
            RunsAt::Controller => inventory.localhost().into_iter().collect(),
            RunsAt::Host { shown: Shown::Same(value), .. } => one(value).into_iter().collect(),
            RunsAt::Host { shown: Shown::ByHost(values), .. } => {
                crate::eval::hosts::canonical(values.iter().filter_map(|(_, value)| one(value)).collect())
            }
            RunsAt::Host { shown: Shown::Pending(_), .. } => Vec::new(),
        }
    }
}

/// What a plan can say of an argument now.
#[derive(Clone, PartialEq, Debug)]
pub enum Shown {
    /// The same on every host.
    Same(Value),
    ByHost(Vec<(HostId, Value)>),
    /// Known only at run time; the expression as written.
    Pending(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clause {
    Main,
    Failure,
    AfterBatch,
    Always,
}

impl Clause {
    pub fn name(self) -> &'static str {
        match self {
            Clause::Main => "main",
            Clause::Failure => "failure",
            Clause::AfterBatch => "after_batch",
            Clause::Always => "always",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reversible {
    /// Changes nothing, so there is nothing to undo.
    NotNeeded,
    Yes,
    No,
    /// Depends on what is found on the host.
    Depends,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edge {
    pub step: StepId,
    pub why: EdgeReason,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EdgeReason {
    Order,
    Data,
    Gate,
    Batch,
}

impl EdgeReason {
    pub fn name(self) -> &'static str {
        match self {
            EdgeReason::Order => "order",
            EdgeReason::Data => "data",
            EdgeReason::Gate => "gate",
            EdgeReason::Batch => "batch",
        }
    }
}
