//! YAML of other tools that keep secrets: texts with their lines and names. Every text is one that is wiped, and no error
//! holds any of it. Aliases stand for nothing here, so that no text grows by them.

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput, Tag};

use super::import_error::ImportError;
use crate::base::secret::Secret;

/// A value as it is written.
pub(super) enum Node {
    Text(Text),
    List(Vec<Node>),
    /// In the order written.
    Map(Vec<(String, Node)>),
    /// Another name of a value that is written elsewhere.
    Alias,
}

pub(super) struct Text {
    pub(super) text: Secret<String>,
    /// Neither quoted nor a block, so that it may be a number.
    pub(super) is_plain: bool,
    pub(super) is_vault: bool,
    pub(super) line: usize,
}

const MOST_DEPTH: usize = 64;

/// The one document of a text; an empty map where there is none.
pub(super) fn parse(text: &str) -> Result<Node, ImportError> {
    let mut reader = Reader { events: Parser::new_from_str(text), line: 1 };
    let mut document = None;
    while let Some(event) = reader.next()? {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) if document.is_some() => return Err(reader.refuse("expected one document")),
            Event::DocumentStart(_) => {}
            event => document = Some(reader.node(event, 0)?),
        }
    }
    Ok(document.unwrap_or(Node::Map(Vec::new())))
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    line: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<Event<'a>>, ImportError> {
        match self.events.next() {
            None => Ok(None),
            Some(Ok((event, span))) => {
                self.line = span.start.line();
                Ok(Some(event))
            }
            Some(Err(error)) => {
                self.line = error.marker().line();
                Err(self.refuse("this is not YAML"))
            }
        }
    }

    fn refuse(&self, why: &'static str) -> ImportError {
        ImportError::Form { line: self.line, why }
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Result<Node, ImportError> {
        if depth > MOST_DEPTH {
            return Err(self.refuse("values are nested more than 64 deep"));
        }
        Ok(match event {
            Event::Scalar(text, style, _, tag) => Node::Text(Text {
                text: Secret::new(text.into_owned()),
                is_plain: style == ScalarStyle::Plain && tag.is_none(),
                is_vault: tag.as_deref().is_some_and(is_vault),
                line: self.line,
            }),
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.map(depth)?,
            _ => Node::Alias,
        })
    }

    fn list(&mut self, depth: usize) -> Result<Node, ImportError> {
        let mut items = Vec::new();
        while let Some(event) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            items.push(self.node(event, depth + 1)?);
        }
        Ok(Node::List(items))
    }

    fn map(&mut self, depth: usize) -> Result<Node, ImportError> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        let mut known = std::collections::BTreeSet::new();
        while let Some(event) = self.next()? {
            let key = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(self.refuse("expected a text as key")),
            };
            if !known.insert(key.clone()) {
                return Err(self.refuse("expected each key once"));
            }
            let Some(event) = self.next()? else { break };
            entries.push((key, self.node(event, depth + 1)?));
        }
        Ok(Node::Map(entries))
    }
}

fn is_vault(tag: &Tag) -> bool {
    !tag.is_yaml_core_schema() && ["vault", "vault-encrypted"].contains(&tag.suffix.as_str())
}

/// Every text with the keys that lead to it, in the order written; a place in a list is a number from 0.
pub(super) fn texts(node: Node) -> Vec<(Vec<String>, Text)> {
    let mut found = Vec::new();
    collect(node, &mut Vec::new(), &mut found);
    found
}

fn collect(node: Node, keys: &mut Vec<String>, found: &mut Vec<(Vec<String>, Text)>) {
    let mut below = |key: String, node: Node| {
        keys.push(key);
        collect(node, keys, found);
        keys.pop();
    };
    match node {
        Node::Map(entries) => entries.into_iter().for_each(|(key, node)| below(key, node)),
        Node::List(items) => items.into_iter().enumerate().for_each(|(at, node)| below(at.to_string(), node)),
        Node::Text(text) => found.push((keys.clone(), text)),
        Node::Alias => {}
    }
}
