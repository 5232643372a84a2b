//! One entry of a YAML text is put, taken out, or added to a list; every other byte stays as it is. Where the text is
//! written in a way that cannot be changed so, nothing is: what comes out is read again and compared.

use super::yaml::{self, Key, Kind, Node};
use crate::base::ids::{FileId, Id};
use crate::eval::yaml::write_value;
use crate::hir::value::Value;

/// How far a block lies in another where the text does not show it.
const STEP: &str = "  ";

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Act {
    /// The value at the path, as text of one line that stands in brackets too; mappings on the way are made.
    Put(String),
    /// The entry at the path.
    Remove,
    /// A further item of the list at the path.
    Append(String),
    /// The item of the list at the path.
    Take(usize),
}

/// The text after the change; `None` where it cannot be made so that nothing else changes.
pub(super) fn splice(text: &str, path: &[&str], act: &Act) -> Option<String> {
    let before = parsed(text)?;
    let splicer = Splicer { text, line_end: if text.contains("\r\n") { "\r\n" } else { "\n" } };
    let spliced = match act {
        Act::Put(value) => splicer.put(before.as_ref(), path, value),
        Act::Remove => splicer.remove(before.as_ref()?, path),
        Act::Append(item) => splicer.append(before.as_ref(), path, item),
        Act::Take(index) => splicer.take_item(before.as_ref()?, path, *index),
    }?;
    let value = |document: Option<&Node>| document.map_or(Value::None, Node::value);
    let mut wanted = value(before.as_ref());
    changed(&mut wanted, path, act)?;
    let mut found = value(parsed(&spliced)?.as_ref());
    hollow(&mut wanted, path);
    hollow(&mut found, path);
    (wanted == found).then_some(spliced)
}

fn parsed(text: &str) -> Option<Option<Node>> {
    yaml::parse(text, FileId::from_index(0)).ok()
}

/// The value of a text that stands alone.
fn value_of(text: &str) -> Option<Value> {
    parsed(text).map(|document| document.map_or(Value::None, |node| node.value()))
}

/// A value as it is written into a text: as it was typed, where it means the same anywhere, else in quotes.
pub(super) fn written(typed: &str) -> String {
    let quoted = || write_value(&Value::string(typed)).trim_end().to_string();
    let alone = if typed.contains(['\n', '\r']) { None } else { value_of(typed) };
    let is_same = |value: &Value| {
        let entry = Value::Record(vec![("k".to_string(), value.clone())]);
        value_of(&format!("{{ k: {typed} }}")) == Some(entry.clone()) && value_of(&format!("k: {typed}")) == Some(entry)
    };
    let is_block = |value: &Value| {
        matches!(value, Value::Record(_) | Value::List(_)) && !typed.trim_start().starts_with(['{', '['])
    };
    match alone {
        Some(value) if !typed.is_empty() && !is_block(&value) && is_same(&value) => typed.trim().to_string(),
        _ => quoted(),
    }
}

/// A key as it is written into a text.
fn key_text(key: &str) -> String {
    let is_plain = |text: &str| value_of(&format!("{{ {text}: 1 }}")) == Some(single(key, Value::Int(1)));
    if is_plain(key) { key.to_string() } else { write_value(&Value::string(key)).trim_end().to_string() }
}

fn single(key: &str, value: Value) -> Value {
    Value::Record(vec![(key.to_string(), value)])
}

/// The same change of the value that the text means.
fn changed(value: &mut Value, path: &[&str], act: &Act) -> Option<()> {
    let Some((key, rest)) = path.split_first() else {
        match (act, value) {
            (Act::Put(text), value) => *value = value_of(text)?,
            (Act::Append(text), Value::List(items)) => items.push(value_of(text)?),
            (Act::Append(text), value) => *value = Value::List(vec![value_of(text)?]),
            (Act::Take(index), Value::List(items)) if *index < items.len() => drop(items.remove(*index)),
            _ => return None,
        }
        return Some(());
    };
    if *value == Value::None {
        *value = Value::Record(Vec::new());
    }
    let Value::Record(fields) = value else { return None };
    if rest.is_empty() && *act == Act::Remove {
        fields.retain(|(name, _)| name != key);
        return Some(());
    }
    if !fields.iter().any(|(name, _)| name == key) {
        fields.push(((*key).to_string(), Value::None));
    }
    let (_, inner) = fields.iter_mut().find(|(name, _)| name == key)?;
    changed(inner, rest, act)
}

/// What holds nothing is nothing, along the path: a block whose last line went away cannot say that it is empty.
fn hollow(value: &mut Value, path: &[&str]) {
    let is_empty = match value {
        Value::Record(fields) => fields.is_empty(),
        Value::List(items) => items.is_empty(),
        _ => false,
    };
    if is_empty {
        *value = Value::None;
    } else if let (Some((key, rest)), Value::Record(fields)) = (path.split_first(), value)
        && let Some((_, inner)) = fields.iter_mut().find(|(name, _)| name == key)
    {
        hollow(inner, rest);
    }
}

struct Splicer<'t> {
    text: &'t str,
    line_end: &'static str,
}

impl Splicer<'_> {
    fn put(&self, root: Option<&Node>, path: &[&str], value: &str) -> Option<String> {
        let Some(mut parent) = root else { return self.put_in_nothing(path, value) };
        for (depth, name) in path.iter().enumerate() {
            let rest = path.get(depth + 1..)?;
            let Some((key, node)) = entry(parent, name) else {
                return self.insert(parent, depth, path.get(depth..)?, value);
            };
            if rest.is_empty() {
                return self.replace(key, node, value);
            }
            if matches!(node.kind, Kind::Scalar(Value::None)) {
                return self.fill(parent, (key, node), depth, rest, value);
            }
            parent = node;
        }
        None
    }

    /// A text with no more than comments.
    fn put_in_nothing(&self, path: &[&str], value: &str) -> Option<String> {
        let lines = lines_of(path, value, STEP, 0, false)?;
        let before = if self.text.is_empty() || self.text.ends_with('\n') { "" } else { self.line_end };
        let added: String = lines.iter().map(|line| format!("{line}{}", self.line_end)).collect();
        Some(format!("{}{before}{added}", self.text))
    }

    fn replace(&self, key: &Key, node: &Node, value: &str) -> Option<String> {
        let (start, end) = (node.whole.start as usize, node.whole.end as usize);
        if node.is_unwritten() {
            let at = self.colon_end(key);
            return self.with(at, at, &format!(" {value}"));
        }
        if matches!(node.kind, Kind::Scalar(_)) || self.is_flow(node) {
            return self.with(start, end, value);
        }
        self.with(self.colon_end(key), end, &format!(" {value}"))
    }

    /// An entry that has no value yet becomes a mapping.
    fn fill(
        &self,
        parent: &Node,
        (key, node): (&Key, &Node),
        depth: usize,
        rest: &[&str],
        value: &str,
    ) -> Option<String> {
        let at = self.colon_end(key);
        if !node.is_unwritten() {
            return self.replace(key, node, &format!("{{ {} }}", flow_entry(rest, value)?));
        }
        if depth > 0 || self.is_flow(parent) {
            return self.with(at, at, &format!(" {{ {} }}", flow_entry(rest, value)?));
        }
        let indent = format!("{}{STEP}", self.indent(key.span.start as usize)?);
        self.insert_lines(self.line_end_at(at), &indent, &lines_of(rest, value, STEP, depth + 1, false)?)
    }

    fn insert(&self, parent: &Node, depth: usize, path: &[&str], value: &str) -> Option<String> {
        let Kind::Mapping(entries) = &parent.kind else { return None };
        if self.is_flow(parent) {
            return self.insert_in_brackets(
                parent,
                entries.last().map(|entry| self.entry_end(entry)),
                &flow_entry(path, value)?,
            );
        }
        let indent = self.indent(entries.first()?.0.span.start as usize)?;
        let inner = |node: &Node| match &node.kind {
            Kind::Mapping(inner) if !self.is_flow(node) => inner.first().map(|(key, _)| key.span.start as usize),
            _ => None,
        };
        let block = entries.iter().find_map(|(_, node)| inner(node));
        let step = block.and_then(|at| self.indent(at)?.strip_prefix(indent)).unwrap_or(STEP);
        let lines = lines_of(path, value, step, depth, block.is_some())?;
        self.insert_lines(self.line_end_at(self.entry_end(entries.last()?)), indent, &lines)
    }

    fn remove(&self, root: &Node, path: &[&str]) -> Option<String> {
        let (name, above) = path.split_last()?;
        let parent = at(root, above)?;
        let Kind::Mapping(entries) = &parent.kind else { return None };
        let index = entries.iter().position(|(key, _)| key.text == *name)?;
        let ranges: Vec<_> = entries.iter().map(|entry| (entry.0.span.start as usize, self.entry_end(entry))).collect();
        self.cut(parent, &ranges, index)
    }

    fn append(&self, root: Option<&Node>, path: &[&str], item: &str) -> Option<String> {
        let list = root.and_then(|root| at(root, path));
        let Some((list, Kind::List(items))) = list.map(|list| (list, &list.kind)) else {
            return self.put(root, path, &format!("[{item}]"));
        };
        let last = items.last().map(|item| item.whole);
        if self.is_flow(list) {
            return self.insert_in_brackets(list, last.map(|last| last.end as usize), item);
        }
        let last = last?;
        let indent = self.dash(last.start as usize)?;
        self.insert_lines(self.line_end_at(last.end as usize), indent, &[format!("- {item}")])
    }

    fn take_item(&self, root: &Node, path: &[&str], index: usize) -> Option<String> {
        let list = at(root, path)?;
        let Kind::List(items) = &list.kind else { return None };
        let ranges: Vec<_> = items.iter().map(|item| (item.whole.start as usize, item.whole.end as usize)).collect();
        self.cut(list, &ranges, index)
    }

    /// In brackets an entry goes with one comma, in a block with its lines.
    fn cut(&self, container: &Node, ranges: &[(usize, usize)], index: usize) -> Option<String> {
        let (start, end) = *ranges.get(index)?;
        if self.is_flow(container) {
            let before = index.checked_sub(1).and_then(|before| ranges.get(before));
            return match (before, ranges.get(index + 1)) {
                (_, Some((next, _))) => self.with(start, *next, ""),
                (Some((_, before)), None) => self.with(*before, end, ""),
                (None, None) => self.with(container.whole.start as usize + 1, container.whole.end as usize - 1, ""),
            };
        }
        let is_list = matches!(container.kind, Kind::List(_));
        // Nothing else stands on its first line.
        if is_list {
            self.dash(start)?
        } else {
            self.indent(start)?
        };
        let first = self.line_start(start);
        let last = self.text.get(end..)?.find('\n').map_or(self.text.len(), |line_end| end + line_end + 1);
        self.with(first, last, "")
    }

    fn insert_in_brackets(&self, container: &Node, last: Option<usize>, entry: &str) -> Option<String> {
        if let Some(last) = last {
            return self.with(last, last, &format!(", {entry}"));
        }
        let (start, end) = (container.whole.start as usize, container.whole.end as usize);
        let filled =
            if self.text.get(start..)?.starts_with('{') { format!("{{ {entry} }}") } else { format!("[{entry}]") };
        self.with(start, end, &filled)
    }

    fn insert_lines(&self, at: usize, indent: &str, lines: &[String]) -> Option<String> {
        let added: String = lines.iter().map(|line| format!("{}{indent}{line}", self.line_end)).collect();
        self.with(at, at, &added)
    }

    fn with(&self, start: usize, end: usize, new: &str) -> Option<String> {
        Some(format!("{}{new}{}", self.text.get(..start)?, self.text.get(end..)?))
    }

    fn is_flow(&self, node: &Node) -> bool {
        let starts = |text: &str| text.starts_with(['{', '[']);
        !matches!(node.kind, Kind::Scalar(_)) && self.text.get(node.span.start as usize..).is_some_and(starts)
    }

    fn entry_end(&self, (key, node): &(Key, Node)) -> usize {
        if node.is_unwritten() { self.colon_end(key) } else { node.whole.end as usize }
    }

    /// Behind the colon of a key, or behind the key where it has none.
    fn colon_end(&self, key: &Key) -> usize {
        let end = key.span.end as usize;
        let rest = self.text.get(end..).unwrap_or("");
        let spaces = rest.len() - rest.trim_start().len();
        if rest.trim_start().starts_with(':') { end + spaces + 1 } else { end }
    }

    fn line_start(&self, at: usize) -> usize {
        self.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |line_end| line_end + 1)
    }

    /// Before the line's own end.
    fn line_end_at(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or("");
        at + rest.split('\n').next().unwrap_or("").trim_end_matches('\r').len()
    }

    /// The spaces before what is the first on its line.
    fn indent(&self, at: usize) -> Option<&str> {
        self.text.get(self.line_start(at)..at).filter(|before| before.chars().all(|letter| letter == ' '))
    }

    /// The spaces before the dash of an item.
    fn dash(&self, at: usize) -> Option<&str> {
        let before = self.text.get(self.line_start(at)..at)?.trim_end();
        before.strip_suffix('-').filter(|before| before.chars().all(|letter| letter == ' '))
    }
}

fn entry<'n>(node: &'n Node, name: &str) -> Option<&'n (Key, Node)> {
    let Kind::Mapping(entries) = &node.kind else { return None };
    entries.iter().find(|(key, _)| key.text == name)
}

fn at<'n>(root: &'n Node, path: &[&str]) -> Option<&'n Node> {
    path.iter().try_fold(root, |node, name| entry(node, name).map(|(_, node)| node))
}

/// `tags: { env: prod }`
fn flow_entry(path: &[&str], value: &str) -> Option<String> {
    let (key, rest) = path.split_first()?;
    let key = key_text(key);
    if rest.is_empty() {
        Some(format!("{key}: {value}"))
    } else {
        Some(format!("{key}: {{ {} }}", flow_entry(rest, value)?))
    }
}

/// An entry as lines of a block: `hosts:` always has lines of its own, a host where those beside it have.
fn lines_of(path: &[&str], value: &str, step: &str, depth: usize, has_blocks: bool) -> Option<Vec<String>> {
    let (key, rest) = path.split_first()?;
    let is_block = !rest.is_empty() && (depth == 0 || (depth == 1 && has_blocks));
    if !is_block {
        return Some(vec![flow_entry(path, value)?]);
    }
    let inner = lines_of(rest, value, step, depth + 1, false)?;
    Some([format!("{}:", key_text(key))].into_iter().chain(inner.iter().map(|line| format!("{step}{line}"))).collect())
}
