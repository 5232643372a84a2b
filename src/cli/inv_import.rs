//! `opsc inv import ansible|csv|tofu`: the inventory of another tool as text of `inventory.yaml`.

use std::path::{Path, PathBuf};

use super::args_hosts::{ImportCommand, ImportFrom, ImportTo};
use super::config::find_project;
use super::output::Output;
use crate::app::AppError;
use crate::app::auditing::Audit;
use crate::app::files::{expect_new, read_text, write_text};
use crate::app::importing::{import_ansible, import_csv, import_tofu};
use crate::base::words;
use crate::inventory::csv::Reading;

pub(super) fn run(command: &ImportCommand, output: &mut Output) -> i32 {
    let (ImportFrom::Ansible { to, .. } | ImportFrom::Csv { to, .. } | ImportFrom::Tofu { to, .. }) = &command.from;
    let ImportTo { save, force } = to;
    if let Some(Err(error)) = save.as_ref().map(|path| expect_new(path, *force)) {
        return output.fail(&error, None);
    }
    let imported = match &command.from {
        ImportFrom::Ansible { paths, .. } => import_ansible(paths),
        ImportFrom::Csv { path, map, delimiter, .. } => {
            import_csv(path, &Reading { map: map.clone(), delimiter: *delimiter })
        }
        ImportFrom::Tofu { path, private, .. } => import_tofu(path, *private),
    };
    let imported = match imported {
        Ok(imported) => imported,
        Err(error) => return output.fail(&error, None),
    };
    for warning in &imported.warnings {
        output.complain(&format!("warning: {warning}\n"));
    }
    match save {
        None => output.print(&imported.text),
        Some(path) => {
            if let Err(error) = save_as(path, command.from.paths(), &imported.text) {
                return output.fail(&error, None);
            }
            output.say(&format!("wrote {}\n", path.display()));
        }
    }
    let (hosts, groups) = (words::count(imported.hosts, "host"), words::count(imported.groups, "group"));
    output.say(&format!("imported {hosts} in {groups}, {}\n", words::count(imported.warnings.len(), "warning")));
    0
}

/// The audit has the hash of what was there.
fn save_as(path: &Path, from: &[PathBuf], text: &str) -> Result<(), AppError> {
    let audit = Audit::open(&find_project(Path::new(".")))?;
    let before = if path.exists() { Some(read_text(path)?) } else { None };
    write_text(path, text)?;
    audit.imported(from, path, before.as_deref(), text)
}
