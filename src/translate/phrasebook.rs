//! The phrases of all actions, read once and found by the words that they begin with.

use std::collections::{BTreeMap, BTreeSet};

use super::lexicon::same_word;
use super::templates::{Part, beginnings, is_doubtful, parse};
use crate::hir::program::Action;

pub struct Phrasebook<'a> {
    pub actions: &'a [&'a Action],
    phrases: Vec<Phrase>,
    by_beginning: BTreeMap<String, Vec<usize>>,
    /// Those that may begin with a value.
    open: Vec<usize>,
}

pub struct Phrase {
    /// Index into the actions.
    pub action: usize,
    pub parts: Vec<Part>,
    /// Who says so is asked whether this action is meant.
    pub is_doubtful: bool,
}

impl<'a> Phrasebook<'a> {
    pub fn new(actions: &'a [&'a Action]) -> Phrasebook<'a> {
        let mut book = Phrasebook { actions, phrases: Vec::new(), by_beginning: BTreeMap::new(), open: Vec::new() };
        for (action, says) in
            actions.iter().enumerate().flat_map(|(index, action)| action.says.iter().map(move |says| (index, says)))
        {
            let parts = parse(says);
            let number = book.phrases.len();
            let (words, is_open) = beginnings(&parts);
            for word in words {
                book.by_beginning.entry(word).or_default().push(number);
            }
            book.open.extend(is_open.then_some(number));
            book.phrases.push(Phrase { action, parts, is_doubtful: is_doubtful(says) });
        }
        book
    }

    /// The phrases that may begin with a word, each once, in their order. A word that is known is no typo of another.
    pub fn beginning_with(&self, word: &str) -> impl Iterator<Item = &Phrase> {
        let is_known = self.by_beginning.contains_key(word);
        let is_meant = |known: &str| if is_known { known == word } else { same_word(known, word) };
        let same = self.by_beginning.iter().filter(|(known, _)| is_meant(known));
        let numbers: BTreeSet<usize> = same.flat_map(|(_, numbers)| numbers).chain(&self.open).copied().collect();
        numbers.into_iter().filter_map(|number| self.phrases.get(number))
    }
}
