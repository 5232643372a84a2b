//! YAML of Ansible → a tree with places: version 1.1, with aliases, merges, `!vault` and `!unsafe`. Depth and what aliases
//! make of a text are bounded.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as YamlSpan, StrInput, Tag};

use super::findings::{Notes, Reason, Refusal};
use super::node::{Key, Kind, Node, plain};
use super::scalars::scalar;
use crate::base::ids::FileId;
use crate::base::source::Span;
use crate::hir::value::Value;

const MOST_DEPTH: usize = 64;
/// Bytes of texts and keys, and some for each node; what an alias stands for counts each time.
const MOST_WEIGHT: usize = 128 << 20;
const OF_A_NODE: usize = size_of::<Node>();

/// The one document of a text; `None` where it is empty.
pub(super) fn parse(text: &str, file: FileId, notes: &mut Notes) -> Result<Option<Node>, Refusal> {
    // The parser counts characters, spans are bytes.
    let offsets: Vec<usize> = text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect();
    let events = Parser::new_from_str(text);
    let mut reader = Reader { events, file, offsets, text, anchors: HashMap::new(), weight: 0, notes };
    let mut document = None;
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) if document.is_some() => {
                return Err(Refusal::new(span, "an inventory is one document of YAML, and a second begins here"));
            }
            Event::DocumentStart(_) => {}
            event => document = Some(reader.node(event, span, 0)?),
        }
    }
    Ok(document.filter(|node| !node.is_none()))
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    file: FileId,
    offsets: Vec<usize>,
    text: &'a str,
    /// What an anchor marks, and its weight; nothing holds itself.
    anchors: HashMap<usize, (Node, usize)>,
    weight: usize,
    notes: &'a mut Notes,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Refusal> {
        match self.events.next() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, self.span(span)))),
            Some(Err(error)) => {
                let at = self.offset(error.marker().index());
                Err(Refusal::new(Span::new(self.file, at, at), format!("this is not YAML: {}", error.info())))
            }
        }
    }

    fn offset(&self, index: usize) -> usize {
        self.offsets.get(index).copied().unwrap_or(self.text.len())
    }

    fn span(&self, span: YamlSpan) -> Span {
        Span::new(self.file, self.offset(span.start.index()), self.offset(span.end.index()))
    }

    fn weigh(&mut self, more: usize, span: Span) -> Result<(), Refusal> {
        self.weight = self.weight.saturating_add(more);
        if self.weight <= MOST_WEIGHT {
            return Ok(());
        }
        Err(Refusal::new(span, "the values are too large, counted where aliases repeat them"))
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Refusal> {
        if depth > MOST_DEPTH {
            return Err(Refusal::new(span, format!("values are nested more than {MOST_DEPTH} deep")));
        }
        let before = self.weight;
        self.weigh(OF_A_NODE, span)?;
        let (kind, anchor) = match event {
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor).cloned();
                let (node, weight) =
                    known.ok_or_else(|| Refusal::new(span, "an alias stands for nothing before it"))?;
                self.weigh(weight, span)?;
                return Ok(node);
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.weigh(text.len(), span)?;
                (Kind::Scalar(tagged(&text, style, tag.as_deref(), span)?), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_tag(tag.as_deref(), &["seq"], span)?;
                (self.list(depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                refuse_tag(tag.as_deref(), &["map"], span)?;
                (self.mapping(depth)?, anchor)
            }
            _ => (Kind::Scalar(Ok(Value::None)), 0),
        };
        let node = Node { kind, span };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.weight - before));
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Kind, Refusal> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            items.push(self.node(event, span, depth + 1)?);
        }
        Ok(Kind::List(items))
    }

    fn mapping(&mut self, depth: usize) -> Result<Kind, Refusal> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut merged: Vec<(Key, Node)> = Vec::new();
        while let Some((event, span)) = self.next()? {
            let (text, style) = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, style, _, None) => (text.to_string(), style),
                _ => return Err(Refusal::new(span, "expected a text as key")),
            };
            self.weigh(text.len(), span)?;
            let Some((event, value_span)) = self.next()? else { break };
            let node = self.node(event, value_span, depth + 1)?;
            let is_plain = style == ScalarStyle::Plain;
            if is_plain && text == "<<" {
                merge(node, &mut merged)?;
                continue;
            }
            let (text, is_text) = if is_plain { key_text(text) } else { (text, true) };
            let entry = (Key { text: text.clone(), is_text, span }, node);
            match places.get(&text).and_then(|place| entries.get_mut(*place)) {
                Some(first) => {
                    self.notes.leave_out(&text, Reason::Twice, "", span);
                    *first = entry;
                }
                None => {
                    places.insert(text, entries.len());
                    entries.push(entry);
                }
            }
        }
        for (key, node) in merged {
            if !places.contains_key(&key.text) {
                places.insert(key.text.clone(), entries.len());
                entries.push((key, node));
            }
        }
        Ok(Kind::Mapping(entries))
    }
}

/// A key as Ansible's JSON has it, and whether it was a text.
fn key_text(written: String) -> (String, bool) {
    match scalar(&written) {
        Ok(Value::Bool(value)) => (value.to_string(), false),
        Ok(Value::Int(number)) => (number.to_string(), false),
        Ok(Value::Float(number)) => (format!("{number:?}"), false),
        Ok(Value::None) => ("null".to_string(), false),
        _ => (written, true),
    }
}

/// What `<<` names: of several, the first counts.
fn merge(node: Node, merged: &mut Vec<(Key, Node)>) -> Result<(), Refusal> {
    match node.kind {
        Kind::Mapping(entries) => merged.extend(entries),
        Kind::List(items) => {
            for item in items {
                let Kind::Mapping(entries) = item.kind else {
                    return Err(Refusal::new(item.span, "`<<` merges mappings"));
                };
                merged.extend(entries);
            }
        }
        _ => return Err(Refusal::new(node.span, "`<<` merges mappings")),
    }
    Ok(())
}

fn tagged(text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Result<Result<Value, Reason>, Refusal> {
    let name = tag.map(|tag| (tag.is_yaml_core_schema(), tag.suffix.as_str()));
    Ok(match name {
        Some((false, "vault" | "vault-encrypted")) => Err(Reason::Vaulted),
        // What says that it is no template is none.
        Some((false, "unsafe")) => Ok(Value::string(text)),
        Some((true, "str")) => plain(text.to_string()).map(Value::String),
        None if style == ScalarStyle::Plain => scalar(text),
        None => plain(text.to_string()).map(Value::String),
        Some((true, "int" | "float" | "bool" | "null")) => scalar(text),
        Some(_) => {
            refuse_tag(tag, &[], span)?;
            Ok(Value::None)
        }
    })
}

fn refuse_tag(tag: Option<&Tag>, known: &[&str], span: Span) -> Result<(), Refusal> {
    match tag {
        Some(tag) if !(tag.is_yaml_core_schema() && known.contains(&tag.suffix.as_str())) && tag.suffix != "unsafe" => {
            let suffix = tag.suffix.escape_debug();
            Err(Refusal::new(
                span,
                format!("the tag `!{suffix}` is not read in an inventory: `!vault` and `!unsafe` are"),
            ))
        }
        _ => Ok(()),
    }
}
