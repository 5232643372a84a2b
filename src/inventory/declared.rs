//! What an inventory declares of tags and variables: which there are, with their types. Types are written as in the
//! language (`int(1..65535)`, `list<string(/[a-z]+/)>`), as a list of values, or as a mapping of fields.

use super::errors::InventoryError;
use super::raw::Settings;
use super::yaml::{Kind, Node};
use crate::base::near::nearest;
use crate::base::source::Span;
use crate::eval::fits::why_no_pattern;
use crate::eval::parse::{convert_input, parse_field};
use crate::hir::types::{Field, Refinement, SCALARS, Type};
use crate::hir::value::Value;
use crate::hir::world::Inventory;

/// Types in types beyond this are none that anybody reads.
const MOST_DEPTH: usize = 8;

/// A variable that may be set; without a type, to anything.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct DeclaredVar {
    pub(super) name: String,
    pub(super) ty: Option<Type>,
    pub(super) span: Span,
}

/// The type that a node writes; `None` is any.
pub(super) fn declared_type(node: &Node, errors: &mut Vec<InventoryError>) -> Option<Type> {
    match &node.kind {
        Kind::Scalar(Value::None) => None,
        Kind::Scalar(Value::String(text)) => match parse_type(text) {
            Ok(ty) => Some(ty),
            Err(reason) => {
                errors.push(InventoryError::NotType { reason, span: node.span });
                None
            }
        },
        Kind::List(items) => Some(Type::Union(items.iter().map(Node::value).collect())),
        Kind::Mapping(entries) => {
            let field = |(key, node): &(super::yaml::Key, Node)| {
                let ty = declared_type(node, errors).unwrap_or(Type::Error);
                Field { name: key.text.clone(), ty }
            };
            Some(Type::Record(entries.iter().map(field).collect()))
        }
        Kind::Scalar(_) => {
            let (expected, found) = ("a type, a list of values or a mapping of fields", node.form());
            errors.push(InventoryError::WrongForm { expected, found, span: node.span });
            None
        }
    }
}

/// `int`, `string(/…/)`, `list<path>(1..)`, `map<string, int>`; else what is wrong with it.
pub(super) fn parse_type(text: &str) -> Result<Type, String> {
    let mut reader = Reader { rest: text.trim() };
    let ty = reader.read(0)?;
    if reader.rest.is_empty() { Ok(ty) } else { Err(format!("`{}` behind the type is not understood", reader.rest)) }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn take(&mut self, mark: &str) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, mark: &str) -> Result<(), String> {
        if self.take(mark) { Ok(()) } else { Err(format!("expected `{mark}` before `{}`", self.rest)) }
    }

    fn read(&mut self, depth: usize) -> Result<Type, String> {
        if depth > MOST_DEPTH {
            return Err(format!("types lie in each other deeper than {MOST_DEPTH}"));
        }
        let end = self.rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest.trim_start();
        let base = match name {
            "list" => {
                self.expect("<")?;
                let item = self.read(depth + 1)?;
                self.expect(">")?;
                Type::List(Box::new(item))
            }
            "map" => {
                self.expect("<")?;
                let key = self.read(depth + 1)?;
                if !matches!(key.core(), Type::String) {
                    return Err(format!("the keys of a map are texts, found {key}"));
                }
                self.expect(",")?;
                let value = self.read(depth + 1)?;
                self.expect(">")?;
                Type::Map(Box::new(key), Box::new(value))
            }
            name => SCALARS
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, ty)| ty.clone())
                .ok_or_else(|| unknown(name))?,
        };
        if self.take("(") { self.refined(base) } else { Ok(base) }
    }

    fn refined(&mut self, base: Type) -> Result<Type, String> {
        let refinement = if let Some(rest) = self.rest.strip_prefix('/') {
            if !matches!(base, Type::String | Type::Text | Type::Path | Type::Url) {
                return Err(format!("a {base} takes no pattern"));
            }
            self.pattern(rest)?
        } else {
            self.range(&base)?
        };
        self.expect(")")?;
        Ok(Type::Refined { name: None, base: Box::new(base), refinement })
    }

    fn pattern(&mut self, rest: &'a str) -> Result<Refinement, String> {
        let mut escaped = false;
        let end = rest.char_indices().find(|(_, letter)| {
            let is_end = *letter == '/' && !escaped;
            escaped = *letter == '\\' && !escaped;
            is_end
        });
        let (end, _) = end.ok_or_else(|| "the pattern has no `/` at its end".to_string())?;
        let pattern = rest.get(..end).unwrap_or_default().replace("\\/", "/");
        self.rest = rest.get(end + 1..).unwrap_or_default().trim_start();
        match why_no_pattern(&pattern) {
            Some(reason) => Err(format!("/{pattern}/ is no pattern: {reason}")),
            None => Ok(Refinement::Pattern(pattern)),
        }
    }

    fn range(&mut self, base: &Type) -> Result<Refinement, String> {
        let of = match base {
            Type::List(_) => &Type::Int,
            Type::Int | Type::Float | Type::Duration | Type::Size | Type::Percent => base,
            other => return Err(format!("a {other} takes no range")),
        };
        let end = self.rest.find(')').ok_or_else(|| format!("expected `)` behind `{}`", self.rest))?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        let (min, max) =
            text.split_once("..").ok_or_else(|| format!("expected a range such as 1..9, found `{text}`"))?;
        let bound = |text: &str| match text.trim() {
            "" => Ok(None),
            text => parse_field(text, of).map(Some).map_err(|error| error.to_string()),
        };
        let (min, max) = (bound(min)?, bound(max)?);
        let is_empty = min
            .as_ref()
            .zip(max.as_ref())
            .is_some_and(|(min, max)| crate::eval::evaluate::order(min, max) == Some(std::cmp::Ordering::Greater));
        if is_empty {
            Err(format!("nothing is in the range {}", text.trim()))
        } else {
            Ok(Refinement::Range { min, max })
        }
    }
}

fn unknown(name: &str) -> String {
    let known = || SCALARS.iter().map(|(known, _)| *known).chain(["list", "map"]);
    match nearest(name, known()) {
        Some(near) => format!("there is no type `{name}`; did you mean `{near}`?"),
        None => format!("there is no type `{name}`; there are {}", known().collect::<Vec<_>>().join(", ")),
    }
}

/// Gives the variables of a level their declared types; what is not declared, or does not fit, is an error at its place.
pub(super) fn type_vars(settings: &mut Settings, declared: &[DeclaredVar], errors: &mut Vec<InventoryError>) {
    if declared.is_empty() {
        return;
    }
    for (name, value, span) in &mut settings.vars {
        let error = match declared.iter().find(|known| known.name == *name) {
            None => {
                let known = declared.iter().map(|known| known.name.clone()).collect();
                Some(InventoryError::UndeclaredVar { name: name.clone(), known, span: *span })
            }
            Some(DeclaredVar { ty: Some(ty), span: definition, .. }) => match convert(value, ty) {
                Ok(converted) => {
                    *value = converted;
                    None
                }
                Err(reason) => {
                    let name = name.clone();
                    Some(InventoryError::VarMisfit { name, reason, span: *span, definition: *definition })
                }
            },
            Some(_) => None,
        };
        // A range of hosts says it for each of them, and is one mistake.
        errors.extend(error.filter(|error| !errors.contains(error)));
    }
}

fn convert(value: &Value, ty: &Type) -> Result<Value, String> {
    if let Some(field) = stray_field(value, ty) {
        return Err(field);
    }
    convert_input(value, ty, &Inventory::default()).map_err(|error| error.to_string())
}

/// A field that its record does not declare.
fn stray_field(value: &Value, ty: &Type) -> Option<String> {
    match (value, ty) {
        (Value::Record(found), Type::Record(fields)) => found.iter().find_map(|(name, value)| {
            let Some(field) = fields.iter().find(|field| field.name == *name) else {
                let near = nearest(name, fields.iter().map(|field| field.name.as_str()));
                let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                return Some(format!("there is no field `{name}`{near}"));
            };
            stray_field(value, &field.ty)
        }),
        (Value::Record(found), Type::Map(_, item)) => found.iter().find_map(|(_, value)| stray_field(value, item)),
        (Value::List(items), Type::List(item)) => items.iter().find_map(|value| stray_field(value, item)),
        (value, Type::Refined { base, .. }) => stray_field(value, base),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_they_are_written() {
        for text in [
            "int",
            "string(/[a-z]+/)",
            "string(/a\\/b/)",
            "int(1..65535)",
            "int(..9)",
            "duration(1s..1h)",
            "percent(0%..50%)",
            "list<int(0..)>(1..3)",
            "map<string, list<path>>",
            "map<string(/[a-z]+/), bool>",
        ] {
            assert_eq!(parse_type(text).map(|ty| ty.to_string()).as_deref(), Ok(text));
        }
        assert_eq!(parse_type(" list < int ( 1 .. 2 ) > ").unwrap().to_string(), "list<int(1..2)>");
    }

    #[test]
    fn what_is_no_type_is_named() {
        for (text, words) in [
            ("itn", "there is no type `itn`; did you mean `int`?"),
            ("", "there is no type ``; there are string, text,"),
            ("int 1", "`1` behind the type is not understood"),
            ("int(1)", "expected a range such as 1..9, found `1`"),
            ("int(a..b)", "`a`"),
            ("int(9..1)", "nothing is in the range 9..1"),
            ("int(1..2", "expected `)` behind `1..2`"),
            ("int(/a/)", "a int takes no pattern"),
            ("bool(1..2)", "a bool takes no range"),
            ("string(/a)", "the pattern has no `/` at its end"),
            ("string(/[/)", "is no pattern"),
            ("list", "expected `<` before ``"),
            ("map<int, int>", "the keys of a map are texts, found int"),
        ] {
            let error = parse_type(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(parse_type(&"list<".repeat(1000)).unwrap_err().contains("deeper than"));
    }
}
