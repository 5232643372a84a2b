//! Reads texts and the files that a program names; keeps contents by hash for the run. Never leaves the project.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use sha2::Digest;

use super::errors::AppError;
use super::folders;
use crate::base::hex::hex;
use crate::hir::folder::{FolderFault, FolderRef, ProjectContents};
use crate::hir::value::FileRef;

/// Larger source texts are refused: a playbook is read by people.
pub(super) const MOST_TEXT_BYTES: u64 = 16 << 20;

/// A source text, UTF-8, of bounded size.
pub fn read_text(path: &Path) -> Result<String, AppError> {
    let refuse = |error| AppError::Read { path: path.to_path_buf(), error };
    let bytes = std::fs::metadata(path).map_err(refuse)?.len();
    if bytes > MOST_TEXT_BYTES {
        return Err(AppError::TooLarge { path: path.to_path_buf(), bytes, most: MOST_TEXT_BYTES });
    }
    let content = std::fs::read(path).map_err(refuse)?;
    String::from_utf8(content).map_err(|_| AppError::NotText { path: path.to_path_buf() })
}

/// Contents of the project's files and folders by the path written in a program and by hash.
#[derive(Clone, Default, Debug)]
pub struct ProjectFiles {
    pub named: ProjectContents,
    by_hash: BTreeMap<String, Source>,
}

/// Where a content comes from.
#[derive(Clone, Debug)]
enum Source {
    File(PathBuf),
    /// The content is the folder's archive.
    Folder(PathBuf),
}

/// Files and folders that a program names.
#[derive(Default, Debug)]
pub struct Names {
    pub files: BTreeSet<String>,
    pub folders: BTreeSet<String>,
}

impl ProjectFiles {
    /// Reads and hashes what a program names. Paths are relative to the program's own file; a file that is missing is
    /// left out, and a folder has its fault, so that the plan says so at its place.
    pub fn read(folder: &Path, root: &Path, names: Names) -> ProjectFiles {
        let mut files = ProjectFiles::default();
        for name in names.files {
            let Some(file) = files.hash(&[folder, root], root, &name) else { continue };
            files.named.files.insert(name, file);
        }
        for name in names.folders {
            let found = files.hash_folder(&[folder, root], root, &name);
            files.named.folders.insert(name, found);
        }
        files
    }

    /// A file given as an input: its path starts where the command was started, else as one in the program does.
    pub fn given(&mut self, folder: &Path, root: &Path, name: &str) -> Option<FileRef> {
        self.hash(&[Path::new("."), folder, root], root, name)
    }

    /// The same of a folder.
    pub fn given_folder(&mut self, folder: &Path, root: &Path, name: &str) -> Result<FolderRef, FolderFault> {
        self.hash_folder(&[Path::new("."), folder, root], root, name)
    }

    fn hash(&mut self, starts: &[&Path], root: &Path, name: &str) -> Option<FileRef> {
        let path = inside_project(starts, root, name)?;
        let content = std::fs::read(&path).ok()?;
        let sha256 = hex(&sha2::Sha256::digest(&content));
        self.by_hash.insert(sha256.clone(), Source::File(path));
        Some(FileRef { path: name.to_string(), sha256, size: content.len() as u64 })
    }

    fn hash_folder(&mut self, starts: &[&Path], root: &Path, name: &str) -> Result<FolderRef, FolderFault> {
        let path = inside(starts, root, name, Path::is_dir).ok_or(FolderFault::Missing)?;
        let found = folders::hash(&path, name)?;
        self.by_hash.insert(found.archive.sha256.clone(), Source::Folder(path));
        Ok(found)
    }

    /// A content by hash, if it still is what was hashed; else why not.
    pub fn read_content(&self, sha256: &str) -> Result<Vec<u8>, String> {
        let source = self.by_hash.get(sha256).ok_or("it was not read when the plan was made")?;
        let (path, content) = match source {
            Source::File(path) => (path, std::fs::read(path).map_err(|error| error.to_string())?),
            Source::Folder(path) => (path, folders::archive(path).map_err(|fault| fault.to_string())?),
        };
        if hex(&sha2::Sha256::digest(&content)) == sha256 {
            Ok(content)
        } else {
            Err(format!("`{}` changed since the plan was made", path.display()))
        }
    }
}

/// The path of a file: looked for in each of these folders, such as beside the program; never outside of them and of
/// the project.
pub(super) fn inside_project(starts: &[&Path], root: &Path, name: &str) -> Option<PathBuf> {
    inside(starts, root, name, Path::is_file)
}

fn inside(starts: &[&Path], root: &Path, name: &str, is_wanted: fn(&Path) -> bool) -> Option<PathBuf> {
    let relative = Path::new(name);
    if relative.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        return None;
    }
    let root = root.canonicalize().ok()?;
    starts.iter().find_map(|start| {
        let real = start.join(relative).canonicalize().ok()?;
        let inside = real.starts_with(&root) || real.starts_with(start.canonicalize().ok()?);
        (inside && is_wanted(&real)).then_some(real)
    })
}

/// Refuses a file that is already there, unless it is to be replaced.
pub fn expect_new(path: &Path, force: bool) -> Result<(), AppError> {
    if force || !path.exists() { Ok(()) } else { Err(AppError::AlreadyThere { path: path.to_path_buf() }) }
}

/// Writes a text whole or not at all: to a neighbour first, then by rename.
pub fn write_text(path: &Path, text: &str) -> Result<(), AppError> {
    let neighbour = beside(path);
    let written = std::fs::write(&neighbour, text).and_then(|()| std::fs::rename(&neighbour, path));
    written.map_err(|error| {
        drop(std::fs::remove_file(&neighbour));
        AppError::Write { path: path.to_path_buf(), error }
    })
}

/// Where a new text is put before it takes the place of a file; no other process puts its own there.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.opsc-new", std::process::id()));
    path.with_file_name(name)
}

/// Keeps a folder for this process until the value goes: who reads a file there, compares and writes it is not disturbed
/// by another opsc that does the same.
pub(super) fn alone_in(folder: &Path) -> Result<std::fs::File, AppError> {
    let refuse = |error| AppError::Write { path: folder.to_path_buf(), error };
    let opened = std::fs::File::open(folder).map_err(refuse)?;
    opened.lock().map_err(refuse)?;
    Ok(opened)
}
