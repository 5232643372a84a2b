//! Diagnostics as text for people: title, place, source line, caret, labels, help. Readable without colour.

use std::fmt::Write;

use super::{Diagnostic, Label, Severity};
use crate::base::source::Sources;

/// Whether to colour; the caller decides (terminal, `NO_COLOR`, `CLICOLOR_FORCE`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colour {
    Always,
    Never,
}

/// All diagnostics in order of place, each followed by an empty line.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, colour: Colour) -> String {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| (diagnostic.primary.span, diagnostic.code));
    sorted.iter().map(|diagnostic| render_one(diagnostic, sources, colour) + "\n").collect()
}

fn render_one(diagnostic: &Diagnostic, sources: &Sources, colour: Colour) -> String {
    let mut text = format!(
        "{}: {}\n",
        paint(
            &format!("{}[{}]", diagnostic.severity.word(), diagnostic.code),
            severity_colour(diagnostic.severity),
            colour
        ),
        paint(&diagnostic.message, "1", colour),
    );
    let width = std::iter::once(&diagnostic.primary)
        .chain(&diagnostic.labels)
        .map(|label| sources.place(label.span).line.to_string().len())
        .max()
        .unwrap_or(1);
    if diagnostic.line_is_hidden {
        push_place(&mut text, &diagnostic.primary, sources, width);
    } else {
        let painted = (severity_colour(diagnostic.severity), colour);
        push_snippet(&mut text, &diagnostic.primary, sources, width, '^', painted);
    }
    for label in &diagnostic.labels {
        push_snippet(&mut text, label, sources, width, '-', ("36", colour));
    }
    let margin = " ".repeat(width);
    if let Some(help) = &diagnostic.help {
        push_line(&mut text, format_args!("{margin} = hint: {help}"));
    }
    if let Some(fix) = &diagnostic.fix {
        push_line(&mut text, format_args!("{margin} = fix: {} (opsc check --fix)", fix.title));
    }
    text
}

fn push_place(text: &mut String, label: &Label, sources: &Sources, width: usize) {
    let (path, start) = (&sources.get(label.span.file).path, sources.place(label.span));
    push_line(text, format_args!("{}--> {path}:{}:{}", " ".repeat(width), start.line, start.column));
}

fn push_snippet(
    text: &mut String,
    label: &Label,
    sources: &Sources,
    width: usize,
    mark: char,
    paint_with: (&str, Colour),
) {
    let source = sources.get(label.span.file);
    let start = sources.place(label.span);
    let end = sources.end_place(label.span);
    let margin = " ".repeat(width);
    let line = source.line(start.line);
    let shown: String = line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    push_place(text, label, sources, width);
    push_line(text, format_args!("{margin} |"));
    push_line(text, format_args!("{:>width$} | {shown}", start.line));
    let rest_of_line = (shown.chars().count() + 1).saturating_sub(start.column);
    let length = if end.line == start.line { end.column - start.column } else { rest_of_line };
    let carets = mark.to_string().repeat(length.max(1));
    let padding = " ".repeat(start.column - 1);
    let words = if label.message.is_empty() { String::new() } else { format!(" {}", label.message) };
    push_line(
        text,
        format_args!("{margin} | {padding}{}", paint(&format!("{carets}{words}"), paint_with.0, paint_with.1)),
    );
}

fn push_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    if writeln!(text, "{line}").is_err() {
        text.push('\n');
    }
}

fn severity_colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "1;31",
        Severity::Warning => "1;35",
        Severity::Note => "1;36",
    }
}

fn paint(text: &str, code: &str, colour: Colour) -> String {
    match colour {
        Colour::Always => format!("\x1b[{code}m{text}\x1b[0m"),
        Colour::Never => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::source::Span;

    #[test]
    fn a_caret_stands_under_the_guilty_word() {
        let mut sources = Sources::new();
        let file = sources.add("a.ops", "one\ntwo three\n");
        let diagnostic = Diagnostic::error("E0001", Span::new(file, 8, 13), "unknown word `three`")
            .at("not known here")
            .did_you_mean(Some("tree"));
        assert_eq!(
            render(&[diagnostic], &sources, Colour::Never),
            "error[E0001]: unknown word `three`\n --> a.ops:2:5\n  |\n2 | two three\n  |     ^^^^^ not known here\n  = hint: did you mean `tree`?\n\n"
        );
    }

    #[test]
    fn a_hidden_line_is_named_and_not_shown() {
        let mut sources = Sources::new();
        let file = sources.add("a.yaml", "password: hunter2\n");
        let diagnostic = Diagnostic::error("E0001", Span::new(file, 10, 17), "no secret").hide_line();
        let shown = render(&[diagnostic], &sources, Colour::Never);
        assert_eq!(shown, "error[E0001]: no secret\n --> a.yaml:1:11\n\n");
    }
}
