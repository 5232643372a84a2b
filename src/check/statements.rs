//! Statements one after another: what binds a name, what a branch or a loop leaves visible after it.

use super::blocks::{OnHead, lets_of};
use super::checker::Checker;
use super::context::{Context, Scope, Visible};
use super::errors::control::ControlError;
use super::errors::names::NameError;
use super::errors::scripts::ScriptError;
use super::errors::types::TypeError;
use super::expressions::Wanted;
use super::loops::{ForHead, RepeatHead};
use super::operators::{system_compared, system_implied};
use super::places::AtHead;
use super::secrecy::secret_origin;
use crate::base::ids::BindingId;
use crate::base::source::Span;
use crate::hir::effect::Row;
use crate::hir::expr::{Expr, ExprKind, Operator};
use crate::hir::program::{RollbackScope, Statement};
use crate::hir::types::Type;
use crate::hir::value::Value;
use crate::syntax::ast::{self, ClauseKind, StatementKind};

/// What a walk over statements collects beside them.
#[derive(Default)]
pub struct Collected {
    pub row: Row,
    /// Steps with their rows, to blame one for an effect.
    pub causes: Vec<(Row, Span)>,
    /// How often each action was named, for ids such as `service.restart#2`.
    pub ordinals: std::collections::HashMap<String, usize>,
}

/// The clauses of a block, lowered.
#[derive(Default)]
pub struct Clauses {
    pub on_failure: Vec<Statement>,
    pub always: Vec<Statement>,
}

impl Checker<'_> {
    pub fn check_statements(
        &mut self,
        statements: &[ast::Statement],
        scope: &mut Scope,
        context: &Context,
        collected: &mut Collected,
    ) -> Vec<Statement> {
        let mut lowered = Vec::new();
        let mut context = context.clone();
        for statement in statements {
            if let Some(statement) = self.check_statement(statement, scope, &context, collected) {
                // `require x != none` makes `x` a `T` for what follows.
                if let Statement::Require { condition, .. } = &statement {
                    narrow_presence(condition, scope);
                    narrow_system(condition, &mut context);
                }
                lowered.push(statement);
            }
        }
        lowered
    }

    pub(super) fn check_statement(
        &mut self,
        statement: &ast::Statement,
        scope: &mut Scope,
        context: &Context,
        collected: &mut Collected,
    ) -> Option<Statement> {
        let span = statement.span;
        match &statement.kind {
            StatementKind::Let { name, value } => self.check_let(name, value, scope, context),
            StatementKind::On { binding, hosts, options, body } => {
                let head = OnHead { binding: binding.as_ref(), hosts, options, body, span };
                self.check_on(&head, scope, context, collected)
            }
            StatementKind::If { condition, then, otherwise } => {
                Some(self.check_if(condition, then, otherwise.as_ref(), span, scope, context, collected))
            }
            StatementKind::Require { condition, otherwise } => {
                let condition = self.expect_condition(condition, scope, context);
                let message = self.check_message(otherwise, "a message", scope, context);
                Some(Statement::Require { condition, message, span })
            }
            StatementKind::Rollback { scope: rollback } => self.check_rollback(*rollback, span, context),
            StatementKind::Step(step) if step.action.text() == "approve" => {
                self.check_approve(step, span, scope, context)
            }
            StatementKind::Step(step) if self.is_playbook(&step.action.text()) => {
                self.check_call_of_playbook(step, span, scope, context, collected)
            }
            StatementKind::Step(step) => self.check_step_statement(step, span, scope, context, collected),
            StatementKind::At { host, options, body } => {
                let head = AtHead { host, options, body, span };
                self.check_at(&head, scope, context, collected)
            }
            StatementKind::Repeat { options, body } => {
                let head = RepeatHead { options, body, span };
                self.check_repeat(&head, scope, context, collected)
            }
            StatementKind::For { name, list, body } => {
                let head = ForHead { name, list, body, span };
                self.check_for(&head, scope, context, collected)
            }
            StatementKind::Parallel { body } => self.check_parallel(body, span, (scope, context), collected),
            StatementKind::SkipIf { condition, reason } => self.check_skip_if(condition, reason, span, scope, context),
        }
    }

    pub fn check_message(
        &mut self,
        text: &ast::StringLiteral,
        place: &'static str,
        scope: &mut Scope,
        context: &Context,
    ) -> Expr {
        let message = self.check_string(text, scope, context);
        if message.ty.is_secret() {
            self.report(ScriptError::SecretInText { place, span: message.span }.diagnostic());
        }
        message
    }

    /// An action of the same name goes first.
    fn is_playbook(&self, name: &str) -> bool {
        self.playbook_items.contains_key(name) && !self.action_items.contains_key(name)
    }

    fn check_skip_if(
        &mut self,
        condition: &ast::Expr,
        reason: &ast::StringLiteral,
        span: Span,
        scope: &mut Scope,
        context: &Context,
    ) -> Option<Statement> {
        if !context.in_block || context.in_clause {
            let head = Span { end: condition.span.start.saturating_sub(1), ..span };
            self.report(ControlError::SkipOutsideBlock { span: head }.diagnostic());
            return None;
        }
        let condition = self.expect_condition(condition, scope, context);
        let reason = self.check_message(reason, "a reason", scope, context);
        Some(Statement::SkipIf { condition, reason, span })
    }

    fn check_let(
        &mut self,
        name: &ast::Name,
        value: &ast::Expr,
        scope: &mut Scope,
        context: &Context,
    ) -> Option<Statement> {
        if let Some(noun) = noun_of_step(value, scope) {
            self.report(NameError::StepInLet { noun: noun.text.clone(), span: noun.span }.diagnostic());
            if let Some(binding) = self.bind(name, Type::Error, scope) {
                scope.mark_used(binding);
            }
            return None;
        }
        let value = self.check_expr(value, Wanted::default(), scope, context);
        let origin = secret_origin(&value, scope);
        let binding = self.bind(name, value.ty.clone(), scope)?;
        if scope.waits_for(&value).is_some() {
            scope.mark_of_run(binding);
        }
        scope.secret_origins.extend(origin.map(|origin| (binding, origin)));
        Some(Statement::Let { binding, value })
    }

    /// Binds a name once; a second time is an error.
    pub(super) fn bind(&mut self, name: &ast::Name, ty: Type, scope: &mut Scope) -> Option<BindingId> {
        const AMBIENT: &[&str] = &["host", "it", "before", "after", "facts", "batch", "controller"];
        let first = scope.find(&name.text).map(|visible| scope.bindings.at(visible.binding).span);
        let taken = first.or_else(|| AMBIENT.contains(&name.text.as_str()).then_some(name.span));
        if let Some(first) = taken {
            self.report(NameError::Taken { name: name.text.clone(), first, span: name.span }.diagnostic());
            return None;
        }
        Some(scope.bind(&name.text, ty, name.span))
    }

    fn check_rollback(&mut self, rollback: ast::RollbackScope, span: Span, context: &Context) -> Option<Statement> {
        let scope = match rollback {
            ast::RollbackScope::Host => RollbackScope::Host,
            ast::RollbackScope::Batch => RollbackScope::Batch,
            ast::RollbackScope::All => RollbackScope::All,
        };
        if !context.in_failure {
            self.report(ControlError::RollbackOutsideFailure { span }.diagnostic());
            return None;
        }
        if !context.in_block && scope != RollbackScope::All {
            self.report(ControlError::RollbackScope { span }.diagnostic());
            return None;
        }
        Some(Statement::Rollback { scope, span })
    }

    fn check_step_statement(
        &mut self,
        written: &ast::Step,
        span: Span,
        scope: &mut Scope,
        context: &Context,
        collected: &mut Collected,
    ) -> Option<Statement> {
        let Some(mut step) = self.check_step(written, span, scope, context) else {
            // The name is known all the same, so that its uses are not errors too.
            if let Some(name) = &written.binding
                && scope.find(&name.text).is_none()
            {
                let binding = scope.bind(&name.text, Type::Error, name.span);
                scope.mark_used(binding);
            }
            return None;
        };
        collected.row = collected.row.join(step.row);
        collected.causes.push((step.row, written.action.span));
        if let Some(name) = &written.binding {
            let ty = self.step_result(&step);
            step.binding = self.bind(name, ty, scope);
            if let Some(binding) = step.binding {
                // Results need no reader: they are shown in any case.
                scope.mark_used(binding);
                scope.mark_of_run(binding);
            }
        }
        step.name = step_name(written, collected);
        Some(Statement::Step(step))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one `if` and its surroundings, used once")]
    fn check_if(
        &mut self,
        condition: &ast::Expr,
        then: &ast::Block,
        otherwise: Option<&ast::Else>,
        span: Span,
        scope: &mut Scope,
        context: &Context,
        collected: &mut Collected,
    ) -> Statement {
        let condition = self.expect_condition(condition, scope, context);
        let (mut yes, mut no) = (context.clone(), context.clone());
        if let Some((os, is)) = system_implied(&condition) {
            yes.systems = context.systems.narrowed(os, is, condition.span);
        }
        // Of several conditions any may have failed.
        if let Some((os, is)) = system_compared(&condition) {
            no.systems = context.systems.narrowed(os, !is, condition.span);
        }
        self.refuse_clauses(then, "a branch");
        scope.enter();
        narrow_presence(&condition, scope);
        let then = self.check_statements(&then.statements, scope, &yes, collected);
        let first = scope.leave();
        scope.enter();
        let otherwise_statements = match otherwise {
            Some(ast::Else::Block(block)) => {
                self.refuse_clauses(block, "a branch");
                self.check_statements(&block.statements, scope, &no, collected)
            }
            Some(ast::Else::If(statement)) => {
                self.check_statement(statement, scope, &no, collected).into_iter().collect()
            }
            None => Vec::new(),
        };
        let second = scope.leave();
        let (then, otherwise) = self.merge_branches(then, otherwise_statements, first, second, scope);
        Statement::If { condition, then, otherwise, span }
    }

    /// One name bound in both branches is one binding; a name of one branch only may be absent afterwards.
    fn merge_branches(
        &mut self,
        then: Vec<Statement>,
        mut otherwise: Vec<Statement>,
        first: Vec<(String, Visible)>,
        second: Vec<(String, Visible)>,
        scope: &mut Scope,
    ) -> (Vec<Statement>, Vec<Statement>) {
        let lets = lets_of(&then).into_iter().chain(lets_of(&otherwise)).collect::<Vec<_>>();
        for (name, visible) in &first {
            if lets.contains(&visible.binding) {
                scope.ended.insert(name.clone(), scope.bindings.at(visible.binding).span);
                continue;
            }
            match second.iter().find(|(other, _)| other == name) {
                Some((_, twin)) => {
                    let reported = twin.ty == Type::Error || visible.ty == Type::Error;
                    if twin.ty != visible.ty && !reported {
                        let (first, second) = (visible.ty.brief(), twin.ty.brief());
                        let span = scope.bindings.at(twin.binding).span;
                        self.report(TypeError::BranchesDiffer { name: name.clone(), first, second, span }.diagnostic());
                    }
                    rebind(&mut otherwise, twin.binding, visible.binding);
                    scope.show(name, visible.clone());
                }
                None => scope.show(name, Visible { ty: visible.ty.clone().optional(), ..visible.clone() }),
            }
        }
        for (name, visible) in &second {
            if lets.contains(&visible.binding) {
                scope.ended.insert(name.clone(), scope.bindings.at(visible.binding).span);
            } else if !first.iter().any(|(other, _)| other == name) {
                scope.show(name, Visible { ty: visible.ty.clone().optional(), ..visible.clone() });
            }
        }
        (then, otherwise)
    }

    pub(super) fn refuse_clauses(&mut self, block: &ast::Block, place: &'static str) {
        for clause in &block.clauses {
            let error =
                ControlError::ClauseNotAllowed { clause: clause_name(clause.kind), place, span: clause.head_span };
            self.report(error.diagnostic());
        }
    }
}

/// `let x = file.info(…)`: what looks like a method of nothing is meant as a step.
fn noun_of_step<'e>(value: &'e ast::Expr, scope: &Scope) -> Option<&'e ast::Name> {
    let ast::ExprKind::MethodCall { base, .. } = &value.kind else { return None };
    match &base.kind {
        ast::ExprKind::Name(noun) if noun.text != "host" && scope.find(&noun.text).is_none() => Some(noun),
        _ => None,
    }
}

pub(super) fn clause_name(kind: ClauseKind) -> &'static str {
    match kind {
        ClauseKind::OnFailure => "on failure",
        ClauseKind::AfterBatch => "after batch",
        ClauseKind::Always => "always",
    }
}

/// `service.restart`, then `service.restart#2`; or the name the step binds. Names bound in both branches of an `if` get
/// an ordinal too, so that every step's name is unique.
pub(super) fn step_name(step: &ast::Step, collected: &mut Collected) -> String {
    let base = step.binding.as_ref().map_or_else(|| step.action.text(), |name| name.text.clone());
    let ordinal = collected.ordinals.entry(base.clone()).or_insert(0);
    *ordinal += 1;
    if *ordinal == 1 { base } else { format!("{base}#{ordinal}") }
}

/// Steps of the second branch bind what the first one bound.
fn rebind(statements: &mut [Statement], from: BindingId, to: BindingId) {
    for statement in statements {
        match statement {
            Statement::Step(step) if step.binding == Some(from) => step.binding = Some(to),
            Statement::If { then, otherwise, .. } => {
                rebind(then, from, to);
                rebind(otherwise, from, to);
            }
            Statement::For { body, .. }
            | Statement::Repeat { body, .. }
            | Statement::At { body, .. }
            | Statement::Parallel { body, .. } => rebind(body, from, to),
            _ => {}
        }
    }
}

/// `x != none` (and conjunctions of it) makes the binding `x` present.
fn narrow_presence(condition: &Expr, scope: &mut Scope) {
    let ExprKind::Binary { operator, left, right } = &condition.kind else { return };
    if *operator == Operator::And {
        narrow_presence(left, scope);
        narrow_presence(right, scope);
        return;
    }
    let is_none = matches!(right.kind, ExprKind::Literal(Value::None));
    if let (Operator::NotEqual, true, ExprKind::Binding(binding), Type::Optional(inner)) =
        (operator, is_none, &left.kind, &left.ty)
    {
        let name = scope.bindings.at(*binding).name.clone();
        scope.show(&name, Visible { binding: *binding, ty: (**inner).clone() });
    }
}

fn narrow_system(condition: &Expr, context: &mut Context) {
    if let Some((os, is)) = system_implied(condition) {
        context.systems = context.systems.narrowed(os, is, condition.span);
    }
}
