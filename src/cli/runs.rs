//! `opsc runs`, `opsc show` and `opsc logs`: what the journal says.

use serde_json::{Value as Json, json};

use super::args::{Format, Global, LogsCommand, RunsCommand, ShowCommand};
use super::output::Output;
use super::plan::open_workspace;
use crate::app::AppError;
use crate::app::execution::is_alive;
use crate::base::words;
use crate::report::paint::harmless;
use crate::state::{Journal, RunDetails, RunSummary, StateError, StepState};

fn open(global: &Global, output: &mut Output) -> Result<Journal, i32> {
    let workspace = open_workspace(global, output)?;
    Journal::open(&workspace.project.journal()).map_err(|error| broken(&error, output))
}

fn broken(error: &StateError, output: &mut Output) -> i32 {
    output.fail(&AppError::State { reason: error.to_string() }, None)
}

/// What became of a run; a killed process leaves one without an end.
fn status(run: &RunSummary) -> &str {
    match &run.status {
        Some(status) => status,
        None if is_alive(&run.record) => "running",
        None => "interrupted",
    }
}

pub fn run_list(command: &RunsCommand, global: &Global, output: &mut Output) -> i32 {
    let journal = match open(global, output) {
        Ok(journal) => journal,
        Err(code) => return code,
    };
    let runs = match journal.runs(command.most) {
        Ok(runs) => runs,
        Err(error) => return broken(&error, output),
    };
    if command.output == Format::Json {
        let runs: Vec<Json> = runs.iter().map(summary_json).collect();
        output.print(&format!("{:#}\n", json!({ "schema": "opsc.runs/1", "runs": runs })));
        return 0;
    }
    if runs.is_empty() {
        output.say("no run yet\n");
    }
    for run in &runs {
        let exit = run.exit.map_or("-".to_string(), |exit| exit.to_string());
        let record = &run.record;
        let started = time_text(record.started);
        output.print(&format!(
            "{:>5}  {:<12} exit {exit:<4} {started}  {}  {}\n",
            run.id,
            status(run),
            record.user,
            record.playbook
        ));
    }
    0
}

pub fn run_show(command: &ShowCommand, global: &Global, output: &mut Output) -> i32 {
    let journal = match open(global, output) {
        Ok(journal) => journal,
        Err(code) => return code,
    };
    let details = match journal.run(command.run) {
        Ok(Some(details)) => details,
        Ok(None) => return output.fail(&AppError::NoSuchRun { run: command.run.to_string() }, None),
        Err(error) => return broken(&error, output),
    };
    if command.output == Format::Json {
        let steps: Vec<Json> = details.steps.iter().map(step_json).collect();
        let mut json = summary_json(&details.summary);
        if let Json::Object(object) = &mut json {
            object.insert("schema".to_string(), json!("opsc.run/1"));
            object.insert("steps".to_string(), json!(steps));
        }
        output.print(&format!("{json:#}\n"));
        return 0;
    }
    output.print(&details_text(&details));
    0
}

pub fn run_logs(command: &LogsCommand, global: &Global, output: &mut Output) -> i32 {
    let journal = match open(global, output) {
        Ok(journal) => journal,
        Err(code) => return code,
    };
    let logs = match journal.logs(command.run) {
        Ok(logs) => logs,
        Err(error) => return broken(&error, output),
    };
    for log in logs.iter().filter(|log| command.step.as_ref().is_none_or(|step| *step == log.step)) {
        let text = harmless(&String::from_utf8_lossy(&log.output));
        output.print(&format!("== {} {} {} (attempt {})\n", log.host, log.step, log.phase, log.attempt));
        for line in text.lines() {
            output.print(&format!("{line}\n"));
        }
    }
    0
}

fn time_text(milliseconds: u64) -> String {
    let seconds = i64::try_from(milliseconds / 1000).unwrap_or(0);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "-".to_string(), |time| time.to_string())
}

fn details_text(details: &RunDetails) -> String {
    let summary = &details.summary;
    let record = &summary.record;
    let mut text = format!("run {}: {} ({})\n", summary.id, record.playbook, status(summary));
    text.push_str(&format!("  file    {} (sha256 {})\n", record.path, short(&record.source_sha256)));
    text.push_str(&format!("  plan    {}\n", record.digest));
    if let Some(commit) = &record.commit {
        let dirty = if record.dirty == Some(true) { ", with uncommitted changes" } else { "" };
        text.push_str(&format!("  commit  {}{dirty}\n", short(commit)));
    }
    text.push_str(&format!("  by      {} on {}, {}\n", record.user, record.machine, time_text(record.started)));
    if let (Some(exit), Some(finished)) = (summary.exit, summary.finished) {
        text.push_str(&format!(
            "  ended   exit {exit} after {}\n",
            words::duration(finished.saturating_sub(record.started))
        ));
    }
    for step in &details.steps {
        text.push_str(&step_text(step));
    }
    let open = details.steps.iter().filter(|step| step.is_open()).count();
    if open > 0 {
        let words = words::count(open, "step");
        text.push_str(&format!("\n{words} with an intent and no result: what happened on the host is not known\n"));
    }
    text
}

fn step_text(step: &StepState) -> String {
    let head = format!("  {} {} {}", step.host, step.step, step.phase);
    let Some(result) = &step.result else {
        return format!("{head}: intent recorded, no result\n");
    };
    let code = result.code.map(|code| format!(", exit {code}")).unwrap_or_default();
    let mut text = format!("{head}: {}{code}\n", result.outcome);
    for (label, json) in [("before", &result.before_json), ("after", &result.after_json)] {
        if json.len() > 2 {
            text.push_str(&format!("      {label} {}\n", harmless(json)));
        }
    }
    if let Some(sha256) = &result.output_sha256 {
        text.push_str(&format!("      output sha256 {}\n", short(sha256)));
    }
    for line in result.error.as_deref().map(harmless).unwrap_or_default().lines() {
        text.push_str(&format!("      {line}\n"));
    }
    text
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn summary_json(run: &RunSummary) -> Json {
    let record = &run.record;
    json!({
        "run": run.id, "status": status(run), "exit": run.exit, "playbook": record.playbook, "file": record.path,
        "digest": record.digest, "source_sha256": record.source_sha256, "commit": record.commit, "dirty": record.dirty,
        "user": record.user, "machine": record.machine, "started": record.started, "finished": run.finished,
    })
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
