//! `-l`: names, globs and comma lists, or a selector expression of the language, judged by the compiler like any other.

use std::path::Path;

use super::errors::AppError;
use super::workspace::Workspace;
use crate::base::ids::HostId;
use crate::diag::Diagnostic;
use crate::hir::value::Value;
use crate::inventory;
use crate::plan::inputs::{self, Inputs};

/// The hosts that a limit chooses, in inventory order; at least one.
pub fn parse_limit(text: &str, workspace: &mut Workspace) -> Result<Vec<HostId>, AppError> {
    let hosts = if is_expression(text) {
        select(text, workspace)?
    } else {
        inventory::limit(text, &workspace.inventory()).map_err(|error| bad(text, error.to_string()))?
    };
    if hosts.is_empty() { Err(bad(text, inventory::LimitError::Empty.to_string())) } else { Ok(hosts) }
}

/// No host, group or glob has a parenthesis, and every selector has.
fn is_expression(text: &str) -> bool {
    text.contains('(')
}

/// The value of a parameter with this default.
pub fn select(text: &str, workspace: &mut Workspace) -> Result<Vec<HostId>, AppError> {
    let program = format!("ops 1\n\nplaybook limit(\n  chosen: hosts(0..) =\n{text}\n) ! read {{\n}}\n");
    let checked = workspace.check_text(Path::new("<limit>"), program);
    let playbook = checked.program.as_ref().and_then(|program| program.playbooks.first());
    let Some(playbook) = playbook.filter(|_| !checked.has_errors()) else {
        let diagnostics: Vec<Diagnostic> = checked.diagnostics.into_iter().filter(Diagnostic::is_error).collect();
        return Err(AppError::Limit { text: text.to_string(), diagnostics });
    };
    let values = inputs::resolve(playbook, &workspace.inventory(), &Inputs::default())
        .map_err(|refusal| AppError::Limit { text: text.to_string(), diagnostics: refusal.diagnostics })?;
    match values.into_iter().next() {
        Some((_, Value::Hosts(hosts))) => Ok(hosts),
        Some((_, Value::Host(host))) => Ok(vec![host]),
        _ => Ok(Vec::new()),
    }
}

fn bad(text: &str, reason: String) -> AppError {
    AppError::BadLimit { text: text.to_string(), reason }
}
