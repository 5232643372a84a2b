//! `opsc do`: one action on some hosts, written as a playbook of one step, so that every check applies to it.

use std::path::Path;

use super::errors::AppError;
use super::planning::{PlanOptions, Planned, parse_limit, plan_checked};
use super::workspace::Workspace;
use crate::base::near::nearest;
use crate::hir::program::Action;
use crate::hir::types::Type;
use crate::hir::value::Value;

/// Plans an action with `name=value` arguments on the hosts of a limit.
pub fn plan_action(
    workspace: &mut Workspace,
    name: &str,
    arguments: &[String],
    limit: &str,
    allow_destroy: bool,
) -> Result<Planned, AppError> {
    let (program, diagnostics) = workspace.catalogue();
    if diagnostics.iter().any(crate::diag::Diagnostic::is_error) {
        return Err(AppError::Diagnostics { diagnostics });
    }
    let Some(action) = program.actions.values().find(|action| action.name == name) else {
        let known = program.actions.values().map(|action| action.name.as_str());
        return Err(AppError::UnknownAction { name: name.to_string(), near: nearest(name, known).map(str::to_string) });
    };
    let inventory = workspace.inventory();
    let hosts = parse_limit(limit, &inventory)?;
    let names: Vec<&str> = hosts.iter().map(|host| inventory.hosts.at(*host).name.as_str()).collect();
    let text = playbook_text(action, arguments, &names)?;
    let checked = workspace.check_text(Path::new("<do>"), text);
    plan_checked(workspace, checked, &PlanOptions { allow_destroy, ..PlanOptions::default() })
}

fn playbook_text(action: &Action, arguments: &[String], hosts: &[&str]) -> Result<String, AppError> {
    let mut written = Vec::new();
    for argument in arguments {
        let (name, value) = argument.split_once('=').ok_or_else(|| AppError::BadVariable { text: argument.clone() })?;
        let ty = action.params.iter().find(|param| param.name == name).map(|param| &param.ty);
        written.push(format!("{name}: {}", literal(value, ty)));
    }
    let mut row = action.row;
    if let Some(index) = action.effect_param {
        let label = action.params.get(index).map(|param| param.name.as_str()).unwrap_or_default();
        let given = arguments.iter().filter_map(|argument| argument.split_once('=')).find(|(name, _)| *name == label);
        row.level = given.and_then(|(_, level)| crate::hir::effect::Level::parse(level)).unwrap_or(row.level);
    }
    let step = format!("{}({})", action.name, written.join(", "));
    let sets: Vec<String> = hosts.iter().map(|host| format!("host({})", Value::string(*host).literal())).collect();
    let body = if action.is_controller() { step } else { format!("on {} {{\n    {step}\n  }}", sets.join(" + ")) };
    Ok(format!("ops 1\n\nplaybook adhoc() ! {row} {{\n  {body}\n}}\n"))
}

/// A command line text in the language: quoted unless the parameter's type is written bare.
fn literal(text: &str, ty: Option<&Type>) -> String {
    let quoted = |text: &str| Value::string(text).literal();
    match ty.map(Type::core) {
        Some(Type::Int | Type::Float | Type::Bool | Type::Duration | Type::Size | Type::Percent) => text.to_string(),
        Some(Type::List(item)) => {
            let items: Vec<String> = text.split(',').map(|each| literal(each.trim(), Some(item.as_ref()))).collect();
            format!("[{}]", items.join(", "))
        }
        Some(Type::File) => format!("file({})", quoted(text)),
        Some(Type::Script) => format!("sh{}", script(text)),
        Some(Type::Union(members)) if members.iter().all(|member| matches!(member, Value::Int(_))) => text.to_string(),
        _ => quoted(text),
    }
}

/// In a one-line script only quotes and backslashes are escaped.
fn script(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
