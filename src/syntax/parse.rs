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

const EDITION: &str = "`ops 1`";

/// What is expected where a statement, clause or item has ended: whatever stands there instead is wrong itself.
const AFTER_THE_END: &[&str] = &[
    "a statement",
    "a clause",
    "an attribute",
    "a platform",
    "a parameter",
    "`playbook`",
    "`action`",
    "`function`",
    "`type`",
];

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
                let is_edition =
                    matches!(&error, SyntaxError::Unexpected { expected, .. } if expected.contains(&EDITION));
                errors.push(error);
                // Without an edition nothing is known of what follows.
                if is_edition {
                    break;
                }
                match blank_statement(&remaining, at, &scanned) {
                    Some(blanked) => remaining = blanked,
                    None => break,
                }
            }
        }
    }
    (None, errors.iter().map(SyntaxError::diagnostic).collect())
}

fn attempt(text: &str, file: FileId, scanned: &Scan) -> Result<(ast::File, Vec<SyntaxError>), SyntaxError> {
    let mut pairs = Grammar::parse(Rule::file, text).map_err(|error| unexpected(&error, text, file, scanned))?;
    let mut lowerer = Lowerer { file, text, comments: &scanned.comments, errors: Vec::new() };
    match pairs.next() {
        Some(pair) => {
            let tree = lowerer.lower_file(pair);
            Ok((tree, lowerer.errors))
        }
        None => Err(SyntaxError::Unexpected {
            expected: vec![EDITION],
            found: "nothing".to_string(),
            span: Span::new(file, 0, 0),
            after: None,
        }),
    }
}

fn unexpected(error: &pest::error::Error<Rule>, text: &str, file: FileId, scanned: &Scan) -> SyntaxError {
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
    expected = match closing_of_list(at, text, scanned).filter(|_| ends_a_value(&expected)) {
        Some(closing) => vec!["`,`", closing],
        None => simplified(expected),
    };
    let span = Span::new(file, at, at + length);
    if let Some(start) = space_in_script(text, at) {
        return SyntaxError::SpaceInScript { span: Span::new(file, start, at) };
    }
    let is_unfinished = !expected.is_empty() && !expected.iter().any(|word| AFTER_THE_END.contains(word));
    match end_of_line_before(text, at, scanned).filter(|_| is_unfinished) {
        Some(end) => SyntaxError::Unexpected { expected, found, span: Span::new(file, end, end), after: Some(span) },
        None => SyntaxError::Unexpected { expected, found, span, after: None },
    }
}

/// Where the space begins in `sh "…"`, which is meant as `sh"…"`.
fn space_in_script(text: &str, at: usize) -> Option<usize> {
    let before = text.get(..at)?.trim_end_matches(' ');
    let word = before.rsplit(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next()?;
    let is_script = before.len() < at && text.get(at..)?.starts_with('"') && matches!(word, "sh" | "powershell");
    is_script.then_some(before.len())
}

/// Whether what stands before is whole, so that a list could go on or end here.
fn ends_a_value(expected: &[&'static str]) -> bool {
    expected.contains(&"an operator") || expected.contains(&"a refinement in parentheses")
}

/// What closes the list around an offset: the grammar's literals are not among the rules that it expects.
fn closing_of_list(at: usize, text: &str, scanned: &Scan) -> Option<&'static str> {
    let mut open = Vec::new();
    for bracket in scanned.brackets.iter().take_while(|bracket| **bracket < at) {
        match text.as_bytes().get(*bracket) {
            Some(letter @ (b'(' | b'[' | b'{')) => open.push(*letter),
            Some(b')' | b']' | b'}') => drop(open.pop()),
            _ => {}
        }
    }
    match open.last() {
        Some(b'(') => Some("`)`"),
        Some(b'[') => Some("`]`"),
        _ => None,
    }
}

/// Where the text before an offset ends, if that is on an earlier line and more could follow there: something that is
/// missing at the end of a line is found missing where the next word stands.
fn end_of_line_before(text: &str, at: usize, scanned: &Scan) -> Option<usize> {
    let mut before = text.get(..at)?.trim_end();
    while let Some(comment) = scanned.comments.iter().find(|comment| comment.span.end as usize == before.len()) {
        before = before.get(..comment.span.start as usize)?.trim_end();
    }
    let is_open = before.is_empty() || before.ends_with(['(', '[', '{', ',']);
    (!is_open && text.get(before.len()..at)?.contains('\n')).then_some(before.len())
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
fn blank_statement(text: &str, at: usize, scanned: &Scan) -> Option<String> {
    let lines = &scanned.lines;
    let here = lines.partition_point(|line| line.start <= at).saturating_sub(1);
    let is_start = |line: &Line| !line.inside_parentheses && has_text(text, line.start, lines);
    let first = (0..=here).rev().find(|index| lines.get(*index).is_some_and(is_start))?;
    let start = lines.get(first)?;
    let end = lines
        .iter()
        .skip(first + 1)
        .find(|line| line.start > at && line.depth <= start.depth)
        .map_or(text.len(), |line| line.start);
    let end = keep_closing_bracket(text, start.start, end, scanned);
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
fn keep_closing_bracket(text: &str, start: usize, end: usize, scanned: &Scan) -> usize {
    let mut depth = 0_usize;
    for at in scanned.brackets.iter().copied().filter(|at| (start..end).contains(at)) {
        match text.as_bytes().get(at) {
            Some(b'{' | b'(' | b'[') => depth += 1,
            Some(b'}' | b')' | b']') if depth == 0 => return at,
            Some(b'}' | b')' | b']') => depth -= 1,
            // Blanked out before.
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
