//! `opsc runs`, `opsc show`, `opsc report` and `opsc logs`: what the journal says.

use std::collections::BTreeSet;

use super::args::{Format, Global, LogsCommand, ReportCommand, ReportFormat, RunsCommand, ShowCommand};
use super::output::Output;
use super::plan::open_workspace;
use crate::app::AppError;
use crate::app::files::write_text;
use crate::base::words;
use crate::report;
use crate::report::left::{Left, left};
use crate::report::paint::harmless;
use crate::state::{Journal, RunDetails, RunSummary, StateError};

pub(super) fn open(global: &Global, output: &mut Output) -> Result<Journal, i32> {
    let workspace = open_workspace(global, output)?;
    Journal::open(&workspace.project.journal()).map_err(|error| broken(&error, output))
}

pub(super) fn broken(error: &StateError, output: &mut Output) -> i32 {
    output.fail(&AppError::State { reason: error.to_string() }, None)
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
    let runs: Vec<(RunSummary, bool)> = runs
        .into_iter()
        .map(|run| {
            let alive = run.record.is_alive();
            (run, alive)
        })
        .collect();
    if command.output == Format::Json {
        output.print(&format!("{:#}\n", report::run_json::runs_json(&runs)));
        return 0;
    }
    if runs.is_empty() {
        output.say("no run yet\n");
    }
    // Those that go on with others are newer, so they are all in the list.
    let gone_on: BTreeSet<i64> = runs.iter().filter_map(|(run, _)| run.record.goes_on_with).collect();
    for (run, alive) in &runs {
        let approvals = match run.status.as_deref() {
            Some("waiting") if !gone_on.contains(&run.id) => journal.approvals(run.id),
            _ => Ok(Vec::new()),
        };
        match approvals {
            Ok(approvals) => output.print(&report::run_text::run_line(run, *alive, approvals.last())),
            Err(error) => return broken(&error, output),
        }
    }
    0
}

pub fn run_show(command: &ShowCommand, global: &Global, output: &mut Output) -> i32 {
    let (details, alive, left) = match details(command.run, global, output) {
        Ok(found) => found,
        Err(code) => return code,
    };
    match command.output {
        Format::Json => output.print(&format!("{:#}\n", report::run_json::run_json(&details, alive, &left))),
        Format::Text => output.print(&report::run_text::run_text(&details, alive, &left)),
    }
    0
}

pub fn run_report(command: &ReportCommand, global: &Global, output: &mut Output) -> i32 {
    let (details, alive, left) = match details(command.run, global, output) {
        Ok(found) => found,
        Err(code) => return code,
    };
    let text = match command.output {
        ReportFormat::Json => format!("{:#}\n", report::run_json::run_json(&details, alive, &left)),
        ReportFormat::Markdown => report::run_markdown::run_markdown(&details, alive, &left),
    };
    let Some(path) = &command.save else {
        output.print(&text);
        return 0;
    };
    match write_text(path, &text) {
        Ok(()) => {
            output.say(&format!("wrote {}\n", path.display()));
            0
        }
        Err(error) => output.fail(&error, None),
    }
}

/// One run, whether its process is still there, and what it left changed.
fn details(run: i64, global: &Global, output: &mut Output) -> Result<(RunDetails, bool, Vec<Left>), i32> {
    let journal = open(global, output)?;
    match journal.run(run) {
        Ok(Some(details)) => {
            let alive = details.summary.record.is_alive();
            let events = journal.events(run).map_err(|error| broken(&error, output))?;
            Ok((details, alive, left(&events)))
        }
        Ok(None) => Err(output.fail(&AppError::NoSuchRun { run: run.to_string() }, None)),
        Err(error) => Err(broken(&error, output)),
    }
}

pub fn run_logs(command: &LogsCommand, global: &Global, output: &mut Output) -> i32 {
    let journal = match open(global, output) {
        Ok(journal) => journal,
        Err(code) => return code,
    };
    match journal.run(command.run) {
        Ok(Some(details)) => {
            if let Some(step) =
                command.step.as_ref().filter(|step| !details.steps.iter().any(|known| known.step == **step))
            {
                let known: BTreeSet<&str> = details.steps.iter().map(|known| known.step.as_str()).collect();
                let known: Vec<&str> = known.into_iter().collect();
                output.complain(&format!(
                    "error: run {} has no step `{step}`\nhint: it has {}\n",
                    command.run,
                    words::join_and(&known)
                ));
                return 10;
            }
        }
        Ok(None) => return output.fail(&AppError::NoSuchRun { run: command.run.to_string() }, None),
        Err(error) => return broken(&error, output),
    }
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
