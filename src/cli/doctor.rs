//! `opsc doctor HOSTS`, and `opsc inv status HOSTS`, which says it in a line a host.

use super::args::{Format, Global};
use super::args_hosts::HostsCommand;
use super::inv::open_with_inventory;
use super::output::Output;
use super::run::connect_options;
use crate::app::doctor::{examine_all, root_of};
use crate::app::limits::parse_limit;
use crate::app::workspace::Workspace;
use crate::report::examination::{Examination, examination_json, examination_text, status_line};

/// A host and what was found.
pub(super) type Examined = Vec<(String, Examination)>;

pub fn run(command: &HostsCommand, global: &Global, output: &mut Output) -> i32 {
    let mut workspace = match open_with_inventory(global, output) {
        Ok(workspace) => workspace,
        Err(code) => return code,
    };
    match examined(&mut workspace, command, output) {
        Ok(found) => show(&found, command.output, output, examination_text),
        Err(code) => code,
    }
}

pub(super) fn status(workspace: &mut Workspace, command: &HostsCommand, output: &mut Output) -> i32 {
    match examined(workspace, command, output) {
        Ok(found) => {
            let width = found.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
            show(&found, command.output, output, |name, found, colour| status_line(name, width, found, colour))
        }
        Err(code) => code,
    }
}

fn examined(workspace: &mut Workspace, command: &HostsCommand, output: &mut Output) -> Result<Examined, i32> {
    let options = connect_options(&command.connection, workspace, output)?;
    let forks = command.connection.forks.or(workspace.settings.count("forks")).unwrap_or(1);
    let inventory = workspace.inventory();
    let found = parse_limit(&command.hosts, workspace)
        .and_then(|hosts| examine_all(&inventory, &root_of(&inventory, &hosts), &options, forks));
    let found = found.map_err(|error| output.fail(&error, Some(&workspace.sources)))?;
    Ok(found.into_iter().map(|(host, found)| (inventory.hosts.at(host).name.clone(), found)).collect())
}

fn show(
    found: &Examined,
    format: Format,
    output: &mut Output,
    text: impl Fn(&str, &Examination, bool) -> String,
) -> i32 {
    if format == Format::Json {
        let hosts: serde_json::Value = found.iter().map(|(name, found)| examination_json(name, found)).collect();
        output.print(&format!("{hosts:#}\n"));
    } else {
        for (name, found) in found {
            output.print(&text(name, found, output.colour));
        }
    }
    exit_code(found)
}

pub(super) fn exit_code(found: &Examined) -> i32 {
    match found {
        _ if found.iter().any(|(_, found)| !found.reached) => 20,
        _ if found.iter().any(|(_, found)| !found.is_well()) => 21,
        _ => 0,
    }
}
