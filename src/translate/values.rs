//! Which tokens can be a value of a parameter's type, and how that value is written in the language.

use super::tokens::{Token, TokenKind};
use crate::eval::fits::fits;
use crate::eval::parse::parse_size;
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
    "version",
    "them",
    "between",
    "everywhere",
    "when",
    "until",
];

/// Verbs: after "and" they begin a clause, and are no further name of a list.
const VERBS: &[&str] = &[
    "restart",
    "reload",
    "start",
    "stop",
    "enable",
    "disable",
    "install",
    "remove",
    "uninstall",
    "delete",
    "prune",
    "purge",
    "copy",
    "put",
    "write",
    "render",
    "create",
    "make",
    "add",
    "run",
    "execute",
    "wait",
    "verify",
    "ensure",
    "test",
    "configure",
    "reboot",
    "upgrade",
    "update",
    "deploy",
    "push",
    "upload",
    "clean",
    "notify",
    "monitor",
    "watch",
    "confirm",
    "continue",
    "proceed",
    "report",
    "log",
    "mask",
    "show",
    "list",
    "set",
    "go",
    "try",
    "retry",
    "undo",
    "revert",
    "rollback",
    "abort",
    "halt",
];

/// One way to read tokens as a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filler {
    /// How many tokens.
    pub length: usize,
    /// As source text. Several where a parameter of one value was given several: one step for each.
    pub values: Vec<String>,
}

/// The ways in which tokens from `at` on are a value: `nginx`, `nginx and redis`, `a, b and c`; every prefix is a
/// reading, the chart takes the longest that works.
pub fn readings(tokens: &[Token], at: usize, ty: &Type) -> Vec<Filler> {
    let item = match ty.core() {
        Type::List(item) => item,
        _ => ty,
    };
    let is_list = matches!(ty.core(), Type::List(_));
    let mut found = Vec::new();
    let mut items: Vec<String> = Vec::new();
    let mut next = at;
    while let Some(value) = tokens.get(next).and_then(|token| one(token, item)) {
        items.push(value);
        next += 1;
        let values = if is_list { vec![format!("[{}]", items.join(", "))] } else { items.clone() };
        found.push(Filler { length: next - at, values });
        let joined = next;
        while tokens.get(next).is_some_and(|token| token.kind == TokenKind::Comma || token.word == "and") {
            next += 1;
        }
        let is_verb = tokens.get(next).is_some_and(|token| VERBS.contains(&token.word.as_str()));
        if next == joined || is_verb {
            break;
        }
    }
    found
}

/// A value that was read before, as one of another parameter's type: what "it" means.
pub fn read_again(source: &str, ty: &Type) -> Option<Vec<String>> {
    let inner = source.strip_prefix('[').and_then(|list| list.strip_suffix(']')).unwrap_or(source);
    let words = inner.replace(['"', '\''], "");
    let tokens = super::tokens::tokenize(&words);
    readings(&tokens, 0, ty).into_iter().find(|filler| filler.length == tokens.len()).map(|filler| filler.values)
}

fn one(token: &Token, ty: &Type) -> Option<String> {
    let text = &token.text;
    let quoted = || Value::string(text).literal();
    let is_name = token.kind == TokenKind::Word && !NEVER_NAMES.contains(&token.word.as_str());
    if ty.is_secret() {
        // A sentence says where a secret comes from; a secret itself would stand in the file.
        let is_reference = ["env:", "file:", "command:"].iter().any(|provider| text.starts_with(provider));
        return is_reference.then(|| format!("secret({})", quoted()));
    }
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
        // A bare number says no unit, so it is no size.
        (Type::Size, TokenKind::Word) => parse_size(text).and_then(|bytes| fitting(Value::Size(bytes), ty)),
        (Type::Bool, _) => None,
        // `GET` as it is, others in whatever case they are written.
        (Type::Union(_), _) => fitting(Value::string(text), ty).or_else(|| fitting(Value::string(&token.word), ty)),
        (Type::String | Type::Text, TokenKind::Quoted) => fitting(Value::string(text), ty),
        (Type::String, TokenKind::Number | TokenKind::Url) if is_refined(ty) => fitting(Value::string(text), ty),
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
