//! The tables of the journal, and how a file of an older format becomes one of this format.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::copies::back_up;
use super::records::StateError;
use super::transitions::Transition;
use super::{audit, failpoints};

/// Counts up with every change of the tables.
pub(super) const FORMAT: i64 = 6;

const TABLES: &str = "
CREATE TABLE runs (
  id INTEGER PRIMARY KEY, playbook TEXT NOT NULL, path TEXT NOT NULL, digest TEXT NOT NULL, source_sha256 TEXT NOT NULL,
  git_commit TEXT, dirty INTEGER, user TEXT NOT NULL, machine TEXT NOT NULL, started INTEGER NOT NULL,
  pid INTEGER NOT NULL, pid_start INTEGER, boot_id TEXT, status TEXT, exit_code INTEGER, finished INTEGER
);
CREATE TABLE intents (
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs(id), step TEXT NOT NULL, host TEXT NOT NULL,
  attempt INTEGER NOT NULL, phase TEXT NOT NULL, program_sha256 TEXT NOT NULL, effect TEXT NOT NULL, kind TEXT NOT NULL,
  deadline_ms INTEGER NOT NULL, time INTEGER NOT NULL
);
CREATE TABLE results (
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs(id), step TEXT NOT NULL, host TEXT NOT NULL,
  attempt INTEGER NOT NULL, phase TEXT NOT NULL, outcome TEXT NOT NULL, changed INTEGER NOT NULL, code INTEGER,
  before_json TEXT NOT NULL, apply_json TEXT NOT NULL, after_json TEXT NOT NULL, error TEXT, output_sha256 TEXT,
  output BLOB NOT NULL, time INTEGER NOT NULL
);
CREATE TABLE events (
  run INTEGER NOT NULL REFERENCES runs(id), seq INTEGER NOT NULL, time INTEGER NOT NULL, json TEXT NOT NULL,
  PRIMARY KEY (run, seq)
) WITHOUT ROWID;
CREATE INDEX intents_of_run ON intents (run, step, host, attempt, phase);
CREATE INDEX results_of_run ON results (run, step, host, attempt, phase);
";

/// Since format 2.
const LOCKS: &str = "
CREATE TABLE locks (
  host TEXT PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs(id), since INTEGER NOT NULL
) WITHOUT ROWID;
";

/// Since format 3. What was last found out about hosts, whenever that was.
const FACTS: &str =
    "CREATE TABLE facts (host TEXT PRIMARY KEY, json TEXT NOT NULL, time INTEGER NOT NULL) WITHOUT ROWID;";

/// Since format 4. What a run was asked for and which run it goes on with; what it takes to do that: what a step found
/// before it acted, and all that it reported, where there is no secret in it.
const GOING_ON: &str = "
ALTER TABLE runs ADD COLUMN request TEXT;
ALTER TABLE runs ADD COLUMN goes_on_with INTEGER REFERENCES runs(id);
ALTER TABLE intents ADD COLUMN before_json TEXT;
ALTER TABLE results ADD COLUMN kept_json TEXT;
CREATE UNIQUE INDEX runs_gone_on_with ON runs (goes_on_with);
";

/// Since format 4, but for its first days: a file of that format may lack them.
const APPROVALS: &str = "
CREATE TABLE IF NOT EXISTS approvals (
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs(id), gate TEXT NOT NULL, batch INTEGER,
  names TEXT NOT NULL, message TEXT NOT NULL, hosts TEXT NOT NULL, digest TEXT NOT NULL, asked INTEGER NOT NULL,
  until INTEGER, approved INTEGER, said_as TEXT, user TEXT, machine TEXT, said INTEGER, used INTEGER REFERENCES runs(id)
);
CREATE INDEX IF NOT EXISTS approvals_of_run ON approvals (run);
";

/// Since format 5. What the host keeps of a step that must not be done twice.
const RECEIPTS: &str = "ALTER TABLE intents ADD COLUMN receipt TEXT;";

/// Since format 6. Who signed an answer. Until when a run surely goes on: it says so again and again while it does.
const LEASES: &str = "
ALTER TABLE approvals ADD COLUMN key TEXT;
ALTER TABLE approvals ADD COLUMN signature TEXT;
ALTER TABLE runs ADD COLUMN beat INTEGER;
ALTER TABLE runs ADD COLUMN until INTEGER;
";

/// How long another process may hold the file.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Sets a connection up and brings its tables to this format. A newer file is refused, never touched.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), StateError> {
    connection.busy_timeout(PATIENCE)?;
    // Before anything is set: a newer file stays as it is.
    let found = refuse_newer(connection, path)?;
    write_ahead(connection, path)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    if found == FORMAT {
        return Ok(());
    }
    // Two processes may find the file at the same time: one of them waits here, and then finds the tables.
    let _turn = take_turn(path)?;
    back_up_older(connection, path)?;
    migrate(connection, path)
}

/// All steps that are missing, in one transaction: the format is the old one or this one.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StateError> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found = refuse_newer(&transaction, path)?;
    if found < 1 {
        transaction.execute_batch(TABLES)?;
    }
    if found < 2 {
        transaction.execute_batch(LOCKS)?;
    }
    if found < 3 {
        transaction.execute_batch(FACTS)?;
    }
    if found < 4 {
        transaction.execute_batch(GOING_ON)?;
    }
    if found < 5 {
        transaction.execute_batch(APPROVALS)?;
        transaction.execute_batch(RECEIPTS)?;
        transaction.execute_batch(audit::TABLES)?;
    }
    if found < 6 {
        transaction.execute_batch(LEASES)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
    }
    failpoints::around(|| vec![Transition::TablesMade], || transaction.commit())?;
    Ok(())
}

/// The change to WAL needs the file for itself, and SQLite does not wait for that as it does for other locks; so those
/// who find a new file take turns.
fn write_ahead(connection: &Connection, path: &Path) -> Result<(), StateError> {
    let mode =
        |connection: &Connection| connection.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
    if mode(connection)? == "wal" {
        return Ok(());
    }
    let _turn = take_turn(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    Ok(())
}

/// One process at a time changes what the file is. The turn ends with the value.
pub(super) fn take_turn(path: &Path) -> Result<std::fs::File, StateError> {
    let turn = path.with_extension("turn");
    let refuse = |error| StateError::Folder { path: turn.clone(), error };
    let file = std::fs::File::options().create(true).append(true).open(&turn).map_err(refuse)?;
    file.lock().map_err(refuse)?;
    Ok(file)
}

/// A file of an older format is copied before it is changed: the older opsc can go on with the copy. One that went on
/// and comes back is copied again, beside the first copy.
fn back_up_older(connection: &Connection, path: &Path) -> Result<(), StateError> {
    let found = refuse_newer(connection, path)?;
    if found == 0 || found == FORMAT {
        return Ok(());
    }
    let name = |number: usize| match number {
        1 => path.with_extension(format!("format-{found}.db")),
        _ => path.with_extension(format!("format-{found}-{number}.db")),
    };
    let copy = (1..).map(name).find(|copy| !copy.exists());
    copy.map_or(Ok(()), |copy| back_up(path, &copy))
}

/// 0 for a file that is no journal yet.
pub(super) fn found_format(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn refuse_newer(connection: &Connection, path: &Path) -> Result<i64, StateError> {
    let found = found_format(connection)?;
    if found > FORMAT {
        return Err(StateError::Newer { path: path.to_path_buf(), found, known: FORMAT });
    }
    Ok(found)
}
