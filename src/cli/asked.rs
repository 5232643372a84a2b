//! What a run was asked for, as the journal keeps it, so that it can be asked for again. Holds no secret.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::args::{Connection, Global, Selection};
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
}

impl Asked {
    /// With what was typed at prompts, and paths that hold wherever it is asked again.
    pub fn new(selection: &Selection, planned: &Planned, connection: &Connection, global: &Global) -> Asked {
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        Asked {
            selection: Selection {
                file: absolute(&selection.file),
                variables: planned.options.variables.clone(),
                variable_files: selection.variable_files.iter().map(absolute).collect(),
                ..selection.clone()
            },
            inventory: global.inventory.iter().map(absolute).collect(),
            user: connection.user.clone(),
            private_key: connection.private_key.as_ref().map(absolute),
            ssh_config: connection
                .ssh_config
                .as_ref()
                .map(|path| if path.as_path() == Path::new("none") { path.clone() } else { absolute(path) }),
            timeout: connection.timeout,
            forks: connection.forks,
        }
    }

    pub fn to_json(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    pub fn from_json(json: &str) -> Option<Asked> {
        serde_json::from_str(json).ok()
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

    pub fn global(&self, now: &Global) -> Global {
        let inventory = if now.inventory.is_empty() { self.inventory.clone() } else { now.inventory.clone() };
        Global { inventory, ..now.clone() }
    }
}
