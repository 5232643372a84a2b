//! Phrases of which a request says only a part: words in between that the phrase does not have, values that are not
//! there. All words of the phrase that carry meaning must be there, and what is left out is asked; nothing is accepted
//! by it. Knows nothing of how questions are put.

use std::collections::{BTreeMap, BTreeSet};

use super::chart::{Argument, CLAUSE, Candidate, LeftOut, Node, UNKNOWN, implied};
use super::clauses::{Control, controls};
use super::lexicon::{POLITE, begins_reason, is_article, is_joining, same_word, weight};
use super::phrasebook::{Phrase, Phrasebook};
use super::templates::Part;
use super::tokens::{Token, TokenKind};
use super::values::{is_file_name, may_be_file, readings};
use crate::hir::program::Action;
use crate::hir::types::Type;
use crate::hir::world::Inventory;

/// More than any whole phrase costs, less than a word that nothing explains.
const PARTIAL: u32 = 300;
const NO_VALUE: u32 = 50;
const NO_JOINING_WORD: u32 = 20;
const DOUBTFUL: u32 = 120;
/// A word that would fit as any name says little.
const ANY_NAME: u32 = 450;
const FILE_NAME: u32 = 100;
const COMMA: u32 = 400;
/// Where more actions come into question than this, naming them helps nobody.
const MOST_RIVALS: usize = 3;
/// What a reading must have to be worth a question, and what is enough where only few actions can be read.
const ENOUGH: u32 = 3;
const ENOUGH_ALONE: u32 = 2;
const FEW: usize = 3;
/// Words that may be a text that should have stood in quotes.
const UNQUOTED: u32 = 200;
const UNQUOTED_WORD: u32 = 100;
const MOST_UNQUOTED: usize = 2;
/// A value that only few things can be says as much as a word of the action's own.
const VALUE_WEIGHT: u32 = 2;
/// Words at which something else begins.
const BREAKS: &[&str] = &["then", "finally", "afterwards"];

pub fn partial_readings(
    tokens: &[Token],
    start: usize,
    book: &Phrasebook<'_>,
    inventory: &Inventory,
) -> Vec<Candidate> {
    let Some(first) = tokens.get(start).filter(|token| token.kind == TokenKind::Word) else { return Vec::new() };
    if !may_begin(tokens, start, inventory) {
        return Vec::new();
    }
    let begins = |at: &usize| begins_another(tokens, *at, inventory);
    let limit = (start + 1..tokens.len()).find(begins).unwrap_or(tokens.len());
    let mut best: BTreeMap<(usize, usize), Found> = BTreeMap::new();
    for phrase in book.beginning_with(&first.word) {
        let Some(action) = book.actions.get(phrase.action) else { continue };
        let walk = Walk { tokens, start, limit, action };
        for (end, found) in walk.phrase(phrase) {
            keep(&mut best, (end, phrase.action), found);
        }
    }
    best.retain(|_, found| found.evidence >= ENOUGH_ALONE);
    let actions: BTreeSet<usize> = best.keys().map(|(_, action)| *action).collect();
    if actions.len() > FEW || best.values().any(|found| found.evidence >= ENOUGH) {
        best.retain(|_, found| found.evidence >= ENOUGH);
    }
    best.iter().filter_map(|((end, action), found)| candidate(*end, *action, found, &best)).collect()
}

/// A part of a phrase begins where a clause may: "delete the template" is no wish to template something.
fn may_begin(tokens: &[Token], at: usize, inventory: &Inventory) -> bool {
    let is_polite = |before: usize| tokens.get(before).is_some_and(|token| POLITE.contains(&token.word.as_str()));
    let ends_here = |before: usize| controls(tokens, before, inventory).iter().any(|(length, _)| before + length == at);
    at == 0 || is_polite(at - 1) || (0..at).any(ends_here)
}

pub fn begins_another(tokens: &[Token], at: usize, inventory: &Inventory) -> bool {
    let is_break = |token: &Token| BREAKS.contains(&token.word.as_str()) || begins_reason(&token.word);
    tokens.get(at).is_some_and(is_break)
        || controls(tokens, at, inventory).iter().any(|(_, control)| *control != Control::Noise)
}

fn candidate(end: usize, action: usize, found: &Found, all: &BTreeMap<(usize, usize), Found>) -> Option<Candidate> {
    let alike = all
        .iter()
        .filter(|((other_end, other), rival)| *other_end == end && *other != action && rival.cost == found.cost);
    let rivals: Vec<(usize, Vec<Argument>)> =
        alike.map(|((_, other), rival)| (*other, rival.arguments.clone())).collect();
    if rivals.len() > MOST_RIVALS {
        return None;
    }
    let left_out = found.left_out.clone();
    let node = Node::Action { action, arguments: found.arguments.clone(), rivals, typos: found.typos, left_out };
    Some((end, CLAUSE + PARTIAL + found.cost, node))
}

/// A beginning of a phrase in the tokens.
#[derive(Clone, Default)]
struct Found {
    cost: u32,
    arguments: Vec<Argument>,
    typos: u32,
    left_out: LeftOut,
    /// How much the words and values that were found say about what is meant.
    evidence: u32,
}

type Frontier = BTreeMap<usize, Found>;

/// The cheapest for each place, the first of equals.
fn keep<K: Ord>(all: &mut BTreeMap<K, Found>, at: K, found: Found) {
    if all.get(&at).is_none_or(|known| found.cost < known.cost) {
        all.insert(at, found);
    }
}

struct Walk<'a> {
    tokens: &'a [Token],
    start: usize,
    limit: usize,
    action: &'a Action,
}

impl Walk<'_> {
    fn phrase(&self, phrase: &Phrase) -> Frontier {
        let mut begin = Found::default();
        begin.left_out.is_doubtful = phrase.is_doubtful;
        begin.cost = if phrase.is_doubtful { DOUBTFUL } else { 0 };
        let begin = Frontier::from([(self.start, begin)]);
        let mut ends = self.all(&phrase.parts, begin, false);
        ends.retain(|end, _| *end > self.start);
        ends
    }

    fn all(&self, parts: &[Part], from: Frontier, is_detail: bool) -> Frontier {
        parts.iter().fold(from, |frontier, part| self.part(part, frontier, is_detail))
    }

    /// A detail of a phrase is there as a whole or not at all.
    fn part(&self, part: &Part, from: Frontier, is_detail: bool) -> Frontier {
        let mut to = Frontier::new();
        match part {
            Part::OneOf(branches) | Part::Optional(branches) => {
                let is_optional = matches!(part, Part::Optional(_));
                for branch in branches {
                    for (at, found) in self.all(branch, from.clone(), is_detail || is_optional) {
                        keep(&mut to, at, found);
                    }
                }
                for (at, found) in from.into_iter().filter(|_| is_optional) {
                    keep(&mut to, at, found);
                }
            }
            Part::Implied(name, value) => {
                for (at, mut found) in from {
                    found.arguments.extend(implied(name, value, self.action));
                    keep(&mut to, at, found);
                }
            }
            Part::Word(word) => self.word(word, &from, is_detail, &mut to),
            Part::Slot(name) => self.slot(name, &from, is_detail, &mut to),
        }
        to
    }

    fn word(&self, word: &str, from: &Frontier, is_detail: bool, to: &mut Frontier) {
        for (at, found) in from {
            if *at > self.start && !is_detail && (is_joining(word) || self.is_said_by_name(word, *at)) {
                let mut without = found.clone();
                without.cost += NO_JOINING_WORD;
                without.left_out.is_doubtful = true;
                keep(to, *at, without);
            }
            let is_it = |token: &Token| token.kind == TokenKind::Word && same_word(word, &token.word);
            if let Some((next, mut next_found)) = self.after_skipping(*at, found, is_it) {
                let typo = self.tokens.get(next).is_some_and(|token| token.word != word);
                next_found.typos += u32::from(typo);
                next_found.cost += u32::from(typo);
                next_found.evidence += weight(word);
                keep(to, next + 1, next_found);
            }
        }
    }

    /// "the file nginx.conf" is also said without the word.
    fn is_said_by_name(&self, word: &str, at: usize) -> bool {
        let is_article = |token: &&Token| is_article(&token.word);
        let next = self.tokens.iter().skip(at).find(|token| !is_article(token));
        word == "file" && next.is_some_and(is_file_name)
    }

    /// The first token from `at` on that is wanted; nothing stands before the first word of a phrase.
    fn after_skipping(&self, at: usize, found: &Found, is_it: impl Fn(&Token) -> bool) -> Option<(usize, Found)> {
        let last = if at == self.start { at + 1 } else { self.limit };
        let next = (at..last).find(|next| self.tokens.get(*next).is_some_and(&is_it))?;
        Some((next, self.skipped(found, at, next)))
    }

    fn skipped(&self, found: &Found, from: usize, to: usize) -> Found {
        let mut found = found.clone();
        for at in from..to {
            match self.tokens.get(at) {
                Some(token) if token.kind == TokenKind::Comma => found.cost += COMMA,
                Some(token) if is_article(&token.word) => found.cost += 1,
                _ => {
                    found.cost += UNKNOWN;
                    found.left_out.words.push(at);
                }
            }
        }
        found
    }

    fn slot(&self, name: &str, from: &Frontier, is_detail: bool, to: &mut Frontier) {
        let Some(param) = self.action.params.iter().find(|param| param.name == name) else { return };
        for (at, found) in from {
            if !is_detail {
                keep(to, *at, without_value(found, name));
                self.unquoted(name, &param.ty, *at, found, to);
            }
            let last = if *at == self.start { at + 1 } else { self.limit };
            for next in *at..last {
                let before = self.skipped(found, *at, next);
                for filler in readings(self.tokens, next, &param.ty)
                    .into_iter()
                    .filter(|filler| next + filler.length <= self.limit)
                {
                    let weak = self.is_any_name(next, &param.ty);
                    let mut found = before.clone();
                    found.cost += if weak { ANY_NAME * u32::try_from(filler.length).unwrap_or(1) } else { 0 };
                    found.evidence += if weak { 0 } else { VALUE_WEIGHT };
                    found.left_out.is_doubtful |= filler.is_doubtful;
                    found.arguments.push(Argument { name: name.to_string(), values: filler.values });
                    keep(to, next + filler.length, found);
                }
                if *param.ty.core() == Type::Path && self.tokens.get(next).is_some_and(may_be_file) {
                    let mut found = without_value(&before, name);
                    found.cost += FILE_NAME;
                    found.evidence += VALUE_WEIGHT;
                    for end in [Some(next + 1), self.in_folder(next)].into_iter().flatten() {
                        keep(to, end, found.clone());
                    }
                }
            }
        }
    }

    /// Where "nginx.conf in /etc/nginx" ends: both together are one path, which is asked for.
    fn in_folder(&self, at: usize) -> Option<usize> {
        self.tokens.get(at).filter(|token| is_file_name(token))?;
        self.tokens.get(at + 1).filter(|token| ["in", "from", "under", "below"].contains(&token.word.as_str()))?;
        let is_article = self.tokens.get(at + 2).is_some_and(|token| is_article(&token.word));
        let folder = at + 2 + usize::from(is_article);
        let is_folder = |token: &&Token| token.kind == TokenKind::Path || may_be_file(token);
        self.tokens.get(folder).filter(is_folder).filter(|_| folder < self.limit).map(|_| folder + 1)
    }

    /// "add root ALL to sudoers": where a text is wanted, bare words are probably it, and are asked about.
    fn unquoted(&self, name: &str, ty: &Type, at: usize, found: &Found, to: &mut Frontier) {
        if at == self.start || !matches!(ty, Type::String | Type::Text) {
            return;
        }
        let mut text = without_value(found, name);
        text.cost += UNQUOTED;
        for next in at..self.limit.min(at + MOST_UNQUOTED) {
            if self.tokens.get(next).is_none_or(|token| token.kind == TokenKind::Comma) {
                return;
            }
            text.cost += UNQUOTED_WORD;
            text.left_out.words.push(next);
            keep(to, next + 1, text.clone());
        }
    }

    /// A bare word as a kind of text: it would fit as well for many other things.
    fn is_any_name(&self, at: usize, ty: &Type) -> bool {
        let item = if let Type::List(item) = ty.core() { item.as_ref() } else { ty };
        let is_bare = self.tokens.get(at).is_some_and(|token| token.kind == TokenKind::Word);
        is_bare && matches!(item.core(), Type::String | Type::Text)
    }
}

fn without_value(found: &Found, name: &str) -> Found {
    let mut found = found.clone();
    found.cost += NO_VALUE;
    found.left_out.params.push(name.to_string());
    found
}
