//! `opsc plan --save` and `opsc run x.plan`: a plan that was looked at, run as it was shown or not at all.

use std::path::Path;

use super::args::{Allowed, Global, PlanCommand, RunCommand, Selection, SourcesWhen};
use super::asked::Asked;
use super::config::{find_project, load_settings};
use super::output::Output;
use super::plan::make_plan;
use super::run::{How, Session, carry_out, connect_options};
use crate::app::AppError;
use crate::app::execution::now;
use crate::app::planning::Planned;
use crate::app::project::Project;
use crate::app::saved_plans::{ENDING, SavedFile, SavedPlan, Terms};
use crate::app::workspace::Workspace;
use crate::report::prediction_text::{exit_code, prediction_text};
use crate::run::predict::Prediction;
use crate::state::PlanFile;

/// Whether `opsc run` is given a saved plan.
pub(super) fn is_saved(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == ENDING)
}

/// Writes what was just shown. What a run would fail at right away is no plan to agree to.
pub(super) fn save(
    (command, path): (&PlanCommand, &Path),
    (workspace, planned): (&Workspace, &Planned),
    predictions: Option<&[Prediction]>,
    global: &Global,
    output: &mut Output,
) -> Result<(), i32> {
    let code = predictions.map_or(0, exit_code);
    if code != 0 {
        output.complain(&format!("`{}` is not written: the plan above cannot be carried out\n", path.display()));
        return Err(code);
    }
    let asked = Asked::new(&command.selection, planned, &command.connection, global);
    // Paths below a project are the same in every checkout of it.
    let asked = if workspace.project.found { asked.relative_to(&workspace.project.root) } else { asked };
    let request = asked.to_value().unwrap_or_default();
    let expires = command.expires.map(|time| now().saturating_add(time));
    SavedPlan::new(planned, request, predictions, Terms { expires, once: command.once })
        .and_then(|saved| saved.write(path))
        .map_err(|error| output.fail(&error, None))?;
    let how = if predictions.is_some() { "" } else { ", without what the hosts say" };
    output.say(&format!("saved{how}; `opsc run {}` runs exactly this\n", path.display()));
    Ok(())
}

pub(super) fn run(command: &RunCommand, global: &Global, output: &mut Output) -> i32 {
    run_saved(command, global, output).unwrap_or_else(|code| code)
}

fn run_saved(command: &RunCommand, global: &Global, output: &mut Output) -> Result<i32, i32> {
    let path = &command.selection.file;
    let refuse = |error: AppError, output: &mut Output| output.fail(&error, None);
    if let Some(flag) = flag_of(&command.selection, global) {
        let reason = format!("`{flag}` would make another plan of `{}`, which is run as it was saved", path.display());
        return Err(refuse(AppError::NotASavedPlan { reason }, output));
    }
    let file = SavedFile::read(path).map_err(|error| refuse(error, output))?;
    let plan_file = expect_usable(&file, command).map_err(|error| refuse(error, output))?;
    let saved = &file.saved;
    let unread = || AppError::NotASavedPlan { reason: format!("what `{}` asks for is not readable", path.display()) };
    let asked = Asked::from_value(saved.request.clone()).ok_or_else(|| refuse(unread(), output))?;
    let asked = asked.below(&project_of(path).root);
    // However young the last answer is: what was agreed to holds only while the sources say the same.
    let global = Global { sources: Some(SourcesWhen::Ask), ..asked.global(global) };
    let connection = asked.connection(&command.connection);
    let (workspace, planned) = make_plan(asked.selection(), &global, output)?;
    saved.refuse_another(path, &planned).map_err(|error| refuse(error, output))?;
    if saved.has_predictions() {
        let options = connect_options(&connection, &workspace, output)?;
        let found = Session::new(&planned, &workspace, &options)
            .predict(&connection, false)
            .map_err(|error| refuse(error, output))?;
        saved.refuse_drift(path, &found).map_err(|error| refuse(error, output))?;
        if command.dry_run {
            output.print(&prediction_text(&found, output.colour));
            return Ok(exit_code(&found));
        }
    }
    // Who saved it has agreed to it.
    let how = How {
        dry_run: command.dry_run,
        diff: command.diff,
        request: asked.to_json(),
        plan_file: Some(plan_file),
        require_signed: command.require_signed,
        ..How::new(&connection, true, command.output)
    };
    Ok(carry_out(&workspace, &planned, &how, &global, output))
}

/// Signed where it must be, not too old, and not used up: all that is to be known before a host or a source is asked.
fn expect_usable(file: &SavedFile, command: &RunCommand) -> Result<PlanFile, AppError> {
    let path = &command.selection.file;
    let project = project_of(path);
    let settings = load_settings(&project)?;
    let to_be_signed = command.require_signed || settings.demands_signature(file.saved.level());
    let plan_file = file.plan_file(path, settings.approvers(), to_be_signed)?;
    file.saved.refuse_expired(path, now())?;
    file.refuse_used_up(&project, &plan_file)?;
    Ok(plan_file)
}

/// The project that somebody stands in; else the one that the file lies in.
fn project_of(path: &Path) -> Project {
    let here = find_project(Path::new("."));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !here.found => find_project(folder),
        _ => here,
    }
}

/// What was given beside the file and would change the plan.
fn flag_of(selection: &Selection, global: &Global) -> Option<&'static str> {
    let Selection { file: _, playbook, variables, variable_files, limit, tags, skip_tags, from, allow } = selection;
    let Allowed { allow_destroy, allow_inactive } = allow;
    let given = [
        (playbook.is_some(), "--playbook"),
        (!variables.is_empty(), "-e"),
        (!variable_files.is_empty(), "--var-file"),
        (limit.is_some(), "--limit"),
        (!tags.is_empty(), "--tags"),
        (!skip_tags.is_empty(), "--skip-tags"),
        (from.is_some(), "--from"),
        (*allow_destroy, "--allow-destroy"),
        (*allow_inactive, "--allow-inactive"),
        (!global.inventory.is_empty(), "--inventory"),
    ];
    given.into_iter().find_map(|(is_given, flag)| is_given.then_some(flag))
}
