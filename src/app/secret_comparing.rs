//! What two revisions of files of secrets differ in: names, days and recipients. Nothing is decrypted but where a file
//! has another key on each side, and no text is ever shown.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::errors::AppError;
use super::revisions::{Repository, Side};
use super::secret_files::Store;
use crate::secrets::sealed::{Entry, Sealed, is_name};
use crate::secrets::sealed_error::SealedError;

/// One file that is not the same on both sides.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct FileChange {
    pub file: String,
    pub is_new: bool,
    pub is_gone: bool,
    /// It has another key: every value was encrypted again.
    pub rekeyed: bool,
    pub recipients_added: Vec<String>,
    pub recipients_removed: Vec<String>,
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// With the days of both sides.
    pub changed: Vec<(String, String, String)>,
    /// In when it should be changed again.
    pub rotation: Vec<String>,
    /// Of the same day under two keys, and the identity does not open both: nobody knows.
    pub unknown: Vec<String>,
}

impl Store {
    /// The files that differ between two revisions, or a revision and the working tree.
    pub fn differences(&self, range: &str) -> Result<Vec<FileChange>, AppError> {
        let repository = Repository::find(self.root())?;
        let (before, after) = repository.sides(range)?;
        let folder = repository.inside(&self.root().join("secrets"))?;
        let listed = |side: &Side| repository.files_ending(side, std::slice::from_ref(&folder), ".yaml");
        let (of_before, of_after) = (listed(&before)?, listed(&after)?);
        let paths: BTreeSet<&String> = of_before.keys().chain(of_after.keys()).collect();
        let mut changes = Vec::new();
        for path in paths {
            let inside = path.strip_prefix(&folder).and_then(|rest| rest.strip_prefix('/'));
            let Some(name) = inside.and_then(|file| file.strip_suffix(".yaml")).filter(|name| is_name(name)) else {
                continue;
            };
            let sealed = |side: &Side, object: Option<&String>| {
                let text = object.map(|object| repository.text(side, path, object)).transpose()?;
                text.map(|text| parse(&repository.root.join(path), side, &text)).transpose()
            };
            let old = sealed(&before, of_before.get(path))?;
            let new = sealed(&after, of_after.get(path))?;
            if old != new {
                changes.push(self.change(name, old, new));
            }
        }
        Ok(changes)
    }

    fn change(&self, file: &str, old: Option<Sealed>, new: Option<Sealed>) -> FileChange {
        let (is_new, is_gone) = (old.is_none(), new.is_none());
        let empty = || Sealed {
            name: file.to_string(),
            recipients: Vec::new(),
            key: String::new(),
            entries: std::collections::BTreeMap::new(),
            mac: String::new(),
        };
        let (old, new) = (old.unwrap_or_else(empty), new.unwrap_or_else(empty));
        let without =
            |these: &[String], those: &[String]| these.iter().filter(|one| !those.contains(one)).cloned().collect();
        let names = |these: &Sealed, those: &Sealed| {
            these.entries.keys().filter(|name| !those.entries.contains_key(*name)).cloned().collect()
        };
        let mut change = FileChange {
            file: file.to_string(),
            is_new,
            is_gone,
            rekeyed: !is_new && !is_gone && old.key != new.key,
            recipients_added: without(&new.recipients, &old.recipients),
            recipients_removed: without(&old.recipients, &new.recipients),
            added: names(&new, &old),
            removed: names(&old, &new),
            ..FileChange::default()
        };
        let both = change.rekeyed.then(|| self.open_both(&old, &new)).flatten();
        for (name, before) in &old.entries {
            let Some(after) = new.entries.get(name) else { continue };
            if before.rotate != after.rotate {
                change.rotation.push(name.clone());
            }
            let same = match &both {
                Some(same) => Some(same.contains(name)),
                None => is_same(before, after, change.rekeyed),
            };
            match same {
                Some(true) => {}
                Some(false) => change.changed.push((name.clone(), before.changed.clone(), after.changed.clone())),
                None => change.unknown.push(name.clone()),
            }
        }
        change
    }

    /// The names that have one text in both; `None` where the identity does not open both. Nobody is asked.
    fn open_both(&self, old: &Sealed, new: &Sealed) -> Option<BTreeSet<String>> {
        let (old, new) = (self.open_unasked(old).ok()?, self.open_unasked(new).ok()?);
        let same = |name: &&str| old.read(name).is_ok_and(|text| new.read(name).is_ok_and(|other| other == text));
        Some(old.names().filter(same).map(str::to_string).collect())
    }
}

/// Whether the text is the same, as far as it can be seen from outside.
fn is_same(before: &Entry, after: &Entry, rekeyed: bool) -> Option<bool> {
    match (rekeyed, before.changed == after.changed) {
        (false, _) => Some(before.value == after.value),
        (true, false) => Some(false),
        (true, true) => None,
    }
}

fn parse(path: &Path, side: &Side, text: &str) -> Result<Sealed, AppError> {
    Sealed::parse(text).map_err(|misformed| {
        let path = PathBuf::from(format!("{} ({})", path.display(), side.name()));
        SealedError::Misformed { path, misformed }.into()
    })
}
