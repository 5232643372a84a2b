//! What was found in a journal's file, as text and as JSON.

use serde_json::{Value as Json, json};

use super::paint::harmless;
use crate::base::words;
use crate::state::{Examined, Restored};

/// A line for each finding, then one that counts.
pub fn examined_text(examined: &Examined) -> String {
    let mut text: String =
        examined.findings.iter().map(|finding| format!("{}\n", harmless(&finding.to_string()))).collect();
    let runs = words::count(usize::try_from(examined.runs).unwrap_or(0), "run");
    let wrong = match examined.findings.len() {
        0 => "nothing is wrong".to_string(),
        wrong => words::count(wrong, "finding"),
    };
    text.push_str(&format!("{}: format {}, {runs}: {wrong}\n", examined.path.display(), examined.format));
    text
}

pub fn examined_json(examined: &Examined) -> Json {
    let findings = examined.findings.iter().map(|finding| {
        json!({
            "fault": finding.fault.name(),
            "table": finding.table,
            "row": finding.row,
            "run": finding.run,
            "message": finding.message,
        })
    });
    json!({
        "schema": "opsc.db-check/1",
        "file": examined.path.display().to_string(),
        "format": examined.format,
        "runs": examined.runs,
        "findings": findings.collect::<Vec<_>>(),
    })
}

/// Where the file that was there is now, and what only it has.
pub fn restored_text(restored: &Restored) -> String {
    let mut text = format!(
        "the journal is that of {} ({})\n",
        restored.from.path.display(),
        words::count(usize::try_from(restored.from.runs).unwrap_or(0), "run")
    );
    if let Some(kept) = &restored.kept {
        text.push_str(&format!("what was there is {}\n", kept.display()));
    }
    if !restored.gone.is_empty() {
        let gone: Vec<String> = restored.gone.iter().map(|run| format!("run {run}")).collect();
        text.push_str(&format!("only there: {}\n", words::join_some(&gone, 5)));
    }
    text
}
