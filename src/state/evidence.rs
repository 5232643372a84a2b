//! What the audit keeps of a run's records: how many they are and their hash, so that a change of them shows too.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::audit::{By, Entry, feed};
use super::records::StateError;
use crate::base::hex::hex;

/// Columns by name: what a later format adds was not there to be hashed.
const INTENTS: &str =
    "SELECT id, step, host, attempt, phase, program_sha256, effect, kind, deadline_ms, time, before_json,
    receipt FROM intents WHERE run = ?1 AND id <= ?2 ORDER BY id";
const RESULTS: &str =
    "SELECT id, step, host, attempt, phase, outcome, changed, code, before_json, apply_json, after_json,
    error, output_sha256, output, time, kept_json FROM results WHERE run = ?1 AND id <= ?2 ORDER BY id";
const EVENTS: &str = "SELECT seq, time, json FROM events WHERE run = ?1 AND ?2 = ?2 ORDER BY seq";

/// What is there of a run, up to this number of the count that intents and results share.
pub(super) fn evidence(connection: &Connection, run: i64, last: i64) -> Result<Json, StateError> {
    let (intents, intents_sha256) = digest(connection, INTENTS, run, last)?;
    let (results, results_sha256) = digest(connection, RESULTS, run, last)?;
    let (events, events_sha256) = digest(connection, EVENTS, run, last)?;
    Ok(json!({
        "last": last,
        "intents": intents,
        "intents_sha256": intents_sha256,
        "results": results,
        "results_sha256": results_sha256,
        "events": events,
        "events_sha256": events_sha256,
    }))
}

fn digest(connection: &Connection, query: &str, run: i64, last: i64) -> Result<(u64, String), StateError> {
    let mut hash = Sha256::new();
    feed(&mut hash, b"opsc.audit.evidence/1");
    let mut statement = connection.prepare_cached(query)?;
    let columns = statement.column_count();
    let mut rows = statement.query([run, last])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        for column in 0..columns {
            match row.get_ref(column)? {
                ValueRef::Null => feed(&mut hash, b"null"),
                ValueRef::Integer(number) => feed(&mut hash, format!("i{number}").as_bytes()),
                ValueRef::Real(number) => feed(&mut hash, format!("r{number}").as_bytes()),
                ValueRef::Text(text) => tagged(&mut hash, b"t", text),
                ValueRef::Blob(bytes) => tagged(&mut hash, b"b", bytes),
            }
        }
    }
    Ok((count, hex(&hash.finalize())))
}

fn tagged(hash: &mut Sha256, tag: &[u8], bytes: &[u8]) {
    feed(hash, tag);
    feed(hash, bytes);
}

/// The row of a run that ends.
pub(super) fn finished(
    connection: &Connection,
    run: i64,
    (status, exit, time): (&str, i32, u64),
) -> Result<Option<Entry>, StateError> {
    let query = "SELECT user, machine FROM runs WHERE id = ?1";
    let who = connection.query_row(query, [run], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((user, machine)) = who else { return Ok(None) };
    let last = "SELECT max(coalesce((SELECT max(id) FROM intents WHERE run = ?1), 0),
                           coalesce((SELECT max(id) FROM results WHERE run = ?1), 0))";
    let last = connection.query_row(last, [run], |row| row.get(0))?;
    let details = json!({ "status": status, "exit": exit, "evidence": evidence(connection, run, last)? });
    Ok(Some(Entry { kind: "run.finished", run: Some(run), by: By { user, machine, time }, details }))
}
