//! `opsc test --twice` and `--rollback-each`: playbooks tried on real hosts that may be lost.

use std::path::Path;
use std::sync::Arc;

use super::args::{Allowed, Global, Selection};
use super::args_test::TestCommand;
use super::asked::Asked;
use super::output::Output;
use super::plan::make_plan;
use super::run::{ask_secret, connect_options, expect_signed};
use crate::app::AppError;
use crate::app::execution::{Execution, Finished, GoingOn, Told};
use crate::app::going_on::{Wanted, ended};
use crate::app::planning::Planned;
use crate::app::project::ops_files;
use crate::app::running::ConnectOptions;
use crate::app::throw_away::{changes, differences, not_undone, refuse_others};
use crate::app::workspace::{Workspace, display_path};
use crate::report::progress::Progress;
use crate::report::test_text::{TestFailure, TestReport};
use crate::run::event::RunEvent;
use crate::run::exit;
use crate::state::Journal;

/// All playbooks of the paths, each with the tests that were asked for.
pub(super) fn tests(command: &TestCommand, global: &Global, output: &mut Output) -> Result<Vec<TestReport>, i32> {
    let mut reports = Vec::new();
    for file in ops_files(&command.paths).map_err(|error| output.fail(&error, None))? {
        let selection = selection(command, &file);
        let (mut workspace, planned) = make_plan(&selection, global, output)?;
        let limit = command.limit.as_deref().unwrap_or_default();
        refuse_others(&mut workspace, &planned, limit).map_err(|error| output.fail(&error, None))?;
        if workspace.settings.demands_signature(planned.plan.level()) {
            expect_signed(&planned).map_err(|error| output.fail(&error, None))?;
        }
        let options = connect_options(&command.connection, &workspace, output)?;
        let request = Asked::new(&selection, &planned, &command.connection, global).to_json();
        let trial = Trial { planned: &planned, workspace: &workspace, options: &options, command, request };
        let report = |name: &str, failures: Vec<String>| TestReport {
            file: display_path(&file, &workspace.project),
            line: 1,
            name: name.to_string(),
            failures: failures
                .into_iter()
                .map(|message| TestFailure { line: 1, message, details: String::new() })
                .collect(),
            run: None,
        };
        if command.rollback_each {
            reports.push(report("what it does can be undone", trial.undone(output)?));
        }
        if command.twice {
            reports.push(report("a second run changes nothing", trial.twice(output)?));
        }
    }
    Ok(reports)
}

fn selection(command: &TestCommand, file: &Path) -> Selection {
    Selection {
        file: file.to_path_buf(),
        playbook: None,
        variables: command.variables.clone(),
        variable_files: Vec::new(),
        limit: command.limit.clone(),
        tags: Vec::new(),
        skip_tags: Vec::new(),
        from: None,
        allow: Allowed { allow_destroy: command.allow_destroy, allow_inactive: false },
    }
}

struct Trial<'a> {
    planned: &'a Planned,
    workspace: &'a Workspace,
    options: &'a ConnectOptions,
    command: &'a TestCommand,
    request: Option<String>,
}

impl Trial<'_> {
    fn execution(&self, going_on: Option<GoingOn>) -> Execution<'_> {
        let Workspace { project, settings, .. } = self.workspace;
        let forks = self.command.connection.forks.or(settings.count("forks")).unwrap_or(1);
        let (planned, options, request) = (self.planned, self.options, self.request.clone());
        Execution { planned, project, settings, options, forks, request, going_on, plan_file: None }
    }

    /// One run, told as it goes on.
    fn run(&self, going_on: Option<GoingOn>, output: &mut Output) -> Result<(Finished, Vec<RunEvent>), i32> {
        let execution = self.execution(going_on);
        let ask = output.may_ask.then_some(ask_secret as fn(&str) -> _);
        let secrets = execution.read_secrets(ask).map_err(|error| output.fail(&error, None))?;
        let mut progress = Progress::new(output.colour, false);
        let mut events = Vec::new();
        let finished = execution.run(secrets, &mut |told| {
            if let Told::Event { event, .. } = told {
                output.say(&progress.lines(event));
                events.push(event.clone());
            }
        });
        let finished = finished.map_err(|error| output.fail(&error, None))?;
        // Who stops a test wants none of the others, and no way back but the one that the run itself went.
        if finished.summary.exit == exit::STOPPED { Err(exit::STOPPED) } else { Ok((finished, events)) }
    }

    fn twice(&self, output: &mut Output) -> Result<Vec<String>, i32> {
        let (first, _) = self.run(None, output)?;
        if first.summary.exit != 0 {
            return Ok(vec![ended_badly("the first run", &first)]);
        }
        let (second, events) = self.run(None, output)?;
        let mut failures = changes(&events);
        if second.summary.exit != 0 {
            failures.push(ended_badly("the second run", &second));
        }
        Ok(failures)
    }

    /// Looks at the hosts, runs, goes back, and looks again.
    fn undone(&self, output: &mut Output) -> Result<Vec<String>, i32> {
        let look = |output: &mut Output| self.execution(None).predict(true).map_err(|error| output.fail(&error, None));
        let before = look(output)?;
        let (run, _) = self.run(None, output)?;
        let back = self.way_back(run.run).map_err(|error| output.fail(&error, None))?;
        let mut failures = Vec::new();
        if run.summary.exit != 0 {
            failures.push(ended_badly("the run", &run));
        }
        let (back, events) = self.run(Some(back), output)?;
        if back.summary.exit != 0 {
            failures.push(ended_badly("the way back", &back));
        }
        failures.extend(not_undone(&events));
        failures.extend(differences(&before, &look(output)?));
        Ok(failures)
    }

    fn way_back(&self, run: i64) -> Result<GoingOn, AppError> {
        let journal = Journal::open(&self.workspace.project.journal())
            .map_err(|error| AppError::State { reason: error.to_string() })?;
        let earlier = ended(&journal, run, Wanted::Rollback)?.earlier(self.planned)?;
        Ok(GoingOn { run, earlier: Arc::new(earlier), back: true })
    }
}

fn ended_badly(what: &str, finished: &Finished) -> String {
    let (run, summary) = (finished.run, &finished.summary);
    format!("{what} (run {run}) ended with exit {}: {}", summary.exit, summary.status)
}
