//! Approvals that runs came to, what people said of them, and which run went on with that.

use rusqlite::{Connection, Row, Transaction, params};
use serde_json::json;

use super::audit::{self, By, Entry};
use super::journal::Journal;
use super::records::StateError;

/// A run came to an approval that nobody had given: what was asked, and what was said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approval {
    /// Given by the journal.
    pub id: i64,
    pub run: i64,
    /// `approve#1`.
    pub gate: String,
    /// From 1, for an approval after each batch.
    pub batch: Option<usize>,
    /// Who may answer, by name.
    pub by: Vec<String>,
    pub message: String,
    /// The sets of hosts behind it that are known by then, a line each.
    pub hosts: Vec<String>,
    /// Of everything that is approved.
    pub digest: String,
    /// Milliseconds since 1970, UTC.
    pub asked: u64,
    /// An approval counts until then.
    pub until: Option<u64>,
    pub verdict: Option<Verdict>,
    /// The run that went on past it.
    pub used: Option<i64>,
}

/// What somebody said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    pub approved: bool,
    /// The name out of `by` that it was said as.
    pub name: String,
    pub user: String,
    pub machine: String,
    pub time: u64,
    /// Absent where nobody signed it.
    pub signed: Option<Signed>,
}

/// A signature, as text, and the key that it holds for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    pub key: String,
    pub signature: String,
    /// Somebody looked, and it is of what is written here.
    pub holds: bool,
}

impl Approval {
    pub fn is_late(&self, now: u64) -> bool {
        self.until.is_some_and(|until| now > until)
    }

    pub fn is_given(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.approved)
    }
}

pub(super) enum Change {
    Ask(Box<Approval>),
    Say { id: i64, verdict: Verdict },
    Use { id: i64, run: i64 },
}

impl Journal {
    pub fn ask(&self, approval: &Approval) -> Result<(), StateError> {
        self.approval(Change::Ask(Box::new(approval.clone())))
    }

    /// Once: of two who answer at the same time, the second one is refused.
    pub fn say(&self, id: i64, verdict: &Verdict) -> Result<(), StateError> {
        self.approval(Change::Say { id, verdict: verdict.clone() })
    }

    pub fn use_approval(&self, id: i64, run: i64) -> Result<(), StateError> {
        self.approval(Change::Use { id, run })
    }

    /// Those that a run came to, in order.
    pub fn approvals(&self, run: i64) -> Result<Vec<Approval>, StateError> {
        of_run(&self.reader()?, run)
    }
}

pub(super) fn apply(transaction: &Transaction<'_>, change: &Change) -> Result<(), StateError> {
    match change {
        Change::Ask(asked) => {
            transaction
                .prepare_cached(
                    "INSERT INTO approvals (run, gate, batch, names, message, hosts, digest, asked, until)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?
                .execute(params![
                    asked.run,
                    asked.gate,
                    asked.batch.map(|batch| signed(batch as u64)),
                    listed(&asked.by),
                    asked.message,
                    listed(&asked.hosts),
                    asked.digest,
                    signed(asked.asked),
                    asked.until.map(signed)
                ])?;
        }
        Change::Say { id, verdict } => {
            let said = transaction
                .prepare_cached(
                    "UPDATE approvals SET approved = ?2, said_as = ?3, user = ?4, machine = ?5, said = ?6, key = ?7,
                     signature = ?8 WHERE id = ?1 AND approved IS NULL",
                )?
                .execute(params![
                    id,
                    verdict.approved,
                    verdict.name,
                    verdict.user,
                    verdict.machine,
                    signed(verdict.time),
                    verdict.signed.as_ref().map(|signed| &signed.key),
                    verdict.signed.as_ref().map(|signed| &signed.signature)
                ])?;
            if said == 0 {
                return Err(StateError::Said);
            }
            let asked = transaction.query_row(&format!("{APPROVAL} WHERE id = ?1"), [id], approval)?;
            audit::append(transaction, &answered(&asked, verdict))?;
        }
        Change::Use { id, run } => {
            let query = "UPDATE approvals SET used = ?2 WHERE id = ?1 AND used IS NULL";
            transaction.prepare_cached(query)?.execute(params![id, run])?;
        }
    }
    Ok(())
}

/// The audit's row of an answer: what was asked, of which plan and hosts, and as whom it was answered.
pub(super) fn answered(asked: &Approval, verdict: &Verdict) -> Entry {
    let mut details = json!({
        "gate": asked.gate,
        "batch": asked.batch,
        "as": verdict.name,
        "message": asked.message,
        "hosts": asked.hosts,
        "digest": asked.digest,
    });
    if let Some(Signed { key, signature, .. }) = &verdict.signed {
        let all = [("asked", json!(asked.asked)), ("until", json!(asked.until)), ("key", json!(key))];
        let fields = all.into_iter().chain([("signature", json!(signature))]);
        details.as_object_mut().into_iter().for_each(|details| {
            details.extend(fields.clone().map(|(name, value)| (name.to_string(), value)));
        });
    }
    let Verdict { user, machine, time, .. } = verdict.clone();
    let kind = if verdict.approved { "approval.approved" } else { "approval.rejected" };
    Entry { kind, run: Some(asked.run), by: By { user, machine, time }, details }
}

const APPROVAL: &str =
    "SELECT id, run, gate, batch, names, message, hosts, digest, asked, until, approved, said_as, user,
    machine, said, used, key, signature FROM approvals";

pub(super) fn of_run(connection: &Connection, run: i64) -> Result<Vec<Approval>, StateError> {
    let mut statement = connection.prepare(&format!("{APPROVAL} WHERE run = ?1 ORDER BY id"))?;
    let rows = statement.query_map([run], approval)?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

/// Those of runs after this one, in order; absent where the file has a format that could not keep signatures yet.
pub(super) fn since(connection: &Connection, run: i64) -> Result<Option<Vec<Approval>>, StateError> {
    let query = "SELECT count(*) FROM pragma_table_info('approvals') WHERE name = 'signature'";
    if connection.query_row(query, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(None);
    }
    let mut statement = connection.prepare(&format!("{APPROVAL} WHERE run > ?1 ORDER BY id"))?;
    let rows = statement.query_map([run], approval)?;
    Ok(Some(rows.collect::<Result<Vec<_>, _>>()?))
}

fn approval(row: &Row<'_>) -> rusqlite::Result<Approval> {
    let number = |index: usize| row.get::<_, Option<i64>>(index).map(|found| found.and_then(|n| u64::try_from(n).ok()));
    let signed = match (row.get::<_, Option<String>>(16)?, row.get::<_, Option<String>>(17)?) {
        (Some(key), Some(signature)) => Some(Signed { key, signature, holds: false }),
        _ => None,
    };
    let verdict = match row.get::<_, Option<bool>>(10)? {
        Some(approved) => Some(Verdict {
            approved,
            name: row.get(11)?,
            user: row.get(12)?,
            machine: row.get(13)?,
            time: number(14)?.unwrap_or(0),
            signed,
        }),
        None => None,
    };
    Ok(Approval {
        id: row.get(0)?,
        run: row.get(1)?,
        gate: row.get(2)?,
        batch: number(3)?.and_then(|batch| usize::try_from(batch).ok()),
        by: list(&row.get::<_, String>(4)?),
        message: row.get(5)?,
        hosts: list(&row.get::<_, String>(6)?),
        digest: row.get(7)?,
        asked: number(8)?.unwrap_or(0),
        until: number(9)?,
        verdict,
        used: row.get(15)?,
    })
}

/// Between texts of a list; none of them has it.
const SEPARATOR: &str = "\u{1f}";

fn listed(texts: &[String]) -> String {
    texts.join(SEPARATOR)
}

fn list(text: &str) -> Vec<String> {
    text.split(SEPARATOR).filter(|part| !part.is_empty()).map(str::to_string).collect()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
