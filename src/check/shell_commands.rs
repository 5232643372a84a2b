//! Words of a shell script → commands. Grammar only as far as it says which word is a command's name, which is a value
//! that the shell does not split, and what reads whose output.

use super::shell_tree::{Assignment, Command, CommandKind, ShellScript, Word};
use super::shell_words::{End, Place, Reader, is_name_letter};

/// Reads a whole script.
pub fn read_shell(text: &str) -> ShellScript {
    let mut reader = Reader::new(text);
    let mut commands = Vec::new();
    loop {
        let (more, closed) = reader.commands(End::Text);
        commands.extend(more);
        if closed {
            break;
        }
        // A bracket too many: what follows is still read.
        reader.bump();
    }
    reader.script.commands = commands;
    reader.script
}

/// What is open around the next command.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    Group,
    /// `case`: whether a pattern comes next.
    Case {
        pattern: bool,
    },
}

/// A list of commands while it is read.
#[derive(Default)]
pub(super) struct List {
    pub(super) commands: Vec<Command>,
    pub(super) current: Command,
    pub(super) open: Vec<Open>,
    /// The next command reads the output of the one before.
    piped: bool,
    /// Here-documents of this list that wait for their text: command and redirection.
    pub(super) waiting: Vec<(usize, usize)>,
}

impl List {
    fn is_fresh(&self) -> bool {
        let current = &self.current;
        current.kind == CommandKind::Simple
            && current.words.is_empty()
            && current.assignments.is_empty()
            && current.redirections.is_empty()
    }

    /// The command is complete.
    pub(super) fn end_command(&mut self) {
        let mut command = std::mem::take(&mut self.current);
        let is_empty = command.kind == CommandKind::Simple
            && command.words.is_empty()
            && command.assignments.is_empty()
            && command.redirections.is_empty();
        if !is_empty {
            command.piped = std::mem::take(&mut self.piped);
            self.commands.push(command);
        }
    }

    pub(super) fn push_special(&mut self, kind: CommandKind, words: Vec<Word>) {
        self.current = Command { kind, words, ..Command::default() };
    }

    fn awaits_pattern(&self) -> bool {
        self.open.last() == Some(&Open::Case { pattern: true })
    }
}

impl Reader<'_> {
    /// Commands up to the end wanted; whether that end was found.
    pub(super) fn commands(&mut self, end: End) -> (Vec<Command>, bool) {
        let mut list = List::default();
        let closed = loop {
            self.skip_blanks();
            let Some(letter) = self.peek() else { break end == End::Text };
            match letter {
                '#' => self.comment(end),
                '\n' => self.line_end(&mut list),
                '`' if end == End::Backtick => {
                    self.bump();
                    break true;
                }
                ')' => {
                    if self.parenthesis_ends(&mut list) {
                        if end == End::Parenthesis {
                            self.bump();
                            break true;
                        }
                        break false;
                    }
                }
                ';' | '&' | '|' | '(' => self.sign(letter, &mut list),
                _ => self.word_or_redirection(&mut list),
            }
        };
        list.end_command();
        (list.commands, closed)
    }

    fn comment(&mut self, end: End) {
        let start = self.at;
        self.take_while(|letter| letter != '\n' && !(letter == '`' && end == End::Backtick));
        self.script.comments.push(start..self.at);
    }

    /// A `)`: of a pattern, of a group, or of what is around this list.
    fn parenthesis_ends(&mut self, list: &mut List) -> bool {
        match list.open.last_mut() {
            Some(Open::Case { pattern }) if *pattern => {
                *pattern = false;
                self.bump();
                list.current = Command::default();
                false
            }
            Some(Open::Group) => {
                list.open.pop();
                self.bump();
                list.end_command();
                list.push_special(CommandKind::Closing, Vec::new());
                false
            }
            _ => true,
        }
    }

    fn line_end(&mut self, list: &mut List) {
        self.bump();
        if !list.awaits_pattern() {
            list.end_command();
        }
        self.here_documents(list);
    }

    fn sign(&mut self, letter: char, list: &mut List) {
        if self.rest().starts_with("&>") {
            self.redirection(list);
            return;
        }
        match letter {
            '(' => self.opening(list),
            ';' if self.takes(";;&") || self.takes(";;") || self.takes(";&") => {
                list.end_command();
                if let Some(Open::Case { pattern }) = list.open.last_mut() {
                    *pattern = true;
                }
            }
            // In a pattern: `a | b)`.
            '|' if list.awaits_pattern() => self.at += 1,
            '|' if !self.sees("||") => {
                self.at += if self.sees("|&") { 2 } else { 1 };
                list.end_command();
                list.piped = true;
            }
            _ => {
                self.bump();
                if matches!(letter, '&' | '|') && self.peek() == Some(letter) {
                    self.bump();
                }
                list.end_command();
                list.piped = false;
            }
        }
    }

    /// A `(`: a function's, a group's, a pattern's, or arithmetic.
    fn opening(&mut self, list: &mut List) {
        if list.awaits_pattern() {
            self.at += 1;
            return;
        }
        let is_name = list.current.words.len() == 1 && list.current.assignments.is_empty();
        if is_name && self.empty_parentheses() {
            list.current.kind = CommandKind::Function;
            list.end_command();
            return;
        }
        if list.is_fresh()
            && self.sees("((")
            && let Some(part) = self.arithmetic(2, true)
        {
            let at = part.at.clone();
            list.push_special(CommandKind::Arithmetic, vec![Word { parts: vec![part], at }]);
            return;
        }
        self.at += 1;
        list.open.push(Open::Group);
        list.end_command();
    }

    pub(super) fn empty_parentheses(&mut self) -> bool {
        let start = self.at;
        self.bump();
        self.skip_blanks();
        let empty = self.takes(")");
        if !empty {
            self.at = start;
        }
        empty
    }

    fn word_or_redirection(&mut self, list: &mut List) {
        if self.redirection(list) {
            return;
        }
        if list.awaits_pattern() {
            let word = self.word(Place::Command);
            self.keep_moving(&word);
            if list.current.words.is_empty() && word.bare().as_deref() == Some("esac") {
                list.open.pop();
                list.push_special(CommandKind::Closing, Vec::new());
            } else {
                // The pattern's words are nobody's arguments; the first tells `esac` from a pattern.
                list.current.words.push(word);
            }
            return;
        }
        if list.current.words.is_empty() && self.assignment(list) {
            return;
        }
        let word = self.word(Place::Command);
        self.keep_moving(&word);
        let keyword = if list.is_fresh() || list.current.kind == CommandKind::Closing { word.bare() } else { None };
        match keyword {
            Some(keyword) if self.keyword(&keyword, list) => {}
            _ if list.current.kind == CommandKind::Closing => {
                list.end_command();
                list.current.words.push(word);
            }
            _ => self.argument(word, list),
        }
    }

    /// An argument of a declaration may be an assignment, which is not split.
    fn argument(&mut self, word: Word, list: &mut List) {
        let declares = list.current.words.first().and_then(Word::bare).is_some_and(|name| declares(&name));
        match assigned_name(self.text.get(word.at.clone()).unwrap_or("")) {
            Some(name) if declares => {
                let array = self.sees("(") && self.text.get(..self.at).is_some_and(|before| before.ends_with('='));
                let value = if array { self.array() } else { word };
                list.current.assignments.push(Assignment { name: name.to_string(), value });
            }
            _ => list.current.words.push(word),
        }
    }

    /// A sign that no word can hold must not stop the reader.
    pub(super) fn keep_moving(&mut self, word: &Word) {
        if word.at.is_empty() && self.at == word.at.start {
            self.bump();
        }
    }

    /// `NAME=…` before a command's name.
    fn assignment(&mut self, list: &mut List) -> bool {
        let Some(name) = assigned_name(self.rest()) else { return false };
        if list.current.kind == CommandKind::Closing {
            list.end_command();
        }
        let name_end = self.at + name.len();
        self.at = name_end;
        let sign = self.rest().find('=').unwrap_or(0);
        self.at += sign + 1;
        let value = if self.sees("(") { self.array() } else { self.word(Place::Command) };
        list.current.assignments.push(Assignment { name: name.to_string(), value });
        true
    }

    /// `(a b c)` of an array: one value, since what stands in it is rarely more than text.
    fn array(&mut self) -> Word {
        let start = self.at;
        self.bump();
        let mut parts = Vec::new();
        loop {
            self.take_while(char::is_whitespace);
            match self.peek() {
                None => {
                    self.note_unclosed(start..start + 1, "array");
                    break;
                }
                Some(')') => {
                    self.bump();
                    break;
                }
                Some('#') => {
                    self.take_while(|letter| letter != '\n');
                }
                Some(_) => {
                    let word = self.word(Place::Command);
                    self.keep_moving(&word);
                    parts.extend(word.parts);
                }
            }
        }
        Word { parts, at: start..self.at }
    }
}

/// Commands whose arguments may be assignments.
pub(super) fn declares(name: &str) -> bool {
    matches!(name, "export" | "local" | "readonly" | "declare" | "typeset")
}

/// `NAME` of a text that starts with `NAME=`, `NAME+=` or `NAME[…]=`.
fn assigned_name(text: &str) -> Option<&str> {
    let end = text.find(|letter| !is_name_letter(letter))?;
    let name = text.get(..end)?;
    if name.is_empty() || name.starts_with(|letter: char| letter.is_ascii_digit()) {
        return None;
    }
    let mut rest = text.get(end..)?;
    if rest.starts_with('[') {
        let close = rest.find([']', '\n', ' '])?;
        rest = rest.get(close..)?.strip_prefix(']')?;
    }
    let rest = rest.strip_prefix('+').unwrap_or(rest);
    rest.starts_with('=').then_some(name)
}

#[cfg(test)]
mod tests {
    use super::super::shell_tree::{Part, PartKind};
    use super::*;

    /// Names of commands and their words as `name(word, word)`, in order; nested ones in brackets.
    fn shown(commands: &[Command]) -> String {
        let words = |command: &Command| {
            let shown: Vec<String> = command.words.iter().map(word).collect();
            format!("{}{}", if command.piped { "|" } else { "" }, shown.join(" "))
        };
        commands.iter().map(words).filter(|words| !words.is_empty()).collect::<Vec<_>>().join("; ")
    }

    fn word(word: &Word) -> String {
        let part = |part: &Part| match &part.kind {
            PartKind::Text(text) => text.clone(),
            PartKind::Variable(variable) if part.quoted => format!("\"{}\"", variable.name),
            PartKind::Variable(variable) => format!("<{}>", variable.name),
            PartKind::Command { commands, .. } => format!("[{}]", shown(commands)),
            PartKind::Arithmetic { text, .. } => format!("({text})"),
        };
        word.parts.iter().map(part).collect()
    }

    #[test]
    fn commands_and_words() {
        let cases = [
            ("a b; c && d | e", "a b; c; d; |e"),
            ("if a; then b; elif c; then d; fi > x", "a; b; c; d"),
            ("case $x in a|b) c ;; (d) e ;; *) f; esac; g", "<x>; c; e; f; g"),
            ("x=$(case y in z) w ;; esac); v", "v"),
            ("a \"$(b \"$c\" $d)\" $e", "a [b \"c\" <d>] <e>"),
            ("f() { g; }; function h { i; }", "f; g; h; i"),
            ("[[ $a == b* && -f c ]] && d", "<a> == b* && -f c; d"),
            ("a $((1 + $b)) c", "a (1 + $b) c"),
            ("a $( (b) ) c", "a [b] c"),
            ("a ${b:-\"c d\"} ${#e} ${f%%\\}*} g", "a <b> <e> <f> g"),
            ("a <<E b\n$c `d`\nE\ne", "a b; e"),
            ("a 2>/dev/null # no $x\nb", "a; b"),
            ("for i in a $b; do c; done", "i a <b>; c"),
            ("(a; b) | c", "a; b; |c"),
            ("a `b \"c\"` d", "a [b c] d"),
            ("x='a;b' y=\"c\\\"d\" e 'f'\\''g'", "e f'g"),
            ("a & b &> c; d >&2", "a; b; d"),
            ("((a++)); b=(c d); e", "(a++); e"),
            ("while read -r a; do b; done <<'X'\n'$(\nX\nc", "read -r a; b; c"),
            ("echo a#b #c", "echo a#b"),
        ];
        for (text, expected) in cases {
            let script = read_shell(text);
            assert_eq!(shown(&script.commands), expected, "{text}");
            assert_eq!(script.unclosed, None, "{text}");
        }
    }

    #[test]
    fn what_is_not_closed_is_noted_where_it_starts() {
        for (text, what) in [("a 'b", "single quote"), ("a \"$(b\"", "double quote"), ("a <<E\nb", "here-document")] {
            assert_eq!(read_shell(text).unclosed.map(|(_, what)| what), Some(what), "{text}");
        }
    }
}
