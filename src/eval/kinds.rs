//! What the arguments of one step decide before any host is asked: its kind, whether it can be undone, and needs that
//! cannot be met.

use super::walk::walk;
use super::{Evaluated, Scope, eval};
use crate::base::ids::{BindingId, HostId};
use crate::hir::effect::{Kind, Row};
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::program::{Action, Condition};
use crate::hir::types::Os;
use crate::hir::value::{FileRef, Value};
use crate::hir::world::{Host, Inventory};

/// A step whose `skip` can never be true with these arguments does not converge, however its action is written.
/// Arguments are in parameter order; pending ones may be anything.
pub fn kind_of_step(action: &Action, row: Row, args: &[Evaluated]) -> Kind {
    let kind = action.kind(row);
    let Some(skip) = action.skip.as_ref().filter(|_| kind == Kind::Converge) else { return kind };
    match eval(skip, &ArgumentScope::new(action, args, None)) {
        Ok(Evaluated::Known(Value::Bool(false))) if action.repeatable => Kind::Repeatable,
        Ok(Evaluated::Known(Value::Bool(false))) => Kind::Once,
        _ => kind,
    }
}

/// Whether `reversible:` holds with these arguments; absent where it depends on what `check` will find.
pub fn reversible_with(action: &Action, args: &[Evaluated]) -> Option<bool> {
    let Some(reversible) = &action.reversible else { return Some(true) };
    match eval(reversible, &ArgumentScope::new(action, args, None)) {
        Ok(Evaluated::Known(Value::Bool(holds))) => Some(holds),
        _ => None,
    }
}

/// What an action needs, with the words for it, that these arguments rule out on hosts of a system, or on all hosts.
pub fn unmet(action: &Action, args: &[Evaluated], os: Option<Os>) -> Option<Option<String>> {
    if action.needs.is_empty() {
        return None;
    }
    let scope = ArgumentScope::new(action, args, os);
    let rules_out = |need: &&Condition| {
        asks_only_for_the_system(&need.condition)
            && matches!(eval(&need.condition, &scope), Ok(Evaluated::Known(Value::Bool(false))))
    };
    let need = action.needs.iter().find(rules_out)?;
    Some(need.message.as_ref().and_then(|message| words_of(message, &scope)))
}

/// With an ellipsis for each part that is not known yet.
fn words_of(message: &Expr, scope: &dyn Scope) -> Option<String> {
    let known = |part: &Expr| eval(part, scope).ok().and_then(Evaluated::known);
    let text = |value: Value| value.as_str().map_or_else(|| value.literal(), str::to_string);
    match (known(message), &message.kind) {
        (Some(value), _) => Some(text(value)),
        (None, ExprKind::Interpolated(parts)) => {
            Some(parts.iter().map(|part| known(part).map_or_else(|| "…".to_string(), text)).collect())
        }
        (None, _) => None,
    }
}

/// Of a host nothing else is known.
fn asks_only_for_the_system(condition: &Expr) -> bool {
    let (mut hosts, mut systems) = (0, 0);
    walk(condition, &mut |inner| match &inner.kind {
        ExprKind::CurrentHost => hosts += 1,
        ExprKind::Field(base, field) if base.kind == ExprKind::CurrentHost && field == "os" => systems += 1,
        _ => {}
    });
    hosts == systems
}

/// Nothing but arguments is known, and perhaps the host's system: what `check` will find is pending.
struct ArgumentScope {
    params: Vec<(BindingId, Evaluated)>,
    inventory: Inventory,
    host: Option<HostId>,
}

impl ArgumentScope {
    fn new(action: &Action, args: &[Evaluated], os: Option<Os>) -> ArgumentScope {
        let params = action.params.iter().map(|param| param.binding).zip(args.iter().cloned()).collect();
        let mut inventory = Inventory::default();
        let host = os.map(|os| inventory.hosts.push(Host { os: Some(os), ..Host::default() }));
        ArgumentScope { params, inventory, host }
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
        self.host
    }

    fn file(&self, _path: &str) -> Option<FileRef> {
        None
    }

    fn before(&self) -> Evaluated {
        Evaluated::Pending("before".to_string())
    }
}
