//! One pass over the characters that knows strings, scripts and comments: collects comments, matches brackets, and
//! measures nesting before the recursive parser sees the text. Knows nothing of statements.

use std::ops::Range;

use crate::base::ids::FileId;
use crate::base::source::Span;

use super::ast::Comment;
use super::errors::SyntaxError;

/// Deeper nesting is refused before the recursive parser can run out of stack.
const MOST_NESTING: usize = 64;

/// What the scan found. Errors here mean that a grammar has nothing to hold on to.
pub(super) struct Scan {
    pub(super) comments: Vec<Comment>,
    /// Texts of scripts, without their quotes.
    pub(super) scripts: Vec<Range<usize>>,
    pub(super) errors: Vec<SyntaxError>,
    /// Where a statement may start: offsets of line starts outside strings, with the depth of brackets there.
    pub(super) lines: Vec<Line>,
    /// Where brackets stand, outside strings and comments.
    pub(super) brackets: Vec<usize>,
}

/// The start of a line that is not inside a string.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) start: usize,
    pub(super) depth: usize,
    /// Open parentheses and square brackets only.
    pub(super) inside_parentheses: bool,
}

struct Scanner<'a> {
    text: &'a str,
    file: FileId,
    at: usize,
    open: Vec<(char, usize)>,
    /// The first bracket that was closed by a line of less indentation than its own: probably by a closing bracket of
    /// somebody else.
    misfit: Option<(char, usize, usize)>,
    scan: Scan,
}

pub(super) fn scan(text: &str, file: FileId) -> Scan {
    let mut scanner = Scanner {
        text,
        file,
        at: 0,
        open: Vec::new(),
        misfit: None,
        scan: Scan {
            comments: Vec::new(),
            scripts: Vec::new(),
            errors: Vec::new(),
            lines: vec![Line { start: 0, depth: 0, inside_parentheses: false }],
            brackets: Vec::new(),
        },
    };
    scanner.run();
    scanner.scan
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    fn run(&mut self) {
        while let Some(letter) = self.rest().chars().next() {
            match letter {
                '#' => self.comment(),
                '\'' => self.string("'", false),
                '"' if self.rest().starts_with("\"\"\"") => self.string("\"\"\"", !self.after_script_word()),
                '"' => self.string("\"", true),
                '/' if self.in_refinement() => self.regex(),
                '(' | '[' | '{' => self.open(letter),
                ')' | ']' | '}' => self.close(letter),
                '\n' => self.line_break(),
                other => self.at += other.len_utf8(),
            }
            if !self.scan.errors.is_empty() {
                return;
            }
        }
        if let Some((bracket, start)) = self.open.last().copied() {
            self.unclosed(bracket, start);
        }
    }

    /// One closing bracket is missing. The last open one is the outermost; indentation tells which one was meant.
    fn unclosed(&mut self, bracket: char, start: usize) {
        let (bracket, start, closed) = match self.misfit {
            Some((inner, at, closed)) if at > start => (inner, at, Some(self.span(closed, closed + 1))),
            _ => (bracket, start, None),
        };
        let (span, end) = (self.span(start, start + 1), self.span(self.at, self.at));
        self.scan.errors.push(SyntaxError::Unclosed { bracket, span, end, closed });
    }

    /// How far the line of an offset is indented, and whether the offset is the first on it.
    fn indentation(&self, at: usize) -> (usize, bool) {
        let before = self.text.get(..at).unwrap_or("");
        let line = before.get(before.rfind('\n').map_or(0, |newline| newline + 1)..).unwrap_or("");
        let indented = line.len() - line.trim_start().len();
        (indented, indented == line.len())
    }

    /// `sh"""` and `powershell"""` hold raw text: a backslash there is the script's own.
    fn after_script_word(&self) -> bool {
        let before = self.text.get(..self.at).unwrap_or("").trim_end_matches([' ', '\t']);
        before.ends_with("sh") || before.ends_with("powershell")
    }

    /// A `/` right after the `(` of a refinement starts a pattern; elsewhere it divides.
    fn in_refinement(&self) -> bool {
        self.text.get(..self.at).is_some_and(|before| before.trim_end_matches([' ', '\t']).ends_with('('))
    }

    fn regex(&mut self) {
        let start = self.at;
        let mut escaped = false;
        for (offset, letter) in self.rest().char_indices().skip(1) {
            match letter {
                '\n' => break,
                '/' if !escaped => {
                    self.at = start + offset + 1;
                    return;
                }
                _ => escaped = letter == '\\' && !escaped,
            }
        }
        self.at += 1;
    }

    fn comment(&mut self) {
        let start = self.at;
        let text = self.rest().split('\n').next().unwrap_or("").trim_end().to_string();
        let before = self.text.get(..start).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let own_line = before.get(line_start..).is_some_and(|part| part.trim().is_empty());
        let blank_before = own_line && ends_in_blank_line(before.get(..line_start).unwrap_or(""));
        self.at += text.len();
        let span = self.span(start, self.at);
        self.scan.comments.push(Comment { text, span, own_line, blank_before });
        // White space between the comment and the line break was trimmed from its text.
        self.at += self.rest().find('\n').unwrap_or(self.rest().len());
    }

    fn string(&mut self, quote: &str, escapes: bool) {
        let start = self.at;
        let is_script = quote != "'" && self.after_script_word();
        self.at += quote.len();
        loop {
            let rest = self.rest();
            if rest.starts_with(quote) {
                if is_script {
                    self.scan.scripts.push(start + quote.len()..self.at);
                }
                self.at += quote.len();
                return;
            }
            match rest.chars().next() {
                None => break,
                Some('\n') if quote.len() == 1 => break,
                Some('\\') if escapes => {
                    self.at += 1 + rest.chars().nth(1).map_or(0, char::len_utf8);
                }
                Some(letter) => self.at += letter.len_utf8(),
            }
        }
        self.at = self.at.min(self.text.len());
        self.scan.errors.push(SyntaxError::UnclosedString { span: self.span(start, start + quote.len()) });
    }

    fn open(&mut self, bracket: char) {
        self.open.push((bracket, self.at));
        self.scan.brackets.push(self.at);
        if self.open.len() > MOST_NESTING {
            let span = self.span(self.at, self.at + 1);
            self.scan.errors.push(SyntaxError::TooDeep { most: MOST_NESTING, span });
        }
        self.at += 1;
    }

    fn close(&mut self, bracket: char) {
        let span = self.span(self.at, self.at + 1);
        self.scan.brackets.push(self.at);
        match self.open.pop() {
            Some((open, start)) if closing(open) == bracket => {
                let (here, is_first) = self.indentation(self.at);
                if self.misfit.is_none() && is_first && here < self.indentation(start).0 {
                    self.misfit = Some((open, start, self.at));
                }
            }
            Some((open, start)) => {
                let opened = self.span(start, start + 1);
                self.scan.errors.push(SyntaxError::Mismatched {
                    expected: closing(open),
                    found: bracket,
                    span,
                    opened,
                });
            }
            None => self.scan.errors.push(SyntaxError::NeverOpened { bracket, span }),
        }
        self.at += 1;
    }

    fn line_break(&mut self) {
        self.at += 1;
        let inside_parentheses = self.open.iter().any(|(bracket, _)| *bracket != '{');
        self.scan.lines.push(Line { start: self.at, depth: self.open.len(), inside_parentheses });
    }
}

fn closing(open: char) -> char {
    match open {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

fn ends_in_blank_line(before: &str) -> bool {
    let mut lines = before.rsplit('\n').skip(1);
    before.ends_with('\n') && lines.next().is_some_and(|line| line.trim().is_empty())
}
