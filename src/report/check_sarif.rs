//! Findings as SARIF 2.1.0, for code scanning. Lines and columns from 1, columns in characters.

use serde_json::{Value as Json, json};

use crate::base::source::{Sources, Span};
use crate::diag::{CodeDoc, Diagnostic, Severity};

/// One run of the tool. `codes` are all that it knows; those that were found become rules.
pub fn check_sarif(diagnostics: &[&Diagnostic], sources: &Sources, codes: &[&CodeDoc]) -> Json {
    let found = |doc: &&&CodeDoc| diagnostics.iter().any(|diagnostic| diagnostic.code == doc.code);
    let rules: Vec<&CodeDoc> = codes.iter().filter(found).copied().collect();
    let results: Vec<Json> = diagnostics.iter().map(|diagnostic| result(diagnostic, sources, &rules)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "opsc",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|doc| rule(doc)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(doc: &CodeDoc) -> Json {
    json!({
        "id": doc.code,
        "shortDescription": { "text": doc.title },
        "fullDescription": { "text": doc.explanation },
    })
}

fn result(diagnostic: &Diagnostic, sources: &Sources, rules: &[&CodeDoc]) -> Json {
    let level = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let mut result = json!({
        "ruleId": diagnostic.code,
        "level": level,
        "message": { "text": message(diagnostic) },
        "locations": [location(diagnostic.primary.span, None, sources)],
    });
    let Json::Object(object) = &mut result else { return result };
    if let Some(index) = rules.iter().position(|doc| doc.code == diagnostic.code) {
        object.insert("ruleIndex".to_string(), json!(index));
    }
    if !diagnostic.labels.is_empty() {
        let labels = diagnostic.labels.iter().map(|label| location(label.span, Some(&label.message), sources));
        object.insert("relatedLocations".to_string(), labels.collect());
    }
    if let Some(fix) = &diagnostic.fix {
        let changes: Vec<Json> = fix
            .edits
            .iter()
            .map(|edit| {
                json!({
                    "artifactLocation": artifact(edit.span, sources),
                    "replacements": [{
                        "deletedRegion": region(edit.span, sources),
                        "insertedContent": { "text": edit.text },
                    }],
                })
            })
            .collect();
        let fix = json!({ "description": { "text": fix.title }, "artifactChanges": changes });
        object.insert("fixes".to_string(), json!([fix]));
    }
    result
}

/// The message, with what stands under the caret and the help.
fn message(diagnostic: &Diagnostic) -> String {
    let mut text = diagnostic.message.clone();
    if !diagnostic.primary.message.is_empty() {
        text.push_str(&format!(": {}", diagnostic.primary.message));
    }
    if let Some(help) = &diagnostic.help {
        text.push_str(&format!("\n{help}"));
    }
    text
}

fn location(span: Span, message: Option<&str>, sources: &Sources) -> Json {
    let place = json!({ "artifactLocation": artifact(span, sources), "region": region(span, sources) });
    match message.filter(|message| !message.is_empty()) {
        Some(message) => json!({ "physicalLocation": place, "message": { "text": message } }),
        None => json!({ "physicalLocation": place }),
    }
}

fn artifact(span: Span, sources: &Sources) -> Json {
    json!({ "uri": uri(&sources.get(span.file).path) })
}

fn region(span: Span, sources: &Sources) -> Json {
    let (start, end) = (sources.place(span), sources.end_place(span));
    json!({ "startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column })
}

/// A relative path as a URI reference.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    path.replace('\\', "/").bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_become_uris() {
        assert_eq!(uri("play books/a#1.ops"), "play%20books/a%231.ops");
        assert_eq!(uri("ü.ops"), "%C3%BC.ops");
    }
}
