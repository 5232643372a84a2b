//! `opsc secret import`: what other tools keep encrypted becomes secrets of a file, all that can or nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::errors::AppError;
use super::files::read_text;
use super::secret_files::{Store, today, usable};
use crate::base::secret::Secret;
use crate::secrets::ansible_vault::{Found, read, whole};
pub use crate::secrets::ansible_vault::{Password, Passwords};
use crate::secrets::import_error::ImportError;
use crate::secrets::sealed::is_name;
use crate::secrets::sealing::Rotate;
use crate::secrets::sops::{self, SopsError};
use crate::secrets::{Keys, file};

/// What wrote the file.
pub enum From {
    AnsibleVault(Passwords),
    /// The file with age's keys.
    Sops(PathBuf),
}

/// What became of a file.
pub struct Imported {
    /// The file of secrets.
    pub file: String,
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub same: Vec<String>,
    /// Values that are no secrets of this file, each with its name and why.
    pub left_out: Vec<(String, String)>,
    /// Values that stand in the other file to read.
    pub plain: usize,
}

type Texts = BTreeMap<String, Secret<String>>;

impl Store {
    /// `to` is `FILE` or, for the one text of a whole file, `FILE/NAME`. What is there already is changed only if `force` says so.
    pub fn import(&self, path: &Path, from: From, to: Option<&str>, force: bool) -> Result<Imported, AppError> {
        let refuse = |error: ImportError| refuse(path, &error.to_string());
        let text = read_text(path)?;
        let (file, name) = match to.map(|to| to.split_once('/').map_or((to, None), |(file, name)| (file, Some(name)))) {
            Some((file, name)) => (file.to_string(), name),
            None => (stem(path)?, None),
        };
        if let Some(wrong) = [Some(file.as_str()), name].into_iter().flatten().find(|name| !is_name(name)) {
            return Err(crate::secrets::sealed_error::SealedError::BadName { name: wrong.to_string() }.into());
        }
        let mut imported = Imported { file, added: vec![], changed: vec![], same: vec![], left_out: vec![], plain: 0 };
        let texts = match (from, name) {
            (From::AnsibleVault(mut passwords), Some(name)) => {
                let text = usable(&whole(&text, &mut passwords).map_err(refuse)?);
                Texts::from([(name.to_string(), text.map_err(|error| self::refuse(path, &error.to_string()))?)])
            }
            (From::AnsibleVault(mut passwords), None) => {
                named(read(&text, &mut passwords).map_err(refuse)?, &mut imported).map_err(refuse)?
            }
            (From::Sops(_), Some(_)) => return Err(self::refuse(path, "a file of SOPS has names; give `--to FILE`")),
            (From::Sops(identity), None) => {
                let keys = Keys { identity, ask: self.ask() };
                let found = sops::read(&text, &keys).map_err(|error| match error {
                    SopsError::Import(error) => refuse(error),
                    SopsError::Identity(error) => error.into(),
                })?;
                named(found, &mut imported).map_err(refuse)?
            }
        };
        self.take(&texts, &mut imported, force)?;
        Ok(imported)
    }

    fn take(&self, texts: &Texts, imported: &mut Imported, force: bool) -> Result<(), AppError> {
        let mut opened = self.open_or_new(&imported.file)?;
        let known: Vec<String> = opened.names().map(str::to_string).collect();
        for (name, text) in texts {
            let list = if !known.contains(name) {
                &mut imported.added
            } else if opened.read(name)? == *text {
                &mut imported.same
            } else {
                &mut imported.changed
            };
            list.push(name.clone());
            opened.set(name, text, Rotate::Kept, &today())?;
        }
        if !imported.changed.is_empty() && !force {
            let names: Vec<String> = imported.changed.iter().map(|name| format!("{}/{name}", imported.file)).collect();
            return Err(AppError::NotEdited {
                reason: format!("{} would get another text; nothing was written", names.join(", ")),
                hint: Some("add `--force`, or import into another file with `--to`".to_string()),
            });
        }
        if imported.added.is_empty() && imported.changed.is_empty() {
            return Ok(());
        }
        let audit = self.audit()?;
        self.write(&opened)?;
        let written = imported.added.iter().chain(&imported.changed);
        let names: Vec<String> = written.map(|name| format!("{}/{name}", imported.file)).collect();
        audit.wrote_secrets("import", &names)
    }
}

fn refuse(path: &Path, reason: &str) -> AppError {
    AppError::NotEdited { reason: format!("`{}`: {reason}", path.display()), hint: None }
}

/// `group_vars/all/vault.yml` is `vault`.
fn stem(path: &Path) -> Result<String, AppError> {
    let stem = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split('.').next());
    let stem = stem.filter(|stem| is_name(stem)).map(str::to_string);
    stem.ok_or_else(|| refuse(path, "its name is none for a file of secrets; name one with `--to FILE`"))
}

/// The keys that lead to a value make its name; what no run could use is left out.
fn named(found: Found, imported: &mut Imported) -> Result<Texts, ImportError> {
    imported.plain = found.plain;
    let mut texts = Texts::new();
    let mut written: BTreeMap<String, String> = BTreeMap::new();
    for (keys, text) in found.texts {
        let (name, shown) = (name_of(&keys), keys.join("."));
        if let Some(first) = written.insert(name.clone(), shown.clone()) {
            return Err(ImportError::SameName { name, first, second: shown });
        }
        let mut bytes = file::buffer();
        bytes.expose_mut().extend_from_slice(text.expose().as_bytes());
        match usable(&bytes) {
            _ if ["{{", "{%", "{#"].iter().any(|mark| text.expose().contains(mark)) => {
                imported.left_out.push((name, "it is a template".to_string()));
            }
            Ok(text) => drop(texts.insert(name, text)),
            Err(error) => imported.left_out.push((name, error.to_string())),
        }
    }
    if texts.is_empty() && imported.left_out.is_empty() {
        return Err(ImportError::Nothing);
    }
    Ok(texts)
}

/// Letters that no name has become `_`.
fn name_of(keys: &[String]) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || "_-.".contains(letter) { letter } else { '_' };
    let name: String = keys.join(".").chars().map(plain).collect();
    if is_name(&name) { name } else { format!("_{name}") }
}

/// A password from a file that its owner alone may read, without the white space around it, as Ansible takes it.
pub fn password_file(path: &Path) -> Result<Secret<String>, AppError> {
    use std::os::unix::fs::PermissionsExt;
    let mode =
        std::fs::metadata(path).map_err(|error| AppError::Read { path: path.to_path_buf(), error })?.permissions();
    if mode.mode() & 0o100 != 0 {
        return Err(refuse(path, "it is a program; run it, and give what it prints with `--password-stdin`"));
    }
    let text =
        file::read(Path::new(""), &path.display().to_string()).map_err(|error| refuse(path, &error.to_string()))?;
    password(&text).ok_or_else(|| refuse(path, "it holds no password"))
}

/// The same of what standard input has.
pub fn password_given(stream: impl std::io::Read) -> Result<Secret<String>, AppError> {
    let refuse = |reason: &str| AppError::NotEdited { reason: format!("the password {reason}"), hint: None };
    let mut bytes = file::buffer();
    let read = std::io::Read::read_to_end(&mut std::io::Read::take(stream, file::LARGEST), bytes.expose_mut());
    read.map_err(|error| refuse(&format!("cannot be read: {error}")))?;
    let text = crate::secrets::providers::as_text(&bytes).map_err(|error| refuse(&error.to_string()))?;
    password(&text).ok_or_else(|| refuse("is empty"))
}

fn password(text: &Secret<String>) -> Option<Secret<String>> {
    let text = text.expose().trim();
    (!text.is_empty()).then(|| Secret::new(text.to_string()))
}
