//! What must be known before there can be a program: hosts for steps that have none said, values that nothing gives.
//! What people would take for granted is taken, all else is asked.

use super::asking::{Answers, question};
use super::request::{Wish, WishedPart};
use super::targets::Target;
use crate::hir::program::{Action, Param};

/// Hosts for steps that have none said, and everything that must be asked.
pub fn settle(mut wish: Wish, actions: &[&Action], answers: &Answers<'_>) -> Wish {
    wish.parts.retain(|part| !part.steps.is_empty() || part.hosts.is_some() || !part.except.is_empty());
    share_hosts(&mut wish, actions, answers);
    join_neighbours(&mut wish);
    if !wish.parts.iter().any(|part| !part.steps.is_empty()) && wish.questions.is_empty() {
        let ask = "what should be done? no action was recognised (`opsc actions` lists them)".to_string();
        wish.questions.push(question("missing", "", Vec::new(), ask));
    }
    if wish.rollback && wish.parts.len() > 1 {
        let ask =
            "when one part fails, should only its own hosts be rolled back, or the earlier parts too?".to_string();
        wish.questions.push(question("scope", "", Vec::new(), ask));
    }
    ask_for_arguments(&mut wish, actions, answers);
    wish
}

/// Steps without hosts run where the only hosts said are; where there are several, only people know.
fn share_hosts(wish: &mut Wish, actions: &[&Action], answers: &Answers<'_>) {
    let said: Vec<(Vec<Target>, Vec<Target>)> =
        wish.parts.iter().filter_map(|part| Some((part.hosts.clone()?, part.except.clone()))).collect();
    let needs_host = |part: &WishedPart| {
        part.steps.iter().filter_map(|step| actions.get(step.action)).any(|action| !action.is_controller())
    };
    let ask = "on which hosts?".to_string();
    let answered = answers.hosts(&ask);
    let mut unclear = false;
    for part in wish.parts.iter_mut().filter(|part| part.hosts.is_none()) {
        match (said.as_slice(), &answered) {
            ([(hosts, except)], _) => {
                part.hosts = Some(hosts.clone());
                part.except.clone_from(except);
            }
            (_, Some(hosts)) => part.hosts = Some(hosts.clone()),
            // A question to a url at the end is about what came before.
            ([.., (hosts, except)], None) if !needs_host(part) => {
                part.hosts = Some(hosts.clone());
                part.except.clone_from(except);
            }
            _ => unclear = unclear || needs_host(part),
        }
    }
    if unclear {
        let options = answers.inventory.groups.iter().map(|group| group.name.clone()).collect();
        wish.questions.push(question("hosts", "", options, ask));
    }
}

fn join_neighbours(wish: &mut Wish) {
    let mut joined: Vec<WishedPart> = Vec::new();
    for part in std::mem::take(&mut wish.parts) {
        match joined.last_mut() {
            Some(last) if last.hosts == part.hosts && last.except == part.except => last.steps.extend(part.steps),
            _ => joined.push(part),
        }
    }
    wish.parts = joined;
}

fn ask_for_arguments(wish: &mut Wish, actions: &[&Action], answers: &Answers<'_>) {
    for step in wish.parts.iter_mut().flat_map(|part| &mut part.steps) {
        let Some(action) = actions.get(step.action) else { continue };
        let given = |param: &Param| step.arguments.iter().any(|(name, _)| *name == param.name);
        let is_open = |param: &Param| param.default.is_none() && !param.ty.is_optional();
        let needed = |param: &&Param| (is_open(param) || step.asked.contains(&param.name)) && !given(param);
        let needed: Vec<&Param> = action.params.iter().filter(needed).collect();
        for param in needed {
            let is_effect = action.effect_param.and_then(|index| action.params.get(index)) == Some(param);
            let how = if is_effect { "; say `with effect read`" } else { "" };
            let ask = format!("{}: which {}? ({}{how})", action.name, param.name, param.ty);
            match answers.value(&ask, param) {
                Some(source) => step.arguments.push((param.name.clone(), source)),
                None => wish.questions.push(question("missing", &action.name, Vec::new(), ask)),
            }
        }
    }
}
