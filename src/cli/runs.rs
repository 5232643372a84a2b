//! `opsc runs`, `opsc show` and `opsc logs`: what the journal says.

use std::collections::BTreeSet;

use clap::ValueEnum;

use super::args::{Format, Global};
use super::args_history::{LogsCommand, RunsCommand, RunsWhat, ShowCommand};
use super::output::Output;
use super::plan::open_to_read;
use crate::app::AppError;
use crate::app::approving::look_at_signatures;
use crate::app::execution::now;
use crate::base::words;
use crate::report;
use crate::report::left::{Rest, rest};
use crate::report::paint::harmless;
use crate::state::{Journal, RunDetails, RunFilter, RunSummary, StateError};

pub(super) fn open(global: &Global, output: &mut Output) -> Result<Journal, i32> {
    let workspace = open_to_read(global, output)?;
    Journal::open(&workspace.project.journal()).map_err(|error| broken(&error, output))
}

pub(super) fn broken(error: &StateError, output: &mut Output) -> i32 {
    let refused =
        if error.is_damage() { AppError::damaged(error) } else { AppError::State { reason: error.to_string() } };
    output.fail(&refused, None)
}

pub fn run_list(command: &RunsCommand, global: &Global, output: &mut Output) -> i32 {
    if let Some(RunsWhat::Stats(command)) = &command.what {
        return super::stats::run(command, global, output);
    }
    let journal = match open(global, output) {
        Ok(journal) => journal,
        Err(code) => return code,
    };
    match list(command, &journal, output) {
        Ok(()) => 0,
        Err(error) => broken(&error, output),
    }
}

fn list(command: &RunsCommand, journal: &Journal, output: &mut Output) -> Result<(), StateError> {
    let filter = RunFilter {
        playbook: command.playbook.clone(),
        host: command.host.clone(),
        since: command.since.map(|since| since.moment(now())),
        finished: false,
    };
    let wanted: Vec<String> = command
        .outcome
        .iter()
        .filter_map(|outcome| Some(outcome.to_possible_value()?.get_name().to_string()))
        .collect();
    let is_wanted = |run: &RunSummary| {
        wanted.is_empty() || wanted.iter().any(|word| word == report::run_text::status(run, run.goes_on()))
    };
    let runs: Vec<(RunSummary, bool)> = journal
        .runs_like(&filter, command.most, &is_wanted)?
        .into_iter()
        .map(|run| {
            let alive = run.goes_on();
            (run, alive)
        })
        .collect();
    if command.output == Format::Json {
        output.print(&format!("{:#}\n", report::run_json::runs_json(&runs)));
        return Ok(());
    }
    if runs.is_empty() {
        output.say(if journal.runs(1)?.is_empty() { "no run yet\n" } else { "no such run\n" });
    }
    for (run, alive) in &runs {
        let waits = run.status.as_deref() == Some("waiting") && journal.gone_on_by(run.id)?.is_none();
        let approvals = if waits { journal.approvals(run.id)? } else { Vec::new() };
        output.print(&report::run_text::run_line(run, *alive, approvals.last()));
    }
    Ok(())
}

pub fn run_show(command: &ShowCommand, global: &Global, output: &mut Output) -> i32 {
    let (details, alive, rest) = match details(command.run, global, output) {
        Ok(found) => found,
        Err(code) => return code,
    };
    match command.output {
        Format::Json => output.print(&format!("{:#}\n", report::run_json::run_json(&details, alive, &rest))),
        Format::Text => output.print(&report::run_text::run_text(&details, alive, &rest)),
    }
    0
}

/// One run, whether its process is still there, and what it left.
pub(super) fn details(run: i64, global: &Global, output: &mut Output) -> Result<(RunDetails, bool, Rest), i32> {
    let journal = open(global, output)?;
    match journal.run(run) {
        Ok(Some(mut details)) => {
            look_at_signatures(&journal, &mut details.approvals).map_err(|error| output.fail(&error, None))?;
            let alive = details.summary.goes_on();
            let events = journal.events(run).map_err(|error| broken(&error, output))?;
            Ok((details, alive, rest(&events)))
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
