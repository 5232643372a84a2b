//! `opsc retry` and `opsc cancel`: a run again where it did not go well, and a run that is stopped from elsewhere.

use super::args::{Global, Selection};
use super::args_runs::{CancelCommand, RetryCommand};
use super::asked::Asked;
use super::output::Output;
use super::plan::make_plan;
use super::run::{How, carry_out};
use super::runs::open;
use crate::app::AppError;
use crate::app::cancelling::{Stop, Told, cancel};
use crate::app::going_on::{Wanted, ended};
use crate::base::words;

pub fn run(command: &RetryCommand, global: &Global, output: &mut Output) -> i32 {
    retry(command, global, output).unwrap_or_else(|code| code)
}

fn retry(command: &RetryCommand, global: &Global, output: &mut Output) -> Result<i32, i32> {
    let journal = open(global, output)?;
    let refused = |error: AppError, output: &mut Output| output.fail(&error, None);
    let ended = ended(&journal, command.run, Wanted::Retry).map_err(|error| refused(error, output))?;
    let asked = Asked::of(&ended).map_err(|error| refused(error, output))?;
    let global = asked.global(global);
    let (_, whole) = make_plan(asked.selection(), &global, output)?;
    let (hosts, gone) = ended.to_retry(&journal, &whole).map_err(|error| refused(error, output))?;
    // The hosts of the plan are inside the limit of then.
    let selection = Selection { limit: Some(hosts.join(",")), ..asked.selection().clone() };
    let (workspace, planned) = make_plan(&selection, &global, output)?;
    if !command.again {
        ended.refuse_twice(&planned).map_err(|error| refused(error, output))?;
    }
    if !gone.is_empty() {
        let gone = words::join_some(&gone, 5);
        output.complain(&format!("warning: not tried again, since the plan of now does not have them: {gone}\n"));
    }
    output.say(&format!("again on {}: {}\n", words::count(hosts.len(), "host"), words::join_some(&hosts, 5)));
    let connection = asked.connection(&command.connection);
    let request = Asked::new(&selection, &planned, &connection, &global).again(command.run).to_json();
    let how = How { request, ..How::new(&connection, command.yes, command.output) };
    Ok(carry_out(&workspace, &planned, &how, &global, output))
}

pub fn run_cancel(command: &CancelCommand, global: &Global, output: &mut Output) -> i32 {
    let journal = match open(global, output) {
        Ok(journal) => journal,
        Err(code) => return code,
    };
    let stop = match (command.steps, command.now) {
        (_, true) => Stop::Now,
        (true, _) => Stop::Steps,
        _ => Stop::Hosts,
    };
    let run = command.run;
    let mut tell = |told| match told {
        Told::Asked => output.say(&format!("run {run} is asked to stop; waiting for its end\n")),
        Told::Silent { pid } => output.complain(&silent(run, pid)),
    };
    match cancel(&journal, run, stop, &mut tell) {
        Ok(summary) => {
            let status = summary.status.as_deref().unwrap_or("died");
            output.say(&format!(
                "run {0} {status}; `opsc show {0}` tells more, `opsc resume {0}` goes on\n",
                command.run
            ));
            0
        }
        Err(error) => output.fail(&error, None),
    }
}

fn silent(run: i64, pid: u32) -> String {
    format!(
        "run {run} does not answer: its process {pid} is stopped, or busy; `kill -CONT {pid}` lets it go on, and what \
         `kill -KILL {pid}` leaves behind `opsc resume {run}` takes up\n"
    )
}
