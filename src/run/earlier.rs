//! What earlier runs left for this one to go on with: of each step on each host how it ended, what it found and what it
//! reported. Read from the records of the journal. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::{self, Texts};
use super::kept::Kept;
use crate::base::ids::BlockId;
use crate::hir::effect::Kind;
use crate::plan::model::{Clause, Plan, Step};
use crate::state::{Approval, Intent, Receipt, Record, StepResult};

/// Steps that earlier runs ended, or began. Empty for a run that goes on with none.
#[derive(Default, Debug)]
pub struct Earlier {
    /// By host and step.
    steps: BTreeMap<(String, String), Left>,
    /// The newest intent of each host and of each block, as the place of its record.
    newest_of_host: BTreeMap<String, usize>,
    newest_of_block: BTreeMap<Option<BlockId>, usize>,
    /// The oldest first.
    approvals: Vec<Approval>,
}

/// What is left of one step on one host.
#[derive(Clone, PartialEq, Debug)]
pub struct Left {
    /// The run that did it last.
    pub run: i64,
    pub state: State,
    /// It changed the host, or may have.
    pub changed: bool,
    /// What was found before the first change that is still there; absent where it was not kept.
    pub before: Option<Texts>,
    /// What `apply` reported when it last acted; absent where it was not kept.
    pub apply: Option<Texts>,
    /// All that it reported when it last ended; absent where that is not known.
    pub kept: Option<Kept>,
    /// How `apply` had ended when it began to be undone.
    before_undo: Option<State>,
    /// Whether an earlier change is still there beside that of the last intent.
    changed_earlier: bool,
    /// What the host keeps of it, where it was under way.
    pub receipt: Option<Receipt>,
    /// It was ended before it was over: its time was, or its lane.
    pub ran_out: bool,
    /// A person says that it may be done once more.
    pub is_said_again: bool,
    /// What the host said of that.
    pub kept_there: Option<KeptThere>,
    /// A later step of its block changed the same thing once more, and nothing failed there.
    is_overtaken: bool,
    kind: Kind,
    block: Option<BlockId>,
    /// The place of its last record.
    pub at: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Done,
    /// It failed, and that was allowed.
    Ignored,
    /// It acted and failed: what failed is known.
    Failed,
    /// It acted, and how it ended is not known.
    Unknown,
    /// It began to be undone, and whether it was is not known.
    Undoing,
    /// It was to be undone, and that failed.
    NotUndone,
}

/// What a host that was asked knows of a step that was under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeptThere {
    Running,
    Finished,
}

impl State {
    /// Whether what nobody knows, or what failed, is the step's rollback.
    pub fn is_of_rollback(self) -> bool {
        matches!(self, State::Undoing | State::NotUndone)
    }
}

/// Outcomes of a step of which this opsc could not know how it ended, in the words of who did: a person, or the host.
pub const SAID_DONE: &str = "said_done";
pub const SAID_NOT_DONE: &str = "said_not_done";
pub const SAID_AGAIN: &str = "said_again";

impl Earlier {
    /// Of these records, the oldest first.
    pub fn of(records: &[Record], plan: &Plan) -> Earlier {
        let steps: BTreeMap<&str, &Step> = plan.steps.values().map(|step| (step.name.as_str(), step)).collect();
        let mut earlier = Earlier::default();
        let corrected = corrected(records);
        for (at, record) in records.iter().enumerate().filter(|(at, _)| !corrected.contains(at)) {
            let name = match record {
                Record::Intent(intent) => &intent.step,
                Record::Result(result) => &result.step,
            };
            // Clauses are for the end of the run that they stand in.
            let Some(step) = steps.get(name.as_str()).filter(|step| step.clause == Clause::Main) else { continue };
            match record {
                Record::Intent(intent) if intent.is_of_rollback() => earlier.undoing(intent),
                Record::Intent(intent) => earlier.intended(intent, step, at),
                Record::Result(result) if result.is_of_rollback() => earlier.undone(result, step),
                Record::Result(result) => earlier.ended(result, step, at),
            }
        }
        earlier.mark_overtaken(&steps);
        earlier
    }

    /// A service that was stopped, and then started by a later step, is not to be stopped and started once more.
    fn mark_overtaken(&mut self, steps: &BTreeMap<&str, &Step>) {
        let changed = |left: &Left| left.changed && left.state == State::Done;
        let touches = |name: &str| {
            let keys = steps.get(name).map_or(&[] as &[String], |step| &step.touches);
            // What is not known in the plan may be another thing each time.
            keys.iter().filter(|key| !key.contains('{'))
        };
        let mut last: BTreeMap<(&str, Option<BlockId>, &str), usize> = BTreeMap::new();
        for ((host, name), left) in self.steps.iter().filter(|(_, left)| changed(left)) {
            for key in touches(name) {
                let newest = last.entry((host, left.block, key)).or_default();
                *newest = left.at.max(*newest);
            }
        }
        let is_older = |host: &str, name: &str, left: &Left| {
            let newest = |key: &String| last.get(&(host, left.block, key.as_str())).is_some_and(|at| *at > left.at);
            changed(left) && touches(name).any(newest)
        };
        let overtaken = self.steps.iter().filter(|((host, name), left)| is_older(host, name, left));
        let overtaken: Vec<_> = overtaken.map(|(place, _)| place.clone()).collect();
        for place in overtaken {
            self.steps.entry(place).and_modify(|left| left.is_overtaken = true);
        }
    }

    /// With the approvals that they came to, the oldest first.
    pub fn with_approvals(self, approvals: Vec<Approval>) -> Earlier {
        Earlier { approvals, ..self }
    }

    /// What was last asked there.
    pub fn approval(&self, gate: &str, batch: Option<usize>) -> Option<&Approval> {
        self.approvals.iter().rev().find(|approval| approval.gate == gate && approval.batch == batch)
    }

    fn intended(&mut self, intent: &Intent, step: &Step, at: usize) {
        self.newest_of_host.insert(intent.host.clone(), at);
        self.newest_of_block.insert(step.block, at);
        let place = (intent.host.clone(), intent.step.clone());
        let changed = self.steps.remove(&place).filter(|left| left.changed);
        let left = Left {
            run: intent.run,
            state: State::Unknown,
            changed: true,
            changed_earlier: changed.is_some(),
            before: match changed {
                Some(left) => left.before,
                None => intent.before_json.as_deref().and_then(fields::from_json),
            },
            apply: Some(Texts::new()),
            kept: None,
            before_undo: None,
            receipt: intent.receipt.clone(),
            ran_out: false,
            is_said_again: false,
            kept_there: None,
            is_overtaken: false,
            kind: step.kind,
            block: step.block,
            at,
        };
        self.steps.insert(place, left);
    }

    /// The host knows how this step ended, or still does it: the next run takes it up there.
    pub fn keep(&mut self, host: &str, step: &str, runs: bool) {
        if let Some(left) = self.steps.get_mut(&(host.to_string(), step.to_string())) {
            left.kept_there = Some(if runs { KeptThere::Running } else { KeptThere::Finished });
        }
    }

    /// The host says so of a step that was about to begin.
    pub fn never_began(&mut self, host: &str, step: &str) {
        self.steps.remove(&(host.to_string(), step.to_string()));
    }

    fn ended(&mut self, result: &StepResult, step: &Step, at: usize) {
        let place = (result.host.clone(), result.step.clone());
        let left = self.steps.get(&place);
        let kept = result.kept_json.as_deref().and_then(Kept::from_json);
        let acted = left.is_some_and(|left| left.state == State::Unknown && left.run == result.run);
        let state = match result.outcome.as_str() {
            "ok" | "changed" | SAID_DONE => State::Done,
            "ignored" => State::Ignored,
            "failed" | SAID_AGAIN if acted => State::Failed,
            SAID_NOT_DONE => {
                self.steps.remove(&place);
                return;
            }
            // It did not come so far as to act, or nobody knows how it ended.
            outcome => {
                if let Some(left) = self.steps.get_mut(&place).filter(|_| acted) {
                    left.ran_out = outcome == "timed_out";
                }
                return;
            }
        };
        let changed_earlier = left.is_some_and(|left| if acted { left.changed_earlier } else { left.changed });
        let apply = match (&kept, left) {
            (Some(kept), _) if acted => kept.apply().cloned(),
            (_, Some(left)) => left.apply.clone(),
            (kept, None) => kept.as_ref().and_then(Kept::apply).cloned(),
        };
        let left = Left {
            run: result.run,
            state,
            changed: result.changed || changed_earlier || state == State::Failed,
            changed_earlier,
            before: left.and_then(|left| left.before.clone()),
            apply,
            kept,
            before_undo: None,
            receipt: None,
            ran_out: false,
            is_said_again: result.outcome == SAID_AGAIN,
            kept_there: None,
            is_overtaken: false,
            kind: step.kind,
            block: step.block,
            at,
        };
        self.steps.insert(place, left);
    }

    fn undoing(&mut self, intent: &Intent) {
        if let Some(left) = self.steps.get_mut(&(intent.host.clone(), intent.step.clone())) {
            left.before_undo.get_or_insert(left.state);
            left.state = State::Undoing;
        }
    }

    /// What was read on a host that is as it was before is read again.
    fn undone(&mut self, result: &StepResult, step: &Step) {
        let place = (result.host.clone(), result.step.clone());
        match (result.outcome.as_str(), self.steps.get_mut(&place)) {
            ("rolled_back" | SAID_DONE, _) => {}
            // It stands as if nobody had begun to undo it: done, or not known either.
            (SAID_NOT_DONE, Some(left)) => {
                left.state = left.before_undo.take().unwrap_or(left.state);
                return;
            }
            (SAID_AGAIN, Some(left)) => {
                (left.state, left.is_said_again) = (State::Failed, true);
                return;
            }
            ("rollback_failed", Some(left)) if left.state == State::Undoing => return left.state = State::NotUndone,
            _ => return,
        }
        self.steps.remove(&place);
        let is_read = |left: &Left| left.kind == Kind::Read && left.block == step.block;
        self.steps.retain(|(host, _), left| *host != result.host || !is_read(left));
    }

    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub fn left(&self, step: &Step, host: &str) -> Option<&Left> {
        self.steps.get(&(host.to_string(), step.name.clone()))
    }

    /// What ended and is not done again: what must not be, what a later step overtook, and reads of which a change
    /// followed, so that conditions stay decided as they were.
    pub fn finished(&self, step: &Step, host: &str) -> Option<&Left> {
        let left = self.left(step, host)?;
        let is_over = matches!(left.state, State::Done | State::Ignored);
        let stays = match step.kind {
            Kind::Once | Kind::Repeatable => true,
            Kind::Converge => left.is_overtaken,
            Kind::Read => step.binding.is_some() && self.is_decided_on(left, host),
        };
        (is_over && stays).then_some(left)
    }

    /// Something was changed after it, on the same host or in another block.
    fn is_decided_on(&self, left: &Left, host: &str) -> bool {
        let on_host = self.newest_of_host.get(host).is_some_and(|at| *at > left.at);
        on_host || self.newest_of_block.iter().any(|(block, at)| *block != left.block && *at > left.at)
    }

    /// Hosts and steps that must not be done twice and of which nobody knows whether they were.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, &str, State)> {
        let is_open = |state| matches!(state, State::Unknown | State::Undoing | State::NotUndone);
        let is_unknown = move |left: &Left| is_open(left.state) && left.kind == Kind::Once && left.kept_there.is_none();
        self.all().filter(move |(_, _, left)| is_unknown(left)).map(|(host, step, left)| (host, step, left.state))
    }

    /// Of these, the ones that may have been undone already: that must not be done twice either. One that may not have been
    /// done at all is undone all the same, and so is one whose undo is known to have failed.
    pub fn unknown_undone(&self) -> impl Iterator<Item = (&str, &str, State)> {
        self.unknown().filter(|(_, _, state)| *state == State::Undoing)
    }

    /// The steps of a block that changed a host, in the order of their names.
    pub fn changes(&self, block: BlockId, host: &str) -> impl Iterator<Item = (&str, &Left)> {
        let of_block = move |left: &Left| left.changed && left.block == Some(block) && left.kind != Kind::Read;
        let of_host = self.steps.range((host.to_string(), String::new())..).take_while(move |((of, _), _)| of == host);
        of_host.filter(move |(_, left)| of_block(left)).map(|((_, step), left)| (step.as_str(), left))
    }

    /// Hosts, steps and what is left of them, by host.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str, &Left)> {
        self.steps.iter().map(|((host, step), left)| (host.as_str(), step.as_str(), left))
    }
}

/// Places of what people said and corrected before anything went on: what they said last counts.
fn corrected(records: &[Record]) -> BTreeSet<usize> {
    let mut last: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    let mut corrected = BTreeSet::new();
    for (at, record) in records.iter().enumerate() {
        let (host, step, phase, is_said) = match record {
            Record::Intent(intent) => (&intent.host, &intent.step, &intent.phase, false),
            Record::Result(result) => (&result.host, &result.step, &result.phase, is_said(result)),
        };
        let place = (host.as_str(), step.as_str(), phase.as_str());
        if !is_said {
            last.remove(&place);
        } else if let Some(before) = last.insert(place, at) {
            corrected.insert(before);
        }
    }
    corrected
}

/// Whether a person said it, or the host afterwards.
pub fn is_said(result: &StepResult) -> bool {
    [SAID_DONE, SAID_NOT_DONE, SAID_AGAIN].contains(&result.outcome.as_str())
}
