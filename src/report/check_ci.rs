//! Findings in the forms that CI systems show beside the code: GitHub's commands, GitLab's code quality, Checkstyle,
//! JUnit. Texts are escaped for each.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::xml::xml;
use crate::base::source::Sources;
use crate::diag::{Diagnostic, Severity};

/// `::error file=a.ops,line=3,col=5,title=E0201::…`, one a line.
pub fn github(diagnostics: &[&Diagnostic], sources: &Sources) -> String {
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let line = |diagnostic: &&Diagnostic| {
        let span = diagnostic.primary.span;
        let (start, end) = (sources.place(span), sources.end_place(span));
        let command = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        format!(
            "::{command} file={},line={},col={},endLine={},endColumn={},title={}::{}\n",
            property(&sources.get(span.file).path),
            start.line,
            start.column,
            end.line,
            end.column,
            property(diagnostic.code),
            data(&words(diagnostic))
        )
    };
    diagnostics.iter().map(line).collect()
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Message and help on one line.
fn words(diagnostic: &Diagnostic) -> String {
    let help = diagnostic.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{}{help}", diagnostic.message)
}

/// GitLab's code quality report. `fingerprints` belong to the findings, in order.
pub fn gitlab(diagnostics: &[&Diagnostic], fingerprints: &[String], sources: &Sources) -> Json {
    let one = |(diagnostic, fingerprint): (&&Diagnostic, &String)| {
        let span = diagnostic.primary.span;
        let severity = match diagnostic.severity {
            Severity::Error => "major",
            Severity::Warning => "minor",
            Severity::Note => "info",
        };
        json!({
            "description": words(diagnostic),
            "check_name": diagnostic.code,
            "fingerprint": fingerprint,
            "severity": severity,
            "location": { "path": sources.get(span.file).path, "lines": { "begin": sources.place(span).line } },
        })
    };
    diagnostics.iter().zip(fingerprints).map(one).collect()
}

pub fn checkstyle(diagnostics: &[&Diagnostic], sources: &Sources) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<checkstyle version=\"4.3\">\n");
    for (path, findings) in by_file(diagnostics, sources) {
        text.push_str(&format!("  <file name=\"{}\">\n", xml(&path)));
        for diagnostic in findings {
            let place = sources.place(diagnostic.primary.span);
            let severity = match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "info",
            };
            text.push_str(&format!(
                "    <error line=\"{}\" column=\"{}\" severity=\"{severity}\" message=\"{}\" source=\"opsc.{}\"/>\n",
                place.line,
                place.column,
                xml(&words(diagnostic)),
                diagnostic.code
            ));
        }
        text.push_str("  </file>\n");
    }
    text + "</checkstyle>\n"
}

/// One case for each file that was checked; its findings are the failure.
pub fn junit(files: &[String], diagnostics: &[&Diagnostic], sources: &Sources) -> String {
    let found = by_file(diagnostics, sources);
    let also = found.keys().filter(|path| !files.contains(path));
    let cases: Vec<&String> = files.iter().chain(also).collect();
    let is_bad = |path: &str| found.get(path).is_some_and(|findings| findings.iter().any(|finding| finding.is_error()));
    let failures = cases.iter().filter(|path| is_bad(path)).count();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"opsc check\" tests=\"{}\" failures=\"{failures}\" errors=\"0\">\n",
        cases.len()
    );
    for path in cases {
        let findings = found.get(path).map(Vec::as_slice).unwrap_or_default();
        let lines: String = findings.iter().map(|finding| line(finding, sources)).collect();
        let body = match findings.iter().find(|finding| finding.is_error()) {
            Some(first) => failure(first, &lines),
            None if lines.is_empty() => String::new(),
            None => format!("<system-out>{}</system-out>", xml(&lines)),
        };
        text.push_str(&format!("    <testcase classname=\"opsc.check\" name=\"{}\">{body}</testcase>\n", xml(path)));
    }
    text + "  </testsuite>\n</testsuites>\n"
}

/// A file with errors: the first is its headline, all findings are its text.
fn failure(first: &Diagnostic, lines: &str) -> String {
    format!("<failure type=\"{}\" message=\"{}\">{}</failure>", first.code, xml(&words(first)), xml(lines))
}

/// `3:5 error[E0201] …`.
fn line(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let place = sources.place(diagnostic.primary.span);
    let severity = diagnostic.severity.word();
    format!("{}:{} {severity}[{}] {}\n", place.line, place.column, diagnostic.code, words(diagnostic))
}

fn by_file<'d>(diagnostics: &[&'d Diagnostic], sources: &Sources) -> BTreeMap<String, Vec<&'d Diagnostic>> {
    let mut files: BTreeMap<String, Vec<&Diagnostic>> = BTreeMap::new();
    for diagnostic in diagnostics {
        files.entry(sources.get(diagnostic.primary.span.file).path.clone()).or_default().push(diagnostic);
    }
    files
}

#[cfg(test)]
mod tests {
    use super::data;

    #[test]
    fn line_ends_are_escaped_for_commands() {
        assert_eq!(data("50%\nnext"), "50%25%0Anext");
    }
}
