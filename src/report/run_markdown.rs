//! One run as Markdown: for a pull request, a change record, an incident. Says only what the journal holds.

use std::collections::BTreeMap;

use super::approval_text::{at_batch, verdict_text};
use super::left::{Left, Rest};
use super::not_started::NotStarted;
use super::paint::harmless;
use super::run_text::{short, status, time_text};
use crate::base::words;
use crate::state::{Approval, RunDetails, StepResult, StepState};

/// More of an error than this belongs into `opsc logs`.
const MOST_ERROR_LINES: usize = 20;

pub fn run_markdown(details: &RunDetails, alive: bool, rest: &Rest) -> String {
    let sections = [
        head(details, alive),
        approvals(details),
        hosts(details),
        not_started(&rest.not_started),
        not_undone(&rest.left),
        steps(details),
        failures(details),
        open_steps(details),
    ];
    let written: Vec<String> = sections.into_iter().filter(|section| !section.is_empty()).collect();
    written.join("\n")
}

fn head(details: &RunDetails, alive: bool) -> String {
    let summary = &details.summary;
    let record = &summary.record;
    let exit = summary.exit.map_or(String::new(), |exit| format!(", exit {exit}"));
    let mut rows = vec![
        ("result", format!("**{}**{exit}", status(summary, alive))),
        ("file", format!("{} (sha256 {})", code(&record.path), code(short(&record.source_sha256)))),
        ("plan", code(&record.digest)),
        ("by", format!("{} on {}", cell(&record.user), cell(&record.machine))),
        ("started", time_text(record.started)),
    ];
    if let Some(finished) = summary.finished {
        rows.push(("took", words::duration(finished.saturating_sub(record.started))));
    }
    if let Some(commit) = &record.commit {
        let dirty = if record.dirty == Some(true) { ", with uncommitted changes" } else { "" };
        rows.push(("commit", format!("{}{dirty}", code(short(commit)))));
    }
    let rows: String = rows.iter().map(|(name, value)| format!("| {name} | {value} |\n")).collect();
    format!("# Run {}: {}\n\n| | |\n| --- | --- |\n{rows}", summary.id, cell(&record.playbook))
}

/// What was asked, and what was said, by whom and when.
fn approvals(details: &RunDetails) -> String {
    if details.approvals.is_empty() {
        return String::new();
    }
    let line = |approval: &Approval| {
        let verdict = verdict_text(approval).unwrap_or_else(|| format!("waits for {}", words::join_or(&approval.by)));
        let gate = at_batch(&approval.gate, approval.batch);
        format!("| {} | {} | {} |\n", cell(&gate), cell(&approval.message), cell(&verdict))
    };
    let lines: String = details.approvals.iter().map(line).collect();
    format!("## Approvals\n\n| approval | message | answer |\n| --- | --- | --- |\n{lines}")
}

/// How often each outcome came on each host, by the last attempt of each step and phase.
fn hosts(details: &RunDetails) -> String {
    let mut counts: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for step in last_attempts(details) {
        let outcome = step.result.as_ref().map_or("no result", |result| result.outcome.as_str());
        *counts.entry(&step.host).or_default().entry(outcome).or_default() += 1;
    }
    if counts.is_empty() {
        return String::new();
    }
    let line = |(host, outcomes): (&&str, &BTreeMap<&str, usize>)| {
        let outcomes: Vec<String> = outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        format!("| {} | {} |\n", cell(host), outcomes.join(", "))
    };
    let lines: String = counts.iter().map(line).collect();
    format!("## Hosts\n\n| host | steps |\n| --- | --- |\n{lines}")
}

fn not_started(left_out: &[NotStarted]) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let line = |left_out: &NotStarted| {
        let hosts: Vec<String> = left_out.hosts.iter().map(|host| cell(host)).collect();
        format!("- {}: {} ({})\n", cell(&left_out.block), hosts.join(", "), left_out.why)
    };
    let lines: String = left_out.iter().map(line).collect();
    format!("## Not started\n\n{lines}")
}

fn last_attempts(details: &RunDetails) -> Vec<&StepState> {
    let mut last: BTreeMap<(&str, &str, &str), &StepState> = BTreeMap::new();
    for step in &details.steps {
        last.insert((&step.host, &step.step, &step.phase), step);
    }
    last.into_values().collect()
}

fn steps(details: &RunDetails) -> String {
    if details.steps.is_empty() {
        return "No step was started.\n".to_string();
    }
    let line = |step: &StepState| {
        let result = step.result.as_ref();
        let outcome = result.map_or("intent recorded, no result", |result| result.outcome.as_str());
        let exit = result.and_then(|result| result.code).map_or(String::new(), |code| code.to_string());
        let evidence =
            result.and_then(|result| result.output_sha256.as_deref()).map_or(String::new(), |hash| code(short(hash)));
        let phase = &step.phase;
        format!(
            "| {} | {} | {phase} | {} | {outcome} | {exit} | {evidence} |\n",
            cell(&step.step),
            cell(&step.host),
            step.attempt
        )
    };
    let lines: String = details.steps.iter().map(line).collect();
    format!(
        "## Steps\n\n| step | host | phase | attempt | outcome | exit | output sha256 |\n| --- | --- | --- | --- | --- | --- | --- |\n{lines}"
    )
}

fn failures(details: &RunDetails) -> String {
    let failed = |step: &StepState| -> Option<String> {
        let error = step.result.as_ref().and_then(|result: &StepResult| result.error.as_deref())?;
        let error = harmless(error);
        let lines: Vec<String> = error.lines().take(MOST_ERROR_LINES).map(|line| format!("    {line}\n")).collect();
        Some(format!("### {} on {}, {}\n\n{}", cell(&step.step), cell(&step.host), step.phase, lines.concat()))
    };
    let failed: Vec<String> = details.steps.iter().filter_map(failed).collect();
    if failed.is_empty() { String::new() } else { format!("## Failures\n\n{}", failed.join("\n")) }
}

fn open_steps(details: &RunDetails) -> String {
    let open: Vec<&StepState> = details.steps.iter().filter(|step| step.is_open()).collect();
    if open.is_empty() {
        return String::new();
    }
    let lines: String = open.iter().map(|step| format!("- {} on {}\n", cell(&step.step), cell(&step.host))).collect();
    format!("## Not known\n\nThe intent is recorded and no result: what happened on the host is not known.\n\n{lines}")
}

fn not_undone(left: &[Left]) -> String {
    if left.is_empty() {
        return String::new();
    }
    let line = |left: &Left| {
        let steps: Vec<String> = left.steps.iter().map(|step| cell(step)).collect();
        format!("- {}: {}\n", cell(&left.host), steps.join(", "))
    };
    let lines: String = left.iter().map(line).collect();
    format!("## Not as before\n\nThese steps changed a host and were not undone.\n\n{lines}")
}

/// A text in a cell of a table: it may neither end the cell nor the line, nor be markup.
fn cell(text: &str) -> String {
    harmless(text)
        .chars()
        .flat_map(|letter| match letter {
            '\n' | '\t' => vec![' '],
            '|' | '*' | '_' | '`' | '<' | '[' | '\\' | '#' => vec!['\\', letter],
            other => vec![other],
        })
        .collect()
}

fn code(text: &str) -> String {
    format!("`{}`", harmless(text).replace(['`', '|', '\n', '\t'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_hosts_cannot_leave_their_cell() {
        assert_eq!(cell("a|b\n# <x>"), "a\\|b \\# \\<x>");
        assert_eq!(code("a`|b"), "`a  b`");
    }
}
