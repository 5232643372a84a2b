//! Which tokens can be a value of a parameter's type, and how that value is written in the language.

use super::tokens::{Token, TokenKind};
use crate::eval::fits::fits;
use crate::hir::types::Type;
use crate::hir::value::Value;

/// Words that are never a name, a package or a file.
pub const NEVER_NAMES: &[&str] = &[
    "the",
    "a",
    "an",
    "and",
    "or",
    "on",
    "in",
    "at",
    "to",
    "of",
    "for",
    "with",
    "if",
    "then",
    "is",
    "are",
    "it",
    "that",
    "this",
    "all",
    "every",
    "each",
    "server",
    "servers",
    "host",
    "hosts",
    "machine",
    "machines",
    "service",
    "package",
    "packages",
    "file",
    "directory",
    "folder",
    "user",
    "port",
    "command",
    "script",
    "roll",
    "back",
    "health",
    "check",
    "time",
    "times",
    "failure",
    "except",
    "but",
    "not",
    "please",
    "first",
    "finally",
    "after",
    "from",
    "into",
];

/// The ways in which tokens from `at` on are a value: how many tokens, and the value as source text.
pub fn readings(tokens: &[Token], at: usize, ty: &Type) -> Vec<(usize, String)> {
    if let Type::List(item) = ty.core() {
        return list(tokens, at, item);
    }
    let Some(token) = tokens.get(at) else { return Vec::new() };
    one(token, ty).map(|source| vec![(1, source)]).unwrap_or_default()
}

/// `nginx`, `nginx and redis`, `a, b and c`: every prefix is a reading, the chart takes the longest that works.
fn list(tokens: &[Token], at: usize, item: &Type) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut items: Vec<String> = Vec::new();
    let mut next = at;
    while let Some(value) = tokens.get(next).and_then(|token| one(token, item)) {
        items.push(value);
        next += 1;
        found.push((next - at, format!("[{}]", items.join(", "))));
        let joins = |token: &Token| token.kind == TokenKind::Comma || token.word == "and";
        while tokens.get(next).is_some_and(joins) {
            next += 1;
        }
    }
    found
}

fn one(token: &Token, ty: &Type) -> Option<String> {
    let text = &token.text;
    let quoted = || Value::string(text).literal();
    let is_name = token.kind == TokenKind::Word && !NEVER_NAMES.contains(&token.word.as_str());
    match (ty.core(), token.kind) {
        (Type::Path, TokenKind::Path | TokenKind::Quoted) => fitting(Value::string(text), ty),
        (Type::Url, TokenKind::Url | TokenKind::Quoted) => Some(url(text)),
        (Type::File, TokenKind::Quoted) => Some(format!("file({})", quoted())),
        (Type::File, TokenKind::Word) if is_name && text.contains('.') => Some(format!("file({})", quoted())),
        (Type::Script, TokenKind::Quoted) => Some(format!("sh\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))),
        (Type::Int, TokenKind::Number | TokenKind::Word) => {
            token.word.parse().ok().and_then(|number| fitting(Value::Int(number), ty))
        }
        (Type::Duration, TokenKind::Duration) => Some(text.clone()),
        (Type::Bool, _) => None,
        (Type::Union(_), _) => fitting(Value::string(&token.word), ty),
        (Type::String | Type::Text, TokenKind::Quoted) => fitting(Value::string(text), ty),
        (Type::String, TokenKind::Number) if is_refined(ty) => fitting(Value::string(text), ty),
        (Type::String, TokenKind::Word) if is_name && is_refined(ty) => fitting(Value::string(text), ty),
        _ => None,
    }
}

fn is_refined(ty: &Type) -> bool {
    match ty {
        Type::Refined { .. } => true,
        Type::Optional(inner) => is_refined(inner),
        _ => false,
    }
}

fn fitting(value: Value, ty: &Type) -> Option<String> {
    fits(&value, ty).is_ok().then(|| value.literal())
}

/// `{address}` and `{name}` of the current host; other braces are text.
fn url(text: &str) -> String {
    let literal = Value::string(text).literal();
    let holes = [
        ("\\{address}", "{host.address}"),
        ("\\{host}", "{host.address}"),
        ("\\{name}", "{host.name}"),
        ("\\{host.address}", "{host.address}"),
        ("\\{host.name}", "{host.name}"),
    ];
    holes.iter().fold(literal, |text, (written, hole)| text.replace(written, hole))
}
