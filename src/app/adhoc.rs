//! `opsc do`: one action on some hosts, written as a playbook of one step, so that every check applies to it.

use std::path::Path;

use super::errors::AppError;
use super::limits::parse_limit;
use super::planning::{Allow, PlanOptions, Planned, plan_checked};
use super::workspace::Workspace;
use crate::base::ids::HostId;
use crate::base::near::nearest;
use crate::hir::program::Action;
use crate::hir::types::Type;
use crate::hir::value::Value;
use crate::hir::world::LaneKind;
use crate::shell::error::ShellError;
use crate::shell::quote::quote;

/// One step, as typed on the command line.
pub struct Adhoc<'a> {
    pub action: &'a str,
    /// `name=value`.
    pub arguments: &'a [String],
    /// The hosts, as for `-l`.
    pub limit: &'a str,
    pub as_root: bool,
    pub allow: Allow,
}

/// A command line for the hosts of a limit.
pub struct CommandLine<'a> {
    pub line: &'a str,
    pub effect: &'a str,
    pub limit: &'a str,
    pub as_root: bool,
    pub allow: Allow,
}

/// Plans a command line: a step of `shell.run`, or of `shell.raw` where none of the hosts has a POSIX shell.
pub fn plan_command(workspace: &mut Workspace, command: &CommandLine<'_>) -> Result<Planned, AppError> {
    let hosts = parse_limit(command.limit, workspace)?;
    let inventory = workspace.inventory();
    let is_raw = |host: &HostId| inventory.hosts.at(*host).connection.lane == LaneKind::Raw;
    let all_raw = !hosts.is_empty() && hosts.iter().all(is_raw);
    let (action, parameter) = if all_raw { ("shell.raw", "line") } else { ("shell.run", "script") };
    let arguments = [format!("{parameter}={}", command.line), format!("effect={}", command.effect)];
    let &CommandLine { limit, as_root, allow, .. } = command;
    plan_action(workspace, &Adhoc { action, arguments: &arguments, limit, as_root, allow })
}

/// Plans one action on the hosts of a limit.
pub fn plan_action(workspace: &mut Workspace, adhoc: &Adhoc<'_>) -> Result<Planned, AppError> {
    let (program, diagnostics) = workspace.catalogue();
    if diagnostics.iter().any(crate::diag::Diagnostic::is_error) {
        return Err(AppError::Diagnostics { diagnostics });
    }
    let Some(action) = program.actions.values().find(|action| action.name == adhoc.action) else {
        let known = program.actions.values().map(|action| action.name.as_str());
        let near = nearest(adhoc.action, known).map(str::to_string);
        return Err(AppError::UnknownAction { name: adhoc.action.to_string(), near });
    };
    let hosts = parse_limit(adhoc.limit, workspace)?;
    let inventory = workspace.inventory();
    let names: Vec<&str> = hosts.iter().map(|host| inventory.hosts.at(*host).name.as_str()).collect();
    let text = playbook_text(action, adhoc, &names)?;
    let checked = workspace.check_text(Path::new("<do>"), text);
    plan_checked(workspace, checked, &PlanOptions { allow: adhoc.allow, ..PlanOptions::default() })
}

fn playbook_text(action: &Action, adhoc: &Adhoc<'_>, hosts: &[&str]) -> Result<String, AppError> {
    let mut written = Vec::new();
    for argument in adhoc.arguments {
        let (name, value) = argument.split_once('=').ok_or_else(|| AppError::BadVariable { text: argument.clone() })?;
        let ty = action.params.iter().find(|param| param.name == name).map(|param| &param.ty);
        written.push(format!("{name}: {}", literal(value, ty)));
    }
    let mut row = action.row;
    if let Some(index) = action.effect_param {
        let label = action.params.get(index).map(|param| param.name.as_str()).unwrap_or_default();
        let given =
            adhoc.arguments.iter().filter_map(|argument| argument.split_once('=')).find(|(name, _)| *name == label);
        row.level = given.and_then(|(_, level)| crate::hir::effect::Level::parse(level)).unwrap_or(row.level);
    }
    let step = format!("{}({})", action.name, written.join(", "));
    if action.is_controller() {
        return Ok(format!("ops 1\n\nplaybook adhoc() ! {row} {{\n  {step}\n}}\n"));
    }
    row.admin = row.admin || adhoc.as_root;
    let as_root = if adhoc.as_root { " (as: \"root\")" } else { "" };
    let sets: Vec<String> = hosts.iter().map(|host| format!("host({})", Value::string(*host).literal())).collect();
    let on = format!("on {}{as_root}", sets.join(" + "));
    Ok(format!("ops 1\n\nplaybook adhoc() ! {row} {{\n  {on} {{\n    {step}\n  }}\n}}\n"))
}

/// One word is a line for the shell, as people type it; several are a program and its arguments, each as it is.
pub fn command_line(words: &[String]) -> Result<String, ShellError> {
    match words {
        [line] => Ok(line.clone()),
        words => Ok(words.iter().map(|word| quote("CMD", word)).collect::<Result<Vec<_>, _>>()?.join(" ")),
    }
}

/// A command line text in the language: quoted unless the parameter's type is written bare.
fn literal(text: &str, ty: Option<&Type>) -> String {
    let quoted = |text: &str| Value::string(text).literal();
    if ty.is_some_and(Type::is_secret) {
        // On a command line stands where a secret comes from, never a secret.
        return format!("secret({})", quoted(text));
    }
    match ty.map(Type::core) {
        Some(Type::Int | Type::Float | Type::Bool | Type::Duration | Type::Size | Type::Percent) => text.to_string(),
        Some(Type::List(item)) => {
            let items: Vec<String> = text.split(',').map(|each| literal(each.trim(), Some(item.as_ref()))).collect();
            format!("[{}]", items.join(", "))
        }
        Some(Type::File) => format!("file({})", quoted(text)),
        Some(Type::Folder) => format!("folder({})", quoted(text)),
        Some(Type::Script) => format!("sh{}", script(text)),
        Some(Type::Union(members)) if members.iter().all(|member| matches!(member, Value::Int(_))) => text.to_string(),
        _ => quoted(text),
    }
}

/// In a one-line script only quotes and backslashes are escaped; several lines stand as they are.
fn script(text: &str) -> String {
    if text.contains('\n') {
        let lines: String = text.lines().map(|line| format!("      {line}\n")).collect();
        return format!("\"\"\"\n{lines}    \"\"\"");
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
