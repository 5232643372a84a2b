//! Tests of a project for programs: `opsc.test/1`, and JUnit's XML for CI systems, with a suite for each file.

use serde_json::{Value as Json, json};

use super::event_json::event_json;
use super::test_text::{TestReport, WrongFile};
use super::xml::xml;

/// The number of a run that is in no journal.
const NO_RUN: i64 = 0;

pub fn test_json(tests: &[TestReport], wrong: &[WrongFile]) -> Json {
    let one = |test: &TestReport| {
        let failures = test
            .failures
            .iter()
            .map(|failure| json!({ "line": failure.line, "message": failure.message, "details": failure.details }));
        let run = test.run.as_ref().map(|run| {
            let events = run.events.iter().map(|event| event_json(event, NO_RUN));
            json!({
                "simulated": true, "exit": run.exit, "elapsed_ms": run.elapsed_ms, "events": events.collect::<Vec<_>>(),
            })
        });
        json!({
            "file": test.file, "line": test.line, "name": test.name, "passed": test.passed(),
            "failures": failures.collect::<Vec<_>>(), "run": run,
        })
    };
    let failed = tests.iter().filter(|test| !test.passed()).count();
    json!({
        "schema": "opsc.test/1", "passed": tests.len() - failed, "failed": failed,
        "tests": tests.iter().map(one).collect::<Vec<_>>(), "errors": wrong.iter().flat_map(errors).collect::<Vec<_>>(),
    })
}

fn errors(wrong: &WrongFile) -> impl Iterator<Item = Json> {
    let one =
        |(line, message): &(Option<usize>, String)| json!({ "file": wrong.file, "line": line, "message": message });
    wrong.mistakes.iter().map(one)
}

pub fn test_junit(tests: &[TestReport], wrong: &[WrongFile]) -> String {
    let failed = |tests: &[&TestReport]| tests.iter().filter(|test| !test.passed()).count();
    let all: Vec<&TestReport> = tests.iter().collect();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"opsc test\" tests=\"{}\" failures=\"{}\" errors=\"{}\">\n",
        all.len() + wrong.len(),
        failed(&all),
        wrong.len()
    );
    for suite in all.chunk_by(|left, right| left.file == right.file) {
        let file = suite.first().map_or("", |test| test.file.as_str());
        text.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\">\n",
            xml(file),
            suite.len(),
            failed(suite)
        ));
        text.extend(suite.iter().map(|test| case(test)));
        text.push_str("  </testsuite>\n");
    }
    text.extend(wrong.iter().map(wrong_file));
    text + "</testsuites>\n"
}

/// A suite with one case, so that no CI system takes a file that is wrong for one without tests.
fn wrong_file(wrong: &WrongFile) -> String {
    let file = xml(&wrong.file);
    let first = wrong.mistakes.first().map_or("", |(_, message)| message.as_str());
    let at = |line: &Option<usize>| line.map(|line| format!(":{line}")).unwrap_or_default();
    let lines = wrong.mistakes.iter().map(|(line, message)| format!("{}{}: {message}\n", wrong.file, at(line)));
    format!(
        "  <testsuite name=\"{file}\" tests=\"1\" failures=\"0\" errors=\"1\">\n    <testcase classname=\"{file}\" name=\"{file}\"><error type=\"file\" message=\"{}\">{}</error></testcase>\n  </testsuite>\n",
        xml(first),
        xml(&lines.collect::<String>())
    )
}

/// What happened goes with it also where it passed: nobody takes a simulated run for a real one.
fn case(test: &TestReport) -> String {
    let first = test.failures.first().map(|first| {
        let message = xml(first.message.lines().next().unwrap_or_default());
        format!("<failure type=\"expectation\" message=\"{message}\">{}</failure>", xml(&test.wrong()))
    });
    let told = match test.told(false) {
        told if told.is_empty() => String::new(),
        told => format!("<system-out>{}</system-out>", xml(&told)),
    };
    format!(
        "    <testcase classname=\"{}\" name=\"{}\">{}{told}</testcase>\n",
        xml(&test.file),
        xml(&test.name),
        first.unwrap_or_default()
    )
}
