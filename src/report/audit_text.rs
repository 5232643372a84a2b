//! The audit as lines, as JSON and for other programs to check; and what a look at its chain came to.

use serde_json::{Value as Json, json};

use super::paint::harmless;
use super::run_text::time_text;
use crate::base::words;
use crate::state::{AuditRow, Verified};

/// `   12  2026-01-02T03:04:05Z  ann@desk  run.started  run 3: deploy on web1 and web2`.
pub fn audit_line(row: &AuditRow) -> String {
    let run = row.run.map(|run| format!("  run {run}")).unwrap_or_default();
    let told = told(row).map(|told| format!(": {told}")).unwrap_or_default();
    let line =
        format!("{:>5}  {}  {}@{}  {}{run}{told}", row.number, time_text(row.time), row.user, row.machine, row.kind);
    format!("{}\n", harmless(&line))
}

/// What is worth a line of the details.
fn told(row: &AuditRow) -> Option<String> {
    let details = details(row);
    let text = |name: &str| details.get(name)?.as_str().map(str::to_string);
    let list = |name: &str| -> Vec<String> {
        let listed = details.get(name).and_then(Json::as_array);
        listed.into_iter().flatten().filter_map(Json::as_str).map(str::to_string).collect()
    };
    Some(match row.kind.as_str() {
        "run.started" => {
            let how = text("how").filter(|how| how != "run");
            let how = how
                .zip(details.get("goes_on_with").and_then(Json::as_i64))
                .map(|(how, run)| format!(" ({how} of run {run})"));
            format!("{} on {}{}", text("playbook")?, words::join_some(&list("hosts"), 5), how.unwrap_or_default())
        }
        "run.finished" => format!("{}, exit {}", text("status")?, details.get("exit")?),
        "run.resolved" => format!("{} on {}: {}", text("step")?, text("host")?, text("said")?),
        "secret.read" => list("names").join(", "),
        "secret.changed" => format!("{} {}", text("how")?, list("names").join(", ")),
        "run.cancelled" => text("how")?,
        "inventory.imported" => list("from").join(" "),
        "approval.approved" | "approval.rejected" => {
            let signed = if text("signature").is_some() { ", signed" } else { "" };
            format!("{} as {}{signed}: {}", text("gate")?, text("as")?, text("message")?)
        }
        "lock.broken" => text("host")?,
        "lock.taken_over" => format!("{} from run {}", text("host")?, details.get("from")?),
        "host_key.trusted" => format!("{} {} {}", text("host")?, text("kind")?, text("fingerprint")?),
        "inventory.changed" => {
            let files = details.get("files")?.as_array()?.iter();
            let files: Vec<&str> = files.filter_map(|file| file.get("file")?.as_str()).collect();
            let what: Vec<&str> = details.get("what")?.as_object()?.values().filter_map(Json::as_str).collect();
            format!("{} in {}", what.join(" "), files.join(", "))
        }
        "journal.restored" => text("file")?,
        _ => return None,
    })
}

/// What is no JSON any more was changed by somebody, and is shown as the text that it is.
fn details(row: &AuditRow) -> Json {
    serde_json::from_str(&row.details).unwrap_or_else(|_| Json::String(row.details.clone()))
}

/// One row, with what its hash is made of: one object a line.
pub fn audit_json(previous: &str, row: &AuditRow) -> Json {
    json!({
        "schema": "opsc.audit/1",
        "number": row.number,
        "time": row.time,
        "kind": row.kind,
        "run": row.run,
        "user": row.user,
        "machine": row.machine,
        "details": details(row),
        "previous": previous,
        "hash": row.hash,
    })
}

pub fn verified_text(verified: &Verified) -> String {
    let mut text: String =
        verified.findings.iter().map(|finding| format!("{}\n", harmless(&finding.to_string()))).collect();
    let rows = words::count(verified.rows, "row");
    let wrong = match verified.findings.len() {
        0 => "each follows from the one before it".to_string(),
        wrong => words::count(wrong, "finding"),
    };
    text.push_str(&format!("{rows}: {wrong}\nhead {}\n", verified.head.hash));
    text
}

/// What no look at this file alone can find.
pub const LIMIT: &str =
    "hint: whoever can write the file can write the whole chain anew; keep the head elsewhere, for `--head`\n";

pub fn verified_json(verified: &Verified) -> Json {
    let findings = verified.findings.iter().map(
        |finding| json!({ "table": finding.table, "row": finding.row, "run": finding.run, "message": finding.message }),
    );
    json!({
        "schema": "opsc.audit-verify/1",
        "rows": verified.rows,
        "head": { "number": verified.head.number, "hash": verified.head.hash },
        "findings": findings.collect::<Vec<_>>(),
    })
}
