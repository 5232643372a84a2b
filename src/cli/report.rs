//! `opsc report`: one run as a document, printed or written to a file.

use super::args::Global;
use super::args_history::{ReportCommand, ReportFormat};
use super::output::Output;
use super::runs::{broken, details, open};
use crate::app::files::{expect_new, write_text};
use crate::report::run_html::run_html;
use crate::report::run_json::run_json;
use crate::report::run_junit::run_junit;
use crate::report::run_markdown::run_markdown;
use crate::report::story::{Kept, Story, story};
use crate::state::StateError;

/// Of what a failed step printed; all of it is in the logs.
const MOST_OUTPUT: u32 = 16 * 1024;

pub fn run(command: &ReportCommand, global: &Global, output: &mut Output) -> i32 {
    let text = match text(command, global, output) {
        Ok(text) => text,
        Err(code) => return code,
    };
    let Some(path) = &command.save else {
        output.print(&text);
        return 0;
    };
    match expect_new(path, command.force).and_then(|()| write_text(path, &text)) {
        Ok(()) => {
            output.say(&format!("wrote {}\n", path.display()));
            0
        }
        Err(error) => output.fail(&error, None),
    }
}

fn text(command: &ReportCommand, global: &Global, output: &mut Output) -> Result<String, i32> {
    match command.output {
        ReportFormat::Json => {
            let (details, alive, rest) = details(command.run, global, output)?;
            Ok(format!("{:#}\n", run_json(&details, alive, &rest)))
        }
        ReportFormat::Markdown => {
            let (details, alive, rest) = details(command.run, global, output)?;
            Ok(run_markdown(&details, alive, &rest))
        }
        ReportFormat::Html => told(command.run, run_html, global, output),
        ReportFormat::Junit => told(command.run, run_junit, global, output),
    }
}

/// A form that tells the run from its events.
fn told(run: i64, form: fn(&Story<'_>) -> String, global: &Global, output: &mut Output) -> Result<String, i32> {
    let (details, alive, rest) = details(run, global, output)?;
    let journal = open(global, output)?;
    let kept = || -> Result<_, StateError> {
        Ok((journal.events(run)?, journal.records(run)?, journal.ends_of_failed(run, MOST_OUTPUT)?))
    };
    let (events, records, outputs) = kept().map_err(|error| broken(&error, output))?;
    let later = details.gone_on_by.map(|run| journal.summary(run)).transpose();
    let later = later.map_err(|error| broken(&error, output))?.flatten();
    let kept = Kept {
        details: &details,
        later: later.as_ref(),
        alive,
        left: &rest.left,
        events: &events,
        records: &records,
        outputs: &outputs,
    };
    Ok(form(&story(&kept)))
}
