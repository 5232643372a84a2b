//! What an expression may ask of the world around it. The plan answers from inputs, the run from results.

use crate::base::ids::{BindingId, HostId};
use crate::hir::folder::{FolderFault, FolderRef};
use crate::hir::value::{FileRef, SecretRef, Value};
use crate::hir::world::Inventory;

/// A value now, or the reason why only the run will know it (`current.sha256`, `known after STEP`).
#[derive(Clone, PartialEq, Debug)]
pub enum Evaluated {
    Known(Value),
    Pending(String),
}

impl Evaluated {
    pub fn known(self) -> Option<Value> {
        match self {
            Evaluated::Known(value) => Some(value),
            Evaluated::Pending(_) => None,
        }
    }
}

/// The surroundings of an expression. Absent values are `Known(Value::None)`.
pub trait Scope {
    fn inventory(&self) -> &Inventory;

    /// A parameter, a `let`, or a step result as seen inside its block (this host's).
    fn binding(&self, binding: BindingId) -> Evaluated;

    /// `x[host]` after the block that bound `x`.
    fn result_on(&self, binding: BindingId, host: HostId) -> Evaluated;

    /// `x` after its block: a record of `ok failed changed skipped: hosts` and `count`.
    fn results(&self, binding: BindingId) -> Evaluated;

    /// The results themselves, in inventory order, without those that are absent: what an aggregate goes over.
    fn result_values(&self, binding: BindingId) -> Evaluated {
        match self.results(binding) {
            Evaluated::Known(_) => Evaluated::Known(Value::List(Vec::new())),
            pending => pending,
        }
    }

    fn current_host(&self) -> Option<HostId>;

    /// `file("path")`; pending where contents are not read, absent where there is no such file.
    fn file(&self, path: &str) -> Option<FileRef>;

    /// `folder("path")`; only plans and runs have folders.
    fn folder(&self, _path: &str) -> Result<FolderRef, FolderFault> {
        Err(FolderFault::Missing)
    }

    fn it(&self) -> Evaluated {
        Evaluated::Known(Value::None)
    }

    fn before(&self) -> Evaluated {
        Evaluated::Known(Value::None)
    }

    fn after(&self) -> Evaluated {
        Evaluated::Known(Value::None)
    }

    fn facts(&self) -> Evaluated {
        Evaluated::Pending("facts".to_string())
    }

    /// The text of a secret that the program declassifies; only a run reads secrets.
    fn declassified(&self, _secret: &SecretRef) -> Evaluated {
        Evaluated::Pending("declassify(…)".to_string())
    }

    /// `batch` in `after batch`.
    fn current_batch(&self) -> Evaluated {
        Evaluated::Known(Value::None)
    }
}
