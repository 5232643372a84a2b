//! Programs at two git revisions → what a reviewer must know. Reads both sides' texts, pairs their items by name, and
//! with an inventory says which hosts each side chooses. Writes nothing.

use std::path::{Path, PathBuf};

use super::errors::AppError;
use super::limits;
use super::revisions::{Repository, Side};
use super::workspace::Workspace;
use crate::base::source::Sources;
use crate::diag::Diagnostic;
use crate::report::review::{ChangedItem, ChosenHosts, Difference, Review, Revision, Unreadable};
use crate::syntax;
use crate::syntax::changes::{self, Change, ChangeKind};
use crate::syntax::outline::{Node, NodeKind, hosts_text, outline};

/// A review, and why files could not be read as programs.
pub struct Compared {
    pub review: Review,
    pub sources: Sources,
    pub diagnostics: Vec<Diagnostic>,
}

/// An item with the file it stands in.
struct Found {
    file: String,
    node: Node,
}

/// Compares below some paths; hosts are looked up in the workspace's inventory where one is given.
pub fn compare(range: &str, paths: &[PathBuf], mut inventory: Option<&mut Workspace>) -> Result<Compared, AppError> {
    let repository = Repository::find(Path::new("."))?;
    let (from, to) = repository.sides(range)?;
    let inside = paths.iter().map(|path| repository.inside(path)).collect::<Result<Vec<_>, _>>()?;
    let (old_files, new_files) = (repository.files(&from, &inside)?, repository.files(&to, &inside)?);
    let mut all: Vec<&String> = old_files.keys().chain(new_files.keys()).collect();
    all.sort();
    all.dedup();
    if all.is_empty() {
        let searched = if paths.is_empty() { vec![repository.root.clone()] } else { paths.to_vec() };
        return Err(AppError::NoFiles { searched });
    }
    let mut reader =
        Reader { repository: &repository, sources: Sources::new(), diagnostics: Vec::new(), unreadable: Vec::new() };
    let (mut old_items, mut new_items) = (Vec::new(), Vec::new());
    for file in &all {
        let (old, new) = (old_files.get(*file), new_files.get(*file));
        if old.is_some() && old == new && matches!(to, Side::Commit { .. }) {
            continue;
        }
        let old = old.map(|object| reader.items(&from, file, object)).transpose()?;
        let new = new.map(|object| reader.items(&to, file, object)).transpose()?;
        // Of a file that one side does not understand, nothing is said: it would all be added or removed.
        if let (Some(old), Some(new)) = (old.unwrap_or(Some(Vec::new())), new.unwrap_or(Some(Vec::new()))) {
            old_items.extend(old);
            new_items.extend(new);
        }
    }
    let items = pair(&old_items, &new_items).into_iter().filter_map(|(old, new)| changed(old, new, &mut inventory));
    let mut items: Vec<ChangedItem> = items.collect();
    items.sort_by(|left, right| (&left.file, left.what, &left.name).cmp(&(&right.file, right.what, &right.name)));
    let revision = |side: &Side| Revision { name: side.name().to_string(), commit: side.commit().map(str::to_string) };
    let Reader { sources, diagnostics, unreadable, .. } = reader;
    let review = Review { from: revision(&from), to: revision(&to), files: all.len(), items, unreadable };
    Ok(Compared { review, sources, diagnostics })
}

struct Reader<'a> {
    repository: &'a Repository,
    sources: Sources,
    diagnostics: Vec<Diagnostic>,
    unreadable: Vec<Unreadable>,
}

impl Reader<'_> {
    /// The items of a file on one side; none where it is no program.
    fn items(&mut self, side: &Side, file: &str, object: &str) -> Result<Option<Vec<Found>>, AppError> {
        let text = self.repository.text(side, file, object)?;
        let shown = side.commit().map_or_else(|| file.to_string(), |_| format!("{}:{file}", side.name()));
        let id = self.sources.add(shown, text);
        let (tree, diagnostics) = syntax::parse(&self.sources, id);
        let Some(tree) = tree.filter(|_| !diagnostics.iter().any(Diagnostic::is_error)) else {
            self.diagnostics.extend(diagnostics);
            self.unreadable.push(Unreadable { file: file.to_string(), revision: side.name().to_string() });
            return Ok(None);
        };
        Ok(Some(outline(&tree).into_iter().map(|node| Found { file: file.to_string(), node }).collect()))
    }
}

type Pair<'a> = (Option<&'a Found>, Option<&'a Found>);

/// Items of one kind and name: in the same file, else in another one that has the only one.
fn pair<'a>(old: &'a [Found], new: &'a [Found]) -> Vec<Pair<'a>> {
    let same = |left: &Found, right: &Found| left.node.kind == right.node.kind && left.node.name == right.node.name;
    let in_file = |left: &Found, right: &Found| same(left, right) && left.file == right.file;
    let mut lone_old: Vec<&Found> = old.iter().filter(|item| !new.iter().any(|other| in_file(item, other))).collect();
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    for item in new {
        let partner = old.iter().find(|other| in_file(other, item)).or_else(|| {
            let elsewhere: Vec<usize> =
                lone_old.iter().enumerate().filter(|(_, other)| same(other, item)).map(|(at, _)| at).collect();
            match elsewhere.as_slice() {
                [only] if item.node.kind != NodeKind::Use => Some(lone_old.remove(*only)),
                _ => None,
            }
        });
        pairs.push((partner, Some(item)));
    }
    pairs.extend(lone_old.into_iter().map(|item| (Some(item), None)));
    pairs
}

fn changed(old: Option<&Found>, new: Option<&Found>, inventory: &mut Option<&mut Workspace>) -> Option<ChangedItem> {
    let (kind, differences) = match (old, new) {
        (Some(old), Some(new)) => {
            let differences = changes::compare(&old.node, &new.node);
            let moved = old.file != new.file;
            if differences.is_empty() && !moved {
                return None;
            }
            (if differences.is_empty() { ChangeKind::Moved } else { ChangeKind::Changed }, differences)
        }
        (None, Some(new)) => (ChangeKind::Added, changes::whole(&new.node, ChangeKind::Added)),
        (Some(_), None) => (ChangeKind::Removed, Vec::new()),
        (None, None) => return None,
    };
    let here = new.or(old)?;
    let was_in = old.map(|old| old.file.clone()).filter(|file| *file != here.file);
    let with_hosts = |change: Change| {
        let hosts = inventory.as_mut().and_then(|workspace| chosen(&change, old, new, workspace));
        Difference { change, hosts }
    };
    let differences = differences.into_iter().map(with_hosts).collect();
    Some(ChangedItem {
        what: here.node.kind,
        name: here.node.name.clone(),
        file: here.file.clone(),
        was_in,
        kind,
        differences,
    })
}

/// The hosts of a change that is about hosts.
fn chosen(change: &Change, old: Option<&Found>, new: Option<&Found>, workspace: &mut Workspace) -> Option<ChosenHosts> {
    let is_about_hosts = match change.kind {
        ChangeKind::Changed => matches!(change.fact.as_deref(), Some("hosts" | "default")),
        ChangeKind::Added | ChangeKind::Removed => true,
        ChangeKind::Moved => false,
    };
    let mut names = |node: &Option<Node>, item: Option<&Found>| {
        let (hosts, item) = (node.as_ref()?.hosts.as_ref()?, item?);
        // What only a run knows, or another default, cannot be looked up; then nothing is said.
        let chosen = limits::select(&hosts_text(hosts, &item.node), workspace).ok()?;
        let inventory = workspace.inventory();
        Some(chosen.iter().map(|host| inventory.hosts.at(*host).name.clone()).collect())
    };
    if !is_about_hosts {
        return None;
    }
    let hosts = ChosenHosts { before: names(&change.old, old), after: names(&change.new, new) };
    (hosts.before.is_some() || hosts.after.is_some()).then_some(hosts)
}
