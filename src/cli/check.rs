//! `opsc check`: findings in files, before any host is touched.

use std::path::{Path, PathBuf};

use super::args::{CheckCommand, Format, Global};
use super::config::find_project;
use super::output::Output;
use super::plan::open_workspace;
use super::watch::watch;
use crate::app::project::ops_files;
use crate::app::workspace::Workspace;
use crate::base::words;
use crate::diag::{Diagnostic, Edit, fixes};
use crate::report::check_json::check_json;

pub fn run(command: &CheckCommand, global: &Global, output: &mut Output) -> i32 {
    if !command.watch {
        return check(command, global, output);
    }
    // The inventory and the project's actions decide too.
    let project = find_project(Path::new("."));
    let paths: Vec<PathBuf> = command.paths.iter().cloned().chain([project.root]).collect();
    let ended = watch(&paths, &mut || {
        check(command, global, output);
        output.say("watching for changes; Ctrl-C ends\n");
    });
    output.complain(&match ended {
        Ok(()) => "error: the watch ended\n".to_string(),
        Err(error) => format!("error: nothing can be watched: {error}\n"),
    });
    1
}

fn check(command: &CheckCommand, global: &Global, output: &mut Output) -> i32 {
    let files = match ops_files(&command.paths) {
        Ok(files) => files,
        Err(error) => return output.fail(&error, None),
    };
    if command.fix {
        for file in &files {
            if let Err(code) = fix(file, global, output) {
                return code;
            }
        }
    }
    let mut workspace = match open_workspace(global, output) {
        Ok(workspace) => workspace,
        Err(code) => return code,
    };
    let mut diagnostics = workspace.inventory_diagnostics.clone();
    for file in &files {
        match workspace.check_file(file) {
            Ok(checked) => diagnostics.extend(checked.diagnostics),
            Err(error) => return output.fail(&error, None),
        }
    }
    show(&diagnostics, files.len(), command.output, &workspace, output);
    if diagnostics.iter().any(Diagnostic::is_error) { 11 } else { 0 }
}

fn show(diagnostics: &[Diagnostic], files: usize, format: Format, workspace: &Workspace, output: &mut Output) {
    if format == Format::Json {
        let json = check_json(files, diagnostics, &workspace.sources);
        output.print(&format!("{json}\n"));
        return;
    }
    output.diagnostics(diagnostics, &workspace.sources);
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let summary = format!(
        "checked {}: {}, {}\n",
        words::count(files, "file"),
        words::count(errors, "error"),
        words::count(diagnostics.len() - errors, "warning")
    );
    output.say(&summary);
}

/// Applies fixes until none is offered; a bound, since a fix may uncover another.
fn fix(file: &Path, global: &Global, output: &mut Output) -> Result<(), i32> {
    const MOST_ROUNDS: usize = 5;
    for _ in 0..MOST_ROUNDS {
        let mut workspace = open_workspace(global, output)?;
        let checked = workspace.check_file(file).map_err(|error| output.fail(&error, None))?;
        let edits: Vec<Edit> = checked
            .diagnostics
            .iter()
            .filter_map(|diagnostic| diagnostic.fix.as_ref())
            .flat_map(|fix| fix.edits.iter().cloned())
            .filter(|edit| edit.span.file == checked.file)
            .collect();
        if edits.is_empty() {
            return Ok(());
        }
        let fixed = fixes::apply(&workspace.sources.get(checked.file).text, edits);
        crate::app::files::write_text(file, &fixed).map_err(|error| output.fail(&error, None))?;
        output.say(&format!("fixed {}\n", file.display()));
    }
    Ok(())
}
