//! Characters of a shell script → words with quotes and expansions. Commands are made of them in `shell_commands`.
//! Never fails: what is not closed is noted, and reading goes on to the end.

use std::ops::Range;

use super::shell_tree::{Form, Part, PartKind, ShellScript, Variable, Word};

pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) script: ShellScript,
    /// Here-documents whose text starts after this line.
    pub(super) awaited: Vec<Awaited>,
    /// Inside `` `…` ``, where another backtick ends it.
    in_backticks: bool,
    depth: usize,
}

/// A here-document, and which redirection of which command list it belongs to is the caller's business.
pub(super) struct Awaited {
    pub(super) delimiter: String,
    pub(super) expands: bool,
    pub(super) strips_tabs: bool,
}

/// Where a word is read, which decides what ends it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Command,
    /// In `[[ … ]]` only white space ends a word.
    Test,
}

/// What ends a list of commands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Text,
    Parenthesis,
    Backtick,
}

/// Deeper nesting is read as plain text, so that no script can exhaust the stack.
const MOST_DEPTH: usize = 40;

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Reader<'a> {
        Reader { text, at: 0, script: ShellScript::default(), awaited: Vec::new(), in_backticks: false, depth: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn sees(&self, text: &str) -> bool {
        self.rest().starts_with(text)
    }

    pub(super) fn takes(&mut self, text: &str) -> bool {
        let sees = self.sees(text);
        if sees {
            self.at += text.len();
        }
        sees
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    /// Characters as long as they fit.
    pub(super) fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|letter| !fits(letter)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or("")
    }

    pub(super) fn note_unclosed(&mut self, at: Range<usize>, what: &'static str) {
        if self.script.unclosed.is_none() {
            self.script.unclosed = Some((at, what));
        }
    }

    /// Blanks and continued lines.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            self.take_while(|letter| matches!(letter, ' ' | '\t' | '\r'));
            if !self.takes("\\\n") {
                return;
            }
        }
    }

    /// One word; empty where none starts here.
    pub(super) fn word(&mut self, place: Place) -> Word {
        let start = self.at;
        let mut parts = Vec::new();
        while let Some(letter) = self.peek() {
            let in_command = place == Place::Command;
            match letter {
                ' ' | '\t' | '\n' | '\r' => break,
                '`' if self.in_backticks => break,
                '<' if in_command && self.sees("<(") => parts.push(self.command_part("<(", false)),
                '>' if in_command && self.sees(">(") => parts.push(self.command_part(">(", false)),
                '(' if in_command && follows_glob_sign(&parts) => self.glob_group(&mut parts),
                ';' | '&' | '|' | '(' | ')' | '<' | '>' if in_command => break,
                _ => self.word_piece(letter, &mut parts),
            }
        }
        Word { parts, at: start..self.at }
    }

    fn word_piece(&mut self, letter: char, parts: &mut Vec<Part>) {
        let from = self.at;
        match letter {
            '\'' => parts.push(self.single_quoted()),
            '"' => self.double_quoted(parts),
            '\\' => {
                self.bump();
                match self.bump() {
                    Some('\n') => {}
                    Some(escaped) => push_text(parts, &escaped.to_string(), true, from..self.at),
                    None => push_text(parts, "\\", true, from..self.at),
                }
            }
            '$' | '`' => self.expansion(parts, false),
            _ => {
                self.bump();
                push_text(parts, letter.encode_utf8(&mut [0; 4]), false, from..self.at);
            }
        }
    }

    /// `!(a|b)` and its like, which other shells would read as a group of commands.
    fn glob_group(&mut self, parts: &mut Vec<Part>) {
        let from = self.at;
        let mut open = 0_usize;
        while let Some(letter) = self.bump() {
            match letter {
                '(' => open += 1,
                ')' if open == 1 => break,
                ')' => open -= 1,
                '\n' => break,
                _ => {}
            }
        }
        push_text(parts, self.text.get(from..self.at).unwrap_or(""), false, from..self.at);
    }

    fn single_quoted(&mut self) -> Part {
        let start = self.at;
        self.bump();
        let text = self.take_while(|letter| letter != '\'').to_string();
        if self.bump().is_none() {
            self.note_unclosed(start..start + 1, "single quote");
        }
        Part { kind: PartKind::Text(text), quoted: true, at: start..self.at }
    }

    /// `$'…'`, where a backslash keeps a quote in.
    fn escaped_quoted(&mut self) -> Part {
        let start = self.at;
        self.at += 2;
        let mut text = String::new();
        loop {
            match self.bump() {
                None => {
                    self.note_unclosed(start..start + 2, "single quote");
                    break;
                }
                Some('\'') => break,
                Some('\\') => text.extend(self.bump()),
                Some(letter) => text.push(letter),
            }
        }
        Part { kind: PartKind::Text(text), quoted: true, at: start..self.at }
    }

    fn double_quoted(&mut self, parts: &mut Vec<Part>) {
        let start = self.at;
        self.bump();
        let before = parts.len();
        loop {
            match self.peek() {
                None => {
                    self.note_unclosed(start..start + 1, "double quote");
                    break;
                }
                Some('"') => {
                    self.bump();
                    break;
                }
                Some(letter) => self.quoted_piece(letter, parts),
            }
        }
        if parts.len() == before {
            push_text(parts, "", true, start..self.at);
        }
    }

    /// A piece of text in double quotes or of a here-document.
    pub(super) fn quoted_piece(&mut self, letter: char, parts: &mut Vec<Part>) {
        let from = self.at;
        match letter {
            '\\' => {
                self.bump();
                match self.peek() {
                    Some('\n') => self.at += 1,
                    Some(next @ ('$' | '`' | '"' | '\\')) => {
                        self.bump();
                        push_text(parts, next.encode_utf8(&mut [0; 4]), true, from..self.at);
                    }
                    _ => push_text(parts, "\\", true, from..self.at),
                }
            }
            '$' | '`' => self.expansion(parts, true),
            _ => {
                self.bump();
                push_text(parts, letter.encode_utf8(&mut [0; 4]), true, from..self.at);
            }
        }
    }

    /// What starts with `$` or a backtick.
    fn expansion(&mut self, parts: &mut Vec<Part>, quoted: bool) {
        let start = self.at;
        if self.sees("$((")
            && let Some(part) = self.arithmetic(3, quoted)
        {
            parts.push(part);
        } else if self.sees("$(") {
            parts.push(self.command_part("$(", quoted));
        } else if self.sees("`") {
            parts.push(self.command_part("`", quoted));
        } else if self.sees("${") {
            parts.push(self.braced(quoted));
        } else if self.sees("$'") && !quoted {
            parts.push(self.escaped_quoted());
        } else if self.sees("$\"") && !quoted {
            self.at += 1;
            self.double_quoted(parts);
        } else {
            self.bump();
            let name = self.simple_name();
            if name.is_empty() {
                push_text(parts, "$", quoted, start..self.at);
                return;
            }
            let variable = Variable { name, form: Form::Value, argument: Vec::new() };
            parts.push(Part { kind: PartKind::Variable(variable), quoted, at: start..self.at });
        }
    }

    /// A name, one digit, or a special sign.
    fn simple_name(&mut self) -> String {
        match self.peek() {
            Some(letter) if letter.is_ascii_alphabetic() || letter == '_' => {
                self.take_while(is_name_letter).to_string()
            }
            Some(sign) if sign.is_ascii_digit() || "@*#?-$!".contains(sign) => {
                self.bump();
                sign.to_string()
            }
            _ => String::new(),
        }
    }

    /// `$(…)`, `` `…` ``, `<(…)`: commands of their own.
    fn command_part(&mut self, opening: &'static str, quoted: bool) -> Part {
        let start = self.at;
        self.at += opening.len();
        let end = if opening == "`" { End::Backtick } else { End::Parenthesis };
        if self.depth >= MOST_DEPTH {
            return Part { kind: PartKind::Text(opening.to_string()), quoted, at: start..self.at };
        }
        let outside = std::mem::replace(&mut self.in_backticks, end == End::Backtick);
        self.depth += 1;
        let (commands, closed) = self.commands(end);
        self.depth -= 1;
        self.in_backticks = outside;
        if !closed {
            self.note_unclosed(start..start + opening.len(), "command substitution");
        }
        Part { kind: PartKind::Command { commands, opening }, quoted, at: start..self.at }
    }

    /// `$((…))` or, as a command, `((…))`; none where it is a subshell in a substitution after all.
    pub(super) fn arithmetic(&mut self, opening: usize, quoted: bool) -> Option<Part> {
        let start = self.at;
        let unclosed = self.script.unclosed.clone();
        self.at += opening;
        let mut parts = Vec::new();
        let mut open = 0_usize;
        loop {
            match self.peek() {
                Some(')') if open == 0 && self.sees("))") => break,
                Some('(') => open += 1,
                Some(')') if open > 0 => open -= 1,
                None | Some(')') => {
                    self.at = start;
                    self.script.unclosed = unclosed;
                    return None;
                }
                Some(letter) => {
                    self.arithmetic_piece(letter, &mut parts);
                    continue;
                }
            }
            self.bump();
        }
        let text = self.text.get(start + opening..self.at).unwrap_or("").to_string();
        self.at += 2;
        Some(Part { kind: PartKind::Arithmetic { parts, text }, quoted, at: start..self.at })
    }

    fn arithmetic_piece(&mut self, letter: char, parts: &mut Vec<Part>) {
        match letter {
            '"' => self.double_quoted(parts),
            '$' | '`' => self.expansion(parts, true),
            '\\' => {
                self.bump();
                self.bump();
            }
            _ => {
                self.bump();
            }
        }
    }

    /// `${…}`.
    fn braced(&mut self, quoted: bool) -> Part {
        let start = self.at;
        self.at += 2;
        let length = self.sees("#") && !self.sees("#}") && !self.sees("#-}") && !self.sees("#?}");
        if length || self.sees("!") && !self.sees("!}") {
            self.at += 1;
        }
        let name = self.braced_name();
        let (form, operator) = self.operator(length);
        self.at += operator;
        // In `"${x:-'a'}"` single quotes are text; in a pattern they quote.
        let quotes_are_text =
            quoted && matches!(form, Form::Default | Form::Assign | Form::Required | Form::Alternative);
        let mut argument = Vec::new();
        loop {
            match self.peek() {
                None => {
                    self.note_unclosed(start..start + 2, "brace");
                    break;
                }
                Some('}') => {
                    self.bump();
                    break;
                }
                Some('"') => self.double_quoted(&mut argument),
                Some('\\') => {
                    let from = self.at;
                    self.bump();
                    let escaped = self.bump().unwrap_or('\\');
                    push_text(&mut argument, escaped.encode_utf8(&mut [0; 4]), true, from..self.at);
                }
                Some('\'') if !quotes_are_text => argument.push(self.single_quoted()),
                Some(letter) if quoted => self.quoted_piece(letter, &mut argument),
                Some(letter) => self.word_piece(letter, &mut argument),
            }
        }
        let variable = Variable { name, form, argument };
        Part { kind: PartKind::Variable(variable), quoted, at: start..self.at }
    }

    fn braced_name(&mut self) -> String {
        let digits = self.take_while(|letter| letter.is_ascii_digit());
        let name = if digits.is_empty() { self.simple_name() } else { digits.to_string() };
        // An index of an array belongs to the name.
        if self.sees("[") {
            let end = self.rest().find(['}', '\n']).unwrap_or(0);
            let index = self.rest().get(..end).and_then(|text| text.rfind(']'));
            self.at += index.map_or(0, |index| index + 1);
        }
        name
    }

    /// What the operator makes of the variable, and its length.
    fn operator(&self, length: bool) -> (Form, usize) {
        if length {
            return (Form::Length, 0);
        }
        let colon = usize::from(self.sees(":"));
        let form = match self.rest().get(colon..).and_then(|rest| rest.chars().next()) {
            Some('-') => Form::Default,
            Some('=') => Form::Assign,
            Some('?') => Form::Required,
            Some('+') => Form::Alternative,
            _ => return (Form::Value, 0),
        };
        (form, colon + 1)
    }
}

pub(super) fn is_name_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// Adds to the last text of the same kind, so that a word without expansions has few parts.
fn push_text(parts: &mut Vec<Part>, more: &str, quoted: bool, at: Range<usize>) {
    if let Some(Part { kind: PartKind::Text(text), quoted: last_quoted, at: last }) = parts.last_mut()
        && *last_quoted == quoted
        && last.end == at.start
    {
        text.push_str(more);
        last.end = at.end;
        return;
    }
    parts.push(Part { kind: PartKind::Text(more.to_string()), quoted, at });
}

fn follows_glob_sign(parts: &[Part]) -> bool {
    let Some(Part { kind: PartKind::Text(text), quoted: false, .. }) = parts.last() else { return false };
    text.ends_with(['!', '@', '+', '?', '*'])
}
