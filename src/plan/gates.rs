//! Approvals as gates: what stands behind each, and what of it only the run will know.

use super::arguments;
use super::builder::Builder;
use super::expression_text::expression_text;
use super::model::{BlockHosts, Gate, Item, ItemKind, Shown};
use crate::base::ids::{GateId, StepId};
use crate::hir::program::Approval;

impl Builder<'_> {
    pub(super) fn gate(&mut self, approval: &Approval) -> GateId {
        let shown = match arguments::text_now(&approval.message, &self.scope(None)) {
            Some(text) => Shown::Same(text),
            None => Shown::Pending(expression_text(&approval.message, &self.bindings)),
        };
        let pending = match &shown {
            Shown::Pending(text) => vec![text.clone()],
            _ => Vec::new(),
        };
        self.gates.push(Gate {
            name: format!("approve#{}", self.gates.values().count() + 1),
            by: approval.by.clone(),
            message: approval.message.clone(),
            shown,
            within: approval.within,
            before: Vec::new(),
            pending,
            span: approval.span,
        })
    }

    /// What each gate keeps from happening: every later step of the body in program order, and for a gate in
    /// `after batch` the block's own steps too, which are those of its next batch.
    pub(super) fn connect_gates(&mut self) {
        let mut open: Vec<GateId> = Vec::new();
        for block in self.blocks.values() {
            if let BlockHosts::Pending { text, .. } = &block.hosts {
                open.iter().for_each(|gate| self.gates.at_mut(*gate).pending.push(text.clone()));
            }
            let gates_after = gates_of(&block.after_batch);
            for item in block.items.iter().chain(&block.after_batch) {
                match &item.kind {
                    ItemKind::Approve(gate) => open.push(*gate),
                    ItemKind::Step(step) => open.iter().for_each(|gate| self.gates.at_mut(*gate).before.push(*step)),
                    _ => {}
                }
            }
            for gate in gates_after {
                self.gates.at_mut(gate).before.extend(steps_of(&block.items));
            }
        }
        for id in open {
            let gate = self.gates.at_mut(id);
            gate.before.sort_unstable();
            gate.before.dedup();
        }
    }
}

fn gates_of(items: &[Item]) -> Vec<GateId> {
    let gate = |item: &Item| if let ItemKind::Approve(gate) = item.kind { Some(gate) } else { None };
    items.iter().filter_map(gate).collect()
}

fn steps_of(items: &[Item]) -> Vec<StepId> {
    let step = |item: &Item| if let ItemKind::Step(step) = item.kind { Some(step) } else { None };
    items.iter().filter_map(step).collect()
}
