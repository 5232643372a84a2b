//! `approve(by: …, message: …, within: …)`: written like a step, known by its name.

use super::checker::Checker;
use super::context::{Context, Scope};
use super::errors::control::ControlError;
use super::errors::names::NameError;
use super::errors::steps::StepError;
use super::expressions::Wanted;
use super::types::{at_least_one_text, some_time};
use crate::base::source::Span;
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::program::{Approval, Statement};
use crate::hir::types::Type;
use crate::hir::value::Value;
use crate::syntax::ast;

pub(super) const PARAMETERS: [&str; 3] = ["by", "message", "within"];

impl Checker<'_> {
    pub(super) fn check_approve(
        &mut self,
        step: &ast::Step,
        span: Span,
        scope: &mut Scope,
        context: &Context,
    ) -> Option<Statement> {
        let head = step.action.span;
        if context.in_block || context.in_at || (context.in_clause && !context.in_after_batch) {
            self.report(ControlError::ApproveOnHosts { span: head }.diagnostic());
            return None;
        }
        if context.in_parallel {
            self.report(ControlError::NotInParallel { what: "`approve`", span: head }.diagnostic());
        }
        if let Some(name) = &step.binding {
            self.report(ControlError::ApproveGivesNothing { span: name.span }.diagnostic());
        }
        for attr in &step.attrs {
            let (name, span) = (attr.label.text.clone(), attr.label.span);
            self.report(NameError::UnknownAttribute { name, known: &[], span }.diagnostic());
        }
        let mut approval = Approval { by: Vec::new(), message: absent(head), within: None, span };
        let mut given: Vec<(&str, Span)> = Vec::new();
        for arg in &step.args {
            let ast::Arg::Named(named) = arg else {
                self.report(StepError::PositionalArgument { label: None, span: arg.span() }.diagnostic());
                continue;
            };
            let label = named.label.text.as_str();
            if let Some((_, first)) = given.iter().find(|(name, _)| *name == label) {
                let (name, span) = (label.to_string(), named.label.span);
                self.report(StepError::DuplicateArgument { name, first: *first, span }.diagnostic());
            }
            given.push((label, named.label.span));
            self.check_approve_arg(named, &mut approval, scope, context);
        }
        let missing = |name: &&str| !given.iter().any(|(known, _)| known == name);
        let missing: Vec<(String, Span)> =
            ["by", "message"].iter().filter(|name| missing(name)).map(|name| ((*name).to_string(), head)).collect();
        if !missing.is_empty() {
            self.report(
                StepError::MissingArguments { action: "approve".to_string(), missing, span: head }.diagnostic(),
            );
        }
        Some(Statement::Approve(approval))
    }

    fn check_approvers(&mut self, names: &[Value], span: Span) {
        let known = self.input.approvers;
        for name in names.iter().filter_map(Value::as_str) {
            if !known.is_empty() && !known.iter().any(|approver| approver == name) {
                let (name, known) = (name.to_string(), known.to_vec());
                self.report(ControlError::UnknownApprover { name, known, span }.diagnostic());
            }
        }
    }

    fn check_approve_arg(&mut self, named: &ast::Named, approval: &mut Approval, scope: &mut Scope, context: &Context) {
        match named.label.text.as_str() {
            "by" => {
                let by = self.expect_expr(&named.value, Wanted::of(&at_least_one_text()), scope, context);
                if let ExprKind::Literal(Value::List(names)) = by.kind {
                    self.check_approvers(&names, by.span);
                    approval.by = names.iter().filter_map(|name| name.as_str().map(str::to_string)).collect();
                }
            }
            "message" => {
                approval.message = self.expect_expr(&named.value, Wanted::of(&Type::Text), scope, context);
            }
            "within" => {
                let within = self.expect_expr(&named.value, Wanted::of(&some_time()), scope, context);
                if let ExprKind::Literal(Value::Duration(milliseconds)) = within.kind {
                    approval.within = Some(milliseconds);
                }
            }
            _ => {
                let (action, name, span) = ("approve".to_string(), named.label.text.clone(), named.label.span);
                let known = PARAMETERS.map(str::to_string).to_vec();
                self.report(StepError::UnknownArgument { action, name, known, span }.diagnostic());
            }
        }
    }
}

fn absent(span: Span) -> Expr {
    Expr { kind: ExprKind::Literal(Value::string("")), ty: Type::Text, span }
}
