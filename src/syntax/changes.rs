//! Two outlines → what a reviewer must know: added, removed, changed and moved nodes. A node is found again by the name
//! that was given to it, else by being the same, else by what it most resembles. Knows nothing of files or revisions.

use super::outline::{Node, NodeKind};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeKind {
    Added,
    Removed,
    Changed,
    Moved,
}

impl ChangeKind {
    pub fn word(self) -> &'static str {
        match self {
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
            ChangeKind::Changed => "changed",
            ChangeKind::Moved => "moved",
        }
    }
}

/// One difference inside an item.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    pub kind: ChangeKind,
    pub what: NodeKind,
    /// Names from the item's child down to the node; empty for the item itself.
    pub path: Vec<String>,
    /// Which fact, where one was changed.
    pub fact: Option<String>,
    /// The fact's text, or for a move where the node stood; of a removed node its text.
    pub before: Option<String>,
    pub after: Option<String>,
    /// The node on either side.
    pub old: Option<Node>,
    pub new: Option<Node>,
}

/// The differences of two items of one name; none where only spelling, comments or layout differ.
pub fn compare(old: &Node, new: &Node) -> Vec<Change> {
    let mut changes = Vec::new();
    compare_nodes(old, new, &[], &mut changes);
    join_moves(changes)
}

/// All that an item holds, as added or as removed.
pub fn whole(item: &Node, kind: ChangeKind) -> Vec<Change> {
    let mut changes = Vec::new();
    item.children.iter().for_each(|child| lone(kind, child, &[], &mut changes));
    changes
}

fn compare_nodes(old: &Node, new: &Node, path: &[String], changes: &mut Vec<Change>) {
    let both = || (Some(old.clone()), Some(new.clone()));
    let labels = old.facts.iter().chain(&new.facts).map(|fact| fact.label.as_str());
    let mut labels: Vec<&str> = labels.collect();
    labels.sort_unstable();
    labels.dedup();
    for label in labels {
        let (before, after) = (old.text(label), new.text(label));
        if before != after {
            let (old, new) = both();
            let [before, after] = [before, after].map(|text| text.map(str::to_string));
            let (kind, fact) = (ChangeKind::Changed, Some(label.to_string()));
            changes.push(Change { kind, what: new_kind(&new), path: path.to_vec(), fact, before, after, old, new });
        }
    }
    compare_children(old, new, path, changes);
}

fn new_kind(node: &Option<Node>) -> NodeKind {
    node.as_ref().map_or(NodeKind::Step, |node| node.kind)
}

fn below(path: &[String], node: &Node) -> Vec<String> {
    path.iter().cloned().chain([node.name.clone()]).collect()
}

fn compare_children(old: &Node, new: &Node, path: &[String], changes: &mut Vec<Change>) {
    let partners = pair(&old.children, &new.children);
    for (index, child) in old.children.iter().enumerate() {
        if !partners.contains(&Some(index)) {
            lone(ChangeKind::Removed, child, path, changes);
        }
    }
    let moved = out_of_order(&partners, &new.children);
    for (index, child) in new.children.iter().enumerate() {
        let partner = partners.get(index).copied().flatten();
        let Some(before) = partner.and_then(|partner| old.children.get(partner)) else {
            lone(ChangeKind::Added, child, path, changes);
            continue;
        };
        if moved.contains(&index) {
            let place = |nodes: &[Node], index: usize| Some(place_text(nodes, index));
            changes.push(Change {
                kind: ChangeKind::Moved,
                what: child.kind,
                path: below(path, child),
                fact: None,
                before: partner.and_then(|partner| place(&old.children, partner)),
                after: place(&new.children, index),
                old: Some(before.clone()),
                new: Some(child.clone()),
            });
        }
        compare_nodes(before, child, &below(path, child), changes);
    }
}

/// `after service.stop`, or `first`.
fn place_text(nodes: &[Node], index: usize) -> String {
    let before = nodes.iter().take(index).rev().find(|node| node.kind.is_ordered());
    before.map_or_else(|| "first".to_string(), |node| format!("after {}", node.name))
}

/// A node that only one side has, then what it holds.
fn lone(kind: ChangeKind, node: &Node, path: &[String], changes: &mut Vec<Change>) {
    let path = below(path, node);
    let text = Some(head(node));
    let (before, after) = if kind == ChangeKind::Added { (None, text) } else { (text, None) };
    let (old, new) = if kind == ChangeKind::Added { (None, Some(node.clone())) } else { (Some(node.clone()), None) };
    changes.push(Change { kind, what: node.kind, path: path.clone(), fact: None, before, after, old, new });
    node.children.iter().for_each(|child| lone(kind, child, &path, changes));
}

/// A node in one line: its name, then its facts.
fn head(node: &Node) -> String {
    let said = |label: &str| matches!(label, "name" | "action" | "hosts" | "condition");
    let facts: Vec<String> = node
        .facts
        .iter()
        .filter(|fact| !said(&fact.label))
        .map(|fact| format!("{}: {}", fact.label.trim_start_matches("argument "), fact.text.replace('\n', " ⏎ ")))
        .collect();
    let name = match (node.kind, &node.given) {
        (NodeKind::Step | NodeKind::Approval, Some(given)) => format!("{given} = {}", node.class),
        (NodeKind::Step | NodeKind::Approval, None) => node.class.clone(),
        _ => node.name.clone(),
    };
    if facts.is_empty() { name } else { format!("{name} ({})", facts.join(", ")) }
}

/// For each new node, the old one that it was.
fn pair(old: &[Node], new: &[Node]) -> Vec<Option<usize>> {
    let mut partners = vec![None; new.len()];
    take(old, new, &mut partners, |left, right| {
        left.kind == right.kind && left.given.is_some() && left.given == right.given
    });
    take(old, new, &mut partners, Node::is_same);
    by_likeness(old, new, &mut partners);
    partners
}

/// Pairs what is left, in order, where the test holds.
fn take(old: &[Node], new: &[Node], partners: &mut [Option<usize>], is_pair: impl Fn(&Node, &Node) -> bool) {
    for (index, node) in new.iter().enumerate() {
        let free = |at: &usize| !partners.contains(&Some(*at));
        let found = (0..old.len()).filter(free).find(|at| old.get(*at).is_some_and(|other| is_pair(other, node)));
        if let Some(partner) = partners.get_mut(index).filter(|partner| partner.is_none()) {
            *partner = found;
        }
    }
}

/// Pairs what is left of one class, those with the most in common first.
fn by_likeness(old: &[Node], new: &[Node], partners: &mut [Option<usize>]) {
    let mut candidates = Vec::new();
    for (index, node) in new.iter().enumerate() {
        for (at, other) in old.iter().enumerate() {
            let alike = node.kind == other.kind && node.class == other.class && !node.class.is_empty();
            // Two names that were given are two nodes.
            if alike && (node.given.is_none() || other.given.is_none()) {
                candidates.push((std::cmp::Reverse(likeness(other, node)), index.abs_diff(at), index, at));
            }
        }
    }
    candidates.sort_unstable();
    for (_, _, index, at) in candidates {
        if !partners.contains(&Some(at))
            && let Some(partner) = partners.get_mut(index).filter(|partner| partner.is_none())
        {
            *partner = Some(at);
        }
    }
}

/// How many facts and children two nodes share.
fn likeness(old: &Node, new: &Node) -> usize {
    let facts = new.facts.iter().filter(|fact| old.facts.contains(fact)).count();
    let shared = |child: &&Node| old.children.iter().any(|other| other.is_same(child));
    facts + 2 * new.children.iter().filter(shared).count()
}

/// New places of nodes that were moved past others: all that are not in a longest run that kept its order.
fn out_of_order(partners: &[Option<usize>], new: &[Node]) -> Vec<usize> {
    let ordered = |index: &usize| new.get(*index).is_some_and(|node| node.kind.is_ordered());
    let places: Vec<(usize, usize)> = partners
        .iter()
        .enumerate()
        .filter(|(index, _)| ordered(index))
        .filter_map(|(index, partner)| Some((index, (*partner)?)))
        .collect();
    let mut runs: Vec<Vec<usize>> = Vec::new();
    for (at, (_, partner)) in places.iter().enumerate() {
        let before = runs.iter().take(at).filter(|run| ends_before(run, &places, *partner));
        let mut run = before.max_by_key(|run| run.len()).cloned().unwrap_or_default();
        run.push(at);
        runs.push(run);
    }
    let kept = runs.into_iter().max_by_key(Vec::len).unwrap_or_default();
    places.iter().enumerate().filter(|(at, _)| !kept.contains(at)).map(|(_, (index, _))| *index).collect()
}

fn ends_before(run: &[usize], places: &[(usize, usize)], partner: usize) -> bool {
    run.last().and_then(|last| places.get(*last)).is_some_and(|(_, last)| *last < partner)
}

/// A step that was removed in one place and added in another was moved.
fn join_moves(changes: Vec<Change>) -> Vec<Change> {
    let mut joined: Vec<Change> = Vec::new();
    let movable = |change: &Change| {
        matches!(change.what, NodeKind::Step | NodeKind::Block | NodeKind::Approval | NodeKind::Require)
    };
    let mut removed: Vec<Change> =
        changes.iter().filter(|change| change.kind == ChangeKind::Removed && movable(change)).cloned().collect();
    let mut gone: Vec<Vec<String>> = Vec::new();
    for change in changes {
        let partner = match (&change.kind, &change.new) {
            (ChangeKind::Added, Some(new)) if movable(&change) => {
                removed.iter().position(|other| other.old.as_ref().is_some_and(|old| old.is_same(new)))
            }
            _ => None,
        };
        match partner {
            Some(at) => {
                let from = removed.swap_remove(at);
                let parent = |path: &[String]| Some(place_below(path));
                let (before, after) = (parent(&from.path), parent(&change.path));
                joined.push(Change { kind: ChangeKind::Moved, before, after, old: from.old, ..change });
                gone.push(from.path);
            }
            None => joined.push(change),
        }
    }
    // What a moved node holds moved with it.
    let inside = |change: &Change, path: &[String]| change.path.starts_with(path);
    let moved: Vec<Vec<String>> =
        joined.iter().filter(|change| change.kind == ChangeKind::Moved).map(|change| change.path.clone()).collect();
    joined.retain(|change| match change.kind {
        ChangeKind::Removed => !gone.iter().any(|path| inside(change, path)),
        ChangeKind::Added => !moved.iter().any(|path| inside(change, path)),
        _ => true,
    });
    joined
}

/// `in on app`, or `in the playbook's body`.
fn place_below(path: &[String]) -> String {
    match path.split_last() {
        Some((_, [])) | None => "in the body".to_string(),
        Some((_, parents)) => format!("in {}", parents.join(" › ")),
    }
}
