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
