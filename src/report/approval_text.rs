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
    let signed = match &verdict.signed {
        Some(signed) if signed.holds => ", signed,",
        Some(_) => ", but that is not what was signed,",
        None => "",
    };
    Some(format!("{word} by {whom}{signed} at {}", time_text(verdict.time)))
}

/// A message as it stands behind a colon: its later lines are set in, so that none looks like a line of opsc.
pub fn message_text(message: &str) -> String {
    harmless(message).lines().collect::<Vec<_>>().join("\n      ")
}

/// What was asked, what was said, and what there is to do; nothing where another run has gone on.
pub fn approval_text(approval: &Approval, gone_on_by: Option<i64>) -> String {
    let gate = at_batch(&approval.gate, approval.batch);
    let mut text = format!("\n{gate}: {}\n", message_text(&approval.message));
    for hosts in &approval.hosts {
        text.push_str(&format!("  {}\n", harmless(hosts)));
    }
    let may_go_on = gone_on_by.is_none() && approval.verdict.as_ref().is_none_or(|verdict| verdict.approved);
    let until = approval.until.filter(|_| may_go_on);
    let until = until.map(|until| format!(", until {}", time_text(until))).unwrap_or_default();
    let said =
        verdict_text(approval).unwrap_or_else(|| format!("asked of {}", harmless(&words::join_or(&approval.by))));
    let then = match gone_on_by {
        Some(run) => format!("; run {run} went on"),
        None => format!(": {}", commands(approval)),
    };
    text.push_str(&format!("  {said}{until}{then}\n"));
    text
}

/// `waits for dba: …`, `approved by dba: …`, for one line.
pub fn approval_short(approval: &Approval) -> String {
    let said = match &approval.verdict {
        None => format!("waits for {}", words::join_or(&approval.by)),
        Some(verdict) if verdict.approved => format!("approved by {}", as_whom(&verdict.name, &verdict.user)),
        Some(verdict) => format!("rejected by {}", as_whom(&verdict.name, &verdict.user)),
    };
    format!("{}: {}", harmless(&said), commands(approval))
}

fn commands(approval: &Approval) -> String {
    let run = approval.run;
    match &approval.verdict {
        None => format!("`opsc approve {run}` or `opsc reject {run}`"),
        Some(verdict) if verdict.approved => format!("`opsc resume {run}`"),
        Some(_) => format!("`opsc rollback {run}`"),
    }
}

pub fn approval_json(approval: &Approval) -> Json {
    let verdict = approval.verdict.as_ref().map(|verdict| {
        json!({
            "approved": verdict.approved, "by": verdict.name, "user": verdict.user, "machine": verdict.machine,
            "time": verdict.time, "key": verdict.signed.as_ref().filter(|signed| signed.holds).map(|signed| &signed.key),
            // False where what was signed is something else than what stands here.
            "signed": verdict.signed.as_ref().map(|signed| signed.holds),
        })
    });
    json!({
        "gate": approval.gate, "batch": approval.batch, "by": approval.by, "message": approval.message,
        "hosts": approval.hosts, "digest": approval.digest, "asked": approval.asked, "until": approval.until,
        "verdict": verdict, "used_by": approval.used,
    })
}
