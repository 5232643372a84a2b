//! Judges the trees that others write by the table of `tree_forms`, with the place of each fault as a JSON pointer.
//! Knows nothing of texts.

use std::fmt;

use serde_json::{Map, Value as Json};

use super::tree_forms::{Definition, Shape, Variant, definition, fields_of};
use crate::base::near::nearest;

use Shape::*;

/// What is wrong with a JSON text, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShapeError {
    /// RFC 6901; empty for the whole.
    pub pointer: String,
    pub reason: String,
}

impl fmt::Display for ShapeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(formatter, "at {pointer}: {}", self.reason)
    }
}

/// Whether a value has the form of a file.
pub fn judge(value: &Json) -> Result<(), ShapeError> {
    node_fits("file", value, "")
}

pub fn below(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn wrong<T>(pointer: &str, reason: impl Into<String>) -> Result<T, ShapeError> {
    Err(ShapeError { pointer: pointer.to_string(), reason: reason.into() })
}

fn expected<T>(pointer: &str, expected: &str, found: &Json) -> Result<T, ShapeError> {
    let found = match found {
        Json::Null => "null".to_string(),
        Json::Bool(_) | Json::Number(_) => found.to_string(),
        Json::String(text) => format!("`{}`", text.chars().take(40).collect::<String>()),
        Json::Array(_) => "a list".to_string(),
        Json::Object(_) => "an object".to_string(),
    };
    wrong(pointer, format!("expected {expected}, found {found}"))
}

fn node_fits(name: &str, value: &Json, pointer: &str) -> Result<(), ShapeError> {
    let Some(definition) = definition(name) else { return wrong(pointer, "there is no such form") };
    let Json::Object(object) = value else { return expected(pointer, "an object", value) };
    let variant = variant_of(definition, object, pointer)?;
    let fields = fields_of(definition, variant);
    for (key, inner) in object {
        if key == "node" && variant.node.is_some() {
            continue;
        }
        let Some(field) = fields.iter().find(|field| field.name == key) else {
            let near = nearest(key, fields.iter().map(|field| field.name));
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return wrong(&below(pointer, key), format!("there is no field `{key}` here{hint}"));
        };
        shape_fits(field.shape, inner, &below(pointer, key))?;
    }
    if let Some(missing) = fields.iter().find(|field| field.required && !object.contains_key(field.name)) {
        return wrong(pointer, format!("`{}` is missing", missing.name));
    }
    let given = variant.one_of.iter().filter(|name| object.contains_key(**name)).count();
    if !variant.one_of.is_empty() && given != 1 {
        return wrong(pointer, format!("expected exactly one of `{}`", variant.one_of.join("` and `")));
    }
    Ok(())
}

fn variant_of(
    definition: &'static Definition,
    object: &Map<String, Json>,
    pointer: &str,
) -> Result<&'static Variant, ShapeError> {
    if let [only] = definition.variants
        && only.node.is_none()
    {
        return Ok(only);
    }
    let known: Vec<&str> = definition.variants.iter().filter_map(|variant| variant.node).collect();
    let Some(tag) = object.get("node") else { return wrong(pointer, "`node` is missing") };
    let found = definition.variants.iter().find(|variant| variant.node.is_some() && variant.node == tag.as_str());
    found.map_or_else(|| expected(&below(pointer, "node"), &format!("one of {}", known.join(", ")), tag), Ok)
}

fn shape_fits(shape: Shape, value: &Json, pointer: &str) -> Result<(), ShapeError> {
    let text = value.as_str();
    match shape {
        Node(name) => node_fits(name, value, pointer),
        List(name) => each(value, pointer, |item, at| node_fits(name, item, at)),
        Labels => each(value, pointer, |item, at| shape_fits(Label, item, at)),
        Text if text.is_some() => Ok(()),
        Label if text.is_some_and(is_label) => Ok(()),
        Dotted if text.is_some_and(|text| text.split('.').all(is_label)) => Ok(()),
        Comment if text.is_some_and(|text| text.starts_with('#') && !text.contains(['\n', '\r'])) => Ok(()),
        Word(words) if text.is_some_and(|text| words.contains(&text)) => Ok(()),
        Bool if value.is_boolean() => Ok(()),
        Int if value.is_i64() => Ok(()),
        Text => expected(pointer, "a text", value),
        Label => expected(pointer, "a name of letters, digits and `_`", value),
        Dotted => expected(pointer, "names joined by dots", value),
        Comment => expected(pointer, "one line that starts with `#`", value),
        Word(words) => expected(pointer, &format!("one of {}", words.join(", ")), value),
        Bool => expected(pointer, "true or false", value),
        Int => expected(pointer, "a whole number", value),
    }
}

fn each(value: &Json, pointer: &str, fits: impl Fn(&Json, &str) -> Result<(), ShapeError>) -> Result<(), ShapeError> {
    let Json::Array(items) = value else { return expected(pointer, "a list", value) };
    items.iter().enumerate().try_for_each(|(index, item)| fits(item, &below(pointer, &index.to_string())))
}

fn is_label(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}
