//! The cheapest cover of a request by clauses: dynamic programming over token positions. A word that no clause takes is
//! possible, dear, and later a question. Two actions that read the same words alike are a tie, and a question too.

use super::clauses::{Control, controls};
use super::templates::{Part, parse};
use super::tokens::{Token, TokenKind};
use super::values::readings;
use crate::hir::program::Action;
use crate::hir::world::Inventory;

/// One stretch of tokens and what it was read as.
#[derive(Clone, PartialEq, Debug)]
pub struct Reading {
    pub start: usize,
    pub end: usize,
    pub node: Node,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Node {
    /// Index into the actions, and arguments as source text.
    Action {
        action: usize,
        arguments: Vec<(String, String)>,
        rivals: Vec<usize>,
    },
    Control(Control),
    /// A word that nothing takes.
    Unknown,
}

/// An unknown word costs more than any clause that takes it.
const UNKNOWN: u32 = 1000;
const CLAUSE: u32 = 10;
/// Words of politeness are passed over.
const POLITE: &[&str] = &[
    "please", "can", "could", "would", "you", "kindly", "hi", "hello", "hey", "i", "want", "need", "to", "us", "me",
    "let",
];

pub fn cover(tokens: &[Token], actions: &[&Action], inventory: &Inventory) -> Vec<Reading> {
    let templates: Vec<(usize, Vec<Part>)> = actions
        .iter()
        .enumerate()
        .flat_map(|(index, action)| action.says.iter().map(move |says| (index, parse(says))))
        .collect();
    // From the end to the start: the cheapest cover of every tail.
    let mut best: Vec<(u32, Option<Reading>)> = vec![(0, None)];
    for start in (0..tokens.len()).rev() {
        let mut candidates = vec![(start + 1, UNKNOWN, Node::Unknown)];
        for (length, control) in controls(tokens, start, inventory) {
            let cost = if control == Control::Noise { 1 } else { CLAUSE };
            candidates.push((start + length, cost, Node::Control(control)));
        }
        candidates.extend(action_readings(tokens, start, actions, &templates));
        if tokens.get(start).is_some_and(|token| POLITE.contains(&token.word.as_str())) {
            candidates.push((start + 1, 2, Node::Control(Control::Noise)));
        }
        let tail = |end: usize| best.get(tokens.len() - end).map_or(u32::MAX / 2, |(cost, _)| *cost);
        let cheapest = candidates
            .into_iter()
            .map(|(end, cost, node)| (cost + tail(end), end, node))
            .min_by_key(|(cost, end, _)| (*cost, std::cmp::Reverse(*end)));
        if let Some((cost, end, node)) = cheapest {
            best.push((cost, Some(Reading { start, end, node })));
        }
    }
    follow(tokens.len(), &best)
}

fn follow(length: usize, best: &[(u32, Option<Reading>)]) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut at = 0;
    while let Some((_, Some(reading))) = best.get(length - at) {
        at = reading.end;
        readings.push(reading.clone());
        if at >= length {
            break;
        }
    }
    readings
}

/// Every way in which an action's template starts at a token. Readings of two actions over the same tokens are rivals.
fn action_readings(
    tokens: &[Token],
    start: usize,
    actions: &[&Action],
    templates: &[(usize, Vec<Part>)],
) -> Vec<(usize, u32, Node)> {
    let mut found: Vec<Candidate> = Vec::new();
    for (index, template) in templates {
        let Some(action) = actions.get(*index) else { continue };
        for (end, arguments) in matches(template, tokens, start, action) {
            if end > start
                && !found.iter().any(|(known, other, given)| known == index && *other == end && *given == arguments)
            {
                found.push((*index, end, arguments));
            }
        }
    }
    found
        .iter()
        .map(|(index, end, arguments)| {
            let more = |(_, other, given): &&Candidate| other == end && given.len() >= arguments.len();
            let rivals = found.iter().filter(more).map(|(rival, _, _)| *rival).filter(|rival| rival != index).collect();
            let node = Node::Action { action: *index, arguments: arguments.clone(), rivals };
            // Among readings of the same words, the one that gives more of them a meaning is better.
            (*end, CLAUSE + 5_u32.saturating_sub(u32::try_from(arguments.len()).unwrap_or(5)), node)
        })
        .collect()
}

/// Where a template's match ends, and the arguments it found.
type Match = (usize, Vec<(String, String)>);
/// An action, where its match ends, and the arguments it found.
type Candidate = (usize, usize, Vec<(String, String)>);

fn matches(parts: &[Part], tokens: &[Token], at: usize, action: &Action) -> Vec<Match> {
    let Some((part, rest)) = parts.split_first() else { return vec![(at, Vec::new())] };
    let mut heads: Vec<Match> = match part {
        Part::Word(word) => {
            let here =
                tokens.get(at).is_some_and(|token| token.kind == TokenKind::Word && same_word(word, &token.word));
            if here { vec![(at + 1, Vec::new())] } else { Vec::new() }
        }
        Part::Slot(name) => slot(name, tokens, at, action),
        Part::OneOf(branches) => branches.iter().flat_map(|branch| matches(branch, tokens, at, action)).collect(),
        Part::Optional(branches) => {
            branches.iter().flat_map(|branch| matches(branch, tokens, at, action)).chain([(at, Vec::new())]).collect()
        }
    };
    heads.dedup();
    let mut found = Vec::new();
    for (next, arguments) in heads {
        for (end, more) in matches(rest, tokens, next, action) {
            found.push((end, [arguments.clone(), more].concat()));
        }
    }
    found
}

fn slot(name: &str, tokens: &[Token], at: usize, action: &Action) -> Vec<Match> {
    let Some(param) = action.params.iter().find(|param| param.name == name) else { return Vec::new() };
    readings(tokens, at, &param.ty)
        .into_iter()
        .map(|(length, source)| (at + length, vec![(name.to_string(), source)]))
        .collect()
}

/// Equal, or one typo away from a template's word of five letters or more.
fn same_word(template: &str, word: &str) -> bool {
    template == word
        || (template.chars().count() >= 5
            && word.chars().count() >= 5
            && crate::base::near::distance(template, word) == 1)
}
