//! YAML → a tree with places. Anchors, aliases, tags and further documents are refused; depth is bounded.

use saphyr_parser::{Event, Parser, Span as YamlSpan};

use super::errors::InventoryError;
use crate::base::ids::FileId;
use crate::base::source::Span;
use crate::eval::yaml::scalar;
use crate::hir::value::Value;

const MOST_DEPTH: usize = 16;

/// A node with the place it was written at.
#[derive(Clone, Debug)]
pub struct Node {
    pub kind: Kind,
    /// Of a list or a mapping, where it starts.
    pub span: Span,
    /// Up to the end of its last value, or to its closing bracket.
    pub whole: Span,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Scalar(Value),
    List(Vec<Node>),
    /// In the order written; keys are texts.
    Mapping(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub struct Key {
    pub text: String,
    pub span: Span,
}

impl Node {
    pub fn form(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar(Value::None) => "nothing",
            Kind::Scalar(Value::String(_)) => "a text",
            Kind::Scalar(Value::Bool(_)) => "true or false",
            Kind::Scalar(_) => "a number",
            Kind::List(_) => "a list",
            Kind::Mapping(_) => "a mapping",
        }
    }

    /// Nothing stands there, as behind `web1:`.
    pub fn is_unwritten(&self) -> bool {
        matches!(self.kind, Kind::Scalar(Value::None)) && self.span.start >= self.span.end
    }

    /// The node as a value of the language.
    pub fn value(&self) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => Value::List(items.iter().map(Node::value).collect()),
            Kind::Mapping(entries) => {
                Value::Record(entries.iter().map(|(key, node)| (key.text.clone(), node.value())).collect())
            }
        }
    }
}

/// The one document of a text; `None` where it is empty.
pub fn parse(text: &str, file: FileId) -> Result<Option<Node>, InventoryError> {
    // The parser counts characters, spans are bytes.
    let offsets: Vec<usize> = text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect();
    let mut reader = Reader { events: Parser::new_from_str(text), file, offsets, text };
    let mut document = None;
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) if document.is_some() => {
                return Err(InventoryError::Refused { what: "several documents", span });
            }
            Event::DocumentStart(_) => {}
            event => document = Some(reader.node(event, span, 0)?),
        }
    }
    Ok(document.filter(|node| !matches!(node.kind, Kind::Scalar(Value::None))))
}

struct Reader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    file: FileId,
    offsets: Vec<usize>,
    text: &'a str,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, InventoryError> {
        match self.events.next() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, self.span(span)))),
            Some(Err(error)) => {
                let at = self.offsets.get(error.marker().index()).copied().unwrap_or(self.text.len());
                let span = Span::new(self.file, at, at);
                Err(InventoryError::NotYaml { reason: error.info().to_string(), span })
            }
        }
    }

    fn span(&self, span: YamlSpan) -> Span {
        let offset = |index: usize| self.offsets.get(index).copied().unwrap_or(self.text.len());
        let (start, end) = (offset(span.start.index()), offset(span.end.index()));
        let trimmed = self.text.get(start..end).map_or(end, |part| start + part.trim_end().len());
        Span::new(self.file, start, trimmed)
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, InventoryError> {
        if depth > MOST_DEPTH {
            return Err(InventoryError::Refused { what: "values nested this deep", span });
        }
        match event {
            Event::Alias(_) => Err(InventoryError::Refused { what: "aliases", span }),
            Event::Scalar(_, _, anchor, tag) if anchor > 0 || tag.is_some() => {
                Err(InventoryError::Refused { what: "anchors and tags", span })
            }
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) if anchor > 0 || tag.is_some() => {
                Err(InventoryError::Refused { what: "anchors and tags", span })
            }
            Event::Scalar(text, style, _, _) => {
                Ok(Node { kind: Kind::Scalar(scalar(&text, style)), span, whole: span })
            }
            Event::SequenceStart(_, _) => self.list(span, depth),
            Event::MappingStart(_, _) => self.mapping(span, depth),
            _ => Ok(Node { kind: Kind::Scalar(Value::None), span, whole: span }),
        }
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<Node, InventoryError> {
        let mut items: Vec<Node> = Vec::new();
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            items.push(self.node(event, span, depth + 1)?);
        }
        let whole = self.whole(start, items.last().map(|item| item.whole));
        Ok(Node { kind: Kind::List(items), span: start, whole })
    }

    fn mapping(&mut self, start: Span, depth: usize) -> Result<Node, InventoryError> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut seen: std::collections::HashMap<String, Span> = std::collections::HashMap::new();
        while let Some((event, span)) = self.next()? {
            let text = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, _, 0, None) => text.to_string(),
                Event::Alias(_) => return Err(InventoryError::Refused { what: "aliases", span }),
                _ => {
                    return Err(InventoryError::WrongForm { expected: "a text as key", found: "something else", span });
                }
            };
            if let Some(first) = seen.insert(text.clone(), span) {
                return Err(InventoryError::DuplicateKey { key: text, first, span });
            }
            let Some((event, value_span)) = self.next()? else { break };
            let node = self.node(event, value_span, depth + 1)?;
            entries.push((Key { text, span }, node));
        }
        // The place of a value that is not written is anywhere up to the next word.
        let last = entries.last().map(|(key, node)| if node.is_unwritten() { key.span } else { node.whole });
        let whole = self.whole(start, last);
        Ok(Node { kind: Kind::Mapping(entries), span: start, whole })
    }

    /// What stands in brackets ends with them; a block ends with its last value.
    fn whole(&self, start: Span, last: Option<Span>) -> Span {
        let is_flow = self.text.get(start.start as usize..).is_some_and(|rest| rest.starts_with(['{', '[']));
        let end = last.map_or(start.start + u32::from(is_flow), |last| last.end);
        let end = if is_flow { self.bracket_end(end as usize) } else { end as usize };
        Span::new(start.file, start.start as usize, end)
    }

    /// Behind the next closing bracket that is in no comment. The parser's own place of it may be that of a comma before
    /// it, and goes on to the end of the comment behind it.
    fn bracket_end(&self, from: usize) -> usize {
        let mut in_comment = false;
        for (at, letter) in self.text.get(from..).unwrap_or("").char_indices() {
            match letter {
                '\n' => in_comment = false,
                '#' => in_comment = true,
                '}' | ']' if !in_comment => return from + at + 1,
                _ => {}
            }
        }
        self.text.len()
    }
}
