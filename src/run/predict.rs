//! A connected plan: what each step would do now. Only `check` bodies run, so nothing changes.
//! Knows nothing of batches: every host is asked on its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use sha2::Digest;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::arguments::known;
use super::context::Context;
use super::differences::{Difference, WANTS_CONTENT, Written, differences};
use super::errors::StepError;
use super::link::Link;
use super::phases::{Attempt, Foresight, Trace};
use super::places::machine;
use super::prepare::{Prepared, Surroundings, prepare};
use super::results::{Flags, Own, Recorded, Results};
use super::schedule_data::Actor;
use super::scope::RunScope;
use super::step::with_hint;
use crate::base::ids::{BindingId, HostId, StepId};
use crate::eval::functions::hex;
use crate::eval::{Evaluated, eval};
use crate::hir::effect::Level;
use crate::hir::expr::{Expr, Operator};
use crate::hir::value::Value;
use crate::plan::model::{Block, BlockHosts, Guard, ItemKind, Plan, Step};
use crate::shell::{Variable, VariableValue};

/// What one step would do on one host.
#[derive(Clone, PartialEq, Debug)]
pub struct Prediction {
    pub step: String,
    pub host: String,
    pub verdict: Verdict,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// Nothing to do, or only reads.
    Ok,
    /// Its guard is not true.
    Skipped,
    WillChange {
        differences: Vec<Difference>,
    },
    Unknown {
        why: String,
    },
    /// It would fail.
    WillFail {
        why: String,
    },
    /// The host cannot be asked.
    Unreachable {
        why: String,
    },
}

/// Predictions by step, then by host, in the order of plan and inventory. `contents` asks for the contents of files too.
pub async fn predict(context: Arc<Context>, forks: usize, contents: bool) -> Vec<Prediction> {
    let work = steps_by_host(&context);
    let permits = Arc::new(Semaphore::new(forks.max(1)));
    let mut tasks = JoinSet::new();
    for (host, steps) in work {
        let (context, permits) = (Arc::clone(&context), Arc::clone(&permits));
        tasks.spawn(async move {
            // The semaphore is never closed; without a permit the host would only be asked earlier.
            let _permit = permits.acquire().await;
            HostForecast::new(&context, host, contents).run(&steps).await
        });
    }
    let mut found: Vec<(StepId, HostId, Prediction)> = Vec::new();
    while let Some(done) = tasks.join_next().await {
        match done {
            Ok(predictions) => found.extend(predictions),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    context.places.close().await;
    found.sort_by_key(|(step, host, _)| (*step, *host));
    found.into_iter().map(|(_, _, prediction)| prediction).collect()
}

/// A step with the guards of its block and its own.
type Guarded = (StepId, Vec<Guard>);

fn steps_by_host(context: &Context) -> BTreeMap<HostId, Vec<Guarded>> {
    let mut work: BTreeMap<HostId, Vec<Guarded>> = BTreeMap::new();
    for block in context.plan.blocks.values() {
        let BlockHosts::Known(hosts) = &block.hosts else { continue };
        let steps = guarded_steps(block);
        for host in hosts {
            work.entry(*host).or_default().extend(steps.iter().cloned());
        }
    }
    work
}

/// A block's steps; those after a `skip if` are done only where it was not true.
fn guarded_steps(block: &Block) -> Vec<Guarded> {
    let mut shared = block.guards.clone();
    let mut steps = Vec::new();
    for item in &block.items {
        match &item.kind {
            ItemKind::Step(step) => steps.push((*step, [shared.as_slice(), &item.guards].concat())),
            ItemKind::SkipIf { condition, .. } => {
                let reached = item.guards.iter().map(Guard::as_condition);
                let left_out = reached.reduce(and).map_or_else(|| condition.clone(), |met| and(met, condition.clone()));
                shared.push(Guard { condition: left_out, expected: false });
            }
            ItemKind::Approve(_) | ItemKind::Require { .. } | ItemKind::Rollback(_) => {}
        }
    }
    steps
}

fn and(left: Expr, right: Expr) -> Expr {
    Expr::binary(Operator::And, left, right)
}

/// Names of steps that the plan does not have, chosen otherwise by `--tags` or `--from`.
fn never_bound(plan: &Plan) -> BTreeSet<BindingId> {
    let steps = plan.steps.values().filter_map(|step| step.binding);
    let bound: BTreeSet<BindingId> = steps.chain(plan.blocks.values().filter_map(|block| block.binding)).collect();
    plan.bindings.ids().filter(|binding| !bound.contains(binding)).collect()
}

struct HostForecast<'a> {
    context: &'a Context,
    host: HostId,
    link: Link,
    own: Own,
    published: Results,
    /// Names without a result that have none in a run either.
    foreseen: BTreeSet<BindingId>,
    /// Steps whose effect is not there yet, so that what they touch cannot be judged.
    unsettled: Vec<StepId>,
    lost: Option<String>,
    contents: bool,
}

impl<'a> HostForecast<'a> {
    fn new(context: &'a Context, host: HostId, contents: bool) -> Self {
        HostForecast {
            context,
            host,
            link: Link::new(Some(host)),
            own: Own::new(),
            published: Results::default(),
            foreseen: never_bound(&context.plan),
            unsettled: Vec::new(),
            lost: None,
            contents,
        }
    }

    async fn run(mut self, steps: &[Guarded]) -> Vec<(StepId, HostId, Prediction)> {
        let mut predictions = Vec::new();
        for (id, guards) in steps {
            let verdict = self.judge(*id, guards).await;
            if matches!(verdict, Verdict::WillChange { .. } | Verdict::Unknown { .. } | Verdict::Unreachable { .. }) {
                self.unsettled.push(*id);
            }
            let (step, host) = (self.context.step(*id).name.clone(), self.context.name(Actor::Host(self.host)));
            predictions.push((*id, self.host, Prediction { step, host, verdict }));
        }
        self.link.close().await;
        predictions
    }

    async fn judge(&mut self, id: StepId, guards: &[Guard]) -> Verdict {
        if let Some(why) = &self.lost {
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
        self.look(step).await
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
            self.own.entry(binding).or_insert_with(absent);
        }
    }

    fn scope(&self) -> RunScope<'_> {
        self.around().scope(self.context, None)
    }

    fn around(&self) -> Surroundings<'_> {
        Surroundings {
            actor: Actor::Host(self.host),
            published: &self.published,
            own: &self.own,
            batch: &[],
            foreseen: Some(&self.foreseen),
        }
    }

    /// The machine that a step runs on; none where only the run will know.
    fn machine(&self, step: &Step) -> Option<HostId> {
        match &step.runs_at {
            None => Some(self.host),
            Some(place) => machine(place, &self.scope()).ok(),
        }
    }

    /// An earlier step that has yet to happen and may touch what this one looks at.
    fn overlapping(&self, step: &Step) -> Option<String> {
        let overlaps = |earlier: &&StepId| {
            let earlier = self.context.step(**earlier);
            let apart =
                matches!((self.machine(earlier), self.machine(step)), (Some(left), Some(right)) if left != right);
            earlier.row.level != Level::Read && !apart && (looks_anywhere(step) || touch_overlap(earlier, step))
        };
        self.unsettled.iter().find(overlaps).map(|id| self.context.step(*id).name.clone())
    }

    async fn look(&mut self, step: &Step) -> Verdict {
        if step.runs_at.is_none() {
            // Taken out for the look, so that what is found can be kept meanwhile.
            let mut link = std::mem::replace(&mut self.link, Link::new(Some(self.host)));
            let verdict = self.look_at(step, &mut link).await;
            self.link = link;
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
        if self.contents {
            let value = VariableValue::Text("true".to_string());
            prepared.bound.variables.push(Variable { name: WANTS_CONTENT.to_string(), value });
        }
        let mut trace = Trace::default();
        let mut attempt =
            Attempt { context: self.context, link, prepared: &prepared, number: 1, started: Instant::now() };
        match attempt.foresee(&mut trace).await {
            Ok(Foresight::NothingToDo) => {
                let fields = super::step::known_fields(&prepared, &trace, &self.context.redactor());
                match self.attributes(step, &fields) {
                    Ok((_, waits @ Verdict::Unknown { .. })) => waits,
                    Ok((changed, verdict)) => {
                        self.record(step, Recorded::new(fields, Flags { changed, ..Flags::default() }));
                        verdict
                    }
                    Err(error) => self.failed(step, &error),
                }
            }
            Ok(Foresight::ReadsInTheRun) => Verdict::Unknown { why: "it reads only in a run".to_string() },
            Ok(Foresight::WouldApply) => will_change(self.context, &prepared, &trace, self.contents).await,
            Err(error @ StepError::Needs { .. }) if !self.unsettled.is_empty() => {
                Verdict::Unknown { why: format!("{error}, which an earlier step may change") }
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
            () => Verdict::Ok,
        };
        Ok((changed, verdict))
    }

    fn record(&mut self, step: &Step, recorded: Recorded) {
        if let Some(binding) = step.binding {
            self.own.insert(binding, recorded);
        }
    }

    fn failed(&mut self, step: &Step, error: &StepError) -> Verdict {
        if error.is_unreachable() && step.runs_at.is_some() {
            return Verdict::Unreachable { why: with_hint(error) };
        }
        if error.is_unreachable() {
            self.lost = Some("the host cannot be asked".to_string());
            return Verdict::Unreachable { why: with_hint(error) };
        }
        match error {
            StepError::SecretNotRead { .. } => {
                Verdict::Unknown { why: "it takes a secret, which only a run reads".to_string() }
            }
            StepError::NotKnown { what } => Verdict::Unknown { why: format!("`{what}` is known only in a run") },
            StepError::Argument { .. } | StepError::Expression(_) if !self.unsettled.is_empty() => {
                Verdict::Unknown { why: error.to_string() }
            }
            other => Verdict::WillFail { why: with_hint(other) },
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

/// A read that names nothing may look at whatever an earlier step has yet to change.
fn looks_anywhere(step: &Step) -> bool {
    step.row.level == Level::Read && step.touches.is_empty()
}

/// Undeclared touches overlap everything; a key with a part known only at run time (`{…}`) overlaps its kind.
pub fn touch_overlap(earlier: &Step, later: &Step) -> bool {
    if earlier.touches_undeclared || later.touches_undeclared {
        return true;
    }
    earlier.touches.iter().any(|left| later.touches.iter().any(|right| keys_overlap(left, right)))
}

fn keys_overlap(left: &str, right: &str) -> bool {
    let kind = |key: &str| key.split(':').next().unwrap_or_default().to_string();
    if kind(left) != kind(right) {
        return false;
    }
    let pending = left.contains('{') || right.contains('{');
    pending || left == right || (left.starts_with("path:") && (inside(left, right) || inside(right, left)))
}

/// Whether one path lies below the other.
fn inside(folder: &str, path: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_overlap_by_kind_path_and_pending_part() {
        let cases = [
            ("path:/srv", "path:/srv/app", true),
            ("path:/srv/app", "path:/srv/application", false),
            ("path:/srv/app", "service:app", false),
            ("path:{to}", "path:/etc/x", true),
            ("service:nginx", "service:nginx", true),
            ("service:nginx", "service:nginx2", false),
        ];
        for (left, right, expected) in cases {
            assert_eq!(keys_overlap(left, right), expected, "{left} {right}");
            assert_eq!(keys_overlap(right, left), expected, "{right} {left}");
        }
    }
}
