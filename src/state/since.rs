//! What runs after a run did on the same hosts.

use rusqlite::Connection;

use super::records::StateError;

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
