//! What a test chooses and a plan refuses, as mistakes at their places in the test. Knows nothing of runs.

use super::limits::parse_limit;
use super::planning::choose_playbook;
use super::test_file::{Hosts, Placed, Setting};
use super::workspace::{Checked, Workspace};
use crate::base::ids::FileId;
use crate::diag::Diagnostic;
use crate::eval::parse::convert_input;
use crate::hir::program::Playbook;
use crate::hir::types::Type;
use crate::hir::value::Value;
use crate::inventory::errors::InventoryError;

/// Every mistake in `inventory:`, or else in `playbook:`, `vars:` and `limit:`. What is wrong in other files is none.
pub(super) fn mistakes(
    setting: &Setting,
    checked: &Checked,
    workspace: &mut Workspace,
    test: FileId,
) -> Vec<Diagnostic> {
    if workspace.inventory_diagnostics.iter().any(Diagnostic::is_error) {
        let is_here = matches!(setting.inventory, Some(Hosts::Here(_)));
        return if is_here { of_inventory(workspace, test) } else { Vec::new() };
    }
    let Some(program) = checked.program.as_ref().filter(|_| !checked.has_errors()) else { return Vec::new() };
    let mut errors = Vec::new();
    let name = setting.playbook.as_ref();
    match (choose_playbook(program, &checked.path, name.map(|name| name.value.as_str())), name) {
        (Ok(playbook), _) => {
            errors.extend(setting.vars.iter().filter_map(|(name, value)| of_var(name, value, playbook, workspace)));
        }
        (Err(_), Some(name)) => {
            let known = program.playbooks.iter().map(|playbook| playbook.name.clone()).collect();
            let (found, span) = (name.value.clone(), name.span);
            errors.push(InventoryError::NotOneOf { key: "playbook", known, found, span });
        }
        // Several, and none is named.
        (Err(_), None) => {}
    }
    if let Some(limit) = &setting.limit
        && let Err(error) = parse_limit(&limit.value, workspace)
    {
        let why = error.diagnostics().first().map(|first| format!(": {}", first.message)).unwrap_or_default();
        errors.push(InventoryError::Unfit { reason: format!("{error}{why}"), span: limit.span });
    }
    errors.iter().map(InventoryError::diagnostic).collect()
}

fn of_var(name: &Placed<String>, value: &Value, playbook: &Playbook, workspace: &Workspace) -> Option<InventoryError> {
    let (found, span) = (name.value.clone(), name.span);
    let Some(param) = playbook.params.iter().find(|param| param.name == found) else {
        let known = playbook.params.iter().map(|param| param.name.clone()).collect();
        return Some(InventoryError::NotOneOf { key: "a parameter", known, found, span });
    };
    // What these name is looked for when the plan is made.
    if matches!(param.ty.core(), Type::File | Type::Folder) {
        return None;
    }
    let error = convert_input(value, &param.ty, &workspace.inventory()).err()?;
    Some(InventoryError::Unfit { reason: format!("the value given for `{found}` does not fit: {error}"), span })
}

/// Findings in an inventory that stands in a file of tests, at their places there.
fn of_inventory(workspace: &Workspace, file: FileId) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> =
        workspace.inventory_diagnostics.iter().filter(|found| found.is_error()).cloned().collect();
    for diagnostic in &mut found {
        diagnostic.fix = None;
        diagnostic.primary.span.file = file;
        diagnostic.labels.iter_mut().for_each(|label| label.span.file = file);
    }
    found
}
