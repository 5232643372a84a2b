//! TOML → the tree that YAML makes, in which children of a group are the keys of a mapping.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::findings::{Reason, Refusal};
use super::node::{Key, Kind, Node, plain};
use crate::base::ids::FileId;
use crate::base::source::Span;
use crate::hir::value::Value;

pub(super) fn parse(text: &str, file: FileId) -> Result<Node, Refusal> {
    let table = DeTable::parse(text).map_err(|error| {
        let place = error.span().unwrap_or(0..0);
        let reason = error.message().replace('\n', " ");
        Refusal::new(Span::new(file, place.start, place.end), format!("this is not TOML: {reason}"))
    })?;
    let mut node = mapping(table.get_ref(), Span::new(file, 0, 0));
    if let Kind::Mapping(groups) = &mut node.kind {
        groups.iter_mut().for_each(|(_, group)| children_as_keys(group));
    }
    Ok(node)
}

fn children_as_keys(group: &mut Node) {
    let Kind::Mapping(sections) = &mut group.kind else { return };
    for (key, section) in sections.iter_mut().filter(|(key, _)| key.text == "children") {
        let Kind::List(names) = &section.kind else { continue };
        let nothing = Node { kind: Kind::Scalar(Ok(Value::None)), span: key.span };
        let name = |node: &Node| match &node.kind {
            Kind::Scalar(Ok(Value::String(text))) => {
                Some((Key { text: text.clone(), is_text: true, span: node.span }, nothing.clone()))
            }
            _ => None,
        };
        if let Some(names) = names.iter().map(name).collect() {
            section.kind = Kind::Mapping(names);
        }
    }
}

fn mapping(table: &DeTable<'_>, at: Span) -> Node {
    let place = |range: std::ops::Range<usize>| Span::new(at.file, range.start, range.end);
    let mut entries: Vec<(Key, Node)> = table
        .iter()
        .map(|(key, value)| {
            let key = Key { text: key.get_ref().to_string(), is_text: true, span: place(key.span()) };
            let node = node(value, at);
            (key, node)
        })
        .collect();
    entries.sort_by_key(|(key, _)| key.span.start);
    Node { kind: Kind::Mapping(entries), span: at }
}

fn node(value: &Spanned<DeValue<'_>>, at: Span) -> Node {
    let span = Span::new(at.file, value.span().start, value.span().end);
    let kind = match value.get_ref() {
        DeValue::Table(table) => mapping(table, span).kind,
        DeValue::Array(items) => Kind::List(items.iter().map(|item| node(item, at)).collect()),
        DeValue::String(text) => Kind::Scalar(plain(text.to_string()).map(Value::String)),
        DeValue::Boolean(value) => Kind::Scalar(Ok(Value::Bool(*value))),
        DeValue::Datetime(time) => Kind::Scalar(Ok(Value::string(time.to_string()))),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            Kind::Scalar(parsed.map(Value::Int).map_err(|_| Reason::Number))
        }
        DeValue::Float(number) => {
            let parsed = number.as_str().parse().ok().filter(|number: &f64| number.is_finite());
            Kind::Scalar(parsed.map(Value::Float).ok_or(Reason::Number))
        }
    };
    Node { kind, span }
}
