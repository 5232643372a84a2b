//! How long a playbook and its steps took in runs that are over: half of the times are no longer than p50, 95 of 100 no
//! longer than p95 (nearest rank, so each is a time that was measured).

use serde_json::{Value as Json, json};

use super::event_read;
use super::run_text::time_text;
use crate::base::words;
use crate::run::event::{EventKind, Outcome};
use crate::state::RunSummary;

pub struct Stats {
    playbook: String,
    runs: usize,
    /// When the first and the last of the runs started.
    span: Option<(u64, u64)>,
    /// Of runs that ended with exit 0, as a whole; those that go on with another did only a part.
    whole: Vec<u64>,
    /// Runs that ended otherwise.
    failed: usize,
    /// In the order in which they were first seen.
    steps: Vec<StepStats>,
}

struct StepStats {
    step: String,
    /// On every host of every run, where it was done.
    times: Vec<u64>,
    failed: usize,
}

impl Stats {
    pub fn new(playbook: &str) -> Stats {
        Stats { playbook: playbook.to_string(), runs: 0, span: None, whole: Vec::new(), failed: 0, steps: Vec::new() }
    }

    /// A run that is over, with its events.
    pub fn add(&mut self, run: &RunSummary, events: &[String]) {
        let started = run.record.started;
        self.runs += 1;
        let (first, last) = self.span.unwrap_or((started, started));
        self.span = Some((first.min(started), last.max(started)));
        self.failed += usize::from(run.exit != Some(0));
        if let (Some(0), Some(finished), None) = (run.exit, run.finished, run.record.goes_on_with) {
            self.whole.push(finished.saturating_sub(started));
        }
        for event in event_read::events(events) {
            if let EventKind::StepFinished { step, outcome, evidence, .. } = event.kind
                && evidence.done_in.is_none()
            {
                self.step(&step, outcome, evidence.elapsed_ms);
            }
        }
    }

    /// What was skipped or undone says nothing of how long doing it takes.
    fn step(&mut self, name: &str, outcome: Outcome, took: u64) {
        let (done, failed) = match outcome {
            Outcome::Ok | Outcome::Changed => (true, false),
            Outcome::Failed | Outcome::Ignored | Outcome::TimedOut | Outcome::Unreachable => (false, true),
            Outcome::Skipped | Outcome::RolledBack | Outcome::RollbackFailed | Outcome::Cancelled => return,
        };
        if !self.steps.iter().any(|known| known.step == name) {
            self.steps.push(StepStats { step: name.to_string(), times: Vec::new(), failed: 0 });
        }
        if let Some(known) = self.steps.iter_mut().find(|known| known.step == name) {
            known.times.extend(done.then_some(took));
            known.failed += usize::from(failed);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.runs == 0
    }

    pub fn text(&self) -> String {
        let (first, last) = self.span.unwrap_or_default();
        let span = format!("{} to {}", time_text(first), time_text(last));
        let mut text = format!("{}: {} from {span}\n", self.playbook, words::count(self.runs, "run"));
        let names = self.steps.iter().map(|step| step.step.as_str()).chain(["step", "the whole run"]);
        let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
        let mut line = |name: &str, [count, p50, p95, failed]: [&str; 4]| {
            let padding = " ".repeat(width.saturating_sub(name.chars().count()));
            text.push_str(&format!("  {name}{padding}  {count:>6}  {p50:>10}  {p95:>10}  {failed:>6}\n"));
        };
        line("step", ["times", "p50", "p95", "failed"]);
        let time = |times: &[u64], share| percentile(times, share).map_or("-".to_string(), words::duration);
        for StepStats { step, times, failed } in &self.steps {
            let (p50, p95) = (time(times, 50), time(times, 95));
            line(step, [&times.len().to_string(), &p50, &p95, &failed.to_string()]);
        }
        let (p50, p95) = (time(&self.whole, 50), time(&self.whole, 95));
        line("the whole run", [&self.whole.len().to_string(), &p50, &p95, &self.failed.to_string()]);
        text
    }

    pub fn json(&self) -> Json {
        let step = |step: &StepStats| json!({ "step": step.step, "failed": step.failed, "elapsed_ms": times_json(&step.times) });
        json!({
            "schema": "opsc.stats/1", "playbook": self.playbook, "runs": self.runs, "failed": self.failed,
            "first": self.span.map(|(first, _)| first), "last": self.span.map(|(_, last)| last),
            "elapsed_ms": times_json(&self.whole), "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
        })
    }
}

fn times_json(times: &[u64]) -> Json {
    json!({
        "count": times.len(), "p50": percentile(times, 50), "p95": percentile(times, 95),
        "most": times.iter().max(),
    })
}

/// The time that so many of a hundred are no longer than.
fn percentile(times: &[u64], share: usize) -> Option<u64> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * share).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let hundred: Vec<u64> = (1..=100).rev().collect();
        assert_eq!((percentile(&hundred, 50), percentile(&hundred, 95)), (Some(50), Some(95)));
        assert_eq!((percentile(&[7, 3], 50), percentile(&[7, 3], 95)), (Some(3), Some(7)));
        assert_eq!(percentile(&[], 50), None);
    }
}
