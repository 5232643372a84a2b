//! What is read from nodes of a file of tests beside the forms of inventories: lists, numbers, names with their places,
//! what scripts report. Knows no key.

use super::test_file::{Fields, Placed};
use crate::hir::value::Value;
use crate::inventory::errors::InventoryError;
use crate::inventory::forms::{duration, entries, expected as expected_of, text};
use crate::inventory::yaml::{Key, Kind, Node};
use crate::run::script::Back;

pub(super) fn list<'n>(node: &'n Node, errors: &mut Vec<InventoryError>) -> &'n [Node] {
    match &node.kind {
        Kind::List(items) => items,
        _ => {
            errors.push(InventoryError::WrongForm { expected: "a list", found: node.form(), span: node.span });
            &[]
        }
    }
}

pub(super) fn number(node: &Node, errors: &mut Vec<InventoryError>) -> Option<i64> {
    if let Kind::Scalar(Value::Int(number)) = node.kind {
        return Some(number);
    }
    errors.push(InventoryError::WrongForm { expected: "a whole number", found: node.form(), span: node.span });
    None
}

pub(super) fn within<T: TryFrom<i64> + Ord>(
    node: &Node,
    expected: &'static str,
    least: T,
    most: T,
    errors: &mut Vec<InventoryError>,
) -> Option<T> {
    let found = number(node, errors)?;
    let fits = T::try_from(found).ok().filter(|number| (&least..=&most).contains(&number));
    expected_of(expected, fits, node, errors)
}

pub(super) fn placed(node: &Node, errors: &mut Vec<InventoryError>) -> Option<Placed<String>> {
    text(node, errors).map(|value| Placed { value, span: node.span })
}

pub(super) fn named(key: &Key) -> Placed<String> {
    Placed { value: key.text.clone(), span: key.span }
}

/// Fields as a script reports them: a list is a line an item, a mapping a line an entry.
pub(super) fn fields(node: &Node, errors: &mut Vec<InventoryError>) -> Fields {
    entries(node, errors).iter().map(|(key, node)| (named(key), reported(&node.value(), "\n"))).collect()
}

fn reported(value: &Value, apart: &str) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::None => String::new(),
        Value::List(items) => items.iter().map(|item| reported(item, "\t")).collect::<Vec<_>>().join(apart),
        Value::Record(entries) => {
            let entry = |(name, value): &(String, Value)| format!("{name}={}", reported(value, "\t"));
            entries.iter().map(entry).collect::<Vec<_>>().join(apart)
        }
        other => other.literal(),
    }
}

pub(super) fn back(node: &Node, errors: &mut Vec<InventoryError>) -> Option<Back> {
    if matches!(&node.kind, Kind::Scalar(Value::String(word)) if word == "never") {
        return Some(Back::Never);
    }
    duration(node, errors).map(|length| Back::After(std::time::Duration::from_millis(length)))
}
