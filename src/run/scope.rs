//! What expressions can know while running: inputs, results so far, and inside an action its own parameters.
//! Knows nothing of sessions.

use std::collections::BTreeSet;

use super::ports::ContentStore;
use super::results::{Own, Results};
use crate::base::ids::{BindingId, HostId};
use crate::eval::secrets::text_of;
use crate::eval::walk::walk;
use crate::eval::{Evaluated, Scope, eval};
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::folder::{FolderFault, FolderRef};
use crate::hir::value::{FileRef, SecretRef, Value};
use crate::hir::world::Inventory;
use crate::plan::model::Plan;
use crate::secrets::Resolved;

/// The scope of a playbook's expressions on one host, or on the controller.
#[derive(Clone, Copy)]
pub struct RunScope<'a> {
    pub plan: &'a Plan,
    pub inventory: &'a Inventory,
    pub files: &'a dyn ContentStore,
    pub secrets: &'a Resolved,
    pub published: &'a Results,
    pub own: &'a Own,
    pub host: Option<HostId>,
    /// The hosts of the batch, in `after batch`.
    pub batch: &'a [HostId],
    /// Only in a forecast: names whose results are all there. Another name's missing result is pending, not absent.
    pub foreseen: Option<&'a BTreeSet<BindingId>>,
    /// `it` in step attributes.
    pub it: Option<&'a Value>,
}

impl<'a> RunScope<'a> {
    /// What a `let` stands for, or a name bound in a loop.
    fn named(&self, binding: BindingId) -> Option<&'a Expr> {
        self.plan.lets.iter().find(|(name, _)| *name == binding).map(|(_, value)| value)
    }

    fn value_of(&self, value: &Expr) -> Evaluated {
        eval(value, self).unwrap_or_else(|error| Evaluated::Pending(error.to_string()))
    }

    /// The same, seen from another host: what this one keeps to itself is not there.
    fn on(&self, host: HostId) -> RunScope<'a> {
        const NOTHING: &Own = &Own::new();
        let own = if self.host == Some(host) { self.own } else { NOTHING };
        RunScope { host: Some(host), own, ..*self }
    }

    /// A result, which may be missing only because nothing ran yet.
    fn found(&self, binding: BindingId, value: Option<Value>) -> Evaluated {
        match value {
            None if self.is_open(binding) => Evaluated::Pending(self.name(binding)),
            found => Evaluated::Known(found.unwrap_or(Value::None)),
        }
    }

    fn is_open(&self, binding: BindingId) -> bool {
        self.foreseen.is_some_and(|settled| !settled.contains(&binding))
    }

    fn name(&self, binding: BindingId) -> String {
        self.plan.bindings.get(binding).map(|binding| binding.name.clone()).unwrap_or_default()
    }

    /// The steps' own names behind a name of a loop; else the name itself.
    fn rounds_of(&self, binding: BindingId) -> Vec<BindingId> {
        let Some(value) = self.named(binding) else { return vec![binding] };
        let mut rounds = Vec::new();
        walk(value, &mut |inner| {
            if let ExprKind::Binding(round) = inner.kind {
                rounds.extend(self.rounds_of(round));
            }
        });
        rounds
    }
}

impl Scope for RunScope<'_> {
    fn inventory(&self) -> &Inventory {
        self.inventory
    }

    fn binding(&self, binding: BindingId) -> Evaluated {
        if let Some((_, value)) = self.plan.params.iter().find(|(param, _)| *param == binding) {
            return Evaluated::Known(value.clone());
        }
        if let Some(value) = self.named(binding) {
            return self.value_of(value);
        }
        let own = self.own.get(&binding).map(|recorded| &recorded.value);
        let found = own.or_else(|| self.published.single(binding));
        let here = || self.host.and_then(|host| self.published.on_host(binding, host)).map(|recorded| &recorded.value);
        self.found(binding, found.or_else(here).cloned())
    }

    fn result_on(&self, binding: BindingId, host: HostId) -> Evaluated {
        if let Some(value) = self.named(binding) {
            return self.on(host).value_of(value);
        }
        let own = if self.host == Some(host) { self.own.get(&binding) } else { None };
        let found = own.or_else(|| self.published.on_host(binding, host));
        self.found(binding, found.map(|recorded| recorded.value.clone()))
    }

    fn results(&self, binding: BindingId) -> Evaluated {
        let rounds = self.rounds_of(binding);
        if rounds.iter().any(|round| self.is_open(*round)) {
            return Evaluated::Pending(self.name(binding));
        }
        Evaluated::Known(self.published.summary(&rounds))
    }

    fn result_values(&self, binding: BindingId) -> Evaluated {
        let rounds = self.rounds_of(binding);
        if rounds.iter().any(|round| self.is_open(*round)) {
            return Evaluated::Pending(self.name(binding));
        }
        let on_host = |host: HostId| match self.result_on(binding, host) {
            Evaluated::Known(value) => value,
            Evaluated::Pending(_) => Value::None,
        };
        let values = self.published.hosts(&rounds).into_iter().map(on_host);
        Evaluated::Known(Value::List(values.filter(|value| !value.is_none()).collect()))
    }

    fn current_host(&self) -> Option<HostId> {
        self.host
    }

    fn file(&self, path: &str) -> Option<FileRef> {
        self.files.file(path)
    }

    fn folder(&self, path: &str) -> Result<FolderRef, FolderFault> {
        self.files.folder(path)
    }

    fn current_batch(&self) -> Evaluated {
        Evaluated::Known(Value::Hosts(self.batch.to_vec()))
    }

    fn it(&self) -> Evaluated {
        Evaluated::Known(self.it.cloned().unwrap_or(Value::None))
    }

    fn declassified(&self, secret: &SecretRef) -> Evaluated {
        declassified(self.secrets, secret)
    }
}

/// The scope of an action's own expressions: parameters, `before`, `after`, `facts`.
#[derive(Clone, Copy)]
pub struct ActionScope<'a> {
    pub inventory: &'a Inventory,
    pub files: &'a dyn ContentStore,
    pub secrets: &'a Resolved,
    pub host: Option<HostId>,
    pub params: &'a [(BindingId, Value)],
    pub before: &'a Value,
    pub after: &'a Value,
    pub facts: &'a Value,
}

impl Scope for ActionScope<'_> {
    fn inventory(&self) -> &Inventory {
        self.inventory
    }

    fn binding(&self, binding: BindingId) -> Evaluated {
        let found = self.params.iter().find(|(param, _)| *param == binding);
        Evaluated::Known(found.map_or(Value::None, |(_, value)| value.clone()))
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
        self.files.file(path)
    }

    fn folder(&self, path: &str) -> Result<FolderRef, FolderFault> {
        self.files.folder(path)
    }

    fn before(&self) -> Evaluated {
        Evaluated::Known(self.before.clone())
    }

    fn after(&self) -> Evaluated {
        Evaluated::Known(self.after.clone())
    }

    fn facts(&self) -> Evaluated {
        Evaluated::Known(self.facts.clone())
    }

    fn declassified(&self, secret: &SecretRef) -> Evaluated {
        declassified(self.secrets, secret)
    }
}

fn declassified(secrets: &Resolved, secret: &SecretRef) -> Evaluated {
    match text_of(secret, &|source| secrets.get(source).map(|text| text.expose().as_str())) {
        Ok(text) => Evaluated::Known(Value::String(text.expose().clone())),
        Err(source) => Evaluated::Pending(format!("the secret {source}")),
    }
}
