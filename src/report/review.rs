//! What two revisions differ in, as it is shown: items with their differences, in order of file. Holds data only.

use crate::syntax::changes::{Change, ChangeKind};
use crate::syntax::outline::NodeKind;

/// One side: how it was named, and which commit it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revision {
    pub name: String,
    /// Absent for the working tree.
    pub commit: Option<String>,
}

/// The hosts that an expression chooses by one inventory, on each side; absent where the run decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChosenHosts {
    pub before: Option<Vec<String>>,
    pub after: Option<Vec<String>>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Difference {
    pub change: Change,
    /// Only with an inventory, and where hosts are chosen.
    pub hosts: Option<ChosenHosts>,
}

/// A playbook, action, type or import that differs.
#[derive(Clone, PartialEq, Debug)]
pub struct ChangedItem {
    pub what: NodeKind,
    pub name: String,
    /// Path from the repository's root; the old one of a removed item.
    pub file: String,
    /// Where it stood before, if elsewhere.
    pub was_in: Option<String>,
    pub kind: ChangeKind,
    pub differences: Vec<Difference>,
}

/// A file that cannot be read as a program on one side, so nothing is said of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    pub file: String,
    pub revision: String,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Review {
    pub from: Revision,
    pub to: Revision,
    /// How many files were compared.
    pub files: usize,
    pub items: Vec<ChangedItem>,
    pub unreadable: Vec<Unreadable>,
}

/// What a reviewer would file a difference under.
pub fn topic(change: &Change) -> &'static str {
    let secret = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains("secret("));
    if secret(&change.before) || secret(&change.after) {
        return "secrets";
    }
    let Some(fact) = &change.fact else { return topic_of_node(change.what) };
    match (change.what, fact.as_str()) {
        (_, "effects") => "effects",
        (NodeKind::Approval, _) => "approvals",
        (NodeKind::Parameter, _) => "parameters",
        (NodeKind::Block, "hosts") => "hosts",
        (_, "batch" | "max_failures" | "at_once" | "spread" | "include_failed") => "batches",
        (_, "as") => "users",
        (_, "timeout" | "max_duration" | "retry" | "every" | "until") => "timeouts",
        (_, "condition" | "ok" | "changed" | "allow_failure") => "conditions",
        (_, argument) if argument.starts_with("argument") => "arguments",
        (_, "check" | "apply" | "verify" | "rollback" | "script") => "scripts",
        _ => "others",
    }
}

fn topic_of_node(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Parameter => "parameters",
        NodeKind::Block => "hosts",
        NodeKind::Approval => "approvals",
        NodeKind::If | NodeKind::Branch | NodeKind::Require => "conditions",
        NodeKind::Rollback | NodeKind::Clause => "rollbacks",
        NodeKind::Step | NodeKind::Loop => "steps",
        NodeKind::Implementation | NodeKind::Function => "scripts",
        NodeKind::Use | NodeKind::Type | NodeKind::Action | NodeKind::Playbook | NodeKind::Let => "others",
    }
}

/// Hosts that only one side chooses: added, then removed.
pub fn gained_and_lost(hosts: &ChosenHosts) -> (Vec<String>, Vec<String>) {
    let known = |side: &Option<Vec<String>>| side.clone().unwrap_or_default();
    let (before, after) = (known(&hosts.before), known(&hosts.after));
    let only =
        |these: &[String], those: &[String]| these.iter().filter(|name| !those.contains(name)).cloned().collect();
    (only(&after, &before), only(&before, &after))
}
