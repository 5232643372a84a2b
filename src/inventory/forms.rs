//! What is read from nodes: mappings, texts, words, durations. A node of another form is a finding, and nothing is read.

use super::errors::InventoryError;
use super::yaml::{Key, Kind, Node};
use crate::base::source::Span;
use crate::eval::parse::parse_duration;
use crate::hir::value::Value;

pub fn entries<'n>(node: &'n Node, errors: &mut Vec<InventoryError>) -> &'n [(Key, Node)] {
    match &node.kind {
        Kind::Mapping(entries) => entries,
        Kind::Scalar(Value::None) => &[],
        _ => {
            errors.push(InventoryError::WrongForm { expected: "a mapping", found: node.form(), span: node.span });
            &[]
        }
    }
}

pub fn texts(node: &Node, errors: &mut Vec<InventoryError>) -> Vec<(String, Span)> {
    let Kind::List(items) = &node.kind else {
        if !matches!(node.kind, Kind::Scalar(Value::None)) {
            errors.push(InventoryError::WrongForm { expected: "a list of names", found: node.form(), span: node.span });
        }
        return Vec::new();
    };
    items.iter().filter_map(|item| text(item, errors).map(|text| (text, item.span))).collect()
}

/// A text; numbers are taken as they are written, since `10` may be a host's name.
pub fn text(node: &Node, errors: &mut Vec<InventoryError>) -> Option<String> {
    match &node.kind {
        Kind::Scalar(Value::String(text)) => Some(text.clone()),
        Kind::Scalar(Value::Int(number)) => Some(number.to_string()),
        _ => {
            errors.push(InventoryError::WrongForm { expected: "a text", found: node.form(), span: node.span });
            None
        }
    }
}

pub fn word<T: Copy>(
    key: &'static str,
    node: &Node,
    known: &[(&str, T)],
    errors: &mut Vec<InventoryError>,
) -> Option<T> {
    let found = text(node, errors)?;
    let value = known.iter().find(|(name, _)| *name == found).map(|(_, value)| *value);
    if value.is_none() {
        let known: Vec<String> = known.iter().map(|(name, _)| (*name).to_string()).collect();
        errors.push(InventoryError::NotOneOf { key, known, found, span: node.span });
    }
    value
}

pub fn duration(node: &Node, errors: &mut Vec<InventoryError>) -> Option<u64> {
    let written = match &node.kind {
        Kind::Scalar(Value::String(text)) => parse_duration(text),
        Kind::Scalar(Value::Int(seconds)) => u64::try_from(*seconds).ok().and_then(|seconds| seconds.checked_mul(1000)),
        _ => None,
    };
    expected("a duration such as 10s", written, node, errors)
}

/// What was read of a node; nothing is a finding that says what was expected.
pub fn expected<T>(
    expected: &'static str,
    read: Option<T>,
    node: &Node,
    errors: &mut Vec<InventoryError>,
) -> Option<T> {
    if read.is_none() {
        errors.push(match &node.kind {
            // Where a number is expected, `a number` would not say what is wrong with it.
            Kind::Scalar(Value::Int(number)) => {
                InventoryError::Unfit { reason: format!("expected {expected}, found {number}"), span: node.span }
            }
            _ => InventoryError::WrongForm { expected, found: node.form(), span: node.span },
        });
    }
    read
}
