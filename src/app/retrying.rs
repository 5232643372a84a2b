//! Which hosts of a run did not come to a good end, for a run of the same playbook on these alone.

use super::errors::AppError;
use super::execution::state;
use super::going_on::Ended;
use super::planning::Planned;
use crate::base::words;
use crate::hir::effect::Kind;
use crate::report::event_read::event;
use crate::run::earlier::{Earlier, State};
use crate::run::event::{EventKind, HostRecap};
use crate::state::Journal;

impl Ended {
    /// Of the hosts of a new plan, those that failed, could not be reached, were rolled back, or were not come to; and
    /// those that did not come to a good end either, and are in no plan any more.
    pub fn to_retry(&self, journal: &Journal, planned: &Planned) -> Result<(Vec<String>, Vec<String>), AppError> {
        let run = self.summary.id;
        let events = journal.events(run).map_err(state)?;
        let recaps = events.iter().rev().filter_map(|line| event(line)).find_map(|event| match event.kind {
            EventKind::RunFinished { hosts, .. } => Some(hosts),
            _ => None,
        });
        let Some(recaps) = recaps else {
            return Err(AppError::NotToGoOn {
                reason: format!("run {run} died, so that nobody counted its hosts"),
                hint: format!("`opsc resume {run}` goes on with it"),
            });
        };
        let hosts = planned.plan.hosts.iter().map(|host| planned.inventory.hosts.at(*host).name.clone());
        let hosts: Vec<String> = hosts.collect();
        // The controller has a recap like a host, and is none.
        let is_gone =
            |recap: &&HostRecap| recap.host != "controller" && !has_done_well(recap) && !hosts.contains(&recap.host);
        let gone: Vec<String> = recaps.iter().filter(is_gone).map(|recap| recap.host.clone()).collect();
        let is_well = |host: &str| recaps.iter().any(|recap| recap.host == host && has_done_well(recap));
        let missing: Vec<String> = hosts.iter().filter(|host| !is_well(host)).cloned().collect();
        if missing.is_empty() && !gone.is_empty() {
            return Err(AppError::NotToGoOn {
                reason: format!(
                    "{} failed in run {run}, and the plan of now does not have them",
                    words::join_some(&gone, 5)
                ),
                hint: "bring them back to the inventory, or to the playbook's hosts".to_string(),
            });
        }
        if missing.is_empty() {
            return Err(AppError::NotToGoOn {
                reason: format!("every host of run {run} came to a good end"),
                hint: format!("`opsc show {run}` tells what it did"),
            });
        }
        Ok((missing, gone))
    }

    /// Refuses to do again, from the beginning, what must not be done twice.
    pub fn refuse_twice(&self, planned: &Planned) -> Result<(), AppError> {
        let plan = &planned.plan;
        let earlier = Earlier::of(self.records(), plan);
        let is_planned = |host: &str| plan.hosts.iter().any(|id| planned.inventory.hosts.at(*id).name == host);
        let is_once = |name: &str| plan.steps.values().any(|step| step.name == name && step.kind == Kind::Once);
        let twice: Vec<String> = earlier
            .all()
            .filter(|(host, step, left)| left.state != State::Failed && is_planned(host) && is_once(step))
            .map(|(host, step, _)| format!("`{step}` on {host}"))
            .collect();
        if twice.is_empty() {
            return Ok(());
        }
        let run = self.summary.id;
        Err(AppError::Twice { run, steps: words::join_some(&twice, 5) })
    }
}

fn has_done_well(recap: &HostRecap) -> bool {
    let bad = recap.failed + recap.unreachable + recap.rolled_back;
    bad == 0 && recap.ok + recap.changed + recap.skipped > 0
}
