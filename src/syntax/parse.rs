//! Runs the grammar, turns its first error into a diagnostic, and reads on behind it. No cascades: a statement that
//! cannot be read is blanked out before the next attempt.

use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};

use super::allows::allows;
use super::ast;
use super::errors::SyntaxError;
use super::grammar::{Grammar, Rule, symbol};
use super::lower::Lowerer;
use super::scan::{Line, Scan, scan};
use crate::base::ids::FileId;
use crate::base::source::Span;
use crate::diag::Diagnostic;

/// More syntax errors than this in one file tell a reader nothing new.
const MOST_ERRORS: usize = 20;

pub(super) fn parse(text: &str, file: FileId) -> (Option<ast::File>, Vec<Diagnostic>) {
    let scanned = scan(text, file);
    if !scanned.errors.is_empty() {
        return (None, scanned.errors.iter().map(SyntaxError::diagnostic).collect());
    }
    let mut errors = Vec::new();
    let mut remaining = text.to_string();
    while errors.len() < MOST_ERRORS {
        match attempt(&remaining, file, &scanned) {
            Ok((mut tree, found)) => {
                errors.extend(found);
                tree.allows = allows(text, file, &scanned);
                tree.comments = scanned.comments;
                return (Some(tree), errors.iter().map(SyntaxError::diagnostic).collect());
            }
            Err(error) => {
                let at = error.span().start as usize;
                errors.push(error);
                match blank_statement(&remaining, at, &scanned.lines) {
                    Some(blanked) => remaining = blanked,
                    None => break,
                }
            }
        }
    }
    (None, errors.iter().map(SyntaxError::diagnostic).collect())
}

fn attempt(text: &str, file: FileId, scanned: &Scan) -> Result<(ast::File, Vec<SyntaxError>), SyntaxError> {
    let mut pairs = Grammar::parse(Rule::file, text).map_err(|error| unexpected(&error, text, file))?;
    let mut lowerer = Lowerer { file, text, comments: &scanned.comments, errors: Vec::new() };
    match pairs.next() {
        Some(pair) => {
            let tree = lowerer.lower_file(pair);
            Ok((tree, lowerer.errors))
        }
        None => Err(SyntaxError::Unexpected {
            expected: vec!["`ops 1`"],
            found: "nothing".to_string(),
            span: Span::new(file, 0, 0),
        }),
    }
}

fn unexpected(error: &pest::error::Error<Rule>, text: &str, file: FileId) -> SyntaxError {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    let (found, length) = token_at(text, at);
    let mut expected: Vec<&'static str> = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives.iter().filter_map(|rule| symbol(*rule)).collect(),
        ErrorVariant::CustomError { .. } => Vec::new(),
    };
    expected.sort_unstable();
    expected.dedup();
    expected = simplified(expected);
    SyntaxError::Unexpected { expected, found, span: Span::new(file, at, at + length) }
}

/// Where a value could go on, "an operator" is always possible too: naming it helps nobody who forgot a bracket.
fn simplified(expected: Vec<&'static str>) -> Vec<&'static str> {
    let noise = ["an operator", "a field"];
    let without: Vec<&'static str> = expected.iter().copied().filter(|word| !noise.contains(word)).collect();
    if without.is_empty() || without.len() > 5 { expected.into_iter().take(5).collect() } else { without }
}

/// The word, number or sign at an offset, for "found …", and its length in bytes.
fn token_at(text: &str, at: usize) -> (String, usize) {
    let rest = text.get(at..).unwrap_or("");
    let word_length = rest.find(|letter: char| !(letter.is_alphanumeric() || letter == '_')).unwrap_or(rest.len());
    let length = match rest.chars().next() {
        None => return ("the end of the file".to_string(), 0),
        Some(_) if word_length > 0 => word_length,
        Some(quote @ ('"' | '\'')) => return (if quote == '"' { "a string" } else { "a raw string" }.to_string(), 1),
        Some(letter) => letter.len_utf8(),
    };
    let token: String = rest.get(..length).unwrap_or("").chars().take(40).collect();
    (format!("`{}`", token.escape_debug()), length)
}

/// The text with the statement around an offset replaced by blanks of the same length: everything from the line where
/// it starts to where its brackets are closed again. None where that changes nothing.
fn blank_statement(text: &str, at: usize, lines: &[Line]) -> Option<String> {
    // An error is found where the next token stands, often a line too late: blame the line that holds text before it.
    let here = lines.partition_point(|line| line.start <= at).saturating_sub(1);
    let is_start = |line: &Line| !line.inside_parentheses && has_text(text, line.start, lines);
    let first = (0..=here).rev().find(|index| lines.get(*index).is_some_and(is_start))?;
    let start = lines.get(first)?;
    let end = lines
        .iter()
        .skip(first + 1)
        .find(|line| line.start > at && line.depth <= start.depth)
        .map_or(text.len(), |line| line.start);
    let end = keep_closing_bracket(text, start.start, end);
    let part = text.get(start.start..end)?;
    if part.trim().is_empty() {
        return None;
    }
    let blank: String = part
        .chars()
        .map(|letter| if letter == '\n' { "\n".to_string() } else { " ".repeat(letter.len_utf8()) })
        .collect();
    Some(format!("{}{blank}{}", text.get(..start.start)?, text.get(end..)?))
}

fn has_text(text: &str, start: usize, lines: &[Line]) -> bool {
    let end = lines.iter().find(|line| line.start > start).map_or(text.len(), |line| line.start);
    text.get(start..end).is_some_and(|line| !line.trim().is_empty())
}

/// A line that only closes the block around the statement must stay, or the block would never end.
fn keep_closing_bracket(text: &str, start: usize, end: usize) -> usize {
    let part = text.get(start..end).unwrap_or("");
    let mut depth = 0_usize;
    for (offset, letter) in part.char_indices() {
        match letter {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' if depth == 0 => return start + offset,
            '}' | ')' | ']' => depth -= 1,
            _ => {}
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use crate::base::source::Sources;
    use crate::diag::render::{Colour, render};

    fn messages(text: &str) -> String {
        let mut sources = Sources::new();
        let file = sources.add("a.ops", text);
        let (_, diagnostics) = crate::syntax::parse(&sources, file);
        render(&diagnostics, &sources, Colour::Never)
    }

    #[test]
    fn every_example_of_the_language_parses() {
        let examples = [
            include_str!("../../tests/it/language/1_deploy.ops"),
            include_str!("../../tests/it/language/2_postgres.ops"),
            include_str!("../../tests/it/language/3_users.ops"),
            include_str!("../../tests/it/language/4_certs.ops"),
            include_str!("../../tests/it/language/5_windows.ops"),
            include_str!("../../tests/it/language/example_1.ops"),
            include_str!("../../tests/it/language/example_2.ops"),
            include_str!("../../tests/it/language/example_3.ops"),
            include_str!("../../tests/it/language/example_action.ops"),
        ];
        for text in examples {
            assert_eq!(messages(text), "");
        }
    }

    #[test]
    fn several_errors_are_found_in_one_pass_without_a_cascade() {
        let text = "ops 1\n\nplaybook p() ! read {\n  let x = = 1\n  on web {\n    file.info(path \"/a\")\n    file.info(path: \"/b\")\n    require else \"x\"\n  }\n}\n";
        let shown = messages(text);
        let places: Vec<&str> = shown.lines().filter(|line| line.trim_start().starts_with("-->")).collect();
        assert_eq!(places, [" --> a.ops:4:11", " --> a.ops:6:20", " --> a.ops:8:13"], "{shown}");
    }
}
