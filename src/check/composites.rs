//! Composite actions: steps and a result instead of bodies. What they do is derived from their steps.

use super::checker::Checker;
use super::context::{Context, Scope};
use super::errors::names::NameError;
use super::errors::steps::StepError;
use super::expressions::Wanted;
use super::statements::Collected;
use crate::hir::expr::Expr;
use crate::hir::program::{Action, ActionBody, Statement};
use crate::hir::types::{Os, Type};
use crate::syntax::ast;

/// Attributes that an action with bodies of its own has, and a composite derives from its steps.
const OF_BODIES: &[&str] =
    &["touches", "timeout", "repeatable", "needs", "skip", "ensure", "reversible", "renders", "restarts"];

impl Checker<'_> {
    pub(super) fn check_composite(
        &mut self,
        item: &ast::Action,
        block: &ast::Block,
        action: &mut Action,
        scope: &mut Scope,
    ) {
        // Whether there is a host is the caller's business, and checked at the call.
        let context = Context { on_host: true, in_block: true, ..Context::top() };
        let mut collected = Collected::default();
        self.refuse_clauses(block, "a composite action");
        let body = self.check_statements(&block.statements, scope, &context, &mut collected);
        let after = item.result.as_ref().map_or(item.params_span, |result| result.span);
        action.row = self.check_row("action", (item.effects.as_ref(), after), &collected);
        let result = self.check_result(item, action, scope, &context);
        action.body = ActionBody::Steps { body, result };
    }

    fn check_result(
        &mut self,
        item: &ast::Action,
        action: &Action,
        scope: &mut Scope,
        context: &Context,
    ) -> Option<Expr> {
        let attr = item.attrs.iter().find(|attr| attr.label.text == "result");
        match (attr, &action.result) {
            (None, Type::Record(fields)) if fields.is_empty() => None,
            (None, _) => {
                let span = item.result.as_ref().map_or(item.name.span, |result| result.span);
                self.report(StepError::MissingResult { action: action.name.clone(), span }.diagnostic());
                None
            }
            (Some(attr), ty) => Some(self.expect_expr(&attr.value, Wanted::of(ty), scope, context)),
        }
    }

    pub(super) fn check_attr_belongs(&mut self, item: &ast::Action, attr: &ast::Attr) {
        let composite = matches!(item.body, ast::ActionBody::Steps(_));
        let label = attr.label.text.as_str();
        let (name, span) = (label.to_string(), attr.label.span);
        if composite && OF_BODIES.contains(&label) {
            self.report(StepError::AttributeOfBodies { name, span }.diagnostic());
        } else if !composite && label == "result" {
            self.report(NameError::UnknownAttribute { name, known: OF_BODIES, span }.diagnostic());
        }
    }

    /// Whether an action runs on hosts, in whole or in part.
    pub(super) fn needs_host(&self, action: &Action) -> bool {
        match &action.body {
            ActionBody::Impls(impls) => !impls.is_empty() && !action.is_controller(),
            ActionBody::Steps { body, .. } => self.statements_need(body, &|inner| self.needs_host(inner)),
        }
    }

    /// A step of the action that has no body for a system; none where every one has.
    pub(super) fn lacks_body(&self, action: &Action, os: Os) -> bool {
        match &action.body {
            ActionBody::Impls(impls) => {
                !impls.is_empty() && !action.is_controller() && !impls.iter().any(|each| each.platform.runs_on(os))
            }
            ActionBody::Steps { body, .. } => self.statements_need(body, &|inner| self.lacks_body(inner, os)),
        }
    }

    fn statements_need(&self, body: &[Statement], needs: &dyn Fn(&Action) -> bool) -> bool {
        body.iter().any(|statement| match statement {
            Statement::Step(step) => needs(self.actions.at(step.action)),
            // A branch may be there for one system only, so it is judged where the hosts are known.
            Statement::If { then, otherwise, .. } => {
                self.statements_need(then, needs) && self.statements_need(otherwise, needs)
            }
            Statement::For { body, .. } | Statement::Repeat { body, .. } | Statement::Parallel { body, .. } => {
                self.statements_need(body, needs)
            }
            _ => false,
        })
    }
}
