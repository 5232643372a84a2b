//! `check --connect`: which hosts checked playbooks name, and whether these can be worked with as the playbooks would.
//! Changes nothing. A playbook that wants values names its hosts only with them, and is told apart.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::errors::AppError;
use super::planning::{Allow, PlanOptions, Planned, plan_file};
use super::workspace::{Workspace, display_path};
use crate::base::ids::HostId;
use crate::base::words;
use crate::hir::program::Playbook;
use crate::plan::model::{BlockHosts, Step};
use crate::report::examination::Unplanned;

/// The hosts that playbooks name.
#[derive(Default, Debug)]
pub struct Named {
    /// With the users other than the login user that steps run as there.
    pub hosts: BTreeMap<HostId, BTreeSet<String>>,
    /// Playbooks of which no plan can be made as they stand.
    pub unplanned: Vec<Unplanned>,
}

/// Plans every playbook of these files with its defaults, and with those of the values that it has parameters for;
/// `limit` is `-l`.
pub fn hosts_named(
    workspace: &mut Workspace,
    files: &[PathBuf],
    values: &[String],
    limit: Option<&[HostId]>,
) -> Result<Named, AppError> {
    let mut named = Named::default();
    let mut wanted = BTreeSet::new();
    for file in files {
        let program = workspace.check_file(file)?.program;
        wanted.extend(program.iter().flat_map(|program| &program.playbooks).flat_map(names_of_params));
    }
    for file in files {
        let checked = workspace.check_file(file)?;
        let path = display_path(&checked.path, &workspace.project);
        let playbooks = checked.program.map(|program| program.playbooks).unwrap_or_default();
        for playbook in playbooks {
            let own: BTreeSet<String> = names_of_params(&playbook).collect();
            // What no playbook wants is told by each.
            let is_meant = |name: &str| own.contains(name) || !wanted.contains(name);
            let meant = values.iter().filter(|value| is_meant(value.split('=').next().unwrap_or_default().trim()));
            let options = PlanOptions {
                variables: meant.cloned().collect(),
                playbook: Some(playbook.name.clone()),
                allow: Allow { destroy: true, inactive: true },
                ..PlanOptions::default()
            };
            match plan_file(workspace, file, &options) {
                Ok(planned) => take(&planned, &mut named.hosts),
                Err(error) => {
                    let reason = reason(&error);
                    named.unplanned.push(Unplanned { file: path.clone(), playbook: playbook.name, reason });
                }
            }
        }
    }
    if let Some(limit) = limit {
        named.hosts.retain(|host, _| limit.contains(host));
    }
    Ok(named)
}

fn names_of_params(playbook: &Playbook) -> impl Iterator<Item = String> {
    playbook.params.iter().map(|param| param.name.clone())
}

fn reason(error: &AppError) -> String {
    match error {
        AppError::Inputs { missing, .. } if !missing.is_empty() => {
            let names: Vec<String> = missing.iter().map(|missing| format!("`{}`", missing.name)).collect();
            format!("it wants values for {}: give them with `-e NAME=VALUE`", words::join_and(&names))
        }
        AppError::Hosts { diagnostics }
        | AppError::Inputs { diagnostics, .. }
        | AppError::Diagnostics { diagnostics } => {
            let messages: Vec<&str> = diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
            messages.join("; ")
        }
        other => other.to_string(),
    }
}

/// The hosts of a plan, and those that its steps run at.
fn take(planned: &Planned, hosts: &mut BTreeMap<HostId, BTreeSet<String>>) {
    let (plan, inventory) = (&planned.plan, &planned.inventory);
    for host in &plan.hosts {
        hosts.entry(*host).or_default();
    }
    for step in plan.steps.values().filter(|step| !planned.program.actions.at(step.action).is_controller()) {
        for host in machines(step, planned) {
            let users = hosts.entry(host).or_default();
            users.extend(step.user_on(Some(inventory.hosts.at(host))));
        }
    }
}

/// Where a step runs, as far as it is known before the run.
fn machines(step: &Step, planned: &Planned) -> Vec<HostId> {
    match (&step.runs_at, step.block) {
        (Some(place), _) => place.machines(&planned.inventory),
        (None, Some(block)) => match &planned.plan.blocks.at(block).hosts {
            BlockHosts::Known(hosts) => hosts.clone(),
            BlockHosts::Pending { .. } | BlockHosts::Controller => Vec::new(),
        },
        (None, None) => Vec::new(),
    }
}
