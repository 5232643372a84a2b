//! A playbook called by another, at top level: `chat.announce(text: "…")`. It is planned in place of the call.

use std::sync::Arc;

use super::checker::Checker;
use super::context::{Context, Scope};
use super::errors::control::ControlError;
use super::errors::names::NameError;
use super::statements::{Collected, clause_name};
use super::steps::Signature;
use crate::base::source::Span;
use crate::hir::program::{Call, Playbook, Statement};
use crate::hir::types::Type;
use crate::syntax::ast;

impl Checker<'_> {
    pub(super) fn check_call_of_playbook(
        &mut self,
        step: &ast::Step,
        span: Span,
        scope: &mut Scope,
        context: &Context,
        collected: &mut Collected,
    ) -> Option<Statement> {
        let name = step.action.text();
        if context.in_block || context.in_clause || context.in_at {
            self.report(ControlError::CallInBlock { name, span: step.action.span }.diagnostic());
            return None;
        }
        if let Some(binding) = &step.binding {
            self.report(ControlError::CallGivesNothing { name: name.clone(), span: binding.span }.diagnostic());
        }
        for attr in &step.attrs {
            let (name, span) = (attr.label.text.clone(), attr.label.span);
            self.report(NameError::UnknownAttribute { name, known: &[], span }.diagnostic());
        }
        let index = self.called_playbook(&name, step.action.span)?;
        let playbook = Arc::clone(self.called.get(index)?);
        let args = self.check_args(step, &signature(&playbook), scope, context);
        collected.row = collected.row.join(playbook.row);
        collected.causes.push((playbook.row, step.action.span));
        let name = super::statements::step_name(step, collected);
        Some(Statement::Call(Call { name, playbook: index, args, span }))
    }

    /// The index of a playbook among those called, checked at its first call.
    fn called_playbook(&mut self, name: &str, span: Span) -> Option<usize> {
        if let Some(index) = self.called.iter().position(|known| known.name == name) {
            return Some(index);
        }
        let item = *self.playbook_items.get(name)?;
        let entered = format!("playbook {name}");
        if let Some(first) = self.under_way.iter().position(|known| *known == entered) {
            let names = self.under_way.iter().skip(first).cloned().chain([entered]).collect();
            self.report(NameError::Recursion { names, span }.diagnostic());
            return None;
        }
        if let Some(clause) = item.body.clauses.first() {
            let (clause, clause_span) = (clause_name(clause.kind), clause.head_span);
            self.report(
                ControlError::CalleeWithClauses { name: name.to_string(), clause, clause_span, span }.diagnostic(),
            );
            return None;
        }
        self.under_way.push(entered);
        let before = self.diagnostics.len();
        let playbook = self.lower_playbook(item);
        self.under_way.pop();
        // A playbook of this file is checked for itself too, and told once.
        if item.span.file == self.input.main.span.file {
            self.diagnostics.truncate(before);
        }
        self.called.push(Arc::new(playbook));
        Some(self.called.len() - 1)
    }
}

fn signature(playbook: &Playbook) -> Signature {
    Signature {
        name: playbook.name.clone(),
        params: playbook.params.clone(),
        result: Type::Record(Vec::new()),
        row: playbook.row,
        effect_param: None,
        is_controller: false,
    }
}
