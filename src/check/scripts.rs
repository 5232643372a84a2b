//! A small lint of script bodies, and the fields that a body reports. Reads shell text word by word; runs nothing.

use super::errors::scripts::ScriptError;
use crate::base::source::Span;
use crate::diag::Diagnostic;
use crate::hir::program::Param;
use crate::syntax::ast::{Script, ScriptLanguage};

/// A key that a body reports with `out KEY …`.
pub struct Reported {
    pub name: String,
    /// The value is visibly `true` or `false`.
    pub is_bool: bool,
}

/// The keys after `out` at the start of a command.
pub fn reported_keys(text: &str) -> Vec<Reported> {
    let mut keys: Vec<Reported> = Vec::new();
    for line in text.lines() {
        for command in line.split([';', '&', '|', '{', '}']).flat_map(|part| part.split(" then ")) {
            let command = command.trim_start().trim_start_matches("then ").trim_start_matches("else ").trim_start();
            let Some(rest) = command.strip_prefix("out ") else { continue };
            let name: String =
                rest.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
            let value = line.split_once(&format!("out {name}")).map_or("", |(_, value)| value);
            let is_bool = value.contains("echo true") || value.trim() == "true" || value.trim() == "false";
            if !name.is_empty() && !keys.iter().any(|key| key.name == name) {
                keys.push(Reported { name, is_bool });
            }
        }
    }
    keys
}

/// Findings in a body: `eval`, backticks, parameters outside quotes.
pub fn lint(script: &Script, params: &[Param]) -> Vec<Diagnostic> {
    if script.language != ScriptLanguage::Sh {
        return Vec::new();
    }
    let mut found = Vec::new();
    let span = script.span;
    for line in code_lines(&script.text) {
        if first_words(line).any(|word| word == "eval") {
            found.push(ScriptError::Eval { span }.diagnostic());
        }
        if outside_single_quotes(line).contains('`') {
            found.push(ScriptError::Backticks { span }.diagnostic());
        }
        for name in unquoted_variables(line) {
            if params.iter().any(|param| param.name == name) {
                found.push(ScriptError::Unquoted { name, span }.diagnostic());
            }
        }
    }
    found.dedup();
    found.iter_mut().for_each(|finding| finding.primary.span = head(span));
    found
}

/// The opening of the script: its inner lines are not mapped, since indentation was taken out.
fn head(span: Span) -> Span {
    Span { end: span.end.min(span.start + 2), ..span }
}

fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with('#'))
}

/// The first word of every command on a line, as far as separators tell.
fn first_words(line: &str) -> impl Iterator<Item = &str> {
    line.split([';', '|', '&', '(']).filter_map(|command| command.split_whitespace().next())
}

fn outside_single_quotes(line: &str) -> String {
    line.split('\'').step_by(2).collect()
}

/// Variables that stand outside double quotes, in a place where the shell would split them into words.
fn unquoted_variables(line: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut in_double = false;
    let mut in_single = false;
    let mut nesting: Vec<bool> = Vec::new();
    let letters: Vec<char> = line.chars().collect();
    let at = |index: usize| letters.get(index).copied().unwrap_or('\0');
    let mut index = 0;
    while index < letters.len() {
        match at(index) {
            '\\' => index += 1,
            '\'' if !in_double => in_single = !in_single,
            _ if in_single => {}
            '"' => in_double = !in_double,
            // Arithmetic gives a number, which is one word; its two closing brackets take both entries away.
            '$' if at(index + 1) == '(' && at(index + 2) == '(' => {
                nesting.push(in_double);
                nesting.push(true);
                in_double = true;
                index += 2;
            }
            '$' if at(index + 1) == '(' => {
                nesting.push(in_double);
                in_double = false;
                index += 1;
            }
            ')' if !nesting.is_empty() => in_double = nesting.pop().unwrap_or(false),
            '$' if !in_double => {
                let name: String = (index + 1..letters.len())
                    .map(at)
                    .skip_while(|letter| *letter == '{')
                    .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                    .collect();
                if !name.is_empty() && !is_assignment_or_case(&letters, index) {
                    names.push(name);
                }
            }
            _ => {}
        }
        index += 1;
    }
    names
}

/// `x=$name` and `case $name in` are not split by the shell.
fn is_assignment_or_case(letters: &[char], index: usize) -> bool {
    let before: String = letters.get(..index).unwrap_or(&[]).iter().collect();
    let word = before.rsplit([' ', '\t', ';', '(']).next().unwrap_or("");
    word.ends_with('=') || before.trim_end().ends_with("case")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reported_keys_are_found_and_booleans_told() {
        let keys = reported_keys(
            "out exists \"$(test -e x && echo true || echo false)\"\nif a; then out mode \"$m\"; fi\nlogout x",
        );
        let found: Vec<(String, bool)> = keys.into_iter().map(|key| (key.name, key.is_bool)).collect();
        assert_eq!(found, [("exists".to_string(), true), ("mode".to_string(), false)]);
    }

    #[test]
    fn only_words_that_the_shell_splits_are_unquoted() {
        assert_eq!(unquoted_variables("rm -- $path \"$name\" '$x'"), ["path"]);
        assert_eq!(unquoted_variables("x=$path; case $name in"), [] as [&str; 0]);
        assert_eq!(unquoted_variables("out a \"$(cat \"$path\")\""), [] as [&str; 0]);
        assert_eq!(unquoted_variables("out a \"$(cat $path)\""), ["path"]);
        assert_eq!(unquoted_variables("[ \"$((0$mode))\" -ne \"$((0$(stat -- \"$to\")))\" ] $to"), ["to"]);
    }
}
