//! Which secrets a plan needs, and which of them it declassifies. Knows the references only, never a text.

use std::collections::BTreeSet;

use super::expression_text::expression_text;
use super::model::{Block, BlockHosts, Item, ItemKind, Plan, Shown};
use crate::base::ids::{BindingId, IdVec};
use crate::eval::walk::walk;
use crate::hir::expr::{Expr, ExprKind, Function};
use crate::hir::program::Binding;
use crate::hir::value::Value;

/// Every reference that a run of the plan may read.
pub fn references(plan: &Plan) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut take = |value: &Value| found.extend(sources(value));
    plan.params.iter().for_each(|(_, value)| take(value));
    for step in plan.steps.values() {
        for arg in &step.args {
            match &arg.shown {
                Shown::Same(value) => take(value),
                Shown::ByHost(values) => values.iter().for_each(|(_, value)| take(value)),
                Shown::Pending(_) => {}
            }
        }
    }
    walk_plan(plan, &mut |expr| match &expr.kind {
        ExprKind::Literal(value) => take(value),
        ExprKind::Call { function: Function::Secret, args } => {
            if let Some(ExprKind::Literal(Value::String(reference))) = args.first().map(|arg| &arg.kind) {
                take(&Value::Secret(crate::hir::value::SecretRef::Source(reference.clone())));
            }
        }
        _ => {}
    });
    found
}

/// References whose own text the program makes plain by `declassify`: hiding it from what hosts say would be in vain.
pub fn declassified(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    walk_plan(plan, &mut |expr| {
        if let ExprKind::Call { function: Function::Declassify, args } = &expr.kind
            && let Some(secret) = args.first()
        {
            shown_by(secret, plan, &mut found);
        }
    });
    found
}

/// One note for each place that declassifies, as written.
pub fn notes(plan: &Plan, bindings: &IdVec<BindingId, Binding>) -> Vec<String> {
    let mut notes = Vec::new();
    walk_plan(plan, &mut |expr| {
        if let ExprKind::Call { function: Function::Declassify, args } = &expr.kind
            && let [secret, because] = args.as_slice()
        {
            let reason = match &because.kind {
                ExprKind::Literal(Value::String(reason)) => reason.clone(),
                _ => expression_text(because, bindings),
            };
            let note = format!("{} is not secret any more: {reason}", expression_text(secret, bindings));
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    });
    notes
}

/// Sources whose text stands in a declassified text. What a function makes of one does not show it.
fn shown_by(expr: &Expr, plan: &Plan, found: &mut Vec<String>) {
    match &expr.kind {
        ExprKind::Literal(value) => found.extend(sources(value)),
        ExprKind::Call { function: Function::Secret, args } => {
            if let Some(ExprKind::Literal(Value::String(reference))) = args.first().map(|arg| &arg.kind) {
                found.push(reference.clone());
            }
        }
        ExprKind::Interpolated(pieces) => pieces.iter().for_each(|piece| shown_by(piece, plan, found)),
        ExprKind::Binding(binding) => {
            let of_params = plan.params.iter().filter(|(param, _)| param == binding);
            found.extend(of_params.flat_map(|(_, value)| sources(value)));
            let of_lets = plan.lets.iter().filter(|(name, _)| name == binding);
            of_lets.for_each(|(_, value)| shown_by(value, plan, found));
        }
        ExprKind::Index { base, .. } | ExprKind::Field(base, _) => shown_by(base, plan, found),
        ExprKind::List(items) => items.iter().for_each(|item| shown_by(item, plan, found)),
        ExprKind::Record(fields) => fields.iter().for_each(|(_, value)| shown_by(value, plan, found)),
        ExprKind::Binary { left, right, .. } => {
            shown_by(left, plan, found);
            shown_by(right, plan, found);
        }
        _ => {}
    }
}

fn sources(value: &Value) -> impl Iterator<Item = String> {
    value.secrets().into_iter().flat_map(|secret| secret.sources()).map(str::to_string)
}

/// Calls `visit` on every expression that a run of the plan may evaluate.
pub(super) fn walk_plan(plan: &Plan, visit: &mut dyn FnMut(&Expr)) {
    plan.lets.iter().for_each(|(_, value)| walk(value, visit));
    for step in plan.steps.values() {
        step.args.iter().for_each(|arg| walk(&arg.value, visit));
        [&step.until, &step.changed, &step.ok].into_iter().flatten().for_each(|expr| walk(expr, visit));
    }
    plan.gates.values().for_each(|gate| walk(&gate.message, visit));
    plan.blocks.values().for_each(|block| walk_block(block, visit));
    [&plan.on_failure, &plan.always].into_iter().for_each(|items| walk_items(items, visit));
}

fn walk_block(block: &Block, visit: &mut dyn FnMut(&Expr)) {
    block.guards.iter().for_each(|guard| walk(&guard.condition, visit));
    if let BlockHosts::Pending { hosts, .. } = &block.hosts {
        walk(hosts, visit);
    }
    [&block.items, &block.on_failure, &block.after_batch, &block.always]
        .into_iter()
        .for_each(|items| walk_items(items, visit));
}

fn walk_items(items: &[Item], visit: &mut dyn FnMut(&Expr)) {
    for item in items {
        item.guards.iter().for_each(|guard| walk(&guard.condition, visit));
        if let ItemKind::Require { condition, message, .. } | ItemKind::SkipIf { condition, reason: message, .. } =
            &item.kind
        {
            walk(condition, visit);
            walk(message, visit);
        }
    }
}
