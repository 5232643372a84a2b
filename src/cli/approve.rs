//! `opsc approve` and `opsc reject`: what is waited for, shown and answered.

use super::args::Global;
use super::args_runs::AnswerCommand;
use super::output::Output;
use super::plan::open_to_read;
use super::runs::broken;
use crate::app::approving::{Answer, answer};
use crate::report::approval_text::approval_text;
use crate::state::Journal;

pub fn run(command: &AnswerCommand, approved: bool, global: &Global, output: &mut Output) -> i32 {
    let workspace = match open_to_read(global, output) {
        Ok(workspace) => workspace,
        Err(code) => return code,
    };
    let journal = match Journal::open(&workspace.project.journal()) {
        Ok(journal) => journal,
        Err(error) => return broken(&error, output),
    };
    let run = command.run;
    let said = Answer { run, approved, gate: command.gate.as_deref(), name: command.name.as_deref() };
    match answer(&journal, &said, workspace.settings.approvers()) {
        Ok(approval) => {
            output.say(approval_text(&approval, None).trim_start());
            0
        }
        Err(error) => output.fail(&error, None),
    }
}
