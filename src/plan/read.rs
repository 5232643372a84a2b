//! Which fields of its steps' results a plan reads: what a run without hosts must be told. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::model::Plan;
use super::secrets::walk_plan;
use crate::base::ids::BindingId;
use crate::eval::walk::walk;
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::program::Program;

/// By the step's name; of each only fields that its action declares.
pub fn fields_read(plan: &Plan, program: &Program) -> BTreeMap<String, BTreeSet<String>> {
    let mut by_binding: BTreeMap<BindingId, BTreeSet<String>> = BTreeMap::new();
    walk_plan(plan, &mut |expr| note(expr, plan, &mut by_binding));
    let mut found = BTreeMap::new();
    for step in plan.steps.values() {
        let mut names: BTreeSet<String> =
            step.binding.and_then(|binding| by_binding.get(&binding)).cloned().unwrap_or_default();
        for own in [&step.until, &step.changed, &step.ok].into_iter().flatten() {
            names.extend(fields_of_it(own));
        }
        let declared = program.actions.at(step.action).result.field_names();
        names.retain(|name| declared.contains(&name.as_str()));
        if !names.is_empty() {
            found.insert(step.name.clone(), names);
        }
    }
    found
}

fn note(expr: &Expr, plan: &Plan, found: &mut BTreeMap<BindingId, BTreeSet<String>>) {
    let (of, names) = match &expr.kind {
        ExprKind::Field(base, name) => (base, BTreeSet::from([name.clone()])),
        ExprKind::Aggregate { source, body: Some(body), .. } => (source, fields_of_it(body)),
        _ => return,
    };
    for binding in bindings(of, plan) {
        found.entry(binding).or_default().extend(names.iter().cloned());
    }
}

/// The names in an expression, and those that a `let` or a loop's name stands for.
fn bindings(expr: &Expr, plan: &Plan) -> BTreeSet<BindingId> {
    let mut found = BTreeSet::new();
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        walk(expr, &mut |inner| {
            if let ExprKind::Binding(binding) = inner.kind {
                found.insert(binding);
            }
        });
        let behind = plan.lets.iter().filter(|(name, value)| found.contains(name) && !is_known(value, &found));
        open.extend(behind.map(|(_, value)| value));
    }
    found
}

/// Whether all names of a value were found before.
fn is_known(value: &Expr, found: &BTreeSet<BindingId>) -> bool {
    let mut known = true;
    walk(value, &mut |inner| {
        if let ExprKind::Binding(binding) = inner.kind {
            known &= found.contains(&binding);
        }
    });
    known
}

fn fields_of_it(expr: &Expr) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    walk(expr, &mut |inner| {
        if let ExprKind::Field(base, name) = &inner.kind
            && base.kind == ExprKind::It
        {
            names.insert(name.clone());
        }
    });
    names
}
