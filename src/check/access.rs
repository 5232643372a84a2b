//! `.field` and `[index]`: members of hosts, results and records, and what the inventory says of a host.

use super::checker::Checker;
use super::context::{Context, Scope};
use super::errors::names::NameError;
use super::errors::types::TypeError;
use super::expressions::{Wanted, error_expr};
use super::members::{self, Member};
use crate::base::source::Span;
use crate::eval::fits::fits_key;
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::types::Type;
use crate::hir::value::Value;
use crate::syntax::ast::{self};

impl Checker<'_> {
    pub(super) fn check_field(
        &mut self,
        base: &ast::Expr,
        field: &ast::Name,
        scope: &mut Scope,
        context: &Context,
        span: Span,
    ) -> Expr {
        if let Some(expr) = self.check_inventory_value(base, field, scope, context, span) {
            return expr;
        }
        let base = self.check_expr(base, Wanted::default(), scope, context);
        if let Type::Optional(inner) = &base.ty {
            // A field of something that may be absent may be absent, and comparing it is three-valued.
            let ty = match members::member(inner, &field.text) {
                Member::Found(ty) => ty.optional(),
                Member::Unknown { known } => {
                    self.report_member(&inner.brief(), field, known);
                    Type::Error
                }
            };
            return Expr { kind: ExprKind::Field(Box::new(base), field.text.clone()), ty, span };
        }
        match members::member(&base.ty, &field.text) {
            Member::Found(ty) => {
                let ty = if base.ty.is_secret() { Type::Secret(Box::new(ty)) } else { ty };
                Expr { kind: ExprKind::Field(Box::new(base), field.text.clone()), ty, span }
            }
            Member::Unknown { known } => {
                self.report_member(&base.ty.brief(), field, known);
                error_expr(span)
            }
        }
    }

    fn report_member(&mut self, ty: &str, field: &ast::Name, known: Vec<String>) {
        let ty = if ty.starts_with('{') { "this record".to_string() } else { ty.to_string() };
        let error = NameError::UnknownMember { ty, name: field.text.clone(), known, span: field.span };
        self.report(error.diagnostic());
    }

    /// `host.vars.port`, `host.tags.env`: typed by what the inventory says of the hosts it may be.
    fn check_inventory_value(
        &mut self,
        base: &ast::Expr,
        field: &ast::Name,
        scope: &mut Scope,
        context: &Context,
        span: Span,
    ) -> Option<Expr> {
        let ast::ExprKind::Field { base: inner, field: member } = &base.kind else { return None };
        if !matches!(member.text.as_str(), "vars" | "tags") {
            return None;
        }
        let before = self.diagnostics.len();
        let host = self.check_expr(inner, Wanted::default(), scope, context);
        if host.ty != Type::Host {
            self.diagnostics.truncate(before);
            return None;
        }
        let is_current = host.kind == ExprKind::CurrentHost;
        let hosts = if is_current { context.hosts.as_deref() } else { None };
        let ty = members::inventory_value(self.world(), hosts, &member.text, &field.text).unwrap_or_else(|| {
            let known = members::inventory_keys(self.world(), &member.text);
            self.report_member(&format!("host.{}", member.text), field, known);
            Type::Error
        });
        let record =
            Expr { kind: ExprKind::Field(Box::new(host), member.text.clone()), ty: Type::Error, span: base.span };
        Some(Expr { kind: ExprKind::Field(Box::new(record), field.text.clone()), ty, span })
    }

    pub(super) fn check_index(
        &mut self,
        base: &ast::Expr,
        index: &ast::Expr,
        scope: &mut Scope,
        context: &Context,
        span: Span,
    ) -> Expr {
        let base = self.check_expr(base, Wanted::default(), scope, context);
        match base.ty.unrefined().clone() {
            Type::Results(item) => {
                let host = self.expect_expr(index, Wanted::of(&Type::Host), scope, context);
                let kind = ExprKind::ResultAt { results: Box::new(base), host: Box::new(host) };
                Expr { kind, ty: item.optional(), span }
            }
            Type::List(item) => {
                let index = self.expect_expr(index, Wanted::of(&Type::Int), scope, context);
                Expr {
                    kind: ExprKind::Index { base: Box::new(base), index: Box::new(index) },
                    ty: (*item).clone(),
                    span,
                }
            }
            Type::Map(key, item) => {
                let index = self.expect_expr(index, Wanted::of(&Type::String), scope, context);
                if let ExprKind::Literal(Value::String(text)) = &index.kind
                    && let Err(misfit) = fits_key(text, &key)
                {
                    self.report(TypeError::misfit(misfit, index.span, None).diagnostic());
                }
                Expr {
                    kind: ExprKind::Index { base: Box::new(base), index: Box::new(index) },
                    ty: item.optional(),
                    span,
                }
            }
            // What `from_json` gave may be a list or a map; what was reported never runs.
            Type::Error => {
                let index = self.check_expr(index, Wanted::default(), scope, context);
                let kind = ExprKind::Index { base: Box::new(base), index: Box::new(index) };
                Expr { kind, ty: Type::Error, span }
            }
            other => {
                self.report(TypeError::NotIndexable { ty: other.to_string(), span }.diagnostic());
                error_expr(span)
            }
        }
    }
}
