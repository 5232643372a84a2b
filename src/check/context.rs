//! What an expression or statement stands in: visible names, the current host, what `it` and `before` are.

use std::collections::HashMap;

use crate::base::ids::{BindingId, HostId, IdVec};
use crate::base::source::Span;
use crate::eval::walk::walk;
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::program::Binding;
use crate::hir::types::{Os, Type};

/// Names of one playbook or action. Inner scopes shadow nothing: a name is bound once.
#[derive(Default)]
pub struct Scope {
    pub bindings: IdVec<BindingId, Binding>,
    layers: Vec<HashMap<String, Visible>>,
    used: Vec<bool>,
    /// What only the run will know: results, and what is made of them.
    of_run: Vec<bool>,
    /// Names bound in blocks that have ended, with where; for better messages.
    pub ended: HashMap<String, Span>,
    /// Names bound by what runs at the same time, with where.
    pub beside: HashMap<String, Span>,
    /// Where the value of a name became secret, if that is not where the name stands.
    pub secret_origins: HashMap<BindingId, Span>,
}

/// How a name is seen from here.
#[derive(Clone, Debug)]
pub struct Visible {
    pub binding: BindingId,
    pub ty: Type,
}

impl Scope {
    pub fn enter(&mut self) {
        self.layers.push(HashMap::new());
    }

    /// Ends a layer and gives back its names, sorted.
    pub fn leave(&mut self) -> Vec<(String, Visible)> {
        let mut names: Vec<(String, Visible)> = self.layers.pop().unwrap_or_default().into_iter().collect();
        names.sort_by_key(|(_, visible)| visible.binding);
        names
    }

    pub fn bind(&mut self, name: &str, ty: Type, span: Span) -> BindingId {
        let binding = self.bindings.push(Binding { name: name.to_string(), ty: ty.clone(), span });
        self.used.push(false);
        self.of_run.push(false);
        self.show(name, Visible { binding, ty });
        binding
    }

    /// Makes an existing binding visible in the current layer, perhaps with another type.
    pub fn show(&mut self, name: &str, visible: Visible) {
        if let Some(layer) = self.layers.last_mut() {
            layer.insert(name.to_string(), visible);
        }
    }

    pub fn find(&self, name: &str) -> Option<&Visible> {
        self.layers.iter().rev().find_map(|layer| layer.get(name))
    }

    pub fn mark_used(&mut self, binding: BindingId) {
        use crate::base::ids::Id;
        if let Some(used) = self.used.get_mut(binding.index()) {
            *used = true;
        }
    }

    pub fn is_used(&self, binding: BindingId) -> bool {
        use crate::base::ids::Id;
        self.used.get(binding.index()).copied().unwrap_or(true)
    }

    pub fn mark_of_run(&mut self, binding: BindingId) {
        use crate::base::ids::Id;
        if let Some(of_run) = self.of_run.get_mut(binding.index()) {
            *of_run = true;
        }
    }

    /// The first name in an expression that only the run will know.
    pub fn waits_for(&self, expr: &Expr) -> Option<&str> {
        use crate::base::ids::Id;
        let mut found = None;
        walk(expr, &mut |inner| {
            if let ExprKind::Binding(binding) = inner.kind
                && self.of_run.get(binding.index()).copied().unwrap_or(false)
            {
                found = found.or(Some(binding));
            }
        });
        found.map(|binding| self.bindings.at(binding).name.as_str())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.layers.iter().flat_map(|layer| layer.keys().map(String::as_str))
    }
}

/// The systems a block's hosts may have.
#[derive(Clone, PartialEq, Debug)]
pub struct Systems {
    pub possible: Vec<Os>,
    /// Said in the program (`hosts<linux>`, a condition on `host.os`), not merely unknown.
    pub explicit: bool,
    /// Where it is said.
    pub said: Option<Span>,
}

impl Systems {
    pub fn any() -> Systems {
        Systems { possible: Os::ALL.to_vec(), explicit: false, said: None }
    }

    pub fn only(os: Os, said: Span) -> Systems {
        Systems { possible: vec![os], explicit: true, said: Some(said) }
    }

    /// After `host.os == os` (or, with `is` false, after its contrary).
    pub fn narrowed(&self, os: Os, is: bool, said: Span) -> Systems {
        let possible = self.possible.iter().copied().filter(|candidate| (*candidate == os) == is).collect();
        Systems { possible, explicit: true, said: Some(said) }
    }
}

/// The surroundings of a statement or expression.
#[derive(Clone, Debug)]
pub struct Context {
    /// Inside `on` (or `where`): there is a current host.
    pub on_host: bool,
    pub systems: Systems,
    /// The hosts of the block, where they are known already.
    pub hosts: Option<Vec<HostId>>,
    pub it: Option<Type>,
    /// What `before` and `after` are, inside an action.
    pub before: Option<Type>,
    pub facts: bool,
    /// The default of a playbook's parameter.
    pub in_default: bool,
    pub in_block: bool,
    /// In an `at`: steps run on another machine.
    pub in_at: bool,
    /// In a `parallel`, or in a block of one.
    pub in_parallel: bool,
    pub in_failure: bool,
    pub in_clause: bool,
    /// In `after batch`: `batch` is its hosts.
    pub in_after_batch: bool,
    /// A nearer `as:` around: steps run as another user.
    pub as_user: bool,
    /// In an `if`: results may be absent after it.
    pub conditional: bool,
}

impl Context {
    pub fn top() -> Context {
        Context {
            on_host: false,
            systems: Systems::any(),
            hosts: None,
            it: None,
            before: None,
            facts: false,
            in_default: false,
            in_block: false,
            in_at: false,
            in_parallel: false,
            in_failure: false,
            in_clause: false,
            in_after_batch: false,
            as_user: false,
            conditional: false,
        }
    }
}
