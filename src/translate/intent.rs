//! Does the program say what the request says? Deterministic checks on the typed program, for both translators: where
//! each value comes from, which words nothing represents, and whether it looks or changes. Pure.

use std::collections::BTreeSet;

use super::Question;
use super::clauses;
use super::lexicon::{NEVER_NAMES, POLITE, same_word};
use super::templates::{Part, parse};
use super::tokens::{Token, TokenKind};
use crate::eval::walk::walk;
use crate::hir::effect::Level;
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::program::{Action, OnBlock, Playbook, Program, Statement, Step};
use crate::hir::value::Value;
use crate::hir::world::Inventory;

/// What the checks found.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Intent {
    /// What the program says and the request does not.
    pub assumptions: Vec<String>,
    /// Words of the request that the program does not represent.
    pub uncovered: Vec<String>,
    pub questions: Vec<Question>,
    /// The share of the request's meaning words that the program represents.
    pub coverage: f64,
}

/// Words that say how something is asked, not what.
const STOP_WORDS: &[&str] = &[
    "do", "does", "did", "be", "been", "was", "were", "will", "by", "its", "their", "there", "which", "what", "when",
    "only", "than", "more", "less", "so", "as", "up", "down", "out", "over", "using", "called", "named", "one", "mode",
    "status", "answers", "returns", "answer", "return", "fails", "fail", "failed", "failing", "error", "retry", "try",
    "batch", "batches", "percent", "second", "seconds", "minute", "minutes", "hour", "hours", "times", "rollback",
    "undo", "revert", "tagged", "tag", "stop", "run", "make", "sure", "ensure",
];

/// Requests that begin so only look.
const LOOKING: &[&str] =
    &["show", "list", "verify", "is", "are", "what", "which", "display", "get", "see", "does", "find"];
const LOOKING_OR_TESTING: &[&str] = &["check"];

/// Words by which a request says that a failure is undone.
const UNDOING: &[&str] = &["roll", "rollback", "rolled", "undo", "undone", "revert", "reverted", "restore"];

/// Words for what the language has a word of its own for.
const SAID_OTHERWISE: &[(&str, &str)] =
    &[("approval", "approve("), ("ask", "approve("), ("reads", "effect: \"read\""), ("looks", "effect: \"read\"")];

/// Words that always change something.
const CHANGING: &[&str] = &[
    "remove",
    "delete",
    "prune",
    "purge",
    "reboot",
    "restart",
    "install",
    "uninstall",
    "upgrade",
    "update",
    "create",
    "write",
    "copy",
    "start",
    "kill",
    "enable",
    "disable",
    "add",
    "deploy",
    "wipe",
    "rename",
    "move",
];

pub struct Reader<'a> {
    pub request: &'a str,
    pub tokens: &'a [Token],
    pub program: &'a Program,
    pub inventory: &'a Inventory,
    /// The program's text in canonical form.
    pub source: &'a str,
}

impl Reader<'_> {
    pub fn judge(&self) -> Intent {
        let mut intent = Intent::default();
        for playbook in &self.program.playbooks {
            self.read_params(playbook, &mut intent.assumptions);
            self.read_statements(&playbook.body, &mut intent.assumptions);
            intent.questions.extend(self.polarity(playbook));
        }
        let mut seen = BTreeSet::new();
        intent.assumptions.retain(|assumption| seen.insert(assumption.clone()));
        (intent.uncovered, intent.coverage) = self.uncovered();
        intent
    }

    fn read_statements(&self, statements: &[Statement], assumptions: &mut Vec<String>) {
        for statement in statements {
            match statement {
                Statement::Let { value, .. } => self.literals("let", value, assumptions),
                Statement::On(block) => self.read_block(block, assumptions),
                Statement::For { list, body, .. } => {
                    self.literals("for", list, assumptions);
                    self.read_statements(body, assumptions);
                }
                Statement::If { then, otherwise, .. } => {
                    self.read_statements(then, assumptions);
                    self.read_statements(otherwise, assumptions);
                }
                Statement::Step(step) => self.read_step(step, assumptions),
                Statement::At { body, .. } | Statement::Parallel { body, .. } => {
                    self.read_statements(body, assumptions)
                }
                Statement::Repeat { times, body, .. } => {
                    self.literals("repeat", times, assumptions);
                    self.read_statements(body, assumptions);
                }
                Statement::Approve(approval) => {
                    for name in approval.by.iter().map(Value::string).filter(|name| !self.holds(name)) {
                        assumptions.push(format!("`by: {}` of the approval is not in the request", name.literal()));
                    }
                }
                Statement::Call(_)
                | Statement::Require { .. }
                | Statement::SkipIf { .. }
                | Statement::Rollback { .. } => {}
            }
        }
    }

    /// What the request leaves to whoever runs the playbook.
    fn read_params(&self, playbook: &Playbook, assumptions: &mut Vec<String>) {
        for param in playbook.params.iter().filter(|param| param.default.is_none()) {
            assumptions.push(format!("`{}` is given when the playbook is run", param.name));
        }
    }

    fn read_block(&self, block: &OnBlock, assumptions: &mut Vec<String>) {
        if block.as_user.is_some() && !self.says(&["root", "sudo", "as"]) {
            assumptions.push("as root, since a path lies outside home and /tmp".to_string());
        }
        let is_zero = |expr: &Expr| expr.kind == ExprKind::Literal(Value::Int(0));
        if block.max_failures.as_ref().is_some_and(is_zero) && block.batch.is_some() && !self.says(&["stop"]) {
            assumptions.push("stops at the first host that fails".to_string());
        }
        if !block.on_failure.is_empty() && !self.says(UNDOING) {
            assumptions.push("a host that fails is put back as it was".to_string());
        }
        for (name, option) in [("batch", &block.batch), ("at_once", &block.at_once)] {
            option.iter().for_each(|option| self.literals(name, option, assumptions));
        }
        for inner in [&block.body, &block.on_failure, &block.after_batch, &block.always] {
            self.read_statements(inner, assumptions);
        }
    }

    fn read_step(&self, step: &Step, assumptions: &mut Vec<String>) {
        let action = self.program.actions.at(step.action);
        for (param, argument) in action.params.iter().zip(&step.args) {
            let default = param.default.as_ref().map(|default| &default.kind);
            if let Some(argument) = argument.as_ref().filter(|argument| Some(&argument.kind) != default) {
                self.literals(&param.name, argument, assumptions);
            }
        }
        let attributes = [("retry", &step.attrs.retry), ("every", &step.attrs.every), ("timeout", &step.attrs.timeout)];
        for (name, attribute) in attributes {
            attribute.iter().for_each(|attribute| self.literals(name, attribute, assumptions));
        }
    }

    /// Literals in an expression that the request does not hold, and what looks in them as if it were more than text.
    fn literals(&self, name: &str, expr: &Expr, assumptions: &mut Vec<String>) {
        walk(expr, &mut |inner| {
            let ExprKind::Literal(value) = &inner.kind else { return };
            if !self.holds(value) {
                assumptions.push(format!("`{name}: {}` is not in the request", value.literal()));
            }
            let as_text = |hole: &str| format!("`{{{hole}}}` is text: no value is put in its place");
            assumptions.extend(holes(value).map(as_text));
        });
    }

    fn holds(&self, value: &Value) -> bool {
        let request = self.request.to_lowercase();
        match value {
            Value::None | Value::Bool(_) => true,
            Value::String(text) => self.holds_text(&request, text),
            Value::Script(script) => request.contains(&script.text.trim().to_lowercase()),
            Value::File(file) => request.contains(&file.path.to_lowercase()),
            Value::Folder(folder) => request.contains(&folder.archive.path.to_lowercase()),
            Value::Int(number) => self.holds_number(&number.to_string()),
            // `2GB` was read as the `2GiB` of the language, which the file has to say.
            Value::Size(_) => request.replace(' ', "").contains(&value.literal().to_lowercase()),
            Value::Duration(_) | Value::Percent(_) | Value::Float(_) => {
                let literal = value.literal();
                let digits: String = literal.chars().take_while(char::is_ascii_digit).collect();
                request.contains(&literal.to_lowercase()) || self.holds_number(&digits)
            }
            Value::List(items) => items.iter().all(|item| self.holds(item)),
            Value::Record(fields) => fields.iter().all(|(_, field)| self.holds(field)),
            Value::Host(_) | Value::Hosts(_) | Value::Secret(_) => true,
        }
    }

    /// Pieces of an interpolated text count too; a url may leave out its scheme, which then is `http://`.
    fn holds_text(&self, request: &str, text: &str) -> bool {
        let text = text.trim().to_lowercase();
        let known = self.inventory.group(&text).is_some() || self.inventory.host(&text).is_some();
        known || text == "http://" || text == "root" || request.contains(&text)
    }

    fn holds_number(&self, digits: &str) -> bool {
        self.tokens.iter().any(|token| {
            let mut numbers = token.word.split(|letter: char| !letter.is_ascii_digit());
            token.word == digits || (token.kind != TokenKind::Word && numbers.any(|number| number == digits))
        })
    }

    fn says(&self, words: &[&str]) -> bool {
        self.tokens.iter().any(|token| words.contains(&token.word.as_str()))
    }

    /// A request that only looks must not change, and one that changes must not only look.
    fn polarity(&self, playbook: &Playbook) -> Option<Question> {
        let level = playbook.row.level;
        let first = self.tokens.first().map_or("", |token| token.word.as_str());
        let changes = self.tokens.iter().find(|token| CHANGING.contains(&token.word.as_str()));
        let looks = LOOKING.contains(&first) || LOOKING_OR_TESTING.contains(&first);
        let ask = match (changes, level) {
            (None, Level::Change | Level::Destroy) if looks => {
                format!("the request only looks, but the program may {}: is that meant?", level.name())
            }
            (Some(word), Level::Read) if !looks => {
                format!(
                    "the request says \"{}\", but nothing in the program changes anything: what is meant?",
                    word.text
                )
            }
            _ => return None,
        };
        Some(Question { kind: "polarity", got: self.request.to_string(), options: Vec::new(), ask })
    }

    /// Words with a meaning of their own that stand neither in the program nor in the phrases of its actions.
    fn uncovered(&self) -> (Vec<String>, f64) {
        let source = self.source_without_request();
        let phrases: BTreeSet<String> =
            self.used_actions().flat_map(|action| action.says.iter()).flat_map(|says| words(&parse(says))).collect();
        let means = |token: &&Token| {
            let word = token.word.as_str();
            let is_stop = [STOP_WORDS, NEVER_NAMES, clauses::NOISE, super::targets::NOUNS, POLITE]
                .iter()
                .any(|words| words.contains(&word));
            token.kind != TokenKind::Comma && !is_stop
        };
        let meaning: Vec<&Token> = self.tokens.iter().filter(means).collect();
        let represented = |token: &&&Token| {
            let text = token.text.to_lowercase();
            // In the program a backslash is written twice.
            source.contains(&text)
                || source.contains(&text.replace('\\', "\\\\"))
                || source.contains(&token.word)
                || phrases.iter().any(|phrase| same_word(phrase, &token.word))
                || self.pieces_stand_in(&source, &text)
                || SAID_OTHERWISE.iter().any(|(said, stands)| *said == token.word && source.contains(stands))
        };
        let found = meaning.iter().filter(represented).count();
        let uncovered = meaning.iter().filter(|token| !represented(token)).map(|token| token.text.clone()).collect();
        let coverage = if meaning.is_empty() { 1.0 } else { found as f64 / meaning.len() as f64 };
        (uncovered, coverage)
    }

    /// A url with `{address}` in it, or a tag such as `env=prod`, stands in the program in pieces.
    fn pieces_stand_in(&self, source: &str, text: &str) -> bool {
        let pieces: Vec<&str> = text.split(['{', '}', '=']).filter(|piece| !piece.is_empty()).collect();
        pieces.len() > 1 && pieces.iter().all(|piece| source.contains(piece))
    }

    /// The request itself stands in the header and in `doc:`, which represent nothing.
    fn source_without_request(&self) -> String {
        let is_code = |line: &&str| !line.trim_start().starts_with('#') && !line.trim_start().starts_with("doc:");
        self.source.lines().filter(is_code).collect::<Vec<_>>().join("\n").to_lowercase()
    }

    fn used_actions(&self) -> impl Iterator<Item = &Action> {
        self.program.actions.values().map(AsRef::as_ref)
    }
}

/// `host.name` of the text `{host.name}`. Scripts are full of braces of their own, and only one of a host is told.
fn holes(value: &Value) -> impl Iterator<Item = &str> {
    let (text, is_script) = match value {
        Value::String(text) => (text.as_str(), false),
        Value::Script(script) => (script.text.as_str(), true),
        _ => ("", false),
    };
    let is_open = |at: &usize| !text.get(..*at).is_some_and(|before| before.ends_with(['{', '$']));
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.');
    let is_hole = move |hole: &&str| {
        let names = hole.starts_with(|letter: char| letter.is_ascii_lowercase()) && hole.chars().all(is_name);
        names && (!is_script || hole.starts_with("host."))
    };
    let opened = text.match_indices('{').map(|(at, _)| at).filter(is_open).collect::<Vec<_>>();
    let inner = opened.into_iter().filter_map(move |at| text.get(at + 1..)?.split_once('}'));
    inner.map(|(hole, _)| hole).filter(is_hole)
}

/// Every word of a template.
fn words(parts: &[Part]) -> Vec<String> {
    parts
        .iter()
        .flat_map(|part| match part {
            Part::Word(word) => vec![word.clone()],
            Part::Slot(_) | Part::Implied(_, _) => Vec::new(),
            Part::OneOf(branches) | Part::Optional(branches) => {
                branches.iter().flat_map(|branch| words(branch)).collect()
            }
        })
        .collect()
}
