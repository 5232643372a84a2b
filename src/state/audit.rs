//! The audit: a row for everything that mattered, each with a hash over itself and the row before it, so that a change
//! of one shows. Rows are written in the transaction of what they are about. Who can write the file can write all of it
//! anew: only a head that is kept elsewhere shows that.

use rusqlite::{Connection, Row, Transaction, params};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::records::{RunRecord, StateError, StepResult};
use super::writer::signed;
use crate::base::hex::hex;

/// Every kind that a row can have, as it is written.
pub const KINDS: &[&str] = &[
    "approval.approved",
    "approval.rejected",
    "host_key.trusted",
    "inventory.changed",
    "inventory.imported",
    "journal.restored",
    "lock.broken",
    "lock.taken_over",
    "run.cancelled",
    "run.finished",
    "run.resolved",
    "run.started",
    "secret.changed",
    "secret.read",
];

/// Who did something, and when.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct By {
    pub user: String,
    pub machine: String,
    /// Milliseconds since 1970, UTC.
    pub time: u64,
}

/// What the audit says of a run that begins, beside its record.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Beginning {
    /// `run`, `resume` or `rollback`.
    pub how: String,
    pub hosts: Vec<String>,
    /// References of secrets, never values.
    pub secrets: Vec<String>,
    /// What the process knows of where it was started from, by name.
    pub from: Vec<(String, String)>,
    /// The saved plan that is run.
    pub plan_file: Option<PlanFile>,
}

/// A saved plan, by its content.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct PlanFile {
    /// Of the whole file, lower-case hex.
    pub sha256: String,
    /// It is run once, and never again.
    pub once: bool,
    /// One of `[approvers]` and the key, where a signature was demanded.
    pub signed: Option<(String, String)>,
}

/// What is to be written down.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// `run.started`.
    pub kind: &'static str,
    pub run: Option<i64>,
    pub by: By,
    /// An object; its text is what is hashed.
    pub details: Json,
}

/// What was written down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditRow {
    /// From 1, without gaps.
    pub number: i64,
    pub time: u64,
    pub kind: String,
    pub run: Option<i64>,
    pub user: String,
    pub machine: String,
    /// An object.
    pub details: String,
    /// Of this row and, through the one before it, of all rows up to it; lower-case hex.
    pub hash: String,
}

/// How far the chain has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    pub number: i64,
    pub hash: String,
}

/// Since format 5.
pub(super) const TABLES: &str = "
CREATE TABLE audit (
  number INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL, run INTEGER, user TEXT NOT NULL,
  machine TEXT NOT NULL, details TEXT NOT NULL, hash TEXT NOT NULL
);
CREATE TABLE audit_head (
  one INTEGER PRIMARY KEY CHECK (one = 1), chain TEXT NOT NULL, number INTEGER NOT NULL, hash TEXT NOT NULL,
  runs_before INTEGER NOT NULL
);
INSERT INTO audit_head SELECT 1, lower(hex(randomblob(16))), 0, '', coalesce(max(id), 0) FROM runs;
";

/// Texts with their lengths, so that no two lists of texts are fed alike.
pub(super) fn feed(hash: &mut Sha256, text: &[u8]) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}

/// What the first row follows: no two journals have the same.
pub(super) fn origin(chain: &str) -> String {
    let mut hash = Sha256::new();
    feed(&mut hash, b"opsc.audit.chain/1");
    feed(&mut hash, chain.as_bytes());
    hex(&hash.finalize())
}

impl AuditRow {
    /// What its hash must be behind the row with this hash.
    pub(super) fn hash_after(&self, previous: &str) -> String {
        let mut hash = Sha256::new();
        let run = self.run.map(|run| run.to_string()).unwrap_or_default();
        let (number, time) = (self.number.to_string(), self.time.to_string());
        let parts =
            ["opsc.audit.row/1", previous, &number, &time, &self.kind, &run, &self.user, &self.machine, &self.details];
        parts.iter().for_each(|part| feed(&mut hash, part.as_bytes()));
        hex(&hash.finalize())
    }
}

/// The chain's own name, and its head; of a chain without rows, the hash that the first row follows.
pub(super) fn head(connection: &Connection) -> Result<(String, Head), StateError> {
    let query = "SELECT chain, number, hash FROM audit_head WHERE one = 1";
    let (chain, number, hash): (String, i64, String) =
        connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let hash = if number == 0 { origin(&chain) } else { hash };
    Ok((chain, Head { number, hash }))
}

pub(super) fn append(transaction: &Transaction<'_>, entry: &Entry) -> Result<(), StateError> {
    debug_assert!(KINDS.contains(&entry.kind), "no kind of the audit: {}", entry.kind);
    let (_, head) = head(transaction)?;
    let mut row = AuditRow {
        number: head.number + 1,
        time: entry.by.time,
        kind: entry.kind.to_string(),
        run: entry.run,
        user: entry.by.user.clone(),
        machine: entry.by.machine.clone(),
        details: entry.details.to_string(),
        hash: String::new(),
    };
    row.hash = row.hash_after(&head.hash);
    transaction
        .prepare_cached(
            "INSERT INTO audit (number, time, kind, run, user, machine, details, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            row.number,
            signed(row.time),
            row.kind,
            row.run,
            row.user,
            row.machine,
            row.details,
            row.hash
        ])?;
    let query = "UPDATE audit_head SET number = ?1, hash = ?2 WHERE one = 1";
    transaction.prepare_cached(query)?.execute(params![row.number, row.hash])?;
    Ok(())
}

/// All rows, the oldest first.
pub(super) fn rows(connection: &Connection) -> Result<Vec<AuditRow>, StateError> {
    let query = "SELECT number, time, kind, run, user, machine, details, hash FROM audit ORDER BY number";
    let mut statement = connection.prepare(query)?;
    let rows = statement.query_map([], row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        number: row.get(0)?,
        time: row.get::<_, i64>(1).map(|time| u64::try_from(time).unwrap_or(0))?,
        kind: row.get(2)?,
        run: row.get(3)?,
        user: row.get(4)?,
        machine: row.get(5)?,
        details: row.get(6)?,
        hash: row.get(7)?,
    })
}

/// The row of a run that begins, and one for the secrets that were read for it.
pub(super) fn begun(run: i64, record: &RunRecord, locks: &[String], beginning: &Beginning) -> Vec<Entry> {
    let by = By { user: record.user.clone(), machine: record.machine.clone(), time: record.started };
    let from: serde_json::Map<String, Json> =
        beginning.from.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let plan_file = beginning.plan_file.as_ref().map(|file| {
        let signed = file.signed.as_ref().map(|(name, key)| json!({ "as": name, "key": key }));
        json!({ "sha256": file.sha256, "once": file.once, "signed": signed })
    });
    let mut started = json!({
        "how": beginning.how,
        "playbook": record.playbook,
        "path": record.path,
        "plan": record.digest,
        "source_sha256": record.source_sha256,
        "commit": record.commit,
        "dirty": record.dirty,
        "request": record.request,
        "goes_on_with": record.goes_on_with,
        "hosts": beginning.hosts,
        "locks": locks,
        "pid": record.pid,
        "from": from,
    });
    if let (Some(file), Some(started)) = (plan_file, started.as_object_mut()) {
        started.insert("plan_file".to_string(), file);
    }
    let mut entries = vec![Entry { kind: "run.started", run: Some(run), by: by.clone(), details: started }];
    if !beginning.secrets.is_empty() {
        let details = json!({ "names": beginning.secrets });
        entries.push(Entry { kind: "secret.read", run: Some(run), by, details });
    }
    entries
}

/// The first run of a saved plan with this content.
pub(super) fn run_of_file(connection: &Connection, sha256: &str) -> Result<Option<i64>, StateError> {
    // A row that somebody made to be no JSON says nothing of files.
    let query = "SELECT min(run) FROM audit WHERE kind = 'run.started' AND json_valid(details)
                 AND details ->> '$.plan_file.sha256' = ?1";
    Ok(connection.prepare_cached(query)?.query_row([sha256], |row| row.get(0))?)
}

/// Who a run's plan was signed by: a key.
pub(super) fn key_of_plan(connection: &Connection, run: i64) -> Result<Option<String>, StateError> {
    let query = "SELECT max(details ->> '$.plan_file.signed.key') FROM audit
                 WHERE kind = 'run.started' AND run = ?1 AND json_valid(details)";
    Ok(connection.prepare_cached(query)?.query_row([run], |row| row.get(0))?)
}

/// The row of a person's word about a step.
pub(super) fn resolved(result: &StepResult, by: &By) -> Entry {
    let StepResult { step, host, attempt, phase, outcome, .. } = result;
    let details = json!({ "step": step, "host": host, "attempt": attempt, "phase": phase, "said": outcome });
    Entry { kind: "run.resolved", run: Some(result.run), by: by.clone(), details }
}

/// The row of a lock that was taken away, with the run that had it.
pub(super) fn unlocked(connection: &Connection, host: &str, by: &By) -> Result<Entry, StateError> {
    let mut query = connection.prepare_cached("SELECT run FROM locks WHERE host = ?1")?;
    let run = query.query_map([host], |row| row.get(0))?.next().transpose()?;
    Ok(Entry { kind: "lock.broken", run, by: by.clone(), details: json!({ "host": host }) })
}
