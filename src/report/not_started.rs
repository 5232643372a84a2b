//! Hosts that never started in a block, and why, by what a run's events say. Knows no form of report.

use super::paint::harmless;
use crate::base::words;
use crate::run::event::{EventKind, NotStartedReason};

pub struct NotStarted {
    pub block: String,
    pub hosts: Vec<String>,
    /// For programs: `failures`, or the name of another reason.
    pub reason: &'static str,
    /// For people.
    pub why: String,
}

impl NotStarted {
    pub fn of(kind: &EventKind) -> Option<NotStarted> {
        let (block, hosts, reason, why) = match kind {
            EventKind::ThresholdReached { block, failures, max_failures, not_started } => {
                let why = format!("{}, {max_failures} allowed", words::count(*failures, "failure"));
                (block, not_started, "failures", why)
            }
            EventKind::HostsNotStarted { block, hosts, reason } => {
                let why = match reason {
                    NotStartedReason::Gate => "`after batch` failed",
                    NotStartedReason::Stopped => "the run was stopped",
                    NotStartedReason::MaxDuration => "`max_duration` has passed",
                    NotStartedReason::OtherBlock => "another block ended the run",
                };
                (block, hosts, reason.name(), why.to_string())
            }
            _ => return None,
        };
        Some(NotStarted { block: block.clone(), hosts: hosts.clone(), reason, why })
    }

    /// `on#1: 1 failure, 0 allowed; not started: web3, web4`
    pub fn text(&self) -> String {
        harmless(&format!("{}: {}; not started: {}", self.block, self.why, self.hosts.join(", ")))
    }
}
