//! What arguments come to on the machines of a step: some mean nothing to their systems, with others the action cannot
//! work. Knows nothing of what hosts will say.

use super::errors::PlanError;
use super::model::{Arg, Shown};
use crate::base::ids::HostId;
use crate::base::source::Span;
use crate::eval::Evaluated;
use crate::eval::kinds::unmet;
use crate::hir::program::Action;
use crate::hir::types::Os;
use crate::hir::value::Value;
use crate::hir::world::Host;

pub(super) type Machine<'a> = (HostId, &'a Host);

/// Without machines what is wrong on all of them is found.
pub(super) fn faults(action: &Action, args: &[Arg], machines: &[Machine<'_>], span: Span) -> Vec<PlanError> {
    let mut faults = Vec::new();
    for os in Os::ALL {
        let hosts: Vec<Machine<'_>> = machines.iter().filter(|(_, host)| host.os == Some(os)).copied().collect();
        for place in action.meaningless_on(os) {
            faults.extend(args.get(place).and_then(|arg| meaningless(arg, os, &hosts)));
        }
    }
    faults.extend(cannot(action, args, machines, span));
    faults
}

fn meaningless(arg: &Arg, os: Os, hosts: &[Machine<'_>]) -> Option<PlanError> {
    let is_there = |host: HostId| matches!(value_on(arg, host), Evaluated::Known(value) if !value.is_none());
    let hosts: Vec<String> = hosts.iter().filter(|(id, _)| is_there(*id)).map(|(_, host)| host.name.clone()).collect();
    if arg.from_default || hosts.is_empty() {
        return None;
    }
    Some(PlanError::Meaningless { param: arg.name.clone(), os: os.name(), hosts, span: arg.value.span })
}

/// Told once: hosts of one step differ in little.
fn cannot(action: &Action, args: &[Arg], machines: &[Machine<'_>], span: Span) -> Option<PlanError> {
    let everywhere: Vec<Evaluated> = args.iter().map(same_everywhere).collect();
    let error = |words, host| PlanError::Unmet { action: action.name.clone(), words, host, span };
    if let Some(words) = unmet(action, &everywhere, None) {
        return Some(error(words, None));
    }
    machines.iter().find_map(|(id, host)| {
        let values: Vec<Evaluated> = args.iter().map(|arg| value_on(arg, *id)).collect();
        unmet(action, &values, host.os).map(|words| error(words, Some(host.name.clone())))
    })
}

fn same_everywhere(arg: &Arg) -> Evaluated {
    match &arg.shown {
        Shown::Same(value) => Evaluated::Known(value.clone()),
        Shown::ByHost(_) | Shown::Pending(_) => Evaluated::Pending(arg.name.clone()),
    }
}

fn value_on(arg: &Arg, host: HostId) -> Evaluated {
    match &arg.shown {
        Shown::ByHost(values) => {
            let own: Option<&Value> = values.iter().find(|(on, _)| *on == host).map(|(_, value)| value);
            own.map_or_else(|| Evaluated::Pending(arg.name.clone()), |value| Evaluated::Known(value.clone()))
        }
        _ => same_everywhere(arg),
    }
}
