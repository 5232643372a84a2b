//! `opsc do` and `opsc exec`: one action on some hosts, written as a playbook of one step, so that every check applies to it.

use std::path::Path;

use super::errors::AppError;
use super::limits::parse_limit;
use super::planning::{Allow, PlanOptions, Planned, plan_checked};
use super::workspace::Workspace;
use crate::base::near::nearest;
use crate::hir::program::Action;
use crate::hir::types::{Os, Type};
use crate::hir::value::Value;
use crate::hir::world::{Host, LaneKind};
use crate::shell::error::ShellError;
use crate::shell::quote::{cmd_line, quote};

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

/// One command, as typed.
pub struct Exec<'a> {
    pub words: &'a [String],
    pub effect: &'a str,
    pub limit: &'a str,
    pub as_root: bool,
    pub allow: Allow,
}

/// What understands a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    PosixShell,
    /// Whatever answers there.
    Raw,
    Cmd,
}

impl Reader {
    fn of(host: &Host) -> Reader {
        match host.os {
            Some(Os::Windows) => Reader::Cmd,
            _ if host.connection.lane == LaneKind::Raw => Reader::Raw,
            _ => Reader::PosixShell,
        }
    }

    /// One word is a line, as people type it; several are a program and its arguments, each as it is.
    fn line(self, words: &[String]) -> Result<String, ShellError> {
        match words {
            [line] => Ok(line.clone()),
            words if self == Reader::Cmd => cmd_line(words),
            // As ssh does it: nobody there is sure to know what a quote is.
            words if self == Reader::Raw => Ok(words.join(" ")),
            words => Ok(words.iter().map(|word| quote("CMD", word)).collect::<Result<Vec<_>, _>>()?.join(" ")),
        }
    }

    fn step(self, words: &[String], effect: &str) -> Result<String, ShellError> {
        let (line, effect) = (self.line(words)?, Value::string(effect).literal());
        Ok(match self {
            Reader::PosixShell => format!("shell.run(script: sh{}, effect: {effect})", script(&line)),
            Reader::Raw | Reader::Cmd => {
                format!("shell.raw(line: {}, effect: {effect})", Value::string(line).literal())
            }
        })
    }
}

/// Plans a command on the hosts of a limit: a shell script, a line as it is where no shell would read it, and on Windows a
/// line of cmd.exe.
pub fn plan_exec(workspace: &mut Workspace, exec: &Exec<'_>) -> Result<Planned, AppError> {
    let hosts = parse_limit(exec.limit, workspace)?;
    let inventory = workspace.inventory();
    let of = |reader: Reader| {
        let hosts = hosts.iter().map(|host| inventory.hosts.at(*host));
        hosts.filter(|host| Reader::of(host) == reader).map(|host| host.name.as_str()).collect::<Vec<_>>()
    };
    if exec.as_root && !of(Reader::Cmd).is_empty() {
        return Err(AppError::NoRootOnWindows);
    }
    if let (true, Some(host)) = (exec.as_root, of(Reader::Raw).first()) {
        return Err(AppError::NoRootWithoutShell { host: (*host).to_string() });
    }
    let mut blocks = String::new();
    for reader in [Reader::PosixShell, Reader::Raw, Reader::Cmd] {
        let hosts = of(reader);
        if !hosts.is_empty() {
            let unquotable = |error: ShellError| AppError::BadCommand { reason: error.to_string() };
            let step = reader.step(exec.words, exec.effect).map_err(unquotable)?;
            // A command is for all of the hosts, whatever becomes of some.
            let all = format!("max_failures: {}", hosts.len());
            blocks.push_str(&block(&hosts, &options(exec.as_root, Some(&all)), &step));
        }
    }
    let admin = if exec.as_root { "admin, " } else { "" };
    let text = format!("ops 1\n\nplaybook adhoc() ! {}, {admin}exec {{\n{blocks}}}\n", exec.effect);
    let checked = workspace.check_text(Path::new("<do>"), text);
    plan_checked(workspace, checked, &PlanOptions { allow: exec.allow, ..PlanOptions::default() })
}

fn options(as_root: bool, more: Option<&str>) -> String {
    let options: Vec<&str> = as_root.then_some("as: \"root\"").into_iter().chain(more).collect();
    if options.is_empty() { String::new() } else { format!(" ({})", options.join(", ")) }
}

fn block(hosts: &[&str], options: &str, step: &str) -> String {
    let sets: Vec<String> = hosts.iter().map(|name| format!("host({})", Value::string(*name).literal())).collect();
    format!("  on {}{options} {{\n    {step}\n  }}\n", sets.join(" + "))
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
    Ok(format!("ops 1\n\nplaybook adhoc() ! {row} {{\n{}}}\n", block(hosts, &options(adhoc.as_root, None), &step)))
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
