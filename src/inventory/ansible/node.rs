//! What YAML and TOML have in common once they are read: values with their places, and those that no inventory holds.

use super::findings::Reason;
use crate::base::source::Span;
use crate::hir::value::Value;

/// Deeper values are left out: an `inventory.yaml` is itself some levels deep.
pub(super) const MOST_DEPTH: usize = 10;

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Scalar(Result<Value, Reason>),
    List(Vec<Node>),
    /// In the order written.
    Mapping(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) text: String,
    /// Not a number, a truth value or nothing.
    pub(super) is_text: bool,
    pub(super) span: Span,
}

impl Node {
    pub(super) fn is_mapping(&self) -> bool {
        matches!(self.kind, Kind::Mapping(_))
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self.kind, Kind::Scalar(Ok(Value::None)))
    }

    pub(super) fn form(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar(Ok(Value::None)) => "nothing",
            Kind::Scalar(Ok(Value::Bool(_))) => "true or false",
            Kind::Scalar(Ok(Value::Int(_) | Value::Float(_))) => "a number",
            Kind::Scalar(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Mapping(_) => "a mapping",
        }
    }

    /// The value, or why an inventory cannot hold it.
    pub(super) fn value(&self) -> Result<Value, Reason> {
        self.value_below(0)
    }

    fn value_below(&self, depth: usize) -> Result<Value, Reason> {
        if depth > MOST_DEPTH {
            return Err(Reason::Deep);
        }
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => {
                items.iter().map(|item| item.value_below(depth + 1)).collect::<Result<_, _>>().map(Value::List)
            }
            Kind::Mapping(entries) => {
                let entry = |(key, node): &(Key, Node)| {
                    let name = plain(key.text.clone())?;
                    Ok((name, node.value_below(depth + 1)?))
                };
                entries.iter().map(entry).collect::<Result<_, _>>().map(Value::Record)
            }
        }
    }
}

/// A text that is neither a template nor encrypted.
pub(super) fn plain(text: String) -> Result<String, Reason> {
    if ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark)) {
        return Err(Reason::Template);
    }
    if text.starts_with("$ANSIBLE_VAULT;") { Err(Reason::Vaulted) } else { Ok(text) }
}
