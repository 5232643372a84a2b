//! Run events → lines for people. A small state machine: events in, text out. It never asks, and it never prints.

use std::collections::{BTreeMap, BTreeSet};

use super::approval_text::{as_whom, at_batch, message_text};
use super::eta;
use super::not_started::NotStarted;
use super::paint::{Tone, harmless, paint};
use crate::base::words;
use crate::run::event::{EventKind, Outcome, RunEvent, Stream};
use crate::state::Pace;

/// Steps under way that the status names, and hosts of each.
const MOST_STEPS: usize = 2;
const MOST_HOSTS: usize = 3;

/// What has been told so far.
pub struct Progress {
    colour: bool,
    /// Show output of steps as it comes.
    verbose: bool,
    started: Option<u64>,
    hosts: Vec<String>,
    steps: usize,
    finished: usize,
    /// When the last of them was.
    last: Option<u64>,
    /// Steps under way, with their hosts.
    running: BTreeSet<(String, String)>,
    /// How earlier runs of this size went on.
    paces: Vec<Pace>,
    /// Errors by step and text, with the hosts that told them.
    errors: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Progress {
    pub fn new(colour: bool, verbose: bool) -> Progress {
        Progress {
            colour,
            verbose,
            started: None,
            hosts: Vec::new(),
            steps: 0,
            finished: 0,
            last: None,
            running: BTreeSet::new(),
            paces: Vec::new(),
            errors: BTreeMap::new(),
        }
    }

    /// Earlier runs of this size, for what may be left.
    pub fn remember(&mut self, paces: Vec<Pace>) {
        // They know how many steps there are on all hosts; a plan's steps are not all for every host.
        if let Some(count) = paces.first().map(|pace| pace.steps.len())
            && paces.iter().all(|pace| pace.steps.len() == count)
        {
            self.steps = count;
        }
        self.paces = paces;
    }

    /// The lines that an event is worth; often none. What never happened says so in each of them.
    pub fn lines(&mut self, event: &RunEvent) -> String {
        let lines = self.lines_of(event);
        if event.simulated { lines.lines().map(|line| format!("SIMULATED {line}\n")).collect() } else { lines }
    }

    /// Whether somebody must hear of it also where nothing else is told.
    pub fn is_for_all(event: &RunEvent) -> bool {
        matches!(event.kind, EventKind::ApprovalRequested { .. }) || NotStarted::of(&event.kind).is_some()
    }

    fn lines_of(&mut self, event: &RunEvent) -> String {
        match &event.kind {
            EventKind::RunStarted { run, playbook, hosts, steps, .. } => {
                self.started = Some(event.time);
                self.steps = steps * hosts.len().max(1);
                self.hosts.clone_from(hosts);
                format!("run {run}: {playbook} on {}\n", words::count(hosts.len(), "host"))
            }
            EventKind::BatchStarted { block, batch, of, hosts } if *of > 1 => {
                format!("{block} batch {batch} of {of}: {}\n", hosts.join(", "))
            }
            EventKind::StepStarted { step, host, .. } => {
                self.running.insert((step.clone(), host.clone()));
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
                self.running.remove(&(step.clone(), host.clone()));
                self.finished += 1;
                self.last = Some(event.time);
                if let Some(error) = error {
                    self.errors.entry((step.clone(), error.clone())).or_default().insert(host.clone());
                }
                let how = match evidence.done_in {
                    Some(run) => format!("done in run {run}"),
                    None => words::duration(evidence.elapsed_ms),
                };
                self.step_line(step, host, (*outcome, &how), error.as_deref())
            }
            kind @ (EventKind::ThresholdReached { .. } | EventKind::HostsNotStarted { .. }) => {
                NotStarted::of(kind).map(|left_out| format!("! {}\n", left_out.text())).unwrap_or_default()
            }
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
            EventKind::CircuitChanged { name, is_group, state, until, .. } => {
                circuit_line(name, *is_group, (state, *until))
            }
            EventKind::StopRequested { level } => {
                let what = match level {
                    1 => "hosts at work finish, no other starts; again stops at the next step and rolls back",
                    2 => "steps under way finish, then hosts with steps left roll back; again cuts everything off",
                    _ => "everything is cut off; hosts go on alone with a step that must not be done twice",
                };
                format!("stop requested ({level} of 3): {what}\n")
            }
            _ => String::new(),
        }
    }

    /// One line for a terminal to redraw: how far, how long, how much longer, what runs now on which hosts.
    pub fn status(&self, now: u64) -> String {
        let since = |then: Option<u64>| now.saturating_sub(then.unwrap_or(now));
        let waited = since(self.last.or(self.started));
        let left = eta::left(&self.paces, self.finished, waited).map(|left| format!(", {}", eta::left_text(&left)));
        let (finished, steps, elapsed) = (self.finished, self.steps, since(self.started) / 1000);
        format!("{finished} of {steps} steps{} · {elapsed}s · {}", left.unwrap_or_default(), self.under_way())
    }

    /// `file.write on web1, web2, web3 and 4 more; shell.run on web9`.
    fn under_way(&self) -> String {
        let mut steps: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (step, host) in &self.running {
            steps.entry(step).or_default().push(host);
        }
        let shown = steps.iter().take(MOST_STEPS);
        let shown = shown.map(|(step, hosts)| format!("{step} on {}", words::join_some(hosts, MOST_HOSTS)));
        let more = steps.len().saturating_sub(MOST_STEPS);
        let more = (more > 0).then(|| format!("{} more", words::count(more, "step")));
        harmless(&shown.chain(more).collect::<Vec<_>>().join("; "))
    }

    /// What several hosts failed at with the same words, once more and once for all of them.
    pub fn alike(&self) -> String {
        let mut text = String::new();
        for ((step, error), failed) in self.errors.iter().filter(|(_, hosts)| hosts.len() > 1) {
            // In the order of the inventory; last those that came in only while it ran.
            let late = failed.iter().filter(|host| !self.hosts.contains(host));
            let hosts: Vec<&str> =
                self.hosts.iter().filter(|host| failed.contains(*host)).chain(late).map(String::as_str).collect();
            let head = format!("{} failed alike at {step}: {}", words::count(hosts.len(), "host"), hosts.join(", "));
            text.push_str(&format!("{}\n", paint(&head, Tone::Failed, self.colour)));
            text.extend(harmless(error).lines().map(|line| format!("      {line}\n")));
        }
        text
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

/// A circuit that came to another state.
fn circuit_line(name: &str, is_group: bool, (state, until): (&str, Option<u64>)) -> String {
    let of = if is_group { format!("group {name}") } else { name.to_string() };
    match (state, until) {
        ("open", Some(until)) => {
            format!("! {of} gives no connection: circuit open until {}\n", words::time_of_day(until))
        }
        ("half_open", _) => format!("  {of} is asked once more: circuit half open\n"),
        _ => format!("  {of} gives a connection again: circuit closed\n"),
    }
}
