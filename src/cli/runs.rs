//! `opsc runs`, `opsc show`, `opsc report` and `opsc logs`: what the journal says.

use super::args::{Format, Global, LogsCommand, ReportCommand, ReportFormat, RunsCommand, ShowCommand};
use super::output::Output;
use super::plan::open_workspace;
use crate::app::AppError;
use crate::app::execution::is_alive;
use crate::app::files::write_text;
use crate::report;
use crate::report::paint::harmless;
use crate::state::{Journal, RunDetails, RunSummary, StateError};

fn open(global: &Global, output: &mut Output) -> Result<Journal, i32> {
    let workspace = open_workspace(global, output)?;
    Journal::open(&workspace.project.journal()).map_err(|error| broken(&error, output))
}

fn broken(error: &StateError, output: &mut Output) -> i32 {
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
            let alive = is_alive(&run.record);
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
    for (run, alive) in &runs {
        output.print(&report::run_text::run_line(run, *alive));
    }
    0
}

pub fn run_show(command: &ShowCommand, global: &Global, output: &mut Output) -> i32 {
    let (details, alive) = match details(command.run, global, output) {
        Ok(found) => found,
        Err(code) => return code,
    };
    match command.output {
        Format::Json => output.print(&format!("{:#}\n", report::run_json::run_json(&details, alive))),
        Format::Text => output.print(&report::run_text::run_text(&details, alive)),
    }
    0
}

pub fn run_report(command: &ReportCommand, global: &Global, output: &mut Output) -> i32 {
    let (details, alive) = match details(command.run, global, output) {
        Ok(found) => found,
        Err(code) => return code,
    };
    let text = match command.output {
        ReportFormat::Json => format!("{:#}\n", report::run_json::run_json(&details, alive)),
        ReportFormat::Markdown => report::run_markdown::run_markdown(&details, alive),
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

/// One run, and whether its process is still there.
fn details(run: i64, global: &Global, output: &mut Output) -> Result<(RunDetails, bool), i32> {
    let journal = open(global, output)?;
    match journal.run(run) {
        Ok(Some(details)) => {
            let alive = is_alive(&details.summary.record);
            Ok((details, alive))
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
