//! What an expression or statement stands in: visible names, the current host, what `it` and `before` are.

use std::collections::HashMap;

use crate::base::ids::{BindingId, HostId, IdVec};
use crate::base::source::Span;
use crate::hir::program::Binding;
use crate::hir::types::{Os, Type};

/// Names of one playbook or action. Inner scopes shadow nothing: a name is bound once.
#[derive(Default)]
pub struct Scope {
    pub bindings: IdVec<BindingId, Binding>,
    layers: Vec<HashMap<String, Visible>>,
    used: Vec<bool>,
    /// Names bound in blocks that have ended, with where; for better messages.
    pub ended: HashMap<String, Span>,
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
}

impl Systems {
    pub fn any() -> Systems {
        Systems { possible: Os::ALL.to_vec(), explicit: false }
    }

    pub fn only(os: Os) -> Systems {
        Systems { possible: vec![os], explicit: true }
    }

    /// After `host.os == os` (or, with `is` false, after its contrary).
    pub fn narrowed(&self, os: Os, is: bool) -> Systems {
        let possible = self.possible.iter().copied().filter(|candidate| (*candidate == os) == is).collect();
        Systems { possible, explicit: true }
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
    pub in_block: bool,
    pub in_failure: bool,
    pub in_clause: bool,
    /// A nearer `as:` around: steps run as another user.
    pub as_user: bool,
    /// In an `if`: results may be absent after it.
    pub conditional: bool,
    /// In a `for`.
    pub in_loop: bool,
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
            in_block: false,
            in_failure: false,
            in_clause: false,
            in_loop: false,
            as_user: false,
            conditional: false,
        }
    }
}
