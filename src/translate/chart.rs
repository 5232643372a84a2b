//! The cheapest cover of a request by clauses: dynamic programming over token positions. A word that no clause takes is
//! possible, dear, and later a question. Two actions that read the same words alike are a tie, and a question too.

use super::clauses::{Control, controls};
use super::lexicon::{POLITE, begins_purpose, begins_reason, is_article, same_word};
use super::partial::{begins_another, partial_readings};
use super::phrasebook::Phrasebook;
use super::templates::{LEFT_OPEN, Part};
use super::tokens::{Token, TokenKind};
use super::values::readings;
use crate::eval::parse::parse_field;
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
    /// Index into the actions, and what was found for its parameters.
    Action {
        action: usize,
        arguments: Vec<Argument>,
        /// Other actions that the words may mean as well, with what was found for theirs.
        rivals: Vec<(usize, Vec<Argument>)>,
        typos: u32,
        left_out: LeftOut,
    },
    Control(Control),
    /// A word that nothing takes.
    Unknown,
}

/// What a reading left out; whatever is here is asked.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct LeftOut {
    /// Positions of words that the phrase does not have.
    pub words: Vec<usize>,
    /// Parameters that the phrase speaks of and the request does not.
    pub params: Vec<String>,
    /// The phrase has small words that the request lacks, or has elsewhere; or it may as well mean something else.
    pub is_doubtful: bool,
}

/// What a template found for a parameter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Argument {
    pub name: String,
    /// As source text, one step for each; none where it is what an earlier clause was about ("it", "them").
    pub values: Vec<String>,
}

/// An unknown word costs more than any clause that takes it.
pub const UNKNOWN: u32 = 1000;
pub const CLAUSE: u32 = 10;
/// A phrase that may mean something else comes behind all that mean one thing.
pub const DOUBT: u32 = 600;

/// Where a word is left over, phrases are tried that leave words or values out: each is then a question, but a question
/// about an action.
pub fn cover(tokens: &[Token], book: &Phrasebook<'_>, inventory: &Inventory) -> Vec<Reading> {
    let mut candidates: Vec<Vec<Candidate>> =
        (0..tokens.len()).map(|start| exact(tokens, start, book, inventory)).collect();
    let readings = cheapest(&candidates);
    if readings.iter().all(|reading| reading.node != Node::Unknown) {
        return readings;
    }
    for (start, found) in candidates.iter_mut().enumerate() {
        found.extend(partial_readings(tokens, start, book, inventory));
    }
    cheapest(&candidates)
}

/// Where a reading ends, what it costs, what it is.
pub type Candidate = (usize, u32, Node);

fn exact(tokens: &[Token], start: usize, book: &Phrasebook<'_>, inventory: &Inventory) -> Vec<Candidate> {
    let mut candidates = vec![(start + 1, UNKNOWN, Node::Unknown)];
    for (length, control) in controls(tokens, start, inventory) {
        let cost = if control == Control::Noise { 1 } else { CLAUSE };
        candidates.push((start + length, cost, Node::Control(control)));
    }
    candidates.extend(action_readings(tokens, start, book));
    candidates.extend(reason(tokens, start, inventory));
    if is_polite(tokens, start) {
        candidates.push((start + 1, 2, Node::Control(Control::Noise)));
    }
    candidates
}

/// "I want to": what "to" begins elsewhere is what for.
fn is_polite(tokens: &[Token], at: usize) -> bool {
    let polite = |at: usize| tokens.get(at).is_some_and(|token| POLITE.contains(&token.word.as_str()));
    let is_to = tokens.get(at).is_some_and(|token| token.word == "to");
    polite(at) && (!is_to || at == 0 || polite(at - 1))
}

/// "so that we can stop redis" is no wish to stop redis: all of it is one thing that is not understood.
fn reason(tokens: &[Token], start: usize, inventory: &Inventory) -> Option<Candidate> {
    let first = tokens.get(start)?;
    let is_purpose = || start > 0 && begins_purpose(&first.word, tokens.get(start + 1).map_or("", |next| &next.word));
    if !begins_reason(&first.word) && !is_purpose() {
        return None;
    }
    let is_end = |at: &usize| {
        tokens.get(*at).is_some_and(|token| token.kind == TokenKind::Comma) || begins_another(tokens, *at, inventory)
    };
    let end = (start + 1..tokens.len()).find(is_end).unwrap_or(tokens.len());
    Some((end, UNKNOWN - 1, Node::Unknown))
}

/// From the end to the start: the cheapest cover of every tail.
fn cheapest(candidates: &[Vec<Candidate>]) -> Vec<Reading> {
    let mut best: Vec<(u32, Option<Reading>)> = vec![(0, None)];
    let length = candidates.len();
    for (start, candidates) in candidates.iter().enumerate().rev() {
        let tail = |end: usize| best.get(length - end).map_or(u32::MAX / 2, |(cost, _)| *cost);
        let cheapest = candidates
            .iter()
            .map(|(end, cost, node)| (cost + tail(*end), *end, node))
            .min_by_key(|(cost, end, _)| (*cost, std::cmp::Reverse(*end)));
        if let Some((cost, end, node)) = cheapest {
            best.push((cost, Some(Reading { start, end, node: node.clone() })));
        }
    }
    follow(length, &best)
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
fn action_readings(tokens: &[Token], start: usize, book: &Phrasebook<'_>) -> Vec<Candidate> {
    let mut found: Vec<(usize, Match)> = Vec::new();
    let Some(first) = tokens.get(start) else { return Vec::new() };
    for phrase in book.beginning_with(&first.word) {
        let Some(action) = book.actions.get(phrase.action) else { continue };
        for mut candidate in matches(&phrase.parts, tokens, start, action) {
            candidate.is_doubtful |= phrase.is_doubtful;
            let is_known = |(known, other): &(usize, Match)| *known == phrase.action && other.says_the_same(&candidate);
            if candidate.end > start && !found.iter().any(is_known) {
                found.push((phrase.action, candidate));
            }
        }
    }
    found.iter().map(|(index, reading)| (reading.end, reading.cost(), reading.node(*index, &found))).collect()
}

/// One way in which a template, or a part of it, stands in the tokens.
#[derive(Clone, PartialEq, Debug)]
struct Match {
    end: usize,
    arguments: Vec<Argument>,
    /// Words that are one letter off.
    typos: u32,
    is_doubtful: bool,
}

impl Match {
    fn empty(end: usize) -> Match {
        Match { end, arguments: Vec::new(), typos: 0, is_doubtful: false }
    }

    fn then(&self, rest: Match) -> Match {
        let arguments = [self.arguments.clone(), rest.arguments].concat();
        Match {
            end: rest.end,
            arguments,
            typos: self.typos + rest.typos,
            is_doubtful: self.is_doubtful || rest.is_doubtful,
        }
    }

    fn says_the_same(&self, other: &Match) -> bool {
        self.end == other.end && self.arguments == other.arguments && self.is_doubtful <= other.is_doubtful
    }

    /// Among readings of the same words, the one that gives more of them a meaning is better.
    fn cost(&self) -> u32 {
        let doubt = if self.is_doubtful { DOUBT } else { 0 };
        CLAUSE + 5_u32.saturating_sub(u32::try_from(self.arguments.len()).unwrap_or(5)) + self.typos + doubt
    }

    fn node(&self, action: usize, found: &[(usize, Match)]) -> Node {
        let rivals = found.iter().filter(|(rival, other)| {
            let is_as_good = other.arguments.len() >= self.arguments.len() && other.is_doubtful <= self.is_doubtful;
            *rival != action && other.end == self.end && is_as_good
        });
        let rivals = rivals.map(|(rival, other)| (*rival, other.arguments.clone())).collect();
        let arguments = self.arguments.clone();
        Node::Action {
            action,
            arguments,
            rivals,
            typos: self.typos,
            left_out: LeftOut { is_doubtful: self.is_doubtful, ..LeftOut::default() },
        }
    }
}

fn matches(parts: &[Part], tokens: &[Token], at: usize, action: &Action) -> Vec<Match> {
    let Some((part, rest)) = parts.split_first() else { return vec![Match::empty(at)] };
    let branched = |branches: &[Vec<Part>]| -> Vec<Match> {
        branches.iter().flat_map(|branch| matches(branch, tokens, at, action)).collect()
    };
    let mut heads: Vec<Match> = match part {
        Part::Word(template) => word(template, tokens, at)
            .or_else(|| word(template, tokens, past_article(tokens, at)?))
            .into_iter()
            .collect(),
        Part::Slot(name) => slot(name, tokens, past_article(tokens, at).unwrap_or(at), action),
        Part::Implied(name, value) => {
            let argument = implied(name, value, action);
            argument.map(|argument| Match { arguments: vec![argument], ..Match::empty(at) }).into_iter().collect()
        }
        Part::OneOf(branches) => branched(branches),
        Part::Optional(branches) => {
            let joined = if joins(tokens, at) { optional(branches, tokens, at + 1, action) } else { Vec::new() };
            branched(branches).into_iter().chain(joined).chain([Match::empty(at)]).collect()
        }
    };
    heads.dedup();
    let mut found = Vec::new();
    for head in heads {
        found.extend(matches(rest, tokens, head.end, action).into_iter().map(|tail| head.then(tail)));
    }
    found
}

/// An article may stand before any word and any value.
fn past_article(tokens: &[Token], at: usize) -> Option<usize> {
    tokens.get(at).filter(|token| token.kind == TokenKind::Word && is_article(&token.word)).map(|_| at + 1)
}

/// A comma or "and" before one more detail: "with mode 0750, owned by root".
fn joins(tokens: &[Token], at: usize) -> bool {
    tokens.get(at).is_some_and(|token| token.kind == TokenKind::Comma || token.word == "and")
}

/// A detail behind a comma: one that says nothing would swallow the comma.
fn optional(branches: &[Vec<Part>], tokens: &[Token], at: usize, action: &Action) -> Vec<Match> {
    let found = branches.iter().flat_map(|branch| matches(branch, tokens, at, action));
    found.filter(|found| !found.arguments.is_empty()).collect()
}

fn word(template: &str, tokens: &[Token], at: usize) -> Option<Match> {
    let token = tokens.get(at).filter(|token| token.kind == TokenKind::Word && same_word(template, &token.word))?;
    Some(Match { typos: u32::from(token.word != template), ..Match::empty(at + 1) })
}

fn slot(name: &str, tokens: &[Token], at: usize, action: &Action) -> Vec<Match> {
    let Some(param) = action.params.iter().find(|param| param.name == name) else { return Vec::new() };
    let argument = |values: Vec<String>| vec![Argument { name: name.to_string(), values }];
    let is_reference = tokens.get(at).is_some_and(|token| ["it", "them"].contains(&token.word.as_str()));
    if is_reference {
        return vec![Match { arguments: argument(Vec::new()), ..Match::empty(at + 1) }];
    }
    readings(tokens, at, &param.ty)
        .into_iter()
        .map(|filler| Match {
            arguments: argument(filler.values),
            is_doubtful: filler.is_doubtful,
            ..Match::empty(at + filler.length)
        })
        .collect()
}

/// What the words around it imply, as an argument.
pub fn implied(name: &str, value: &str, action: &Action) -> Option<Argument> {
    let param = action.params.iter().find(|param| param.name == name)?;
    let source = match value {
        LEFT_OPEN => value.to_string(),
        _ => parse_field(value, &param.ty).ok()?.literal(),
    };
    Some(Argument { name: name.to_string(), values: vec![source] })
}
