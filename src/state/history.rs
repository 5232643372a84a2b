//! What runs were like before, read back: those of one kind, their events from a place on, how fast they went, the end of
//! what failed steps printed. Nothing here writes.

use rusqlite::{Connection, Row, ToSql};

use super::journal::Journal;
use super::read::{RUN, summary};
use super::records::{RunSummary, StateError, StepLog};

/// Which runs are asked for; what is absent leaves none out.
#[derive(Clone, Default, Debug)]
pub struct RunFilter {
    pub playbook: Option<String>,
    /// It was among the run's hosts, or something was done on it.
    pub host: Option<String>,
    /// Started then or later: milliseconds since 1970, UTC.
    pub since: Option<u64>,
    /// Those that ended, and were not killed.
    pub finished: bool,
}

/// How a run went on: milliseconds since its start at which each step was over on a host, and at which all was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pace {
    pub steps: Vec<u64>,
    pub total: u64,
}

/// One event as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptEvent {
    pub seq: u64,
    pub json: String,
}

/// `seq` is 1 for the event that names the hosts; those that the run found itself are in the results.
const ON_HOST: &str = "(EXISTS (SELECT 1 FROM events, json_each(events.json, '$.hosts') WHERE events.run = runs.id
    AND events.seq = 1 AND json_each.value = ?) OR EXISTS (SELECT 1 FROM results WHERE results.run = runs.id AND results.host = ?))";

/// What kind an event is stands at its beginning; all of it need not be parsed.
const STEP_OVER: &str = "SELECT time FROM events WHERE run = ?1
    AND instr(substr(json, 1, 160), '\"kind\":\"step.finished\"') > 0 ORDER BY seq";

impl Journal {
    /// Newest first, at most so many of those that `keep` keeps.
    pub fn runs_like(
        &self,
        filter: &RunFilter,
        most: usize,
        keep: &dyn Fn(&RunSummary) -> bool,
    ) -> Result<Vec<RunSummary>, StateError> {
        let connection = self.reader()?;
        let (condition, values) = filter.condition();
        let mut statement = connection.prepare(&format!("{RUN} WHERE {condition} ORDER BY id DESC"))?;
        let values: Vec<&dyn ToSql> = values.iter().map(|value| &**value).collect();
        let rows = statement.query_map(values.as_slice(), summary)?;
        let mut runs = Vec::new();
        for run in rows {
            let run = run?;
            if keep(&run) {
                runs.push(run);
            }
            if runs.len() >= most {
                break;
            }
        }
        Ok(runs)
    }

    /// Names of playbooks that were run, in order.
    pub fn playbooks(&self) -> Result<Vec<String>, StateError> {
        let connection = self.reader()?;
        let mut statement = connection.prepare("SELECT DISTINCT playbook FROM runs ORDER BY playbook")?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<Result<Vec<_>, _>>()?)
    }

    /// Events behind a place, in order.
    pub fn events_after(&self, run: i64, seq: u64) -> Result<Vec<KeptEvent>, StateError> {
        let connection = self.reader()?;
        let mut statement =
            connection.prepare("SELECT seq, json FROM events WHERE run = ?1 AND seq > ?2 ORDER BY seq")?;
        let event =
            |row: &Row<'_>| Ok(KeptEvent { seq: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0), json: row.get(1)? });
        let rows = statement.query_map((run, i64::try_from(seq).unwrap_or(i64::MAX)), event)?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    }

    /// The last bytes that each failed attempt printed.
    pub fn ends_of_failed(&self, run: i64, most_bytes: u32) -> Result<Vec<StepLog>, StateError> {
        let connection = self.reader()?;
        let mut statement = connection.prepare(
            "SELECT step, host, attempt, phase, substr(output, max(1, length(output) - ?2 + 1)) FROM results
             WHERE run = ?1 AND error IS NOT NULL AND length(output) > 0 ORDER BY id",
        )?;
        let log = |row: &Row<'_>| {
            Ok(StepLog {
                step: row.get(0)?,
                host: row.get(1)?,
                attempt: row.get(2)?,
                phase: row.get(3)?,
                output: row.get(4)?,
            })
        };
        let rows = statement.query_map((run, most_bytes), log)?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    }

    /// Runs of a playbook that came to their end with exit 0, on as many hosts and with as many steps, newest first.
    pub fn paces(&self, playbook: &str, (hosts, steps): (usize, usize), most: usize) -> Result<Vec<Pace>, StateError> {
        let filter = RunFilter { playbook: Some(playbook.to_string()), finished: true, ..RunFilter::default() };
        let ended_well = |run: &RunSummary| run.exit == Some(0) && run.record.goes_on_with.is_none();
        let connection = self.reader()?;
        let mut paces = Vec::new();
        // Of runs that are of another size, no more than so many are looked at.
        for run in self.runs_like(&filter, most * 5, &ended_well)? {
            if paces.len() < most && size(&connection, run.id)? == Some((hosts, steps)) {
                paces.extend(pace(&connection, &run)?);
            }
        }
        Ok(paces)
    }
}

/// Hosts and steps of a run, as its first event has them.
fn size(connection: &Connection, run: i64) -> Result<Option<(usize, usize)>, StateError> {
    let mut statement = connection.prepare(
        "SELECT json_array_length(json, '$.hosts'), json_extract(json, '$.steps') FROM events
         WHERE run = ?1 AND seq = 1",
    )?;
    let number = |number: Option<i64>| number.and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
    let mut rows = statement.query_map([run], |row| Ok((number(row.get(0)?), number(row.get(1)?))))?;
    Ok(rows.next().transpose()?)
}

fn pace(connection: &Connection, run: &RunSummary) -> Result<Option<Pace>, StateError> {
    let Some(finished) = run.finished else { return Ok(None) };
    let started = run.record.started;
    let mut statement = connection.prepare(STEP_OVER)?;
    let since =
        |row: &Row<'_>| row.get::<_, i64>(0).map(|time| u64::try_from(time).unwrap_or(0).saturating_sub(started));
    let steps = statement.query_map([run.id], since)?.collect::<Result<Vec<_>, _>>()?;
    Ok(Some(Pace { steps, total: finished.saturating_sub(started) }))
}

impl RunFilter {
    fn condition(&self) -> (String, Vec<Box<dyn ToSql>>) {
        let mut conditions = vec!["1"];
        let mut values: Vec<Box<dyn ToSql>> = Vec::new();
        if let Some(playbook) = &self.playbook {
            conditions.push("playbook = ?");
            values.push(Box::new(playbook.clone()));
        }
        if let Some(host) = &self.host {
            conditions.push(ON_HOST);
            values.extend([Box::new(host.clone()) as Box<dyn ToSql>, Box::new(host.clone())]);
        }
        if let Some(since) = self.since {
            conditions.push("started >= ?");
            values.push(Box::new(i64::try_from(since).unwrap_or(i64::MAX)));
        }
        if self.finished {
            conditions.push("status IS NOT NULL");
        }
        (conditions.join(" AND "), values)
    }
}
