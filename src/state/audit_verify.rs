//! Holds the audit against itself and against the rows that it speaks of, and names the row where something was changed,
//! removed, inserted or moved.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde_json::Value as Json;

use super::approvals;
use super::audit::{AuditRow, By, Entry, Head, head, origin, rows};
use super::evidence::evidence;
use super::promises::{Fault, Finding};
use super::records::StateError;

/// What came of a look at the audit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    pub rows: usize,
    /// To be kept elsewhere, and held against a later journal.
    pub head: Head,
    pub findings: Vec<Finding>,
}

fn finding(row: i64, run: Option<i64>, message: String) -> Finding {
    Finding { fault: Fault::Audit, table: Some("audit".to_string()), row: Some(row.to_string()), run, message }
}

/// `kept`: the hash of a head that somebody kept.
pub(super) fn verify(connection: &Connection, kept: Option<&str>) -> Result<Verified, StateError> {
    let (chain, head) = head(connection)?;
    let rows = rows(connection)?;
    let mut findings = follow(&rows, origin(&chain));
    findings.extend(end(&rows, &head, &origin(&chain)));
    if let Some(kept) = kept
        && kept != origin(&chain)
        && !rows.iter().any(|row| row.hash == kept)
    {
        let message = "no row has the hash that was kept: rows up to it were changed, cut off, or written anew";
        findings.push(finding(head.number, None, message.to_string()));
    }
    findings.extend(runs(connection, &rows)?);
    findings.extend(answers(connection, &rows)?);
    Ok(Verified { rows: rows.len(), head, findings })
}

/// Each row follows the one before it.
fn follow(rows: &[AuditRow], origin: String) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut expected, mut previous) = (1, Some(origin));
    for row in rows {
        if row.number != expected {
            findings.push(finding(expected, None, missing(expected, row.number - 1)));
            previous = None;
        }
        if let Some(previous) = &previous
            && row.hash_after(previous) != row.hash
        {
            let before = match row.number {
                1 => "it is not as it was written, or of another journal".to_string(),
                number => format!("it does not follow row {}: it, or that one, is not as it was written", number - 1),
            };
            findings.push(finding(row.number, row.run, before));
        }
        expected = row.number + 1;
        previous = Some(row.hash.clone());
    }
    findings
}

fn missing(first: i64, last: i64) -> String {
    if first == last { "it is missing".to_string() } else { format!("rows {first} to {last} are missing") }
}

/// The last row is the one that the head was written with.
fn end(rows: &[AuditRow], head: &Head, origin: &str) -> Option<Finding> {
    let (number, hash) = rows.last().map_or((0, origin), |row| (row.number, row.hash.as_str()));
    if number < head.number {
        return Some(finding(number + 1, None, missing(number + 1, head.number)));
    }
    if number > head.number {
        return Some(finding(head.number + 1, None, "it was added behind the head".to_string()));
    }
    (hash != head.hash).then(|| finding(number, None, "it is not the row that the head was written with".to_string()))
}

/// What the journal has of its runs is what the audit says of them.
fn runs(connection: &Connection, rows: &[AuditRow]) -> Result<Vec<Finding>, StateError> {
    let of_kind = |kind: &str| -> BTreeMap<i64, &AuditRow> {
        rows.iter().filter(|row| row.kind == kind).filter_map(|row| Some((row.run?, row))).collect()
    };
    let (started, finished) = (of_kind("run.started"), of_kind("run.finished"));
    let query = "SELECT id, playbook, path, digest, source_sha256, user, machine, started, status, exit_code, finished,
                 request, goes_on_with
                 FROM runs WHERE id > (SELECT runs_before FROM audit_head)";
    let mut statement = connection.prepare(query)?;
    let mut found = statement.query([])?;
    let mut findings = Vec::new();
    let mut there = Vec::new();
    while let Some(run) = found.next()? {
        let id: i64 = run.get(0)?;
        there.push(id);
        let text = |column: usize| run.get::<_, Option<String>>(column).map(Option::unwrap_or_default);
        let number = |column: usize| run.get::<_, Option<i64>>(column).map(|found| found.unwrap_or(-1));
        match started.get(&id) {
            None => findings.push(of_run(id, "the audit does not say that it started")),
            Some(row) => {
                let said = details(row);
                let words =
                    [("playbook", text(1)?), ("path", text(2)?), ("plan", text(3)?), ("source_sha256", text(4)?)];
                let same =
                    words.iter().all(|(name, word)| said.get(*name).and_then(Json::as_str) == Some(word.as_str()));
                let asked = [
                    ("request", run.get::<_, Option<String>>(11)?.map(Json::from)),
                    ("goes_on_with", run.get::<_, Option<i64>>(12)?.map(Json::from)),
                ];
                // Rows of older versions do not say it.
                let same = same
                    && asked.into_iter().all(|(name, value)| {
                        said.get(name).is_none_or(|written| *written == value.unwrap_or_default())
                    });
                let who = (row.user.clone(), row.machine.clone(), i64::try_from(row.time).unwrap_or(0));
                if !same || who != (text(5)?, text(6)?, number(7)?) {
                    findings
                        .push(of_run(id, &format!("it is not the run that row {} of the audit started", row.number)));
                }
            }
        }
        match finished.get(&id) {
            None if run.get::<_, Option<String>>(8)?.is_some() => {
                findings.push(of_run(id, "the audit does not say that it ended"));
            }
            None => {}
            Some(row) => {
                let said = details(row);
                let end = (
                    said.get("status").and_then(Json::as_str).map(str::to_string),
                    said.get("exit").and_then(Json::as_i64),
                    i64::try_from(row.time).ok(),
                );
                if end != (Some(text(8)?), Some(number(9)?), Some(number(10)?)) {
                    findings.push(of_run(id, &format!("it did not end as row {} of the audit says", row.number)));
                }
                findings.extend(changed_records(connection, id, row, &said, rows)?);
            }
        }
    }
    let gone = started.iter().filter(|(run, _)| !there.contains(run));
    findings.extend(gone.map(|(run, row)| finding(row.number, Some(*run), format!("run {run} is not in the journal"))));
    Ok(findings)
}

/// What the journal has of answers to approvals is what the audit says of them.
fn answers(connection: &Connection, rows: &[AuditRow]) -> Result<Vec<Finding>, StateError> {
    let before: i64 = connection.query_row("SELECT runs_before FROM audit_head", [], |row| row.get(0))?;
    let Some(answers) = approvals::since(connection, before)? else { return Ok(Vec::new()) };
    let mut said: Vec<&AuditRow> = rows.iter().filter(|row| row.kind.starts_with("approval.")).collect();
    let mut findings = Vec::new();
    for approval in answers {
        let Some(verdict) = &approval.verdict else { continue };
        let entry = approvals::answered(&approval, verdict);
        match said.iter().position(|row| says(row, &entry)) {
            Some(at) => drop(said.swap_remove(at)),
            None => {
                let (table, row) = (Some("approvals".to_string()), Some(approval.id.to_string()));
                let message = "no row of the audit says that this was answered so".to_string();
                findings.push(Finding { fault: Fault::Audit, table, row, run: Some(approval.run), message });
            }
        }
    }
    let gone = |row: &AuditRow| finding(row.number, row.run, "the journal has no such answer".to_string());
    findings.extend(said.into_iter().map(gone));
    Ok(findings)
}

fn says(row: &AuditRow, entry: &Entry) -> bool {
    let By { user, machine, time } = &entry.by;
    (row.kind.as_str(), row.run, &row.user, &row.machine, &row.time) == (entry.kind, entry.run, user, machine, time)
        && details(row) == entry.details
}

fn of_run(run: i64, message: &str) -> Finding {
    let row = Some(run.to_string());
    Finding { fault: Fault::Audit, table: Some("runs".to_string()), row, run: Some(run), message: message.to_string() }
}

/// Of a row that is no JSON its hash tells; here it just says nothing.
fn details(row: &AuditRow) -> Json {
    serde_json::from_str(&row.details).unwrap_or_default()
}

/// Intents, results and events of a run are those that were there when it ended, but for what people said later.
fn changed_records(
    connection: &Connection,
    run: i64,
    row: &AuditRow,
    said: &Json,
    rows: &[AuditRow],
) -> Result<Vec<Finding>, StateError> {
    let then = said.get("evidence").cloned().unwrap_or_default();
    let last = then.get("last").and_then(Json::as_i64).unwrap_or(0);
    let now = evidence(connection, run, last)?;
    let mut findings = Vec::new();
    for table in ["intents", "results", "events"] {
        let digest = format!("{table}_sha256");
        if now.get(table) != then.get(table) || now.get(&digest) != then.get(&digest) {
            let [then, now] = [&then, &now].map(|some| some.get(table).cloned().unwrap_or_default());
            let message = format!(
                "they are not those of which row {} of the audit has the hash ({then} then, {now} now)",
                row.number
            );
            let table = Some(table.to_string());
            findings.push(Finding { fault: Fault::Audit, table, row: None, run: Some(run), message });
        }
    }
    let query = "SELECT (SELECT count(*) FROM results WHERE run = ?1 AND id > ?2) +
                        (SELECT count(*) FROM intents WHERE run = ?1 AND id > ?2)";
    let later: i64 = connection.query_row(query, [run, last], |row| row.get(0))?;
    let resolved = rows.iter().filter(|row| row.kind == "run.resolved" && row.run == Some(run));
    let resolved = resolved.filter(|resolved| resolved.number > row.number).count();
    if usize::try_from(later) != Ok(resolved) {
        findings.push(of_run(run, "it has records of after its end that nobody is said to have written"));
    }
    Ok(findings)
}
