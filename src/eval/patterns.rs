//! Regular expressions: read, and replaced in texts. Knows no scope.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use regex::Regex;

type Read = Result<Regex, String>;

/// The same few patterns meet thousands of values, and to read one takes longer than to use it. The lock is held only for
/// a look-up.
static KNOWN: LazyLock<RwLock<HashMap<String, Read>>> = LazyLock::new(Default::default);
/// Patterns may be made from what hosts say: then there is no end of them.
const MOST_KNOWN: usize = 256;

/// The expression, or the last line of what is wrong with it.
pub fn parse(pattern: &str) -> Read {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(pattern).cloned();
    known.unwrap_or_else(|| {
        let last_line = |error: regex::Error| error.to_string().lines().last().unwrap_or_default().to_string();
        let read = Regex::new(pattern).map_err(last_line);
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(pattern.to_string(), read.clone());
        read
    })
}

/// `\1` and `\g<name>` stand for groups, as in the templates that people have; a `$` is a `$`.
pub fn replace_all(text: &str, pattern: &str, to: &str) -> Result<String, String> {
    parse(pattern).map(|pattern| pattern.replace_all(text, replacement(to)).into_owned())
}

fn replacement(to: &str) -> String {
    let mut made = String::new();
    let mut letters = to.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '$' => made.push_str("$$"),
            '\\' => match letters.next() {
                Some(digit) if digit.is_ascii_digit() => made.push_str(&format!("${{{digit}}}")),
                Some('g') if letters.as_str().starts_with('<') => {
                    let name: String = letters.by_ref().skip(1).take_while(|letter| *letter != '>').collect();
                    made.push_str(&format!("${{{name}}}"));
                }
                Some('n') => made.push('\n'),
                Some('t') => made.push('\t'),
                Some(other) => made.push(other),
                None => made.push('\\'),
            },
            other => made.push(other),
        }
    }
    made
}
