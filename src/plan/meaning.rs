//! What arguments come to on the machines of a step: some mean nothing to their systems, with others the action cannot
//! work. Knows nothing of what hosts will say.

use std::collections::BTreeMap;

use super::errors::{NotForOthers, PlanError};
use super::model::{Arg, Shown};
use crate::base::ids::HostId;
use crate::base::source::Span;
use crate::eval::Evaluated;
use crate::eval::kinds::unmet;
use crate::eval::walk::mentions;
use crate::hir::program::Action;
use crate::hir::types::Os;
use crate::hir::value::Value;
use crate::hir::world::Host;

pub(super) type Machine<'a> = (HostId, &'a Host);

/// Without machines what is wrong on all of them is found.
pub(super) fn faults(action: &Action, args: &[Arg], machines: &[Machine<'_>], span: Span) -> Vec<PlanError> {
    let mut faults = Vec::new();
    for os in Os::ALL {
        for arg in action.meaningless_on(os).into_iter().filter_map(|place| args.get(place)) {
            faults.extend(meaningless(arg, os, machines));
        }
    }
    faults.extend(cannot(action, args, machines, span));
    faults
}

fn meaningless(arg: &Arg, os: Os, machines: &[Machine<'_>]) -> Option<PlanError> {
    if arg.from_default {
        return None;
    }
    let values = Values::of(arg);
    let is_there = |host: HostId| values.on(host).is_some_and(|value| !value.is_none());
    let meant = machines.iter().filter(|(id, host)| host.os == Some(os) && is_there(*id));
    let hosts: Vec<String> = meant.map(|(_, host)| host.name.clone()).collect();
    let (param, span) = (arg.name.clone(), arg.value.span);
    (!hosts.is_empty()).then(|| PlanError::Meaningless { param, os: os.name(), hosts, span })
}

/// Told once: hosts of one step differ in little.
fn cannot(action: &Action, args: &[Arg], machines: &[Machine<'_>], span: Span) -> Option<PlanError> {
    if action.needs.is_empty() {
        return None;
    }
    let error = |words, host| PlanError::Unmet { action: action.name.clone(), words, host, span };
    let values: Vec<Values<'_>> = args.iter().map(Values::of).collect();
    let all = |host: Option<HostId>| -> Vec<Evaluated> { values.iter().map(|each| each.evaluated(host)).collect() };
    let everywhere = all(None);
    if let Some(words) = unmet(action, &everywhere, None) {
        return Some(error(words, None));
    }
    let on = |(_, host): &Machine<'_>, values: &[Evaluated]| {
        unmet(action, values, host.os).map(|words| error(words, Some(host.name.clone())))
    };
    let is_needed = |place: usize| {
        let param = action.params.get(place);
        param.is_some_and(|param| action.needs.iter().any(|need| mentions(&need.condition, param.binding)))
    };
    if values.iter().enumerate().any(|(place, value)| matches!(value, Values::ByHost(..)) && is_needed(place)) {
        return machines.iter().find_map(|machine| on(machine, &all(Some(machine.0))));
    }
    // Where they are the same everywhere, one host of each system speaks for the others.
    let first = |os: Os| machines.iter().find(|(_, host)| host.os == Some(os));
    Os::ALL.into_iter().filter_map(first).find_map(|machine| on(machine, &everywhere))
}

/// What a step of another user on Windows is not given.
pub(super) fn not_for_others(arg: &Arg, host: HostId) -> Option<NotForOthers> {
    match Values::of(arg).on(host)? {
        Value::File(_) | Value::Folder(_) => Some(NotForOthers::File),
        value => (!value.secrets().is_empty()).then_some(NotForOthers::Secret),
    }
}

/// What an argument comes to: on all hosts alike, or on each.
enum Values<'a> {
    Same(&'a Value),
    ByHost(&'a str, BTreeMap<HostId, &'a Value>),
    Pending(&'a str),
}

impl<'a> Values<'a> {
    fn of(arg: &'a Arg) -> Values<'a> {
        match &arg.shown {
            Shown::Same(value) => Values::Same(value),
            Shown::ByHost(values) => {
                Values::ByHost(&arg.name, values.iter().map(|(host, value)| (*host, value)).collect())
            }
            Shown::Pending(_) => Values::Pending(&arg.name),
        }
    }

    fn on(&self, host: HostId) -> Option<&'a Value> {
        match self {
            Values::Same(value) => Some(value),
            Values::ByHost(_, values) => values.get(&host).copied(),
            Values::Pending(_) => None,
        }
    }

    /// Without a host, what it is on all of them.
    fn evaluated(&self, host: Option<HostId>) -> Evaluated {
        let known = match (self, host) {
            (Values::Same(value), _) => Some(*value),
            (_, host) => host.and_then(|host| self.on(host)),
        };
        let name = match self {
            Values::Same(_) => "",
            Values::ByHost(name, _) | Values::Pending(name) => name,
        };
        known.map_or_else(|| Evaluated::Pending(name.to_string()), |value| Evaluated::Known(value.clone()))
    }
}
