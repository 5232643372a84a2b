//! The control grammar: hosts, exceptions, batches, failure, retries. Each reading says how many tokens it took.

use super::tokens::{Token, TokenKind};
use super::values::readings;
use crate::hir::types::Type;
use crate::hir::world::Inventory;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Control {
    /// Names of hosts or groups; empty: all hosts.
    Hosts(Vec<String>),
    /// A word before "servers" that names nothing.
    UnknownHosts(String),
    Except(Vec<String>),
    /// As written in `batch:`.
    Batch(String),
    Rollback,
    /// Roll back if this url does not answer.
    RollbackUnless(String),
    StopAtFirst,
    Retry {
        times: String,
        every: Option<String>,
    },
    /// Words that say nothing more.
    Noise,
}

pub const NOUNS: &[&str] =
    &["server", "servers", "host", "hosts", "machine", "machines", "node", "nodes", "box", "boxes"];
const BEFORE_HOSTS: &[&str] = &["on", "to", "at", "across", "for", "in"];
pub const NOISE: &[&str] =
    &["and", "then", "after", "that", "finally", "first", "please", "kindly", "also", "now", "afterwards", "next"];

/// Every control clause that starts at a token: its length and meaning.
pub fn controls(tokens: &[Token], at: usize, inventory: &Inventory) -> Vec<(usize, Control)> {
    let reader = Reader { tokens, inventory };
    let mut found = Vec::new();
    found.extend(reader.hosts(at));
    found.extend(reader.except(at));
    found.extend(reader.batch(at));
    found.extend(reader.failure(at));
    found.extend(reader.retry(at));
    let is_noise = |token: &Token| token.kind == TokenKind::Comma || NOISE.contains(&token.word.as_str());
    if tokens.get(at).is_some_and(is_noise) {
        found.push((1, Control::Noise));
    }
    found
}

struct Reader<'a> {
    tokens: &'a [Token],
    inventory: &'a Inventory,
}

impl Reader<'_> {
    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.word.as_str())
    }

    fn is(&self, at: usize, words: &[&str]) -> bool {
        words.contains(&self.word(at))
    }

    /// Whether these words follow, one of each set.
    fn follow(&self, at: usize, words: &[&[&str]]) -> bool {
        words.iter().enumerate().all(|(index, set)| self.is(at + index, set))
    }

    fn skip(&self, at: usize, words: &[&str]) -> usize {
        if self.is(at, words) { at + 1 } else { at }
    }

    fn name(&self, at: usize) -> Option<String> {
        let token = self.tokens.get(at)?;
        let known = |name: &str| self.inventory.group(name).is_some() || self.inventory.host(name).is_some();
        [&token.text, &token.word].into_iter().find(|name| known(name)).cloned()
    }

    fn hosts(&self, at: usize) -> Option<(usize, Control)> {
        if !self.is(at, BEFORE_HOSTS) {
            return None;
        }
        if self.follow(at + 1, &[&["this"], &["machine", "host", "computer"]]) {
            return Some((3, Control::Hosts(vec!["localhost".to_string()])));
        }
        let all = self.is(at + 1, &["all", "every", "each"]);
        let mut next = self.skip(self.skip(at + 1, &["all", "every", "each"]), &["the", "of"]);
        next = self.skip(next, &["the"]);
        if all && self.is(next, NOUNS) {
            return Some((next + 1 - at, Control::Hosts(Vec::new())));
        }
        let (names, end) = self.names(next);
        if names.is_empty() {
            let is_word = self.tokens.get(next).is_some_and(|token| token.kind == TokenKind::Word);
            let unknown = is_word && self.is(next + 1, NOUNS);
            return unknown.then(|| (next + 2 - at, Control::UnknownHosts(self.word(next).to_string())));
        }
        Some((end - at, Control::Hosts(names)))
    }

    /// `web`, `web and db servers`, `the web servers and db1`.
    fn names(&self, at: usize) -> (Vec<String>, usize) {
        let mut names = Vec::new();
        let mut end = at;
        let mut next = at;
        while let Some(name) = self.name(self.skip(next, &["the"])) {
            names.push(name);
            end = self.skip(self.skip(next, &["the"]) + 1, NOUNS);
            next = end;
            while self.is(next, &["and", ","]) {
                next += 1;
            }
            if next == end {
                break;
            }
        }
        (names, end)
    }

    fn except(&self, at: usize) -> Option<(usize, Control)> {
        let start = if self.is(at, &["except", "excluding", "without"]) {
            self.skip(at + 1, &["for", "on"])
        } else if self.follow(at, &[&["but"], &["not"]]) {
            self.skip(at + 2, &["on"])
        } else {
            return None;
        };
        let (names, end) = self.names(start);
        (!names.is_empty()).then(|| (end - at, Control::Except(names)))
    }

    fn batch(&self, at: usize) -> Option<(usize, Control)> {
        if self.follow(at, &[&["in"], &["batches"], &["of"]]) {
            return self.size(at + 3).map(|size| (4, Control::Batch(size)));
        }
        if self.follow(at, &[&["1"], &["by"], &["1"]]) {
            return Some((3, Control::Batch("1".to_string())));
        }
        let size = self.size(at)?;
        let next = self.skip(at + 1, NOUNS);
        self.follow(next, &[&["at"], &["a"], &["time"]]).then(|| (next + 3 - at, Control::Batch(size)))
    }

    fn size(&self, at: usize) -> Option<String> {
        let token = self.tokens.get(at)?;
        let count = token.word.parse::<u32>().is_ok_and(|count| count > 0);
        (count || token.kind == TokenKind::Percent).then(|| token.word.clone())
    }

    fn failure(&self, at: usize) -> Option<(usize, Control)> {
        if self.follow(at, &[&["stop"], &["at", "on", "after"], &["the"], &["first"], &["failure", "error"]]) {
            return Some((5, Control::StopAtFirst));
        }
        if self.follow(at, &[&["on", "upon"], &["failure", "error"]]) {
            let (length, _) = self.undo(at + 2)?;
            return Some((2 + length, Control::Rollback));
        }
        let (length, _) = self.undo(at)?;
        let next = at + length;
        if self.follow(next, &[&["on", "upon"], &["failure", "error"]]) {
            return Some((length + 2, Control::Rollback));
        }
        if self.follow(next, &[&["if"], &["it", "this", "anything", "something"], &["fails"]]) {
            return Some((length + 3, Control::Rollback));
        }
        if self.follow(next, &[&["if"], &["the", "a"], &["check"], &["fails"]]) {
            return Some((length + 4, Control::Rollback));
        }
        if self.follow(next, &[&["if"], &["the", "a"], &["health"], &["check"], &["fails"]]) {
            return Some((length + 5, Control::Rollback));
        }
        self.gate(next).map(|(taken, control)| (length + taken, control))
    }

    /// `if /healthz fails`: the path is asked of every host.
    fn gate(&self, at: usize) -> Option<(usize, Control)> {
        let token = self.tokens.get(at + 1)?;
        if !self.is(at, &["if"]) || !self.is(at + 2, &["fails"]) {
            return None;
        }
        let url = match token.kind {
            TokenKind::Path => format!("\"http://{{host.address}}{}\"", token.text),
            TokenKind::Url => readings(self.tokens, at + 1, &Type::Url).pop()?.1,
            _ => return None,
        };
        Some((3, Control::RollbackUnless(url)))
    }

    fn undo(&self, at: usize) -> Option<(usize, ())> {
        if self.is(at, &["rollback", "undo", "revert"]) {
            return Some((1, ()));
        }
        self.follow(at, &[&["roll"], &["back"]]).then_some((2, ()))
    }

    fn retry(&self, at: usize) -> Option<(usize, Control)> {
        if !self.is(at, &["retry"]) {
            return None;
        }
        let next = self.skip(self.skip(at + 1, &["up"]), &["to"]);
        let times = self.word(next).parse::<u32>().ok()?.to_string();
        let mut end = self.skip(next + 1, &["times", "time"]);
        let mut every = None;
        if self.is(end, &["every"])
            && let Some((length, pause)) = self.pause(end + 1)
        {
            every = Some(pause);
            end += 1 + length;
        }
        Some((end - at, Control::Retry { times, every }))
    }

    fn pause(&self, at: usize) -> Option<(usize, String)> {
        let token = self.tokens.get(at)?;
        if token.kind == TokenKind::Duration {
            return Some((1, token.text.clone()));
        }
        let number = token.word.parse::<u32>().ok()?;
        let unit = match self.word(at + 1) {
            "second" | "seconds" => "s",
            "minute" | "minutes" => "m",
            "hour" | "hours" => "h",
            _ => return None,
        };
        Some((2, format!("{number}{unit}")))
    }
}
