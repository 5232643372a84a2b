//! Does a value fit a type, refinement included? Asked where constants are known, at plan time and at step start.

use std::cmp::Ordering;
use std::fmt;

use regex::Regex;

use super::evaluate::order;
use super::patterns;
use crate::base::words;
use crate::hir::types::{Refinement, Type};
use crate::hir::value::Value;

/// Why a value does not fit.
#[derive(Clone, PartialEq, Debug)]
pub enum Misfit {
    WrongType { expected: String, found: String },
    ControlCharacter,
    NotAbsolute { path: String },
    BadPathCharacter { path: String, character: char },
    NotUrl { url: String },
    NotMember { members: Vec<String>, found: String },
    NoMatch { pattern: String, found: String },
    OutOfRange { range: String, found: String },
    WrongCount { range: String, found: usize, noun: &'static str },
    MissingField { field: String },
    InField { field: String, inner: Box<Misfit> },
    Key { key: String, inner: Box<Misfit> },
}

impl fmt::Display for Misfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::WrongType { expected, found } => write!(formatter, "expected {expected}, found {found}"),
            Misfit::ControlCharacter => formatter.write_str("expected one line without control characters"),
            Misfit::NotAbsolute { path } if path.contains(char::is_control) => write!(
                formatter,
                "expected an absolute path, found `{}`; in \"…\" a backslash is written `\\\\`, in '…' as it is",
                path.escape_debug()
            ),
            Misfit::NotAbsolute { path } => write!(formatter, "expected an absolute path, found `{path}`"),
            Misfit::BadPathCharacter { path, character } => {
                write!(formatter, "a path cannot hold {character:?}, found `{}`", path.escape_debug())
            }
            Misfit::NotUrl { url } => write!(formatter, "expected a url such as `https://host/path`, found `{url}`"),
            Misfit::NotMember { members, found } => {
                write!(formatter, "expected {}, found {found}", words::join_or(members))
            }
            Misfit::NoMatch { pattern, found } => write!(formatter, "expected text like /{pattern}/, found {found}"),
            Misfit::OutOfRange { range, found } => write!(formatter, "expected {range}, found {found}"),
            Misfit::WrongCount { range, found, noun } => {
                write!(formatter, "expected {range} {noun}s, found {found}")
            }
            Misfit::MissingField { field } => write!(formatter, "the field `{field}` is missing"),
            Misfit::Key { key, inner } => write!(formatter, "the key `{key}`: {inner}"),
            Misfit::InField { field, inner } => write!(formatter, "in `{field}`: {inner}"),
        }
    }
}

/// Checks a value against a type. Absent fits only optional types.
pub fn fits(value: &Value, ty: &Type) -> Result<(), Misfit> {
    match (ty, value) {
        (Type::Optional(_) | Type::None | Type::Error, Value::None) | (Type::Error, _) => Ok(()),
        (Type::Optional(inner), value) => fits(value, inner),
        (Type::Secret(_), Value::Secret(_)) => Ok(()),
        (Type::Secret(inner), value) => fits(value, inner),
        (Type::Refined { base, refinement, .. }, value) => {
            fits(value, base)?;
            refined(value, refinement)
        }
        (Type::Union(members), value) => member(value, members),
        (Type::String, Value::String(text)) => one_line(text),
        (Type::Path, Value::String(text)) => path(text),
        (Type::Url, Value::String(text)) => url(text),
        (Type::List(item), Value::List(items)) => items.iter().try_for_each(|value| fits(value, item)),
        (Type::Map(key, item), Value::Record(fields)) => fields.iter().try_for_each(|(field, value)| {
            fits_key(field, key)?;
            in_field(field, value, item)
        }),
        (Type::Record(expected), record @ Value::Record(_)) => {
            expected.iter().try_for_each(|field| match record.field(&field.name) {
                Some(value) => in_field(&field.name, value, &field.ty),
                None if field.ty.is_optional() => Ok(()),
                None => Err(Misfit::MissingField { field: field.name.clone() }),
            })
        }
        (ty, value) if same_kind(ty, value) => Ok(()),
        (ty, value) => Err(Misfit::WrongType { expected: ty.to_string(), found: kind_name(value).to_string() }),
    }
}

/// Whether a map with keys of this type can have this one.
pub fn fits_key(key: &str, ty: &Type) -> Result<(), Misfit> {
    fits(&Value::string(key), ty).map_err(|inner| Misfit::Key { key: key.to_string(), inner: Box::new(inner) })
}

fn in_field(field: &str, value: &Value, ty: &Type) -> Result<(), Misfit> {
    fits(value, ty).map_err(|inner| Misfit::InField { field: field.to_string(), inner: Box::new(inner) })
}

fn same_kind(ty: &Type, value: &Value) -> bool {
    matches!(
        (ty, value),
        (Type::Text, Value::String(_))
            | (Type::Int, Value::Int(_))
            | (Type::Float, Value::Float(_) | Value::Int(_))
            | (Type::Bool, Value::Bool(_))
            | (Type::Duration, Value::Duration(_))
            | (Type::Size, Value::Size(_))
            | (Type::Percent, Value::Percent(_))
            | (Type::File, Value::File(_))
            | (Type::Folder, Value::Folder(_))
            | (Type::Script, Value::Script(_))
            | (Type::Host, Value::Host(_))
            | (Type::Hosts(_), Value::Hosts(_) | Value::Host(_))
            | (Type::Results(_) | Type::BlockResult, Value::Record(_))
    )
}

/// The type of a value, for messages.
pub fn kind_name(value: &Value) -> &'static str {
    match value {
        Value::None => "none",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Float(_) => "float",
        Value::String(_) => "string",
        Value::Duration(_) => "duration",
        Value::Size(_) => "size",
        Value::Percent(_) => "percent",
        Value::File(_) => "file",
        Value::Folder(_) => "folder",
        Value::Script(_) => "script",
        Value::Host(_) => "host",
        Value::Hosts(_) => "hosts",
        Value::List(_) => "list",
        Value::Record(_) => "record",
        Value::Secret(_) => "secret",
    }
}

fn one_line(text: &str) -> Result<(), Misfit> {
    if text.chars().any(|letter| letter.is_control() && letter != '\t') {
        Err(Misfit::ControlCharacter)
    } else {
        Ok(())
    }
}

/// Absolute on POSIX (`/x`) or Windows (`C:\x`, `\\server\share`); no NUL, newline or wildcard.
pub fn path(text: &str) -> Result<(), Misfit> {
    let mut letters = text.chars();
    let drive = letters.next().is_some_and(|letter| letter.is_ascii_alphabetic())
        && letters.next() == Some(':')
        && letters.next().is_some_and(|letter| letter == '\\' || letter == '/');
    if !(text.starts_with('/') || drive || text.starts_with("\\\\")) {
        return Err(Misfit::NotAbsolute { path: text.to_string() });
    }
    match text.chars().find(|letter| letter.is_control() || matches!(letter, '*' | '?')) {
        Some(character) => Err(Misfit::BadPathCharacter { path: text.to_string(), character }),
        None => Ok(()),
    }
}

/// `scheme://authority…`, no white space.
pub fn url(text: &str) -> Result<(), Misfit> {
    let scheme_ok = text.split_once("://").is_some_and(|(scheme, rest)| {
        scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.'))
            && !rest.is_empty()
            && !rest.starts_with('/')
    });
    if scheme_ok && !text.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        Ok(())
    } else {
        Err(Misfit::NotUrl { url: text.to_string() })
    }
}

fn member(value: &Value, members: &[Value]) -> Result<(), Misfit> {
    if members.contains(value) {
        return Ok(());
    }
    Err(Misfit::NotMember { members: members.iter().map(Value::literal).collect(), found: value.literal() })
}

fn refined(value: &Value, refinement: &Refinement) -> Result<(), Misfit> {
    match (refinement, value) {
        (_, Value::None | Value::Secret(_)) => Ok(()),
        (Refinement::Pattern(pattern), Value::String(text)) => {
            if matches_whole(pattern, text) {
                return Ok(());
            }
            Err(Misfit::NoMatch { pattern: pattern.clone(), found: value.literal() })
        }
        (Refinement::Range { .. }, Value::List(items)) => in_count(refinement, items.len(), "item"),
        (Refinement::Range { .. }, Value::Hosts(hosts)) => in_count(refinement, hosts.len(), "host"),
        (Refinement::Range { .. }, Value::Host(_)) => in_count(refinement, 1, "host"),
        (Refinement::Range { min, max }, value) => {
            if within(value, min.as_ref(), max.as_ref()) {
                return Ok(());
            }
            Err(Misfit::OutOfRange { range: refinement.to_string(), found: value.literal() })
        }
        (Refinement::Pattern(_), _) => Ok(()),
    }
}

fn in_count(refinement: &Refinement, found: usize, noun: &'static str) -> Result<(), Misfit> {
    let Refinement::Range { min, max } = refinement else { return Ok(()) };
    let count = Value::Int(i64::try_from(found).unwrap_or(i64::MAX));
    if within(&count, min.as_ref(), max.as_ref()) {
        return Ok(());
    }
    Err(Misfit::WrongCount { range: refinement.to_string(), found, noun })
}

fn within(value: &Value, min: Option<&Value>, max: Option<&Value>) -> bool {
    let holds = |end: Option<&Value>, wrong: Ordering| {
        end.is_none_or(|end| order(value, end).is_some_and(|found| found != wrong))
    };
    holds(min, Ordering::Less) && holds(max, Ordering::Greater)
}

/// Whether a pattern (anchored at both ends) matches a whole text; a pattern that is no regular expression matches nothing.
pub fn matches_whole(pattern: &str, text: &str) -> bool {
    compiled(pattern).is_ok_and(|compiled| compiled.is_match(text))
}

/// Why a text is no regular expression, if it is none.
pub fn why_no_pattern(pattern: &str) -> Option<String> {
    compiled(pattern).err()
}

fn compiled(pattern: &str) -> Result<Regex, String> {
    patterns::parse(&format!("^(?:{pattern})$")).map_err(|reason| reason.trim_start_matches("error: ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misfit(value: Value, ty: Type) -> String {
        fits(&value, &ty).map_or_else(|misfit| misfit.to_string(), |()| "fits".to_string())
    }

    fn refined_type(base: Type, refinement: Refinement) -> Type {
        Type::Refined { name: None, base: Box::new(base), refinement }
    }

    #[test]
    fn values_are_checked_against_types_and_refinements() {
        let port =
            refined_type(Type::Int, Refinement::Range { min: Some(Value::Int(1)), max: Some(Value::Int(65535)) });
        let mode = refined_type(Type::String, Refinement::Pattern("[0-7]{3,4}".to_string()));
        let some = refined_type(Type::Hosts(None), Refinement::Range { min: Some(Value::Int(1)), max: None });
        let cases = [
            (Value::Int(80), port.clone(), "fits"),
            (Value::Int(0), port.clone(), "expected 1..65535, found 0"),
            (Value::string("0640"), mode.clone(), "fits"),
            (Value::string("x0640"), mode, "expected text like /[0-7]{3,4}/, found \"x0640\""),
            (Value::string("/a b"), Type::Path, "fits"),
            (Value::string("a"), Type::Path, "expected an absolute path, found `a`"),
            (Value::string("/a*"), Type::Path, "a path cannot hold '*', found `/a*`"),
            (
                Value::string("C:\temp"),
                Type::Path,
                "expected an absolute path, found `C:\\temp`; in \"…\" a backslash is written `\\\\`, in '…' as it is",
            ),
            (Value::string("C:\\x"), Type::Path, "fits"),
            (Value::string("http://x/"), Type::Url, "fits"),
            (Value::string("x.org"), Type::Url, "expected a url such as `https://host/path`, found `x.org`"),
            (Value::string("a\nb"), Type::String, "expected one line without control characters"),
            (Value::string("a\nb"), Type::Text, "fits"),
            (Value::None, port.optional(), "fits"),
            (Value::None, Type::Bool, "expected bool, found none"),
            (Value::Hosts(vec![]), some, "expected 1.. hosts, found 0"),
            (
                Value::string("up"),
                Type::Union(vec![Value::string("running"), Value::string("stopped")]),
                "expected \"running\" or \"stopped\", found \"up\"",
            ),
        ];
        for (value, ty, expected) in cases {
            assert_eq!(misfit(value.clone(), ty.clone()), expected, "{value:?} as {ty}");
        }
    }
}
