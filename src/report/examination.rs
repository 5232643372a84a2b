//! What was found on the way to a host, as data, as lines and as JSON.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::paint::{Tone, harmless, paint};
use crate::base::words;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    Ok,
    /// Works, and will be in the way of something.
    Warning,
    Failed,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Failed => "failed",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// `tcp`, `host key`, `login`, …
    pub what: &'static str,
    pub state: State,
    pub found: String,
    /// A command, or what to write where.
    pub mend: Option<String>,
}

impl Finding {
    pub fn ok(what: &'static str, found: impl Into<String>) -> Finding {
        Finding { what, state: State::Ok, found: found.into(), mend: None }
    }

    pub fn warning(what: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { what, state: State::Warning, found: found.into(), mend: Some(mend.into()) }
    }

    pub fn failed(what: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { what, state: State::Failed, found: found.into(), mend: Some(mend.into()) }
    }
}

/// Everything that could be found out; ends at the first stage that nothing behind can do without.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Examination {
    pub findings: Vec<Finding>,
    /// A lane was opened: the host can be worked with.
    pub reached: bool,
    /// Until a program had run and answered, on a connection that is there.
    pub latency: Option<Duration>,
}

impl Examination {
    pub fn is_well(&self) -> bool {
        self.findings.iter().all(|finding| finding.state != State::Failed)
    }
}

/// A playbook of which no plan can be made as it stands, so that nobody knows its hosts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unplanned {
    pub file: String,
    pub playbook: String,
    pub reason: String,
}

/// What `check --connect` found out.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Connected {
    /// Hosts by name, in the order of the inventory.
    pub hosts: Vec<(String, Examination)>,
    pub unplanned: Vec<Unplanned>,
}

/// A line for each host that is well, everything about the others.
pub fn connected_text(found: &Connected, colour: bool) -> String {
    let width = found.hosts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let one = |(name, found): &(String, Examination)| {
        let is_fine = found.reached && found.is_well();
        if is_fine { status_line(name, width, found, colour) } else { examination_text(name, found, colour) }
    };
    found.hosts.iter().map(one).collect()
}

pub fn connected_json(found: &Connected) -> (Json, Json) {
    let unplanned = |one: &Unplanned| json!({ "file": one.file, "playbook": one.playbook, "reason": one.reason });
    let hosts = found.hosts.iter().map(|(name, found)| examination_json(name, found)).collect();
    (hosts, found.unplanned.iter().map(unplanned).collect())
}

/// A line for each finding, and one with what mends it.
pub fn examination_text(host: &str, found: &Examination, colour: bool) -> String {
    let width = found.findings.iter().map(|finding| finding.what.len()).max().unwrap_or(0);
    let mut text = format!("{host}\n");
    for finding in &found.findings {
        let (sign, tone) = sign(finding.state);
        let line = format!("  {sign} {:width$}  {}", finding.what, finding.found);
        text.push_str(&paint(&harmless(&line), tone, colour));
        text.push('\n');
        if let Some(mend) = &finding.mend {
            text.push_str(&harmless(&format!("    {:width$}  mend: {mend}", "")));
            text.push('\n');
        }
    }
    text
}

/// `web1  ok  3ms`, `web2  FAILED  tcp: …`, `web3  warning  clock: …`.
pub fn status_line(host: &str, width: usize, found: &Examination, colour: bool) -> String {
    let worst = found.findings.iter().max_by_key(|finding| finding.state).filter(|worst| worst.state != State::Ok);
    let latency = found.latency.map(|took| words::duration(u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1)));
    let (state, more) = match worst {
        None => (State::Ok, lane_of(found)),
        Some(worst) => (worst.state, format!("  {}: {}", worst.what, worst.found)),
    };
    let (_, tone) = sign(state);
    let reached = latency.map(|latency| format!("  {latency}")).unwrap_or_default();
    let padding = " ".repeat(width.saturating_sub(host.chars().count()));
    let line = harmless(&format!("{host}{padding}  {}{reached}{more}", state.name()));
    format!("{}\n", paint(&line, tone, colour))
}

/// How it is worked with, where that is not as on most hosts.
fn lane_of(found: &Examination) -> String {
    let lane = found.findings.iter().find(|finding| finding.what == "lane");
    lane.map(|lane| format!("  lane: {}", lane.found)).unwrap_or_default()
}

/// `latency_ms`: until a program had run on a connection that was there.
pub fn examination_json(host: &str, found: &Examination) -> Json {
    let finding = |finding: &Finding| {
        json!({
            "what": finding.what,
            "state": finding.state.name(),
            "found": finding.found,
            "mend": finding.mend,
        })
    };
    json!({
        "host": host,
        "reached": found.reached,
        "latency_ms": found.latency.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        "findings": found.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn sign(state: State) -> (char, Tone) {
    match state {
        State::Ok => ('=', Tone::Ok),
        State::Warning => ('!', Tone::Warning),
        State::Failed => ('x', Tone::Failed),
    }
}
