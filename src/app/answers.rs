//! What sources of hosts said, kept by its hash: the last answer of each with its age, and those that runs were planned
//! with. Readable by this user alone, since variables of hosts may be confidential.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::Digest;

use super::errors::AppError;
use super::files::beside;
use crate::base::hex::hex;
use crate::inventory::sources::Answer;

/// Answers of one source beyond these are let go, the oldest first.
const MOST_KEPT: usize = 100;

/// The last answer of a source.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Latest {
    /// Of the source's declaration: another one has other answers.
    declared: String,
    /// Milliseconds since 1970.
    pub at: u64,
    pub sha256: String,
    pub hosts: Vec<String>,
    pub groups: usize,
    pub warnings: Vec<String>,
}

/// The folder of all answers.
pub struct Answers {
    folder: PathBuf,
}

impl Answers {
    pub fn of(state: &Path) -> Answers {
        Answers { folder: state.join("sources") }
    }

    /// The last answer with its text, if it is whole and was given to the same question.
    pub fn latest(&self, name: &str, declared: &str) -> Option<(Latest, String)> {
        let text = fs::read_to_string(self.folder.join(name).join("latest.json")).ok()?;
        let latest: Latest = serde_json::from_str(&text).ok()?;
        let answer = self.pinned(name, &latest.sha256).filter(|_| latest.declared == declared)?;
        Some((latest, answer))
    }

    /// An answer by its hash, if it still is what was answered.
    pub fn pinned(&self, name: &str, sha256: &str) -> Option<String> {
        if !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let text = fs::read_to_string(self.folder.join(name).join(format!("{sha256}.yaml"))).ok()?;
        (hash(&text) == sha256).then_some(text)
    }

    pub fn keep(&self, name: &str, declared: &str, at: u64, answer: &Answer) -> Result<Latest, AppError> {
        let folder = self.folder.join(name);
        let refuse = |error| AppError::Write { path: folder.clone(), error };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(refuse)?;
        let sha256 = hash(&answer.text);
        let latest = Latest {
            declared: declared.to_string(),
            at,
            sha256: sha256.clone(),
            hosts: answer.hosts.clone(),
            groups: answer.groups,
            warnings: answer.warnings.clone(),
        };
        // Written again although it may be there: it is the newest then.
        write(&folder.join(format!("{sha256}.yaml")), &answer.text)?;
        let text = serde_json::to_string(&latest).map_err(|error| refuse(error.into()))?;
        write(&folder.join("latest.json"), &text)?;
        let_go(&folder);
        Ok(latest)
    }
}

fn hash(text: &str) -> String {
    hex(&sha2::Sha256::digest(text.as_bytes()))
}

/// Whole or not at all.
fn write(path: &Path, text: &str) -> Result<(), AppError> {
    let neighbour = beside(path);
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&neighbour)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&neighbour, path));
    written.map_err(|error| {
        drop(fs::remove_file(&neighbour));
        AppError::Write { path: path.to_path_buf(), error }
    })
}

/// What cannot be looked at or taken away stays.
fn let_go(folder: &Path) {
    let mut found: Vec<(std::time::SystemTime, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let is_answer = entry.path().extension().is_some_and(|ending| ending == "yaml");
            Some((entry.metadata().ok()?.modified().ok()?, entry.path())).filter(|_| is_answer)
        })
        .collect();
    found.sort();
    let over = found.len().saturating_sub(MOST_KEPT);
    found.into_iter().take(over).for_each(|(_, path)| drop(fs::remove_file(path)));
}
