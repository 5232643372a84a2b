//! What runs did to hosts in the order of the runs: what came after a run, and which hosts a run left unfinished.

use rusqlite::Connection;

use super::read;
use super::records::{RunSummary, StateError};

/// A later run that changed a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LaterChange {
    pub run: i64,
    pub playbook: String,
    pub host: String,
}

/// By run, then by host.
pub(super) fn later_changes(connection: &Connection, run: i64) -> Result<Vec<LaterChange>, StateError> {
    let mut query = connection.prepare(
        "SELECT DISTINCT runs.id, runs.playbook, intents.host FROM intents JOIN runs ON runs.id = intents.run
        WHERE intents.run > ?1 AND intents.phase = 'apply' ORDER BY runs.id, intents.host",
    )?;
    let rows =
        query.query_map([run], |row| Ok(LaterChange { run: row.get(0)?, playbook: row.get(1)?, host: row.get(2)? }))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A run that died or is dirty, that nobody went on with, and the hosts that no later run changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfinished {
    pub run: RunSummary,
    /// In the order of their names.
    pub hosts: Vec<String>,
}

/// So many runs are looked at for what they owe.
const MOST_OWING: usize = 20;

/// Runs of a playbook that did not come to a good end, and that nobody went on with, the newest first.
pub(super) fn not_done(connection: &Connection, playbook: &str) -> Result<Vec<RunSummary>, StateError> {
    let query = format!(
        "{} WHERE playbook = ?1 AND exit_code IS NOT 0 AND status IS NOT 'waiting'
        AND id NOT IN (SELECT goes_on_with FROM runs WHERE goes_on_with IS NOT NULL) ORDER BY id DESC LIMIT {MOST_OWING}",
        read::RUN
    );
    let mut statement = connection.prepare(&query)?;
    let runs = statement.query_map([playbook], read::summary)?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(runs.into_iter().filter(RunSummary::is_over).collect())
}

/// Whether a later run of the same playbook did that.
pub(super) fn was_done_later(connection: &Connection, run: i64, step: &str, host: &str) -> Result<bool, StateError> {
    let query = "SELECT EXISTS (SELECT 1 FROM results JOIN runs ON runs.id = results.run
                 WHERE results.run > ?1 AND playbook = (SELECT playbook FROM runs WHERE id = ?1) AND step = ?2
                 AND host = ?3 AND phase = 'apply' AND outcome IN ('ok', 'changed', 'said_done'))";
    Ok(connection.prepare_cached(query)?.query_row(rusqlite::params![run, step, host], |row| row.get(0))?)
}

/// The oldest first.
pub(super) fn unfinished(connection: &Connection) -> Result<Vec<Unfinished>, StateError> {
    let mut runs = connection.prepare(
        "SELECT id FROM runs WHERE (status IS NULL OR status = 'dirty')
        AND id NOT IN (SELECT goes_on_with FROM runs WHERE goes_on_with IS NOT NULL) ORDER BY id",
    )?;
    let mut hosts = connection.prepare(
        "SELECT DISTINCT host FROM intents WHERE run = ?1
        AND NOT EXISTS (SELECT 1 FROM intents AS later WHERE later.run > ?1 AND later.host = intents.host) ORDER BY host",
    )?;
    let ids = runs.query_map([], |row| row.get::<_, i64>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut found = Vec::new();
    for id in ids {
        let left = hosts.query_map([id], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
        if let Some(run) = read::run_summary(connection, id)?
            && !left.is_empty()
            && run.is_over()
        {
            found.push(Unfinished { run, hosts: left });
        }
    }
    Ok(found)
}
