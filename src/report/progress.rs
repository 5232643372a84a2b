//! Run events → lines for people. A small state machine: events in, text out. It never asks, and it never prints.

use std::collections::BTreeMap;

use super::approval_text::{as_whom, at_batch, message_text};
use super::paint::{Tone, harmless, paint};
use crate::base::words;
use crate::run::event::{EventKind, Outcome, RunEvent, Stream};

/// What has been told so far.
pub struct Progress {
    colour: bool,
    /// Show output of steps as it comes.
    verbose: bool,
    started: Option<u64>,
    steps: usize,
    finished: usize,
    /// Steps under way by host.
    running: BTreeMap<String, String>,
}

impl Progress {
    pub fn new(colour: bool, verbose: bool) -> Progress {
        Progress { colour, verbose, started: None, steps: 0, finished: 0, running: BTreeMap::new() }
    }

    /// The lines that an event is worth; often none.
    pub fn lines(&mut self, event: &RunEvent) -> String {
        match &event.kind {
            EventKind::RunStarted { run, playbook, hosts, steps, .. } => {
                self.started = Some(event.time);
                self.steps = steps * hosts.len().max(1);
                format!("run {run}: {playbook} on {}\n", words::count(hosts.len(), "host"))
            }
            EventKind::BatchStarted { block, batch, of, hosts } if *of > 1 => {
                format!("{block} batch {batch} of {of}: {}\n", hosts.join(", "))
            }
            EventKind::StepStarted { step, host, .. } => {
                self.running.insert(host.clone(), step.clone());
                String::new()
            }
            EventKind::StepOutput { host, text, stream: Stream::Note, .. } => {
                harmless(text).lines().map(|line| format!("  i {host}: {line}\n")).collect()
            }
            EventKind::StepOutput { step, host, text, .. } if self.verbose => {
                harmless(text).lines().map(|line| format!("    {host} {step} | {line}\n")).collect()
            }
            // The first attempts say what is waited for; after that ever fewer lines do, all of them are in the journal.
            EventKind::StepRetried { attempt, .. } if !attempt.is_power_of_two() => String::new(),
            EventKind::StepRetried { step, host, attempt, error } => {
                format!("  ~ {host} {step}: attempt {attempt} failed, trying again: {}\n", first_line(error))
            }
            EventKind::StepFinished { step, host, outcome, error, evidence, .. } => {
                self.running.remove(host);
                self.finished += 1;
                let how = match evidence.done_in {
                    Some(run) => format!("done in run {run}"),
                    None => words::duration(evidence.elapsed_ms),
                };
                self.step_line(step, host, (*outcome, &how), error.as_deref())
            }
            EventKind::ThresholdReached { block, failures, max_failures, not_started } => format!(
                "! {block}: {failures} failures, {max_failures} allowed; not started: {}\n",
                if not_started.is_empty() { "none".to_string() } else { not_started.join(", ") }
            ),
            EventKind::RollbackStarted { host, steps, .. } => {
                format!("  < {host} rolling back {}\n", words::count(*steps, "step"))
            }
            EventKind::RollbackFinished { host, clean: true, left, .. } if left.is_empty() => {
                format!("  < {host} rolled back\n")
            }
            EventKind::RollbackFinished { host, left, .. } => {
                let words = format!("  x {host} NOT fully rolled back; left: {}", left.join(", "));
                format!("{}\n", paint(&words, Tone::Failed, self.colour))
            }
            EventKind::ApprovalRequested { gate, batch, by, message, within, differs } => {
                approval_lines(&at_batch(gate, *batch), (by, *within), message, differs)
            }
            EventKind::ApprovalUsed { gate, batch, by, user, .. } => {
                format!("  = {}: approved by {}\n", at_batch(gate, *batch), harmless(&as_whom(by, user)))
            }
            EventKind::StopRequested { level } => {
                let what = match level {
                    1 => "hosts at work finish, no other starts; again stops at the next step and rolls back",
                    2 => "steps under way finish, then their hosts roll back; again cuts everything off",
                    _ => "everything is cut off",
                };
                format!("stop requested ({level} of 3): {what}\n")
            }
            _ => String::new(),
        }
    }

    /// One line for a terminal to redraw: how far, how long, what runs now.
    pub fn status(&self, now: u64) -> String {
        let elapsed = now.saturating_sub(self.started.unwrap_or(now)) / 1000;
        let running: Vec<String> = self.running.iter().take(3).map(|(host, step)| format!("{host} {step}")).collect();
        let more = self.running.len().saturating_sub(3);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}/{} steps · {elapsed}s · {}{more}", self.finished, self.steps, running.join(", "))
    }

    fn step_line(&self, step: &str, host: &str, (outcome, how): (Outcome, &str), error: Option<&str>) -> String {
        let (symbol, tone) = match outcome {
            Outcome::Ok => ("=", Tone::Ok),
            Outcome::Changed => ("~", Tone::Changed),
            Outcome::Skipped | Outcome::Cancelled => ("-", Tone::Skipped),
            Outcome::Ignored => ("!", Tone::Warning),
            Outcome::RolledBack => ("<", Tone::Changed),
            Outcome::Unreachable => ("!", Tone::Failed),
            Outcome::Failed | Outcome::TimedOut | Outcome::RollbackFailed => ("x", Tone::Failed),
        };
        let words = format!("  {symbol} {host} {step}: {}", outcome.name());
        let mut text = format!("{} ({how})\n", paint(&words, tone, self.colour));
        for line in error.map(harmless).unwrap_or_default().lines() {
            text.push_str(&format!("      {line}\n"));
        }
        text
    }
}

fn approval_lines(gate: &str, (by, within): (&[String], Option<u64>), message: &str, differs: &[String]) -> String {
    let within = within.map(|within| format!(", within {}", words::duration(within))).unwrap_or_default();
    let mut text = format!("? {gate} waits for {}{within}: {}\n", harmless(&words::join_or(by)), message_text(message));
    for line in differs {
        text.push_str(&format!("      what was approved is not what it is now: {}\n", message_text(line)));
    }
    text
}

fn first_line(text: &str) -> String {
    harmless(text).lines().next().unwrap_or("").to_string()
}
