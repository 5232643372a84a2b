//! Files at git revisions, by the `git` program. Every word for it is an argument of its own, and a revision that looks
//! like an option is refused. Reads only; knows nothing of what the files say.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use super::errors::AppError;
use super::files::read_text;

/// One side of a comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Side {
    /// As it was named, and the commit that it is.
    Commit {
        name: String,
        commit: String,
    },
    WorkingTree,
}

impl Side {
    pub fn name(&self) -> &str {
        match self {
            Side::Commit { name, .. } => name,
            Side::WorkingTree => "working tree",
        }
    }

    pub fn commit(&self) -> Option<&str> {
        match self {
            Side::Commit { commit, .. } => Some(commit),
            Side::WorkingTree => None,
        }
    }
}

/// A repository, and where in it the command was called.
pub struct Repository {
    pub root: PathBuf,
}

impl Repository {
    /// The repository around a folder.
    pub fn find(folder: &Path) -> Result<Repository, AppError> {
        let root = git(folder, ["rev-parse", "--show-toplevel"])?;
        Ok(Repository { root: PathBuf::from(root.trim_end_matches('\n')) })
    }

    /// `A..B`, `A...B` (from where the two parted), or `A`: against the working tree. An end left out is `HEAD`.
    pub fn sides(&self, range: &str) -> Result<(Side, Side), AppError> {
        let or_head = |name: &str| if name.is_empty() { "HEAD".to_string() } else { name.to_string() };
        if let Some((from, to)) = range.split_once("...") {
            let (from, to) = (self.commit(&or_head(from))?, self.commit(&or_head(to))?);
            let (Some(left), Some(right)) = (from.commit(), to.commit()) else { return Ok((from, to)) };
            let parted = self.git(["merge-base", left, right])?.trim().to_string();
            let name = format!("{} (where they parted)", short(&parted));
            return Ok((Side::Commit { name, commit: parted }, to));
        }
        match range.split_once("..") {
            Some((from, to)) => Ok((self.commit(&or_head(from))?, self.commit(&or_head(to))?)),
            None => Ok((self.commit(range)?, Side::WorkingTree)),
        }
    }

    fn commit(&self, name: &str) -> Result<Side, AppError> {
        let refuse = || AppError::UnknownRevision { name: name.to_string() };
        if name.is_empty() || name.starts_with('-') {
            return Err(refuse());
        }
        let wanted = format!("{name}^{{commit}}");
        let commit = self.git(["rev-parse", "--verify", "--quiet", &wanted]).map_err(|_| refuse())?;
        Ok(Side::Commit { name: name.to_string(), commit: commit.trim().to_string() })
    }

    /// The `*.ops` files of a side below some paths, by path from the root, each with what tells two contents apart.
    pub fn files(&self, side: &Side, paths: &[String]) -> Result<BTreeMap<String, String>, AppError> {
        self.files_ending(side, paths, ".ops")
    }

    /// The same of files whose names end otherwise.
    pub fn files_ending(
        &self,
        side: &Side,
        paths: &[String],
        ending: &str,
    ) -> Result<BTreeMap<String, String>, AppError> {
        let mut files = match side {
            Side::Commit { commit, .. } => self.files_of_commit(commit)?,
            Side::WorkingTree => self.files_of_working_tree(ending)?,
        };
        let wanted = |file: &str| paths.is_empty() || paths.iter().any(|path| is_below(file, path));
        files.retain(|file, _| file.ends_with(ending) && wanted(file));
        Ok(files)
    }

    fn files_of_commit(&self, commit: &str) -> Result<BTreeMap<String, String>, AppError> {
        let listed = self.git(["ls-tree", "-r", "-z", "--full-tree", commit])?;
        // `100644 blob 1b2c…<TAB>path`; links and submodules hold no program.
        let file = |entry: &str| {
            let (head, path) = entry.split_once('\t')?;
            let (mode, rest) = head.split_once(' ')?;
            let (kind, object) = rest.split_once(' ')?;
            (kind == "blob" && mode != "120000").then(|| (path.to_string(), object.to_string()))
        };
        Ok(listed.split('\0').filter_map(file).collect())
    }

    /// Files that git knows or would add; what is ignored is no part of the project.
    fn files_of_working_tree(&self, ending: &str) -> Result<BTreeMap<String, String>, AppError> {
        let wanted = format!("*{ending}");
        let listed = self.git(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", &wanted])?;
        // A link holds no program of its own, and a file that was deleted may still be known.
        let is_file = |path: &str| std::fs::symlink_metadata(self.root.join(path)).is_ok_and(|found| found.is_file());
        let paths = listed.split('\0').filter(|path| !path.is_empty() && is_file(path));
        Ok(paths.map(|path| (path.to_string(), String::new())).collect())
    }

    /// The text of a file that [`Repository::files`] listed.
    pub fn text(&self, side: &Side, path: &str, object: &str) -> Result<String, AppError> {
        match side {
            Side::Commit { .. } => {
                let content = git_bytes(&self.root, ["cat-file", "blob", object])?;
                String::from_utf8(content).map_err(|_| AppError::NotText { path: PathBuf::from(path) })
            }
            Side::WorkingTree => read_text(&self.root.join(path)),
        }
    }

    /// A path of the command line as git speaks of it; the root itself is empty.
    pub fn inside(&self, path: &Path) -> Result<String, AppError> {
        let absolute = std::path::absolute(path).map_err(|error| AppError::Read { path: path.to_path_buf(), error })?;
        let plain = without_dots(&absolute);
        // A file that is gone now may have been there, so its folder is what is looked up.
        let folder = plain.ancestors().find_map(|folder| Some((folder, folder.canonicalize().ok()?)));
        let real = match folder {
            Some((folder, real)) => real.join(plain.strip_prefix(folder).unwrap_or(Path::new(""))),
            None => plain,
        };
        let inside = real.strip_prefix(&self.root).ok().and_then(Path::to_str);
        inside.map(|inside| inside.trim_end_matches('/').to_string()).ok_or_else(|| AppError::Git {
            reason: format!("`{}` is outside of the repository `{}`", path.display(), self.root.display()),
        })
    }

    fn git<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<String, AppError> {
        git(&self.root, arguments)
    }
}

fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

fn is_below(file: &str, path: &str) -> bool {
    path.is_empty() || file == path || file.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
}

/// Enough of a commit to recognise it.
pub fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

pub(super) fn git<'a>(folder: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Result<String, AppError> {
    String::from_utf8(git_bytes(folder, arguments)?)
        .map_err(|_| AppError::Git { reason: "git: a path or a name is not UTF-8".to_string() })
}

/// What git prints, or its own words for why it does not.
fn git_bytes<'a>(folder: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Result<Vec<u8>, AppError> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .output()
        .map_err(|error| AppError::Git { reason: format!("cannot start `git`: {error}") })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let reason = said.lines().next().unwrap_or("it gave no reason").trim_start_matches("fatal: ").to_string();
        return Err(AppError::Git { reason: format!("git: {reason}") });
    }
    Ok(output.stdout)
}
