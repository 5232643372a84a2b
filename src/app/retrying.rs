//! Which hosts of a run did not come to a good end, for a run of the same playbook on these alone.

use serde_json::Value as Json;

use super::errors::AppError;
use super::execution::state;
use super::going_on::Ended;
use super::planning::Planned;
use crate::base::words;
use crate::hir::effect::Kind;
use crate::run::earlier::{Earlier, State};
use crate::state::Journal;

impl Ended {
    /// Of the hosts of a new plan, those that failed, could not be reached, were rolled back, or were not come to; and
    /// those that did not come to a good end either, and are in no plan any more.
    pub fn to_retry(&self, journal: &Journal, planned: &Planned) -> Result<(Vec<String>, Vec<String>), AppError> {
        let run = self.summary.id;
        let events = journal.events(run).map_err(state)?;
        let ended = events.iter().rev().filter_map(|event| serde_json::from_str::<Json>(event).ok());
        let Some(ended) = ended.into_iter().find(|event| event.get("kind").is_some_and(|kind| kind == "run.finished"))
        else {
            return Err(AppError::NotToGoOn {
                reason: format!("run {run} died, so that nobody counted its hosts"),
                hint: format!("`opsc resume {run}` goes on with it"),
            });
        };
        let recaps = || {
            let all = ended.get("hosts").and_then(Json::as_array).into_iter().flatten();
            all.filter_map(|recap| Some((recap.get("host")?.as_str()?, has_done_well(recap))))
        };
        let hosts = planned.plan.hosts.iter().map(|host| planned.inventory.hosts.at(*host).name.clone());
        let hosts: Vec<String> = hosts.collect();
        let is_gone = |(host, is_well): &(&str, bool)| !is_well && hosts.iter().all(|planned| planned != host);
        let gone: Vec<String> = recaps().filter(is_gone).map(|(host, _)| host.to_string()).collect();
        let is_well = |host: &str| recaps().any(|(of, is_well)| is_well && of == host);
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

fn has_done_well(recap: &Json) -> bool {
    let count = |name: &str| recap.get(name).and_then(Json::as_u64).unwrap_or(0);
    let bad = ["failed", "unreachable", "rolled_back"].into_iter().map(count).sum::<u64>();
    bad == 0 && ["ok", "changed", "skipped"].into_iter().any(|name| count(name) > 0)
}
