//! One run as text for people, and one line a run for lists.

use super::approval_text::{approval_short, approval_text};
use super::left::{Left, Rest};
use super::link::{link, link_text};
use super::paint::harmless;
use crate::base::words;
use crate::state::{Approval, RunDetails, RunSummary, StepState};

/// What became of a run; a killed process leaves one without an end.
pub fn status(run: &RunSummary, alive: bool) -> &str {
    match &run.status {
        Some(status) => status,
        None if alive => "running",
        None => "interrupted",
    }
}

/// `    3  done         exit 0    2026-11-21T05:45:23Z  root  deploy`. Of a run that waits, for whom or what.
pub fn run_line(run: &RunSummary, alive: bool, approval: Option<&Approval>) -> String {
    let waits = approval.map(|approval| format!("  {}", approval_short(approval)));
    let link = link(&run.record).map(|link| format!("  {}", link_text(link)));
    let exit = run.exit.map_or("-".to_string(), |exit| exit.to_string());
    let record = &run.record;
    format!(
        "{:>5}  {:<12} exit {exit:<4} {}  {}  {}{}{}\n",
        run.id,
        status(run, alive),
        time_text(record.started),
        record.user,
        record.playbook,
        link.unwrap_or_default(),
        waits.unwrap_or_default()
    )
}

/// A time in milliseconds since 1970 in the form of RFC 3339, UTC.
pub fn time_text(milliseconds: u64) -> String {
    let seconds = i64::try_from(milliseconds / 1000).unwrap_or(0);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "-".to_string(), |time| time.to_string())
}

pub fn run_text(details: &RunDetails, alive: bool, rest: &Rest) -> String {
    let summary = &details.summary;
    let record = &summary.record;
    let mut text = format!("run {}: {} ({})\n", summary.id, record.playbook, status(summary, alive));
    text.push_str(&format!("  file    {} (sha256 {})\n", record.path, short(&record.source_sha256)));
    text.push_str(&format!("  plan    {}\n", record.digest));
    if let Some(commit) = &record.commit {
        let dirty = if record.dirty == Some(true) { ", with uncommitted changes" } else { "" };
        text.push_str(&format!("  commit  {}{dirty}\n", short(commit)));
    }
    text.push_str(&format!("  by      {} on {}, {}\n", record.user, record.machine, time_text(record.started)));
    if let Some(link) = link(record) {
        text.push_str(&format!("  {}\n", link_text(link)));
    }
    if let (Some(exit), Some(finished)) = (summary.exit, summary.finished) {
        text.push_str(&format!(
            "  ended   exit {exit} after {}\n",
            words::duration(finished.saturating_sub(record.started))
        ));
    }
    for step in &details.steps {
        text.push_str(&step_text(step));
    }
    for approval in &details.approvals {
        text.push_str(&approval_text(approval, details.gone_on_by));
    }
    for left_out in &rest.not_started {
        text.push_str(&format!("\n{}\n", left_out.text()));
    }
    for Left { host, steps } in &rest.left {
        text.push_str(&format!("\n{host} is NOT as it was before: {} not undone\n", words::join_and(steps)));
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

/// Enough of a hash to recognise it.
pub fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
