//! `parallel`: steps, or blocks, at the same time. None of them knows what the others find out.

use super::checker::Checker;
use super::context::{Context, Scope, Visible};
use super::errors::control::ControlError;
use super::errors::names::NameError;
use super::statements::Collected;
use crate::base::source::Span;
use crate::hir::program::{ActionBody, Statement};
use crate::syntax::ast::{self, StatementKind};

impl Checker<'_> {
    /// A child knows none of the others' names; behind the whole they are known.
    pub(super) fn check_parallel(
        &mut self,
        body: &ast::Block,
        span: Span,
        (scope, context): (&mut Scope, &Context),
        collected: &mut Collected,
    ) -> Option<Statement> {
        let word = Span { end: span.start + 8, ..span };
        self.refuse_clauses(body, "`parallel`");
        if context.in_at {
            self.report(ControlError::ParallelAt { span: word }.diagnostic());
            return None;
        }
        self.refuse_mixed(body);
        let inner = Context { in_parallel: true, ..context.clone() };
        let mut names: Vec<(String, Visible)> = Vec::new();
        let mut children = Vec::new();
        for statement in &body.statements {
            if let Some(what) = not_a_child(statement) {
                self.report(ControlError::NotInParallel { what, span: head_of(statement) }.diagnostic());
                continue;
            }
            scope.enter();
            let child = self.check_statement(statement, scope, &inner, collected);
            let bound = scope.leave();
            self.refuse_composite(child.as_ref());
            children.extend(child);
            self.keep_names(bound, &mut names, scope);
        }
        for (name, visible) in names {
            scope.beside.remove(&name);
            scope.show(&name, visible);
        }
        Some(Statement::Parallel { body: children, span })
    }

    fn keep_names(&mut self, bound: Vec<(String, Visible)>, names: &mut Vec<(String, Visible)>, scope: &mut Scope) {
        for (name, visible) in bound {
            let span = scope.bindings.at(visible.binding).span;
            match scope.beside.get(&name) {
                Some(first) => {
                    let taken = NameError::Taken { name: name.clone(), first: *first, span };
                    self.report(taken.diagnostic());
                }
                None => {
                    scope.beside.insert(name.clone(), span);
                    names.push((name, visible));
                }
            }
        }
    }

    /// Blocks beside blocks, or steps beside steps.
    fn refuse_mixed(&mut self, body: &ast::Block) {
        let is_block = |statement: &ast::Statement| matches!(statement.kind, StatementKind::On { .. });
        let Some(first) = body.statements.first().map(is_block) else { return };
        let is_other = |statement: &&ast::Statement| is_block(statement) != first && not_a_child(statement).is_none();
        if let Some(other) = body.statements.iter().find(is_other) {
            let what = if first { "a step beside blocks" } else { "a block beside steps" };
            self.report(ControlError::NotInParallel { what, span: head_of(other) }.diagnostic());
        }
    }

    fn refuse_composite(&mut self, child: Option<&Statement>) {
        let Some(Statement::Step(step)) = child else { return };
        let composite = matches!(self.actions.at(step.action).body, ActionBody::Steps { .. });
        if composite {
            let what = "an action made of steps";
            self.report(ControlError::NotInParallel { what, span: step.span }.diagnostic());
        }
    }
}

/// What a statement is that `parallel` cannot hold.
fn not_a_child(statement: &ast::Statement) -> Option<&'static str> {
    match &statement.kind {
        StatementKind::Step(step) if step.action.text() == "approve" => Some("`approve`"),
        StatementKind::Step(_) | StatementKind::On { .. } => None,
        StatementKind::Let { .. } => Some("`let`"),
        StatementKind::If { .. } => Some("`if`"),
        StatementKind::For { .. } => Some("`for`"),
        StatementKind::Repeat { .. } => Some("`repeat`"),
        StatementKind::At { .. } => Some("`at`"),
        StatementKind::Parallel { .. } => Some("`parallel`"),
        StatementKind::Require { .. } => Some("`require`"),
        StatementKind::SkipIf { .. } => Some("`skip if`"),
        StatementKind::Rollback { .. } => Some("`rollback`"),
    }
}

/// Where a statement begins: its first word, or its action.
fn head_of(statement: &ast::Statement) -> Span {
    let span = statement.span;
    let length = match &statement.kind {
        StatementKind::Let { .. } | StatementKind::For { .. } => 3,
        StatementKind::If { .. } | StatementKind::At { .. } | StatementKind::On { .. } => 2,
        StatementKind::Repeat { .. } => 6,
        StatementKind::Require { .. } | StatementKind::SkipIf { .. } => 7,
        StatementKind::Parallel { .. } | StatementKind::Rollback { .. } => 8,
        StatementKind::Step(step) => return step.action.span,
    };
    Span { end: span.start + length, ..span }
}
