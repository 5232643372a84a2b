//! Which files of a host of the rig differ between two moments, seen from outside the host: its upper layer holds every
//! file that was written. Knows nothing of steps.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::rig::RigHost;

/// What changes although nobody wants to change it: path, or the folder above it, and why.
const VOLATILE: &[(&str, &str)] = &[
    ("var/log", "logs"),
    ("etc/passwd-", "the account tools keep the one before"),
    ("etc/shadow-", "the account tools keep the one before"),
    ("etc/group-", "the account tools keep the one before"),
    ("etc/gshadow-", "the account tools keep the one before"),
    ("etc/subuid-", "the account tools keep the one before"),
    ("etc/subgid-", "the account tools keep the one before"),
    ("var/lib/dpkg/diversions-old", "dpkg keeps the one before"),
    ("var/lib/dpkg/status-old", "dpkg keeps the one before"),
    ("var/cache/apt", "what apt can make again at any time"),
    ("var/cache/dnf", "what dnf can make again at any time"),
    ("var/cache/zypp", "what zypper can make again at any time"),
    ("var/cache/ldconfig", "what ldconfig can make again at any time"),
    ("var/cache/pacman", "what pacman can make again at any time"),
    ("var/lib/rpm", "its pages differ from one writing to the next; rpm is asked what they say"),
    ("var/lib/dnf", "a journal of what was done and undone"),
    ("var/lib/pacman", "its entries hold the time of installing; pacman is asked what they say"),
    ("var/lib/zypp", "a journal of what was done and undone"),
    ("var/lib/containers", "what podman holds, which tests ask podman for"),
    ("var/lib/mysql", "a server that runs writes when it likes"),
    ("var/lib/postgresql", "a server that runs writes when it likes"),
];

/// Path → kind, rights, owner and content.
pub(crate) struct Files(BTreeMap<String, String>);

impl Files {
    pub(crate) fn of(host: &RigHost) -> Files {
        let mut files = BTreeMap::new();
        let mut open = vec![String::new()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(host.root.join(&folder)).unwrap() {
                let name = entry.unwrap().file_name().to_string_lossy().into_owned();
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                // What is removed between two looks is not there.
                let Ok(metadata) = fs::symlink_metadata(host.root.join(&path)) else { continue };
                if VOLATILE.iter().any(|(volatile, _)| *volatile == path) {
                    continue;
                }
                let rights = format!("{:o} {}:{}", metadata.mode(), metadata.uid(), metadata.gid());
                files.insert(path.clone(), format!("{rights} {}", content(host, &path, &metadata)));
                if metadata.is_dir() {
                    open.push(path);
                }
            }
        }
        Files(files)
    }

    /// One line per difference.
    pub(crate) fn changed_to(&self, later: &Files) -> Vec<String> {
        let mut lines = Vec::new();
        for (path, before) in &self.0 {
            match later.0.get(path) {
                None => lines.push(format!("- {path}")),
                Some(after) if after != before => lines.push(format!("~ {path}: {before} -> {after}")),
                Some(_) => {}
            }
        }
        lines.extend(later.0.keys().filter(|path| !self.0.contains_key(*path)).map(|path| format!("+ {path}")));
        lines
    }
}

fn content(host: &RigHost, path: &str, metadata: &fs::Metadata) -> String {
    let own = host.upper.join(path);
    if metadata.is_symlink() {
        return format!("-> {}", fs::read_link(host.root.join(path)).unwrap().display());
    }
    if !metadata.is_file() || fs::symlink_metadata(&own).is_err() {
        return "as in the image".to_owned();
    }
    let read = |file: &Path| fs::read(file).unwrap_or_default();
    let now = read(&own);
    if fs::symlink_metadata(host.tree.join(path)).is_ok_and(|lower| lower.is_file())
        && now == read(&host.tree.join(path))
    {
        return "as in the image".to_owned();
    }
    format!("{:x?}", Sha256::digest(now).get(..8).unwrap())
}
