//! One run as JUnit's XML, for CI systems: a suite for each block, a case for each step on each host, and one for the run
//! itself, so that no run looks green that was not.

use std::collections::BTreeMap;

use super::approval_text::{at_batch, verdict_text};
use super::not_started::NotStarted;
use super::run_text::{short, status};
use super::story::{BlockStory, End, StepStory, Story};
use super::xml::xml;
use crate::base::words;
use crate::run::event::Outcome;
use crate::state::Approval;

pub fn run_junit(story: &Story<'_>) -> String {
    // Steps outside of all blocks are the run's own.
    let (body, blocks): (Vec<&BlockStory>, Vec<&BlockStory>) =
        story.blocks.iter().partition(|block| block.name.is_empty());
    let mut run = run_suite(story);
    run.cases.extend(body.into_iter().flat_map(|block| block_suite(block, story).cases));
    let suites: Vec<Suite> =
        std::iter::once(run).chain(blocks.into_iter().map(|block| block_suite(block, story))).collect();
    let count = |of: fn(&Suite) -> usize| suites.iter().map(of).sum::<usize>();
    let record = &story.details.summary.record;
    let took = story.details.summary.finished.map_or(0, |finished| finished.saturating_sub(record.started));
    let head = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\">\n",
        xml(&record.playbook),
        count(|suite| suite.cases.len()),
        count(|suite| suite.count(|verdict| matches!(verdict, Verdict::Failure { .. }))),
        count(|suite| suite.count(|verdict| matches!(verdict, Verdict::Error { .. }))),
        count(|suite| suite.count(|verdict| matches!(verdict, Verdict::Skipped { .. }))),
        seconds(took),
    );
    let written: String = suites.iter().map(|suite| suite.xml(story)).collect();
    format!("{head}{written}</testsuites>\n")
}

struct Suite {
    name: String,
    began: u64,
    cases: Vec<Case>,
}

struct Case {
    name: String,
    took: u64,
    verdict: Verdict,
    /// Evidence of what passed.
    said: String,
}

enum Verdict {
    Passed,
    Skipped { message: String },
    Failure { kind: &'static str, message: String, text: String },
    Error { kind: &'static str, message: String, text: String },
}

/// The run as a whole, and the approvals that it came to.
fn run_suite(story: &Story<'_>) -> Suite {
    let summary = &story.details.summary;
    let (word, began) = (status(summary, story.alive), summary.record.started);
    let left: Vec<String> = story.left.iter().map(|left| format!("{}: {}", left.host, left.steps.join(", "))).collect();
    let text = if left.is_empty() { String::new() } else { format!("changed and not undone\n{}\n", left.join("\n")) };
    let exit = summary.exit.map_or(String::new(), |exit| format!(", exit {exit}"));
    let message = format!("run {} {word}{exit}", summary.id);
    let verdict = match (summary.exit, word) {
        (Some(0), _) => Verdict::Passed,
        (_, "waiting" | "running") => Verdict::Skipped { message },
        (Some(_), _) => Verdict::Failure { kind: "run", message, text },
        (None, _) => Verdict::Error { kind: "run", message: format!("{message}: it never came to its end"), text },
    };
    let took = summary.finished.map_or(0, |finished| finished.saturating_sub(began));
    let mut cases = vec![Case { name: format!("run {}", summary.id), took, verdict, said: String::new() }];
    cases.extend(story.details.approvals.iter().map(approval_case));
    Suite { name: summary.record.playbook.clone(), began, cases }
}

fn approval_case(approval: &Approval) -> Case {
    let said = verdict_text(approval).unwrap_or_else(|| format!("waits for {}", words::join_or(&approval.by)));
    let verdict = match &approval.verdict {
        None => Verdict::Skipped { message: said.clone() },
        Some(verdict) if verdict.approved => Verdict::Passed,
        Some(_) => {
            Verdict::Failure { kind: "rejected", message: said.clone(), text: format!("{}\n", approval.message) }
        }
    };
    Case { name: at_batch(&approval.gate, approval.batch), took: 0, verdict, said }
}

fn block_suite(block: &BlockStory, story: &Story<'_>) -> Suite {
    let playbook = &story.details.summary.record.playbook;
    let name = format!("{playbook}.{}", block.name);
    let mut cases: Vec<Case> = block.steps.iter().map(|step| step_case(step, story.alive)).collect();
    cases.extend(block.not_started.iter().flat_map(not_started_cases));
    number_twins(&mut cases);
    Suite { name, began: block.steps.iter().map(|step| step.began).min().unwrap_or(0), cases }
}

fn not_started_cases(left_out: &NotStarted) -> impl Iterator<Item = Case> {
    left_out.hosts.iter().map(|host| Case {
        name: format!("{host}: not started"),
        took: 0,
        verdict: Verdict::Skipped { message: left_out.why.clone() },
        said: String::new(),
    })
}

/// CI systems take cases of one name for one case.
fn number_twins(cases: &mut [Case]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases {
        let times = seen.entry(case.name.clone()).and_modify(|times| *times += 1).or_insert(1);
        if *times > 1 {
            case.name = format!("{} ({times})", case.name);
        }
    }
}

fn step_case(step: &StepStory, alive: bool) -> Case {
    let way_back = if step.is_undo() { " (way back)" } else { "" };
    let took = step.ended.map_or(0, |ended| ended.saturating_sub(step.began));
    let evidence = evidence(step);
    let mut said = String::new();
    let error = || step.error.clone().unwrap_or_default();
    let message = || error().lines().next().unwrap_or_default().to_string();
    let text = || format!("{}\n{evidence}{}", error().trim_end(), step.output);
    let verdict = match step.end {
        End::Told(Outcome::Ok | Outcome::Changed | Outcome::RolledBack) => {
            said = evidence.clone();
            Verdict::Passed
        }
        End::Told(Outcome::Ignored) => {
            said = format!("failed, which is allowed\n{}", text());
            Verdict::Passed
        }
        End::Told(Outcome::Skipped) => Verdict::Skipped { message: "its condition does not hold".to_string() },
        End::Told(Outcome::Cancelled) => Verdict::Skipped { message: "the run was stopped".to_string() },
        End::Told(Outcome::Unreachable) => Verdict::Error { kind: "unreachable", message: message(), text: text() },
        End::Told(outcome) => Verdict::Failure { kind: outcome.name(), message: message(), text: text() },
        End::Unknown { .. } if alive => Verdict::Skipped { message: "under way".to_string() },
        End::Unknown { intended } => {
            let message = if intended {
                "the intent is recorded and no result: what happened on the host is not known"
            } else {
                "it began, no result is recorded, and no change was begun"
            };
            Verdict::Error { kind: "not known", message: message.to_string(), text: String::new() }
        }
    };
    Case { name: format!("{}: {}{way_back}", step.host, step.step), took, verdict, said }
}

/// Why the outcome is believed, in lines.
fn evidence(step: &StepStory) -> String {
    let evidence = &step.evidence;
    let mut text = format!("outcome {}\n", step.outcome_word(false));
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            text.push_str(&format!("{name} {value}\n"));
        }
    };
    line("exit", evidence.code.map(|code| code.to_string()));
    line("attempts", (step.attempt > 1).then(|| step.attempt.to_string()));
    line("as", evidence.user.clone());
    line("at", evidence.ran_at.clone());
    line("done in run", evidence.done_in.map(|run| run.to_string()));
    line("output sha256", evidence.output_sha256.clone());
    for (name, before, after) in step.differences() {
        text.push_str(&format!("{name}: {before} -> {after}\n"));
    }
    text
}

impl Suite {
    fn count(&self, is: fn(&Verdict) -> bool) -> usize {
        self.cases.iter().filter(|case| is(&case.verdict)).count()
    }

    fn xml(&self, story: &Story<'_>) -> String {
        let record = &story.details.summary.record;
        let took: u64 = self.cases.iter().map(|case| case.took).sum();
        let mut text = format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\" timestamp=\"{}\" hostname=\"{}\">\n",
            xml(&self.name),
            self.cases.len(),
            self.count(|verdict| matches!(verdict, Verdict::Failure { .. })),
            self.count(|verdict| matches!(verdict, Verdict::Error { .. })),
            self.count(|verdict| matches!(verdict, Verdict::Skipped { .. })),
            seconds(took),
            timestamp(self.began),
            xml(&record.machine),
        );
        text.push_str("    <properties>\n");
        let commit = record.commit.as_deref().unwrap_or("none");
        for (name, value) in [
            ("opsc.run", story.details.summary.id.to_string()),
            ("opsc.plan", record.digest.clone()),
            ("opsc.file", format!("{} (sha256 {})", record.path, short(&record.source_sha256))),
            ("opsc.commit", commit.to_string()),
            ("opsc.user", record.user.clone()),
        ] {
            text.push_str(&format!("      <property name=\"{name}\" value=\"{}\"/>\n", xml(&value)));
        }
        text.push_str("    </properties>\n");
        text.extend(self.cases.iter().map(|case| case.xml(&self.name)));
        text + "  </testsuite>\n"
    }
}

impl Case {
    fn xml(&self, suite: &str) -> String {
        let told = |element: &str, kind: &str, message: &str, text: &str| {
            format!("<{element} type=\"{kind}\" message=\"{}\">{}</{element}>", xml(message), xml(text))
        };
        let body = match &self.verdict {
            Verdict::Passed if self.said.is_empty() => String::new(),
            Verdict::Passed => format!("<system-out>{}</system-out>", xml(&self.said)),
            Verdict::Skipped { message } => format!("<skipped message=\"{}\"/>", xml(message)),
            Verdict::Failure { kind, message, text } => told("failure", kind, message, text),
            Verdict::Error { kind, message, text } => told("error", kind, message, text),
        };
        format!(
            "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\">{body}</testcase>\n",
            xml(suite),
            xml(&self.name),
            seconds(self.took)
        )
    }
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

/// UTC, in the form without a zone that the schemas of JUnit's readers want.
fn timestamp(milliseconds: u64) -> String {
    super::run_text::time_text(milliseconds).trim_end_matches('Z').to_string()
}
