//! Where a project's things lie: the root with `opsc.toml`, inventory, actions and state. Reads no content.

use std::path::{Path, PathBuf};

use super::errors::AppError;

/// A user's project, or the place where none is.
#[derive(Clone, Debug)]
pub struct Project {
    /// The folder of `opsc.toml`, or the working folder.
    pub root: PathBuf,
    /// Whether `opsc.toml` was found.
    pub found: bool,
    /// Where the journal lives.
    pub state: PathBuf,
}

impl Project {
    /// Looks upwards from a folder for `opsc.toml`. `state_home` is `$XDG_STATE_HOME` or its default.
    pub fn find(start: &Path, state_home: &Path) -> Project {
        let root = start.ancestors().find(|folder| folder.join("opsc.toml").is_file());
        match root {
            Some(root) => Project { root: root.to_path_buf(), found: true, state: root.join(".opsc") },
            None => Project { root: start.to_path_buf(), found: false, state: state_home.join("opsc") },
        }
    }

    /// The inventory files: those named, else `inventory.yaml` or the files of `inventory/`, else none.
    pub fn inventory_files(&self, named: &[PathBuf]) -> Result<Vec<PathBuf>, AppError> {
        let defaults = [self.root.join("inventory.yaml"), self.root.join("inventory")];
        let chosen: Vec<PathBuf> =
            if named.is_empty() { defaults.into_iter().filter(|path| path.exists()).collect() } else { named.to_vec() };
        let mut files = Vec::new();
        for path in chosen {
            if path.is_dir() {
                files.extend(files_with_extension(&path, &["yaml", "yml"])?);
            } else {
                files.push(path);
            }
        }
        Ok(files)
    }

    /// `actions/*.ops`: ambient like the standard library.
    pub fn action_files(&self) -> Result<Vec<PathBuf>, AppError> {
        let folder = self.root.join("actions");
        if folder.is_dir() { files_with_extension(&folder, &["ops"]) } else { Ok(Vec::new()) }
    }

    pub fn journal(&self) -> PathBuf {
        self.state.join("journal.sqlite")
    }
}

/// Files of one folder with one of these endings, by name.
fn files_with_extension(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, AppError> {
    let entries = std::fs::read_dir(folder).map_err(|error| AppError::Read { path: folder.to_path_buf(), error })?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| AppError::Read { path: folder.to_path_buf(), error })?.path();
        let wanted =
            path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| extensions.contains(&ending));
        if wanted && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// All `*.ops` files below these paths; hidden folders and `target` are passed over. None at all is an error.
pub fn ops_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, AppError> {
    files_below(paths, &["ops"], &|_| true)
}

/// The same of files with one of these endings that are wanted; a file that is named is.
pub fn files_below(
    paths: &[PathBuf],
    extensions: &[&str],
    is_wanted: &dyn Fn(&Path) -> bool,
) -> Result<Vec<PathBuf>, AppError> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut found = Vec::new();
            collect_files(path, extensions, &mut found)?;
            files.extend(found.into_iter().filter(|path| is_wanted(path)));
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    files.dedup();
    if files.is_empty() { Err(AppError::NoFiles { searched: paths.to_vec() }) } else { Ok(files) }
}

fn collect_files(folder: &Path, extensions: &[&str], files: &mut Vec<PathBuf>) -> Result<(), AppError> {
    files.extend(files_with_extension(folder, extensions)?);
    let entries = std::fs::read_dir(folder).map_err(|error| AppError::Read { path: folder.to_path_buf(), error })?;
    for entry in entries {
        let entry = entry.map_err(|error| AppError::Read { path: folder.to_path_buf(), error })?;
        let name = entry.file_name();
        let passed_over = name.to_string_lossy().starts_with('.') || name == "target" || name == "node_modules";
        // A link to a folder is not followed, so that a loop of links cannot trap the walk.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && !passed_over {
            collect_files(&entry.path(), extensions, files)?;
        }
    }
    Ok(())
}
