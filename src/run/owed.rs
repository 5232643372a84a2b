//! Steps that wait for a change, and that a run did not come to after it had made that change: the next run finds nothing
//! to change any more, and would leave them out. Pure.

use super::earlier::{Earlier, State};
use crate::base::ids::BindingId;
use crate::hir::expr::{Expr, ExprKind, Operator};
use crate::plan::model::{Block, Guard, Item, Plan, Step};

/// A step that is owed on a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owed {
    /// The run that made the change.
    pub run: i64,
    pub host: String,
    pub step: String,
    /// The step that made it.
    pub after: String,
}

/// By host, as far as conditions such as `if conf.changed` in one block say it.
pub fn owed(plan: &Plan, earlier: &Earlier) -> Vec<Owed> {
    let mut found = Vec::new();
    for (host, name, left) in earlier.all().filter(|(_, _, left)| left.changed && left.state == State::Done) {
        for block in plan.blocks.values() {
            let maker = steps(block, plan).map(|(_, step)| step).find(|step| step.name == name);
            let Some(binding) = maker.and_then(|step| step.binding) else { continue };
            let waits = |item: &Item| item.guards.iter().any(|guard| waits_for(guard, binding));
            let waiting = steps(block, plan).filter(|(at, _)| block.items.get(*at).is_some_and(waits));
            let missing = waiting.filter(|(at, step)| !was_come_to(block, plan, (*at, step), (earlier, host)));
            found.extend(missing.map(|(_, step)| Owed {
                run: left.run,
                host: host.to_string(),
                step: step.name.clone(),
                after: name.to_string(),
            }));
        }
    }
    found
}

fn steps<'a>(block: &'a Block, plan: &'a Plan) -> impl Iterator<Item = (usize, &'a Step)> {
    block.items.iter().enumerate().filter_map(|(at, item)| Some((at, plan.steps.get(item.step()?)?)))
}

/// It is done, or something behind it was begun.
fn was_come_to(block: &Block, plan: &Plan, (at, step): (usize, &Step), (earlier, host): (&Earlier, &str)) -> bool {
    let is_done = earlier.left(step, host).is_some_and(|left| matches!(left.state, State::Done | State::Ignored));
    is_done || steps(block, plan).any(|(later, step)| later > at && earlier.left(step, host).is_some())
}

fn waits_for(guard: &Guard, binding: BindingId) -> bool {
    asks_for_change(&guard.as_condition(), binding)
}

/// Whether it is true for that the step changed something.
fn asks_for_change(condition: &Expr, binding: BindingId) -> bool {
    match &condition.kind {
        ExprKind::Field(base, name) => name == "changed" && base.kind == ExprKind::Binding(binding),
        ExprKind::WhenPresent { value, .. } => asks_for_change(value, binding),
        ExprKind::Binary { operator: Operator::Or | Operator::And, left, right } => {
            asks_for_change(left, binding) || asks_for_change(right, binding)
        }
        ExprKind::Not(inner) => match &inner.kind {
            ExprKind::Not(inner) => asks_for_change(inner, binding),
            _ => false,
        },
        _ => false,
    }
}
