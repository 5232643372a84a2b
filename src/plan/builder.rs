//! Walks a playbook and lays its steps out: blocks in program order, guards instead of branches, hosts resolved.

use super::arguments;
use super::chosen::Chosen;
use super::errors::{NotForOthers, PlanError, Refusal};
use super::expression_text::expression_text;
use super::inputs::{Inputs, refuse};
use super::meaning::{Machine, faults, not_for_others};
use super::model::{Arg, Block, BlockHosts, Clause, Gate, Guard, Item, ItemKind, Plan, RunsAt, Step};
use super::options::reversible;
use super::scope::PlanScope;
use crate::base::ids::{BindingId, BlockId, GateId, HostId, Id, IdVec, StepId};
use crate::base::source::Span;
use crate::base::words;
use crate::eval::fits::fits;
use crate::eval::kinds::kind_of_step;
use crate::eval::{Evaluated, eval, eval_condition};
use crate::hir::effect::Level;
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::program::{Action, Binding, Place as At, Playbook, Program, Statement, Step as ProgramStep};
use crate::hir::types::Os;
use crate::hir::value::{Script, ScriptLanguage, Value};
use crate::hir::world::{Host, Inventory, Lifecycle};

const DEFAULT_EVERY: u64 = 1000;

pub struct Builder<'a> {
    pub(super) program: &'a Program,
    pub(super) playbook: &'a Playbook,
    pub(super) inventory: &'a Inventory,
    pub(super) inputs: &'a Inputs,
    /// The playbook's names, and those of single rounds.
    pub(super) bindings: IdVec<BindingId, Binding>,
    params: Vec<(BindingId, Value)>,
    pub(super) lets: Vec<(BindingId, Expr)>,
    pub(super) blocks: IdVec<BlockId, Block>,
    pub(super) steps: IdVec<StepId, Step>,
    assumptions: Vec<String>,
    pub(super) chosen: Chosen,
    pub(super) gates: IdVec<GateId, Gate>,
    /// How many `parallel`s there are so far.
    parallels: usize,
    pub(super) errors: Vec<PlanError>,
}

/// Where a statement stands: what a step inherits from around it.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) block: Option<BlockId>,
    pub(super) clause: Clause,
    pub(super) hosts: Vec<HostId>,
    pub(super) as_user: Option<String>,
    pub(super) runs_at: Option<RunsAt>,
    pub(super) tags: Vec<String>,
    pub(super) guards: Vec<Guard>,
    /// The `parallel` around it.
    pub(super) parallel: Option<String>,
}

impl<'a> Builder<'a> {
    pub fn new(
        program: &'a Program,
        playbook: &'a Playbook,
        inventory: &'a Inventory,
        inputs: &'a Inputs,
        params: Vec<(BindingId, Value)>,
    ) -> Self {
        Builder {
            program,
            playbook,
            inventory,
            inputs,
            bindings: playbook.bindings.clone(),
            params,
            lets: Vec::new(),
            blocks: IdVec::new(),
            steps: IdVec::new(),
            assumptions: Vec::new(),
            chosen: Chosen::default(),
            gates: IdVec::new(),
            parallels: 0,
            errors: Vec::new(),
        }
    }

    pub fn build(mut self) -> Result<Plan, Refusal> {
        let place = Place {
            block: None,
            clause: Clause::Main,
            hosts: Vec::new(),
            as_user: self.user(self.playbook.as_user.as_ref()),
            runs_at: None,
            tags: Vec::new(),
            guards: Vec::new(),
            parallel: None,
        };
        self.body(&self.playbook.body, &place);
        let on_failure = self.items(&self.playbook.on_failure, &Place { clause: Clause::Failure, ..place.clone() });
        let always = self.items(&self.playbook.always, &Place { clause: Clause::Always, ..place });
        self.check_chosen();
        self.check_parallels([&on_failure, &always]);
        if let Some(refusal) = refuse(std::mem::take(&mut self.errors)) {
            return Err(refusal);
        }
        Ok(self.finish(on_failure, always))
    }

    fn finish(mut self, on_failure: Vec<Item>, always: Vec<Item>) -> Plan {
        let hosts = self.all_hosts();
        let mut warnings = self.warnings(&hosts);
        warnings.extend(self.chosen.warning());
        self.connect_gates();
        self.assumptions.dedup();
        let inputs = self
            .playbook
            .params
            .iter()
            .zip(&self.params)
            .map(|(param, (_, value))| (param.name.clone(), value.clone()))
            .collect();
        Plan {
            playbook: self.playbook.name.clone(),
            doc: self.playbook.doc.clone(),
            digest: String::new(),
            row: self.playbook.row,
            inputs,
            params: self.params,
            bindings: self.bindings,
            lets: self.lets,
            hosts,
            blocks: self.blocks,
            steps: self.steps,
            on_failure,
            always,
            gates: self.gates,
            schedule: self.playbook.schedule.clone(),
            window: self.playbook.window,
            max_duration: self.playbook.max_duration,
            assumptions: self.assumptions,
            warnings,
        }
    }

    fn all_hosts(&self) -> Vec<HostId> {
        let known = self.blocks.values().flat_map(|block| match &block.hosts {
            BlockHosts::Known(hosts) => hosts.clone(),
            BlockHosts::Pending { .. } | BlockHosts::Controller => Vec::new(),
        });
        crate::eval::hosts::canonical(known.collect())
    }

    fn warnings(&self, hosts: &[HostId]) -> Vec<String> {
        hosts
            .iter()
            .map(|host| self.inventory.hosts.at(*host))
            .filter(|host| host.state != Lifecycle::Active)
            .map(|host| format!("{} is in state `{}`", host.name, host.state.name()))
            .collect()
    }

    pub(super) fn scope(&self, host: Option<HostId>) -> PlanScope<'_> {
        PlanScope {
            inventory: self.inventory,
            named: &self.inputs.named,
            bindings: &self.bindings,
            params: &self.params,
            lets: &self.lets,
            host,
        }
    }

    /// Top-level statements: `on` blocks, and between them stretches that run on the controller.
    pub(super) fn body(&mut self, statements: &[Statement], place: &Place) {
        let mut pending: Vec<Item> = Vec::new();
        for statement in statements {
            match statement {
                Statement::On(block) => {
                    self.close_stretch(&mut pending, place);
                    self.on_block(block, place);
                }
                Statement::If { condition, then, otherwise, .. } if holds_blocks(then) || holds_blocks(otherwise) => {
                    self.close_stretch(&mut pending, place);
                    for (branch, here) in self.branches(condition, (then, otherwise), place) {
                        self.body(branch, &here);
                    }
                }
                Statement::Call(call) => {
                    self.close_stretch(&mut pending, place);
                    self.call(call, place);
                }
                Statement::Parallel { body, .. } if holds_blocks(body) => {
                    self.close_stretch(&mut pending, place);
                    let here = self.beside(place);
                    self.body(body, &here);
                }
                Statement::For { body, .. } | Statement::Repeat { body, .. } if holds_blocks(body) => {
                    self.close_stretch(&mut pending, place);
                    for round in self.rounds(statement) {
                        self.body(&round.body, &place.under_all(&round.guards));
                    }
                }
                other => {
                    // The open stretch becomes the next block.
                    let here = Place { block: Some(BlockId::from_index(self.blocks.len())), ..place.clone() };
                    self.item(other, &here, &mut pending);
                }
            }
        }
        self.close_stretch(&mut pending, place);
    }

    pub(super) fn items(&mut self, statements: &[Statement], place: &Place) -> Vec<Item> {
        let mut items = Vec::new();
        for statement in statements {
            self.item(statement, place, &mut items);
        }
        items
    }

    fn item(&mut self, statement: &Statement, place: &Place, items: &mut Vec<Item>) {
        let kind = match statement {
            Statement::Let { binding, value } => return self.name(*binding, value),
            Statement::If { condition, then, otherwise, .. } => {
                for (branch, here) in self.branches(condition, (then, otherwise), place) {
                    items.extend(self.items(branch, &here));
                }
                return;
            }
            Statement::At { place: at, as_user, body, .. } => {
                let here = Place {
                    runs_at: Some(self.runs_at(at, place)),
                    as_user: self.user(as_user.as_ref()).or_else(|| place.as_user.clone()),
                    ..place.clone()
                };
                return items.extend(self.items(body, &here));
            }
            Statement::Parallel { body, .. } => {
                let here = self.beside(place);
                return items.extend(self.items(body, &here));
            }
            Statement::For { .. } | Statement::Repeat { .. } => {
                for round in self.rounds(statement) {
                    let here = place.under_all(&round.guards);
                    items.extend(self.items(&round.body, &here));
                }
                return;
            }
            Statement::Require { condition, message, span } => {
                ItemKind::Require { condition: condition.clone(), message: message.clone(), span: *span }
            }
            Statement::Approve(approval) => ItemKind::Approve(self.gate(approval)),
            Statement::SkipIf { condition, reason, span } => {
                ItemKind::SkipIf { condition: condition.clone(), reason: reason.clone(), span: *span }
            }
            Statement::Rollback { scope, .. } => ItemKind::Rollback(*scope),
            Statement::Step(step) => match self.composite(step, place) {
                Some(inner) => return items.extend(inner),
                None if self.is_left_out(step, place) => return,
                None => ItemKind::Step(self.step(step, place)),
            },
            // The checker refuses both inside `on` and inside clauses.
            Statement::On(_) | Statement::Call(_) => return,
        };
        items.push(Item { guards: place.guards.clone(), parallel: place.parallel.clone(), kind });
    }

    /// The inside of a `parallel` here.
    fn beside(&mut self, place: &Place) -> Place {
        self.parallels += 1;
        Place { parallel: Some(format!("parallel#{}", self.parallels)), ..place.clone() }
    }

    /// The branches that may run: both under a guard, or the one that inputs and inventory have chosen already.
    fn branches<'s>(
        &self,
        condition: &Expr,
        (then, otherwise): (&'s [Statement], &'s [Statement]),
        place: &Place,
    ) -> Vec<(&'s [Statement], Place)> {
        let by_host = arguments::depends_on_host(condition, &self.lets);
        match eval(condition, &self.scope(None)) {
            Ok(Evaluated::Known(Value::Bool(holds))) if !by_host => {
                vec![(if holds { then } else { otherwise }, place.clone())]
            }
            _ => vec![(then, place.under(condition, true)), (otherwise, place.under(condition, false))],
        }
    }

    fn runs_at(&mut self, at: &At, place: &Place) -> RunsAt {
        let At::Host(host) = at else { return RunsAt::Controller };
        let mut errors = Vec::new();
        let shown = arguments::host_shown(host, &self.scope(None), &place.hosts, &mut errors);
        self.errors.append(&mut errors);
        RunsAt::Host { host: host.clone(), shown, text: expression_text(host, &self.bindings) }
    }

    fn step(&mut self, step: &ProgramStep, place: &Place) -> StepId {
        let program = self.program;
        let action = program.actions.at(step.action);
        let mut errors = Vec::new();
        let arguments = arguments::evaluate(step, action, &self.scope(None), &place.hosts, &mut errors);
        self.errors.append(&mut errors);
        self.check_bodies(step, action, place);
        self.check_meaning(step, action, &arguments.args, place);
        let known: Vec<Evaluated> =
            arguments.args.iter().map(|arg| arguments::as_evaluated(&arg.shown, &arg.name)).collect();
        let kind = kind_of_step(action, step.row, &known);
        let timeout = self.milliseconds(step.attrs.timeout.as_ref(), "`timeout`").unwrap_or(action.timeout);
        let retry = self.count(step.attrs.retry.as_ref(), "`retry`", 0).unwrap_or(0);
        let every = self.milliseconds(step.attrs.every.as_ref(), "`every`").unwrap_or(DEFAULT_EVERY);
        let as_user = self.user(step.attrs.as_user.as_ref()).or_else(|| place.as_user.clone());
        if !action.is_controller() {
            self.check_user(step, &arguments.args, as_user.as_deref(), place);
        }
        self.steps.push(Step {
            name: step.name.clone(),
            block: place.block,
            clause: place.clause,
            action: step.action,
            binding: step.binding,
            runs_at: place.runs_at.clone().filter(|_| !action.is_controller()),
            args: arguments.args,
            as_user: if action.is_controller() { None } else { as_user },
            row: step.row,
            kind,
            reversible: reversible(action, kind, &known),
            touches: arguments.touches,
            touches_undeclared: action.touches_undeclared && step.row.level != Level::Read,
            timeout,
            retry: u32::try_from(retry).unwrap_or(u32::MAX),
            every,
            until: step.attrs.until.clone(),
            changed: step.attrs.changed.clone(),
            ok: step.attrs.ok.clone(),
            allow_failure: step.attrs.allow_failure,
            tags: [place.tags.as_slice(), &step.attrs.tags].concat(),
            after: Vec::new(),
            span: step.span,
        })
    }

    /// Every machine needs a body, where its system is known; else linux is assumed, and said.
    fn check_bodies(&mut self, step: &ProgramStep, action: &Action, place: &Place) {
        if action.is_controller() || action.impls().is_empty() {
            return;
        }
        let machines = self.machines(place);
        for os in Os::ALL {
            // Branches on `host.os` keep other systems away, which the checker has judged.
            if !place.guards.is_empty() && place.runs_at.is_none() {
                continue;
            }
            let has_body = action.impls().iter().any(|body| body.platform.runs_on(os));
            let foreign = scripts_of_other(step, os);
            if has_body && foreign.is_empty() {
                continue;
            }
            let hosts = self.hosts_with(os, &machines);
            if hosts.is_empty() {
                continue;
            }
            for span in foreign {
                let (wanted, hosts) = (ScriptLanguage::of(os).name(), hosts.clone());
                self.errors.push(PlanError::ScriptOfOther { os: os.name(), wanted, hosts, span });
            }
            if !has_body {
                let action = action.name.clone();
                self.errors.push(PlanError::NoBody { action, os: os.name(), hosts, span: step.span });
            }
        }
        let unknown: Vec<String> = machines
            .iter()
            .map(|host| self.inventory.hosts.at(*host))
            .filter(|host| host.os.is_none())
            .map(|host| host.name.clone())
            .collect();
        if !unknown.is_empty() {
            let assumption =
                format!("the inventory does not say the system of {}: linux is assumed", words::join_some(&unknown, 5));
            if !self.assumptions.contains(&assumption) {
                self.assumptions.push(assumption);
            }
        }
    }

    /// On Windows a step of another user lies in a file.
    fn check_user(&mut self, step: &ProgramStep, args: &[Arg], as_user: Option<&str>, place: &Place) {
        let refused = |host: &HostId| {
            let Host { name, os, connection, .. } = self.inventory.hosts.at(*host);
            let user =
                as_user.or(connection.as_user.as_deref()).filter(|user| connection.user.as_deref() != Some(user))?;
            let given = || args.iter().find_map(|arg| not_for_others(arg, *host));
            let what = if user == "root" { NotForOthers::Root } else { given()? };
            let is_meant = *os == Some(Os::Windows) && (place.runs_at.is_some() || self.surely_runs(place, *host));
            is_meant.then(|| ((what, user.to_string()), name.clone()))
        };
        let (whats, hosts): (Vec<_>, Vec<_>) = self.machines(place).iter().filter_map(refused).unzip();
        if let Some((what, user)) = whats.into_iter().next() {
            self.errors.push(PlanError::OtherUser { what, user, hosts, span: step.span });
        }
    }

    /// A step that may be left out is judged by the run.
    fn check_meaning(&mut self, step: &ProgramStep, action: &Action, args: &[Arg], place: &Place) {
        if !place.guards.is_empty() {
            return;
        }
        let machines = if action.is_controller() { Vec::new() } else { self.machines(place) };
        let machines: Vec<Machine<'_>> = machines.iter().map(|id| (*id, self.inventory.hosts.at(*id))).collect();
        self.errors.extend(faults(action, args, &machines, step.span));
    }

    /// Whether all branches around a step are known to lead to it.
    fn surely_runs(&self, place: &Place, host: HostId) -> bool {
        let leads =
            |guard: &Guard| eval_condition(&guard.condition, &self.scope(Some(host))) == Ok(Some(guard.expected));
        place.guards.iter().all(leads)
    }

    fn machines(&self, place: &Place) -> Vec<HostId> {
        place.runs_at.as_ref().map_or_else(|| place.hosts.clone(), |at| at.machines(self.inventory))
    }

    fn hosts_with(&self, os: Os, hosts: &[HostId]) -> Vec<String> {
        hosts
            .iter()
            .map(|host| self.inventory.hosts.at(*host))
            .filter(|host| host.os == Some(os))
            .map(|host| host.name.clone())
            .collect()
    }

    /// A `let` whose value is wrong everywhere is an error at its own place.
    fn name(&mut self, binding: BindingId, value: &Expr) {
        self.lets.push((binding, value.clone()));
        if arguments::depends_on_host(value, &self.lets) {
            return;
        }
        match eval(value, &self.scope(None)) {
            Err(error) => self.errors.push(PlanError::Expression { error }),
            Ok(Evaluated::Known(known)) => {
                if let Err(misfit) = fits(&known, &self.bindings.at(binding).ty) {
                    self.errors.push(PlanError::BadOption { what: "this value", misfit, span: value.span });
                }
            }
            Ok(Evaluated::Pending(_)) => {}
        }
    }
}

impl Place {
    fn under(&self, condition: &Expr, expected: bool) -> Place {
        let mut place = self.clone();
        place.guards.push(Guard { condition: condition.clone(), expected });
        place
    }

    fn under_all(&self, guards: &[Guard]) -> Place {
        Place { guards: [self.guards.as_slice(), guards].concat(), ..self.clone() }
    }
}

fn holds_blocks(statements: &[Statement]) -> bool {
    statements.iter().any(|statement| match statement {
        Statement::On(_) | Statement::Call(_) => true,
        Statement::If { then, otherwise, .. } => holds_blocks(then) || holds_blocks(otherwise),
        Statement::For { body, .. } | Statement::Repeat { body, .. } | Statement::Parallel { body, .. } => {
            holds_blocks(body)
        }
        _ => false,
    })
}

/// Where a step has scripts that this system does not read.
fn scripts_of_other(step: &ProgramStep, os: Os) -> Vec<Span> {
    let is_other = |script: &Script| script.language != ScriptLanguage::of(os);
    let args = step.args.iter().flatten();
    args.filter(|arg| matches!(&arg.kind, ExprKind::Literal(Value::Script(script)) if is_other(script)))
        .map(|arg| arg.span)
        .collect()
}
