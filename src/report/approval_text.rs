//! Approvals that a run came to, as text for people and as JSON.

use serde_json::{Value as Json, json};

use super::paint::harmless;
use super::run_text::time_text;
use crate::base::words;
use crate::state::Approval;

/// `approve#1`, or `approve#1 after batch 2`.
pub fn at_batch(gate: &str, batch: Option<usize>) -> String {
    batch.map_or_else(|| gate.to_string(), |batch| format!("{gate} after batch {batch}"))
}

/// The name that somebody answered as, and who that was.
pub fn as_whom(name: &str, user: &str) -> String {
    if name == user { name.to_string() } else { format!("{name} ({user})") }
}

/// `approved by dba (anna) at 2026-…`.
pub fn verdict_text(approval: &Approval) -> Option<String> {
    let verdict = approval.verdict.as_ref()?;
    let word = if verdict.approved { "approved" } else { "rejected" };
    let whom = harmless(&as_whom(&verdict.name, &verdict.user));
    Some(format!("{word} by {whom} at {}", time_text(verdict.time)))
}

/// Who is waited for, for what, and with which commands to answer.
pub fn approval_text(approval: &Approval) -> String {
    let Approval { run, by, message, .. } = approval;
    let gate = at_batch(&approval.gate, approval.batch);
    let until = approval.until.map(|until| format!(", until {}", time_text(until))).unwrap_or_default();
    let mut text = format!("\n{gate}: {}\n", harmless(message));
    for hosts in &approval.hosts {
        text.push_str(&format!("  {}\n", harmless(hosts)));
    }
    match (verdict_text(approval), approval.used) {
        (Some(verdict), Some(by)) => text.push_str(&format!("  {verdict}; run {by} went on\n")),
        (Some(verdict), None) => text.push_str(&format!("  {verdict}{until}\n")),
        (None, _) => {
            let by = harmless(&words::join_or(by));
            text.push_str(&format!("  waits for {by}{until}: `opsc approve {run}` or `opsc reject {run}`\n"));
        }
    }
    text
}

pub fn approval_json(approval: &Approval) -> Json {
    let verdict = approval.verdict.as_ref().map(|verdict| {
        json!({
            "approved": verdict.approved, "by": verdict.name, "user": verdict.user, "machine": verdict.machine,
            "time": verdict.time,
        })
    });
    json!({
        "gate": approval.gate, "batch": approval.batch, "by": approval.by, "message": approval.message,
        "hosts": approval.hosts, "digest": approval.digest, "asked": approval.asked, "until": approval.until,
        "verdict": verdict, "used_by": approval.used,
    })
}
