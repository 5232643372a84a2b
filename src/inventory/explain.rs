//! Which level says what of a host: defaults, its groups from the outer to the inner, its own entry.

use super::ranges::expand;
use super::raw::SETTINGS;
use super::yaml::{self, Key, Kind, Node};
use crate::base::ids::FileId;
use crate::base::source::{Sources, Span};
use crate::hir::value::Value;
use crate::hir::world::{Host, LOCALHOST};

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Level {
    Defaults,
    Group(String),
    Host,
}

/// What one level says of one setting.
#[derive(Clone, PartialEq, Debug)]
pub struct Saying {
    /// `port`, `tags.env`, `vars.rack`.
    pub key: String,
    pub value: Value,
    pub level: Level,
    pub span: Span,
}

/// The names of a host's settings, in the order in which they are shown; tags and variables are none.
pub fn settings() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().copied().filter(|name| !matches!(*name, "tags" | "vars"))
}

/// Everything that an inventory without errors says of a host; of two that say the same key, the later counts. `files`
/// begin with what was answered by programs and servers.
pub fn explain(sources: &Sources, files: &[FileId], host: &Host) -> Vec<Saying> {
    let parsed = |file: &FileId| yaml::parse(&sources.get(*file).text, *file).ok().flatten();
    let documents: Vec<Node> = files.iter().filter_map(parsed).collect();
    let mut said = Vec::new();
    for (_, defaults) in documents.iter().flat_map(entries).filter(|(key, _)| key.text == "defaults") {
        collect(defaults, &Level::Defaults, &mut said);
    }
    if host.name == LOCALHOST {
        said.retain(|saying| saying.key.contains('.'));
    }
    // The inventory has them in the order in which they were laid over each other.
    for name in &host.groups {
        let groups = section(&documents, "groups").filter(|(key, _)| key.text == *name);
        groups.for_each(|(_, group)| collect(group, &Level::Group(name.clone()), &mut said));
    }
    let is_about = |key: &Key| {
        key.text == host.name
            || (key.text.contains('[') && expand(&key.text).is_ok_and(|names| names.contains(&host.name)))
    };
    // A jump host that a group or the defaults name is not reached through itself.
    said.retain(|saying| saying.key != "jump" || saying.value != Value::string(host.name.as_str()));
    for (_, own) in section(&documents, "hosts").filter(|(key, _)| is_about(key)) {
        collect(own, &Level::Host, &mut said);
    }
    said
}

fn entries(node: &Node) -> &[(Key, Node)] {
    match &node.kind {
        Kind::Mapping(entries) => entries,
        _ => &[],
    }
}

fn section<'n>(documents: &'n [Node], name: &'static str) -> impl Iterator<Item = &'n (Key, Node)> {
    documents.iter().flat_map(entries).filter(move |(key, _)| key.text == name).flat_map(|(_, node)| entries(node))
}

fn collect(settings: &Node, level: &Level, said: &mut Vec<Saying>) {
    let mut say = |key: String, node: &Node, span: Span| {
        said.push(Saying { key, value: node.value(), level: level.clone(), span });
    };
    for (key, node) in entries(settings) {
        match key.text.as_str() {
            "hosts" | "groups" => {}
            kind @ ("tags" | "vars") => {
                for (key, node) in entries(node) {
                    say(format!("{kind}.{}", key.text), node, key.span);
                }
            }
            name => say(name.to_string(), node, key.span),
        }
    }
}
