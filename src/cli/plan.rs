//! `opsc plan` and `opsc graph`.

use std::path::Path;

use super::args::{Allowed, Format, Global, GraphCommand, GraphFormat, PlanCommand, Selection, SourcesWhen};
use super::config::{find_project, load_settings};
use super::output::Output;
use super::run::{Session, connect_options};
use super::saved::save;
use crate::app::AppError;
use crate::app::errors::MissingInput;
use crate::app::planning::{Allow, PlanOptions, Planned, plan_file};
use crate::app::schedules::upcoming;
use crate::app::sources_read::Asking;
use crate::app::workspace::Workspace;
use crate::base::words;
use crate::plan::inputs;
use crate::report;
use crate::report::prediction_text::{exit_code, has_changes, prediction_text};
use crate::run::predict::Prediction;

/// Scheduled times that a plan shows.
const NEXT_TIMES: usize = 3;

/// The workspace of the working folder, or of the folder of a file outside it.
pub fn open_workspace(global: &Global, output: &mut Output) -> Result<Workspace, i32> {
    open_workspace_at(Path::new("."), Asking::WhenOld, global, output)
}

/// The same for a command that does nothing with hosts: no program runs and no server is asked unless somebody says so.
pub(super) fn open_to_read(global: &Global, output: &mut Output) -> Result<Workspace, i32> {
    open_workspace_at(Path::new("."), Asking::Reading, global, output)
}

/// Says that names of hosts are open, where that is for want of an answer.
pub(super) fn warn_unread(workspace: &Workspace, output: &mut Output) {
    if !workspace.unread_sources.is_empty() {
        let names = words::join_and(&workspace.unread_sources);
        output
            .complain(&format!("warning: no answer of the source {names} is kept; names of hosts are not looked up\n"));
        output.complain("hint: `opsc inv refresh` asks it\n");
    }
}

fn open_workspace_at(folder: &Path, otherwise: Asking, global: &Global, output: &mut Output) -> Result<Workspace, i32> {
    let project = find_project(folder);
    let asking = match (&global.pinned, global.sources) {
        (Some(hashes), _) => Asking::Pinned(hashes.clone()),
        (None, None) => otherwise,
        (None, Some(SourcesWhen::Auto)) => Asking::WhenOld,
        (None, Some(SourcesWhen::Kept)) => Asking::Kept,
        (None, Some(SourcesWhen::Ask)) => Asking::Now,
    };
    load_settings(&project)
        .and_then(|settings| Workspace::open_asking(project, settings, &global.inventory, &asking))
        .map_err(|error| output.fail(&error, None))
}

pub(super) fn allowed(flags: &Allowed) -> Allow {
    Allow { destroy: flags.allow_destroy, inactive: flags.allow_inactive }
}

/// Checks and plans the file of a selection; findings are shown, also those that stop nothing.
pub fn make_plan(selection: &Selection, global: &Global, output: &mut Output) -> Result<(Workspace, Planned), i32> {
    let folder = selection.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut workspace = open_workspace_at(folder, Asking::WhenOld, global, output)?;
    let mut options = PlanOptions {
        playbook: selection.playbook.clone(),
        variables: selection.variables.clone(),
        variable_files: selection.variable_files.clone(),
        values: Vec::new(),
        limit: selection.limit.clone(),
        allow: allowed(&selection.allow),
        selection: inputs::Selection {
            tags: selection.tags.clone(),
            skip_tags: selection.skip_tags.clone(),
            from: selection.from.clone(),
        },
    };
    let mut planned = plan_file(&mut workspace, &selection.file, &options);
    if let Err(AppError::Inputs { missing, .. }) = &planned
        && output.may_ask
        && !missing.is_empty()
    {
        options.variables.extend(missing.iter().map(|input| ask(input, output)));
        planned = plan_file(&mut workspace, &selection.file, &options);
    }
    match planned {
        Ok(planned) => {
            output.diagnostics(&planned.diagnostics, &workspace.sources);
            Ok((workspace, planned))
        }
        Err(error) => Err(output.fail(&error, Some(&workspace.sources))),
    }
}

/// `-e name=value`, with the value from the terminal.
fn ask(input: &MissingInput, output: &mut Output) -> String {
    format!("{}={}", input.name, output.ask(&format!("{} ({}): ", input.name, input.ty)))
}

pub fn run(command: &PlanCommand, global: &Global, output: &mut Output) -> i32 {
    let (workspace, planned) = match make_plan(&command.selection, global, output) {
        Ok(made) => made,
        Err(code) => return code,
    };
    let (plan, program, inventory) = (&planned.plan, &planned.program, &planned.inventory);
    if command.list_hosts {
        let names: String = plan.hosts.iter().map(|host| format!("{}\n", inventory.hosts.at(*host).name)).collect();
        output.print(&names);
        return 0;
    }
    match command.output {
        Format::Json => output.print_json(&report::plan_json::plan_json(plan, program, inventory)),
        Format::Text => show(&planned, output),
    }
    let asks =
        !command.offline && (command.output == Format::Text || command.save.is_some() || command.detailed_exitcode);
    let found = match asks.then(|| foresee(command, &workspace, &planned, output)).transpose() {
        Ok(found) => found,
        Err(code) => return code,
    };
    if let Some(path) = &command.save
        && let Err(code) = save((command, path), (&workspace, &planned), found.as_deref(), global, output)
    {
        return code;
    }
    let changes = found.as_deref().is_some_and(|found| has_changes(found, plan));
    let code = found.as_deref().map_or(0, exit_code);
    if code == 0 && command.detailed_exitcode && changes { 2 } else { code }
}

fn show(planned: &Planned, output: &mut Output) {
    let Planned { plan, program, inventory, .. } = planned;
    output.print(&report::plan_text::plan_text(plan, program, inventory, output.colour));
    if let Some(schedule) = &plan.schedule {
        let next = upcoming(schedule, NEXT_TIMES);
        output.print(&format!("next: {}\n", next.join(", ")));
    }
}

/// Asks the hosts, and shows what they say.
fn foresee(
    command: &PlanCommand,
    workspace: &Workspace,
    planned: &Planned,
    output: &mut Output,
) -> Result<Vec<Prediction>, i32> {
    let options = connect_options(&command.connection, workspace, output)?;
    let found = Session::new(planned, workspace, &options)
        .predict(&command.connection, command.diff)
        .map_err(|error| output.fail(&error, None))?;
    if command.output == Format::Text {
        output.print(&format!("\n{}", prediction_text(&found, output.colour)));
    }
    Ok(found)
}

pub fn run_graph(command: &GraphCommand, global: &Global, output: &mut Output) -> i32 {
    match make_plan(&command.selection, global, output) {
        Ok((_, planned)) => {
            let text = match command.output {
                GraphFormat::Dot => report::graph::dot(&planned.plan),
                GraphFormat::Mermaid => report::graph::mermaid(&planned.plan),
            };
            output.print(&text);
            0
        }
        Err(code) => code,
    }
}
