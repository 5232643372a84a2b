//! `on` blocks: their hosts, options and clauses, and what they leave visible after them.

use super::checker::Checker;
use super::context::{Context, Scope, Systems, Visible};
use super::errors::control::ControlError;
use super::errors::hosts::HostError;
use super::errors::names::NameError;
use super::errors::types::TypeError;
use super::expressions::Wanted;
use super::statements::{Clauses, Collected, clause_name};
use super::types::{user_name, whole_from};
use crate::base::ids::BindingId;
use crate::base::source::Span;
use crate::eval::fits::Misfit;
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::program::{OnBlock, Statement};
use crate::hir::types::Type;
use crate::hir::value::Value;
use crate::syntax::ast::{self, ClauseKind};

pub(super) const OPTIONS: &[&str] = &["batch", "at_once", "max_failures", "as", "spread", "include_failed"];

impl Checker<'_> {
    /// The clauses of a playbook or an `on` block.
    pub fn check_clauses(
        &mut self,
        block: &ast::Block,
        scope: &mut Scope,
        context: &Context,
        collected: &mut Collected,
    ) -> Clauses {
        let mut clauses = Clauses::default();
        let mut seen: Vec<(ClauseKind, Span)> = Vec::new();
        for clause in &block.clauses {
            if let Some((_, first)) = seen.iter().find(|(kind, _)| *kind == clause.kind) {
                let error = ControlError::DuplicateClause {
                    clause: clause_name(clause.kind),
                    first: *first,
                    span: clause.head_span,
                };
                self.report(error.diagnostic());
                continue;
            }
            seen.push((clause.kind, clause.head_span));
            if clause.kind == ClauseKind::AfterBatch {
                // Looked at once the block's names are results by host.
                if !context.in_block {
                    let (clause, span) = ("after batch", clause.head_span);
                    self.report(ControlError::ClauseNotAllowed { clause, place: "a playbook", span }.diagnostic());
                }
                continue;
            }
            let in_failure = clause.kind == ClauseKind::OnFailure;
            let inner = Context { in_failure, in_clause: true, ..context.clone() };
            self.refuse_clauses(&clause.body, "a clause");
            scope.enter();
            let statements = self.check_statements(&clause.body.statements, scope, &inner, collected);
            scope.leave();
            if in_failure {
                clauses.on_failure = statements;
            } else {
                clauses.always = statements;
            }
        }
        clauses
    }

    pub(super) fn check_on(
        &mut self,
        head: &OnHead<'_>,
        scope: &mut Scope,
        context: &Context,
        collected: &mut Collected,
    ) -> Option<Statement> {
        if context.in_block {
            self.report(ControlError::NestedOn { span: head.hosts.span }.diagnostic());
            return None;
        }
        if context.in_clause {
            self.report(ControlError::StepOnTopOfHosts { form: "on", span: head.hosts.span }.diagnostic());
            return None;
        }
        let hosts = self.check_expr(head.hosts, Wanted::default(), scope, context);
        if !matches!(hosts.ty.core(), Type::Hosts(_) | Type::Host | Type::Error) {
            self.report(HostError::NotHosts { found: hosts.ty.to_string(), span: hosts.span }.diagnostic());
        }
        let mut block = OnBlock {
            binding: None,
            batch: None,
            at_once: None,
            max_failures: None,
            spread: None,
            as_user: None,
            include_failed: false,
            body: Vec::new(),
            on_failure: Vec::new(),
            after_batch: Vec::new(),
            always: Vec::new(),
            span: head.span,
            head_span: Span { end: head.hosts.span.end, ..head.span },
            hosts,
        };
        self.check_options(head.options, &mut block, scope, context);
        let inner = Context {
            on_host: true,
            in_block: true,
            systems: systems_of(&block.hosts, scope),
            hosts: None,
            as_user: context.as_user || block.as_user.is_some(),
            ..context.clone()
        };
        scope.enter();
        block.body = self.check_statements(&head.body.statements, scope, &inner, collected);
        let clauses = self.check_clauses(head.body, scope, &inner, collected);
        let names = scope.leave();
        block.on_failure = clauses.on_failure;
        block.always = clauses.always;
        self.show_results(names, &block.body, scope);
        block.after_batch = self.check_after_batch(head.body, scope, context, collected);
        if let Some(name) = head.binding {
            block.binding = self.bind(name, Type::BlockResult, scope);
            if let Some(binding) = block.binding {
                scope.mark_used(binding);
                scope.mark_of_run(binding);
            }
        }
        Some(Statement::On(block))
    }

    /// On the controller, where `batch` is the hosts of the batch and the block's names are their results so far.
    fn check_after_batch(
        &mut self,
        body: &ast::Block,
        scope: &mut Scope,
        context: &Context,
        collected: &mut Collected,
    ) -> Vec<Statement> {
        let Some(clause) = body.clauses.iter().find(|clause| clause.kind == ClauseKind::AfterBatch) else {
            return Vec::new();
        };
        self.refuse_clauses(&clause.body, "a clause");
        let inner = Context { in_clause: true, in_after_batch: true, ..context.clone() };
        scope.enter();
        let statements = self.check_statements(&clause.body.statements, scope, &inner, collected);
        for (name, visible) in scope.leave() {
            scope.ended.insert(name, scope.bindings.at(visible.binding).span);
        }
        statements
    }

    /// After the block its steps' names are results by host; its `let`s are gone.
    fn show_results(&mut self, names: Vec<(String, Visible)>, body: &[Statement], scope: &mut Scope) {
        let lets = lets_of(body);
        for (name, visible) in names {
            if lets.contains(&visible.binding) {
                let span = scope.bindings.at(visible.binding).span;
                if !scope.is_used(visible.binding) {
                    self.report(NameError::Unused { name: name.clone(), span }.diagnostic());
                }
                scope.ended.insert(name, span);
                continue;
            }
            let item = match visible.ty {
                Type::Optional(inner) => *inner,
                other => other,
            };
            scope.show(&name, Visible { binding: visible.binding, ty: Type::Results(Box::new(item)) });
        }
    }

    /// Options, each as it is given first; a second time is an error.
    pub(super) fn given_once<'o>(&mut self, options: &'o [ast::Named]) -> Vec<&'o ast::Named> {
        let mut given: Vec<&ast::Named> = Vec::new();
        for option in options {
            let (name, span) = (option.label.text.clone(), option.label.span);
            match given.iter().find(|known| known.label.text == name) {
                Some(first) => {
                    let first = first.label.span;
                    self.report(NameError::DuplicateAttribute { name, first, span }.diagnostic());
                }
                None => given.push(option),
            }
        }
        given
    }

    fn check_options(&mut self, options: &[ast::Named], block: &mut OnBlock, scope: &mut Scope, context: &Context) {
        for option in self.given_once(options) {
            let label = option.label.text.as_str();
            match label {
                "batch" => block.batch = Some(self.check_batch(&option.value, scope, context)),
                "at_once" => {
                    block.at_once = Some(self.expect_expr(&option.value, Wanted::of(&whole_from(1)), scope, context))
                }
                "max_failures" => {
                    block.max_failures =
                        Some(self.expect_expr(&option.value, Wanted::of(&whole_from(0)), scope, context));
                }
                "as" => block.as_user = Some(self.expect_expr(&option.value, Wanted::of(&user_name()), scope, context)),
                "include_failed" => block.include_failed = self.expect_bool(&option.value, scope, context),
                "spread" => {
                    let on_host = Context { on_host: true, ..context.clone() };
                    block.spread = Some(self.check_spread(&option.value, scope, &on_host));
                }
                _ => {
                    let (name, span) = (label.to_string(), option.label.span);
                    self.report(ControlError::UnknownOption { form: "on", name, known: OPTIONS, span }.diagnostic());
                }
            }
        }
    }

    /// Something of a host that tells groups apart, such as `host.tags.cluster`.
    fn check_spread(&mut self, expr: &ast::Expr, scope: &mut Scope, context: &Context) -> Expr {
        let value = self.check_expr(expr, Wanted::default(), scope, context);
        let plain = [Type::String, Type::Text, Type::Int, Type::Bool, Type::Error];
        if !plain.contains(value.ty.core()) && !matches!(value.ty.core(), Type::Union(_)) {
            let (expected, found) = ("a text or a number".to_string(), value.ty.to_string());
            self.report(TypeError::Mismatch { expected, found, span: value.span, definition: None }.diagnostic());
        }
        value
    }

    /// A count, a percent, or a list of both.
    fn check_batch(&mut self, expr: &ast::Expr, scope: &mut Scope, context: &Context) -> Expr {
        if let ast::ExprKind::List(items) = &expr.kind {
            if items.is_empty() {
                let (range, found) = ("at least one size".to_string(), "[]".to_string());
                self.report(TypeError::misfit(Misfit::OutOfRange { range, found }, expr.span, None).diagnostic());
            }
            let sizes: Vec<Expr> = items.iter().map(|item| self.check_batch(item, scope, context)).collect();
            let values: Option<Vec<Value>> = sizes
                .iter()
                .map(|size| match &size.kind {
                    ExprKind::Literal(value) => Some(value.clone()),
                    _ => None,
                })
                .collect();
            let kind = values.map_or(ExprKind::List(sizes), |values| ExprKind::Literal(Value::List(values)));
            return Expr { kind, ty: Type::List(Box::new(Type::Error)), span: expr.span };
        }
        let size = self.check_expr(expr, Wanted::default(), scope, context);
        if !matches!(size.ty.core(), Type::Int | Type::Percent | Type::Error) {
            let (expected, found) = ("a count, a percent or a list of both".to_string(), size.ty.to_string());
            self.report(TypeError::Mismatch { expected, found, span: size.span, definition: None }.diagnostic());
        } else if let ExprKind::Literal(value) = &size.kind
            && let Some(range) = broken_batch_range(value)
        {
            let misfit = Misfit::OutOfRange { range: range.to_string(), found: value.literal() };
            self.report(TypeError::misfit(misfit, size.span, None).diagnostic());
        }
        size
    }
}

/// The parts of an `on` statement.
pub(super) struct OnHead<'a> {
    pub(super) binding: Option<&'a ast::Name>,
    pub(super) hosts: &'a ast::Expr,
    pub(super) options: &'a [ast::Named],
    pub(super) body: &'a ast::Block,
    pub(super) span: Span,
}

/// What a written batch size should have been, where it is none. Sizes that only the plan knows are looked at there.
fn broken_batch_range(size: &Value) -> Option<&'static str> {
    match size {
        Value::Int(count) if *count < 1 => Some("at least 1 host"),
        Value::Percent(percent) if *percent <= 0.0 || *percent > 100.0 => Some("more than 0% and at most 100%"),
        _ => None,
    }
}

/// The system of a block's hosts, said where the set has its name, else where the block names it.
pub(super) fn systems_of(hosts: &Expr, scope: &Scope) -> Systems {
    let said = match hosts.kind {
        ExprKind::Binding(binding) => scope.bindings.at(binding).span,
        _ => hosts.span,
    };
    match hosts.ty.core() {
        Type::Hosts(Some(os)) => Systems::only(*os, said),
        _ => Systems::any(),
    }
}

pub(super) fn lets_of(statements: &[Statement]) -> Vec<BindingId> {
    let mut lets = Vec::new();
    for statement in statements {
        match statement {
            Statement::Let { binding, .. } => lets.push(*binding),
            Statement::At { body, .. } => lets.extend(lets_of(body)),
            _ => {}
        }
    }
    lets
}
