//! `opsc.event/1`: one JSON object per event, for NDJSON and the journal.

use serde_json::{Map, Value as Json, json};

use crate::run::event::{EventKind, Evidence, HostRecap, RunEvent};

/// One event as an object without line breaks.
pub fn event_json(event: &RunEvent, run: i64) -> Json {
    let mut object = Map::new();
    object.insert("schema".to_string(), json!("opsc.event/1"));
    object.insert("seq".to_string(), json!(event.seq));
    object.insert("time".to_string(), json!(event.time));
    object.insert("run".to_string(), json!(run));
    if event.simulated {
        object.insert("simulated".to_string(), json!(true));
    }
    let (kind, details) = details(&event.kind);
    object.insert("kind".to_string(), json!(kind));
    if let Json::Object(details) = details {
        object.extend(details);
    }
    Json::Object(object)
}

fn details(kind: &EventKind) -> (&'static str, Json) {
    match kind {
        EventKind::RunStarted { run: _, playbook, digest, hosts, steps } => {
            ("run.started", json!({ "playbook": playbook, "digest": digest, "hosts": hosts, "steps": steps }))
        }
        EventKind::BlockStarted { block, hosts, batches } => {
            ("block.started", json!({ "block": block, "hosts": hosts, "batches": batches }))
        }
        EventKind::BatchStarted { block, batch, of, hosts } => {
            ("batch.started", json!({ "block": block, "batch": batch, "of": of, "hosts": hosts }))
        }
        EventKind::BatchFinished { block, batch } => ("batch.finished", json!({ "block": block, "batch": batch })),
        EventKind::HostStarted { block, host } => ("host.started", json!({ "block": block, "host": host })),
        EventKind::StepStarted { step, host, attempt } => {
            ("step.started", json!({ "step": step, "host": host, "attempt": attempt }))
        }
        EventKind::StepOutput { step, host, stream, text } => {
            ("step.output", json!({ "step": step, "host": host, "stream": stream.name(), "text": text }))
        }
        EventKind::StepRetried { step, host, attempt, error } => {
            ("step.retried", json!({ "step": step, "host": host, "attempt": attempt, "error": error }))
        }
        EventKind::StepFinished { step, host, attempt, outcome, error, evidence } => (
            "step.finished",
            json!({
                "step": step, "host": host, "attempt": attempt, "outcome": outcome.name(),
                "changed": outcome.name() == "changed", "error": error, "evidence": evidence_json(evidence),
            }),
        ),
        EventKind::HostFinished { block, host, outcome } => {
            ("host.finished", json!({ "block": block, "host": host, "outcome": outcome.name() }))
        }
        EventKind::ThresholdReached { block, failures, max_failures, not_started } => (
            "threshold.reached",
            json!({ "block": block, "failures": failures, "max_failures": max_failures, "not_started": not_started }),
        ),
        EventKind::HostsNotStarted { block, hosts, reason } => {
            ("hosts.not_started", json!({ "block": block, "hosts": hosts, "reason": reason.name() }))
        }
        EventKind::RollbackStarted { block, host, steps } => {
            ("rollback.started", json!({ "block": block, "host": host, "steps": steps }))
        }
        EventKind::RollbackFinished { block, host, clean, left } => {
            ("rollback.finished", json!({ "block": block, "host": host, "clean": clean, "left": left }))
        }
        EventKind::ApprovalRequested { gate, batch, by, message, within, differs } => (
            "approval.requested",
            json!({ "gate": gate, "batch": batch, "by": by, "message": message, "within": within, "differs": differs }),
        ),
        EventKind::ApprovalUsed { gate, batch, by, user, run: of } => {
            ("approval.used", json!({ "gate": gate, "batch": batch, "by": by, "user": user, "asked_in": of }))
        }
        EventKind::CircuitChanged { name, is_group, state, since, until, error } => (
            "circuit.changed",
            json!({
                "name": name, "of": if *is_group { "group" } else { "host" }, "state": state, "since": since,
                "until": until, "error": error,
            }),
        ),
        EventKind::StopRequested { level } => ("stop.requested", json!({ "level": level })),
        EventKind::RunFinished { exit, status, elapsed_ms, hosts } => (
            "run.finished",
            json!({
                "exit": exit, "status": status, "elapsed_ms": elapsed_ms,
                "hosts": hosts.iter().map(recap_json).collect::<Vec<_>>(),
            }),
        ),
    }
}

fn evidence_json(evidence: &Evidence) -> Json {
    let fields = |fields: &[(String, String)]| {
        fields.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<String, Json>>()
    };
    json!({
        "code": evidence.code,
        "before": fields(&evidence.before),
        "apply": fields(&evidence.apply),
        "after": fields(&evidence.after),
        "output_sha256": evidence.output_sha256,
        "output_bytes": evidence.output_bytes,
        "elapsed_ms": evidence.elapsed_ms,
        "user": evidence.user,
        "ran_at": evidence.ran_at,
        "done_in": evidence.done_in,
    })
}

fn recap_json(recap: &HostRecap) -> Json {
    json!({
        "host": recap.host, "ok": recap.ok, "changed": recap.changed, "unreachable": recap.unreachable,
        "failed": recap.failed, "skipped": recap.skipped, "rolled_back": recap.rolled_back,
    })
}
