//! Expressions and types as texts that are equal exactly where their meaning as written is: how a string is quoted, how
//! a duration is spelt, which parentheses are redundant, and the order of a map's entries make no difference.

use super::ast::*;
use super::format_expressions::{flat_type, string_literal};
use crate::base::words;

/// Tightness of what binds nothing.
const PRIMARY: u8 = 10;

pub(super) fn expr_text(expr: &Expr) -> String {
    write(expr, 0)
}

/// The expression, in parentheses where it binds more loosely than its place asks for.
fn write(expr: &Expr, needed: u8) -> String {
    let (text, tightness) = text_and_tightness(expr);
    if tightness < needed { format!("({text})") } else { text }
}

fn text_and_tightness(expr: &Expr) -> (String, u8) {
    match &expr.kind {
        ExprKind::Parenthesized(inner) => text_and_tightness(inner),
        ExprKind::Where { hosts, condition } => (format!("{} where {}", write(hosts, 0), write(condition, 1)), 0),
        ExprKind::Binary { operator, left, right, .. } => {
            let own = tightness(*operator);
            // Comparisons do not chain, so both of their sides are tighter.
            let left_needed = if own == tightness(BinaryOperator::Equal) { own + 1 } else { own };
            (format!("{} {} {}", write(left, left_needed), operator.symbol(), write(right, own + 1)), own)
        }
        ExprKind::Unary { operator: UnaryOperator::Not, operand } => (format!("not {}", write(operand, 3)), 3),
        ExprKind::Unary { operator: UnaryOperator::Negate, operand } => (format!("-{}", write(operand, 8)), 8),
        _ => (primary(expr), PRIMARY),
    }
}

fn tightness(operator: BinaryOperator) -> u8 {
    match operator {
        BinaryOperator::Or => 1,
        BinaryOperator::And => 2,
        BinaryOperator::Equal
        | BinaryOperator::NotEqual
        | BinaryOperator::Less
        | BinaryOperator::LessEqual
        | BinaryOperator::Greater
        | BinaryOperator::GreaterEqual
        | BinaryOperator::In => 4,
        BinaryOperator::Default => 5,
        BinaryOperator::Add | BinaryOperator::Subtract | BinaryOperator::Intersect => 6,
        BinaryOperator::Multiply | BinaryOperator::Divide => 7,
    }
}

fn primary(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::None => "none".to_string(),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Float(value) => format!("{value:?}"),
        ExprKind::Duration(milliseconds) => words::duration(*milliseconds),
        ExprKind::Size(bytes) => words::size(*bytes),
        ExprKind::Percent(value) => format!("{value}%"),
        ExprKind::String(text) => string_text(text),
        ExprKind::Script(script) => script_text(script),
        ExprKind::Name(name) => name.text.clone(),
        ExprKind::List(items) => format!("[{}]", items.iter().map(expr_text).collect::<Vec<_>>().join(", ")),
        ExprKind::Map(entries) => map_text(entries),
        ExprKind::Call { function, args } => format!("{}({})", function.text, args_text(args)),
        ExprKind::MethodCall { base, method, args } => {
            format!("{}.{}({})", write(base, PRIMARY), method.text, args_text(args))
        }
        ExprKind::Field { base, field } => format!("{}.{}", write(base, PRIMARY), field.text),
        ExprKind::Index { base, index } => format!("{}[{}]", write(base, PRIMARY), expr_text(index)),
        ExprKind::Where { .. } | ExprKind::Binary { .. } | ExprKind::Unary { .. } | ExprKind::Parenthesized(_) => {
            String::new()
        }
    }
}

/// Positional arguments in order, then named ones by name.
fn args_text(args: &[Arg]) -> String {
    let mut positional = Vec::new();
    let mut named = Vec::new();
    for arg in args {
        match arg {
            Arg::Positional(value) => positional.push(expr_text(value)),
            Arg::Named(arg) => named.push(format!("{}: {}", arg.label.text, expr_text(&arg.value))),
        }
    }
    named.sort();
    positional.extend(named);
    positional.join(", ")
}

fn map_text(entries: &[MapEntry]) -> String {
    let key = |key: &MapKey| match key {
        MapKey::Label(name) => name.text.clone(),
        MapKey::String(text) => match text.constant().filter(|text| is_label(text)) {
            Some(label) => label,
            None => string_text(text),
        },
    };
    let mut entries: Vec<String> =
        entries.iter().map(|entry| format!("{}: {}", key(&entry.key), expr_text(&entry.value))).collect();
    entries.sort();
    if entries.is_empty() { "{}".to_string() } else { format!("{{ {} }}", entries.join(", ")) }
}

fn is_label(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// In the quotes that hold every text.
pub(super) fn string_text(text: &StringLiteral) -> String {
    string_literal(&StringLiteral { style: StringStyle::Quoted, ..text.clone() })
}

/// A script keeps its lines, so that a difference can be shown by line.
pub(super) fn script_text(script: &Script) -> String {
    let language = script.language.name();
    if script.text.contains('\n') {
        format!("{language}\n{}", script.text)
    } else {
        format!("{language}\"{}\"", script.text.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

pub(super) fn type_text(ty: &Type) -> String {
    flat_type(&plain_type(ty))
}

/// The type with its texts in one kind of quotes.
fn plain_type(ty: &Type) -> Type {
    let all = |types: &[Type]| types.iter().map(plain_type).collect();
    let kind = match &ty.kind {
        TypeKind::Name { name, args, refinement } => {
            TypeKind::Name { name: name.clone(), args: all(args), refinement: refinement.clone() }
        }
        TypeKind::Record(fields) => {
            let plain = |field: &TypeField| TypeField { name: field.name.clone(), ty: plain_type(&field.ty) };
            TypeKind::Record(fields.iter().map(plain).collect())
        }
        TypeKind::String(text) => TypeKind::String(StringLiteral { style: StringStyle::Quoted, ..text.clone() }),
        TypeKind::Int(value) => TypeKind::Int(*value),
        TypeKind::Union(members) => TypeKind::Union(all(members)),
        TypeKind::Optional(inner) => TypeKind::Optional(Box::new(plain_type(inner))),
    };
    Type { kind, span: ty.span }
}
