//! `opsc.runs/1` and `opsc.run/1`: runs for programs.

use serde_json::{Value as Json, json};

use super::approval_text::approval_json;
use super::left::Rest;
use super::link::{Link, link};
use super::not_started::NotStarted;
use super::run_text::status;
use crate::state::{RunDetails, RunSummary, StepState};

/// `alive` says of each run whether its process is still there.
pub fn runs_json(runs: &[(RunSummary, bool)]) -> Json {
    let runs: Vec<Json> = runs.iter().map(|(run, alive)| summary_json(run, *alive)).collect();
    json!({ "schema": "opsc.runs/1", "runs": runs })
}

pub fn run_json(details: &RunDetails, alive: bool, rest: &Rest) -> Json {
    let mut json = summary_json(&details.summary, alive);
    if let Json::Object(object) = &mut json {
        object.insert("schema".to_string(), json!("opsc.run/1"));
        object.insert("steps".to_string(), details.steps.iter().map(step_json).collect());
        let left = rest.left.iter().map(|left| json!({ "host": left.host, "steps": left.steps }));
        object.insert("gone_on_by".to_string(), json!(details.gone_on_by));
        object.insert("approvals".to_string(), details.approvals.iter().map(approval_json).collect());
        object.insert("left".to_string(), left.collect());
        object.insert("not_started".to_string(), rest.not_started.iter().map(not_started_json).collect());
    }
    json
}

fn summary_json(run: &RunSummary, alive: bool) -> Json {
    let record = &run.record;
    json!({
        "run": run.id, "status": status(run, alive), "exit": run.exit, "playbook": record.playbook, "file": record.path,
        "digest": record.digest, "source_sha256": record.source_sha256, "commit": record.commit, "dirty": record.dirty,
        "user": record.user, "machine": record.machine, "started": record.started, "finished": run.finished,
        "goes_on_with": record.goes_on_with, "goes_back": matches!(link(record), Some(Link::GoesBack(_))),
        "again": match link(record) { Some(Link::Again(run)) => Some(run), _ => None },
    })
}

fn not_started_json(left_out: &NotStarted) -> Json {
    json!({ "block": left_out.block, "hosts": left_out.hosts, "reason": left_out.reason })
}

fn step_json(step: &StepState) -> Json {
    let parsed = |text: &str| serde_json::from_str::<Json>(text).unwrap_or(Json::Null);
    let result = step.result.as_ref().map(|result| {
        json!({
            "outcome": result.outcome, "changed": result.changed, "code": result.code, "error": result.error,
            "before": parsed(&result.before_json), "apply": parsed(&result.apply_json), "after": parsed(&result.after_json),
            "output_sha256": result.output_sha256, "time": result.time,
        })
    });
    json!({
        "step": step.step, "host": step.host, "attempt": step.attempt, "phase": step.phase,
        "intended": step.intended, "result": result,
    })
}
