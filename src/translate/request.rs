//! Readings folded into what a request wants: which steps, on which hosts, under which rules; or what must be asked.
//! The order is the request's. Knows nothing of how a program is written.

use super::Question;
use super::approvals::Approval;
use super::asking::{Answers, question};
use super::chart::{Argument, LeftOut, Node, Reading};
use super::clauses::Control;
use super::conditions::Condition;
use super::settle::settle;
use super::targets::Target;
use super::tokens::Token;
use super::values::read_again;
use crate::base::near::nearest;
use crate::base::words;
use crate::hir::effect::Level;
use crate::hir::program::{Action, Param};
use crate::hir::value::Value;
use crate::hir::world::Inventory;

/// What the clauses of a request say together.
#[derive(Default)]
pub struct Wish {
    /// In the order of the request; steps in one follow each other on the same hosts.
    pub parts: Vec<WishedPart>,
    pub batch: Option<String>,
    pub max_failures: Option<String>,
    pub rollback: bool,
    /// Whether somebody has to agree before anything is done; names of those who may, where they are said.
    pub approval: Option<Vec<String>>,
    pub questions: Vec<Question>,
}

#[derive(Clone, Default)]
pub struct WishedPart {
    /// Absent where no hosts were said.
    pub hosts: Option<Vec<Target>>,
    pub except: Vec<Target>,
    pub steps: Vec<WishedStep>,
}

#[derive(Clone)]
pub struct WishedStep {
    pub action: usize,
    /// Names, and values as source text.
    pub arguments: Vec<(String, String)>,
    pub retry: Option<(String, Option<String>)>,
    /// Steps of one clause belong together: "them" is all of them.
    clause: usize,
    /// Parameters that must be known although they have a default.
    pub asked: Vec<String>,
}

/// Folds the readings. `answers` are the asks of earlier questions with what was said to them.
pub fn fold(
    tokens: &[Token],
    readings: &[Reading],
    actions: &[&Action],
    inventory: &Inventory,
    answers: &[(String, String)],
) -> Wish {
    let answers = Answers { said: answers, inventory };
    let mut folder = Folder { tokens, actions, inventory, answers, wish: Wish::default(), hosts_first: None, verb: "" };
    folder.wish.parts.push(WishedPart::default());
    for (index, reading) in readings.iter().enumerate() {
        folder.take(index, reading);
    }
    settle(folder.wish, actions, &answers)
}

struct Folder<'a> {
    tokens: &'a [Token],
    actions: &'a [&'a Action],
    inventory: &'a Inventory,
    answers: Answers<'a>,
    wish: Wish,
    /// Whether hosts stand before what is done on them, as the first clause says.
    hosts_first: Option<bool>,
    /// The word that the last clause of an action began with.
    verb: &'a str,
}

impl Folder<'_> {
    fn take(&mut self, index: usize, reading: &Reading) {
        match &reading.node {
            Node::Action { action, arguments, rivals, left_out, .. } => {
                self.hosts_first.get_or_insert(false);
                self.verb = self.tokens.get(reading.start).map_or("", |token| token.word.as_str());
                self.left_out_words(left_out);
                if rivals.is_empty() {
                    self.doubt(*action, left_out, reading);
                }
                let (action, arguments) = self.choose((*action, arguments.as_slice()), rivals, reading);
                self.steps(index, action, arguments, reading);
                self.left_out_params(index, left_out);
            }
            Node::Control(Control::If(conditions)) => self.condition(conditions, reading),
            Node::Control(Control::Approval(approval)) => self.approval(approval, reading),
            Node::Control(Control::Verify) => self.verify(index, reading),
            Node::Control(Control::Effect(level)) => self.effect(*level, reading),
            Node::Control(control) => self.control(control),
            Node::Unknown => self.unknown(&self.words(reading)),
        }
    }

    fn words(&self, reading: &Reading) -> String {
        let range = self.tokens.get(reading.start..reading.end).unwrap_or(&[]);
        range.iter().map(|token| token.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// Words that the phrase does not have are asked about.
    fn left_out_words(&mut self, left_out: &LeftOut) {
        let tokens = self.tokens;
        for token in left_out.words.iter().filter_map(|at| tokens.get(*at)) {
            self.unknown(&token.text);
        }
    }

    /// Where nothing else is asked of a reading that may be wrong, it is asked whether it is right.
    fn doubt(&mut self, action: usize, left_out: &LeftOut, reading: &Reading) {
        if !left_out.is_doubtful || !left_out.words.is_empty() || !left_out.params.is_empty() {
            return;
        }
        let name = self.actions.get(action).map(|action| action.name.clone()).unwrap_or_default();
        let words = self.words(reading);
        let ask = format!("does \"{words}\" mean {name}?");
        if self.answers.to(&ask).is_none_or(|answer| answer != name && answer != "yes") {
            self.wish.questions.push(question("tie", &words, vec![name], ask));
        }
    }

    /// Parameters that the phrase speaks of are asked for, also those that have a default.
    fn left_out_params(&mut self, clause: usize, left_out: &LeftOut) {
        for step in self.part().steps.iter_mut().filter(|step| step.clause == clause) {
            step.asked.clone_from(&left_out.params);
        }
    }

    /// The action, or where several read the same words alike, the one that is meant.
    fn choose<'r>(
        &mut self,
        first: (usize, &'r [Argument]),
        rivals: &'r [(usize, Vec<Argument>)],
        reading: &Reading,
    ) -> (usize, &'r [Argument]) {
        if rivals.is_empty() {
            return first;
        }
        let others = rivals.iter().map(|(rival, arguments)| (*rival, arguments.as_slice()));
        let all: Vec<(usize, &[Argument])> = std::iter::once(first).chain(others).collect();
        let name = |index: usize| self.actions.get(index).map(|action| action.name.clone()).unwrap_or_default();
        let mut names: Vec<String> = all.iter().map(|(index, _)| name(*index)).collect();
        let words = self.words(reading);
        let ask = format!("does \"{words}\" mean {}?", words::join_or(&names));
        let chosen = self.answers.to(&ask).and_then(|answer| all.iter().find(|(index, _)| name(*index) == answer));
        if let Some(chosen) = chosen {
            return *chosen;
        }
        names.dedup();
        self.wish.questions.push(question("tie", &words, names, ask));
        first
    }

    /// One step, or one for each of several values of one parameter.
    fn steps(&mut self, clause: usize, action: usize, arguments: &[Argument], reading: &Reading) {
        // What "it" means may stay unknown; then the parameter is asked for.
        let mut filled: Vec<(String, Vec<String>)> = Vec::new();
        for argument in arguments {
            let values =
                if argument.values.is_empty() { self.meant(action, &argument.name) } else { argument.values.clone() };
            filled.push((argument.name.clone(), values));
        }
        let several = filled.iter().filter(|(_, values)| values.len() > 1).count();
        if several > 1 {
            let ask = format!("which goes with which in \"{}\"?", self.words(reading));
            self.wish.questions.push(question("tie", &self.words(reading), Vec::new(), ask));
        }
        let count = filled.iter().map(|(_, values)| values.len()).max().unwrap_or(1).max(1);
        for number in 0..count {
            let value = |values: &[String]| values.get(number).or(values.first()).cloned();
            let arguments = filled.iter().filter_map(|(name, values)| Some((name.clone(), value(values)?))).collect();
            self.part().steps.push(WishedStep { action, arguments, retry: None, clause, asked: Vec::new() });
        }
    }

    /// What "it" is: the values of the last clause that can be a value of this parameter. Where the last has none, the
    /// one before it counts that did something with the same noun: "stop nginx, copy x.conf to /etc/x.conf, start it".
    fn meant(&self, action: usize, name: &str) -> Vec<String> {
        let Some(action) = self.actions.get(action) else { return Vec::new() };
        let Some(param) = action.params.iter().find(|param| param.name == name) else { return Vec::new() };
        let steps: Vec<&WishedStep> = self.wish.parts.iter().flat_map(|part| &part.steps).collect();
        let mut clauses: Vec<usize> = steps.iter().map(|step| step.clause).collect();
        clauses.dedup();
        let last = clauses.last().copied();
        let is_alike =
            |step: &&&WishedStep| self.actions.get(step.action).is_some_and(|other| noun(other) == noun(action));
        let values = |clause: &usize| -> Vec<String> {
            let of_it = steps.iter().filter(|step| step.clause == *clause);
            let counting = of_it.filter(|step| Some(*clause) == last || is_alike(step));
            let found =
                counting.filter_map(|step| step.arguments.iter().find_map(|(_, source)| read_again(source, &param.ty)));
            found.flatten().collect()
        };
        clauses.iter().rev().map(values).find(|values| !values.is_empty()).unwrap_or_default()
    }

    /// The part that is being said.
    fn part(&mut self) -> &mut WishedPart {
        if self.wish.parts.is_empty() {
            self.wish.parts.push(WishedPart::default());
        }
        let last = self.wish.parts.len() - 1;
        // It was just made sure that there is one.
        #[expect(clippy::indexing_slicing, reason = "there is a last part")]
        &mut self.wish.parts[last]
    }

    /// Neighbouring unknown words are one question.
    fn unknown(&mut self, word: &str) {
        let ask = |got: &str| format!("what does \"{got}\" mean here?");
        match self.wish.questions.last_mut() {
            Some(last) if last.kind == "unknown_word" => {
                last.got = format!("{} {word}", last.got);
                last.ask = ask(&last.got);
            }
            _ => self.wish.questions.push(question("unknown_word", word, Vec::new(), ask(word))),
        }
    }

    fn control(&mut self, control: &Control) {
        match control {
            Control::Hosts(targets) => self.hosts(targets),
            Control::UnknownHosts(name) => self.unknown_hosts(name),
            Control::Except(targets) => self.except(targets),
            Control::Batch(size) => self.wish.batch = Some(size.clone()),
            Control::Rollback => self.wish.rollback = true,
            Control::MaxFailures(count) => self.wish.max_failures = Some(count.clone()),
            Control::RollbackUnless(url) => {
                self.wish.rollback = true;
                let check = self.actions.iter().position(|action| action.name == "http.check");
                let arguments = vec![("url".to_string(), url.clone()), ("status".to_string(), "200".to_string())];
                let step = check.map(|action| WishedStep {
                    action,
                    arguments,
                    retry: None,
                    clause: usize::MAX,
                    asked: Vec::new(),
                });
                self.part_with_steps().steps.extend(step);
            }
            Control::Retry { times, every } => {
                // Every step of the last clause: "restart nginx and redis, retry 3 times" is about both.
                let steps = &mut self.part_with_steps().steps;
                let last = steps.last().map(|step| step.clause);
                for step in steps.iter_mut().filter(|step| Some(step.clause) == last) {
                    step.retry = Some((times.clone(), every.clone()));
                }
            }
            Control::If(_) | Control::Approval(_) | Control::Effect(_) | Control::Verify | Control::Noise => {}
        }
    }

    /// A condition goes without saying where the last clause says only what should be there or gone, and its action does
    /// nothing where it is so already. What else it says of a thing might not be wished for one that is there.
    fn condition(&mut self, conditions: &[Condition], reading: &Reading) {
        let (verb, actions) = (self.verb, self.actions);
        let steps = &self.part_with_steps().steps;
        let last = steps.last().map(|step| step.clause);
        let has_aim = |step: &WishedStep| {
            actions.get(step.action).is_some_and(|action| action.skip.is_some()) && step.arguments.len() <= 1
        };
        let is_plain = last.is_some() && steps.iter().filter(|step| Some(step.clause) == last).all(has_aim);
        if !is_plain || !conditions.iter().any(|condition| condition.goes_without_saying(verb)) {
            self.unknown(&self.words(reading));
        }
    }

    /// One approval, before everything; where it might be meant for a place between steps, only people know.
    fn approval(&mut self, approval: &Approval, reading: &Reading) {
        if self.wish.approval.as_ref().is_some_and(|known| *known != approval.by) {
            return self.unknown(&self.words(reading));
        }
        self.wish.approval = Some(approval.by.clone());
        if !approval.is_first && self.wish.parts.iter().any(|part| !part.steps.is_empty()) {
            let ask = "must the approval be there before everything, or only before what follows?".to_string();
            self.wish.questions.push(question("scope", &self.words(reading), Vec::new(), ask));
        }
    }

    /// What the last clause did is looked at by the `check` of its noun, with what that has in common with it. What was
    /// changed and is not as it should be is undone.
    fn verify(&mut self, clause: usize, reading: &Reading) {
        let actions = self.actions;
        let steps = &self.part_with_steps().steps;
        let last = steps.last().map(|step| step.clause);
        let done: Vec<&WishedStep> = steps.iter().filter(|step| Some(step.clause) == last).collect();
        let checks: Option<Vec<WishedStep>> = done.iter().map(|step| check_of(step, actions, clause)).collect();
        let changes =
            done.iter().filter_map(|step| actions.get(step.action)).any(|action| action.row.level > Level::Read);
        match checks.filter(|checks| !checks.is_empty()) {
            Some(checks) => {
                self.part().steps.extend(checks);
                self.wish.rollback |= changes;
            }
            None => self.unknown(&self.words(reading)),
        }
    }

    /// What the last clause does to its hosts, where its actions leave that to who uses them, and nobody said it before.
    fn effect(&mut self, level: Level, reading: &Reading) {
        let actions = self.actions;
        let steps = &mut self.part_with_steps().steps;
        let last = steps.last().map(|step| step.clause);
        let mut is_taken = false;
        for step in steps.iter_mut().filter(|step| Some(step.clause) == last) {
            let asks = actions.get(step.action).and_then(|action| action.params.get(action.effect_param?));
            let Some(param) = asks.filter(|param| step.arguments.iter().all(|(name, _)| *name != param.name)) else {
                continue;
            };
            step.arguments.push((param.name.clone(), Value::string(level.name()).literal()));
            is_taken = true;
        }
        if !is_taken {
            self.unknown(&self.words(reading));
        }
    }

    /// A rule after the hosts of a part is about the steps of that part.
    fn part_with_steps(&mut self) -> &mut WishedPart {
        if self.part().steps.is_empty() && self.wish.parts.len() > 1 {
            self.wish.parts.pop();
        }
        self.part()
    }

    /// Hosts end the part that they are said after, or begin one.
    fn hosts(&mut self, targets: &[Target]) {
        let first = *self.hosts_first.get_or_insert(true);
        let part = self.part();
        if first {
            if !part.steps.is_empty() {
                self.wish.parts.push(WishedPart::default());
            } else if part.hosts.as_ref().is_some_and(|known| known != targets) {
                return self.two_sets(targets);
            }
            self.part().hosts = Some(targets.to_vec());
            return;
        }
        if part.steps.is_empty() {
            return self.two_sets(targets);
        }
        part.hosts = Some(targets.to_vec());
        self.wish.parts.push(WishedPart::default());
    }

    /// Hosts were said twice for the same steps.
    fn two_sets(&mut self, targets: &[Target]) {
        let known = self.wish.parts.iter().rev().find_map(|part| part.hosts.clone()).unwrap_or_default();
        if known != targets {
            let labels = |targets: &[Target]| targets.iter().map(|target| target.label.clone()).collect::<Vec<_>>();
            let both = [labels(&known), labels(targets)].concat();
            let ask = "every step on all of these hosts, or some steps only on some?".to_string();
            self.wish.questions.push(question("hosts", &both.join(", "), both, ask));
        }
    }

    fn unknown_hosts(&mut self, name: &str) {
        let groups: Vec<&str> = self.inventory.groups.iter().map(|group| group.name.as_str()).collect();
        let options: Vec<String> = match nearest(name, groups.iter().copied()) {
            Some(near) => vec![near.to_string()],
            None => groups.iter().map(ToString::to_string).collect(),
        };
        let ask = format!("there is no group or host `{name}`: which one is meant?");
        match self.answers.hosts(&ask) {
            Some(targets) => self.hosts(&targets),
            None => {
                self.wish.questions.push(question("unknown_name", name, options, ask));
                self.part().hosts.get_or_insert_default();
            }
        }
    }

    fn except(&mut self, targets: &[Target]) {
        let said = self.wish.parts.iter_mut().rev().find(|part| part.hosts.is_some());
        match said {
            Some(part) => part.except.extend(targets.iter().cloned()),
            None => self.part().except.extend(targets.iter().cloned()),
        }
    }
}

/// The step that says whether what another did is as it should be: `service.check` of what `service.start` started.
fn check_of(step: &WishedStep, actions: &[&Action], clause: usize) -> Option<WishedStep> {
    let name = format!("{}.check", noun(actions.get(step.action)?));
    let action = actions.iter().position(|action| action.name == name)?;
    let params = &actions.get(action)?.params;
    let given = |param: &Param| step.arguments.iter().find(|(name, _)| *name == param.name).cloned();
    if params.iter().any(|param| param.default.is_none() && given(param).is_none()) {
        return None;
    }
    let arguments = params.iter().filter_map(given).collect();
    Some(WishedStep { action, arguments, retry: None, clause, asked: Vec::new() })
}

/// `service` of `service.start`.
fn noun(action: &Action) -> &str {
    action.name.rsplit_once('.').map_or(action.name.as_str(), |(noun, _)| noun)
}
