//! What expressions can know while planning: parameters, `let`s and the inventory. Results are pending, by name.

use crate::base::ids::{BindingId, HostId, IdVec};
use crate::eval::{Evaluated, Scope, eval};
use crate::hir::expr::Expr;
use crate::hir::folder::{FolderFault, FolderRef, ProjectContents};
use crate::hir::program::Binding;
use crate::hir::value::{FileRef, Value};
use crate::hir::world::Inventory;

/// The scope of a playbook's expressions, for one host or none.
pub struct PlanScope<'a> {
    pub inventory: &'a Inventory,
    pub named: &'a ProjectContents,
    pub bindings: &'a IdVec<BindingId, Binding>,
    pub params: &'a [(BindingId, Value)],
    pub lets: &'a [(BindingId, Expr)],
    pub host: Option<HostId>,
}

impl PlanScope<'_> {
    fn name(&self, binding: BindingId) -> String {
        self.bindings.get(binding).map(|found| found.name.clone()).unwrap_or_default()
    }
}

impl Scope for PlanScope<'_> {
    fn inventory(&self) -> &Inventory {
        self.inventory
    }

    fn binding(&self, binding: BindingId) -> Evaluated {
        if let Some((_, value)) = self.params.iter().find(|(param, _)| *param == binding) {
            return Evaluated::Known(value.clone());
        }
        match self.lets.iter().find(|(name, _)| *name == binding) {
            // A `let` that fails is reported where it stands; its users only learn that it is not known.
            Some((_, value)) => eval(value, self).unwrap_or_else(|_| Evaluated::Pending(self.name(binding))),
            None => Evaluated::Pending(self.name(binding)),
        }
    }

    fn result_on(&self, binding: BindingId, host: HostId) -> Evaluated {
        Evaluated::Pending(format!("{}[{}]", self.name(binding), self.inventory.hosts.at(host).name))
    }

    fn results(&self, binding: BindingId) -> Evaluated {
        Evaluated::Pending(self.name(binding))
    }

    fn current_host(&self) -> Option<HostId> {
        self.host
    }

    fn file(&self, path: &str) -> Option<FileRef> {
        self.named.files.get(path).cloned()
    }

    fn folder(&self, path: &str) -> Result<FolderRef, FolderFault> {
        self.named.folder(path)
    }

    fn it(&self) -> Evaluated {
        Evaluated::Pending("it".to_string())
    }
}

/// The scope of an action's own expressions (defaults, `touches`): its parameters, by binding.
pub struct ActionScope<'a> {
    pub inventory: &'a Inventory,
    pub named: &'a ProjectContents,
    pub host: Option<HostId>,
    pub params: Vec<(BindingId, Evaluated)>,
}

impl Scope for ActionScope<'_> {
    fn inventory(&self) -> &Inventory {
        self.inventory
    }

    fn binding(&self, binding: BindingId) -> Evaluated {
        self.params
            .iter()
            .find(|(param, _)| *param == binding)
            .map_or(Evaluated::Known(Value::None), |(_, value)| value.clone())
    }

    fn result_on(&self, _binding: BindingId, _host: HostId) -> Evaluated {
        Evaluated::Known(Value::None)
    }

    fn results(&self, _binding: BindingId) -> Evaluated {
        Evaluated::Known(Value::None)
    }

    fn current_host(&self) -> Option<HostId> {
        self.host
    }

    fn file(&self, path: &str) -> Option<FileRef> {
        self.named.files.get(path).cloned()
    }

    fn folder(&self, path: &str) -> Result<FolderRef, FolderFault> {
        self.named.folder(path)
    }

    fn before(&self) -> Evaluated {
        Evaluated::Pending("before".to_string())
    }

    fn after(&self) -> Evaluated {
        Evaluated::Pending("after".to_string())
    }
}
