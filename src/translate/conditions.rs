//! Conditions that say nothing more, since every action that has a state as its aim asks itself: "create the folder if
//! it does not exist", "stop nginx if it is running". Only of such actions, and only of the state that they bring about.

use super::tokens::{Token, TokenKind};

/// What must be so for something to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition {
    /// `if it is needed`
    Needed,
    /// `if it exists`, `unless it runs`: a state, and whether it must be there or must not.
    State(&'static State, bool),
}

/// A state, and which verbs bring it about or end it.
#[derive(PartialEq, Eq, Debug)]
pub struct State {
    words: &'static [&'static str],
    /// Words that say that it is not so.
    opposites: &'static [&'static str],
    begun_by: &'static [&'static str],
    ended_by: &'static [&'static str],
}

const STATES: &[State] = &[
    State {
        words: &["exist", "exists", "existing", "present", "there"],
        opposites: &["missing", "absent"],
        begun_by: &["create", "make", "add", "ensure", "generate", "mkdir", "touch"],
        ended_by: &["remove", "delete", "drop", "erase", "rm", "purge"],
    },
    State {
        words: &["installed"],
        opposites: &["missing"],
        begun_by: &["install"],
        ended_by: &["remove", "uninstall", "deinstall", "purge"],
    },
    State {
        words: &["running", "started", "up"],
        opposites: &["stopped", "down"],
        begun_by: &["start", "launch"],
        ended_by: &["stop", "halt"],
    },
    State { words: &["enabled"], opposites: &["disabled"], begun_by: &["enable"], ended_by: &["disable"] },
    State { words: &["loaded"], opposites: &[], begun_by: &["load"], ended_by: &["unload"] },
    State { words: &["mounted"], opposites: &["unmounted"], begun_by: &["mount"], ended_by: &["unmount", "umount"] },
];

impl Condition {
    /// Whether what is done by this verb, of which only a name is said, asks for the condition by itself.
    pub fn goes_without_saying(&self, verb: &str) -> bool {
        match self {
            Condition::Needed => true,
            Condition::State(state, true) => state.ended_by.contains(&verb),
            Condition::State(state, false) => state.begun_by.contains(&verb),
        }
    }
}

/// The conditions that may be read from a token on, and where they end.
pub fn conditions(tokens: &[Token], at: usize) -> Vec<(usize, Condition)> {
    let word = |at: usize| tokens.get(at).map_or("", |token: &Token| token.word.as_str());
    let skip = |at: usize, words: &[&str]| if words.contains(&word(at)) { at + 1 } else { at };
    let is_unless = word(at) == "unless";
    if !is_unless && !["if", "when"].contains(&word(at)) {
        return Vec::new();
    }
    let next = skip(skip(at + 1, &["it", "they", "this", "that"]), &["is", "are", "does", "do"]);
    let not = skip(next, &["not", "isn't", "aren't", "doesn't", "don't"]);
    let said = skip(not, &["already", "yet", "still", "currently"]);
    let end = skip(said + 1, &["yet", "already"]);
    if !ends_clause(tokens.get(end)) {
        return Vec::new();
    }
    let is_so = (not == next) != is_unless;
    if ["needed", "necessary", "required"].contains(&word(said)) {
        return if is_so { vec![(end, Condition::Needed)] } else { Vec::new() };
    }
    let state = |state: &'static State| {
        let is_word = state.words.contains(&word(said));
        let is_opposite = state.opposites.contains(&word(said));
        (is_word || is_opposite).then_some((end, Condition::State(state, is_so == is_word)))
    };
    STATES.iter().filter_map(state).collect()
}

/// "if it is running" ends here, "if it is running low" does not.
fn ends_clause(next: Option<&Token>) -> bool {
    const ENDS: &[&str] = &["and", "then", "on", "at", "across", "in", "finally", "but"];
    next.is_none_or(|token| token.kind == TokenKind::Comma || ENDS.contains(&token.word.as_str()))
}
