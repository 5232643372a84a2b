//! `opsc runs stats`: how long a playbook and its steps took.

use super::args::{Format, Global};
use super::args_history::StatsCommand;
use super::output::Output;
use super::runs::{broken, open};
use crate::app::execution::now;
use crate::base::words;
use crate::report::stats::Stats;
use crate::state::{Journal, RunFilter, StateError};

pub fn run(command: &StatsCommand, global: &Global, output: &mut Output) -> i32 {
    let journal = match open(global, output) {
        Ok(journal) => journal,
        Err(code) => return code,
    };
    let stats = match read(command, &journal) {
        Ok(stats) => stats,
        Err(error) => return broken(&error, output),
    };
    if stats.is_empty() {
        return unknown(command, &journal, output);
    }
    match command.output {
        Format::Json => output.print(&format!("{:#}\n", stats.json())),
        Format::Text => output.print(&stats.text()),
    }
    0
}

/// Run by run: the events of all of them may be more than fits into memory.
fn read(command: &StatsCommand, journal: &Journal) -> Result<Stats, StateError> {
    let filter = RunFilter {
        playbook: Some(command.playbook.clone()),
        since: command.since.map(|since| since.moment(now())),
        finished: true,
        ..RunFilter::default()
    };
    let mut runs = journal.runs_like(&filter, command.most, &|run| run.status.as_deref() != Some("waiting"))?;
    // Steps are listed as the first run did them.
    runs.reverse();
    let mut stats = Stats::new(&command.playbook);
    for run in &runs {
        stats.add(run, &journal.events(run.id)?);
    }
    Ok(stats)
}

fn unknown(command: &StatsCommand, journal: &Journal, output: &mut Output) -> i32 {
    output.complain(&format!("error: no run of `{}` is over\n", command.playbook));
    if command.since.is_some() {
        output.complain("hint: `--since` leaves out those that began before\n");
        return 10;
    }
    match journal.playbooks() {
        Ok(known) if known.is_empty() => output.complain("hint: there was no run yet\n"),
        Ok(known) => output.complain(&format!("hint: there were runs of {}\n", words::join_some(&known, 10))),
        Err(error) => return broken(&error, output),
    }
    10
}
