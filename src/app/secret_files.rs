//! Encrypted files of secrets, `secrets/NAME.yaml`: read, changed and listed for the command line.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::auditing::Audit;
use super::errors::AppError;
use super::files::{alone_in, write_text};
use super::project::Project;
use crate::base::secret::Secret;
use crate::check::SecretFiles;
use crate::secrets::identity::Identity;
use crate::secrets::sealed::{Sealed, split_name};
use crate::secrets::sealed_error::SealedError;
use crate::secrets::sealed_files::{Files, check_name, load, open, path_of};
pub use crate::secrets::sealing::Rotate as Rotation;
use crate::secrets::sealing::{Rotate, Unsealed};
use crate::secrets::{Ask, Keys, SecretError, providers, recipient, sealed_files};

/// The names in all files of a project, and of a file that is not of that form, why.
pub fn names(root: &Path) -> SecretFiles {
    let named = |name: String| {
        let names = load(root, &name).map(|file| file.entries.into_keys().collect());
        (name, names.map_err(|error| error.to_string()))
    };
    sealed_files::names(root).into_iter().map(named).collect()
}

/// The files of a project, and what opens them.
pub struct Store {
    project: Project,
    keys: Keys,
}

/// What became of a secret that was set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Set {
    /// It is the first of a file, which these can read.
    Created {
        recipients: Vec<String>,
    },
    Changed,
    Same,
}

/// One line of a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    pub file: String,
    pub name: String,
    pub changed: String,
    /// In days.
    pub rotate: Option<u32>,
    /// The days until it should be changed; below zero, they are over.
    pub due_in: Option<i64>,
}

/// A file that gets another key.
pub struct Rekeyed {
    pub file: String,
    pub added: Vec<String>,
    /// They can read what the file held until now, in every copy of it.
    pub removed: Vec<String>,
    pub names: Vec<String>,
    /// Who can read it then.
    pub recipients: Vec<String>,
    opened: Unsealed,
}

impl Store {
    pub fn new(project: &Project, identity: PathBuf, ask: Option<Ask>) -> Store {
        Store { project: project.clone(), keys: Keys { identity, ask } }
    }

    /// A new identity where the settings say; its recipient.
    pub fn generate(&self) -> Result<String, AppError> {
        let path = &self.keys.identity;
        Identity::generate(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => AppError::NotEdited {
                reason: format!("there is an identity `{}` already, and it is kept", path.display()),
                hint: Some("`opsc secret recipient` prints who it is".to_string()),
            },
            _ => AppError::Write { path: path.clone(), error },
        })
    }

    /// Who the identity is, for others to encrypt to.
    pub fn recipients(&self) -> Result<Vec<String>, AppError> {
        Ok(Identity::read(&self.keys.identity)?.recipients())
    }

    pub fn get(&self, reference: &str) -> Result<Secret<String>, AppError> {
        let audit = self.audit()?;
        let text = Files::new(self.root(), &self.keys).read(reference)?;
        audit.read_secret(reference)?;
        Ok(text)
    }

    /// Refuses before anybody is asked for a text what could not be written.
    pub fn may_set(&self, reference: &str) -> Result<(), AppError> {
        split_name(reference)
            .map(|_| ())
            .ok_or_else(|| SealedError::BadReference { reference: reference.to_string() }.into())
    }

    /// Sets one secret; a file that is not there yet is made for the project's recipients.
    pub fn set(&self, reference: &str, text: &Secret<String>, rotate: Rotate) -> Result<Set, AppError> {
        let (file, name) =
            split_name(reference).ok_or_else(|| SealedError::BadReference { reference: reference.to_string() })?;
        let mut opened = self.open_or_new(file)?;
        let is_new = opened.is_new();
        if !opened.set(name, text, rotate, &today())? {
            return Ok(Set::Same);
        }
        let audit = self.audit()?;
        self.write(&opened)?;
        audit.wrote_secrets("set", &[reference.to_string()])?;
        Ok(if is_new { Set::Created { recipients: opened.file().recipients.clone() } } else { Set::Changed })
    }

    /// A file with its key; one that is not there is made for the project's recipients, and not written yet.
    pub(super) fn open_or_new(&self, file: &str) -> Result<Unsealed, AppError> {
        let path = path_of(self.root(), file);
        if path.exists() {
            return Ok(open(self.root(), file, &self.keys)?);
        }
        check_name(file)?;
        Ok(Unsealed::new(file, &path, &self.project_recipients()?, &self.keys)?)
    }

    /// A text of a file that lies elsewhere, without a question to anybody.
    pub(super) fn open_unasked(&self, file: &Sealed) -> Result<Unsealed, AppError> {
        let keys = Keys { ask: None, ..self.keys.clone() };
        Ok(Unsealed::open(file.clone(), &file.name, &path_of(self.root(), &file.name), &keys)?)
    }

    /// The same of a file that counts under this name, with questions.
    pub(super) fn open_text(&self, file: Sealed, name: &str) -> Result<Unsealed, SealedError> {
        Unsealed::open(file, name, &path_of(self.root(), name), &self.keys)
    }

    pub(super) fn ask(&self) -> Option<Ask> {
        self.keys.ask
    }

    pub(super) fn root(&self) -> &Path {
        &self.project.root
    }

    /// What is done to secrets belongs into the audit: without a journal nothing is done.
    pub(super) fn audit(&self) -> Result<Audit, AppError> {
        Audit::open(&self.project)
    }

    /// Makes these the secrets of a file.
    pub(super) fn apply(
        &self,
        opened: &mut Unsealed,
        texts: &BTreeMap<String, Secret<String>>,
    ) -> Result<(), AppError> {
        let gone: Vec<String> = opened.names().filter(|name| !texts.contains_key(*name)).map(str::to_string).collect();
        gone.iter().try_for_each(|name| opened.remove(name))?;
        for (name, text) in texts {
            opened.set(name, text, Rotate::Kept, &today())?;
        }
        self.write(opened)
    }

    pub fn remove(&self, reference: &str) -> Result<(), AppError> {
        let (file, name) =
            split_name(reference).ok_or_else(|| SealedError::BadReference { reference: reference.to_string() })?;
        let mut opened = open(self.root(), file, &self.keys)?;
        opened.remove(name)?;
        let audit = self.audit()?;
        self.write(&opened)?;
        audit.wrote_secrets("rm", &[reference.to_string()])
    }

    /// The secrets of one file or of all, as they are written: nothing is decrypted, so no MAC is looked at.
    pub fn list(&self, file: Option<&str>) -> Result<Vec<Listed>, AppError> {
        let files = file.map_or_else(|| sealed_files::names(self.root()), |file| vec![file.to_string()]);
        let today = today();
        let mut listed = Vec::new();
        for file in files {
            for (name, entry) in load(self.root(), &file)?.entries {
                let due_in = entry.rotate.and_then(|days| due_in(&entry.changed, days, &today));
                let file = file.clone();
                listed.push(Listed { file, name, changed: entry.changed, rotate: entry.rotate, due_in });
            }
        }
        Ok(listed)
    }

    /// What another key for these files, or for all, would change; nothing is written yet.
    pub fn prepare_rekey(&self, files: &[String]) -> Result<Vec<Rekeyed>, AppError> {
        let files = if files.is_empty() { sealed_files::names(self.root()) } else { files.to_vec() };
        let recipients = self.project_recipients()?;
        let has =
            |list: &[String], one: &str| list.iter().any(|other| recipient::key_of(other) == recipient::key_of(one));
        let prepare = |file: String| {
            let opened = open(self.root(), &file, &self.keys)?;
            let old = opened.file().recipients.clone();
            let only =
                |these: &[String], those: &[String]| these.iter().filter(|one| !has(those, one)).cloned().collect();
            Ok(Rekeyed {
                added: only(&recipients, &old),
                removed: only(&old, &recipients),
                names: opened.names().map(str::to_string).collect(),
                recipients: recipients.clone(),
                file,
                opened,
            })
        };
        files.into_iter().map(prepare).collect()
    }

    /// Who the identity is, where it could read none of these files any more.
    pub fn shut_out(&self, rekeyed: &[Rekeyed]) -> Option<Vec<String>> {
        let own = self.recipients().unwrap_or_default();
        let is_own = |one: &String| {
            one == recipient::PASSPHRASE || own.iter().any(|own| recipient::key_of(own) == recipient::key_of(one))
        };
        let is_shut_out = rekeyed.iter().any(|one| !one.recipients.iter().any(is_own));
        is_shut_out.then_some(own)
    }

    pub fn identity(&self) -> &Path {
        &self.keys.identity
    }

    pub fn rekey(&self, rekeyed: &Rekeyed) -> Result<(), AppError> {
        let new = rekeyed.opened.rekeyed(&rekeyed.recipients, &self.keys)?;
        let audit = self.audit()?;
        self.write(&new)?;
        let names: Vec<String> = rekeyed.names.iter().map(|name| format!("{}/{name}", rekeyed.file)).collect();
        audit.rekeyed(&names, &rekeyed.added, &rekeyed.removed)
    }

    /// Those of `secrets/recipients`, else the identity itself.
    fn project_recipients(&self) -> Result<Vec<String>, AppError> {
        recipient::of_project(self.root())?.map_or_else(|| self.recipients(), Ok)
    }

    /// Only over what was read before: two who change a file at once do not undo each other.
    pub(super) fn write(&self, new: &Unsealed) -> Result<(), AppError> {
        let name = &new.file().name;
        let path = path_of(self.root(), name);
        let folder = path.parent().unwrap_or(self.root());
        std::fs::create_dir_all(folder).map_err(|error| AppError::Write { path: folder.to_path_buf(), error })?;
        let _alone = alone_in(folder)?;
        let is_same = match new.before() {
            Some(before) => load(self.root(), name)? == *before,
            None => !path.exists(),
        };
        if !is_same {
            return Err(AppError::NotEdited {
                reason: format!("`{}` was changed by another meanwhile; nothing was written", path.display()),
                hint: Some("try again".to_string()),
            });
        }
        // A link is followed: what is written is the file that it leads to.
        write_text(&path.canonicalize().unwrap_or(path), &new.text())
    }
}

/// A text that a run would take, without its one line end.
pub fn usable(bytes: &Secret<Vec<u8>>) -> Result<Secret<String>, SecretError> {
    providers::as_text(bytes).and_then(providers::usable)
}

/// Everything that a stream has, up to what a secret may have.
pub fn read_value(stream: impl Read) -> Result<Secret<String>, AppError> {
    let mut bytes = crate::secrets::file::buffer();
    let most = crate::secrets::file::LARGEST;
    let refuse = |reason: String| AppError::NotEdited { reason, hint: None };
    stream
        .take(most + 1)
        .read_to_end(bytes.expose_mut())
        .map_err(|error| refuse(format!("the secret cannot be read: {error}")))?;
    if bytes.expose().len() as u64 > most {
        return Err(refuse(SecretError::TooLarge { most }.to_string()));
    }
    usable(&bytes).map_err(|error| refuse(format!("the secret cannot be used: {error}")))
}

/// A text that was typed.
pub fn typed_value(typed: &Secret<String>) -> Result<Secret<String>, AppError> {
    read_value(typed.expose().as_bytes())
}

/// `90d`, or `never`.
pub fn parse_rotate(text: &str) -> Result<Rotate, String> {
    if text == "never" {
        return Ok(Rotate::Never);
    }
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok()).filter(|days| (1..=36_500).contains(days));
    days.map(Rotate::After).ok_or_else(|| "expected days such as 90d, or never".to_string())
}

pub(super) fn today() -> String {
    Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

fn due_in(changed: &str, days: u32, today: &str) -> Option<i64> {
    let (changed, today): (Date, Date) = (changed.parse().ok()?, today.parse().ok()?);
    let due = changed.checked_add(i64::from(days).days()).ok()?;
    Some(i64::from(today.until(due).ok()?.get_days()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_to_the_day_it_is_due() {
        assert_eq!(due_in("2026-01-31", 30, "2026-02-01"), Some(29));
        assert_eq!(due_in("2025-01-31", 30, "2026-03-02"), Some(-365));
        assert_eq!(due_in("soon", 30, "2026-02-01"), None);
        assert_eq!(parse_rotate("90d"), Ok(Rotate::After(90)));
        assert!(parse_rotate("0d").is_err() && parse_rotate("90").is_err());
    }
}
