//! `opsc.check/1`: findings for programs. Lines and columns from 1, columns in characters.

use serde_json::{Value as Json, json};

use super::examination::{Connected, connected_json};
use crate::base::source::{Sources, Span};
use crate::diag::{Diagnostic, Label};

/// `connected` is what hosts said, where they were asked.
pub fn check_json(files: usize, diagnostics: &[Diagnostic], sources: &Sources, connected: Option<&Connected>) -> Json {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| (diagnostic.primary.span, diagnostic.code));
    let mut found = json!({
        "schema": "opsc.check/1",
        "files": files,
        "diagnostics": sorted.iter().map(|diagnostic| one(diagnostic, sources)).collect::<Vec<_>>(),
    });
    if let (Some(connected), Some(fields)) = (connected, found.as_object_mut()) {
        let (hosts, unplanned) = connected_json(connected);
        fields.extend([("hosts".to_string(), hosts), ("unplanned".to_string(), unplanned)]);
    }
    found
}

fn one(diagnostic: &Diagnostic, sources: &Sources) -> Json {
    let span = diagnostic.primary.span;
    let (start, end) = (sources.place(span), sources.end_place(span));
    json!({
        "code": diagnostic.code,
        "severity": diagnostic.severity.word(),
        "message": diagnostic.message,
        "file": sources.get(span.file).path,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "labels": diagnostic.labels.iter().map(|label| label_json(label, sources)).collect::<Vec<_>>(),
        "help": diagnostic.help,
        "fix": diagnostic.fix.as_ref().map(|fix| json!({
            "title": fix.title,
            "edits": fix.edits.iter().map(|edit| edit_json(edit.span, &edit.text, sources)).collect::<Vec<_>>(),
        })),
    })
}

fn label_json(label: &Label, sources: &Sources) -> Json {
    let place = sources.place(label.span);
    json!({
        "file": sources.get(label.span.file).path,
        "line": place.line,
        "column": place.column,
        "message": label.message,
    })
}

fn edit_json(span: Span, text: &str, sources: &Sources) -> Json {
    let (start, end) = (sources.place(span), sources.end_place(span));
    json!({
        "file": sources.get(span.file).path,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "text": text,
    })
}
