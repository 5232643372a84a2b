//! Variables from files beside the inventory, and what counts for a host in the end: the order of Ansible.

use std::collections::BTreeMap;

use super::findings::{Reason, Refusal};
use super::node::Kind;
use super::tree::{ALL, Level, Order, Owner, Tree, Var, Vars};
use super::yaml;
use crate::base::ids::FileId;
use crate::base::source::Span;

/// The variables of one host that count.
pub(super) type Merged<'t> = BTreeMap<&'t str, &'t Var>;

pub(super) fn of_group(text: &str, file: FileId, of: (&str, usize), tree: &mut Tree) -> Result<(), Refusal> {
    let group = tree.group(of.0).map(Owner::Group);
    file_of(text, file, (group, "group"), of, tree)
}

pub(super) fn of_host(text: &str, file: FileId, of: (&str, usize), tree: &mut Tree) -> Result<(), Refusal> {
    let host = tree.host(of.0).map(Owner::Host);
    file_of(text, file, (host, "host"), of, tree)
}

fn file_of(
    text: &str,
    file: FileId,
    (owner, kind): (Option<Owner>, &'static str),
    (name, source): (&str, usize),
    tree: &mut Tree,
) -> Result<(), Refusal> {
    let start = Span::new(file, 0, 0);
    let Some(owner) = owner else {
        tree.notes.leave_out(name, Reason::NoOwner(kind), "", start);
        return Ok(());
    };
    if text.starts_with("$ANSIBLE_VAULT;") {
        tree.notes.leave_out("$ANSIBLE_VAULT", Reason::Vaulted, name, start);
        return Ok(());
    }
    let Some(document) = yaml::parse(text, file, &mut tree.notes)? else { return Ok(()) };
    let Kind::Mapping(entries) = &document.kind else {
        let what = format!("expected variables as a mapping of names to values, found {}", document.form());
        return Err(Refusal::new(document.span, what));
    };
    let var = |node: &super::node::Node, span| Var { value: node.value(), span };
    let vars = entries.iter().map(|(key, node)| (key.text.clone(), var(node, key.span))).collect();
    tree.set_of_file(owner, source, vars);
    Ok(())
}

/// By host: `all`, the groups above it (the deeper the later), then files of `all`, files of groups, and the host's own.
pub(super) fn merged<'t>(tree: &'t Tree, order: &Order) -> Vec<Merged<'t>> {
    let all = tree.groups.get(ALL).map(|group| &group.level);
    let level = |(host, groups): (&'t super::tree::Host, &Vec<usize>)| {
        let groups: Vec<&Level> =
            groups.iter().filter_map(|group| tree.groups.get(*group)).map(|group| &group.level).collect();
        let mut merged = Merged::new();
        all.into_iter().chain(groups.iter().copied()).for_each(|level| lay(&mut merged, &level.vars));
        all.into_iter().flat_map(|level| level.of_files.values()).for_each(|vars| lay(&mut merged, vars));
        // Source by source: files beside a later one count more, whatever the group.
        let mut sources: Vec<usize> = groups.iter().flat_map(|level| level.of_files.keys().copied()).collect();
        sources.sort_unstable();
        sources.dedup();
        for source in sources {
            groups.iter().filter_map(|level| level.of_files.get(&source)).for_each(|vars| lay(&mut merged, vars));
        }
        lay(&mut merged, &host.level.vars);
        host.level.of_files.values().for_each(|vars| lay(&mut merged, vars));
        merged
    };
    tree.hosts.iter().zip(&order.groups_of).map(level).collect()
}

fn lay<'t>(merged: &mut Merged<'t>, vars: &'t Vars) {
    merged.extend(vars.iter().map(|(name, var)| (name.as_str(), var)));
}
