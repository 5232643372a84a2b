//! A request → the text of a playbook, or questions. Neither formatted nor checked: the compiler does both.

use super::chart::{Node, Reading, cover};
use super::clauses::Control;
use super::phrasebook::Phrasebook;
use super::request::{Wish, WishedPart, WishedStep, fold};
use super::targets::{identifier, parameter};
use super::templates::LEFT_OPEN;
use super::tokens::{Token, apart, tokenize};
use super::{ClauseReading, Draft};
use crate::hir::effect::Row;
use crate::hir::program::{Action, Param};
use crate::hir::types::{Os, Type};
use crate::hir::value::Value;
use crate::hir::world::Inventory;

/// What is known beside the words of a request.
pub struct Known<'a> {
    pub inventory: &'a Inventory,
    /// The names of `[approvers]`; empty where the project has none.
    pub approvers: &'a [String],
    /// Asks of earlier questions with what was said to them.
    pub answers: &'a [(String, String)],
}

/// Reads a request with the phrases there are and what is known, and writes its program or says what must be asked.
pub fn draft(request: &str, book: &Phrasebook<'_>, known: &Known<'_>) -> Draft {
    let (actions, inventory) = (book.actions, known.inventory);
    let (tokens, readings) = read(tokenize(request), book, inventory);
    let mut wish = fold(&tokens, &readings, actions, inventory, known.answers);
    let clauses = readings.iter().filter_map(|reading| clause(request, &tokens, reading, actions)).collect();
    let open = name_open_values(&mut wish, actions);
    let write = || Writer { wish: &wish, open: &open, actions, known }.source(request);
    let source = wish.questions.is_empty().then(write);
    Draft { source, clauses, questions: wish.questions }
}

/// A parameter of the playbook for each value that is left to whoever runs it: its name and type.
fn name_open_values(wish: &mut Wish, actions: &[&Action]) -> Vec<(String, String)> {
    let mut open: Vec<(String, String)> = Vec::new();
    for step in wish.parts.iter_mut().flat_map(|part| &mut part.steps) {
        let params = actions.get(step.action).map_or(&[] as &[Param], |action| &action.params);
        for (label, value) in step.arguments.iter_mut().filter(|(_, value)| value == LEFT_OPEN) {
            let ty = params.iter().find(|param| param.name == *label).map(|param| param.ty.to_string());
            let wanted = identifier(label).unwrap_or_else(|| "value".to_string());
            *value = free_name(&wanted, |name| open.iter().any(|(taken, _)| taken == name));
            open.push((value.clone(), ty.unwrap_or_default()));
        }
    }
    open
}

/// The name, or the first of `name2`, `name3` … that nothing else has.
fn free_name(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{name}{number}"));
    std::iter::once(name.to_string()).chain(numbered).find(|name| !is_taken(name)).unwrap_or_default()
}

/// The readings of a request; words with hyphens are taken apart only where more is understood so.
fn read(tokens: Vec<Token>, book: &Phrasebook<'_>, inventory: &Inventory) -> (Vec<Token>, Vec<Reading>) {
    let readings = cover(&tokens, book, inventory);
    let left_over = unknown_words(&readings);
    let others = if left_over > 0 { apart(&tokens) } else { None };
    match others.map(|others| (cover(&others, book, inventory), others)) {
        Some((better, others)) if unknown_words(&better) < left_over => (others, better),
        _ => (tokens, readings),
    }
}

fn unknown_words(readings: &[Reading]) -> usize {
    let unknown = |reading: &Reading| match &reading.node {
        Node::Action { left_out, .. } => left_out.words.len(),
        Node::Unknown => reading.end - reading.start,
        Node::Control(_) => 0,
    };
    readings.iter().map(unknown).sum()
}

fn clause(request: &str, tokens: &[Token], reading: &Reading, actions: &[&Action]) -> Option<ClauseReading> {
    let start = tokens.get(reading.start)?.start;
    let end = tokens.get(reading.end.checked_sub(1)?)?.end;
    let node = match &reading.node {
        Node::Action { action, .. } => actions.get(*action)?.name.clone(),
        Node::Control(Control::Noise) => return None,
        Node::Control(control) => control.name().to_string(),
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

struct Writer<'a> {
    wish: &'a Wish,
    /// Parameters for values that are left open: names and types.
    open: &'a [(String, String)],
    actions: &'a [&'a Action],
    known: &'a Known<'a>,
}

impl Writer<'_> {
    fn source(&self, request: &str) -> String {
        let params = self.params();
        let mut text = String::from("ops 1\n");
        text.push_str(&format!("\nplaybook {}(", self.name()));
        for (name, ty, default) in params.iter().flatten() {
            text.push_str(&format!("\n  {name}: {ty} = {default},"));
        }
        for (name, ty) in self.open {
            text.push_str(&format!("\n  {name}: {ty},"));
        }
        let close = if text.ends_with(',') { "\n" } else { "" };
        text.push_str(&format!("{close}) ! {} {{\n", self.row()));
        let doc = Value::string(request.replace('\n', " ").trim()).literal();
        text.push_str(&format!("  doc: {doc}\n"));
        text.extend(self.wish.approval.as_ref().map(|by| self.approval(by, &doc)));
        for (part, param) in self.wish.parts.iter().zip(&params) {
            text.push_str(&self.part(part, param.as_ref().map(|(name, _, _)| name.as_str())));
        }
        text + "}\n"
    }

    /// One parameter for each part that has hosts, under different names.
    fn params(&self) -> Vec<Option<(String, &'static str, String)>> {
        let mut taken: Vec<String> = self.open.iter().map(|(name, _)| name.clone()).collect();
        let mut params = Vec::new();
        for part in &self.wish.parts {
            params.push(part.hosts.as_ref().map(|hosts| {
                let (name, ty, default) = parameter(hosts, &part.except, self.known.inventory);
                let name = free_name(&name, |name| taken.iter().any(|known| known == name));
                taken.push(name.clone());
                (name, ty, default)
            }));
        }
        params
    }

    /// Who may agree: those who are named, else those whom the project names, else whoever it is.
    fn approval(&self, named: &[String], message: &str) -> String {
        let by = if named.is_empty() { self.known.approvers } else { named };
        let names: Vec<String> = by.iter().map(|name| Value::string(name).literal()).collect();
        let names = if names.is_empty() { "\"self\"".to_string() } else { names.join(", ") };
        format!("\n  approve(by: [{names}], message: {message})\n")
    }

    fn part(&self, part: &WishedPart, hosts: Option<&str>) -> String {
        let steps: String = part.steps.iter().map(|step| step_source(step, self.actions)).collect();
        let Some(hosts) = hosts else { return format!("\n{steps}") };
        let rollback = if self.wish.rollback { "\n    on failure {\n      rollback\n    }\n" } else { "" };
        format!("\n  on {hosts}{} {{\n{steps}{rollback}  }}\n", self.options(part))
    }

    fn options(&self, part: &WishedPart) -> String {
        let mut options = Vec::new();
        if self.needs_root(part) {
            options.push("as: \"root\"".to_string());
        }
        options.extend(self.wish.batch.as_ref().map(|size| format!("batch: {size}")));
        let cautious = self.wish.batch.is_some() || self.wish.rollback;
        let max_failures = self.wish.max_failures.clone().or(cautious.then(|| "0".to_string()));
        options.extend(max_failures.map(|count| format!("max_failures: {count}")));
        if options.is_empty() { String::new() } else { format!(" ({})", options.join(", ")) }
    }

    /// Nobody is root on Windows.
    fn needs_root(&self, part: &WishedPart) -> bool {
        let hosts = &self.known.inventory.hosts;
        let has_windows = part
            .hosts
            .iter()
            .flatten()
            .flat_map(|target| &target.hosts)
            .any(|host| hosts.at(*host).os == Some(Os::Windows));
        !has_windows
            && part.steps.iter().any(|step| {
                let params = self.actions.get(step.action).map_or(&[] as &[Param], |action| &action.params);
                let is_path =
                    |name: &String| params.iter().any(|param| param.name == *name && *param.ty.core() == Type::Path);
                let outside =
                    |text: &String| !["\"/home/", "\"/tmp/", "\"/tmp\""].iter().any(|inside| text.starts_with(inside));
                let writes = self.actions.get(step.action).is_some_and(|action| !action.row.admin);
                writes && step.arguments.iter().any(|(name, text)| is_path(name) && outside(text))
            })
    }

    fn row(&self) -> Row {
        let mut row = Row::default();
        for part in &self.wish.parts {
            let root = part.hosts.is_some() && self.needs_root(part);
            for (step, action) in part.steps.iter().filter_map(|step| Some((step, self.actions.get(step.action)?))) {
                let mut own = action.row;
                if let Some(label) = action.effect_param.and_then(|index| action.params.get(index)) {
                    let given = step.arguments.iter().find(|(name, _)| *name == label.name);
                    let level = given.and_then(|(_, level)| crate::hir::effect::Level::parse(level.trim_matches('"')));
                    own.level = level.unwrap_or(own.level);
                }
                row = row.join(own);
                row.admin = row.admin || (root && !action.is_controller());
            }
        }
        row
    }

    /// The first actions, as words: `file_directory_and_file_copy`.
    fn name(&self) -> String {
        let mut names: Vec<String> = Vec::new();
        let steps = self.wish.parts.iter().flat_map(|part| &part.steps);
        for action in steps.filter_map(|step| self.actions.get(step.action)).filter(|action| !action.is_controller()) {
            let name = action.name.replace('.', "_");
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.truncate(2);
        if names.is_empty() { "check".to_string() } else { names.join("_and_") }
    }
}

fn step_source(step: &WishedStep, actions: &[&Action]) -> String {
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
