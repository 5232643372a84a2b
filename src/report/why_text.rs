//! Why a step is in a plan, in the order a reader asks: what, where, when, after what, with which values, as whom, how it
//! ends. Everything is taken from the plan; nothing is guessed.

use super::playbook_text::names;
use crate::base::ids::StepId;
use crate::base::source::Sources;
use crate::base::words;
use crate::eval::text::value_shown;
use crate::hir::effect::Kind;
use crate::hir::expr::Expr;
use crate::hir::program::Program;
use crate::hir::world::Inventory;
use crate::plan::expression_text::expression_text;
use crate::plan::model::{Block, BlockHosts, EdgeReason, Guard, ItemKind, Plan, Reversible, Shown, Step};

pub struct Why<'a> {
    pub plan: &'a Plan,
    pub program: &'a Program,
    pub inventory: &'a Inventory,
    pub sources: &'a Sources,
}

impl Why<'_> {
    /// The answer for one step.
    pub fn text(&self, id: StepId) -> String {
        let step = self.plan.steps.at(id);
        let block = step.block.and_then(|block| self.plan.blocks.get(block));
        let mut lines = vec![self.what(step)];
        lines.extend(self.place(step));
        lines.push(self.hosts(step, block));
        lines.extend(self.conditions(id, block));
        lines.extend(self.order(step));
        lines.extend(self.gates(id));
        lines.extend(self.values(step));
        lines.push(self.user(step));
        lines.push(self.nature(step));
        let shown = lines
            .into_iter()
            .enumerate()
            .map(|(index, line)| if index == 0 { format!("{line}\n") } else { format!("  {line}\n") });
        shown.collect()
    }

    fn what(&self, step: &Step) -> String {
        let action = self.program.actions.at(step.action);
        format!("{}: {} ({})", step.name, action.name, action.doc.trim_end_matches('.'))
    }

    fn place(&self, step: &Step) -> Option<String> {
        let source = self.sources.get(step.span.file);
        Some(format!("written in {}:{}", source.path, self.sources.place(step.span).line))
    }

    fn said(&self, expr: &Expr) -> String {
        expression_text(expr, &self.plan.bindings)
    }

    fn hosts(&self, step: &Step, block: Option<&Block>) -> String {
        let name = |host: &crate::base::ids::HostId| self.inventory.hosts.at(*host).name.clone();
        let on = match block.map(|block| &block.hosts) {
            Some(BlockHosts::Known(hosts)) => {
                format!("on {}", words::join_some(&hosts.iter().map(name).collect::<Vec<_>>(), 8))
            }
            Some(BlockHosts::Pending { text, .. }) => format!("on {text}, which the run decides"),
            Some(BlockHosts::Controller) | None => "on the controller".to_string(),
        };
        let at = step.runs_at.as_ref().map(|place| format!(", running at {}", place.text())).unwrap_or_default();
        let clause = match step.clause.name() {
            "main" => String::new(),
            "failure" => ", if something failed before it".to_string(),
            "after_batch" => ", after every batch".to_string(),
            _ => ", in the end whatever happened".to_string(),
        };
        format!("{on}{at}{clause}")
    }

    fn conditions(&self, id: StepId, block: Option<&Block>) -> Vec<String> {
        let own = block.into_iter().flat_map(|block| {
            let item = block.all_items().find(|item| matches!(&item.kind, ItemKind::Step(step) if *step == id));
            block.guards.iter().chain(item.into_iter().flat_map(|item| &item.guards))
        });
        let said = |guard: &Guard| {
            let text = self.said(&guard.condition);
            let not = if guard.expected { "" } else { " not" };
            format!("only if{not} {text}{}", self.producers(&guard.condition))
        };
        own.map(said).collect()
    }

    /// Steps whose results an expression reads.
    fn producers(&self, expr: &Expr) -> String {
        let steps = self.plan.steps.values().filter(|step| step.binding.is_some_and(|binding| names(expr, binding)));
        let names: Vec<String> = steps.map(|step| step.name.clone()).collect();
        if names.is_empty() { String::new() } else { format!(", as {} finds", words::join_and(&names)) }
    }

    fn order(&self, step: &Step) -> Vec<String> {
        let said = |why: EdgeReason| match why {
            EdgeReason::Order => "stands before it",
            EdgeReason::Data => "gives what it needs",
            EdgeReason::Gate => "is the last one before an approval",
            EdgeReason::Batch => "ends the batch before",
        };
        step.after
            .iter()
            .map(|edge| format!("after {}, which {}", self.plan.steps.at(edge.step).name, said(edge.why)))
            .collect()
    }

    fn gates(&self, id: StepId) -> Vec<String> {
        let gates = self.plan.gates.values().filter(|gate| gate.before.contains(&id));
        gates.map(|gate| format!("behind {}, which {} must give", gate.name, words::join_or(&gate.by))).collect()
    }

    fn values(&self, step: &Step) -> Vec<String> {
        let shown = |shown: &Shown| match shown {
            Shown::Same(value) => value_shown(value, self.inventory),
            Shown::ByHost(values) => format!("another value on each of {}", words::count(values.len(), "host")),
            Shown::Pending(_) => "known only in the run".to_string(),
        };
        let from = |arg: &crate::plan::model::Arg| match arg.from_default {
            true => "the action's default".to_string(),
            false => format!("written as {}", self.said(&arg.value)),
        };
        let told = step.args.iter().filter(|arg| !arg.from_default);
        told.map(|arg| format!("{} is {}, {}", arg.name, shown(&arg.shown), from(arg))).collect()
    }

    fn user(&self, step: &Step) -> String {
        if self.program.actions.at(step.action).is_controller() {
            return "done by opsc itself, so as whoever runs it".to_string();
        }
        match (&step.as_user, step.row.admin) {
            (Some(user), _) => format!("as {user}, since the nearest `as:` says so"),
            (None, true) => "as root, since its effects say admin and no `as:` says otherwise".to_string(),
            (None, false) => "as the login user, since no `as:` says otherwise".to_string(),
        }
    }

    fn nature(&self, step: &Step) -> String {
        let kind = match step.kind {
            Kind::Read => "reads only",
            Kind::Converge => "looks first and does nothing where nothing is to do",
            Kind::Repeatable => "does it every time, which does no harm",
            Kind::Once => "does it every time, and opsc cannot know whether it was done before",
        };
        let undo = match step.reversible {
            Reversible::NotNeeded => "there is nothing to undo",
            Reversible::Yes => "a rollback undoes it",
            Reversible::No => "no rollback undoes it",
            Reversible::Depends => "whether a rollback undoes it depends on what is found",
        };
        format!("{kind}; {undo}; at most {} an attempt", words::duration(step.timeout))
    }
}
