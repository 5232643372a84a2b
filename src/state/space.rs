//! Room on the disk: a reserve beside the journal that is given up when no other is left, and what is told then.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::records::StateError;
use crate::base::words;

/// Enough for the results of all hosts that are at work at the same time, without their outputs.
const RESERVE: usize = 1 << 20;

/// Why the journal takes nothing more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trouble {
    pub path: PathBuf,
    /// In the words of SQLite or of the system.
    pub said: String,
    /// Bytes that were left there; absent where nobody could tell.
    pub free: Option<u64>,
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` cannot be written: {}", self.path.display(), self.said)?;
        let folder = self.path.parent().unwrap_or(&self.path).display();
        self.free.map_or(Ok(()), |free| write!(formatter, " ({} free in `{folder}`)", words::size(free)))
    }
}

impl From<Trouble> for StateError {
    fn from(trouble: Trouble) -> Self {
        StateError::Unwritable(trouble)
    }
}

/// An error of the disk is told with the file and the room there; any other one stays what it is.
pub(super) fn unwritable(path: &Path, error: StateError) -> StateError {
    match error {
        StateError::Database { error } if is_of_disk(&error) => trouble(path, error.to_string()).into(),
        StateError::Folder { path, error } if error.kind() == std::io::ErrorKind::StorageFull => {
            trouble(&path, error.to_string()).into()
        }
        other => other,
    }
}

/// A row that is refused, or a file that another process holds, is no matter of the disk.
fn is_of_disk(error: &rusqlite::Error) -> bool {
    use ErrorCode::{CannotOpen, DatabaseCorrupt, DiskFull, ReadOnly, SystemIoFailure};
    let code = error.sqlite_error_code();
    code.is_some_and(|code| matches!(code, DiskFull | SystemIoFailure | CannotOpen | ReadOnly | DatabaseCorrupt))
}

fn trouble(path: &Path, said: String) -> Trouble {
    Trouble { path: path.to_path_buf(), said, free: path.parent().and_then(free) }
}

/// What a user may still write in a folder, as `df` says it.
fn free(folder: &Path) -> Option<u64> {
    let asked = std::process::Command::new("df").arg("-Pk").arg(folder).stdin(std::process::Stdio::null()).output();
    let said = String::from_utf8(asked.ok()?.stdout).ok()?;
    let kibibytes: u64 = said.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn reserve(journal: &Path) -> PathBuf {
    journal.with_extension("reserve")
}

/// Whether a run was begun with this journal.
pub(super) fn has_reserve(journal: &Path) -> bool {
    reserve(journal).exists()
}

/// Makes the reserve, if it is not there. Without room for it no run begins.
pub(super) fn keep_reserve(journal: &Path) -> Result<(), Trouble> {
    // One in memory has no file, and needs no room.
    if journal.as_os_str().is_empty() {
        return Ok(());
    }
    let path = reserve(journal);
    let size = u64::try_from(RESERVE).unwrap_or(u64::MAX);
    if std::fs::metadata(&path).is_ok_and(|found| found.len() == size) {
        return Ok(());
    }
    let written = std::fs::File::create(&path).and_then(|mut file| {
        file.write_all(&noise())?;
        file.sync_all()
    });
    written.map_err(|error| {
        // Half of a reserve would be taken for one that is there.
        drop(std::fs::remove_file(&path));
        trouble(journal, error.to_string())
    })
}

pub(super) fn give_reserve_up(journal: &Path) {
    // One that is not there gives nothing, and that shows at the next write.
    drop(std::fs::remove_file(reserve(journal)));
}

/// File systems that compress would keep no room for zeros.
fn noise() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(RESERVE);
    while bytes.len() < RESERVE {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes
}
