//! `opsc check`: findings in files, before any host is touched.

use std::path::{Path, PathBuf};

use super::args::{CheckCommand, CheckFormat, Global};
use super::config::find_project;
use super::explain::codes;
use super::output::Output;
use super::plan::{open_to_read, warn_unread};
use super::watch::watch;
use crate::app::AppError;
use crate::app::baseline::{self, Known};
use crate::app::project::ops_files;
use crate::app::workspace::display_path;
use crate::base::source::Sources;
use crate::base::words;
use crate::diag::{Diagnostic, Edit, Fix, fixes};
use crate::report::check_ci;
use crate::report::check_json::check_json;
use crate::report::check_sarif::check_sarif;
use crate::report::fingerprint::fingerprints;

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
    let mut workspace = match open_to_read(global, output) {
        Ok(workspace) => workspace,
        Err(code) => return code,
    };
    warn_unread(&workspace, output);
    let mut diagnostics = workspace.inventory_diagnostics.clone();
    let mut names = Vec::new();
    for file in &files {
        match workspace.check_file(file) {
            Ok(checked) => {
                names.push(display_path(&checked.path, &workspace.project));
                diagnostics.extend(checked.diagnostics);
            }
            Err(error) => return output.fail(&error, None),
        }
    }
    diagnostics.sort_by_key(|diagnostic| (diagnostic.primary.span, diagnostic.code));
    // A finding in the library is everyone's who uses it, and is told once.
    diagnostics.dedup();
    let shown = match without_known(&diagnostics, command.baseline.as_deref(), &workspace.sources, output) {
        Ok(shown) => shown,
        Err(error) => return output.fail(&error, None),
    };
    show(&shown, &names, command.output, &workspace.sources, output);
    if shown.iter().any(|diagnostic| diagnostic.is_error()) { 11 } else { 0 }
}

/// The findings that a baseline does not know. One that is not there yet is written, and then knows all of them.
fn without_known<'d>(
    diagnostics: &'d [Diagnostic],
    baseline: Option<&Path>,
    sources: &Sources,
    output: &mut Output,
) -> Result<Vec<&'d Diagnostic>, AppError> {
    let all: Vec<&Diagnostic> = diagnostics.iter().collect();
    let Some(path) = baseline else { return Ok(all) };
    let marks = fingerprints(&all, sources);
    let Some(known) = baseline::read(path)? else {
        let findings = all.iter().zip(marks).map(|(diagnostic, fingerprint)| Known {
            fingerprint,
            code: diagnostic.code.to_string(),
            file: sources.get(diagnostic.primary.span.file).path.clone(),
        });
        baseline::write(path, findings.collect())?;
        output.say(&format!("wrote {} with {}\n", path.display(), words::count(all.len(), "finding")));
        return Ok(Vec::new());
    };
    let is_new = |(_, mark): &(&Diagnostic, String)| !known.iter().any(|known| known.fingerprint == *mark);
    let shown: Vec<&Diagnostic> =
        all.iter().copied().zip(marks).filter(is_new).map(|(diagnostic, _)| diagnostic).collect();
    if shown.len() < all.len() {
        output.say(&format!("{} known to {}\n", words::count(all.len() - shown.len(), "finding"), path.display()));
    }
    Ok(shown)
}

fn show(diagnostics: &[&Diagnostic], files: &[String], format: CheckFormat, sources: &Sources, output: &mut Output) {
    let owned = || diagnostics.iter().map(|diagnostic| (*diagnostic).clone()).collect::<Vec<_>>();
    let text = match format {
        CheckFormat::Text => return show_text(&owned(), files.len(), sources, output),
        CheckFormat::Json => format!("{}\n", check_json(files.len(), &owned(), sources)),
        CheckFormat::Sarif => format!("{:#}\n", check_sarif(diagnostics, sources, &codes().collect::<Vec<_>>())),
        CheckFormat::Github => check_ci::github(diagnostics, sources),
        CheckFormat::Gitlab => {
            format!("{:#}\n", check_ci::gitlab(diagnostics, &fingerprints(diagnostics, sources), sources))
        }
        CheckFormat::Checkstyle => check_ci::checkstyle(diagnostics, sources),
        CheckFormat::Junit => check_ci::junit(files, diagnostics, sources),
    };
    output.print(&text);
}

fn show_text(diagnostics: &[Diagnostic], files: usize, sources: &Sources, output: &mut Output) {
    output.diagnostics(diagnostics, sources);
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
        let mut workspace = open_to_read(global, output)?;
        let checked = workspace.check_file(file).map_err(|error| output.fail(&error, None))?;
        let own = |diagnostic: &&Diagnostic| diagnostic.primary.span.file == checked.file;
        let offered: Vec<(&Diagnostic, &Fix)> = checked
            .diagnostics
            .iter()
            .filter(own)
            .filter_map(|diagnostic| Some((diagnostic, diagnostic.fix.as_ref()?)))
            .collect();
        if offered.is_empty() {
            return Ok(());
        }
        for (diagnostic, fix) in &offered {
            let line = workspace.sources.place(diagnostic.primary.span).line;
            output.say(&format!("fixed {}:{line}: {} ({})\n", file.display(), fix.title, diagnostic.code));
        }
        let edits: Vec<Edit> = offered.iter().flat_map(|(_, fix)| fix.edits.iter().cloned()).collect();
        let fixed = fixes::apply(&workspace.sources.get(checked.file).text, edits);
        crate::app::files::write_text(file, &fixed).map_err(|error| output.fail(&error, None))?;
    }
    Ok(())
}
