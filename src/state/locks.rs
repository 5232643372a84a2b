//! Locks of hosts: one changing run at a time. A lock is its run's until the run ends, or is gone: its process is not there
//! any more, or nothing was heard of it until the end of its lease.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde_json::json;

use super::audit::{self, By, Entry};
use super::read;
use super::records::{Lock, RunRecord, RunSummary, StateError};

/// All of these hosts, or the first that another run holds.
pub(super) fn take(transaction: &Transaction<'_>, run: i64, hosts: &[String], time: i64) -> Result<(), StateError> {
    for host in hosts {
        if let Some(holder) = holder(transaction, host)?.filter(|holder| holder.id != run) {
            if !holder.is_over() {
                return Err(StateError::Locked { host: host.clone(), holder: Box::new(holder) });
            }
            if holder.is_unheard() {
                audit::append(transaction, &taken_over(transaction, run, (host, &holder), time)?)?;
            }
        }
        let query = "INSERT INTO locks (host, run, since) VALUES (?1, ?2, ?3)
                     ON CONFLICT (host) DO UPDATE SET run = ?2, since = ?3";
        transaction.prepare_cached(query)?.execute(params![host, run, time])?;
    }
    Ok(())
}

/// The audit's row of a lock that a run takes from one that nobody has heard of.
fn taken_over(
    connection: &Connection,
    run: i64,
    (host, holder): (&str, &RunSummary),
    time: i64,
) -> Result<Entry, StateError> {
    let record = read::run_summary(connection, run)?.map(|run| run.record).unwrap_or_default();
    let RunRecord { user, machine, .. } = record;
    let details = json!({
        "host": host,
        "from": holder.id,
        "user": holder.record.user,
        "machine": holder.record.machine,
        "beat": holder.lease.as_ref().map(|lease| lease.beat),
    });
    let by = By { user, machine, time: u64::try_from(time).unwrap_or(0) };
    Ok(Entry { kind: "lock.taken_over", run: Some(run), by, details })
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
