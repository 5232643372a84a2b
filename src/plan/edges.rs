//! Why a step waits for another: program order, data it uses, or the batch before.

use std::collections::BTreeMap;

use super::model::{Edge, EdgeReason, Item, Plan};
use crate::base::ids::{BindingId, StepId};
use crate::eval::walk::walk;
use crate::hir::expr::{Expr, ExprKind};

/// Fills in `after` of every step.
pub fn connect(plan: &mut Plan) {
    let mut edges: Vec<(StepId, Edge)> = Vec::new();
    let mut last: Vec<StepId> = Vec::new();
    for group in plan.groups() {
        let mut ends = Vec::new();
        for id in group {
            let block = plan.blocks.at(id);
            let main = waves(&block.items);
            chain(&main, &last, &mut edges);
            // Between batches every host waits for the last step of all hosts of the batch before. As a graph of steps
            // that is a loop, so the first step says it of the last one, and `graph` leaves it out of the order.
            if let (Some(first), Some(end), false) = (main.first(), main.last(), block.batch.is_empty()) {
                let batch = |step: &StepId| Edge { step: *step, why: EdgeReason::Batch };
                edges.extend(first.iter().flat_map(|first| end.iter().map(|end| (*first, batch(end)))));
            }
            let end = main.last().map_or(&[][..], Vec::as_slice);
            for clause in [&block.on_failure, &block.after_batch, &block.always] {
                chain(&waves(clause), end, &mut edges);
            }
            ends.extend_from_slice(end);
        }
        last = if ends.is_empty() { last } else { ends };
    }
    for clause in [&plan.on_failure, &plan.always] {
        chain(&waves(clause), &last, &mut edges);
    }
    edges.extend(data_edges(plan));
    add(plan, edges);
    let gates = gate_edges(plan);
    add(plan, gates);
}

fn add(plan: &mut Plan, edges: Vec<(StepId, Edge)>) {
    for (to, edge) in edges {
        let after = &mut plan.steps.at_mut(to).after;
        if (edge.step != to || edge.why == EdgeReason::Batch) && !after.contains(&edge) {
            after.push(edge);
        }
    }
}

/// Steps in order: one at a time, or all of one `parallel` together.
fn waves(items: &[Item]) -> Vec<Vec<StepId>> {
    let same = |one: &Item, other: &Item| one.parallel.is_some() && one.parallel == other.parallel;
    let together = items.chunk_by(same).map(|items| items.iter().filter_map(Item::step).collect());
    together.filter(|wave: &Vec<StepId>| !wave.is_empty()).collect()
}

fn chain(waves: &[Vec<StepId>], before: &[StepId], edges: &mut Vec<(StepId, Edge)>) {
    let mut before = before;
    for wave in waves {
        for step in wave {
            edges.extend(before.iter().map(|before| (*step, Edge { step: *before, why: EdgeReason::Order })));
        }
        before = wave;
    }
}

/// The first step behind a gate waits for it, and with it for the last one before.
fn gate_edges(plan: &Plan) -> Vec<(StepId, Edge)> {
    let mut edges = Vec::new();
    for step in plan.gates.values().filter_map(|gate| gate.before.first().copied()) {
        let order = plan.steps.at(step).after.iter().find(|edge| edge.why == EdgeReason::Order);
        edges.extend(order.map(|edge| (step, Edge { step: edge.step, why: EdgeReason::Gate })));
    }
    edges
}

/// A step that uses the result of another depends on it, wherever it stands.
fn data_edges(plan: &Plan) -> Vec<(StepId, Edge)> {
    let mut producers: BTreeMap<BindingId, Vec<StepId>> = BTreeMap::new();
    for (id, step) in plan.steps.iter() {
        if let Some(binding) = step.binding {
            producers.entry(binding).or_default().push(id);
        }
    }
    let guards = guards_by_step(plan);
    let mut edges = Vec::new();
    for (id, step) in plan.steps.iter() {
        let exprs = step.args.iter().filter(|arg| !arg.from_default).map(|arg| &arg.value);
        let guards = guards.get(&id).into_iter().flatten().copied();
        let mut used = Vec::new();
        exprs.chain(guards).for_each(|expr| bindings_used(expr, plan, &mut used));
        for producer in used.iter().filter_map(|binding| producers.get(binding)).flatten() {
            if *producer < id {
                edges.push((id, Edge { step: *producer, why: EdgeReason::Data }));
            }
        }
    }
    edges
}

/// The conditions that decide whether a step runs: its guards, and the host set of its block.
fn guards_by_step(plan: &Plan) -> BTreeMap<StepId, Vec<&Expr>> {
    let mut guards: BTreeMap<StepId, Vec<&Expr>> = BTreeMap::new();
    for block in plan.blocks.values() {
        let shared = block.guards.iter().map(|guard| &guard.condition).chain(match &block.hosts {
            super::model::BlockHosts::Pending { hosts, .. } => Some(hosts),
            _ => None,
        });
        let shared: Vec<&Expr> = shared.collect();
        for item in block.all_items() {
            if let Some(step) = item.step() {
                let own = item.guards.iter().map(|guard| &guard.condition);
                guards.entry(step).or_default().extend(shared.iter().copied().chain(own));
            }
        }
    }
    guards
}

fn bindings_used(expr: &Expr, plan: &Plan, used: &mut Vec<BindingId>) {
    walk(expr, &mut |inner| {
        if let ExprKind::Binding(binding) = &inner.kind
            && !used.contains(binding)
        {
            used.push(*binding);
            if let Some((_, value)) = plan.lets.iter().find(|(name, _)| name == binding) {
                bindings_used(value, plan, used);
            }
        }
    });
}
