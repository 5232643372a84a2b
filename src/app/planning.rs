//! From a file and options to a plan: choose the playbook, resolve inputs, plan, and say how it was refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::data::Loaded;
use super::errors::{AppError, MissingInput};
use super::files::{ProjectFiles, read_text};
use super::limits::parse_limit;
use super::workspace::{Checked, Workspace, display_path};
use crate::base::ids::StepId;
use crate::diag::Diagnostic;
use crate::eval::parse::InputError;
use crate::hir::effect::Level;
use crate::hir::program::{Param, Playbook, Program};
use crate::hir::types::Type;
use crate::hir::value::Value;
use crate::hir::world::{Inventory, Lifecycle};
use crate::inventory;
use crate::plan::errors::{Refusal, RefusalKind};
use crate::plan::inputs::{Given, Inputs, Selection};
use crate::plan::model::Plan;
use crate::plan::{self, inputs};

/// What a user chose on the command line, as far as a plan depends on it.
#[derive(Clone, Default, Debug)]
pub struct PlanOptions {
    /// Which playbook, where a file holds several.
    pub playbook: Option<String>,
    /// `-e name=value`.
    pub variables: Vec<String>,
    /// `--var-file`: weaker than `-e`, the last of several wins.
    pub variable_files: Vec<PathBuf>,
    /// Of a test; weaker than `-e`.
    pub values: Vec<(String, Value)>,
    /// `-l`.
    pub limit: Option<String>,
    pub allow: Allow,
    /// `--tags`, `--skip-tags`, `--from`.
    pub selection: Selection,
}

/// What is refused unless somebody said that it is meant.
#[derive(Clone, Copy, Default, Debug)]
pub struct Allow {
    /// Losing what no rollback brings back.
    pub destroy: bool,
    /// Changing hosts that are in maintenance or retired.
    pub inactive: bool,
}

/// A plan with everything that running it needs.
pub struct Planned {
    pub plan: Arc<Plan>,
    pub program: Arc<Program>,
    pub inventory: Arc<Inventory>,
    pub files: Arc<ProjectFiles>,
    pub path: PathBuf,
    /// Warnings and notes of the check.
    pub diagnostics: Vec<Diagnostic>,
    pub options: PlanOptions,
    /// What sources of hosts said, by their names and the hashes of their answers.
    pub answers: BTreeMap<String, String>,
}

/// Checks and plans one file. All findings of the check are errors together, before any input is asked for.
pub fn plan_file(workspace: &mut Workspace, path: &Path, options: &PlanOptions) -> Result<Planned, AppError> {
    let checked = workspace.check_file(path)?;
    plan_checked(workspace, checked, options)
}

/// Plans a file that is already checked.
pub fn plan_checked(workspace: &mut Workspace, checked: Checked, options: &PlanOptions) -> Result<Planned, AppError> {
    let mut diagnostics = workspace.inventory_diagnostics.clone();
    diagnostics.extend(checked.diagnostics.iter().cloned());
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(AppError::Diagnostics { diagnostics });
    }
    let mut files = workspace.files_of(&checked);
    let (folder, root) = (checked.folder().to_path_buf(), &workspace.project.root.clone());
    let Some(program) = checked.program else { return Err(AppError::Diagnostics { diagnostics }) };
    let inventory = workspace.inventory();
    let playbook = choose_playbook(&program, &checked.path, options.playbook.as_deref())?;
    let given = given_values(workspace, options)?;
    let inputs = Inputs {
        given: with_files(given, playbook, &mut |ty, name| found_in(&mut files, ty, (&folder, root), name)),
        named: files.named.clone(),
        selection: options.selection.clone(),
        loaded: loaded_of(&checked.loaded, &playbook.name),
        limit: options.limit.as_deref().map(|text| parse_limit(text, workspace)).transpose()?,
    };
    let plan =
        plan::plan(&program, playbook, &inventory, &inputs).map_err(|refusal| refused(refusal, playbook, &inputs))?;
    if !options.allow.destroy {
        refuse_destroy(&plan)?;
    }
    if !options.allow.inactive {
        refuse_inactive(&plan, &inventory)?;
    }
    Ok(Planned {
        plan: Arc::new(plan),
        program: Arc::new(program),
        inventory,
        files: Arc::new(files),
        path: checked.path,
        diagnostics,
        options: options.clone(),
        answers: workspace.answer_hashes(),
    })
}

/// Paths given for parameters of type `file` or `folder`, as what they name; a file that is not there stays a text, which
/// the plan refuses at its place.
fn with_files(
    given: Vec<(String, Given)>,
    playbook: &Playbook,
    find: &mut dyn FnMut(&Type, &str) -> Option<Given>,
) -> Vec<(String, Given)> {
    let type_of = |name: &str| playbook.params.iter().find(|param| param.name == name).map(|param| param.ty.core());
    let mut read = |name: &str, value: Given| {
        let path = match &value {
            Given::Text(text) => Some(text.as_str()),
            Given::Value(value) => value.as_str(),
            Given::Refused(_) => None,
        };
        let found = type_of(name).zip(path).and_then(|(ty, path)| find(ty, path));
        found.unwrap_or(value)
    };
    given
        .into_iter()
        .map(|(name, value)| {
            let value = read(&name, value);
            (name, value)
        })
        .collect()
}

/// What a path given for a parameter of this type names.
fn found_in(files: &mut ProjectFiles, ty: &Type, (folder, root): (&Path, &Path), path: &str) -> Option<Given> {
    match ty {
        Type::File => files.given(folder, root, path).map(|file| Given::Value(Value::File(file))),
        Type::Folder => Some(match files.given_folder(folder, root, path) {
            Ok(found) => Given::Value(Value::Folder(found)),
            Err(fault) => Given::Refused(InputError::BadFolder { path: path.to_string(), fault }),
        }),
        _ => None,
    }
}

fn loaded_of(loaded: &Loaded, playbook: &str) -> BTreeMap<String, Value> {
    let own = loaded.iter().filter(|((of, _), _)| of == playbook);
    own.map(|((_, param), value)| (param.clone(), value.clone())).collect()
}

/// The playbook that runs: the only one, or the one named.
pub fn choose_playbook<'a>(program: &'a Program, path: &Path, name: Option<&str>) -> Result<&'a Playbook, AppError> {
    let names = || program.playbooks.iter().map(|playbook| playbook.name.clone()).collect();
    match (program.playbooks.as_slice(), name) {
        ([], _) => Err(AppError::NoPlaybook { path: path.to_path_buf() }),
        ([only], None) => Ok(only),
        (_, None) => Err(AppError::SeveralPlaybooks { path: path.to_path_buf(), names: names() }),
        (playbooks, Some(name)) => playbooks.iter().find(|playbook| playbook.name == name).ok_or_else(|| {
            AppError::UnknownPlaybook { path: path.to_path_buf(), name: name.to_string(), names: names() }
        }),
    }
}

/// The values of the files, then those of the flags.
fn given_values(workspace: &mut Workspace, options: &PlanOptions) -> Result<Vec<(String, Given)>, AppError> {
    let mut given = Vec::new();
    for path in &options.variable_files {
        let shown = display_path(path, &workspace.project);
        let file = workspace.sources.add(shown, read_text(path)?);
        let variables = inventory::variables(&workspace.sources, file)
            .map_err(|diagnostic| AppError::VariableFile { diagnostics: vec![diagnostic] })?;
        given.extend(variables.into_iter().map(|(name, value)| (name, Given::Value(value))));
    }
    given.extend(options.values.iter().map(|(name, value)| (name.clone(), Given::Value(value.clone()))));
    for text in &options.variables {
        let (name, value) = text.split_once('=').ok_or_else(|| AppError::BadVariable { text: text.clone() })?;
        given.push((name.trim().to_string(), Given::Text(value.to_string())));
    }
    Ok(given)
}

fn refused(refusal: Refusal, playbook: &Playbook, inputs: &Inputs) -> AppError {
    let diagnostics = refusal.diagnostics;
    match refusal.kind {
        RefusalKind::Program => AppError::Diagnostics { diagnostics },
        RefusalKind::Hosts => AppError::Hosts { diagnostics },
        RefusalKind::Inputs => {
            let missing = inputs::missing(playbook, inputs);
            let only_missing = missing.len() == diagnostics.len();
            let named = |param: &&Param| MissingInput { name: param.name.clone(), ty: param.ty.to_string() };
            let missing = if only_missing { missing.iter().map(named).collect() } else { Vec::new() };
            AppError::Inputs { diagnostics, missing }
        }
    }
}

/// Losing data needs an approval before it, or the flag.
fn refuse_destroy(plan: &Plan) -> Result<(), AppError> {
    let approved = |id: StepId| plan.gates.values().any(|gate| gate.before.contains(&id));
    let steps: Vec<String> = plan
        .steps
        .iter()
        .filter(|(id, step)| step.row.level == Level::Destroy && !approved(*id))
        .map(|(_, step)| format!("`{}`", step.name))
        .collect();
    if steps.is_empty() { Ok(()) } else { Err(AppError::DestroyNotAllowed { steps }) }
}

/// Hosts that are out of service are looked at, and not changed by the way.
fn refuse_inactive(plan: &Plan, inventory: &Inventory) -> Result<(), AppError> {
    if plan.row.level == Level::Read {
        return Ok(());
    }
    let inactive =
        plan.hosts.iter().map(|host| inventory.hosts.at(*host)).filter(|host| host.state != Lifecycle::Active);
    let hosts: Vec<String> = inactive.map(|host| format!("{} ({})", host.name, host.state.name())).collect();
    if hosts.is_empty() { Ok(()) } else { Err(AppError::InactiveHosts { hosts }) }
}
