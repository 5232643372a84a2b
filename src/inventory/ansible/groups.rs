//! The forms of YAML and TOML: groups with `hosts`, `children` and `vars`, one in the other.

use super::findings::{Reason, Refusal};
use super::node::{Key, Kind, Node};
use super::patterns;
use super::tree::{Tree, Var};
use crate::base::source::Span;

const SECTIONS: [&str; 3] = ["vars", "children", "hosts"];

pub(super) fn read(document: Option<Node>, tree: &mut Tree) -> Result<(), Refusal> {
    let Some(document) = document else { return Ok(()) };
    let Kind::Mapping(groups) = &document.kind else {
        let what = format!("expected groups, each with `hosts`, `children` or `vars`, found {}", document.form());
        return Err(Refusal::new(document.span, what));
    };
    if let Some((key, _)) = groups.iter().find(|(key, node)| key.text == "plugin" && !node.is_mapping()) {
        let what = "this configures a plugin that asks something else for hosts; save what `ansible-inventory -i FILE \
                    --list --yaml --export` says, and import that";
        return Err(Refusal::new(key.span, what));
    }
    for (key, node) in groups {
        if !(node.is_mapping() || node.is_none()) {
            let (name, found) = (key.text.escape_debug(), node.form());
            let what = format!("`{name}` is no group: expected `hosts`, `children` or `vars` in it, found {found}");
            return Err(Refusal::new(key.span, what));
        }
        group(key, node, tree)?;
    }
    Ok(())
}

fn group(key: &Key, node: &Node, tree: &mut Tree) -> Result<usize, Refusal> {
    if !key.is_text {
        return Err(Refusal::new(key.span, format!("`{}` is no text: write a group's name in quotes", key.text)));
    }
    let group = tree.add_group(&key.text, key.span);
    let Kind::Mapping(sections) = &node.kind else {
        if !node.is_none() {
            tree.notes.leave_out(&key.text, Reason::NoMapping, "", key.span);
        }
        return Ok(group);
    };
    for (section, node) in sections {
        if !SECTIONS.contains(&section.text.as_str()) {
            tree.notes.leave_out(&section.text, Reason::NoSection, &key.text, section.span);
            continue;
        }
        for (name, node) in entries(section, node)? {
            match section.text.as_str() {
                "vars" => tree.set_of_group(group, &name.text, Var { value: node.value(), span: name.span }),
                "children" => {
                    let child = self::group(&name, &node, tree)?;
                    tree.add_child(group, child);
                }
                _ => hosts(&name, &node, group, tree)?,
            }
        }
    }
    Ok(group)
}

/// What a section holds; a single text stands for a key without a value.
fn entries(section: &Key, node: &Node) -> Result<Vec<(Key, Node)>, Refusal> {
    match &node.kind {
        Kind::Mapping(entries) => Ok(entries.clone()),
        _ if node.is_none() => Ok(Vec::new()),
        Kind::Scalar(Ok(value)) if value.as_str().is_some() => {
            let text = value.as_str().unwrap_or_default().to_string();
            let nothing = Node { kind: Kind::Scalar(Ok(crate::hir::value::Value::None)), span: node.span };
            Ok(vec![(Key { text, is_text: true, span: node.span }, nothing)])
        }
        _ => {
            let (name, found) = (&section.text, node.form());
            let what = format!("expected the {name} of a group as a mapping, each with a colon, found {found}");
            Err(Refusal::new(section.span, what))
        }
    }
}

fn hosts(pattern: &Key, node: &Node, group: usize, tree: &mut Tree) -> Result<(), Refusal> {
    let refused = |span: Span, what: &str| Err(Refusal::new(span, what));
    if !pattern.is_text {
        return refused(pattern.span, "a host's name is a text: write numbers in quotes");
    }
    let vars: Vec<(String, Var)> = match &node.kind {
        Kind::Mapping(entries) => {
            entries.iter().map(|(key, node)| (key.text.clone(), Var { value: node.value(), span: key.span })).collect()
        }
        _ if node.is_none() => Vec::new(),
        _ => return refused(node.span, "expected the variables of a host as a mapping of names to values"),
    };
    let hosts = patterns::hosts(&pattern.text).map_err(|reason| Refusal::new(pattern.span, reason))?;
    tree.add_hosts(hosts, group, &vars, pattern.span)
}
