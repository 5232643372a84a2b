//! "ask for approval first", "after approval by dba": whether somebody has to agree, who, and whether before all else.
//! Knows no approvers; who is not named is settled elsewhere.

use super::lexicon::{NEVER_NAMES, VERBS, is_article};
use super::tokens::{Token, TokenKind};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approval {
    /// Any of these; empty where nobody is named.
    pub by: Vec<String>,
    /// Whether it was said to come before everything.
    pub is_first: bool,
}

const ASKS: &[&str] = &["ask", "wait", "get", "require", "request", "obtain", "seek", "need"];
const BEFORE_IT: &[&str] = &["after", "with", "upon"];
const FIRST: &[&str] = &["first", "beforehand", "upfront"];
const EVERYTHING: &[&str] = &["anything", "everything", "that", "it", "all", "starting", "beginning", "doing"];

/// The approval that begins at a token, and how many tokens it takes.
pub fn approval(tokens: &[Token], at: usize) -> Option<(usize, Approval)> {
    let word = |at: usize| tokens.get(at).map_or("", |token| token.word.as_str());
    let is = |at: usize, words: &[&str]| words.contains(&word(at));
    let past_article = |at: usize| if is_article(word(at)) { at + 1 } else { at };
    let asks = is(at, ASKS);
    if !asks && !is(at, BEFORE_IT) {
        return None;
    }
    let noun = past_article(if asks && is(at + 1, &["for"]) { at + 2 } else { at + 1 });
    if !is(noun, &["approval", "approvals"]) {
        return None;
    }
    let (by, mut end) = match is(noun + 1, &["of", "from", "by"]) {
        true => names(tokens, past_article(noun + 2))?,
        false => (Vec::new(), noun + 1),
    };
    let mut is_first = !asks;
    if is(end, FIRST) {
        (is_first, end) = (true, end + 1);
    } else if is(end, &["before"]) && is(end + 1, EVERYTHING) {
        (is_first, end) = (true, end + 2);
    }
    Some((end - at, Approval { by, is_first }))
}

/// `dba`, `ann or bob`. "and" is no list: one of those named is enough.
fn names(tokens: &[Token], at: usize) -> Option<(Vec<String>, usize)> {
    let name = |at: usize| {
        let token: &Token = tokens.get(at)?;
        let words = [NEVER_NAMES, VERBS, FIRST];
        let is_name = match token.kind {
            TokenKind::Quoted => true,
            TokenKind::Word => !words.iter().any(|words| words.contains(&token.word.as_str())),
            _ => false,
        };
        is_name.then(|| token.text.clone())
    };
    let mut found = vec![name(at)?];
    let mut end = at + 1;
    while tokens.get(end).is_some_and(|token| token.word == "or")
        && let Some(next) = name(end + 1)
    {
        found.push(next);
        end += 2;
    }
    Some((found, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::tokens::tokenize;

    #[test]
    fn approvals_are_read_with_who_gives_them_and_when() {
        let read = |text: &str| {
            let (length, approval) = approval(&tokenize(text), 0)?;
            Some((length, approval.by.join("+"), approval.is_first))
        };
        let cases = [
            ("ask for approval first", Some((4, "", true))),
            ("ask for approval", Some((3, "", false))),
            ("wait for the approval of dba before anything", Some((8, "dba", true))),
            ("get approval from ann or bob, stop nginx", Some((6, "ann+bob", false))),
            ("after approval by \"the boss\"", Some((4, "the boss", true))),
            ("ask for approval by stop", None),
            ("ask for help", None),
            ("approval", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|(length, by, first): (usize, &str, bool)| (length, by.to_string(), first));
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
