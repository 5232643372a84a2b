//! `opsc resume`, `opsc rollback` and `opsc resolve`: a run that is over, gone on with, gone back over, or explained.

use std::sync::Arc;

use super::args::Global;
use super::args_runs::{ResolveCommand, ResumeCommand};
use super::asked::Asked;
use super::output::Output;
use super::plan::make_plan;
use super::run::{How, carry_out, connect_options};
use super::runs::open;
use crate::app::AppError;
use crate::app::execution::{GoingOn, now};
use crate::app::going_on::{Ended, Said, Wanted, ended};
use crate::app::planning::Planned;
use crate::app::receipts::{Unsettled, ask_hosts, can_be_asked};
use crate::app::workspace::Workspace;
use crate::report::going_on_text::{missing_text, way_back_text};
use crate::run::earlier::Earlier;
use crate::state::Journal;

pub fn run_resume(command: &ResumeCommand, global: &Global, output: &mut Output) -> i32 {
    go_on(command, Wanted::Resume, global, output).unwrap_or_else(|code| code)
}

pub fn run_rollback(command: &ResumeCommand, global: &Global, output: &mut Output) -> i32 {
    go_on(command, Wanted::Rollback, global, output).unwrap_or_else(|code| code)
}

/// A run that is over with what was asked for then, planned again.
struct Again {
    journal: Journal,
    ended: Ended,
    asked: Asked,
    global: Global,
    workspace: Workspace,
    planned: Planned,
    earlier: Earlier,
}

impl Again {
    fn open(run: i64, wanted: Wanted, global: &Global, output: &mut Output) -> Result<Again, i32> {
        let journal = open(global, output)?;
        let refused = |error: AppError, output: &mut Output| output.fail(&error, None);
        let ended = ended(&journal, run, wanted).map_err(|error| refused(error, output))?;
        let asked = Asked::of(&ended).map_err(|error| refused(error, output))?;
        let global = asked.pinned(global);
        let (workspace, planned) = make_plan(asked.selection(), &global, output)?;
        let earlier = ended.earlier(&planned).map_err(|error| refused(error, output))?;
        Ok(Again { journal, ended, asked, global, workspace, planned, earlier })
    }
}

fn go_on(command: &ResumeCommand, wanted: Wanted, global: &Global, output: &mut Output) -> Result<i32, i32> {
    let again = Again::open(command.run, wanted, global, output)?;
    let Again { journal, ended, asked, global, workspace, planned, mut earlier } = again;
    let back = wanted == Wanted::Rollback;
    let connection = asked.connection(&command.connection);
    let mut unsettled = Unsettled::new();
    if can_be_asked(&earlier) {
        let options = connect_options(&connection, &workspace, output)?;
        let asked = ask_hosts((&journal, &ended), &planned, &options, &mut earlier);
        unsettled = asked.map_err(|error| output.fail(&error, None))?;
    }
    let text = if back {
        ended.refuse_running(&earlier).map_err(|error| output.fail(&error, None))?;
        ended.refuse_unknown(&earlier, wanted, &unsettled).map_err(|error| output.fail(&error, None))?;
        let later = ended.later_changes(&journal, &earlier).map_err(|error| output.fail(&error, None))?;
        way_back_text(command.run, &earlier, &planned.plan, &later)
    } else {
        ended.refuse_unapproved(now()).map_err(|error| output.fail(&error, None))?;
        let approvers = workspace.settings.approvers();
        ended.refuse_unsigned(&journal, approvers).map_err(|error| output.fail(&error, None))?;
        ended.refuse_unknown(&earlier, wanted, &unsettled).map_err(|error| output.fail(&error, None))?;
        missing_text(command.run, &earlier, &planned.plan)
    };
    output.say(&text);
    if back && earlier.all().all(|(_, _, left)| !left.changed) {
        return Ok(0);
    }
    let how = How {
        request: asked.going(back).to_json(),
        going_on: Some(GoingOn { run: command.run, earlier: Arc::new(earlier), back }),
        ..How::new(&connection, command.yes, command.output)
    };
    Ok(carry_out(&workspace, &planned, &how, &global, output))
}

pub fn run_resolve(command: &ResolveCommand, global: &Global, output: &mut Output) -> i32 {
    let again = match Again::open(command.run, Wanted::Answer, global, output) {
        Ok(again) => again,
        Err(code) => return code,
    };
    let said = match &command.said {
        said if said.done => Said::Done,
        said if said.not_done => Said::NotDone,
        _ => Said::Again,
    };
    let place = (command.step.as_str(), command.host.as_str());
    match again.ended.resolve(&again.journal, &again.earlier, place, said) {
        Ok(()) => {
            output.say(&format!("written down; `opsc resume {}` goes on\n", command.run));
            0
        }
        Err(error) => output.fail(&error, None),
    }
}
