//! A request as tokens: words, quoted texts, urls, paths, numbers. Keeps where each stands.

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    pub kind: TokenKind,
    /// As written, without quotes.
    pub text: String,
    /// In lower case, number words as digits.
    pub word: String,
    pub start: usize,
    pub end: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenKind {
    Word,
    Quoted,
    Url,
    Path,
    Number,
    Percent,
    Duration,
    Comma,
}

const NUMBER_WORDS: &[&str] =
    &["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

impl Token {
    /// A whole text as one quoted token.
    pub fn quoted(text: &str) -> Token {
        token(TokenKind::Quoted, text, 0, text.len())
    }
}

pub fn tokenize(request: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = request;
    while let Some(letter) = rest.chars().next() {
        let start = request.len() - rest.len();
        let length = match letter {
            ' ' | '\t' | '\n' | '.' | '!' | '?' => {
                rest = rest.get(letter.len_utf8()..).unwrap_or("");
                continue;
            }
            ',' | ';' | '(' | ')' => {
                tokens.push(token(TokenKind::Comma, ",", start, start + 1));
                1
            }
            '"' | '\'' | '`' | '“' | '”' => quoted(rest, letter, start, &mut tokens),
            _ => plain(rest, start, &mut tokens),
        };
        rest = rest.get(length..).unwrap_or("");
    }
    tokens
}

/// What kind of thing a word names, where it ends in one of these behind a hyphen.
const KINDS: &[&str] = &[
    "directory",
    "folder",
    "file",
    "service",
    "daemon",
    "package",
    "user",
    "account",
    "group",
    "key",
    "keys",
    "script",
    "repository",
    "repo",
    "container",
    "image",
    "volume",
    "job",
    "entry",
    "database",
    "module",
    "public",
    "private",
    "ssh",
    "cron",
    "docker",
];

/// The same with words such as `conf.d-directory` and `ssh-public-key` taken apart; none where no word is one.
pub fn apart(tokens: &[Token]) -> Option<Vec<Token>> {
    let all: Vec<Token> = tokens.iter().flat_map(pieces).collect();
    (all.len() > tokens.len()).then_some(all)
}

fn pieces(whole: &Token) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = whole.text.as_str();
    while let Some((before, last)) = rest.rsplit_once('-')
        && whole.kind == TokenKind::Word
        && KINDS.contains(&last.to_lowercase().as_str())
    {
        let end = whole.start + rest.len();
        found.push(token(TokenKind::Word, last, end - last.len(), end));
        rest = before;
    }
    found.push(token(whole.kind, rest, whole.start, whole.end.min(whole.start + rest.len())));
    found.reverse();
    if found.len() == 1 { vec![whole.clone()] } else { found }
}

fn token(kind: TokenKind, text: &str, start: usize, end: usize) -> Token {
    let lower = text.to_lowercase();
    let number = NUMBER_WORDS.iter().position(|word| *word == lower).filter(|_| kind == TokenKind::Word);
    Token { kind, text: text.to_string(), word: number.map_or(lower, |number| number.to_string()), start, end }
}

fn quoted(rest: &str, open: char, start: usize, tokens: &mut Vec<Token>) -> usize {
    let close = if open == '“' { '”' } else { open };
    let inner = rest.get(open.len_utf8()..).unwrap_or("");
    let closes = |at: &usize| {
        close != '\'' || !inner.get(at + 1..).is_some_and(|after| after.starts_with(char::is_alphanumeric))
    };
    let Some(end) = inner.match_indices(close).map(|(at, _)| at).find(closes) else {
        return plain(rest, start, tokens);
    };
    let length = open.len_utf8() + end + close.len_utf8();
    tokens.push(token(TokenKind::Quoted, inner.get(..end).unwrap_or(""), start, start + length));
    length
}

fn plain(rest: &str, start: usize, tokens: &mut Vec<Token>) -> usize {
    let raw = rest.split([' ', '\t', '\n', ',', ';', '(', ')']).next().unwrap_or(rest);
    let text = raw.trim_end_matches(['.', '!', '?', ':']);
    if text.is_empty() {
        return raw.len().max(rest.chars().next().map_or(1, char::len_utf8));
    }
    tokens.push(token(kind_of(text), text, start, start + text.len()));
    raw.len()
}

/// `C:\srv\app.exe`
fn is_on_drive(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|letter| letter.is_ascii_alphabetic()) && letters.as_str().starts_with(":\\")
}

fn kind_of(text: &str) -> TokenKind {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let unit = text.get(digits..).unwrap_or("");
    if text.contains("://") {
        TokenKind::Url
    } else if text.starts_with('/') || is_on_drive(text) {
        TokenKind::Path
    } else if digits > 0 && unit.is_empty() {
        TokenKind::Number
    } else if digits > 0 && unit == "%" {
        TokenKind::Percent
    } else if digits > 0 && matches!(unit, "ms" | "s" | "m" | "h" | "d") {
        TokenKind::Duration
    } else {
        TokenKind::Word
    }
}
