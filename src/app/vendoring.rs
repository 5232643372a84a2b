//! Modules of other repositories: `git+https://host/repo//path/x.ops@1.4.2`. A copy lies in the project's `vendor/`, and
//! `opsc.lock` says which commit and which text it is. Only `opsc vendor` uses the network.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::Digest;

use super::errors::AppError;
use super::files::{read_text, write_text};
use super::project::{Project, ops_files};
use super::revisions::git;
use crate::base::hex::hex;
use crate::base::source::Sources;
use crate::syntax::{self, ast};

const LOCK: &str = "opsc.lock";
const FOLDER: &str = "vendor";

/// A module of another repository, as its source is written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Remote {
    /// As written, with `git+`.
    pub source: String,
    /// What git is given.
    pub url: String,
    /// Inside the repository.
    pub path: String,
    /// A tag or branch.
    pub version: String,
}

/// One entry of `opsc.lock`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    pub source: String,
    /// 40 hex digits.
    pub commit: String,
    /// Of the text, lower-case hex.
    pub sha256: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lock {
    #[serde(default, rename = "module")]
    modules: Vec<Locked>,
}

impl Remote {
    /// Why a source cannot be used, in words.
    pub fn parse(source: &str) -> Result<Remote, String> {
        let form = "write `git+https://host/repo//path/x.ops@1.4.2`";
        let rest = source.strip_prefix("git+").ok_or(form)?;
        let (scheme, address) = rest.split_once("://").ok_or(form)?;
        if !["https", "ssh", "file"].contains(&scheme) {
            return Err(format!("`{scheme}` is not https, ssh or file"));
        }
        let (repository, place) = address.split_once("//").ok_or(form)?;
        let (path, version) = place.rsplit_once('@').ok_or("no version is pinned: end it with `@1.4.2`")?;
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || "._-/+".contains(letter);
        if !path.ends_with(".ops") || !Path::new(path).components().all(plain) {
            return Err(format!("`{path}` is not the path of an .ops file"));
        }
        if version.is_empty() || version.starts_with('-') || !version.chars().all(is_word) {
            return Err(format!("`{version}` is not a version"));
        }
        Ok(Remote {
            source: source.to_string(),
            url: format!("{scheme}://{repository}"),
            path: path.to_string(),
            version: version.to_string(),
        })
    }

    /// Where the copy lies.
    pub fn copy(&self, root: &Path) -> PathBuf {
        let readable =
            |letter: char| if letter.is_ascii_alphanumeric() || ".-_@".contains(letter) { letter } else { '_' };
        let repository: String = self.url.chars().map(readable).collect();
        let version: String = self.version.chars().map(readable).collect();
        root.join(FOLDER).join(format!("{repository}@{version}")).join(&self.path)
    }
}

/// The copy of a module, if it is the one that the lock file says.
pub fn vendored(remote: &Remote, root: &Path) -> Result<PathBuf, String> {
    let lock = read_lock(root).map_err(|error| error.to_string())?;
    let missing = || "it is not in `vendor/` and `opsc.lock` yet: run `opsc vendor`".to_string();
    let locked = lock.modules.iter().find(|locked| locked.source == remote.source).ok_or_else(missing)?;
    let path = remote.copy(root);
    let text = read_text(&path).map_err(|_| missing())?;
    if sha256(&text) != locked.sha256 {
        return Err("its copy in `vendor/` is not the one that `opsc.lock` names: run `opsc vendor`".to_string());
    }
    Ok(path)
}

/// Fetches every module that the project's files name, and those that these name. Returns the lock's entries, sorted.
pub fn vendor(project: &Project) -> Result<Vec<Locked>, AppError> {
    let mut wanted: Vec<Remote> = Vec::new();
    for file in ops_files(std::slice::from_ref(&project.root))? {
        wanted.extend(remotes(&read_text(&file)?, &file)?);
    }
    let mut locked: Vec<Locked> = Vec::new();
    while let Some(remote) = wanted.pop() {
        if locked.iter().any(|known| known.source == remote.source) {
            continue;
        }
        let (commit, text) = fetch(&remote, &project.state)?;
        let copy = remote.copy(&project.root);
        wanted.extend(remotes(&text, &copy)?);
        let folder = copy.parent().unwrap_or(&project.root);
        std::fs::create_dir_all(folder).map_err(|error| AppError::Write { path: folder.to_path_buf(), error })?;
        write_text(&copy, &text)?;
        locked.push(Locked { source: remote.source.clone(), commit, sha256: sha256(&text) });
    }
    locked.sort_by(|left, right| left.source.cmp(&right.source));
    let lock = Lock { modules: locked.clone() };
    let written = toml::to_string(&lock).map_err(|error| AppError::Lock { reason: error.to_string() })?;
    write_text(
        &project.root.join(LOCK),
        &format!("# Made by `opsc vendor`. Commit it together with vendor/.\n\n{written}"),
    )?;
    Ok(locked)
}

fn read_lock(root: &Path) -> Result<Lock, AppError> {
    let path = root.join(LOCK);
    if !path.exists() {
        return Ok(Lock::default());
    }
    toml::from_str(&read_text(&path)?).map_err(|error| AppError::Lock { reason: error.message().to_string() })
}

/// The modules of other repositories that a text imports. What does not parse is `check`'s to say.
fn remotes(text: &str, path: &Path) -> Result<Vec<Remote>, AppError> {
    let mut sources = Sources::new();
    let file = sources.add(path.display().to_string(), text);
    let (Some(tree), _) = syntax::parse(&sources, file) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for item in &tree.items {
        if let ast::Item::Use(ast::Use { source: ast::UseSource::Path(source), .. }) = item
            && let Some(written) = source.constant().filter(|written| written.starts_with("git+"))
        {
            let refuse = |reason| AppError::Lock { reason: format!("{}: `{written}`: {reason}", path.display()) };
            found.push(Remote::parse(&written).map_err(refuse)?);
        }
    }
    Ok(found)
}

/// The commit of a version, and the module's text there. Cloned into the project's own state: a name that can be guessed
/// in a folder of everybody's could be somebody else's.
fn fetch(remote: &Remote, state: &Path) -> Result<(String, String), AppError> {
    std::fs::create_dir_all(state).map_err(|error| AppError::Write { path: state.to_path_buf(), error })?;
    let folder = state.join(format!("vendor-{}", std::process::id()));
    let clone = folder.display().to_string();
    let fetched = (|| {
        let deep = ["clone", "--quiet", "--depth", "1", "--no-checkout", "--branch", &remote.version, "--"];
        git(Path::new("."), deep.into_iter().chain([remote.url.as_str(), clone.as_str()]))?;
        let commit = git(&folder, ["rev-parse", "HEAD"])?.trim().to_string();
        let text = git(&folder, ["show", &format!("HEAD:{}", remote.path)])?;
        Ok((commit, text))
    })();
    if let Err(error) = std::fs::remove_dir_all(&folder) {
        tracing::debug!(%error, "a clone was not removed");
    }
    fetched.map_err(|error: AppError| AppError::Lock { reason: format!("`{}`: {error}", remote.source) })
}

fn sha256(text: &str) -> String {
    hex(&sha2::Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::Remote;

    #[test]
    fn sources_are_pinned_paths_in_repositories() {
        let good = Remote::parse("git+https://example.org/ops/lib.git//net/dns.ops@1.4.2");
        let good = good.map(|remote| (remote.url, remote.path, remote.version));
        let parts = ["https://example.org/ops/lib.git", "net/dns.ops", "1.4.2"].map(str::to_string);
        assert_eq!(good, Ok(parts.into()));
        for (source, expected) in [
            ("git+https://example.org/lib//x.ops", "no version"),
            ("git+ext://sh -c x//x.ops@1", "not https"),
            ("git+https://example.org/lib//../x.ops@1", "not the path"),
            ("git+https://example.org/lib//x.ops@--upload-pack=x", "not a version"),
            ("git+https://example.org/lib", "write `git+https"),
        ] {
            let error = Remote::parse(source).err().unwrap_or_default();
            assert!(error.contains(expected), "{source}: {error}");
        }
    }
}
