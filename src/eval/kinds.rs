//! The kind of one step: its action's, unless its arguments leave nothing for `skip` to find.

use super::{Evaluated, Scope, eval};
use crate::base::ids::{BindingId, HostId};
use crate::hir::effect::{Kind, Row};
use crate::hir::program::Action;
use crate::hir::value::{FileRef, Value};
use crate::hir::world::Inventory;

/// A step whose `skip` can never be true with these arguments does not converge, however its action is written.
/// Arguments are in parameter order; pending ones may be anything.
pub fn kind_of_step(action: &Action, row: Row, args: &[Evaluated]) -> Kind {
    let kind = action.kind(row);
    let Some(skip) = action.skip.as_ref().filter(|_| kind == Kind::Converge) else { return kind };
    match eval(skip, &ArgumentScope::new(action, args)) {
        Ok(Evaluated::Known(Value::Bool(false))) if action.repeatable => Kind::Repeatable,
        Ok(Evaluated::Known(Value::Bool(false))) => Kind::Once,
        _ => kind,
    }
}

/// Whether `reversible:` holds with these arguments; absent where it depends on what `check` will find.
pub fn reversible_with(action: &Action, args: &[Evaluated]) -> Option<bool> {
    let Some(reversible) = &action.reversible else { return Some(true) };
    match eval(reversible, &ArgumentScope::new(action, args)) {
        Ok(Evaluated::Known(Value::Bool(holds))) => Some(holds),
        _ => None,
    }
}

/// Nothing but arguments is known: what `check` will find is pending.
struct ArgumentScope {
    params: Vec<(BindingId, Evaluated)>,
    inventory: Inventory,
}

impl ArgumentScope {
    fn new(action: &Action, args: &[Evaluated]) -> ArgumentScope {
        let params = action.params.iter().map(|param| param.binding).zip(args.iter().cloned()).collect();
        ArgumentScope { params, inventory: Inventory::default() }
    }
}

impl Scope for ArgumentScope {
    fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    fn binding(&self, binding: BindingId) -> Evaluated {
        let found = self.params.iter().find(|(param, _)| *param == binding);
        found.map_or_else(|| Evaluated::Pending("an argument".to_string()), |(_, value)| value.clone())
    }

    fn result_on(&self, binding: BindingId, _host: HostId) -> Evaluated {
        self.binding(binding)
    }

    fn results(&self, binding: BindingId) -> Evaluated {
        self.binding(binding)
    }

    fn current_host(&self) -> Option<HostId> {
        None
    }

    fn file(&self, _path: &str) -> Option<FileRef> {
        None
    }

    fn before(&self) -> Evaluated {
        Evaluated::Pending("before".to_string())
    }
}
