//! Visits an expression and everything inside it. Knows nothing of what the visitor looks for.

use crate::base::ids::BindingId;
use crate::hir::expr::{Expr, ExprKind};

/// Calls `visit` on an expression and everything inside it.
pub fn walk(expr: &Expr, visit: &mut dyn FnMut(&Expr)) {
    visit(expr);
    match &expr.kind {
        ExprKind::Interpolated(items) | ExprKind::List(items) | ExprKind::Call { args: items, .. } => {
            items.iter().for_each(|item| walk(item, visit));
        }
        ExprKind::Field(base, _) | ExprKind::Not(base) | ExprKind::Negate(base) => walk(base, visit),
        ExprKind::ResultAt { results: left, host: right }
        | ExprKind::Index { base: left, index: right }
        | ExprKind::Binary { left, right, .. }
        | ExprKind::Where { hosts: left, condition: right } => {
            walk(left, visit);
            walk(right, visit);
        }
        ExprKind::Record(fields) => fields.iter().for_each(|(_, value)| walk(value, visit)),
        ExprKind::WhenPresent { any, value } => {
            any.iter().for_each(|each| walk(each, visit));
            walk(value, visit);
        }
        ExprKind::Aggregate { source, body, .. } => {
            walk(source, visit);
            if let Some(body) = body {
                walk(body, visit);
            }
        }
        ExprKind::Literal(_)
        | ExprKind::Binding(_)
        | ExprKind::CurrentHost
        | ExprKind::It
        | ExprKind::Before
        | ExprKind::After
        | ExprKind::Facts
        | ExprKind::CurrentBatch => {}
    }
}

/// Whether the value of a name is asked for anywhere in it.
pub fn mentions(expr: &Expr, binding: BindingId) -> bool {
    let mut found = false;
    walk(expr, &mut |inner| found = found || matches!(inner.kind, ExprKind::Binding(name) if name == binding));
    found
}
