//! `file:PATH`: a file that its owner alone may read, as ssh wants its keys.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::SecretError;
use super::providers::as_text;
use crate::base::secret::Secret;

/// The most that is read of a file or of a program's output: secrets are short.
pub const LARGEST: u64 = 1 << 20;

/// Room for the largest and for what `read_to_end` tries beyond it: a buffer that grows leaves copies behind.
pub fn buffer() -> Secret<Vec<u8>> {
    Secret::new(Vec::with_capacity(LARGEST as usize + 64))
}

/// Relative paths start at `root`.
pub fn read(root: &Path, path: &str) -> Result<Secret<String>, SecretError> {
    let path = in_project(root, path);
    let refuse = |error| SecretError::File { path: path.clone(), error };
    // Rights are those of the open file, so that nobody can put another in its place between the look and the reading.
    let file = std::fs::File::open(&path).map_err(refuse)?;
    let facts = file.metadata().map_err(refuse)?;
    let mode = facts.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretError::Open { path, mode });
    }
    let mut bytes = buffer();
    file.take(LARGEST + 1).read_to_end(bytes.expose_mut()).map_err(refuse)?;
    if bytes.expose().len() as u64 > LARGEST {
        return Err(SecretError::TooLarge { most: LARGEST });
    }
    as_text(&bytes)
}

fn in_project(root: &Path, path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => root.join(path),
    }
}
