//! Reads folders of the project: what lies in them, and the archive of it that travels. Links are kept, never followed.

use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use sha2::Digest;

use super::packing::{Content, end, pack};
use crate::base::hex::hex;
use crate::hir::folder::{FolderFault, FolderRef};
use crate::hir::value::FileRef;

/// A folder is read, packed and compared as a whole; larger ones are for tools that are made for them.
const MOST_ENTRIES: usize = 20_000;
const MOST_BYTES: u64 = 256 << 20;

struct Entry {
    /// Relative to the folder.
    name: String,
    kind: Kind,
}

enum Kind {
    Folder,
    File { executable: bool, size: u64 },
    Link { target: String },
}

/// The folder as a value; nothing of its contents is kept.
pub(super) fn hash(path: &Path, written: &str) -> Result<FolderRef, FolderFault> {
    let (mut sha256, mut packed) = (sha2::Sha256::new(), 0);
    let entries = list(path)?;
    pack_all(path, &entries, &mut |bytes| {
        sha256.update(bytes);
        packed += bytes.len() as u64;
    })?;
    let sizes = entries.iter().map(|entry| if let Kind::File { size, .. } = entry.kind { size } else { 0 });
    let count = entries.iter().filter(|entry| !matches!(entry.kind, Kind::Folder)).count() as u64;
    let archive = FileRef { path: written.to_string(), sha256: hex(&sha256.finalize()), size: packed };
    Ok(FolderRef { archive, count, size: sizes.sum() })
}

/// The archive of a folder.
pub(super) fn archive(path: &Path) -> Result<Vec<u8>, FolderFault> {
    let mut packed = Vec::new();
    pack_all(path, &list(path)?, &mut |bytes| packed.extend_from_slice(bytes))?;
    Ok(packed)
}

fn pack_all(root: &Path, entries: &[Entry], sink: &mut dyn FnMut(&[u8])) -> Result<(), FolderFault> {
    for entry in entries {
        match &entry.kind {
            Kind::Folder => pack(&format!("{}/", entry.name), &Content::Folder, sink),
            Kind::Link { target } => pack(&entry.name, &Content::Link { target }, sink),
            Kind::File { executable, .. } => {
                let bytes = std::fs::read(root.join(&entry.name)).map_err(|error| unreadable(&entry.name, &error))?;
                pack(&entry.name, &Content::File { bytes: &bytes, executable: *executable }, sink);
            }
        }
    }
    end(sink);
    Ok(())
}

/// Everything below a folder, hidden names too, in the order of names: a folder comes before what it holds.
fn list(root: &Path) -> Result<Vec<Entry>, FolderFault> {
    let mut entries = Vec::new();
    let mut bytes = 0;
    let mut open = vec![String::new()];
    while let Some(folder) = open.pop() {
        let shown = if folder.is_empty() { "." } else { &folder };
        let refuse = |error| unreadable(shown, &error);
        for found in std::fs::read_dir(root.join(&folder)).map_err(refuse)? {
            let entry = entry(root, &folder, &found.map_err(refuse)?)?;
            match &entry.kind {
                Kind::Folder => open.push(entry.name.clone()),
                Kind::File { size, .. } => bytes += size,
                Kind::Link { .. } => {}
            }
            entries.push(entry);
            if entries.len() > MOST_ENTRIES {
                return Err(FolderFault::TooMany { most: MOST_ENTRIES });
            }
            if bytes > MOST_BYTES {
                return Err(FolderFault::TooLarge { most: MOST_BYTES });
            }
        }
    }
    entries.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(entries)
}

fn entry(root: &Path, folder: &str, found: &std::fs::DirEntry) -> Result<Entry, FolderFault> {
    let text = found.file_name().into_string();
    let name = |text: &str| if folder.is_empty() { text.to_string() } else { format!("{folder}/{text}") };
    let text = text.map_err(|raw| FolderFault::NameNotText { name: name(&raw.to_string_lossy()) })?;
    let name = name(&text);
    let metadata = found.metadata().map_err(|error| unreadable(&name, &error))?;
    let kind = kind(root, &name, &metadata)?;
    Ok(Entry { name, kind })
}

fn kind(root: &Path, name: &str, metadata: &Metadata) -> Result<Kind, FolderFault> {
    if metadata.is_dir() {
        return Ok(Kind::Folder);
    }
    if metadata.is_file() {
        return Ok(Kind::File { executable: metadata.permissions().mode() & 0o100 != 0, size: metadata.len() });
    }
    if !metadata.is_symlink() {
        return Err(FolderFault::OtherKind { name: name.to_string() });
    }
    let target = std::fs::read_link(root.join(name)).map_err(|error| unreadable(name, &error))?;
    let leaves = || FolderFault::LinkLeaves { name: name.to_string(), target: target.display().to_string() };
    if !stays_inside(root, name, &target) {
        return Err(leaves());
    }
    let target = target.to_str().ok_or_else(leaves)?.to_string();
    Ok(Kind::Link { target })
}

/// Both as it is written, since that is what a host gets, and as it leads here through other links. A link to nothing is
/// as good there as here.
fn stays_inside(root: &Path, name: &str, target: &Path) -> bool {
    let mut depth = Path::new(name).components().count() - 1;
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    let inside = |real: PathBuf| root.canonicalize().is_ok_and(|root| real.starts_with(root));
    root.join(name).canonicalize().map_or(true, inside)
}

fn unreadable(name: &str, error: &std::io::Error) -> FolderFault {
    FolderFault::Unreadable { name: name.to_string(), reason: error.to_string() }
}
