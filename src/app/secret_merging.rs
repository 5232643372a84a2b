//! Files of secrets for git: two sides of a file as one, secret by secret, and a text of names and days to compare.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use super::errors::AppError;
use super::files::{read_text, write_text};
use super::secret_files::Store;
use crate::base::secret::Secret;
use crate::secrets::sealed::{Entry, Sealed};
use crate::secrets::sealed_error::SealedError;
use crate::secrets::sealing::Unsealed;

/// What two sides cannot agree on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Conflict {
    /// Both sides have another key than before, for recipients of their own: nothing was merged.
    Keys,
    /// Each of these was changed on both sides; the merged file has that of ours.
    Secrets(Vec<String>),
}

impl Store {
    /// Merges into the file of `ours`, as git's merge drivers do. `name` is the file's own; an empty base was no file.
    pub fn merge(&self, name: &str, base: &Path, ours: &Path, theirs: &Path) -> Result<Option<Conflict>, AppError> {
        // Of a base that the identity does not open, or that never was, no secret is known to be as it was.
        let old = if read_text(base)?.is_empty() { None } else { Some(parse(base)?) };
        let opened_old = old.as_ref().and_then(|old| self.open_unasked(old).ok());
        let (mine, other) = (self.open_as(name, ours)?, self.open_as(name, theirs)?);
        let old_key = old.as_ref().map(|old| old.key.as_str());
        let (mine_key, other_key) = (mine.file().key.as_str(), other.file().key.as_str());
        // Who has another key than before has other recipients, or wanted the old key gone: that key stays.
        let mut merged = match () {
            () if mine_key == other_key || old_key == Some(other_key) => self.open_as(name, ours)?,
            () if old_key == Some(mine_key) => self.open_as(name, theirs)?,
            () => return Ok(Some(Conflict::Keys)),
        };
        let names: BTreeSet<&str> = mine.names().chain(other.names()).collect();
        let mut conflicts = Vec::new();
        for name in names {
            let version = |side: &Unsealed| version(side, name);
            let before = opened_old.as_ref().and_then(version);
            let (mine_has, other_has) = (version(&mine), version(&other));
            let from = if mine_has == other_has || before == other_has {
                &mine
            } else if before == mine_has {
                &other
            } else {
                conflicts.push(name.to_string());
                &mine
            };
            merged.take(name, from)?;
        }
        write_text(ours, &merged.text())?;
        Ok(if conflicts.is_empty() { None } else { Some(Conflict::Secrets(conflicts)) })
    }

    fn open_as(&self, name: &str, path: &Path) -> Result<Unsealed, AppError> {
        Ok(self.open_text(parse(path)?, name)?)
    }
}

/// What is merged of a secret; its day comes with it.
fn version(side: &Unsealed, name: &str) -> Option<(Secret<String>, Option<u32>)> {
    let entry = side.file().entries.get(name)?;
    Some((side.read(name).ok()?, entry.rotate))
}

fn parse(path: &Path) -> Result<Sealed, AppError> {
    Sealed::parse(&read_text(path)?)
        .map_err(|misformed| SealedError::Misformed { path: path.to_path_buf(), misformed }.into())
}

/// A file as text for `git diff`, without what is encrypted but a mark of it: the letters at its end. A file of another
/// form as it is.
pub fn as_text(path: &Path) -> Result<String, AppError> {
    let text = read_text(path)?;
    let Ok(file) = Sealed::parse(&text) else { return Ok(text) };
    let mut shown = format!("name: {}\nkey: …{}\n", file.name, end_of(&file.key));
    let written = write_rest(&mut shown, &file);
    debug_assert!(written.is_ok(), "a text takes what is written to it");
    Ok(shown)
}

fn write_rest(shown: &mut String, file: &Sealed) -> std::fmt::Result {
    file.recipients.iter().try_for_each(|recipient| writeln!(shown, "recipient: {recipient}"))?;
    for (name, Entry { value, changed, rotate }) in &file.entries {
        let rotate = rotate.map_or(String::new(), |days| format!(", again after {days}d"));
        writeln!(shown, "{name}: …{} changed {changed}{rotate}", end_of(value))?;
    }
    Ok(())
}

fn end_of(value: &str) -> &str {
    value.get(value.len().saturating_sub(12)..).unwrap_or(value)
}
