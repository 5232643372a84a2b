//! One step on one actor, to its outcome: attempts, `until`, its result, its record in the journal, its undoing.
//! Knows nothing of what comes before and after it.

use std::time::Duration;

use tokio::time::Instant;

use super::builtins;
use super::context::Context;
use super::earlier::{Left, State};
use super::errors::{Phase, StepError};
use super::event::{EventKind, Evidence, Outcome, Stream};
use super::fields;
use super::kept::Kept;
use super::link::Link;
use super::phases::{Attempt, Trace};
use super::prepare::{Prepared, Surroundings, prepare};
use super::redact::Redactor;
use super::results::{Flags, Recorded};
use super::retries;
use crate::base::ids::StepId;
use crate::base::scatter::scattered;
use crate::base::words;
use crate::eval::eval_condition;
use crate::hir::effect::{Kind, Level};
use crate::hir::expr::Expr;
use crate::hir::program::{Action, Body};
use crate::hir::value::Value;
use crate::plan::model::Step;
use crate::state::StepResult;

/// How a step ended.
pub struct Done {
    pub outcome: Outcome,
    pub recorded: Recorded,
    pub undo: Option<Undo>,
}

/// What it takes to undo a step: what its phases reported.
pub struct Undo {
    pub step: StepId,
    /// Absent where an earlier run did it and a secret was in it.
    reported: Option<Reported>,
    /// It may not have been done, or may have been undone, or what it reported was never learned.
    is_uncertain: bool,
}

struct Reported {
    before: fields::Texts,
    apply: fields::Texts,
}

impl Undo {
    /// Of a step that an earlier run did.
    pub fn earlier(step: StepId, left: &Left) -> Undo {
        let (before, apply) = (left.before.clone(), left.apply.clone());
        let reported = before.zip(apply).map(|(before, apply)| Reported { before, apply });
        Undo { step, reported, is_uncertain: !matches!(left.state, State::Done | State::Ignored | State::Failed) }
    }
}

/// A step and the surroundings its expressions see.
pub struct StepRun<'a> {
    pub context: &'a Context,
    pub link: &'a mut Link,
    pub around: Surroundings<'a>,
    pub id: StepId,
    /// Steps of this block that already changed this host, for the message when it is lost.
    pub applied: usize,
}

/// How the attempts ended, before it is told.
struct Ended {
    trace: Trace,
    attempt: u32,
    fields: Vec<(String, Value)>,
    error: Option<StepError>,
    user: Option<String>,
    ran_at: Option<String>,
    changed: bool,
}

impl StepRun<'_> {
    pub async fn run(mut self) -> Done {
        let started = Instant::now();
        let step = self.context.step(self.id);
        let host = self.context.name(self.around.actor);
        if let Some(left) = self.context.earlier.finished(step, &host) {
            return self.take_over(step, left);
        }
        self.context.events.emit(EventKind::StepStarted { step: step.name.clone(), host, attempt: 1 });
        self.link.forget_ended();
        let prepared = prepare(self.context, self.link, step, self.around).await;
        let ended = match prepared {
            Ok(prepared) => match self.hold(&prepared).await {
                Ok(()) => self.attempts(&prepared).await,
                Err(error) => Ended::before_any(error),
            },
            Err(error) => Ended::before_any(error),
        };
        self.finish(step, ended, started).await
    }

    /// An earlier run did it.
    fn take_over(&self, step: &Step, left: &Left) -> Done {
        let (recorded, outcome, error) = match recorded(self.context, step, left) {
            Ok(recorded) if recorded.flags.failed => (recorded, Outcome::Ignored, None),
            Ok(recorded) => (recorded, Outcome::Ok, None),
            Err(error) => (Recorded::new(Vec::new(), Flags::default()), Outcome::Failed, Some(error.to_string())),
        };
        let (name, host) = (step.name.clone(), self.context.name(self.around.actor));
        let evidence = Evidence { done_in: Some(left.run), ..Evidence::default() };
        self.context.events.emit(EventKind::StepFinished { step: name, host, attempt: 1, outcome, error, evidence });
        let undo = left.changed.then(|| Undo::earlier(self.id, left));
        Done { outcome, recorded, undo }
    }

    /// What is looked at before a change stays as it is until then.
    async fn hold(&mut self, prepared: &Prepared<'_>) -> Result<(), StepError> {
        // A line for whatever answers there needs no lane, which would cost a Windows host a process more.
        let is_line = matches!(&prepared.body.apply, Some(Body::Native(name)) if name == builtins::RAW);
        if prepared.step.row.level == Level::Read || prepared.on_controller() || is_line {
            return Ok(());
        }
        self.link.hold(self.context, prepared.user.as_deref(), prepared.timeout()).await
    }

    async fn attempts(&mut self, prepared: &Prepared<'_>) -> Ended {
        let step = prepared.step;
        let mut number = 1;
        loop {
            let mut trace = Trace::default();
            let mut attempt =
                Attempt { context: self.context, link: self.link, prepared, number, started: Instant::now() };
            let ran = attempt.run(&mut trace).await;
            let judged = match ran {
                Ok(()) => self.judge(prepared, &trace, number),
                Err(error) => Err(error),
            };
            let again = matches!(&judged, Err(error) if error.may_pass_later() && number <= step.retry);
            if !again || self.context.is_halted() || !self.may_try_again(step) {
                return self.ended(prepared, trace, number, judged);
            }
            if let Err(error) = judged {
                self.retried(prepared, number, &error, &trace).await;
            }
            number += 1;
        }
    }

    async fn retried(&mut self, prepared: &Prepared<'_>, attempt: u32, error: &StepError, trace: &Trace) {
        let step = prepared.step;
        let host = self.context.name(self.around.actor);
        let text = self.context.redactor().clean(&error.to_string());
        self.context.events.emit(EventKind::StepRetried {
            step: step.name.clone(),
            host,
            attempt,
            error: text.clone(),
        });
        if trace.apply_started && step.row.level != Level::Read {
            let record = self.journal_record(step, trace, (attempt, "failed", Some(text)));
            match self.context.result(record).await {
                Ok(()) => self.forget(trace, Some(error)),
                Err(error) => tracing::warn!(%error, "a result was not recorded"),
            }
        }
        let pause = Duration::from_millis(retries::pause(step, attempt));
        let who = (self.context.run, self.context.name(self.around.actor), attempt);
        // On simulated time nobody comes back together with others.
        let percent = if self.context.script().is_some() { 0 } else { retries::SCATTER };
        self.context.pause(scattered(pause, percent, who)).await;
    }

    /// Whether the run has retries left. What `until` waits for is no failure, and costs none.
    fn may_try_again(&self, step: &Step) -> bool {
        if step.until.is_some() || self.context.retries.take() {
            return true;
        }
        let text = "not tried again: the run has spent its `retry.budget`".to_string();
        let host = self.context.name(self.around.actor);
        self.context.events.emit(EventKind::StepOutput { step: step.name.clone(), host, stream: Stream::Note, text });
        false
    }

    /// The result of an attempt whose phases all ran, if `ok` and `until` hold.
    fn judge(&self, prepared: &Prepared<'_>, trace: &Trace, number: u32) -> Result<Judged, StepError> {
        let step = prepared.step;
        let fields =
            self.told(result_fields(prepared, trace, &self.context.redactor(), self.context.script().is_some())?);
        let flags = Flags { changed: self.acted(step, trace), ..Flags::default() };
        let it = Recorded::new(fields.clone(), flags).value;
        if let Some(ok) = &step.ok
            && self.condition(ok, &it)? != Some(true)
        {
            return Err(StepError::NotOk);
        }
        let changed = match &step.changed {
            Some(changed) => self.condition(changed, &it)? == Some(true),
            None => flags.changed,
        };
        match &step.until {
            Some(until) if self.condition(until, &it)? != Some(true) => Err(StepError::NeverTrue { attempts: number }),
            _ => Ok(Judged { fields, changed }),
        }
    }

    /// What a program learns of a host holds no secret of the run, wherever it takes it.
    fn told(&self, fields: Vec<(String, Value)>) -> Vec<(String, Value)> {
        fields.into_iter().map(|(name, value)| (name, self.context.redactor().clean_value(value))).collect()
    }

    fn acted(&self, step: &Step, trace: &Trace) -> bool {
        trace.apply_started && step.row.level != Level::Read
    }

    fn condition(&self, condition: &Expr, it: &Value) -> Result<Option<bool>, StepError> {
        let scope = self.around.scope(self.context, Some(it));
        eval_condition(condition, &scope).map_err(StepError::Expression)
    }

    fn ended(&self, prepared: &Prepared<'_>, trace: Trace, attempt: u32, judged: Result<Judged, StepError>) -> Ended {
        let acted = self.acted(prepared.step, &trace);
        let (fields, changed, error) = match judged {
            Ok(judged) => (judged.fields, judged.changed, None),
            // What is known of a failed attempt is still of use to `x.code` and to reports.
            Err(error) => {
                (self.told(known_fields(prepared.action, &trace, &self.context.redactor())), acted, Some(error))
            }
        };
        let user = prepared.user.clone();
        let ran_at = prepared.ran_at.clone();
        Ended { trace, attempt, fields, error, user, ran_at, changed }
    }

    async fn finish(&mut self, step: &Step, mut ended: Ended, started: Instant) -> Done {
        let mut outcome = outcome_of(step, &ended);
        let mut error = ended.error.as_ref().map(|error| self.context.redactor().clean(&self.words(step, error)));
        // What failed before it could act is evidence too.
        let told = (ended.attempt, outcome.name(), error.clone());
        let record = self.journal_record(step, &ended.trace, told);
        let record = StepResult { changed: ended.changed, ..record };
        match self.context.result(record).await {
            Ok(()) => self.forget(&ended.trace, ended.error.as_ref()),
            Err(failure) => {
                error = Some(failure.to_string());
                outcome = Outcome::Failed;
            }
        }
        let earlier = self.changed_earlier(step);
        let flags = Flags {
            changed: ended.changed || earlier.is_some(),
            failed: !matches!(outcome, Outcome::Ok | Outcome::Changed),
            skipped: false,
        };
        self.tell(step, &ended, (outcome, error), started);
        let undo = self.undo(step, &mut ended, earlier);
        Done { outcome, recorded: Recorded::new(ended.fields, flags), undo }
    }

    /// What a host keeps of a step is of no use once its end is recorded; whoever lost sight of it will ask.
    fn forget(&mut self, trace: &Trace, error: Option<&StepError>) {
        if let (Some(receipt), false) = (&trace.receipt, error.is_some_and(StepError::is_unreachable)) {
            self.link.told.entry(receipt.user.clone()).or_default().push(receipt.id.clone());
        }
    }

    fn words(&self, step: &Step, error: &StepError) -> String {
        let text = error.with_hint();
        if !error.is_unreachable() || self.applied == 0 || step.runs_at.is_some() {
            return text;
        }
        format!("{text}; {} applied before, their rollback is owed", words::count(self.applied, "step"))
    }

    fn tell(&self, step: &Step, ended: &Ended, (outcome, error): (Outcome, Option<String>), started: Instant) {
        let trace = &ended.trace;
        let evidence = Evidence {
            code: trace.code,
            before: fields::shown(&trace.before, &self.context.redactor()),
            apply: fields::shown(&trace.apply, &self.context.redactor()),
            after: fields::shown(&trace.after, &self.context.redactor()),
            output_sha256: trace.output.sha256(),
            output_bytes: trace.output.bytes,
            elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            user: ended.user.clone(),
            ran_at: ended.ran_at.clone(),
            done_in: None,
        };
        let host = self.context.name(self.around.actor);
        tracing::debug!(%host, step = %step.name, outcome = outcome.name(), milliseconds = evidence.elapsed_ms, "step ended");
        self.context.events.emit(EventKind::StepFinished {
            step: step.name.clone(),
            host,
            attempt: ended.attempt,
            outcome,
            error,
            evidence,
        });
    }

    /// What an earlier run changed in this step, and is still there.
    fn changed_earlier(&self, step: &Step) -> Option<&Left> {
        let left = self.context.earlier.left(step, &self.context.name(self.around.actor));
        left.filter(|left| left.changed)
    }

    /// Steps that changed the host, or may have: what `rollback` goes back over, to what was before the first change.
    fn undo(&self, step: &Step, ended: &mut Ended, earlier: Option<&Left>) -> Option<Undo> {
        let acted = self.acted(step, &ended.trace);
        let touched = acted && (ended.changed || ended.error.is_some());
        let is_unheard = ended.error.is_some() && ended.trace.completed.as_ref().is_none_or(|heard| heard.timed_out);
        let now = touched.then(|| Reported {
            before: std::mem::take(&mut ended.trace.before),
            apply: std::mem::take(&mut ended.trace.apply),
        });
        let Some(left) = earlier else {
            return now.map(|now| Undo { step: self.id, reported: Some(now), is_uncertain: is_unheard });
        };
        let mut undo = Undo::earlier(self.id, left);
        if let (Some(earlier), Some(now)) = (&mut undo.reported, now) {
            earlier.apply = now.apply;
            undo.is_uncertain |= is_unheard;
        }
        Some(undo)
    }

    fn journal_record(
        &self,
        step: &Step,
        trace: &Trace,
        (attempt, outcome, error): (u32, &str, Option<String>),
    ) -> StepResult {
        let redactor = &self.context.redactor();
        let output = trace.output.kept(redactor);
        StepResult {
            run: self.context.run,
            step: step.name.clone(),
            host: self.context.name(self.around.actor),
            attempt,
            phase: Phase::Apply.name().to_string(),
            outcome: outcome.to_string(),
            changed: false,
            code: trace.code,
            before_json: fields::json(&fields::shown(&trace.before, redactor)),
            apply_json: fields::json(&fields::shown(&trace.apply, redactor)),
            after_json: fields::json(&fields::shown(&trace.after, redactor)),
            error,
            output_sha256: trace.output.sha256(),
            output: String::from_utf8_lossy(&output).into_owned().into_bytes(),
            kept_json: Kept::new(trace, self.context.action(step), redactor).to_json().into(),
            time: self.context.now(),
        }
    }

    /// Undoes one step. `Ok(false)`: the action has no way back from what it did.
    pub async fn undo_step(mut self, undo: &Undo) -> Result<bool, StepError> {
        let started = Instant::now();
        let step = self.context.step(undo.step);
        let mut ended = Ended::blank();
        let undone = self.try_undo(undo, &mut ended).await;
        let outcome = match &undone {
            Ok(false) => return undone,
            Ok(true) => Outcome::RolledBack,
            Err(error) if error.is_unreachable() && step.runs_at.is_none() => Outcome::Unreachable,
            Err(_) => Outcome::RollbackFailed,
        };
        let error = undone.as_ref().err().map(|error| self.context.redactor().clean(&error.with_hint()));
        let record = self.journal_record(step, &ended.trace, (1, outcome.name(), error.clone()));
        let recorded = self.context.result(StepResult { phase: Phase::Rollback.name().to_string(), ..record }).await;
        self.tell(step, &ended, (outcome, error), started);
        recorded.and(undone)
    }

    async fn try_undo(&mut self, undo: &Undo, ended: &mut Ended) -> Result<bool, StepError> {
        let step = self.context.step(undo.step);
        let prepared = prepare(self.context, self.link, step, self.around).await?;
        ended.user = prepared.user.clone();
        ended.ran_at = prepared.ran_at.clone();
        let Some(body) = &prepared.body.rollback else { return Ok(false) };
        let Some(reported) = &undo.reported else { return Err(StepError::NotKept) };
        if !self.is_reversible(&prepared, &reported.before)? {
            return Ok(false);
        }
        self.hold(&prepared).await?;
        // One that cannot be reached is not written down as begun.
        self.link.reach(self.context).await?;
        let trace = &mut ended.trace;
        (trace.before, trace.apply) = (reported.before.clone(), reported.apply.clone());
        let mut attempt = Attempt {
            context: self.context,
            link: &mut *self.link,
            prepared: &prepared,
            number: 1,
            started: Instant::now(),
        };
        let program = attempt.program(body, trace);
        attempt.context.intent(attempt.intent(Phase::Rollback, &program, trace)).await?;
        // Where nobody knows what is there, it is looked at: what is as it was is not undone, and nothing is believed.
        let looks = undo.is_uncertain && step.kind == Kind::Converge;
        let check = prepared.body.check.as_ref().filter(|_| looks);
        if let Some(check) = check
            && attempt.phase(Phase::Check, check, &mut Trace::default()).await? == reported.before
        {
            return Ok(true);
        }
        attempt.phase(Phase::Rollback, body, trace).await?;
        let Some(check) = check else { return Ok(true) };
        let now = attempt.phase(Phase::Verify, check, &mut Trace::default()).await?;
        let differs = fields::differences(&reported.before, &now);
        if differs.is_empty() { Ok(true) } else { Err(StepError::NotAsBefore { differs }) }
    }

    fn is_reversible(&self, prepared: &Prepared<'_>, before: &fields::Texts) -> Result<bool, StepError> {
        let Some(reversible) = &prepared.action.reversible else { return Ok(true) };
        if before.is_empty() && self.context.script().is_some() {
            return Ok(true);
        }
        let before = fields::typed(Phase::Check, before, &prepared.action.before)?;
        let none = Value::None;
        let scope = prepared.scope(self.context, &before, &none);
        Ok(eval_condition(reversible, &scope).map_err(StepError::Expression)? == Some(true))
    }
}

struct Judged {
    fields: Vec<(String, Value)>,
    changed: bool,
}

impl Ended {
    fn blank() -> Self {
        Ended {
            trace: Trace::default(),
            attempt: 1,
            fields: Vec::new(),
            error: None,
            user: None,
            ran_at: None,
            changed: false,
        }
    }

    fn before_any(error: StepError) -> Self {
        Ended { error: Some(error), ..Ended::blank() }
    }
}

fn outcome_of(step: &Step, ended: &Ended) -> Outcome {
    match &ended.error {
        None if ended.changed => Outcome::Changed,
        None => Outcome::Ok,
        // Where it ran is out of reach; the host it is about is not.
        Some(error) if error.is_unreachable() && step.runs_at.is_none() => Outcome::Unreachable,
        // Nothing was tried: a run that goes on must not take it for a failure that was allowed.
        Some(StepError::Journal(_)) => Outcome::Failed,
        Some(_) if step.allow_failure => Outcome::Ignored,
        Some(error) if error.is_timeout() => Outcome::TimedOut,
        Some(_) => Outcome::Failed,
    }
}

/// The fields that the action declares: from `apply`, else from the state after it, else from the state before.
fn result_fields(
    prepared: &Prepared<'_>,
    trace: &Trace,
    redactor: &Redactor,
    is_scripted: bool,
) -> Result<Vec<(String, Value)>, StepError> {
    let lenient = trace.skipped_apply || prepared.step.ok.is_some() || is_scripted;
    let mut fields = Vec::new();
    for field in fields::declared(&prepared.action.result) {
        let value = match seen(&field.name, trace, redactor) {
            Some(value) => value,
            None if field.ty.is_optional() || lenient => Value::None,
            None => return Err(StepError::MissingField { field: field.name.clone() }),
        };
        fields.push((field.name.clone(), value));
    }
    Ok(fields)
}

/// The result of a step that an earlier run did, as the program saw it then.
pub fn recorded(context: &Context, step: &Step, left: &Left) -> Result<Recorded, StepError> {
    let (action, redactor) = (context.action(step), context.redactor());
    let fields = match &left.kept {
        Some(kept) => known_fields(action, &kept.trace(action)?, &redactor),
        None => fields::declared(&action.result).iter().map(|field| (field.name.clone(), Value::None)).collect(),
    };
    let told = fields.into_iter().map(|(name, value)| (name, redactor.clean_value(value))).collect();
    let flags = Flags { changed: left.changed, failed: left.state == State::Ignored, skipped: false };
    Ok(Recorded::new(told, flags))
}

/// The declared fields as far as they were seen; the others are absent.
pub fn known_fields(action: &Action, trace: &Trace, redactor: &Redactor) -> Vec<(String, Value)> {
    let declared = fields::declared(&action.result).iter();
    declared.map(|field| (field.name.clone(), seen(&field.name, trace, redactor).unwrap_or(Value::None))).collect()
}

fn seen(name: &str, trace: &Trace, redactor: &Redactor) -> Option<Value> {
    let in_record = |value: &Option<Value>| value.as_ref().and_then(|value| value.field(name)).cloned();
    // An `apply` that began and was never heard of again gave nothing; one that was not needed gave 0 and no output.
    let lost = trace.apply_started && trace.completed.is_none();
    let streams = || if lost { None } else { fields::from_streams(name, trace.completed.as_ref(), redactor) };
    in_record(&trace.apply_value)
        .or_else(|| in_record(&trace.after_value))
        .or_else(|| in_record(&trace.before_value))
        .or_else(streams)
}
