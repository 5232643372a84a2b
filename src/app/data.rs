//! Data files that the playbooks of a file load. Read with the check, so that a wrong one is found by CI.

use std::collections::BTreeMap;

use super::files::{inside_project, read_text};
use super::workspace::{Checked, Workspace, display_path};
use crate::diag::Diagnostic;
use crate::hir::expr::{ExprKind, Function};
use crate::hir::program::Param;
use crate::hir::value::Value;
use crate::inventory::data::{data, unreadable};

/// Values by playbook and parameter.
pub type Loaded = BTreeMap<(String, String), Value>;

impl Workspace {
    /// Reads every `load("…")` of the program; what is wrong joins the findings.
    pub(super) fn load_data(&mut self, checked: &mut Checked) {
        let Some(program) = &checked.program else { return };
        let mut wanted: Vec<(String, Param, String)> = Vec::new();
        for playbook in &program.playbooks {
            for param in &playbook.params {
                wanted.extend(path_of(param).map(|path| (playbook.name.clone(), param.clone(), path)));
            }
        }
        for (playbook, param, path) in wanted {
            match self.load_one(checked, &param, &path) {
                Ok(value) => {
                    checked.loaded.insert((playbook, param.name), value);
                }
                Err(found) => checked.diagnostics.extend(found),
            }
        }
    }

    fn load_one(&mut self, checked: &Checked, param: &Param, path: &str) -> Result<Value, Vec<Diagnostic>> {
        let span = param.default.as_ref().map_or(param.span, |default| default.span);
        let found = inside_project(&[checked.folder(), &self.project.root], &self.project.root, path);
        let found = found.ok_or_else(|| vec![unreadable(path, None, span)])?;
        let text = read_text(&found).map_err(|error| vec![unreadable(path, Some(&error.to_string()), span)])?;
        let file = self.sources.add(display_path(&found, &self.project), text);
        data(&self.sources, file, (&param.ty, param.span), &self.inventory())
    }
}

fn path_of(param: &Param) -> Option<String> {
    let ExprKind::Call { function: Function::Load, args } = &param.default.as_ref()?.kind else { return None };
    match &args.first()?.kind {
        ExprKind::Literal(Value::String(path)) => Some(path.clone()),
        _ => None,
    }
}
