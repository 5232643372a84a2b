//! The journal's file looked through, copied and brought back: where copies lie, and what to do when one is refused.

use std::path::{Path, PathBuf};

use super::auditing::by;
use super::errors::AppError;
use super::execution::{now, state};
use super::project::Project;
use crate::state::{self, Examined, Restored, StateError};

impl AppError {
    /// The journal's file is none any more.
    pub fn damaged(error: &StateError) -> AppError {
        AppError::JournalFile {
            reason: format!("the journal cannot be used: {error}"),
            hint: "`opsc db check` tells what is wrong with it, and `opsc db restore FILE` puts a copy in its place"
                .to_string(),
            code: 1,
        }
    }
}

/// Looks through the project's journal, or through another file.
pub fn check(project: &Project, file: Option<&Path>) -> Result<Examined, AppError> {
    state::examine(file.unwrap_or(&project.journal())).map_err(|error| refused(project, error))
}

/// The path of the copy that was made.
pub fn back_up(project: &Project, file: Option<&Path>) -> Result<PathBuf, AppError> {
    let copy = file.map_or_else(|| dated(project, "backup"), Path::to_path_buf);
    state::back_up(&project.journal(), &copy).map_err(|error| match error {
        StateError::Folder { error, .. } => AppError::Write { path: copy.clone(), error },
        other => refused(project, other),
    })?;
    Ok(copy)
}

/// `anyway`: also where a run of which nothing is known may be under way.
pub fn restore(project: &Project, file: &Path, anyway: bool) -> Result<Restored, AppError> {
    let kept = dated(project, "before-restore");
    state::restore(&project.journal(), file, &kept, (anyway, &by())).map_err(|error| refused(project, error))
}

/// A name beside the journal that says when, such as `journal.backup-20260102T030405.678Z.sqlite`.
fn dated(project: &Project, what: &str) -> PathBuf {
    let milliseconds = i64::try_from(now()).unwrap_or(0);
    let time = jiff::Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    project.journal().with_extension(format!("{what}-{}.sqlite", time.strftime("%Y%m%dT%H%M%S%.3fZ")))
}

fn refused(project: &Project, error: StateError) -> AppError {
    let (hint, code) = match &error {
        StateError::Missing { path } if *path != project.journal() => ("name a copy that `opsc db backup` made", 10),
        StateError::Missing { .. } => ("a project has a journal after its first run", 10),
        StateError::OnlyRead { .. } => {
            ("be the user whose runs it has, or copy both files into a folder of your own", 1)
        }
        StateError::Exists { .. } => ("name another file", 10),
        StateError::NotWhole { .. } => ("`opsc db check --file FILE` tells all that is wrong with it", 1),
        StateError::MayBeUnderWay { run } if run.record.is_alive() => ("wait for its end, or stop it", 26),
        StateError::MayBeUnderWay { .. } => ("add `-y` if you know that it is dead", 26),
        _ => return state(error),
    };
    AppError::JournalFile { reason: error.to_string(), hint: hint.to_string(), code }
}
