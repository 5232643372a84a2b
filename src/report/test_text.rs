//! Tests of a project as text for people: a line for each, and what is wrong with those that fail. What a run that never
//! happened did is marked in every line.

use super::paint::{Tone, harmless, paint};
use super::progress::Progress;
use crate::base::words;
use crate::run::event::RunEvent;

/// What one test came to, for every form of report.
pub struct TestReport {
    pub file: String,
    /// Where it begins.
    pub line: usize,
    pub name: String,
    pub failures: Vec<TestFailure>,
    /// Absent where nothing was expected of a run.
    pub run: Option<TestRun>,
}

pub struct TestFailure {
    pub line: usize,
    pub message: String,
    pub details: String,
}

/// A file of tests that is wrong, so that nothing is known of any test in it.
pub struct WrongFile {
    pub file: String,
    /// Each with its line in that file, where it has one.
    pub mistakes: Vec<(Option<usize>, String)>,
}

/// A run that never happened.
pub struct TestRun {
    pub exit: i32,
    /// Milliseconds of simulated time.
    pub elapsed_ms: u64,
    pub events: Vec<RunEvent>,
}

impl TestReport {
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// What happened in the run, as a person would have seen it.
    pub fn told(&self, colour: bool) -> String {
        let mut progress = Progress::new(colour, true);
        let events = self.run.iter().flat_map(|run| &run.events);
        events.map(|event| progress.lines(event)).collect()
    }

    /// The failures, each with its line.
    pub fn wrong(&self) -> String {
        let mut text = String::new();
        for failure in &self.failures {
            text.push_str(&format!("{}:{}: {}\n", self.file, failure.line, harmless(&failure.message)));
            text.extend(harmless(&failure.details).lines().map(|line| format!("    {line}\n")));
        }
        text
    }
}

/// One test; `verbose` tells also what happened where nothing is wrong.
pub fn test_text(test: &TestReport, verbose: bool, colour: bool) -> String {
    let (word, tone) = if test.passed() { ("ok    ", Tone::Ok) } else { ("FAILED", Tone::Failed) };
    let run = test
        .run
        .as_ref()
        .map(|run| format!(" (SIMULATED: exit {}, {} of simulated time)", run.exit, words::duration(run.elapsed_ms)));
    let (file, name) = (&test.file, harmless(&test.name));
    let mut text = format!("{} {file}: {name}{}\n", paint(word, tone, colour), run.unwrap_or_default());
    text.extend(test.wrong().lines().map(|line| format!("    {line}\n")));
    if verbose || !test.passed() {
        text.extend(test.told(colour).lines().map(|line| format!("    {line}\n")));
    }
    text
}

/// `5 tests: 4 passed, 1 failed`.
pub fn summary(tests: &[TestReport]) -> String {
    let passed = tests.iter().filter(|test| test.passed()).count();
    format!("{}: {passed} passed, {} failed\n", words::count(tests.len(), "test"), tests.len() - passed)
}
