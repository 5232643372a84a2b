//! Regular expressions: read, and replaced in texts. Knows no scope.

use regex::Regex;

/// The expression, or the last line of what is wrong with it.
pub fn parse(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| error.to_string().lines().last().unwrap_or_default().to_string())
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
