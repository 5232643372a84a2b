//! Locks of hosts: one changing run at a time. A lock is its run's until the run ends, or its process is surely gone.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::read;
use super::records::{Lock, RunSummary, StateError};

/// All of these hosts, or the first that another run holds.
pub(super) fn take(transaction: &Transaction<'_>, run: i64, hosts: &[String], time: i64) -> Result<(), StateError> {
    for host in hosts {
        if let Some(holder) = holder(transaction, host)?.filter(|holder| holder.id != run)
            && !is_over(&holder)
        {
            return Err(StateError::Locked { host: host.clone(), holder: Box::new(holder) });
        }
        let query = "INSERT INTO locks (host, run, since) VALUES (?1, ?2, ?3)
                     ON CONFLICT (host) DO UPDATE SET run = ?2, since = ?3";
        transaction.prepare_cached(query)?.execute(params![host, run, time])?;
    }
    Ok(())
}

pub(super) fn is_over(holder: &RunSummary) -> bool {
    holder.status.is_some() || holder.record.is_gone()
}

fn holder(connection: &Connection, host: &str) -> Result<Option<RunSummary>, StateError> {
    let mut query = connection.prepare_cached("SELECT run FROM locks WHERE host = ?1")?;
    let Some(run) = query.query_row([host], |row| row.get::<_, i64>(0)).optional()? else { return Ok(None) };
    read::run_summary(connection, run)
}

pub(super) fn release(transaction: &Transaction<'_>, run: i64) -> Result<(), StateError> {
    transaction.prepare_cached("DELETE FROM locks WHERE run = ?1")?.execute([run])?;
    Ok(())
}

pub(super) fn remove(transaction: &Transaction<'_>, host: &str) -> Result<(), StateError> {
    transaction.prepare_cached("DELETE FROM locks WHERE host = ?1")?.execute([host])?;
    Ok(())
}

/// By host.
pub(super) fn all(connection: &Connection) -> Result<Vec<Lock>, StateError> {
    let mut statement = connection.prepare("SELECT host, run, since FROM locks ORDER BY host")?;
    let rows =
        statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))?;
    let mut locks = Vec::new();
    for row in rows {
        let (host, run, since) = row?;
        if let Some(holder) = read::run_summary(connection, run)? {
            locks.push(Lock { host, holder, since: u64::try_from(since).unwrap_or(0) });
        }
    }
    Ok(locks)
}
