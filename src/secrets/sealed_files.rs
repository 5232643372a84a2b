//! Where files of secrets lie: `secrets/NAME.yaml` of a project. Lists, reads and opens them, each at most once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::identity::Keys;
use super::sealed::{Sealed, is_name, split_name};
use super::sealed_error::SealedError;
use super::sealing::Unsealed;
use crate::base::near::nearest;
use crate::base::secret::Secret;

/// A text with more secrets than anybody keeps.
const LARGEST_FILE: u64 = 16 << 20;

/// As the user would name it: relative to the project.
pub fn path_of(root: &Path, name: &str) -> PathBuf {
    root.join("secrets").join(format!("{name}.yaml"))
}

/// The names of all files, sorted; other files of the folder have names too, as long as they end in `.yaml`.
pub fn names(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root.join("secrets")).into_iter().flatten().flatten();
    let name = |file: std::ffi::OsString| file.to_str()?.strip_suffix(".yaml").map(str::to_string);
    let mut names: Vec<String> =
        entries.filter_map(|entry| name(entry.file_name())).filter(|name| is_name(name)).collect();
    names.sort();
    names
}

/// Whether a file may have this name.
pub fn check_name(name: &str) -> Result<(), SealedError> {
    if is_name(name) { Ok(()) } else { Err(SealedError::BadName { name: name.to_string() }) }
}

/// What stands in a file, still encrypted.
pub fn load(root: &Path, name: &str) -> Result<Sealed, SealedError> {
    check_name(name)?;
    let path = path_of(root, name);
    let text = std::fs::metadata(&path).and_then(|facts| {
        if facts.len() > LARGEST_FILE {
            Err(std::io::ErrorKind::FileTooLarge.into())
        } else {
            std::fs::read_to_string(&path)
        }
    });
    let text = text.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            let near = nearest(name, names(root).iter().map(String::as_str)).map(str::to_string);
            SealedError::NoFile { name: name.to_string(), near }
        }
        _ => SealedError::Read { path: path.clone(), error },
    })?;
    Sealed::parse(&text).map_err(|misformed| SealedError::Misformed { path, misformed })
}

/// Files that were opened.
pub struct Files<'a> {
    root: &'a Path,
    keys: &'a Keys,
    opened: BTreeMap<String, Unsealed>,
}

impl<'a> Files<'a> {
    pub fn new(root: &'a Path, keys: &'a Keys) -> Files<'a> {
        Files { root, keys, opened: BTreeMap::new() }
    }

    /// The text of `FILE/NAME`.
    pub fn read(&mut self, reference: &str) -> Result<Secret<String>, SealedError> {
        let (file, name) =
            split_name(reference).ok_or_else(|| SealedError::BadReference { reference: reference.to_string() })?;
        if !self.opened.contains_key(file) {
            let opened = open(self.root, file, self.keys)?;
            self.opened.insert(file.to_string(), opened);
        }
        match self.opened.get(file) {
            Some(opened) => opened.read(name),
            None => Err(SealedError::NoFile { name: file.to_string(), near: None }),
        }
    }
}

/// A file with its key, its MAC checked.
pub fn open(root: &Path, name: &str, keys: &Keys) -> Result<Unsealed, SealedError> {
    Unsealed::open(load(root, name)?, name, &path_of(root, name), keys)
}
