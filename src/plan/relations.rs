//! Where the order of a plan goes against what hosts stand on. Says so; decides nothing.

use std::collections::BTreeMap;

use super::model::{BlockHosts, Item, Plan};
use crate::base::ids::HostId;
use crate::base::words;
use crate::hir::effect::Level;
use crate::hir::program::Program;
use crate::hir::world::{Inventory, Relation};

/// Warnings beyond these are counted.
const MOST: usize = 10;
/// Names in a warning beyond these are counted.
const MOST_NAMES: usize = 5;

/// A block, or blocks at the same time, and a batch of it.
type Moment = (usize, usize);

/// What happens to one host, and when.
#[derive(Default)]
struct Course {
    /// Any step.
    steps: Vec<Moment>,
    changes: Vec<Moment>,
    /// It is started anew, so that it is away meanwhile.
    restarts: Vec<Moment>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Against {
    /// What stands on the host loses it meanwhile, or has lost it before its own steps.
    Restarted { together: bool, relation: Relation },
    /// What depends on the host is changed with it, or earlier.
    Changed { together: bool },
}

/// One warning for each host that others stand on.
pub fn warnings(plan: &Plan, program: &Program, inventory: &Inventory) -> Vec<String> {
    let related = || {
        inventory
            .hosts
            .iter()
            .flat_map(|(id, host)| host.relations.iter().map(move |(kind, other)| (id, *kind, *other)))
    };
    if related().next().is_none() {
        return Vec::new();
    }
    let courses = courses(plan, program, inventory);
    let mut found: BTreeMap<(HostId, Against), Vec<HostId>> = BTreeMap::new();
    for (host, relation, other) in related() {
        let (Some(above), Some(below)) = (courses.get(&host), courses.get(&other)) else { continue };
        if let Some(against) = against(relation, above, below) {
            found.entry((other, against)).or_default().push(host);
        }
    }
    let mut lines: Vec<String> =
        found.into_iter().map(|((other, against), hosts)| line(other, &against, &hosts, inventory)).collect();
    let over = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    if over > 0 {
        lines.push(format!("{over} more of the plan's hosts are in an order that goes against their relations"));
    }
    lines
}

/// `above` stands on `below`.
fn against(relation: Relation, above: &Course, below: &Course) -> Option<Against> {
    match relation {
        Relation::RunsOn | Relation::Behind => {
            let restart = below.restarts.iter().min()?;
            let together = below.restarts.iter().any(|moment| above.steps.contains(moment));
            let is_late = above.steps.iter().any(|moment| moment >= restart);
            is_late.then_some(Against::Restarted { together, relation })
        }
        Relation::DependsOn => {
            let (first, needed) = (above.changes.iter().min()?, below.changes.iter().min()?);
            (first <= needed).then_some(Against::Changed { together: first == needed })
        }
    }
}

fn line(other: HostId, against: &Against, hosts: &[HostId], inventory: &Inventory) -> String {
    let name = &inventory.hosts.at(other).name;
    let names: Vec<&str> = hosts.iter().map(|host| inventory.hosts.at(*host).name.as_str()).collect();
    let (shown, is_one) = (words::join_some(&names, MOST_NAMES), names.len() == 1);
    let by_number = |one: &'static str, many: &'static str| if is_one { one } else { many };
    match against {
        Against::Restarted { together, relation } => {
            let how = match relation {
                Relation::RunsOn => by_number("runs on it", "run on it"),
                _ => by_number("is behind it", "are behind it"),
            };
            match together {
                true => format!("{name} is restarted in the same batch as {shown}, which {how}"),
                false => format!("{name} is restarted, and then steps follow on {shown}, which {how}"),
            }
        }
        Against::Changed { together } => {
            let when = if *together { "in the same batch as" } else { "before" };
            let depends = by_number("it depends on", "they depend on");
            format!("{shown} {} changed {when} {name}, which {depends}", by_number("is", "are"))
        }
    }
}

/// What the plan does with each host. Hosts that only the run will know are in no course.
fn courses(plan: &Plan, program: &Program, inventory: &Inventory) -> BTreeMap<HostId, Course> {
    let mut courses: BTreeMap<HostId, Course> = BTreeMap::new();
    for (number, group) in plan.groups().into_iter().enumerate() {
        let at_once = group.len() > 1;
        for id in group {
            let block = plan.blocks.at(id);
            let batches = match &block.hosts {
                BlockHosts::Known(hosts) => block.table(hosts),
                BlockHosts::Controller => vec![Vec::new()],
                BlockHosts::Pending { .. } => continue,
            };
            for (batch, hosts) in batches.iter().enumerate() {
                // How far blocks beside each other have come is nobody's order.
                let moment = (number, if at_once { 0 } else { batch });
                let own = [&block.items, &block.always];
                own.into_iter()
                    .flatten()
                    .for_each(|item| note(item, hosts, moment, (plan, program, inventory), &mut courses));
                let after = &block.after_batch;
                after.iter().for_each(|item| note(item, &[], moment, (plan, program, inventory), &mut courses));
            }
        }
    }
    courses
}

fn note(
    item: &Item,
    hosts: &[HostId],
    moment: Moment,
    (plan, program, inventory): (&Plan, &Program, &Inventory),
    courses: &mut BTreeMap<HostId, Course>,
) {
    let Some(step) = item.step().map(|step| plan.steps.at(step)) else { return };
    let elsewhere = step.runs_at.as_ref().map(|place| place.machines(inventory));
    let restarts = program.actions.at(step.action).restarts.is_some();
    for host in elsewhere.as_deref().unwrap_or(hosts) {
        let course = courses.entry(*host).or_default();
        let add = |moments: &mut Vec<Moment>| {
            if moments.last() != Some(&moment) {
                moments.push(moment);
            }
        };
        add(&mut course.steps);
        if step.row.level != Level::Read {
            add(&mut course.changes);
        }
        if restarts {
            add(&mut course.restarts);
        }
    }
}
