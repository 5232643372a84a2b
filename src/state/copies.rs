//! Copies of a journal's file: made while runs write to it, and brought back. A copy is whole or not there.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use serde_json::{Value as Json, json};

use super::audit::{self, By, Entry};
use super::journal::{Journal, make_private_folder};
use super::promises::{Examined, Finding, examine};
use super::records::{RunSummary, StateError};
use super::schema::{PATIENCE, migrate, take_turn};
use super::transitions::Transition;
use super::{failpoints, read};

/// What a journal was brought back from, and what that took away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    pub from: Examined,
    /// Where the file that was there is now; absent where there was none.
    pub kept: Option<PathBuf>,
    /// Runs that only the kept file has.
    pub gone: Vec<i64>,
}

fn refuse(path: &Path) -> impl Fn(std::io::Error) -> StateError {
    move |error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => StateError::Exists { path: path.to_path_buf() },
        _ => StateError::Folder { path: path.to_path_buf(), error },
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(ending);
    path.with_file_name(name)
}

/// Everything as it is at one moment, also while runs write. Never over another file.
pub fn back_up(journal: &Path, copy: &Path) -> Result<(), StateError> {
    if copy.exists() {
        return Err(StateError::Exists { path: copy.to_path_buf() });
    }
    if !journal.is_file() {
        return Err(StateError::Missing { path: journal.to_path_buf() });
    }
    let part = beside(copy, ".opsc-part");
    let done = write_copy(journal, &part).and_then(|()| put_in_place(&part, copy));
    // What was linked to its name needs the other one no more, and of what failed nothing stays.
    drop(std::fs::remove_file(&part));
    done
}

fn write_copy(journal: &Path, part: &Path) -> Result<(), StateError> {
    use std::os::unix::fs::OpenOptionsExt;
    // Private before the first byte; SQLite writes into a file that is there only if it is empty.
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let file = options.open(part).map_err(refuse(part))?;
    let connection = Connection::open_with_flags(journal, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(PATIENCE)?;
    connection.execute("VACUUM INTO ?1", [part.to_string_lossy()])?;
    // SQLite leaves that to whoever wants the copy to outlive a power cut.
    file.sync_all().map_err(refuse(part))
}

/// A link never replaces what is there. Where the file system has no links, a look has to do.
fn put_in_place(part: &Path, copy: &Path) -> Result<(), StateError> {
    let linked = std::fs::hard_link(part, copy);
    let placed = match linked.as_ref().map_err(std::io::Error::kind) {
        Err(std::io::ErrorKind::Unsupported | std::io::ErrorKind::PermissionDenied) if !copy.exists() => {
            std::fs::rename(part, copy)
        }
        _ => linked,
    };
    placed.map_err(refuse(copy))?;
    sync_folder(copy)
}

fn sync_folder(path: &Path) -> Result<(), StateError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(refuse(folder))
}

/// Puts what a copy has in the place of what is there, which is kept under a name of its own. `anyway`: also where a
/// run of which nothing is known may still be under way, or the copy breaks a promise that SQLite knows nothing of.
pub fn restore(journal: &Path, from: &Path, kept: &Path, (anyway, by): (bool, &By)) -> Result<Restored, StateError> {
    let examined = examine(from)?;
    if examined.is_damaged() || !(anyway || examined.findings.is_empty()) {
        return Err(StateError::NotWhole { path: from.to_path_buf(), findings: examined.findings });
    }
    if let Some(folder) = journal.parent() {
        make_private_folder(folder)?;
    }
    let staged = beside(journal, ".opsc-restore");
    drop(std::fs::remove_file(&staged));
    let replaced =
        stage(from, &staged, &restored(journal, from, by)).and_then(|()| replace(journal, &staged, kept, anyway));
    drop(std::fs::remove_file(&staged));
    let (kept, gone) = replaced?;
    Ok(Restored { from: examined, kept, gone })
}

/// A copy of the copy, brought to this format, with a word about that: the copy stays as it is.
fn stage(from: &Path, staged: &Path, entry: &Entry) -> Result<(), StateError> {
    back_up(from, staged)?;
    let mut connection = Connection::open_with_flags(staged, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    migrate(&mut connection, staged)?;
    let transaction = connection.transaction()?;
    audit::append(&transaction, entry)?;
    Ok(transaction.commit()?)
}

/// With the head of the audit that was there before, where it can be read.
fn restored(journal: &Path, from: &Path, by: &By) -> Entry {
    let present = Connection::open_with_flags(journal, OpenFlags::SQLITE_OPEN_READ_WRITE);
    let head = present.map_err(StateError::from).and_then(|connection| audit::head(&connection));
    let before = head.map_or(Json::Null, |(_, head)| json!({ "number": head.number, "hash": head.hash }));
    let details = json!({ "file": from.display().to_string(), "before": before });
    Entry { kind: "journal.restored", run: None, by: by.clone(), details }
}

type Replaced = (Option<PathBuf>, Vec<i64>);

fn replace(journal: &Path, staged: &Path, kept: &Path, anyway: bool) -> Result<Replaced, StateError> {
    if !journal.exists() {
        return put_in_place(staged, journal).map(|()| (None, Vec::new()));
    }
    match examine(journal) {
        Err(error @ StateError::Newer { .. }) => Err(error),
        Ok(present) if !present.is_damaged() => replace_rows(journal, staged, kept, anyway),
        // What SQLite cannot read through, it cannot write to.
        Ok(_) | Err(_) => replace_file(journal, staged, kept, anyway),
    }
}

/// In one transaction of the file that is there: whoever has it open sees all of the old rows or all of the new ones,
/// and no run can begin meanwhile.
fn replace_rows(journal: &Path, staged: &Path, kept: &Path, anyway: bool) -> Result<Replaced, StateError> {
    drop(Journal::open(journal)?);
    let mut connection = Connection::open_with_flags(journal, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute("ATTACH ?1 AS staged", [staged.to_string_lossy()])?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    refuse_under_way(&transaction, anyway)?;
    // Another connection reads what is committed; nobody commits before this transaction ends.
    back_up(journal, kept)?;
    let query = "SELECT id FROM main.runs WHERE id NOT IN (SELECT id FROM staged.runs) ORDER BY id";
    let gone = transaction.prepare(query)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    transaction.pragma_update(None, "defer_foreign_keys", true)?;
    for table in tables(&transaction)? {
        let columns = columns(&transaction, &table)?;
        transaction.execute_batch(&format!(
            "DELETE FROM main.{table}; INSERT INTO main.{table} ({columns}) SELECT {columns} FROM staged.{table}"
        ))?;
    }
    failpoints::around(|| vec![Transition::JournalRestored], || transaction.commit())?;
    Ok((Some(kept.to_path_buf()), gone))
}

fn tables(transaction: &Transaction<'_>) -> Result<Vec<String>, StateError> {
    let query = "SELECT name FROM staged.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut statement = transaction.prepare(query)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn columns(transaction: &Transaction<'_>, table: &str) -> Result<String, StateError> {
    let mut statement = transaction.prepare("SELECT name FROM pragma_table_info(?1, 'staged')")?;
    let rows = statement.query_map([table], |row| row.get::<_, String>(0))?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?.join(", "))
}

/// Nothing of a damaged file is trusted, and it is moved with what SQLite wrote beside it.
fn replace_file(journal: &Path, staged: &Path, kept: &Path, anyway: bool) -> Result<Replaced, StateError> {
    if let Ok(connection) = Connection::open_with_flags(journal, OpenFlags::SQLITE_OPEN_READ_ONLY)
        && let Err(error @ StateError::MayBeUnderWay { .. }) = refuse_under_way(&connection, anyway)
    {
        return Err(error);
    }
    let _turn = take_turn(journal)?;
    std::fs::hard_link(journal, kept).map_err(refuse(kept))?;
    let (log, index) = (beside(journal, "-wal"), beside(journal, "-shm"));
    if log.exists() {
        std::fs::rename(&log, beside(kept, "-wal")).map_err(refuse(&log))?;
    }
    drop(std::fs::remove_file(&index));
    std::fs::rename(staged, journal).map_err(refuse(journal))?;
    sync_folder(journal)?;
    Ok((Some(kept.to_path_buf()), Vec::new()))
}

fn refuse_under_way(connection: &Connection, anyway: bool) -> Result<(), StateError> {
    let runs: Vec<RunSummary> = read::unfinished(connection)?;
    let at_work = runs.into_iter().find(|run| !run.is_over() && (run.record.is_alive() || !anyway));
    at_work.map_or(Ok(()), |run| Err(StateError::MayBeUnderWay { run: Box::new(run) }))
}

/// The findings of a file as one list, for a message.
pub(super) fn told(findings: &[Finding]) -> String {
    findings.iter().take(3).map(Finding::to_string).collect::<Vec<_>>().join("; ")
}
