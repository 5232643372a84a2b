//! What can be wrong with a text: data, prose, and explanations of the codes `E0001`–`E0099`.

use crate::base::near::nearest;
use crate::base::source::Span;
use crate::base::words;
use crate::diag::{Diagnostic, Edit};

#[derive(Clone, PartialEq, Debug)]
pub enum SyntaxError {
    /// `after` is what was found, where `span` is the end of the line before it.
    Unexpected {
        expected: Vec<&'static str>,
        found: String,
        span: Span,
        after: Option<Span>,
    },
    /// `closed` is the bracket of somebody else that closed it, as far as indentation tells.
    Unclosed {
        bracket: char,
        span: Span,
        end: Span,
        closed: Option<Span>,
    },
    UnclosedString {
        span: Span,
    },
    NeverOpened {
        bracket: char,
        span: Span,
    },
    Mismatched {
        expected: char,
        found: char,
        span: Span,
        opened: Span,
    },
    TooDeep {
        most: usize,
        span: Span,
    },
    BadEscape {
        escape: String,
        span: Span,
    },
    BadHole {
        text: String,
        span: Span,
    },
    BadNumber {
        text: String,
        span: Span,
    },
    TooLarge {
        text: String,
        span: Span,
    },
    ChainedComparison {
        span: Span,
    },
    SpaceBeforeOptions {
        span: Span,
    },
    /// `sh "…"` for `sh"…"`.
    SpaceInScript {
        span: Span,
    },
    UnknownEdition {
        found: String,
        span: Span,
    },
}

/// Words that open something; a misspelt one is recognised.
const KEYWORDS: &[&str] = &[
    "playbook", "action", "function", "use", "type", "let", "on", "at", "if", "else", "for", "in", "parallel",
    "repeat", "require", "rollback", "always", "after", "failure", "batch", "check", "apply", "verify", "steps",
    "native", "where",
];

impl SyntaxError {
    pub fn span(&self) -> Span {
        match self {
            SyntaxError::Unexpected { span, .. }
            | SyntaxError::Unclosed { span, .. }
            | SyntaxError::UnclosedString { span }
            | SyntaxError::NeverOpened { span, .. }
            | SyntaxError::Mismatched { span, .. }
            | SyntaxError::TooDeep { span, .. }
            | SyntaxError::BadEscape { span, .. }
            | SyntaxError::BadHole { span, .. }
            | SyntaxError::BadNumber { span, .. }
            | SyntaxError::TooLarge { span, .. }
            | SyntaxError::ChainedComparison { span }
            | SyntaxError::SpaceBeforeOptions { span }
            | SyntaxError::SpaceInScript { span }
            | SyntaxError::UnknownEdition { span, .. } => *span,
        }
    }

    pub fn diagnostic(&self) -> Diagnostic {
        let span = self.span();
        match self {
            SyntaxError::Unexpected { expected, found, after, .. } => {
                let diagnostic = unexpected(expected, found, span);
                match after {
                    Some(found) => diagnostic.label(*found, "found here"),
                    None => diagnostic,
                }
            }
            SyntaxError::Unclosed { bracket, end, closed, .. } => {
                let diagnostic = Diagnostic::error("E0002", span, format!("this `{bracket}` is never closed"));
                match closed {
                    Some(closed) => diagnostic.label(*closed, "by its indentation, this closes a block around it"),
                    None => diagnostic.label(*end, "the file ends here"),
                }
            }
            SyntaxError::UnclosedString { .. } => Diagnostic::error("E0003", span, "this string is never closed")
                .help("a string ends on the line where it starts; `\"\"\"` holds several lines"),
            SyntaxError::NeverOpened { bracket, .. } => {
                Diagnostic::error("E0004", span, format!("this `{bracket}` closes nothing"))
            }
            SyntaxError::Mismatched { expected, found, opened, .. } => {
                Diagnostic::error("E0005", span, format!("expected `{expected}`, found `{found}`"))
                    .label(*opened, "opened here")
            }
            SyntaxError::TooDeep { most, .. } => {
                Diagnostic::error("E0006", span, format!("brackets are nested more than {most} deep"))
            }
            SyntaxError::BadEscape { escape, .. } => {
                Diagnostic::error("E0007", span, format!("expected an escape such as `\\n` or `\\\\`, found `{escape}`"))
                    .help("known escapes are \\\" \\\\ \\n \\t \\r \\{ \\}; in '…' a backslash is just a backslash")
            }
            SyntaxError::BadHole { text, .. } => {
                Diagnostic::error("E0008", span, format!("expected a path in the braces, found `{}`", text.trim()))
                    .help("texts take paths such as {host.name} only; compute the value with `let` first, or write \\{ for a brace")
            }
            SyntaxError::BadNumber { text, .. } => bad_number(text, span),
            SyntaxError::TooLarge { text, .. } => Diagnostic::error("E0010", span, format!("`{text}` is too large")),
            SyntaxError::ChainedComparison { .. } => {
                Diagnostic::error("E0011", span, "a comparison cannot be compared again").help("join two comparisons with `and`")
            }
            SyntaxError::SpaceBeforeOptions { .. } => {
                Diagnostic::error("E0012", span, "expected a space before the options")
                    .help("a `(` that touches a name calls a function")
                    .fix("insert a space", vec![Edit { span: span.before(), text: " ".to_string() }])
            }
            SyntaxError::SpaceInScript { .. } => {
                Diagnostic::error("E0014", span, "expected the script right behind its language, without a space")
                    .fix("remove the space", vec![Edit { span, text: String::new() }])
            }
            SyntaxError::UnknownEdition { found, .. } => {
                Diagnostic::error("E0013", span, format!("expected edition 1, found {found}"))
                    .help("this opsc knows edition 1 of the language")
            }
        }
    }
}

fn unexpected(expected: &[&'static str], found: &str, span: Span) -> Diagnostic {
    let message = if expected.is_empty() {
        format!("did not expect {found} here")
    } else {
        format!("expected {}, found {found}", words::join_or(expected))
    };
    let word = found.trim_matches('`');
    let is_word = word.len() > 2 && word.chars().all(|letter| letter.is_ascii_alphabetic());
    let near = if is_word && !KEYWORDS.contains(&word) && !expected.contains(&"`,`") {
        nearest(word, KEYWORDS.iter().copied())
    } else {
        None
    };
    Diagnostic::error("E0001", span, message).did_you_mean(near)
}

fn bad_number(text: &str, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0009", span, format!("`{text}` is not a number with a known unit"));
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let unit = text.get(digits.len()..).unwrap_or("");
    let meant = match unit.to_ascii_lowercase().as_str() {
        "kb" | "k" | "kib" => Some("KiB"),
        "mb" | "mib" => Some("MiB"),
        "gb" | "g" | "gib" => Some("GiB"),
        "tb" | "t" | "tib" => Some("TiB"),
        "sec" | "secs" | "second" | "seconds" => Some("s"),
        "min" | "mins" | "minute" | "minutes" => Some("m"),
        "hour" | "hours" | "hr" => Some("h"),
        "day" | "days" => Some("d"),
        _ => None,
    };
    match meant {
        Some(unit) => diagnostic
            .help(format!("did you mean `{digits}{unit}`?"))
            .fix(format!("write `{digits}{unit}`"), vec![Edit { span, text: format!("{digits}{unit}") }]),
        None => diagnostic.help("durations are ms s m h d, sizes B KiB MiB GiB TiB"),
    }
}

crate::diag::code_docs! {
    "E0001" "something else was expected"
    "The text cannot be read here. The message names what could stand at this place, then what stands there."
    "ops 1\n\nplaybok p() ! read {\n}\n" => "ops 1\n\nplaybook p() ! read {\n}\n"
    "E0002" "a bracket is never closed"
    "Every `(`, `[` and `{` needs its partner. The place shown is where the bracket was opened."
    "ops 1\n\nplaybook p() ! read {\n" => "ops 1\n\nplaybook p() ! read {\n}\n"
    "E0003" "a string is never closed"
    "`\"…\"` and `'…'` end on the line where they start. Text of several lines stands between `\"\"\"` and `\"\"\"`."
    "ops 1\n\nplaybook p() ! read {\n  doc: \"Reads\n}\n" => "ops 1\n\nplaybook p() ! read {\n  doc: \"Reads\"\n}\n"
    "E0004" "a bracket closes nothing"
    "There is no open bracket for this closing one."
    "ops 1\n\nplaybook p() ! read {\n}\n}\n" => "ops 1\n\nplaybook p() ! read {\n}\n"
    "E0005" "brackets do not match"
    "The bracket that was opened last must be closed first."
    "ops 1\n\nplaybook p() ! read {\n  let x = [1, 2)\n}\n" => "ops 1\n\nplaybook p() ! read {\n  let x = [1, 2]\n  require x.count == 2 else \"two\"\n}\n"
    "E0006" "brackets are nested too deep"
    "At most 64 brackets may be open at once. Give inner parts names with `let`."
    "ops 1\n\nplaybook p() ! read {\n  let x = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n  require x.count == 1 else \"x\"\n}\n" => "ops 1\n\nplaybook p() ! read {\n  let inner = [1]\n  let x = [inner]\n  require x.count == 1 else \"x\"\n}\n"
    "E0007" "an unknown escape"
    "In `\"…\"` a backslash starts an escape. Windows paths and patterns are best written as raw strings: 'C:\\Temp'."
    "ops 1\n\nplaybook p() ! read {\n  let x = \"C:\\Windows\"\n  require x != \"\" else \"empty\"\n}\n" => "ops 1\n\nplaybook p() ! read {\n  let x = 'C:\\Windows'\n  require x != \"\" else \"empty\"\n}\n"
    "E0008" "a text takes paths only"
    "Braces in a text hold a path: a name, then fields and indices. Expressions are computed with `let` before."
    "ops 1\n\nplaybook p() ! read {\n  let x = \"{1 + 1}\"\n  require x != \"\" else \"empty\"\n}\n" => "ops 1\n\nplaybook p() ! read {\n  let sum = 1 + 1\n  let x = \"{sum}\"\n  require x != \"\" else \"empty\"\n}\n"
    "E0009" "not a number with a known unit"
    "Durations are written 250ms, 3s, 5m, 2h, 1d or 1h30m; sizes 512B, 4KiB, 5MiB, 1GiB, 2TiB; percentages 25%."
    "ops 1\n\nplaybook p() ! read {\n  let x = 5MB\n  require x > 1B else \"small\"\n}\n" => "ops 1\n\nplaybook p() ! read {\n  let x = 5MiB\n  require x > 1B else \"small\"\n}\n"
    "E0010" "a number is too large"
    "Whole numbers have 64 bits, and so do durations in milliseconds and sizes in bytes."
    "ops 1\n\nplaybook p() ! read {\n  let x = 99999999999999999999\n  require x > 1 else \"small\"\n}\n" => "ops 1\n\nplaybook p() ! read {\n  let x = 9999999999\n  require x > 1 else \"small\"\n}\n"
    "E0011" "a comparison is compared"
    "`a < b < c` has no meaning here: write `a < b and b < c`."
    "ops 1\n\nplaybook p() ! read {\n  require 1 < 2 < 3 else \"order\"\n}\n" => "ops 1\n\nplaybook p() ! read {\n  require 1 < 2 and 2 < 3 else \"order\"\n}\n"
    "E0012" "options need a space"
    "A `(` that touches a name calls a function. The options of `on` and `at` stand apart: `on web (batch: 2)`."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web(batch: 2) {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! read {\n  on web (batch: 2) {\n    file.info(path: \"/etc/hosts\")\n  }\n}\n"
    "E0013" "an unknown edition"
    "A file starts with the edition of the language it is written in: `ops 1`."
    "ops 2\n\nplaybook p() ! read {\n}\n" => "ops 1\n\nplaybook p() ! read {\n}\n"
    "E0014" "a space between a script and its language"
    "A script is written `sh\"…\"` or `powershell\"…\"`: the language touches the text."
    "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! exec {\n  on web {\n    shell.run(script: sh \"true\", effect: \"read\")\n  }\n}\n" => "ops 1\n\nplaybook p(\n  web: hosts<linux>,\n) ! exec {\n  on web {\n    shell.run(script: sh\"true\", effect: \"read\")\n  }\n}\n"
}
