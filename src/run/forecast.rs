//! One host's part of a connected plan: its steps in order, judged by their `check` bodies and by what came before.
//! Knows nothing of other hosts but what they may change at machines that are shared.

use std::collections::{BTreeMap, BTreeSet};

use sha2::Digest;
use tokio::time::Instant;

use super::arguments::known;
use super::context::Context;
use super::differences::{Difference, WANTS_CONTENT, Written, differences};
use super::errors::StepError;
use super::link::Link;
use super::phases::{Attempt, Foresight, Trace};
use super::places::machine;
use super::predict::{Order, Point, Prediction, Requirement, Stage, Verdict, looks_anywhere};
use super::prepare::{Prepared, Surroundings, prepare};
use super::real_paths::{RealPaths, real_paths};
use super::results::{Flags, Own, Recorded};
use super::schedule_data::Actor;
use super::scope::RunScope;
use crate::base::hex::hex;
use crate::base::ids::{HostId, StepId};
use crate::eval::{Evaluated, eval};
use crate::hir::effect::Level;
use crate::hir::expr::Expr;
use crate::hir::value::Value;
use crate::plan::model::{Guard, Step};
use crate::plan::touches::{has_paths, keys_overlap, paths, touch_overlap};
use crate::shell::{Variable, VariableValue};

/// A step whose effect is not there yet, of another host or of the controller (`None`), and where it would happen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Elsewhere {
    pub(super) host: Option<HostId>,
    pub(super) step: StepId,
    /// None where only the run will know it.
    pub(super) machine: Option<HostId>,
}

/// What is kept of a host between blocks.
pub(super) struct HostState {
    pub(super) host: HostId,
    pub(super) link: Link,
    pub(super) own: Own,
    /// Steps whose effect is not there yet, so that what they touch cannot be judged.
    unsettled: Vec<StepId>,
    lost: Option<String>,
    /// What fails before anything else happens to the host.
    out: Option<String>,
    real: BTreeMap<HostId, RealPaths>,
}

/// What a host learned, so that it can be asked again from there.
pub(super) type Memory = (Own, Vec<StepId>, Option<String>, Option<String>);

impl HostState {
    pub(super) fn new(host: HostId) -> Self {
        HostState {
            host,
            link: Link::new(Some(host)),
            own: Own::new(),
            unsettled: Vec::new(),
            lost: None,
            out: None,
            real: BTreeMap::new(),
        }
    }

    pub(super) fn memory(&self) -> Memory {
        (self.own.clone(), self.unsettled.clone(), self.lost.clone(), self.out.clone())
    }

    pub(super) fn recall(&mut self, memory: Memory) {
        (self.own, self.unsettled, self.lost, self.out) = memory;
    }
}

/// What became of a block on one host.
pub(super) struct Seen {
    pub(super) predictions: Vec<(Order, HostId, Prediction)>,
    pub(super) elsewhere: Vec<Elsewhere>,
    /// Nothing would change or fail, and everything is known.
    pub(super) settled: bool,
}

pub(super) struct HostForecast<'a> {
    context: &'a Context,
    stage: &'a Stage,
    state: HostState,
    seen: Seen,
    /// Nothing of the block happens to the host from here on, and why.
    stopped: Option<String>,
}

impl<'a> HostForecast<'a> {
    pub(super) fn new(context: &'a Context, stage: &'a Stage, state: HostState) -> Self {
        let seen = Seen { predictions: Vec::new(), elsewhere: Vec::new(), settled: true };
        let stopped = state.out.clone().filter(|_| !stage.include_failed);
        HostForecast { context, stage, state, seen, stopped }
    }

    pub(super) async fn run(mut self) -> (HostState, Seen) {
        let stage = self.stage;
        let was_out = self.state.out.is_some();
        for point in &stage.points {
            match point {
                Point::Step(id, guards) => self.step(*id, guards).await,
                Point::Require(requirement) => self.require(requirement),
                Point::Always => {
                    // A host that begins a block comes to its `always`; one that is out does not begin it.
                    let begins = self.stage.include_failed || !was_out;
                    self.stopped = self.stopped.take().filter(|_| !begins);
                    self.always();
                }
            }
        }
        (self.state, self.seen)
    }

    async fn step(&mut self, id: StepId, guards: &[Guard]) {
        let verdict = match &self.stage.foregone {
            Some(verdict) => verdict.clone(),
            None => match &self.stopped {
                Some(why) => Verdict::NotReached { why: why.clone() },
                None => self.judge(id, guards).await,
            },
        };
        let fails = matches!(verdict, Verdict::WillFail { .. }) && !self.context.step(id).allow_failure;
        if fails {
            self.fail(format!("{} fails", self.context.step(id).name));
        }
        self.seen.settled &= matches!(verdict, Verdict::Ok | Verdict::Skipped);
        if matches!(verdict, Verdict::WillChange { .. } | Verdict::Unknown { .. } | Verdict::Unreachable { .. }) {
            self.state.unsettled.push(id);
            let machine = self.machine(self.context.step(id));
            self.seen.elsewhere.push(Elsewhere { host: Some(self.state.host), step: id, machine });
        }
        let (step, host) = (self.context.step(id).name.clone(), self.context.name(Actor::Host(self.state.host)));
        self.seen.predictions.push(((Some(id), 0), self.state.host, Prediction { step, host, verdict }));
    }

    /// Nothing more happens to the host, here and in later blocks.
    fn fail(&mut self, why: String) {
        self.state.out = Some(why.clone());
        self.stopped = Some(why);
    }

    fn require(&mut self, requirement: &Requirement) {
        let reached = self.guarded(&requirement.guards);
        let met = eval(&requirement.condition, &self.scope());
        let holds = matches!(met, Ok(Evaluated::Known(Value::Bool(true))));
        self.seen.settled &= matches!(reached, Ok(Some(false))) || holds;
        let judged = self.stage.foregone.is_none() && self.stopped.is_none() && self.state.lost.is_none();
        if judged && matches!((reached, met), (Ok(Some(true)), Ok(Evaluated::Known(_)))) && !holds {
            let why = match known(&requirement.message, &self.scope()) {
                Ok(Value::String(text)) => text,
                _ => "it does not hold".to_string(),
            };
            let host = self.context.name(Actor::Host(self.state.host));
            let verdict = Verdict::WillFail { why: self.context.redactor().clean(&why) };
            let prediction = Prediction { step: "require".to_string(), host, verdict };
            self.seen.predictions.push((requirement.order, self.state.host, prediction));
            self.fail("`require` fails".to_string());
        }
    }

    /// Where something may fail, a rollback may take the block's results back before this.
    fn always(&mut self) {
        if self.seen.settled {
            return;
        }
        for point in &self.stage.points {
            let Point::Step(id, _) = point else { continue };
            self.forget(self.context.step(*id));
        }
    }

    async fn judge(&mut self, id: StepId, guards: &[Guard]) -> Verdict {
        if let Some(why) = &self.state.lost {
            return Verdict::Unknown { why: why.clone() };
        }
        let step = self.context.step(id);
        match self.guarded(guards) {
            Ok(Some(true)) => {}
            Ok(Some(false)) => {
                self.left_out(step);
                return Verdict::Skipped;
            }
            Ok(None) => return Verdict::Unknown { why: "its condition depends on the run".to_string() },
            Err(error) => return Verdict::Unknown { why: error.to_string() },
        }
        if let Some(earlier) = self.overlapping(step) {
            return Verdict::Unknown { why: format!("after {earlier}") };
        }
        let verdict = self.look(step).await;
        let why = match verdict {
            Verdict::Ok | Verdict::Now | Verdict::WillFail { .. } => self.disturbed(step).await,
            // That another host may do it first does not make it less needed.
            Verdict::WillChange { .. } => self.under_another_name(step).await,
            _ => None,
        };
        match why {
            Some(why) => {
                self.forget(step);
                Verdict::Unknown { why }
            }
            None => verdict,
        }
    }

    fn forget(&mut self, step: &Step) {
        if let Some(binding) = step.binding {
            self.state.own.remove(&binding);
        }
    }

    /// What may yet change what this step has just looked at, though it did not seem to.
    async fn disturbed(&mut self, step: &Step) -> Option<String> {
        match self.conflict(step) {
            Some(why) => Some(why),
            None => self.under_another_name(step).await,
        }
    }

    /// An earlier step that has yet to happen to what links name otherwise.
    async fn under_another_name(&mut self, step: &Step) -> Option<String> {
        let here = self.machine(step)?;
        let same_place = |earlier: &&Step| earlier.row.level != Level::Read && self.machine(earlier) == Some(here);
        let earlier = self.state.unsettled.iter().map(|id| self.context.step(*id));
        let earlier: Vec<&Step> = earlier.filter(|step| has_paths(step)).filter(same_place).collect();
        if earlier.is_empty() || !has_paths(step) {
            return None;
        }
        match self.real_paths(step, here).await {
            Ok(real) => {
                earlier.iter().find(|earlier| meet(earlier, step, &real)).map(|step| format!("after {}", step.name))
            }
            Err(error) => Some(format!("where its path leads is not known: {error}")),
        }
    }

    /// Asked once per machine, and only where it matters.
    async fn real_paths(&mut self, step: &Step, machine: HostId) -> Result<RealPaths, StepError> {
        if let Some(real) = self.state.real.get(&machine) {
            return Ok(real.clone());
        }
        let paths: BTreeSet<&str> = self.context.plan.steps.values().flat_map(paths).collect();
        let paths: Vec<String> = paths.into_iter().map(str::to_string).collect();
        let user = step.user_on(self.context.inventory.hosts.get(machine));
        let real = if step.runs_at.is_some() {
            let shared = self.context.places.link(machine);
            let mut link = shared.lock().await;
            real_paths(self.context, &mut link, user.as_deref(), &paths).await?
        } else {
            real_paths(self.context, &mut self.state.link, user.as_deref(), &paths).await?
        };
        self.state.real.insert(machine, real.clone());
        Ok(real)
    }

    /// A step on behalf of another host that may change what this one looks at, sooner or later.
    fn conflict(&self, step: &Step) -> Option<String> {
        let here = self.machine(step);
        let overlaps = |other: &&Elsewhere| {
            let apart = matches!((other.machine, here), (Some(there), Some(here)) if there != here);
            let earlier = self.context.step(other.step);
            let changes = earlier.row.level != Level::Read;
            changes && other.host != Some(self.state.host) && !apart && overlap(earlier, step)
        };
        let other = self.stage.elsewhere.iter().find(overlaps)?;
        let (name, actor) = (&self.context.step(other.step).name, other.host.map_or(Actor::Controller, Actor::Host));
        Some(format!("after {name} for {}", self.context.name(actor)))
    }

    /// A condition on something absent counts as false, as in a run; one on what only the run will know is unknown.
    fn guarded(&self, guards: &[Guard]) -> Result<Option<bool>, StepError> {
        let mut met = Some(true);
        for guard in guards {
            match eval(&guard.condition, &self.scope()).map_err(StepError::Expression)? {
                Evaluated::Known(value) if (value == Value::Bool(true)) != guard.expected => return Ok(Some(false)),
                Evaluated::Known(_) => {}
                Evaluated::Pending(_) => met = None,
            }
        }
        Ok(met)
    }

    /// A step that is left out has an absent result, which must not hide that of another branch.
    fn left_out(&mut self, step: &Step) {
        if let Some(binding) = step.binding {
            let absent = || Recorded { value: Value::None, flags: Flags { skipped: true, ..Flags::default() } };
            self.state.own.entry(binding).or_insert_with(absent);
        }
    }

    fn scope(&self) -> RunScope<'_> {
        self.around().scope(self.context, None)
    }

    fn around(&self) -> Surroundings<'_> {
        Surroundings {
            actor: Actor::Host(self.state.host),
            published: &self.stage.published,
            own: &self.state.own,
            batch: &[],
            foreseen: Some(&self.stage.foreseen),
        }
    }

    /// The machine that a step runs on; none where only the run will know.
    fn machine(&self, step: &Step) -> Option<HostId> {
        match &step.runs_at {
            None => Some(self.state.host),
            Some(place) => machine(place, &self.scope()).ok(),
        }
    }

    /// An earlier step that has yet to happen and may touch what this one looks at.
    fn overlapping(&self, step: &Step) -> Option<String> {
        let overlaps = |earlier: &&StepId| {
            let earlier = self.context.step(**earlier);
            let apart =
                matches!((self.machine(earlier), self.machine(step)), (Some(left), Some(right)) if left != right);
            earlier.row.level != Level::Read && !apart && overlap(earlier, step)
        };
        self.state.unsettled.iter().find(overlaps).map(|id| self.context.step(*id).name.clone())
    }

    async fn look(&mut self, step: &Step) -> Verdict {
        if step.runs_at.is_none() {
            // Taken out for the look, so that what is found can be kept meanwhile.
            let mut link = std::mem::replace(&mut self.state.link, Link::new(Some(self.state.host)));
            let verdict = self.look_at(step, &mut link).await;
            self.state.link = link;
            return verdict;
        }
        let Some(machine) = self.machine(step) else {
            return Verdict::Unknown { why: "where it runs depends on the run".to_string() };
        };
        let shared = self.context.places.link(machine);
        let mut link = shared.lock().await;
        self.look_at(step, &mut link).await
    }

    async fn look_at(&mut self, step: &Step, link: &mut Link) -> Verdict {
        let surroundings = self.around();
        let mut prepared = match prepare(self.context, link, step, surroundings).await {
            Ok(prepared) => prepared,
            Err(error) => return self.failed(step, &error),
        };
        if self.stage.contents {
            let value = VariableValue::Text("true".to_string());
            prepared.bound.variables.push(Variable { name: WANTS_CONTENT.to_string(), value });
        }
        let mut trace = Trace::default();
        let mut attempt =
            Attempt { context: self.context, link, prepared: &prepared, number: 1, started: Instant::now() };
        match attempt.foresee(&mut trace).await {
            Ok(Foresight::NothingToDo) => self.nothing_to_do(step, &prepared, &trace),
            Ok(Foresight::ReadsInTheRun) if prepared.on_controller() => match attempt.read_now(&mut trace).await {
                // What it said may be otherwise in the run, so nothing is decided by it.
                Ok(()) => Verdict::Now,
                Err(error) => Verdict::Unknown { why: format!("now: {}", error.with_hint()) },
            },
            Ok(Foresight::ReadsInTheRun) if self.decides(&prepared) => match attempt.read_now(&mut trace).await {
                Ok(()) => self.nothing_to_do(step, &prepared, &trace),
                Err(error) => self.failed(step, &error),
            },
            Ok(Foresight::ReadsInTheRun) => Verdict::Unknown { why: "it reads only in a run".to_string() },
            Ok(Foresight::WouldApply) => will_change(self.context, &prepared, &trace, self.stage.contents).await,
            Err(error @ StepError::Needs { .. }) if !self.state.unsettled.is_empty() => {
                Verdict::Unknown { why: format!("{error}, which an earlier step may change") }
            }
            Err(error) => self.failed(step, &error),
        }
    }

    /// A script of the user's own that only reads, and whose result a condition or a set of hosts needs.
    fn decides(&self, prepared: &Prepared<'_>) -> bool {
        let needed = |binding| self.stage.deciding.contains(&binding);
        prepared.action.effect_param.is_some() && prepared.step.binding.is_some_and(needed)
    }

    fn nothing_to_do(&mut self, step: &Step, prepared: &Prepared<'_>, trace: &Trace) -> Verdict {
        let fields = super::step::known_fields(prepared.action, trace, &self.context.redactor());
        match self.attributes(step, &fields) {
            Ok((_, waits @ Verdict::Unknown { .. })) => waits,
            Ok((changed, verdict)) => {
                self.record(step, Recorded::new(fields, Flags { changed, ..Flags::default() }));
                verdict
            }
            Err(error) => self.failed(step, &error),
        }
    }

    /// What `ok`, `changed` and `until` say of a step that has nothing to do: whether it counts as changed, and that.
    fn attributes(&self, step: &Step, fields: &[(String, Value)]) -> Result<(bool, Verdict), StepError> {
        let it = Recorded::new(fields.to_vec(), Flags::default()).value;
        let scope = self.around().scope(self.context, Some(&it));
        let holds = |condition: &Expr| Ok(known(condition, &scope)? == Value::Bool(true));
        if let Some(ok) = &step.ok
            && !holds(ok)?
        {
            return Err(StepError::NotOk);
        }
        let changed = step.changed.as_ref().map(holds).transpose()? == Some(true);
        let waits = step.until.as_ref().map(holds).transpose()? == Some(false);
        let verdict = match () {
            () if waits => Verdict::Unknown { why: "`until` is not true now".to_string() },
            () if changed => Verdict::WillChange { differences: vec![counts_as_changed()] },
            () if step.until.is_some() => Verdict::Now,
            () => Verdict::Ok,
        };
        Ok((changed, verdict))
    }

    fn record(&mut self, step: &Step, recorded: Recorded) {
        if let Some(binding) = step.binding {
            self.state.own.insert(binding, recorded);
        }
    }

    fn failed(&mut self, step: &Step, error: &StepError) -> Verdict {
        if error.is_unreachable() && step.runs_at.is_some() {
            return Verdict::Unreachable { why: error.with_hint() };
        }
        if error.is_unreachable() {
            self.state.lost = Some("the host cannot be asked".to_string());
            return Verdict::Unreachable { why: error.with_hint() };
        }
        match error {
            StepError::SecretNotRead { .. } => {
                Verdict::Unknown { why: "it takes a secret, which only a run reads".to_string() }
            }
            StepError::NotKnown { what } => Verdict::Unknown { why: format!("`{what}` is known only in a run") },
            StepError::Argument { .. } | StepError::Expression(_) if !self.state.unsettled.is_empty() => {
                Verdict::Unknown { why: error.to_string() }
            }
            other => Verdict::WillFail { why: other.with_hint() },
        }
    }
}

/// `changed:` says so, whatever the step does.
fn counts_as_changed() -> Difference {
    Difference { field: "changed".to_string(), now: None, then: Some("true".to_string()) }
}

async fn will_change(context: &Context, prepared: &Prepared<'_>, trace: &Trace, contents: bool) -> Verdict {
    let written = written(context, prepared, contents).await;
    let found = differences(&context.inventory, prepared.action, &prepared.params, &written, &trace.before);
    let clean = |text: Option<String>| text.map(|text| context.redactor().clean(&text));
    let differences = found
        .into_iter()
        .map(|found| Difference { field: found.field, now: clean(found.now), then: clean(found.then) })
        .collect();
    Verdict::WillChange { differences }
}

/// What a step would write: a rendered template, a file of the project, or the parameter `content`.
async fn written(context: &Context, prepared: &Prepared<'_>, contents: bool) -> Written {
    if let Some(rendered) = &prepared.rendered {
        return Written {
            sha256: Some(rendered.file.sha256.clone()),
            content: contents.then(|| rendered.content.clone()),
        };
    }
    for (param, (_, value)) in prepared.action.params.iter().zip(&prepared.params) {
        match value {
            Value::File(file) => {
                // A file that is gone is an error of the run, not of its preview.
                let content = if contents { context.content(&file.sha256).await.ok() } else { None };
                return Written { sha256: Some(file.sha256.clone()), content };
            }
            Value::String(text) if param.name == "content" => {
                let sha256 = Some(hex(&sha2::Sha256::digest(text.as_bytes())));
                return Written { sha256, content: contents.then(|| text.clone().into_bytes()) };
            }
            _ => {}
        }
    }
    Written::default()
}

/// Whether a step that has yet to happen may change what another looks at.
fn overlap(earlier: &Step, later: &Step) -> bool {
    looks_anywhere(later) || touch_overlap(earlier, later)
}

/// Whether two steps touch one thing under different names.
fn meet(earlier: &Step, later: &Step, real: &RealPaths) -> bool {
    let key = |path: &str| format!("path:{}", real.get(path).map_or(path, String::as_str));
    paths(earlier).any(|left| paths(later).any(|right| keys_overlap(&key(left), &key(right))))
}
