//! What a test expects, held against what came of it. Each difference is a failure with its line. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::simulating::Simulated;
use super::test_file::{Expect, Finding, Happening};
use crate::base::source::{Sources, Span};
use crate::base::words;
use crate::diag::Diagnostic;
use crate::run::event::{EventKind, HostOutcome, Outcome};
use crate::run::script::fits;

/// What is not as it is expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    pub span: Span,
    pub message: String,
    /// Lines that tell more, such as a difference.
    pub details: String,
}

impl Failure {
    pub fn new(span: Span, message: impl Into<String>) -> Failure {
        Failure { span, message: message.into(), details: String::new() }
    }
}

/// Findings of `check` in one file: those that are missing, and those that nobody expects.
pub fn findings(expected: &[Finding], at: Span, found: &[&Diagnostic], sources: &Sources) -> Vec<Failure> {
    let line = |diagnostic: &Diagnostic| sources.place(diagnostic.primary.span).line;
    let mut left: Vec<&Diagnostic> = found.to_vec();
    let mut failures = Vec::new();
    for finding in expected {
        let of = |diagnostic: &&Diagnostic| diagnostic.code == finding.code && line(diagnostic) == finding.line;
        match left.iter().position(of) {
            Some(place) => drop(left.remove(place)),
            None => {
                let message =
                    format!("expected {} in line {}, and check does not report it", finding.code, finding.line);
                failures.push(Failure::new(finding.span, message));
            }
        }
    }
    failures.extend(left.into_iter().map(|diagnostic| {
        let Diagnostic { code, message, .. } = diagnostic;
        Failure::new(at, format!("check reports {code} in line {}, which is not expected: {message}", line(diagnostic)))
    }));
    failures
}

/// What a simulated run came to.
pub fn of_run(expect: &Expect, run: &Simulated) -> Vec<Failure> {
    let mut failures = Vec::new();
    let summary = &run.summary;
    if let Some(exit) = &expect.exit
        && exit.value != summary.exit
    {
        let message = format!("expected exit {}, found {} ({})", exit.value, summary.exit, summary.status);
        failures.push(Failure::new(exit.span, message));
    }
    let outcomes = host_outcomes(run);
    for (pattern, expected) in &expect.hosts {
        for host in meant(&pattern.value, run, &outcomes) {
            let found = outcomes.get(host).copied().unwrap_or(HostOutcome::NotRun);
            if found != *expected {
                let message = format!("{host}: expected {}, found {}", expected.name(), found.name());
                failures.push(Failure::new(pattern.span, message));
            }
        }
    }
    let happened = happened(run);
    failures.extend(in_order(&expect.steps, &happened));
    for never in &expect.never {
        let is_it = |(step, host, outcome): &&(&str, &str, Outcome)| {
            is(never, step, host, *outcome) && (never.outcome.is_some() || *outcome != Outcome::Skipped)
        };
        if let Some((step, host, outcome)) = happened.iter().find(is_it) {
            let message = format!("expected never, found `{step}` on {host}: {}", outcome.name());
            failures.push(Failure::new(never.step.span, message));
        }
    }
    if let Some(within) = &expect.within
        && summary.elapsed_ms > within.value
    {
        let (most, took) = (words::duration(within.value), words::duration(summary.elapsed_ms));
        failures.push(Failure::new(within.span, format!("expected an end within {most}, found {took}")));
    }
    failures
}

/// The hosts of the run that a pattern means; a name that is none of them means itself.
fn meant<'a>(pattern: &'a str, run: &'a Simulated, outcomes: &BTreeMap<&'a str, HostOutcome>) -> BTreeSet<&'a str> {
    let begun = run.events.iter().filter_map(|event| match &event.kind {
        EventKind::RunStarted { hosts, .. } => Some(hosts),
        _ => None,
    });
    let hosts = begun.flatten().map(String::as_str).chain(outcomes.keys().copied());
    let found: BTreeSet<&str> = hosts.filter(|host| fits(pattern, host)).collect();
    if found.is_empty() { BTreeSet::from([pattern]) } else { found }
}

/// How each host ended, over all blocks: the worst counts.
fn host_outcomes(run: &Simulated) -> BTreeMap<&str, HostOutcome> {
    const WORST_FIRST: [HostOutcome; 7] = [
        HostOutcome::Dirty,
        HostOutcome::Failed,
        HostOutcome::Unreachable,
        HostOutcome::RolledBack,
        HostOutcome::Ok,
        HostOutcome::Skipped,
        HostOutcome::NotRun,
    ];
    let rank = |outcome: &HostOutcome| WORST_FIRST.iter().position(|known| known == outcome);
    let mut outcomes: BTreeMap<&str, HostOutcome> = BTreeMap::new();
    for (host, outcome) in run.summary.blocks.iter().flat_map(|block| &block.hosts) {
        let worst = outcomes.entry(host).or_insert(*outcome);
        if rank(outcome) < rank(worst) {
            *worst = *outcome;
        }
    }
    outcomes
}

/// Every step that ended, in order, with its host.
fn happened(run: &Simulated) -> Vec<(&str, &str, Outcome)> {
    let ended = run.events.iter().filter_map(|event| match &event.kind {
        EventKind::StepFinished { step, host, outcome, .. } => Some((step.as_str(), host.as_str(), *outcome)),
        _ => None,
    });
    ended.collect()
}

fn is(expected: &Happening, step: &str, host: &str, outcome: Outcome) -> bool {
    fits(&expected.step.value, step)
        && expected.host.as_ref().is_none_or(|expected| fits(&expected.value, host))
        && expected.outcome.is_none_or(|expected| expected == outcome)
}

/// The first that does not come in its turn.
fn in_order(expected: &[Happening], happened: &[(&str, &str, Outcome)]) -> Option<Failure> {
    let mut rest = happened.iter();
    let mut before: Option<&Happening> = None;
    for next in expected {
        let is_it = |(step, host, outcome): &(&str, &str, Outcome)| {
            is(next, step, host, *outcome) && (next.outcome.is_some() || *outcome != Outcome::Skipped)
        };
        if !rest.any(is_it) {
            let after = before.map(|before| format!(" after {}", said(before))).unwrap_or_default();
            let lines = happened.iter().map(|(step, host, outcome)| format!("{host} {step}: {}\n", outcome.name()));
            return Some(Failure {
                span: next.step.span,
                message: format!("expected {}{after}, and it never came", said(next)),
                details: format!("what came, in order:\n{}", lines.collect::<String>()),
            });
        }
        before = Some(next);
    }
    None
}

fn said(happening: &Happening) -> String {
    let host = happening.host.as_ref().map(|host| format!(" on {}", host.value)).unwrap_or_default();
    let outcome = happening.outcome.map(|outcome| format!(" ({})", outcome.name())).unwrap_or_default();
    format!("`{}`{host}{outcome}", happening.step.value)
}
