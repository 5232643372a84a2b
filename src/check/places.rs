//! `at`: steps on another machine, on behalf of the current host.

use super::blocks::systems_of;
use super::checker::Checker;
use super::context::{Context, Scope, Systems};
use super::errors::control::ControlError;
use super::errors::hosts::HostError;
use super::expressions::Wanted;
use super::statements::Collected;
use super::types::user_name;
use crate::base::source::Span;
use crate::hir::expr::{Expr, ExprKind, Function};
use crate::hir::program::{Place, Statement};
use crate::hir::types::Type;
use crate::syntax::ast;

/// The parts of an `at`.
pub(super) struct AtHead<'a> {
    pub(super) host: &'a ast::Expr,
    pub(super) options: &'a [ast::Named],
    pub(super) body: &'a ast::Block,
    pub(super) span: Span,
}

impl Checker<'_> {
    /// `host` stays the current host; what the steps bind is bound for it.
    pub(super) fn check_at(
        &mut self,
        head: &AtHead<'_>,
        scope: &mut Scope,
        context: &Context,
        collected: &mut Collected,
    ) -> Option<Statement> {
        if context.in_at {
            self.report(ControlError::NestedAt { span: head.host.span }.diagnostic());
            return None;
        }
        let place = self.check_place_of(head.host, scope, context);
        let as_user = self.check_at_options(head.options, scope, context);
        self.refuse_clauses(head.body, "`at`");
        let inner = Context {
            in_at: true,
            systems: systems_at(&place, scope),
            as_user: as_user.is_some() || context.as_user,
            ..context.clone()
        };
        let body = self.check_statements(&head.body.statements, scope, &inner, collected);
        Some(Statement::At { place, as_user, body, span: head.span })
    }

    fn check_place_of(&mut self, host: &ast::Expr, scope: &mut Scope, context: &Context) -> Place {
        if let ast::ExprKind::Name(name) = &host.kind
            && name.text == "controller"
        {
            return Place::Controller;
        }
        let host = self.check_expr(host, Wanted::default(), scope, context);
        if !matches!(host.ty, Type::Host | Type::Error) {
            self.report(HostError::NotOneHost { found: host.ty.to_string(), span: host.span }.diagnostic());
        }
        Place::Host(host)
    }

    fn check_at_options(&mut self, options: &[ast::Named], scope: &mut Scope, context: &Context) -> Option<Expr> {
        let mut as_user = None;
        for option in self.given_once(options) {
            let (name, span) = (option.label.text.clone(), option.label.span);
            if name != "as" {
                self.report(ControlError::UnknownOption { form: "at", name, known: &["as"], span }.diagnostic());
            } else {
                as_user = Some(self.expect_expr(&option.value, Wanted::of(&user_name()), scope, context));
            }
        }
        as_user
    }
}

/// One of a set is of the set's system.
fn systems_at(place: &Place, scope: &Scope) -> Systems {
    match place {
        Place::Host(Expr {
            kind: ExprKind::Call { function: Function::First | Function::Last | Function::Only, args },
            ..
        }) => args.first().map_or_else(Systems::any, |set| systems_of(set, scope)),
        _ => Systems::any(),
    }
}
