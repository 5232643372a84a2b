//! What going on with a run, or going back over it, will do: as text for people, before they are asked.

use std::collections::BTreeMap;

use crate::base::words;
use crate::plan::model::{Plan, Reversible, Step};
use crate::run::earlier::{Earlier, Left, State};
use crate::run::owed::Owed;
use crate::state::{LaterChange, Unfinished};

/// What stays, what is looked at again, what begins again.
pub fn missing_text(run: i64, earlier: &Earlier, plan: &Plan) -> String {
    let (mut stay, mut again, mut begun) = (0, 0, String::new());
    let steps = by_name(plan);
    for (host, name, left) in earlier.all() {
        let Some(step) = steps.get(name) else { continue };
        match left.state {
            State::Done | State::Ignored if earlier.finished(step, host).is_some() => stay += 1,
            State::Done | State::Ignored => again += 1,
            State::Failed if left.is_said_again => {
                begun.push_str(&format!("  {host} {name} begins again, since somebody said that it may\n"));
            }
            State::Failed => begun.push_str(&format!("  {host} {name} failed and begins again\n")),
            State::Unknown if left.kept_there.is_some() => {
                begun.push_str(&format!("  {host} {name} went on without the run and is taken up\n"));
            }
            State::Unknown => begun.push_str(&format!("  {host} {name} was under way and begins again\n")),
            State::Undoing | State::NotUndone => {
                begun.push_str(&format!("  {host} {name} was being undone and begins again\n"))
            }
        }
    }
    let (stay, again) = (words::count(stay, "finished step"), words::count(again, "step"));
    format!("going on with run {run}: {stay} not done again, {again} looked at again\n{begun}")
}

/// Every change that is undone, those for which there is no way back, and who changed the same hosts later.
pub fn way_back_text(run: i64, earlier: &Earlier, plan: &Plan, later: &[LaterChange]) -> String {
    let (mut text, steps) = (String::new(), by_name(plan));
    for (host, name, _) in earlier.all().filter(|(_, _, left): &(&str, &str, &Left)| left.changed) {
        let no_way = steps.get(name).is_none_or(|step| step.reversible == Reversible::No);
        text.push_str(&format!("  {host} {name}{}\n", if no_way { ": no way back" } else { "" }));
    }
    if text.is_empty() {
        return format!("run {run} left nothing to undo\n");
    }
    format!("going back over run {run}:\n{text}{}", later_text(later))
}

/// Hosts of a plan that another run left as nobody knows: said before they are changed again.
pub fn unfinished_text(unfinished: &[Unfinished]) -> String {
    let line = |found: &Unfinished| {
        let (id, hosts) = (found.run.id, words::join_some(&found.hosts, 5));
        let how = if found.run.status.is_some() { "could not undo everything" } else { "died" };
        format!(
            "warning: run {id} ({}) {how} on {hosts}, and nobody went on with it: `opsc show {id}`, then `opsc resume {id}` or `opsc rollback {id}`\n",
            found.run.record.playbook
        )
    };
    unfinished.iter().map(line).collect()
}

/// Consequences of changes that nobody came to: the changes are there, so that no later run comes to them either.
pub fn owed_text(playbook: &str, owed: &[Owed]) -> String {
    let line = |Owed { run, host, step, after }: &Owed| {
        format!(
            "warning: run {run} ({playbook}) changed `{after}` on {host} and did not come to `{step}`, which waits for that; no later run makes up for it: `opsc resume {run}` does\n"
        )
    };
    owed.iter().map(line).collect()
}

/// What a later run wrote over, this one's way back takes away: a journal does not know what two steps have in common.
fn later_text(later: &[LaterChange]) -> String {
    let mut runs: BTreeMap<i64, (&str, Vec<&str>)> = BTreeMap::new();
    for change in later {
        runs.entry(change.run).or_insert_with(|| (&change.playbook, Vec::new())).1.push(&change.host);
    }
    let line = |(run, (playbook, hosts)): (&i64, &(&str, Vec<&str>))| {
        format!(
            "warning: run {run} ({playbook}) changed {} since; what it did to the same things may be lost\n",
            words::join_some(hosts, 5)
        )
    };
    runs.iter().map(line).collect()
}

fn by_name(plan: &Plan) -> BTreeMap<&str, &Step> {
    plan.steps.values().map(|step| (step.name.as_str(), step)).collect()
}
