//! Changes of the inventory's files: what they would be is loaded and checked first, then all of them are put in place.

use std::path::{Path, PathBuf};

use super::errors::AppError;
use super::files::{alone_in, beside, read_text};
use super::running::in_project;
use super::workspace::Workspace;
use crate::base::ids::FileId;
use crate::base::source::Sources;
use crate::diag::Diagnostic;
use crate::hir::world::Tls;
use crate::inventory::{self, Layers, edit};

/// A file that changes.
pub struct Edited {
    /// Links followed: what is written is the file that they lead to.
    path: PathBuf,
    pub shown: String,
    pub before: String,
    pub after: String,
}

/// Why a change is not made, with the texts that it would have made.
pub struct Refused {
    pub error: AppError,
    pub sources: Sources,
}

/// What a change makes of the inventory's files; `chosen` is the one that something new goes to.
pub fn prepare(
    workspace: &Workspace,
    chosen: Option<&Path>,
    change: &edit::Change,
) -> Result<Vec<Edited>, Box<Refused>> {
    let refuse = |error| Box::new(Refused { error, sources: Sources::new() });
    let files = &workspace.inventory_files;
    if files.is_empty() {
        let searched = ["inventory.yaml", "inventory"].map(|name| workspace.project.root.join(name)).to_vec();
        return Err(refuse(AppError::NoInventory { searched }));
    }
    refuse_missing_file(workspace, change).map_err(refuse)?;
    let chosen = chosen.map(|path| chosen_file(workspace, path)).transpose().map_err(refuse)?;
    let ids: Vec<FileId> = files.iter().map(|(_, file)| *file).collect();
    let changed = edit::edit(&workspace.sources, &ids, chosen, change)
        .map_err(|refusal| refuse(AppError::NotEdited { reason: refusal.reason, hint: refusal.hint }))?;
    check(workspace, &ids, &changed)?;
    let edited = changed.into_iter().map(|(file, after)| {
        let path = files.iter().find(|(_, id)| *id == file).map(|(path, _)| path.clone()).unwrap_or_default();
        let source = workspace.sources.get(file);
        let path = path.canonicalize().map_err(|error| AppError::Read { path, error })?;
        Ok(Edited { path, shown: source.path.clone(), before: source.text.clone(), after })
    });
    edited.collect::<Result<_, AppError>>().map_err(refuse)
}

/// A file that a setting names must be there when it is said; whoever reads the inventory elsewhere may lack it.
fn refuse_missing_file(workspace: &Workspace, change: &edit::Change) -> Result<(), AppError> {
    let named = match change {
        edit::Change::Set { key, value, .. } => value.iter().map(|value| (key.as_str(), value.as_str())).collect(),
        edit::Change::Add { settings, .. } => {
            settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
        }
        edit::Change::Remove { .. } => Vec::new(),
    };
    for (key, value) in named {
        let file = match (key, Tls::parse(value)) {
            ("tls", Some(Tls::Authorities(file))) => file,
            ("certificate", _) => value.to_string(),
            _ => continue,
        };
        if !in_project(&workspace.project.root, &file).exists() {
            let reason = format!("`{key}` names the file `{file}`, which is not there");
            let hint = Some("a path is looked for from the project's folder, `~/` is your home".to_string());
            return Err(AppError::NotEdited { reason, hint });
        }
    }
    Ok(())
}

fn chosen_file(workspace: &Workspace, path: &Path) -> Result<FileId, AppError> {
    let wanted = path.canonicalize().map_err(|error| AppError::Read { path: path.to_path_buf(), error })?;
    let files = &workspace.inventory_files;
    let found = files.iter().find(|(path, _)| path.canonicalize().is_ok_and(|path| path == wanted));
    found.map(|(_, file)| *file).ok_or_else(|| {
        let names: Vec<&str> = files.iter().map(|(_, file)| workspace.sources.get(*file).path.as_str()).collect();
        AppError::NotEdited {
            reason: format!("`{}` is no file of the inventory", path.display()),
            hint: Some(format!("its files are {}", names.join(", "))),
        }
    })
}

/// The whole inventory as it would be.
fn check(workspace: &Workspace, files: &[FileId], changed: &[(FileId, String)]) -> Result<(), Box<Refused>> {
    let mut sources = Sources::new();
    let texts: Vec<FileId> = files
        .iter()
        .map(|file| {
            let source = workspace.sources.get(*file);
            let text = changed.iter().find(|(id, _)| id == file).map_or(&source.text, |(_, text)| text);
            sources.add(source.path.clone(), text.clone())
        })
        .collect();
    let answers: Vec<FileId> = workspace
        .answers
        .iter()
        .map(|(_, file)| {
            let source = workspace.sources.get(*file);
            sources.add(source.path.clone(), source.text.clone())
        })
        .collect();
    let layers = Layers { answers: &answers, files: &texts };
    let (_, diagnostics) = inventory::load_layers(&sources, &layers);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(Box::new(Refused { error: AppError::Diagnostics { diagnostics }, sources }));
    }
    Ok(())
}

/// Puts the texts in the place of the files, with their rights; none of them, if one was changed by another meanwhile.
pub fn write(files: &[Edited]) -> Result<(), AppError> {
    let mut staged = Vec::new();
    let folder = files.first().and_then(|file| file.path.parent()).filter(|folder| !folder.as_os_str().is_empty());
    let _alone = alone_in(folder.unwrap_or(Path::new(".")))?;
    let made = files.iter().try_for_each(|file| stage(file).map(|neighbour| staged.push((neighbour, file))));
    let done = made.and_then(|()| {
        staged.iter().try_for_each(|(neighbour, file)| {
            std::fs::rename(neighbour, &file.path).map_err(|error| AppError::Write { path: file.path.clone(), error })
        })
    });
    if done.is_err() {
        // What was put in place already has no neighbour any more.
        staged.iter().for_each(|(neighbour, _)| drop(std::fs::remove_file(neighbour)));
    }
    done
}

/// The new text beside the file.
fn stage(file: &Edited) -> Result<PathBuf, AppError> {
    if read_text(&file.path)? != file.before {
        return Err(AppError::NotEdited {
            reason: format!("`{}` was changed by another meanwhile; nothing was written", file.shown),
            hint: Some("try again".to_string()),
        });
    }
    let refuse = |error| AppError::Write { path: file.path.clone(), error };
    let neighbour = beside(&file.path);
    let rights = std::fs::metadata(&file.path).map_err(refuse)?.permissions();
    std::fs::write(&neighbour, &file.after).map_err(refuse)?;
    std::fs::set_permissions(&neighbour, rights).map_err(refuse)?;
    Ok(neighbour)
}
