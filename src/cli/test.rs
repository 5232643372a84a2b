//! `opsc test`: the tests of a project, without any host.

use std::path::Path;

use super::args::Global;
use super::args_test::{TestCommand, TestFormat};
use super::config::{find_project, load_settings};
use super::output::Output;
use super::test_hosts;
use crate::app::AppError;
use crate::app::files::read_text;
use crate::app::project::files_below;
use crate::app::test_file::is_test_file;
use crate::app::testing::{Tested, Testing, test_file};
use crate::app::workspace::display_path;
use crate::base::source::Sources;
use crate::diag::Diagnostic;
use crate::report::test_ci::{test_json, test_junit};
use crate::report::test_text::{TestFailure, TestReport, TestRun, WrongFile, summary, test_text};

pub fn run(command: &TestCommand, global: &Global, output: &mut Output) -> i32 {
    if command.twice || command.rollback_each {
        return match test_hosts::tests(command, global, output) {
            Ok(reports) => show(&reports, &[], command.output, global, output),
            Err(code) => code,
        };
    }
    let files = match files_below(&command.paths, &["yaml"], &is_test_file) {
        Ok(files) => files,
        Err(error) => return nothing(error, command, global, output),
    };
    let mut reports = Vec::new();
    let (mut wrong, mut refused) = (Vec::new(), None);
    for path in &files {
        match of_file(path, command.accept, output) {
            Ok(tests) => reports.extend(tests),
            Err((code, file)) => {
                refused = Some(code);
                wrong.push(file);
            }
        }
    }
    let code = show(&reports, &wrong, command.output, global, output);
    refused.unwrap_or(code)
}

/// Where there is no test: a report for programs says so too.
fn nothing(error: AppError, command: &TestCommand, global: &Global, output: &mut Output) -> i32 {
    let error = match error {
        AppError::NoFiles { searched } => AppError::NoTests { searched },
        error => error,
    };
    let searched = command.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    let (code, wrong) = fail(&error, searched, None, output);
    if command.output != TestFormat::Text {
        show(&[], &[wrong], command.output, global, output);
    }
    code
}

/// Says what is wrong, and keeps it for reports.
fn fail(error: &AppError, file: String, sources: Option<&Sources>, output: &mut Output) -> (i32, WrongFile) {
    let code = output.fail(error, sources);
    let line = |found: &Diagnostic| sources.map(|sources| sources.place(found.primary.span).line);
    let found = error.diagnostics().iter().filter(|found| found.is_error());
    let mut mistakes: Vec<_> = found.map(|found| (line(found), found.message.clone())).collect();
    if mistakes.is_empty() {
        mistakes.push((None, error.to_string()));
    }
    (code, WrongFile { file, mistakes })
}

fn show(reports: &[TestReport], wrong: &[WrongFile], format: TestFormat, global: &Global, output: &mut Output) -> i32 {
    match format {
        TestFormat::Text => {
            for test in reports {
                output.print(&test_text(test, global.verbose, output.colour));
            }
            output.say(&summary(reports));
        }
        TestFormat::Json => output.print_json(&test_json(reports, wrong)),
        TestFormat::Junit => output.print(&test_junit(reports, wrong)),
    }
    i32::from(reports.iter().any(|test| !test.passed()))
}

fn of_file(path: &Path, accept: bool, output: &mut Output) -> Result<Vec<TestReport>, (i32, WrongFile)> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let project = find_project(folder);
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let shown = display_path(&path, &project);
    let settings = load_settings(&project).map_err(|error| fail(&error, shown.clone(), None, output))?;
    let text = read_text(&path).map_err(|error| fail(&error, shown.clone(), None, output))?;
    let mut sources = Sources::new();
    let file = sources.add(shown.as_str(), text);
    let testing = Testing { path: &path, project: &project, settings: &settings, accept, sources: &sources, file };
    let tests = test_file(&testing).map_err(|error| fail(&error, shown.clone(), Some(&sources), output))?;
    for path in tests.iter().filter_map(|test| test.wrote.as_ref()) {
        output.say(&format!("wrote {}\n", display_path(path, &project)));
    }
    Ok(tests.into_iter().map(|test| report(test, &shown, &sources)).collect())
}

fn report(test: Tested, file: &str, sources: &Sources) -> TestReport {
    let failures = test.failures.into_iter().map(|failure| TestFailure {
        line: sources.place(failure.span).line,
        message: failure.message,
        details: failure.details,
    });
    TestReport {
        file: file.to_string(),
        line: sources.place(test.span).line,
        name: test.name,
        failures: failures.collect(),
        run: test.run.map(|run| TestRun {
            exit: run.summary.exit,
            elapsed_ms: run.summary.elapsed_ms,
            events: run.events,
        }),
    }
}
