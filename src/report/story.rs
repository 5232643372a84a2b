//! What a run did, put together from its events, its records and the ends of outputs: every step on every host with its
//! time and its end. Knows no form of report.

use std::collections::BTreeMap;

use super::event_read;
use super::left::Left;
use super::not_started::NotStarted;
use crate::run::event::{EventKind, Evidence, HostRecap, Outcome, RunEvent};
use crate::state::{Record, RunDetails, RunSummary, StepLog};

/// All that a report tells of a run.
pub struct Story<'r> {
    pub details: &'r RunDetails,
    /// The run that goes on with it, or back over it.
    pub later: Option<&'r RunSummary>,
    /// Whether its process is still there.
    pub alive: bool,
    pub left: &'r [Left],
    /// In the order in which they began; steps outside of all blocks stand under no name.
    pub blocks: Vec<BlockStory>,
    /// The recap, if the run came to its end.
    pub recap: Vec<HostRecap>,
}

pub struct BlockStory {
    pub name: String,
    place: usize,
    pub steps: Vec<StepStory>,
    pub not_started: Option<NotStarted>,
}

/// One step on one host, with all of its attempts.
pub struct StepStory {
    pub step: String,
    pub host: String,
    pub end: End,
    /// Milliseconds since 1970 at which it began and ended; an end that was not told has none.
    pub began: u64,
    pub ended: Option<u64>,
    pub attempt: u32,
    pub error: Option<String>,
    pub evidence: Evidence,
    /// The end of what it printed, where it failed.
    pub output: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Told(Outcome),
    /// It was under way when the run was last heard of; whether the intent to change something was recorded.
    Unknown {
        intended: bool,
    },
}

impl StepStory {
    /// Whether this is the way back of a step.
    pub fn is_undo(&self) -> bool {
        matches!(self.end, End::Told(Outcome::RolledBack | Outcome::RollbackFailed))
    }

    /// Whether it is what a reader must see first.
    pub fn is_bad(&self) -> bool {
        match self.end {
            End::Told(outcome) => {
                matches!(outcome, Outcome::Failed | Outcome::TimedOut | Outcome::Unreachable | Outcome::RollbackFailed)
            }
            End::Unknown { .. } => false,
        }
    }

    pub fn outcome_word(&self, alive: bool) -> &'static str {
        match self.end {
            End::Told(outcome) => outcome.name(),
            End::Unknown { .. } if alive => "under way",
            End::Unknown { .. } => "not known",
        }
    }

    /// Fields that were another before than after: name, before, after.
    pub fn differences(&self) -> Vec<(&str, &str, &str)> {
        let Evidence { before, after, .. } = &self.evidence;
        let was = |name: &str| before.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
        let fields = after.iter().map(|(name, value)| (name.as_str(), was(name), value.as_str()));
        fields.filter(|(_, before, after)| before != after).collect()
    }
}

/// What the journal has of one run.
pub struct Kept<'r> {
    pub details: &'r RunDetails,
    pub later: Option<&'r RunSummary>,
    pub alive: bool,
    pub left: &'r [Left],
    pub events: &'r [String],
    pub records: &'r [Record],
    pub outputs: &'r [StepLog],
}

pub fn story<'r>(kept: &Kept<'r>) -> Story<'r> {
    let mut teller = Teller::default();
    for event in event_read::events(kept.events) {
        teller.hear(event);
    }
    let mut blocks: Vec<BlockStory> = teller.blocks.into_values().collect();
    blocks.sort_by_key(|block| block.place);
    for step in blocks.iter_mut().flat_map(|block| &mut block.steps) {
        if matches!(step.end, End::Unknown { .. }) {
            ask_records(step, kept.records);
        }
        if step.error.is_some() {
            step.output = output_of(step, kept.outputs);
        }
    }
    blocks.retain(|block| !block.steps.is_empty() || block.not_started.is_some());
    let Kept { details, later, alive, left, .. } = *kept;
    Story { details, later, alive, left, blocks, recap: teller.recap }
}

#[derive(Default)]
struct Teller {
    blocks: BTreeMap<String, BlockStory>,
    /// The block that each host works at.
    at: BTreeMap<String, String>,
    recap: Vec<HostRecap>,
}

impl Teller {
    fn hear(&mut self, event: RunEvent) {
        if let Some(left_out) = NotStarted::of(&event.kind) {
            let block = left_out.block.clone();
            self.block(&block).not_started = Some(left_out);
        }
        match event.kind {
            EventKind::BlockStarted { block, .. } => {
                self.block(&block);
            }
            EventKind::HostStarted { block, host } | EventKind::RollbackStarted { block, host, .. } => {
                self.block(&block);
                self.at.insert(host, block);
            }
            EventKind::StepStarted { step, host, attempt } => {
                let begun = begun(step, host.clone(), attempt, event.time);
                self.steps(&host).push(begun);
            }
            EventKind::StepFinished { step, host, attempt, outcome, error, evidence } => {
                let steps = self.steps(&host);
                let open =
                    steps.iter().position(|known| known.ended.is_none() && known.step == step && known.host == host);
                let story = match open.and_then(|open| steps.get_mut(open)) {
                    Some(story) => story,
                    None => {
                        let began = event.time.saturating_sub(evidence.elapsed_ms);
                        steps.push(begun(step, host, attempt, began));
                        let Some(story) = steps.last_mut() else { return };
                        story
                    }
                };
                story.end = End::Told(outcome);
                story.ended = Some(event.time);
                story.attempt = attempt;
                story.error = error;
                story.evidence = evidence;
            }
            EventKind::RunFinished { hosts, .. } => self.recap = hosts,
            _ => {}
        }
    }

    /// Steps of the block that a host works at.
    fn steps(&mut self, host: &str) -> &mut Vec<StepStory> {
        let block = self.at.get(host).cloned().unwrap_or_default();
        &mut self.block(&block).steps
    }

    fn block(&mut self, name: &str) -> &mut BlockStory {
        let place = self.blocks.len();
        let new = || BlockStory { name: name.to_string(), place, steps: Vec::new(), not_started: None };
        self.blocks.entry(name.to_string()).or_insert_with(new)
    }
}

fn begun(step: String, host: String, attempt: u32, began: u64) -> StepStory {
    let end = End::Unknown { intended: false };
    let evidence = Evidence::default();
    StepStory { step, host, end, began, ended: None, attempt, error: None, evidence, output: String::new() }
}

/// The result is on disk before the event that tells it: a run that was killed between has only the result.
fn ask_records(step: &mut StepStory, records: &[Record]) {
    for record in records {
        match record {
            Record::Intent(intent)
                if intent.step == step.step && intent.host == step.host && intent.time >= step.began =>
            {
                step.end = End::Unknown { intended: true };
            }
            Record::Result(result)
                if result.step == step.step && result.host == step.host && result.time >= step.began =>
            {
                if let Some(outcome) = event_read::outcome(&result.outcome) {
                    step.end = End::Told(outcome);
                }
                step.ended = Some(result.time);
                step.error.clone_from(&result.error);
                step.evidence.code = result.code;
                step.evidence.output_sha256.clone_from(&result.output_sha256);
            }
            _ => {}
        }
    }
}

fn output_of(step: &StepStory, outputs: &[StepLog]) -> String {
    let phase = if step.is_undo() { "rollback" } else { "apply" };
    let of_step = outputs.iter().filter(|log| log.step == step.step && log.host == step.host);
    let (undo, rest): (Vec<&StepLog>, Vec<&StepLog>) = of_step.partition(|log| log.phase == "rollback");
    let logs = if phase == "rollback" { undo } else { rest };
    logs.last().map(|log| String::from_utf8_lossy(&log.output).into_owned()).unwrap_or_default()
}
