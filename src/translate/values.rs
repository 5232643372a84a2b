//! Which tokens can be a value of a parameter's type, and how that value is written in the language.

use super::lexicon::{NEVER_NAMES, VERBS};
use super::tokens::{Token, TokenKind};
use crate::eval::fits::fits;
use crate::eval::parse::parse_field;
use crate::hir::types::Type;
use crate::hir::value::Value;

/// One way to read tokens as a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filler {
    /// How many tokens.
    pub length: usize,
    /// As source text. Several where a parameter of one value was given several: one step for each.
    pub values: Vec<String>,
    /// It may be the name of something else.
    pub is_doubtful: bool,
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
    let mut is_doubtful = false;
    while let Some((length, value)) = item_at(tokens, next, item) {
        items.push(value);
        let is_bare = |token: &Token| token.kind == TokenKind::Word && is_acronym(&token.text);
        is_doubtful = is_doubtful || (names_things(item) && tokens.get(next).is_some_and(is_bare));
        next += length;
        let values = if is_list { vec![format!("[{}]", items.join(", "))] } else { items.clone() };
        found.push(Filler { length: next - at, values, is_doubtful });
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

/// One value: a token, or a number and its unit ("5 minutes", "2 GB").
fn item_at(tokens: &[Token], at: usize, ty: &Type) -> Option<(usize, String)> {
    let token = tokens.get(at)?;
    if let Some(value) = one(token, ty) {
        return Some((1, value));
    }
    let next = tokens.get(at + 1).filter(|_| token.kind == TokenKind::Number)?;
    Some((2, quantity(&token.word, &next.word, ty)?))
}

fn quantity(number: &str, unit: &str, ty: &Type) -> Option<String> {
    let unit = match ty.core() {
        Type::Duration => duration_unit(unit)?,
        Type::Size => size_unit(unit)?,
        _ => return None,
    };
    measured(&format!("{number}{unit}"), ty)
}

/// A duration or a size that fits a type, as it is written in the language.
fn measured(text: &str, ty: &Type) -> Option<String> {
    parse_field(text, ty).ok().filter(|value| fits(value, ty).is_ok()).map(|_| text.to_string())
}

pub fn duration_unit(word: &str) -> Option<&'static str> {
    match word {
        "second" | "seconds" | "sec" | "secs" => Some("s"),
        "minute" | "minutes" | "min" | "mins" => Some("m"),
        "hour" | "hours" => Some("h"),
        "day" | "days" => Some("d"),
        _ => None,
    }
}

/// The language knows powers of 1024 only; where people write `GB` of files and memory, they mean these too, and the
/// program says which.
pub fn size_unit(word: &str) -> Option<&'static str> {
    match word.to_lowercase().as_str() {
        "b" | "byte" | "bytes" => Some("B"),
        "k" | "kb" | "kib" | "kilobyte" | "kilobytes" => Some("KiB"),
        "mb" | "mib" | "megabyte" | "megabytes" => Some("MiB"),
        "g" | "gb" | "gib" | "gigabyte" | "gigabytes" => Some("GiB"),
        "tb" | "tib" | "terabyte" | "terabytes" => Some("TiB"),
        _ => None,
    }
}

/// `2GB` in one word.
fn size(text: &str, ty: &Type) -> Option<String> {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).filter(|(number, _)| !number.is_empty())?;
    quantity(number, unit, ty)
}

/// Endings of files; a word with one is a file, and no package, user or service.
const ENDINGS: &[&str] = &[
    "asc", "bak", "cert", "cfg", "conf", "conflist", "cnf", "crt", "csr", "csv", "css", "deb", "env", "gz", "html",
    "ini", "j2", "json", "key", "list", "log", "md", "pem", "php", "pl", "pub", "py", "rb", "repo", "rpm", "rules",
    "sh", "sql", "sub", "tar", "tgz", "toml", "txt", "xml", "xz", "yaml", "yml", "zip",
];

/// Files that everybody knows by a name without an ending.
const FILES: &[&str] =
    &["sudoers", "fstab", "crontab", "authorized_keys", "known_hosts", "motd", "dockerfile", "makefile", "kubeconfig"];

/// `nginx.conf`: a file that is named without saying where it is.
pub fn is_file_name(token: &Token) -> bool {
    let (stem, ending) = token.word.rsplit_once('.').unwrap_or(("", ""));
    let is_plain = matches!(token.kind, TokenKind::Word | TokenKind::Quoted) && !token.word.contains([' ', '@', ':']);
    is_plain
        && (ENDINGS.contains(&ending)
            || (stem.is_empty() && ending.len() > 1)
            || token.word.ends_with("_config")
            || FILES.contains(&token.word.as_str()))
}

/// A file name, or any word with a dot or a slash in it: enough to ask for the path.
pub fn may_be_file(token: &Token) -> bool {
    let has_letter = token.text.contains(|letter: char| letter.is_ascii_alphabetic());
    is_file_name(token) || (token.kind == TokenKind::Word && has_letter && token.text.contains(['.', '/']))
}

fn one(token: &Token, ty: &Type) -> Option<String> {
    let text = &token.text;
    let quoted = || Value::string(text).literal();
    let is_word = token.kind == TokenKind::Word && !NEVER_NAMES.contains(&token.word.as_str());
    let is_name = is_word && !is_file_name(token);
    if ty.is_secret() {
        // A sentence says where a secret comes from; a secret itself would stand in the file.
        let is_reference =
            ["env:", "file:", "age:", "command:", "vault:"].iter().any(|provider| text.starts_with(provider));
        return is_reference.then(|| format!("secret({})", quoted()));
    }
    match (ty.core(), token.kind) {
        (Type::Path, TokenKind::Path | TokenKind::Quoted) => fitting(Value::string(text), ty),
        (Type::Url, TokenKind::Url | TokenKind::Quoted) => Some(url(text)),
        (Type::File, TokenKind::Quoted) => Some(format!("file({})", quoted())),
        (Type::File, TokenKind::Word) if is_word && text.contains('.') => Some(format!("file({})", quoted())),
        (Type::Folder, TokenKind::Quoted) => Some(format!("folder({})", quoted())),
        (Type::Folder, TokenKind::Word) if is_name => Some(format!("folder({})", quoted())),
        (Type::Script, TokenKind::Quoted) => Some(format!("sh\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))),
        (Type::Int, TokenKind::Number | TokenKind::Word) => {
            token.word.parse().ok().and_then(|number| fitting(Value::Int(number), ty))
        }
        (Type::Duration, TokenKind::Duration) => Some(text.clone()),
        (Type::Size, TokenKind::Word) => size(text, ty),
        (Type::Bool, _) => None,
        // `GET` as it is, others in whatever case they are written.
        (Type::Union(_), _) => fitting(Value::string(text), ty).or_else(|| fitting(Value::string(&token.word), ty)),
        (Type::String | Type::Text, TokenKind::Quoted) => fitting(Value::string(text), ty),
        (Type::String, TokenKind::Number | TokenKind::Url) if is_refined(ty) => fitting(Value::string(text), ty),
        (Type::String, TokenKind::Word) if is_name && is_refined(ty) => fitting(Value::string(text), ty),
        _ => None,
    }
}

/// `AS3` and `REST` are what products and standards are called, and seldom packages and services.
fn is_acronym(text: &str) -> bool {
    let is_capital = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit();
    text.chars().all(is_capital) && text.chars().filter(char::is_ascii_uppercase).count() > 1
}

/// Types of names are called so: `PackageName`, `UserName`. Time zones and versions may well be capitals.
fn names_things(ty: &Type) -> bool {
    match ty {
        Type::Refined { name, .. } => name.as_ref().is_some_and(|name| name.ends_with("Name")),
        Type::Optional(inner) => names_things(inner),
        _ => false,
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
