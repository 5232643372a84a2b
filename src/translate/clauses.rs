//! The control grammar: hosts, exceptions, batches, failure, retries. Each reading says how many tokens it took.

use super::approvals::{Approval, approval};
use super::conditions::{Condition, conditions};
use super::targets::{NOUNS, Phrases, Target};
use super::tokens::{Token, TokenKind};
use super::values::readings;
use crate::hir::effect::Level;
use crate::hir::types::Type;
use crate::hir::world::Inventory;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Control {
    Hosts(Vec<Target>),
    /// A word before "servers" that names nothing.
    UnknownHosts(String),
    Except(Vec<Target>),
    /// As written in `batch:`.
    Batch(String),
    Rollback,
    /// Roll back if this url does not answer.
    RollbackUnless(String),
    /// How many hosts may fail before no other is started.
    MaxFailures(String),
    Retry {
        times: String,
        every: Option<String>,
    },
    /// What may go without saying; every meaning that its words may have.
    If(Vec<Condition>),
    Approval(Approval),
    /// What a command of one's own does, where its action asks for that.
    Effect(Level),
    /// `verify it`: what was done last has to be as it should be.
    Verify,
    /// Words that say nothing more.
    Noise,
}

impl Control {
    /// The kind of clause, for `--explain`.
    pub fn name(&self) -> &'static str {
        match self {
            Control::Hosts(_) => "hosts",
            Control::UnknownHosts(_) => "unknown hosts",
            Control::Except(_) => "except",
            Control::Batch(_) => "batch",
            Control::Rollback => "rollback",
            Control::RollbackUnless(_) => "gate, rollback",
            Control::MaxFailures(_) => "max_failures",
            Control::Retry { .. } => "retry",
            Control::If(_) => "if",
            Control::Approval(_) => "approval",
            Control::Effect(_) => "effect",
            Control::Verify => "verify",
            Control::Noise => "noise",
        }
    }
}

const BEFORE_HOSTS: &[&str] = &["on", "to", "at", "across", "for", "in", "from", "of"];
pub const NOISE: &[&str] = &[
    "and",
    "then",
    "after",
    "that",
    "finally",
    "first",
    "please",
    "kindly",
    "also",
    "now",
    "afterwards",
    "next",
    "but",
];

/// Every control clause that starts at a token: its length and meaning.
pub fn controls(tokens: &[Token], at: usize, inventory: &Inventory) -> Vec<(usize, Control)> {
    let reader = Reader { tokens, phrases: Phrases { tokens, inventory } };
    let mut found = Vec::new();
    found.extend(reader.hosts(at));
    found.extend(reader.except(at));
    found.extend(reader.batch(at));
    found.extend(reader.failure(at));
    found.extend(reader.retry(at));
    found.extend(reader.noise(at));
    found.extend(reader.verify(at));
    found.extend(reader.effect(at));
    found.extend(approval(tokens, at).map(|(length, approval)| (length, Control::Approval(approval))));
    let all = conditions(tokens, at);
    if let Some((end, _)) = all.first() {
        found.push((end - at, Control::If(all.iter().map(|(_, condition)| condition.clone()).collect())));
    }
    found
}

struct Reader<'a> {
    tokens: &'a [Token],
    phrases: Phrases<'a>,
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

    fn noise(&self, at: usize) -> Option<(usize, Control)> {
        let token = self.tokens.get(at)?;
        if self.follow(at, &[&["after"], &["each"]]) {
            let end = self.skip(at + 2, &[NOUNS, &["one", "1", "batch", "step"]].concat());
            return Some((end - at, Control::Noise));
        }
        // "after the upgrade" says when, which nothing stands for; "after that" only what comes next.
        let says_when = token.word == "after" && !self.is(at + 1, &["that", "this", "which", ","]);
        let is_noise = token.kind == TokenKind::Comma || NOISE.contains(&token.word.as_str());
        (is_noise && !says_when).then_some((1, Control::Noise))
    }

    fn hosts(&self, at: usize) -> Option<(usize, Control)> {
        if self.is(at, &["everywhere"]) {
            return Some((1, Control::Hosts(vec![self.phrases.all()])));
        }
        if !self.is(at, BEFORE_HOSTS) {
            return None;
        }
        if let Some((length, targets)) = self.phrases.read(at + 1) {
            return Some((length + 1, Control::Hosts(targets)));
        }
        let next = self.skip(self.skip(at + 1, &["all", "every", "each"]), &["the"]);
        let is_word = self.tokens.get(next).is_some_and(|token| token.kind == TokenKind::Word);
        let unknown = is_word && self.is(next + 1, NOUNS) && !self.is(next, NOUNS);
        unknown.then(|| (next + 2 - at, Control::UnknownHosts(self.word(next).to_string())))
    }

    fn except(&self, at: usize) -> Option<(usize, Control)> {
        let start = if self.is(at, &["except", "excluding", "without"]) {
            self.skip(at + 1, &["for", "on"])
        } else if self.follow(at, &[&["but"], &["not"]]) {
            self.skip(at + 2, &["on"])
        } else {
            return None;
        };
        let (length, targets) = self.phrases.read(start)?;
        Some((start + length - at, Control::Except(targets)))
    }

    fn batch(&self, at: usize) -> Option<(usize, Control)> {
        if self.follow(at, &[&["in"], &["batches"], &["of"]]) {
            return self.size(at + 3).map(|size| (4, Control::Batch(size)));
        }
        if self.follow(at, &[&["1"], &["by", "after"], &["1", "another", "other"]]) {
            return Some((3, Control::Batch("1".to_string())));
        }
        if self.follow(at, &[&["1"], &["after"], &["the"], &["other"]]) {
            return Some((4, Control::Batch("1".to_string())));
        }
        let size = self.size(at)?;
        let next = self.skip(self.skip(at + 1, &["of", "at"]), NOUNS);
        if self.follow(next, &[&["at"], &["a", "1"], &["time"]]) {
            return Some((next + 3 - at, Control::Batch(size)));
        }
        self.follow(at + 1, &[&["at"], &["a"], &["time"]]).then_some((4, Control::Batch(size)))
    }

    fn size(&self, at: usize) -> Option<String> {
        let token = self.tokens.get(at)?;
        let count = token.word.parse::<u32>().is_ok_and(|count| count > 0);
        (count || token.kind == TokenKind::Percent).then(|| token.word.clone())
    }

    fn failure(&self, at: usize) -> Option<(usize, Control)> {
        if let Some(stop) = self.stop(at) {
            return Some(stop);
        }
        if self.follow(at, &[&["on", "upon"], &["failure", "error"]]) {
            let length = self.undo(at + 2)?;
            return Some((2 + length, Control::Rollback));
        }
        let length = self.undo(at)?;
        let next = at + length;
        const IF: &[&str] = &["if", "when"];
        let conditions: [&[&[&str]]; 4] = [
            &[&["on", "upon"], &["failure", "error", "errors", "failures"]],
            &[IF, &["it", "this", "anything", "something", "1", "that"], &["fails", "breaks"]],
            &[IF, &["the", "a"], &["check"], &["fails"]],
            &[IF, &["the", "a"], &["health"], &["check"], &["fails"]],
        ];
        if let Some(condition) = conditions.iter().find(|condition| self.follow(next, condition)) {
            return Some((length + condition.len(), Control::Rollback));
        }
        self.gate(next).map(|(taken, control)| (length + taken, control))
    }

    /// `stop at the first failure`, `stop if more than 2 fail`.
    fn stop(&self, at: usize) -> Option<(usize, Control)> {
        if !self.is(at, &["stop", "abort", "halt"]) {
            return None;
        }
        if self.follow(at + 1, &[&["at", "on", "after"], &["the"], &["first"], &["failure", "error"]]) {
            return Some((5, Control::MaxFailures("0".to_string())));
        }
        if self.follow(at + 1, &[&["if", "when"], &["any", "anything", "1"], &["fails"]]) {
            return Some((4, Control::MaxFailures("0".to_string())));
        }
        if !self.follow(at + 1, &[&["if", "when", "after", "once"], &["more"], &["than"]]) {
            return None;
        }
        let count = self.word(at + 4).parse::<u32>().ok()?;
        let next = self.skip(at + 5, NOUNS);
        let ends = self.is(next, &["fail", "fails", "failed", "failure", "failures", "errors"]);
        ends.then(|| (next + 1 - at, Control::MaxFailures(count.to_string())))
    }

    /// `if /healthz fails`: the path is asked of every host.
    fn gate(&self, at: usize) -> Option<(usize, Control)> {
        let token = self.tokens.get(at + 1)?;
        if !self.is(at, &["if", "when"]) || !self.is(at + 2, &["fails"]) {
            return None;
        }
        let url = match token.kind {
            TokenKind::Path => format!("\"http://{{host.address}}{}\"", token.text),
            TokenKind::Url => readings(self.tokens, at + 1, &Type::Url).pop()?.values.pop()?,
            _ => return None,
        };
        Some((3, Control::RollbackUnless(url)))
    }

    fn undo(&self, at: usize) -> Option<usize> {
        if self.is(at, &["rollback", "undo", "revert"]) {
            return Some(self.skip(at + 1, &["everything", "it", "changes"]) - at);
        }
        self.follow(at, &[&["roll"], &["back"]]).then_some(2)
    }

    /// `verify it`, `check that it works`; "check whether it runs" only looks.
    fn verify(&self, at: usize) -> Option<(usize, Control)> {
        if !self.is(at, &["verify", "check", "confirm"]) {
            return None;
        }
        let next = self.skip(at + 1, &["that"]);
        if !self.is(next, &["it", "them"]) {
            return None;
        }
        let end = self.skip(next + 1, &["is", "are"]);
        let end = self.skip(end, &["running", "up", "started", "works", "work", "runs", "run"]);
        Some((end - at, Control::Verify))
    }

    /// `with effect read`, or `which only reads`.
    fn effect(&self, at: usize) -> Option<(usize, Control)> {
        if self.follow(at, &[&["which", "that"], &["only", "just"], &["reads", "looks"]]) {
            return Some((3, Control::Effect(Level::Read)));
        }
        let is_said = self.follow(at, &[&["with"], &["effect"]]);
        let level = is_said.then(|| Level::parse(self.word(at + 2))).flatten()?;
        Some((3, Control::Effect(level)))
    }

    fn retry(&self, at: usize) -> Option<(usize, Control)> {
        if !self.is(at, &["retry", "try", "retrying"]) {
            return None;
        }
        let next = self.skip(self.skip(at + 1, &["up"]), &["to"]);
        let times = self.word(next).parse::<u32>().ok()?.to_string();
        let mut end = self.skip(next + 1, &["times", "time"]);
        let mut every = None;
        let pause = self.skip(end, &["every", "with"]);
        if pause > end
            && let Some((length, text)) = self.pause(pause)
        {
            every = Some(text);
            end = self.skip(self.skip(pause + length, &["between", "pause"]), &["between"]);
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
