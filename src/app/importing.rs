//! Finds the texts of inventories of other tools: of Ansible its files, and `group_vars` and `host_vars` beside them; tables
//! and states are one file, or piped in. Runs no program and asks no plugin for hosts.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::AppError;
use super::files::{MOST_TEXT_BYTES, read_text};
use crate::base::ids::FileId;
use crate::base::source::Sources;
use crate::inventory::ansible::{self, Imported, Role};
use crate::inventory::csv::{self, Reading};
use crate::inventory::tofu;

/// Endings of files in a folder that are no inventories, as Ansible has them.
const PASSED_OVER: [&str; 12] =
    [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"];
const OF_VARIABLES: [&str; 3] = ["group_vars", "host_vars", "vars_plugins"];
/// In the order in which Ansible looks; the first that is there counts.
const ENDINGS: [&str; 4] = ["", ".yml", ".yaml", ".json"];
/// Folders in folders beyond this are no inventory.
const MOST_DEPTH: usize = 16;

type Texts = Vec<(FileId, Role)>;

/// The inventory that these files and folders make together.
pub fn import_ansible(paths: &[PathBuf]) -> Result<Imported, AppError> {
    let mut sources = Sources::new();
    let mut texts = Texts::new();
    for path in paths {
        collect(path, 0, &mut sources, &mut texts)?;
    }
    if texts.is_empty() {
        return Err(AppError::NotImported { refusals: vec!["there is no inventory in these folders".to_string()] });
    }
    for (number, path) in paths.iter().enumerate() {
        let folder = if path.is_dir() { path.as_path() } else { path.parent().unwrap_or(Path::new("")) };
        variables(&folder.join("group_vars"), &|name| Role::OfGroup(name, number), &mut sources, &mut texts)?;
        variables(&folder.join("host_vars"), &|name| Role::OfHost(name, number), &mut sources, &mut texts)?;
    }
    let mut imported = ansible::import(&sources, &texts).map_err(|refusals| AppError::NotImported { refusals })?;
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let from = names.join(" ").escape_debug().to_string();
    imported.text = format!("# Made by `opsc inv import ansible {from}`.\n{}", imported.text);
    Ok(imported)
}

/// The hosts of a table, each in a row.
pub fn import_csv(path: &Path, reading: &Reading) -> Result<Imported, AppError> {
    let (name, text) = text_of(path)?;
    signed("csv", &name, csv::import(&name, &text, reading))
}

/// The machines of a state of OpenTofu or Terraform.
pub fn import_tofu(path: &Path, private: bool) -> Result<Imported, AppError> {
    let (name, text) = text_of(path)?;
    signed("tofu", &name, tofu::import(&name, &text, private))
}

/// A file, or what is piped in (`-`), with its name in messages.
fn text_of(path: &Path) -> Result<(String, String), AppError> {
    if path != Path::new("-") {
        return Ok((path.display().to_string().escape_debug().to_string(), read_text(path)?));
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(MOST_TEXT_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| AppError::Read { path: path.to_path_buf(), error })?;
    if bytes.len() as u64 > MOST_TEXT_BYTES {
        let (path, bytes) = (path.to_path_buf(), bytes.len() as u64);
        return Err(AppError::TooLarge { path, bytes, most: MOST_TEXT_BYTES });
    }
    let text = String::from_utf8(bytes).map_err(|_| AppError::NotText { path: path.to_path_buf() })?;
    Ok(("-".to_string(), text))
}

fn signed(from: &str, name: &str, imported: Result<Imported, Vec<String>>) -> Result<Imported, AppError> {
    let imported = imported.map_err(|refusals| AppError::NotImported { refusals })?;
    Ok(Imported { text: format!("# Made by `opsc inv import {from} {name}`.\n{}", imported.text), ..imported })
}

fn collect(path: &Path, depth: usize, sources: &mut Sources, texts: &mut Texts) -> Result<(), AppError> {
    if !path.is_dir() {
        return file(path, sources, texts);
    }
    if depth > MOST_DEPTH {
        let refusals = vec![format!("{}: folders are nested deeper than {MOST_DEPTH}", path.display())];
        return Err(AppError::NotImported { refusals });
    }
    for (name, path) in entries(path)? {
        let is_passed_over = name.starts_with('.') || PASSED_OVER.iter().any(|ending| name.ends_with(ending));
        if !is_passed_over && !OF_VARIABLES.contains(&name.as_str()) {
            collect(&path, depth + 1, sources, texts)?;
        }
    }
    Ok(())
}

fn file(path: &Path, sources: &mut Sources, texts: &mut Texts) -> Result<(), AppError> {
    let text = read_text(path)?;
    if text.starts_with("#!") {
        let shown = path.display();
        let refusal = format!(
            "{shown}:1: this is a program that lists hosts; save what `ansible-inventory -i {shown} --list --yaml --export` \
             says, and import that"
        );
        return Err(AppError::NotImported { refusals: vec![refusal] });
    }
    let role = match path.extension().and_then(|ending| ending.to_str()) {
        Some("yml" | "yaml" | "json") => Role::Yaml,
        Some("toml") => Role::Toml,
        None => Role::Unsaid,
        Some(_) => Role::Ini,
    };
    texts.push((sources.add(path.display().to_string(), text), role));
    Ok(())
}

/// The files and folders of a folder, sorted by name.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, AppError> {
    let refuse = |error| AppError::Read { path: folder.to_path_buf(), error };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refuse)? {
        let entry = entry.map_err(refuse)?;
        found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    found.sort();
    Ok(found)
}

/// `group_vars/web`, `web.yml`, `web.yaml`, `web.json`: the first of a name, a folder with all that is in it.
fn variables(
    folder: &Path,
    role: &dyn Fn(String) -> Role,
    sources: &mut Sources,
    texts: &mut Texts,
) -> Result<(), AppError> {
    if !folder.is_dir() {
        return Ok(());
    }
    let found = entries(folder)?;
    let mut names: Vec<&str> = found.iter().filter_map(|(name, path)| named(name, path)).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let candidates = ENDINGS.iter().map(|ending| format!("{name}{ending}"));
        let first = candidates.filter_map(|wanted| found.iter().find(|(name, _)| *name == wanted)).next();
        if let Some((_, path)) = first {
            variable_files(path, 0, &role(name.to_string()), sources, texts)?;
        }
    }
    Ok(())
}

/// Whose variables a file has by its name.
fn named<'n>(name: &'n str, path: &Path) -> Option<&'n str> {
    if name.starts_with('.') || name.ends_with('~') {
        return None;
    }
    let stem = ENDINGS.iter().rev().find_map(|ending| name.strip_suffix(ending));
    if path.is_dir() { Some(name) } else { stem }
}

fn variable_files(
    path: &Path,
    depth: usize,
    role: &Role,
    sources: &mut Sources,
    texts: &mut Texts,
) -> Result<(), AppError> {
    if !path.is_dir() {
        texts.push((sources.add(path.display().to_string(), read_text(path)?), role.clone()));
        return Ok(());
    }
    for (name, path) in entries(path)? {
        let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
        let is_read = ENDINGS.contains(&ending.as_str()) || path.is_dir();
        if is_read && !name.starts_with('.') && !name.ends_with('~') && depth < MOST_DEPTH {
            variable_files(&path, depth + 1, role, sources, texts)?;
        }
    }
    Ok(())
}
