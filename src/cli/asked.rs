//! What a run was asked for, as the journal keeps it, so that it can be asked for again. Holds no secret.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::args::{Connection, Global, Selection};
use crate::app::AppError;
use crate::app::going_on::Ended;
use crate::app::planning::Planned;

#[derive(Serialize, Deserialize)]
pub struct Asked {
    selection: Selection,
    inventory: Vec<PathBuf>,
    user: Option<String>,
    private_key: Option<PathBuf>,
    ssh_config: Option<PathBuf>,
    timeout: Option<usize>,
    forks: Option<usize>,
    /// What sources of hosts said, by the hashes of their answers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    answers: BTreeMap<String, String>,
    /// Whether it goes back over the run that it is about.
    #[serde(default, skip_serializing_if = "is_false")]
    back: bool,
    /// The run that it tries again where that did not go well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    again: Option<i64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Asked {
    /// With what was typed at prompts, and paths that hold wherever it is asked again.
    pub fn new(selection: &Selection, planned: &Planned, connection: &Connection, global: &Global) -> Asked {
        let asked = Asked {
            selection: Selection { variables: planned.options.variables.clone(), ..selection.clone() },
            inventory: global.inventory.clone(),
            user: connection.user.clone(),
            private_key: connection.private_key.clone(),
            ssh_config: connection.ssh_config.clone(),
            timeout: connection.timeout,
            forks: connection.forks,
            answers: planned.answers.clone(),
            back: false,
            again: None,
        };
        asked.with_paths(&|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()))
    }

    /// The same for the way back, or for going on.
    pub fn going(self, back: bool) -> Asked {
        Asked { back, again: None, ..self }
    }

    /// The same for trying again what that run did.
    pub fn again(self, run: i64) -> Asked {
        Asked { again: Some(run), ..self }
    }

    pub fn to_json(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    fn from_json(json: &str) -> Option<Asked> {
        serde_json::from_str(json).ok()
    }

    /// What a run was asked for.
    pub fn of(run: &Ended) -> Result<Asked, AppError> {
        let unread =
            || AppError::State { reason: format!("what run {} was asked for is not readable", run.summary.id) };
        Asked::from_json(run.request()?).ok_or_else(unread)
    }

    pub fn to_value(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self).ok()
    }

    pub fn from_value(value: serde_json::Value) -> Option<Asked> {
        serde_json::from_value(value).ok()
    }

    /// With paths below a folder as they are there, for another machine or another checkout.
    pub fn relative_to(self, root: &Path) -> Asked {
        self.with_paths(&|path| path.strip_prefix(root).map_or(path.clone(), Path::to_path_buf))
    }

    /// With paths that begin in a folder.
    pub fn below(self, root: &Path) -> Asked {
        self.with_paths(&|path| root.join(path))
    }

    fn with_paths(self, to: &dyn Fn(&PathBuf) -> PathBuf) -> Asked {
        let selection = Selection {
            file: to(&self.selection.file),
            variable_files: self.selection.variable_files.iter().map(to).collect(),
            ..self.selection
        };
        // `none` stands for no file at all.
        let file = |path: &PathBuf| if path.as_path() == Path::new("none") { path.clone() } else { to(path) };
        Asked {
            selection,
            inventory: self.inventory.iter().map(to).collect(),
            private_key: self.private_key.as_ref().map(to),
            ssh_config: self.ssh_config.as_ref().map(file),
            ..self
        }
    }

    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// What is said now wins over what was said then.
    pub fn connection(&self, now: &Connection) -> Connection {
        Connection {
            user: now.user.clone().or(self.user.clone()),
            private_key: now.private_key.clone().or(self.private_key.clone()),
            ssh_config: now.ssh_config.clone().or(self.ssh_config.clone()),
            timeout: now.timeout.or(self.timeout),
            forks: now.forks.or(self.forks),
            ..now.clone()
        }
    }

    /// With the hosts that sources named then, so that the plan is the one of that run.
    pub fn pinned(&self, now: &Global) -> Global {
        Global { pinned: Some(self.answers.clone()), ..self.global(now) }
    }

    pub fn global(&self, now: &Global) -> Global {
        let inventory = if now.inventory.is_empty() { self.inventory.clone() } else { now.inventory.clone() };
        Global { inventory, ..now.clone() }
    }
}
