//! What the journal says, read back on a connection of its own.

use std::collections::{BTreeMap, VecDeque};

use rusqlite::{Connection, OptionalExtension, Row};

use super::approvals;
use super::receipt::Receipt;
use super::records::{
    Facts, Intent, Lease, Record, RunDetails, RunRecord, RunSummary, StateError, StepLog, StepResult, StepState,
};

pub(super) const RUN: &str =
    "SELECT id, playbook, path, digest, source_sha256, git_commit, dirty, user, machine, started, pid,
    pid_start, boot_id, status, exit_code, finished, request, goes_on_with, beat, until FROM runs";
const INTENT: &str =
    "SELECT run, step, host, attempt, phase, program_sha256, effect, kind, deadline_ms, time, before_json,
    receipt, id FROM intents";
const RESULT: &str =
    "SELECT run, step, host, attempt, phase, outcome, changed, code, before_json, apply_json, after_json,
    error, output_sha256, output, time, kept_json, id FROM results";

fn unsigned(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(index).map(|number| u64::try_from(number).unwrap_or(0))
}

fn optional_unsigned(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(index)?.map(|number| u64::try_from(number).unwrap_or(0)))
}

pub(super) fn summary(row: &Row<'_>) -> rusqlite::Result<RunSummary> {
    Ok(RunSummary {
        id: row.get(0)?,
        record: RunRecord {
            playbook: row.get(1)?,
            path: row.get(2)?,
            digest: row.get(3)?,
            source_sha256: row.get(4)?,
            commit: row.get(5)?,
            dirty: row.get(6)?,
            user: row.get(7)?,
            machine: row.get(8)?,
            started: unsigned(row, 9)?,
            pid: row.get(10)?,
            pid_start: optional_unsigned(row, 11)?,
            boot_id: row.get(12)?,
            request: row.get(16)?,
            goes_on_with: row.get(17)?,
        },
        status: row.get(13)?,
        exit: row.get(14)?,
        finished: optional_unsigned(row, 15)?,
        lease: match (optional_unsigned(row, 18)?, optional_unsigned(row, 19)?) {
            (Some(beat), Some(until)) => Some(Lease { beat, until }),
            _ => None,
        },
    })
}

fn intent(row: &Row<'_>) -> rusqlite::Result<Intent> {
    Ok(Intent {
        run: row.get(0)?,
        step: row.get(1)?,
        host: row.get(2)?,
        attempt: row.get(3)?,
        phase: row.get(4)?,
        program_sha256: row.get(5)?,
        effect: row.get(6)?,
        kind: row.get(7)?,
        deadline_ms: unsigned(row, 8)?,
        time: unsigned(row, 9)?,
        before_json: row.get(10)?,
        receipt: row.get::<_, Option<String>>(11)?.as_deref().and_then(Receipt::from_json),
    })
}

fn result(row: &Row<'_>) -> rusqlite::Result<StepResult> {
    Ok(StepResult {
        run: row.get(0)?,
        step: row.get(1)?,
        host: row.get(2)?,
        attempt: row.get(3)?,
        phase: row.get(4)?,
        outcome: row.get(5)?,
        changed: row.get(6)?,
        code: row.get(7)?,
        before_json: row.get(8)?,
        apply_json: row.get(9)?,
        after_json: row.get(10)?,
        error: row.get(11)?,
        output_sha256: row.get(12)?,
        output: row.get(13)?,
        time: unsigned(row, 14)?,
        kept_json: row.get(15)?,
    })
}

fn of_run<T>(
    connection: &Connection,
    query: &str,
    run: i64,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StateError> {
    Ok(numbered(connection, query, run, read)?.into_iter().map(|(_, row)| row).collect())
}

/// Rows with their place in the one count that intents and results share.
fn numbered<T>(
    connection: &Connection,
    query: &str,
    run: i64,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<(i64, T)>, StateError> {
    let mut statement = connection.prepare(&format!("{query} WHERE run = ?1 ORDER BY id"))?;
    let rows = statement.query_map([run], |row| Ok((row.get::<_, i64>("id")?, read(row)?)))?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

pub(super) fn runs(connection: &Connection, most: usize) -> Result<Vec<RunSummary>, StateError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut statement = connection.prepare(&format!("{RUN} ORDER BY id DESC LIMIT ?1"))?;
    let rows = statement.query_map([most], summary)?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

pub(super) fn run_summary(connection: &Connection, run: i64) -> Result<Option<RunSummary>, StateError> {
    Ok(connection.query_row(&format!("{RUN} WHERE id = ?1"), [run], summary).optional()?)
}

/// Runs without an end, newest first.
pub(super) fn unfinished(connection: &Connection) -> Result<Vec<RunSummary>, StateError> {
    let mut statement = connection.prepare(&format!("{RUN} WHERE status IS NULL ORDER BY id DESC"))?;
    let rows = statement.query_map([], summary)?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

/// The run that goes on with this one.
pub(super) fn gone_on_by(connection: &Connection, run: i64) -> Result<Option<i64>, StateError> {
    let query = "SELECT id FROM runs WHERE goes_on_with = ?1";
    Ok(connection.query_row(query, [run], |row| row.get(0)).optional()?)
}

pub(super) fn run(connection: &Connection, run: i64) -> Result<Option<RunDetails>, StateError> {
    let Some(found) = run_summary(connection, run)? else { return Ok(None) };
    let mut steps: Vec<StepState> = Vec::new();
    let mut open: Open = BTreeMap::new();
    for record in in_order(connection, run, RESULT)? {
        match record {
            Record::Intent(intent) => {
                let key = (intent.step.clone(), intent.host.clone(), intent.attempt, intent.phase.clone());
                open.entry(key).or_default().push_back(steps.len());
                steps.push(StepState {
                    step: intent.step,
                    host: intent.host,
                    attempt: intent.attempt,
                    phase: intent.phase,
                    intended: Some(intent.time),
                    result: None,
                });
            }
            Record::Result(result) => close(&mut steps, &mut open, result),
        }
    }
    let approvals = approvals::of_run(connection, run)?;
    let gone_on_by = gone_on_by(connection, run)?;
    Ok(Some(RunDetails { summary: found, steps, approvals, gone_on_by }))
}

/// Places of the intents that wait for a result, by step, host, attempt and phase.
type Open = BTreeMap<(String, String, u32, String), VecDeque<usize>>;

/// A result closes the first open intent of its attempt; reads have no intent.
fn close(steps: &mut Vec<StepState>, open: &mut Open, result: StepResult) {
    let key = (result.step.clone(), result.host.clone(), result.attempt, result.phase.clone());
    let place = open.get_mut(&key).and_then(VecDeque::pop_front);
    match place.and_then(|place| steps.get_mut(place)) {
        Some(state) => state.result = Some(result),
        None => steps.push(StepState {
            step: result.step.clone(),
            host: result.host.clone(),
            attempt: result.attempt,
            phase: result.phase.clone(),
            intended: None,
            result: Some(result),
        }),
    }
}

pub(super) fn facts(connection: &Connection) -> Result<BTreeMap<String, Facts>, StateError> {
    let mut query = connection.prepare("SELECT host, json, time FROM facts")?;
    let rows = query
        .query_map([], |row| Ok((row.get::<_, String>(0)?, Facts { json: row.get(1)?, time: unsigned(row, 2)? })))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn events(connection: &Connection, run: i64) -> Result<Vec<String>, StateError> {
    let mut statement = connection.prepare("SELECT json FROM events WHERE run = ?1 ORDER BY seq")?;
    let rows = statement.query_map([run], |row| row.get(0))?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

pub(super) fn logs(connection: &Connection, run: i64) -> Result<Vec<StepLog>, StateError> {
    let results = of_run(connection, RESULT, run, result)?;
    let log = |result: StepResult| StepLog {
        step: result.step,
        host: result.host,
        attempt: result.attempt,
        phase: result.phase,
        output: result.output,
    };
    Ok(results.into_iter().map(log).collect())
}

/// Outputs are left out: those of a large run are more than fits into memory.
pub(super) fn records(connection: &Connection, run: i64) -> Result<Vec<Record>, StateError> {
    in_order(connection, run, &RESULT.replace(" output,", " zeroblob(0),"))
}

fn in_order(connection: &Connection, run: i64, results: &str) -> Result<Vec<Record>, StateError> {
    let intents = numbered(connection, INTENT, run, intent)?;
    let results = numbered(connection, results, run, result)?;
    let mut all: Vec<(i64, Record)> = intents.into_iter().map(|(id, intent)| (id, Record::Intent(intent))).collect();
    all.extend(results.into_iter().map(|(id, result)| (id, Record::Result(result))));
    all.sort_by_key(|(id, _)| *id);
    Ok(all.into_iter().map(|(_, record)| record).collect())
}
