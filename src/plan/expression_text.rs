//! A typed expression as text again, with names instead of ids: for pending values, guards and the digest.

use crate::base::ids::{BindingId, IdVec};
use crate::eval::walk::walk;
use crate::hir::expr::{Expr, ExprKind, Function, Operator};
use crate::hir::program::{Action, ActionBody, Binding, Place, Playbook, Statement};
use crate::hir::value::Value;

/// The expression in the language's own words. Not necessarily what was written, but always the same for the same meaning.
pub fn expression_text(expr: &Expr, bindings: &IdVec<BindingId, Binding>) -> String {
    let text = |inner: &Expr| expression_text(inner, bindings);
    let comma = |items: &[Expr]| items.iter().map(text).collect::<Vec<_>>().join(", ");
    match &expr.kind {
        ExprKind::Literal(value) => value.literal(),
        ExprKind::Interpolated(pieces) => interpolated(pieces, bindings),
        ExprKind::Binding(binding) => {
            bindings.get(*binding).map_or_else(|| "?".to_string(), |found| found.name.clone())
        }
        ExprKind::CurrentHost => "host".to_string(),
        ExprKind::It => "it".to_string(),
        ExprKind::Before => "before".to_string(),
        ExprKind::After => "after".to_string(),
        ExprKind::Facts => "facts".to_string(),
        ExprKind::CurrentBatch => "batch".to_string(),
        ExprKind::Field(base, field) => format!("{}.{field}", text(base)),
        ExprKind::ResultAt { results, host } => format!("{}[{}]", text(results), text(host)),
        ExprKind::Index { base, index } => format!("{}[{}]", text(base), text(index)),
        ExprKind::List(items) => format!("[{}]", comma(items)),
        ExprKind::Record(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {}", text(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        ExprKind::Not(operand) => format!("not {}", text(operand)),
        ExprKind::Negate(operand) => format!("-{}", text(operand)),
        ExprKind::Binary { operator, left, right } => {
            format!("{} {} {}", grouped(left, bindings), symbol(*operator), grouped(right, bindings))
        }
        ExprKind::WhenPresent { value, .. } => text(value),
        ExprKind::Where { hosts, condition } => format!("{} where {}", grouped(hosts, bindings), text(condition)),
        ExprKind::Call { function: Function::Declassify, args } => match args.as_slice() {
            [secret, because] => format!("declassify({}, because: {})", text(secret), text(because)),
            _ => format!("declassify({})", comma(args)),
        },
        ExprKind::Call { function, args } => format!("{}({})", function_name(&format!("{function:?}")), comma(args)),
        ExprKind::Aggregate { aggregate, source, body } => {
            let body = body.as_ref().map(|body| format!(", {}", text(body))).unwrap_or_default();
            format!("{}({}{body})", format!("{aggregate:?}").to_lowercase(), text(source))
        }
    }
}

fn grouped(expr: &Expr, bindings: &IdVec<BindingId, Binding>) -> String {
    let text = expression_text(expr, bindings);
    match expr.kind {
        ExprKind::Binary { .. } | ExprKind::Where { .. } => format!("({text})"),
        _ => text,
    }
}

fn interpolated(pieces: &[Expr], bindings: &IdVec<BindingId, Binding>) -> String {
    let mut text = String::from("\"");
    for piece in pieces {
        match &piece.kind {
            ExprKind::Literal(Value::String(part)) => {
                let quoted = Value::string(part).literal();
                text.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
            }
            _ => text.push_str(&format!("{{{}}}", expression_text(piece, bindings))),
        }
    }
    text + "\""
}

/// `ToJson` → `to_json`.
fn function_name(variant: &str) -> String {
    let mut name = String::new();
    for letter in variant.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

pub fn symbol(operator: Operator) -> &'static str {
    match operator {
        Operator::Or => "or",
        Operator::And => "and",
        Operator::Equal => "==",
        Operator::NotEqual => "!=",
        Operator::Less => "<",
        Operator::LessEqual => "<=",
        Operator::Greater => ">",
        Operator::GreaterEqual => ">=",
        Operator::In => "in",
        Operator::Default => "??",
        Operator::Add | Operator::HostsUnion => "+",
        Operator::Subtract | Operator::HostsMinus => "-",
        Operator::HostsIntersect => "&",
        Operator::Multiply => "*",
        Operator::Divide => "/",
    }
}

/// Calls `visit` on every expression of a playbook: defaults, hosts, options, conditions, arguments, attributes.
pub fn walk_playbook(playbook: &Playbook, visit: &mut dyn FnMut(&Expr)) {
    playbook.params.iter().filter_map(|param| param.default.as_ref()).for_each(|default| walk(default, visit));
    for statements in [&playbook.body, &playbook.on_failure, &playbook.always] {
        walk_statements(statements, visit);
    }
}

/// Calls `visit` on every expression of a composite action's steps, and of its parameters' defaults.
pub fn walk_composite(action: &Action, visit: &mut dyn FnMut(&Expr)) {
    if let ActionBody::Steps { body, result } = &action.body {
        action.params.iter().filter_map(|param| param.default.as_ref()).for_each(|default| walk(default, visit));
        walk_statements(body, visit);
        result.iter().for_each(|result| walk(result, visit));
    }
}

fn walk_statements(statements: &[Statement], visit: &mut dyn FnMut(&Expr)) {
    for statement in statements {
        match statement {
            Statement::Let { value, .. } => walk(value, visit),
            Statement::Require { condition, message, .. } | Statement::SkipIf { condition, reason: message, .. } => {
                walk(condition, visit);
                walk(message, visit);
            }
            Statement::Approve(approval) => walk(&approval.message, visit),
            Statement::Call(call) => call.args.iter().flatten().for_each(|arg| walk(arg, visit)),
            Statement::Repeat { times, until, body, .. } => {
                walk(times, visit);
                walk_statements(body, visit);
                until.iter().for_each(|until| walk(until, visit));
            }
            Statement::Parallel { body, .. } => walk_statements(body, visit),
            Statement::At { place, as_user, body, .. } => {
                if let Place::Host(host) = place {
                    walk(host, visit);
                }
                as_user.iter().for_each(|user| walk(user, visit));
                walk_statements(body, visit);
            }
            Statement::For { list, body, .. } => {
                walk(list, visit);
                walk_statements(body, visit);
            }
            Statement::If { condition, then, otherwise, .. } => {
                walk(condition, visit);
                walk_statements(then, visit);
                walk_statements(otherwise, visit);
            }
            Statement::On(block) => {
                walk(&block.hosts, visit);
                let options = [&block.batch, &block.at_once, &block.max_failures, &block.spread, &block.as_user];
                options.into_iter().flatten().for_each(|option| walk(option, visit));
                [&block.body, &block.on_failure, &block.after_batch, &block.always]
                    .into_iter()
                    .for_each(|inner| walk_statements(inner, visit));
            }
            Statement::Step(step) => {
                let attrs = &step.attrs;
                let attrs = [
                    &attrs.until,
                    &attrs.changed,
                    &attrs.ok,
                    &attrs.timeout,
                    &attrs.retry,
                    &attrs.every,
                    &attrs.as_user,
                ];
                step.args.iter().chain(attrs).flatten().for_each(|expr| walk(expr, visit));
            }
            Statement::Rollback { .. } => {}
        }
    }
}
