//! `opsc check`: findings in files, before any host is touched.

use std::path::{Path, PathBuf};

use super::args::{CheckCommand, CheckFormat, Global};
use super::config::find_project;
use super::doctor::exit_code;
use super::explain::codes;
use super::output::Output;
use super::plan::{open_to_read, open_workspace, warn_unread};
use super::run::connect_options;
use super::watch::watch;
use crate::app::AppError;
use crate::app::baseline::{self, Known};
use crate::app::connecting::hosts_named;
use crate::app::doctor::examine_all;
use crate::app::limits::parse_limit;
use crate::app::project::ops_files;
use crate::app::workspace::{Workspace, display_path};
use crate::base::source::Sources;
use crate::base::words;
use crate::diag::{Diagnostic, Edit, Fix, fixes};
use crate::report::check_ci;
use crate::report::check_json::check_json;
use crate::report::check_sarif::check_sarif;
use crate::report::examination::{Connected, connected_text};
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
    if command.connect && !matches!(command.output, CheckFormat::Text | CheckFormat::Json) {
        output.complain("error: what `--connect` finds is told as text or JSON\nhint: use `-o text` or `-o json`\n");
        return 10;
    }
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
    let opened = if command.connect { open_workspace(global, output) } else { open_to_read(global, output) };
    let mut workspace = match opened {
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
    let has_errors = shown.iter().any(|diagnostic| diagnostic.is_error());
    let connected = match (command.connect && !has_errors).then(|| connect(command, &files, &mut workspace, output)) {
        Some(Err(code)) => return code,
        Some(Ok(connected)) => Some(connected),
        None => None,
    };
    show(&shown, &names, (command.output, connected.as_ref()), &workspace.sources, output);
    match connected {
        _ if has_errors => 11,
        Some(connected) => told(&connected, command.output, output),
        None => 0,
    }
}

/// Asks the hosts that the playbooks name; at least one.
fn connect(
    command: &CheckCommand,
    files: &[PathBuf],
    workspace: &mut Workspace,
    output: &mut Output,
) -> Result<Connected, i32> {
    let limit = command.named.limit.as_deref().map(|limit| parse_limit(limit, workspace)).transpose();
    let named = limit.and_then(|limit| hosts_named(workspace, files, &command.named.variables, limit.as_deref()));
    let named = named.map_err(|error| output.fail(&error, Some(&workspace.sources)))?;
    for one in &named.unplanned {
        output
            .complain(&format!("note: the hosts of `{}` ({}) are not known: {}\n", one.playbook, one.file, one.reason));
    }
    if named.hosts.is_empty() {
        let hint = "hint: name files whose playbooks name hosts, or check hosts themselves with `opsc doctor`\n";
        output.complain(&format!("error: there is no host to connect to\n{hint}"));
        return Err(13);
    }
    let options = connect_options(&command.connection, workspace, output)?;
    let forks = command.connection.forks.or(workspace.settings.count("forks")).unwrap_or(1);
    let inventory = workspace.inventory();
    let found = examine_all(&inventory, &named.hosts, &options, forks).map_err(|error| output.fail(&error, None))?;
    let hosts = found.into_iter().map(|(host, found)| (inventory.hosts.at(host).name.clone(), found)).collect();
    Ok(Connected { hosts, unplanned: named.unplanned })
}

/// What hosts said, below the findings.
fn told(connected: &Connected, format: CheckFormat, output: &mut Output) -> i32 {
    if format == CheckFormat::Text {
        output.print(&connected_text(connected, output.colour));
    }
    exit_code(&connected.hosts)
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

fn show(
    diagnostics: &[&Diagnostic],
    files: &[String],
    (format, connected): (CheckFormat, Option<&Connected>),
    sources: &Sources,
    output: &mut Output,
) {
    let owned = || diagnostics.iter().map(|diagnostic| (*diagnostic).clone()).collect::<Vec<_>>();
    let text = match format {
        CheckFormat::Text => return show_text(&owned(), files.len(), sources, output),
        CheckFormat::Json => format!("{}\n", check_json(files.len(), &owned(), sources, connected)),
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
