//! Tests on real hosts that may be lost: which hosts those are, and what shows that a playbook converges or is undone.

use std::collections::{BTreeMap, BTreeSet};

use super::errors::AppError;
use super::limits::parse_limit;
use super::planning::Planned;
use super::workspace::Workspace;
use crate::base::ids::HostId;
use crate::hir::value::Value;
use crate::hir::world::Host;
use crate::plan::model::{BlockHosts, RunsAt, Shown};
use crate::run::event::{EventKind, Outcome, RunEvent};
use crate::run::predict::{Prediction, Verdict};

/// Hosts that have it may be lost, and tests change no others.
pub const TAG: &str = "throwaway";

/// Refuses unless every host that a run may change is one that may be lost.
pub fn refuse_others(workspace: &mut Workspace, planned: &Planned, limit: &str) -> Result<(), AppError> {
    let (plan, inventory) = (&planned.plan, &planned.inventory);
    let mut hosts: BTreeSet<HostId> = plan.hosts.iter().copied().collect();
    if plan.blocks.values().any(|block| matches!(block.hosts, BlockHosts::Pending { .. })) {
        hosts.extend(parse_limit(limit, workspace)?);
    }
    let mut refused = Vec::new();
    for place in plan.steps.values().filter_map(|step| step.runs_at.as_ref()) {
        match place {
            RunsAt::Host { shown: Shown::Pending(_), text, .. } => refused.push(format!("`{text}`")),
            place => hosts.extend(place.machines(inventory)),
        }
    }
    let hosts = hosts.into_iter().map(|host| inventory.hosts.at(host));
    refused.extend(hosts.filter(|host| !may_be_lost(host)).map(|host| host.name.clone()));
    refused.dedup();
    if refused.is_empty() { Ok(()) } else { Err(AppError::NotThrowAway { hosts: refused }) }
}

fn may_be_lost(host: &Host) -> bool {
    host.tags.iter().any(|(key, value)| key == TAG && *value == Value::Bool(true))
}

/// What a run changed: nothing, where it only says again what is so already.
pub fn changes(events: &[RunEvent]) -> Vec<String> {
    let changed = events.iter().filter_map(|event| match &event.kind {
        EventKind::StepFinished { step, host, outcome: Outcome::Changed, .. } => {
            Some(format!("`{step}` on {host} changed something once more"))
        }
        _ => None,
    });
    changed.collect()
}

/// Steps that a way back could not undo.
pub fn not_undone(events: &[RunEvent]) -> Vec<String> {
    let left = events.iter().filter_map(|event| match &event.kind {
        EventKind::RollbackFinished { host, left, .. } if !left.is_empty() => {
            Some(format!("not undone on {host}: {}", left.join(", ")))
        }
        _ => None,
    });
    left.collect()
}

/// Steps that would do another thing now than before: what they look at is not as it was.
pub fn differences(before: &[Prediction], after: &[Prediction]) -> Vec<String> {
    let by_place = |found: &[Prediction]| -> BTreeMap<(String, String), Verdict> {
        let place = |found: &Prediction| (found.step.clone(), found.host.clone());
        found.iter().map(|found| (place(found), found.verdict.clone())).collect()
    };
    let (was, is) = (by_place(before), by_place(after));
    let places: BTreeSet<&(String, String)> = was.keys().chain(is.keys()).collect();
    let name = |found: Option<&Verdict>| found.map_or("nothing", Verdict::name);
    let differs = places.into_iter().filter(|place| was.get(*place) != is.get(*place)).map(|place| {
        let (step, host) = place;
        format!("`{step}` on {host} is not as before: it was {}, it is {}", name(was.get(place)), name(is.get(place)))
    });
    differs.collect()
}
