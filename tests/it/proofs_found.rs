//! Which actions the tests prove, read from their text: the first argument of a call that proves something names the
//! action, itself or by what it is bound to. A call that names none is an error, so that nobody believes in a proof that is
//! not seen. Knows nothing of what has to be proven.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::ops::Range;
use std::str::Chars;

#[derive(Clone, PartialEq, Debug)]
enum Token {
    Word(String),
    Text(String),
    Mark(char),
}

impl Token {
    fn is(&self, mark: char) -> bool {
        *self == Token::Mark(mark)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self, Token::Word(own) if own == word)
    }
}

/// What stands between quotes, the first of which is taken already; escapes stay but for quotes.
fn text(letters: &mut Peekable<Chars>) -> String {
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => text.extend(letters.next()),
            _ => text.push(letter),
        }
    }
    text
}

/// What stands in `r"…"` or `r#"…"#`, of which the `r` is taken already.
fn raw_text(letters: &mut Peekable<Chars>) -> String {
    let mut end = String::from("\"");
    while letters.next_if_eq(&'#').is_some() {
        end.push('#');
    }
    letters.next();
    let mut text = String::new();
    while !text.ends_with(&end) {
        text.push(letters.next().expect("a raw text ends"));
    }
    text.truncate(text.len() - end.len());
    text
}

/// A letter in quotes, which may be one; of a lifetime only the mark.
fn letter_or_lifetime(letters: &mut Peekable<Chars>) {
    let mut ahead = letters.clone();
    match (ahead.next(), ahead.next()) {
        (Some('\\'), Some(_)) => {
            letters.nth(1);
            while letters.next().is_some_and(|letter| letter != '\'') {}
        }
        (Some(_), Some('\'')) => {
            letters.nth(1);
        }
        _ => {}
    }
}

fn tokens(source: &str) -> Vec<Token> {
    let mut letters = source.chars().peekable();
    let mut found = Vec::new();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        match letter {
            '/' if next == Some('/') => while letters.next_if(|letter| *letter != '\n').is_some() {},
            '"' => found.push(Token::Text(text(&mut letters))),
            'r' if matches!(next, Some('"' | '#')) => found.push(Token::Text(raw_text(&mut letters))),
            '\'' => letter_or_lifetime(&mut letters),
            _ if letter.is_alphanumeric() || letter == '_' => {
                let mut word = String::from(letter);
                while let Some(more) = letters.next_if(|letter| letter.is_alphanumeric() || *letter == '_') {
                    word.push(more);
                }
                found.push(Token::Word(word));
            }
            _ if letter.is_whitespace() => {}
            _ => found.push(Token::Mark(letter)),
        }
    }
    found
}

struct Source {
    file: String,
    tokens: Vec<Token>,
    /// Brackets of any kind that are open before each token.
    depths: Vec<usize>,
    /// Where each word stands, but for the first token.
    places: BTreeMap<String, Vec<usize>>,
}

impl Source {
    fn new(file: &str, source: &str) -> Source {
        let tokens = tokens(source);
        let mut depth = 0_usize;
        let mut depths = Vec::new();
        let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, token) in tokens.iter().enumerate() {
            if let (Token::Word(word), 1..) = (token, at) {
                places.entry(word.clone()).or_default().push(at);
            }
            if matches!(token, Token::Mark(')' | ']' | '}')) {
                depth -= 1;
            }
            depths.push(depth);
            if matches!(token, Token::Mark('(' | '[' | '{')) {
                depth += 1;
            }
        }
        assert_eq!(depth, 0, "{file}: its brackets do not match");
        Source { file: file.to_owned(), tokens, depths, places }
    }

    fn mark(&self, at: usize, mark: char) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is(mark))
    }

    fn word(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_word(word))
    }

    /// From a place to the first of these marks that is no deeper.
    fn until(&self, from: usize, marks: &[char]) -> Range<usize> {
        let ends = |at: &usize| {
            self.depths[*at] < self.depths[from]
                || self.depths[*at] == self.depths[from] && marks.iter().any(|mark| self.mark(*at, *mark))
        };
        from..(from..self.tokens.len()).find(ends).unwrap_or(self.tokens.len())
    }

    /// What stands between this opening bracket and its end.
    fn inside(&self, open: usize) -> Range<usize> {
        let ends = |at: &usize| self.depths[*at] == self.depths[open];
        open + 1..(open + 1..self.tokens.len()).find(ends).unwrap()
    }

    /// The arguments of every call of a function or method; those of a method to itself are no step of a test.
    fn calls(&self, name: &str, method: bool) -> Vec<Range<usize>> {
        let is_call = |at: &usize| {
            self.mark(at + 1, '(')
                && !self.word(at - 1, "fn")
                && self.mark(at - 1, '.') == method
                && !(method && self.word(at - 2, "self"))
        };
        self.places.get(name).into_iter().flatten().copied().filter(is_call).map(|at| self.inside(at + 1)).collect()
    }

    /// The function at the outermost level that a place lies in.
    fn function(&self, at: usize) -> String {
        let opens = |at: &usize| self.word(*at, "fn") && self.depths[*at] == 0;
        match (0..at).rev().find(opens).map(|at| &self.tokens[at + 1]) {
            Some(Token::Word(name)) => format!("{}::{name}", self.file),
            _ => self.file.clone(),
        }
    }

    /// What a word is bound to that is used at a place: by what comes before it, or by a function or constant behind it.
    fn bound(&self, name: &str, used: usize) -> Bound {
        let here = self.places.get(name).map_or(&[][..], |places| places.as_slice());
        let (behind, before): (Vec<usize>, Vec<usize>) = here.iter().partition(|at| **at >= used);
        let found = before.into_iter().rev().find_map(|at| self.binding(at, used));
        let is_item = |at: &usize| self.word(at - 1, "fn") || self.word(at - 1, "const");
        found
            .or_else(|| behind.into_iter().filter(is_item).find_map(|at| self.binding(at, used)))
            .unwrap_or(Bound::Elsewhere)
    }

    /// What the word at a place is bound to, if it is bound there and seen where it is used.
    fn binding(&self, at: usize, used: usize) -> Option<Bound> {
        if self.word(at - 1, "fn") {
            let opens = (at..self.tokens.len()).find(|open| self.mark(*open, '{')).unwrap();
            return Some(Bound::To(self.inside(opens)));
        }
        if self.word(at - 1, "const") {
            return Some(Bound::To(self.until(at + 1, &[';'])));
        }
        if self.word(at - 1, "let") || self.word(at - 1, "mut") {
            let statement = self.until(at + 1, &[';']);
            return (!statement.contains(&used)).then_some(Bound::To(statement));
        }
        self.parameter_of(at, used).or_else(|| self.of_loop(at, used))
    }

    /// The function or closure with a name that has its parameter here, and is where the word is used.
    fn parameter_of(&self, at: usize, used: usize) -> Option<Bound> {
        if ![':', '|', ','].iter().any(|mark| self.mark(at + 1, *mark)) {
            return None;
        }
        // `fn NAME(…`, or `let NAME = |…`.
        for open in (2..at).rev() {
            if self.mark(open, ';') || self.mark(open, '}') {
                return None;
            }
            if self.mark(open, '(') && self.word(open - 2, "fn") {
                let body = (open..self.tokens.len()).find(|body| self.mark(*body, '{'))?;
                let seen = self.inside(open).contains(&at) && self.inside(body).contains(&used);
                return seen.then(|| Bound::ParameterOf(self.text(open - 1), None));
            }
            if self.mark(open, '|') && self.mark(open - 1, '=') {
                let ends = (open + 1..self.tokens.len()).find(|end| self.mark(*end, '|'))?;
                let seen = at < ends && self.until(ends, &[';']).contains(&used);
                return seen.then(|| Bound::ParameterOf(self.text(open - 2), Some(self.function(at))));
            }
        }
        None
    }

    fn text(&self, at: usize) -> String {
        match &self.tokens[at] {
            Token::Word(text) | Token::Text(text) => text.clone(),
            Token::Mark(mark) => mark.to_string(),
        }
    }

    /// What a loop goes through whose pattern has its word here, and in which the word is used.
    fn of_loop(&self, at: usize, used: usize) -> Option<Bound> {
        let mut before = (0..at).rev().take_while(|at| !self.mark(*at, ';') && !self.mark(*at, '{'));
        let begins = before.find(|at| self.word(*at, "for"))?;
        let is_in = |within: &usize| self.word(*within, "in") && self.depths[*within] == self.depths[begins];
        let within = (begins..self.tokens.len()).find(is_in)?;
        let through = self.until(within + 1, &['{']);
        let seen = at < within && self.inside(through.end).contains(&used);
        seen.then_some(Bound::To(through))
    }
}

enum Bound {
    To(Range<usize>),
    /// Of a function of this name, or of a closure in this function.
    ParameterOf(String, Option<String>),
    Elsewhere,
}

/// The texts of the tests, in which to look for what they prove.
pub(crate) struct Texts<'a> {
    sources: Vec<Source>,
    actions: &'a BTreeSet<String>,
}

/// Action → the functions that prove something of it.
pub(crate) type Proofs = BTreeMap<String, BTreeSet<String>>;

impl<'a> Texts<'a> {
    /// `files` are names and texts of Rust.
    pub(crate) fn new(files: &[(String, String)], actions: &'a BTreeSet<String>) -> Texts<'a> {
        Texts { sources: files.iter().map(|(file, text)| Source::new(file, text)).collect(), actions }
    }

    /// What the methods prove, whose argument of this number names a step.
    pub(crate) fn proofs(&self, methods: &[&str], argument: usize) -> Result<Proofs, String> {
        let mut proofs = Proofs::new();
        for source in &self.sources {
            for method in methods {
                for arguments in source.calls(method, true) {
                    let step = nth_argument(source, arguments, argument);
                    let mut found = BTreeSet::new();
                    self.named(source, step.clone(), &source.function(step.start), &mut BTreeSet::new(), &mut found);
                    if found.is_empty() {
                        let said = &source.tokens[step.clone()];
                        return Err(format!("{}: {method}({said:?}) names no action", source.function(step.start)));
                    }
                    for (action, place) in found {
                        proofs.entry(action).or_default().extend(self.with_callers(place));
                    }
                }
            }
        }
        Ok(proofs)
    }

    /// A function, and all that call it: what it proves, they prove.
    fn with_callers(&self, place: String) -> BTreeSet<String> {
        let mut places = BTreeSet::from([place.clone()]);
        let mut open = vec![place];
        while let Some(place) = open.pop() {
            let name = place.rsplit("::").next().unwrap_or_default();
            for source in &self.sources {
                for arguments in source.calls(name, false) {
                    let caller = source.function(arguments.start);
                    if places.insert(caller.clone()) {
                        open.push(caller);
                    }
                }
            }
        }
        places
    }

    /// Actions that are named in a range, or in what its words are bound to, and the functions where that is.
    fn named(
        &self,
        source: &Source,
        range: Range<usize>,
        place: &str,
        seen: &mut BTreeSet<String>,
        found: &mut BTreeSet<(String, String)>,
    ) {
        for at in range.clone() {
            match &source.tokens[at] {
                Token::Text(text) => {
                    found.extend(self.in_text(text).map(|action| (action, place.to_owned())));
                    for word in placeholders(text) {
                        self.follow(source, &word, at, place, seen, found);
                    }
                }
                Token::Word(word) if !source.mark(at - 1, '.') => {
                    self.follow(source, word, at, place, seen, found);
                }
                _ => {}
            }
        }
    }

    fn follow(
        &self,
        source: &Source,
        word: &str,
        used: usize,
        place: &str,
        seen: &mut BTreeSet<String>,
        found: &mut BTreeSet<(String, String)>,
    ) {
        match source.bound(word, used) {
            Bound::To(range) => {
                if seen.insert(format!("{} {} {place}", source.file, range.start)) {
                    self.named(source, range, place, seen, found);
                }
            }
            Bound::ParameterOf(name, within) if seen.insert(format!("{} {name} {within:?} {place}", source.file)) => {
                for caller in &self.sources {
                    for arguments in caller.calls(&name, false) {
                        let place = caller.function(arguments.start);
                        if within.as_ref().is_none_or(|within| *within == place) {
                            self.named(caller, arguments, &place, seen, found);
                        }
                    }
                }
            }
            Bound::ParameterOf(..) | Bound::Elsewhere => {}
        }
    }

    /// `file.line(…` in a text, or a text that is the name alone.
    fn in_text<'b>(&'b self, text: &'b str) -> impl Iterator<Item = String> + 'b {
        let is_inner = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '.';
        let words = text.match_indices('(').map(move |(at, _)| {
            let before = &text[..at];
            before.rsplit(|letter| !is_inner(letter)).next().unwrap_or_default()
        });
        words.chain([text]).filter(|word| self.actions.contains(*word)).map(str::to_owned)
    }
}

fn nth_argument(source: &Source, arguments: Range<usize>, number: usize) -> Range<usize> {
    let mut from = arguments.start;
    for _ in 0..number {
        from = source.until(from, &[',']).end + 1;
    }
    source.until(from, &[','])
}

/// `step` and `more` of `{step}, {more}`; `{{root}}` is none.
fn placeholders(text: &str) -> Vec<String> {
    let plain = text.replace("{{", "").replace("}}", "");
    let words = plain.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned()));
    words
        .filter(|word| !word.is_empty() && word.chars().all(|letter| letter.is_alphanumeric() || letter == '_'))
        .collect()
}

#[test]
fn what_a_text_proves_is_found_wherever_the_step_is_written() {
    let library = ["a.one", "a.two", "a.three", "a.four", "a.five", "a.six"].map(str::to_owned).into();
    let text = r#"
        const FOUR: &str = "a.four(x: \"(\")";
        fn helper(case: &Case, step: &str) { case.converges(step, "", 'x'); }
        fn first() {
            // case.converges("a.six()")
            case.converges("a.one()", "a.six()");
            let step = |more: &str| format!("a.two(x{more})");
            for (step, _) in [(step("1"), 2)] { case.converges(&step, "(\"'"); }
            helper(&case, "a.three()");
        }
        fn third() { let step = "a.six()"; let step = "a.two()"; case.converges(step); }
        fn second<'a>() { case.converges(FOUR); let action = "a.five"; case.converges(&format!("{action}()")); }
    "#;
    let texts = Texts::new(&[("x.rs".to_owned(), text.to_owned())], &library);
    let found: Vec<(String, Vec<String>)> = texts
        .proofs(&["converges"], 0)
        .unwrap()
        .into_iter()
        .map(|(action, places)| (action, places.into_iter().collect()))
        .collect();
    let one = |action: &str, place: &str| (action.to_owned(), vec![format!("x.rs::{place}")]);
    assert_eq!(
        found,
        [
            one("a.five", "second"),
            one("a.four", "second"),
            one("a.one", "first"),
            ("a.three".to_owned(), vec!["x.rs::first".to_owned()]),
            ("a.two".to_owned(), vec!["x.rs::first".to_owned(), "x.rs::third".to_owned()]),
        ]
    );
    let unseen = [("x.rs".to_owned(), "fn f() { case.converges(&from_elsewhere()); }".to_owned())];
    let said = Texts::new(&unseen, &library).proofs(&["converges"], 0).unwrap_err();
    assert!(said.contains("x.rs::f: converges(") && said.ends_with("names no action"), "{said}");
}
