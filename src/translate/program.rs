//! Readings → the text of a playbook, or questions. Program order is the order of the request.

use super::chart::{Node, Reading};
use super::clauses::Control;
use super::tokens::Token;
use super::{ClauseReading, Draft, Question};
use crate::base::near::nearest;
use crate::hir::effect::Row;
use crate::hir::program::{Action, Param};
use crate::hir::types::{Os, Type};
use crate::hir::value::Value;
use crate::hir::world::Inventory;

/// What the control clauses of a request say together.
#[derive(Default)]
struct Plan {
    steps: Vec<PlannedStep>,
    hosts: Option<Vec<String>>,
    except: Vec<String>,
    batch: Option<String>,
    rollback: bool,
    stop_at_first: bool,
    questions: Vec<Question>,
}

struct PlannedStep {
    action: usize,
    arguments: Vec<(String, String)>,
    retry: Option<(String, Option<String>)>,
}

pub fn write(
    request: &str,
    tokens: &[Token],
    readings: Vec<Reading>,
    actions: &[&Action],
    inventory: &Inventory,
) -> Draft {
    let mut draft = Draft::default();
    let mut plan = Plan::default();
    for reading in &readings {
        draft.clauses.extend(clause(request, tokens, reading, actions));
        plan.take(reading, tokens, actions, inventory);
    }
    plan.ask(actions, inventory);
    draft.questions = std::mem::take(&mut plan.questions);
    if draft.questions.is_empty() {
        draft.source = Some(plan.source(request, actions, inventory));
    }
    draft
}

fn clause(request: &str, tokens: &[Token], reading: &Reading, actions: &[&Action]) -> Option<ClauseReading> {
    let start = tokens.get(reading.start)?.start;
    let end = tokens.get(reading.end.checked_sub(1)?)?.end;
    let node = match &reading.node {
        Node::Action { action, .. } => actions.get(*action)?.name.clone(),
        Node::Control(Control::Noise) => return None,
        Node::Control(control) => format!("{control:?}").split(['(', ' ']).next().unwrap_or_default().to_lowercase(),
        Node::Unknown => "unknown".to_string(),
    };
    let words = (reading.end - reading.start) as f64;
    let confidence = match &reading.node {
        Node::Action { typos, .. } => 1.0 - 0.5 * f64::from(*typos) / words,
        Node::Control(_) => 1.0,
        Node::Unknown => 0.0,
    };
    Some(ClauseReading { text: request.get(start..end)?.to_string(), start, end, node, confidence })
}

fn question(kind: &'static str, got: &str, options: Vec<String>, ask: String) -> Question {
    Question { kind, got: got.to_string(), options, ask }
}

impl Plan {
    fn take(&mut self, reading: &Reading, tokens: &[Token], actions: &[&Action], inventory: &Inventory) {
        let words = || {
            let range = tokens.get(reading.start..reading.end).unwrap_or(&[]);
            range.iter().map(|token| token.text.as_str()).collect::<Vec<_>>().join(" ")
        };
        match &reading.node {
            Node::Action { action, arguments, rivals, .. } => {
                if !rivals.is_empty() {
                    let options: Vec<String> = [action]
                        .into_iter()
                        .chain(rivals)
                        .filter_map(|index| Some(actions.get(*index)?.name.clone()))
                        .collect();
                    let ask = format!("does \"{}\" mean {}?", words(), crate::base::words::join_or(&options));
                    self.questions.push(question("tie", &words(), options, ask));
                }
                self.steps.push(PlannedStep { action: *action, arguments: arguments.clone(), retry: None });
            }
            Node::Control(control) => self.control(control, actions, inventory),
            Node::Unknown => self.unknown(&words()),
        }
    }

    /// Neighbouring unknown words are one question.
    fn unknown(&mut self, word: &str) {
        let ask = |got: &str| format!("what does \"{got}\" mean here?");
        match self.questions.last_mut() {
            Some(last) if last.kind == "unknown_word" => {
                last.got = format!("{} {word}", last.got);
                last.ask = ask(&last.got);
            }
            _ => self.questions.push(question("unknown_word", word, Vec::new(), ask(word))),
        }
    }

    fn control(&mut self, control: &Control, actions: &[&Action], inventory: &Inventory) {
        match control {
            Control::Hosts(names) => self.set_hosts(names),
            Control::UnknownHosts(name) => {
                let known: Vec<&str> = inventory.groups.iter().map(|group| group.name.as_str()).collect();
                let options: Vec<String> = match nearest(name, known.iter().copied()) {
                    Some(near) => vec![near.to_string()],
                    None => known.iter().map(ToString::to_string).collect(),
                };
                let ask = format!("there is no group or host `{name}`: which one is meant?");
                self.questions.push(question("unknown_name", name, options, ask));
                self.hosts = self.hosts.take().or(Some(vec![name.clone()]));
            }
            Control::Except(names) => self.except.extend(names.iter().cloned()),
            Control::Batch(size) => self.batch = Some(size.clone()),
            Control::Rollback => self.rollback = true,
            Control::StopAtFirst => self.stop_at_first = true,
            Control::RollbackUnless(url) => {
                self.rollback = true;
                let check = actions.iter().position(|action| action.name == "http.check");
                let arguments = vec![("url".to_string(), url.clone()), ("status".to_string(), "200".to_string())];
                self.steps.extend(check.map(|action| PlannedStep { action, arguments, retry: None }));
            }
            Control::Retry { times, every } => {
                if let Some(step) = self.steps.last_mut() {
                    step.retry = Some((times.clone(), every.clone()));
                }
            }
            Control::Noise => {}
        }
    }

    fn set_hosts(&mut self, names: &[String]) {
        match &self.hosts {
            Some(known) if known != names => {
                let both = [known.clone(), names.to_vec()].concat();
                let ask = "every step on all of these hosts, or some steps only on some?".to_string();
                self.questions.push(question("hosts", &both.join(", "), both.clone(), ask));
            }
            _ => self.hosts = Some(names.to_vec()),
        }
    }

    /// What is missing before there can be a program.
    fn ask(&mut self, actions: &[&Action], inventory: &Inventory) {
        if self.steps.is_empty() && self.questions.is_empty() {
            let ask = "what should be done? no action was recognised (`opsc actions` lists them)".to_string();
            self.questions.push(question("missing", "", Vec::new(), ask));
        }
        let needs_hosts =
            self.steps.iter().filter_map(|step| actions.get(step.action)).any(|action| !action.is_controller());
        if needs_hosts && self.hosts.is_none() {
            let options = inventory.groups.iter().map(|group| group.name.clone()).collect();
            self.questions.push(question("hosts", "", options, "on which hosts?".to_string()));
        }
        let mut missing = Vec::new();
        for step in &self.steps {
            let Some(action) = actions.get(step.action) else { continue };
            let given = |param: &Param| step.arguments.iter().any(|(name, _)| *name == param.name);
            let needed = |param: &&Param| param.default.is_none() && !param.ty.is_optional() && !given(param);
            for param in action.params.iter().filter(needed) {
                let ask = format!("{}: which {}? ({})", action.name, param.name, param.ty);
                missing.push(question("missing", &action.name, Vec::new(), ask));
            }
        }
        self.questions.extend(missing);
    }

    fn needs_root(&self, actions: &[&Action]) -> bool {
        self.steps.iter().any(|step| {
            let is_path = |name: &String| {
                let param =
                    actions.get(step.action).and_then(|action| action.params.iter().find(|param| param.name == *name));
                param.is_some_and(|param| *param.ty.core() == Type::Path)
            };
            let outside =
                |text: &String| !["\"/home/", "\"/tmp/", "\"/tmp\""].iter().any(|inside| text.starts_with(inside));
            step.arguments.iter().any(|(name, text)| is_path(name) && outside(text))
        })
    }

    fn row(&self, actions: &[&Action]) -> Row {
        let root = self.needs_root(actions);
        let mut row = Row::default();
        for action in self.steps.iter().filter_map(|step| actions.get(step.action)) {
            row = row.join(action.row);
            row.admin = row.admin || (root && !action.is_controller());
        }
        row
    }

    fn source(&self, request: &str, actions: &[&Action], inventory: &Inventory) -> String {
        let mut text = String::from("ops 1\n");
        let param = self.hosts.as_ref().map(|names| self.hosts_param(names, inventory));
        let params = param.as_ref().map(|(name, ty, set)| format!("\n  {name}: {ty} = {set},\n")).unwrap_or_default();
        text.push_str(&format!("\nplaybook {}({params}) ! {} {{\n", self.name(actions), self.row(actions)));
        let doc = request.replace('\n', " ");
        text.push_str(&format!("  doc: {}\n\n", Value::string(doc.trim()).literal()));
        match param {
            Some((name, _, _)) => {
                text.push_str(&format!("  on {name}{} {{\n", self.options(actions)));
                self.steps.iter().for_each(|step| text.push_str(&step_source(step, actions)));
                if self.rollback {
                    text.push_str("\n    on failure {\n      rollback\n    }\n");
                }
                text.push_str("  }\n");
            }
            None => self.steps.iter().for_each(|step| text.push_str(&step_source(step, actions))),
        }
        text + "}\n"
    }

    fn options(&self, actions: &[&Action]) -> String {
        let mut options = Vec::new();
        if self.needs_root(actions) {
            options.push("as: \"root\"".to_string());
        }
        options.extend(self.batch.as_ref().map(|size| format!("batch: {size}")));
        if self.batch.is_some() || self.rollback || self.stop_at_first {
            options.push("max_failures: 0".to_string());
        }
        if options.is_empty() { String::new() } else { format!(" ({})", options.join(", ")) }
    }

    /// Name, type and default of the playbook's one parameter.
    fn hosts_param(&self, names: &[String], inventory: &Inventory) -> (String, String, String) {
        let set = |name: &String| {
            let function = if inventory.group(name).is_some() { "group" } else { "host" };
            format!("{function}({})", Value::string(name).literal())
        };
        let mut sets: Vec<String> = names.iter().map(set).collect();
        if sets.is_empty() {
            sets.push("all()".to_string());
        }
        let joined = sets.join(" + ");
        let without: String = self.except.iter().map(|name| format!(" - {}", set(name))).collect();
        let single = names.len() == 1 && without.is_empty() && names.iter().all(|name| inventory.group(name).is_none());
        let members = names.iter().flat_map(|name| match (inventory.group(name), inventory.host(name)) {
            (Some(group), _) => group.hosts.clone(),
            (None, host) => host.into_iter().collect(),
        });
        let everywhere: Vec<_> = if names.is_empty() { inventory.hosts.ids().collect() } else { members.collect() };
        let linux = everywhere.iter().all(|host| inventory.hosts.at(*host).os == Some(Os::Linux));
        let ty = match (single, linux) {
            (true, _) => "host",
            (false, true) => "hosts<linux>",
            (false, false) => "hosts",
        };
        let reserved = ["on", "at", "host", "it", "all"];
        let written: String = names.first().filter(|_| names.len() == 1).map_or("targets".to_string(), |name| {
            name.chars()
                .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' })
                .collect()
        });
        let fine =
            written.starts_with(|letter: char| letter.is_ascii_alphabetic()) && !reserved.contains(&written.as_str());
        (if fine { written } else { "targets".to_string() }, ty.to_string(), joined + &without)
    }

    /// The first actions, as words: `file_directory_and_file_copy`.
    fn name(&self, actions: &[&Action]) -> String {
        let mut names: Vec<String> = Vec::new();
        for action in
            self.steps.iter().filter_map(|step| actions.get(step.action)).filter(|action| !action.is_controller())
        {
            let name = action.name.replace('.', "_");
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            "check".to_string()
        } else {
            names.iter().take(2).cloned().collect::<Vec<_>>().join("_and_")
        }
    }
}

fn step_source(step: &PlannedStep, actions: &[&Action]) -> String {
    let Some(action) = actions.get(step.action) else { return String::new() };
    // In the order of the action's parameters, however the sentence was put.
    let given = |param: &Param| step.arguments.iter().find(|(name, _)| *name == param.name);
    let arguments: Vec<String> =
        action.params.iter().filter_map(given).map(|(name, value)| format!("{name}: {value}")).collect();
    let name = &action.name;
    let retry = step.retry.as_ref().map(|(times, every)| {
        let every = every.as_ref().map(|every| format!("      every: {every}\n")).unwrap_or_default();
        format!(" {{\n      retry: {times}\n{every}    }}")
    });
    format!("    {name}({}){}\n", arguments.join(", "), retry.unwrap_or_default())
}
