//! Folders of the project as values, and everything that a program names of the project. Reads nothing.

use std::collections::BTreeMap;
use std::fmt;

use super::value::FileRef;
use crate::base::words;

/// A folder of the project, by content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FolderRef {
    /// The archive that travels to hosts. Its path is the folder's, and its hash is one of all names, executable bits,
    /// links and contents: an archive of the same is the same.
    pub archive: FileRef,
    /// Files and links in it, at any depth.
    pub count: u64,
    /// Bytes of all its files.
    pub size: u64,
}

/// Why a folder is no value. Names are relative to the folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FolderFault {
    Missing,
    /// Hosts would get a link to something else than is here, or to nothing.
    LinkLeaves {
        name: String,
        target: String,
    },
    /// A socket, a device, a pipe.
    OtherKind {
        name: String,
    },
    /// Shown as far as it is text.
    NameNotText {
        name: String,
    },
    TooMany {
        most: usize,
    },
    TooLarge {
        most: u64,
    },
    Unreadable {
        name: String,
        reason: String,
    },
}

impl FolderFault {
    pub fn help(&self) -> Option<&'static str> {
        match self {
            FolderFault::Missing => {
                Some("it is looked for beside the playbook, then from the project's root, and must lie in the project")
            }
            FolderFault::LinkLeaves { .. } => Some("put what it points to in its place, or take it out of the folder"),
            FolderFault::OtherKind { .. } => Some("take it out of the folder"),
            FolderFault::NameNotText { .. } => Some("rename it"),
            FolderFault::TooMany { .. } | FolderFault::TooLarge { .. } => {
                Some("pack it, and use `archive.extract`, or take smaller folders")
            }
            FolderFault::Unreadable { .. } => None,
        }
    }
}

impl fmt::Display for FolderFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FolderFault::Missing => formatter.write_str("there is no such folder in the project"),
            FolderFault::LinkLeaves { name, target } => {
                let (name, target) = (name.escape_debug(), target.escape_debug());
                write!(formatter, "the link `{name}` leads out of it, to `{target}`")
            }
            FolderFault::OtherKind { name } => {
                write!(formatter, "`{}` is neither a file nor a folder nor a link", name.escape_debug())
            }
            FolderFault::NameNotText { name } => {
                write!(formatter, "the name `{}` is not UTF-8", name.escape_debug())
            }
            FolderFault::TooMany { most } => write!(formatter, "it holds more than {most} files, folders and links"),
            FolderFault::TooLarge { most } => write!(formatter, "it holds more than {}", words::size(*most)),
            FolderFault::Unreadable { name, reason } => {
                write!(formatter, "`{}` cannot be read: {reason}", name.escape_debug())
            }
        }
    }
}

/// Files and folders of the project that a program names, by the path written.
#[derive(Clone, Default, Debug)]
pub struct ProjectContents {
    /// One that is missing is not here.
    pub files: BTreeMap<String, FileRef>,
    pub folders: BTreeMap<String, Result<FolderRef, FolderFault>>,
}

impl ProjectContents {
    pub fn folder(&self, path: &str) -> Result<FolderRef, FolderFault> {
        self.folders.get(path).cloned().unwrap_or(Err(FolderFault::Missing))
    }
}
