//! One attempt of a step: check → needs → skip → apply → verify → ensure. Knows nothing of retries and events' order.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::context::Context;
use super::errors::{Phase, StepError};
use super::fields::{self, Texts};
use super::kept::exact_json;
use super::link::{Call, Link};
use super::prepare::Prepared;
use super::redact::{Redactor, printable, tail};
use super::script::Doing;
use super::step_output::{Heard, Output, Printer};
use crate::base::hex::hex;
use crate::eval::{Scope, eval_condition};
use crate::hir::effect::Level;
use crate::hir::program::{self, Body, Condition};
use crate::hir::types::{Field, Type};
use crate::hir::value::{ScriptLanguage, Value};
use crate::shell::{Function, Language, Program, Variable, VariableValue, receipt};
use crate::state::{Intent, Receipt};
use crate::transport::{Captured, Completed};

/// What an attempt saw and did, whether it succeeded or not.
#[derive(Default)]
pub struct Trace {
    pub before: Texts,
    pub apply: Texts,
    pub after: Texts,
    pub before_value: Seen,
    pub apply_value: Seen,
    pub after_value: Seen,
    /// Exit code of the last phase that ran.
    pub code: Option<i32>,
    pub completed: Option<Completed>,
    /// From here on the host may have been changed.
    pub apply_started: bool,
    pub skipped_apply: bool,
    pub output: Output,
    /// Bytes of `apply` that were told, of each stream: they may come again with the receipt.
    pub heard: [u64; 2],
    /// What the host keeps of `apply`.
    pub receipt: Option<Receipt>,
}

/// A value that is absent until its phase ran.
pub type Seen = Option<Value>;

/// What a step would do after the phases that only read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Foresight {
    NothingToDo,
    /// Its reading is done by `apply`, which a plan does not run.
    ReadsInTheRun,
    WouldApply,
}

/// One step on one actor.
pub struct Attempt<'a> {
    pub context: &'a Context,
    pub link: &'a mut Link,
    pub prepared: &'a Prepared<'a>,
    pub number: u32,
    pub started: Instant,
}

impl Attempt<'_> {
    /// All phases in order; `trace` holds what was seen also when one fails.
    pub async fn run(&mut self, trace: &mut Trace) -> Result<(), StepError> {
        let prepared = self.prepared;
        if self.left_behind().is_some() {
            return self.take_up(trace).await;
        }
        if let Some(check) = &prepared.body.check {
            trace.before = self.phase(Phase::Check, check, trace).await?;
            trace.before_value = Some(fields::typed(Phase::Check, &trace.before, &prepared.action.before)?);
        }
        self.hold(&prepared.action.needs, trace).map_err(|message| StepError::Needs { message })?;
        if self.is_skipped(trace)? || prepared.body.apply.is_none() {
            trace.skipped_apply = true;
            return Ok(());
        }
        if let Some(within) = &prepared.action.restarts {
            return self.restart(within, trace).await;
        }
        self.apply(trace).await?;
        if self.is_accepted_failure(trace) {
            return Ok(());
        }
        self.look_again(trace).await
    }

    /// What is there afterwards, and whether it is what the action promises.
    pub(super) async fn look_again(&mut self, trace: &mut Trace) -> Result<(), StepError> {
        self.verify(trace, &self.prepared.action.before).await?;
        self.hold(&self.prepared.action.ensure, trace).map_err(|message| StepError::NotEnsured { message })
    }

    /// The phases that read, and what would follow.
    pub async fn foresee(&mut self, trace: &mut Trace) -> Result<Foresight, StepError> {
        let prepared = self.prepared;
        if let Some(check) = &prepared.body.check {
            trace.before = self.phase(Phase::Check, check, trace).await?;
            trace.before_value = Some(fields::typed(Phase::Check, &trace.before, &prepared.action.before)?);
        }
        self.hold(&prepared.action.needs, trace).map_err(|message| StepError::Needs { message })?;
        if prepared.action.restarts.is_some() {
            self.refuse_own_machine()?;
        }
        let skipped = self.is_skipped(trace)?;
        trace.skipped_apply = skipped || prepared.body.apply.is_none();
        Ok(match prepared.step.row.level {
            _ if trace.skipped_apply => Foresight::NothingToDo,
            Level::Read => Foresight::ReadsInTheRun,
            Level::Change | Level::Destroy => Foresight::WouldApply,
        })
    }

    /// The reading that `apply` does, for a plan that needs it. Only for steps that change nothing.
    pub async fn read_now(&mut self, trace: &mut Trace) -> Result<(), StepError> {
        debug_assert_eq!(self.prepared.step.row.level, Level::Read);
        self.apply(trace).await
    }

    fn is_skipped(&self, trace: &Trace) -> Result<bool, StepError> {
        let Some(skip) = &self.prepared.action.skip else { return Ok(false) };
        if let Some(script) = self.context.script() {
            return Ok(!script.applies(&self.doing(&self.context.name(self.prepared.actor))));
        }
        let none = Value::None;
        let before = trace.before_value.as_ref().unwrap_or(&none);
        let scope = self.prepared.scope(self.context, before, &none);
        Ok(eval_condition(skip, &scope).map_err(StepError::Expression)? == Some(true))
    }

    pub(super) async fn apply(&mut self, trace: &mut Trace) -> Result<(), StepError> {
        let prepared = self.prepared;
        let Some(apply) = &prepared.body.apply else { return Ok(()) };
        // The code of the look before it is not the code of what nobody sees the end of.
        trace.code = None;
        if let Some(receipt) = self.receipt(apply).await? {
            self.apply_with_receipt(apply, receipt, trace).await?;
        } else {
            if prepared.step.row.level != Level::Read {
                let program = self.program(apply, trace);
                self.context.intent(self.intent(Phase::Apply, &program, trace)).await?;
            }
            trace.apply_started = true;
            trace.apply = self.phase(Phase::Apply, apply, trace).await?;
        }
        trace.apply_value = Some(fields::typed(Phase::Apply, &trace.apply, &prepared.action.result)?);
        Ok(())
    }

    /// `verify`, else `check` again; a read has nothing to look at again.
    async fn verify(&mut self, trace: &mut Trace, before_type: &Type) -> Result<(), StepError> {
        let prepared = self.prepared;
        let again = if prepared.step.row.level == Level::Read { None } else { prepared.body.check.as_ref() };
        if let Some(body) = prepared.body.verify.as_ref().or(again) {
            trace.after = self.phase(Phase::Verify, body, trace).await?;
            trace.after_value = Some(fields::typed(Phase::Verify, &trace.after, before_type)?);
        } else {
            trace.after_value = trace.apply_value.clone();
        }
        Ok(())
    }

    /// An exit code that `ok:` will judge.
    pub(super) fn is_accepted_failure(&self, trace: &Trace) -> bool {
        self.prepared.step.ok.is_some() && trace.code.is_some_and(|code| code != 0)
    }

    /// Every condition must be true; unknown is not. `Err` holds the message of the first that is not.
    fn hold(&self, conditions: &[Condition], trace: &Trace) -> Result<(), Option<String>> {
        let none = Value::None;
        let before = trace.before_value.as_ref().unwrap_or(&none);
        let after = trace.after_value.as_ref().unwrap_or(&none);
        let scope = self.prepared.scope(self.context, before, after);
        let is_scripted = self.context.script().is_some();
        // What nobody says of a host that is not there is as the action wants it.
        if is_scripted && (trace.before.is_empty() || trace.apply_started) {
            return Ok(());
        }
        for condition in conditions {
            match eval_condition(&condition.condition, &scope) {
                Ok(Some(true)) => {}
                Ok(None) | Err(_) if is_scripted => {}
                Ok(_) => return Err(message(condition, &scope)),
                Err(error) => return Err(Some(error.to_string())),
            }
        }
        Ok(())
    }

    /// Runs one body; what it reported. A code other than 0 is a failure, unless `ok:` is to judge it.
    pub async fn phase(&mut self, phase: Phase, body: &Body, trace: &mut Trace) -> Result<Texts, StepError> {
        let left = self.left();
        if left.is_zero() {
            return Err(self.out_of_time(phase, true));
        }
        if let Body::Native(name) = body {
            return self.native(phase, name, left, trace).await;
        }
        let program = self.program(body, trace);
        self.run_program(phase, &program, trace).await
    }

    /// Runs one program of a phase. What it prints is told, but for what was told before when it is heard again.
    pub(super) async fn run_program(
        &mut self,
        phase: Phase,
        program: &Program,
        trace: &mut Trace,
    ) -> Result<Texts, StepError> {
        let host = self.context.name(self.prepared.actor);
        let doing =
            Some(Doing { step: self.prepared.step, action: self.prepared.action, host: &host, attempt: self.number });
        let call = Call { phase, user: self.prepared.user.as_deref(), program, deadline: self.left(), doing };
        let mut printer = Printer::new(self.context, self.prepared, host.clone());
        let output = &mut trace.output;
        let mut heard = Heard::again(std::mem::take(&mut trace.heard));
        let completed = self
            .link
            .run(self.context, call, &mut |stream, bytes| {
                let bytes = heard.news(stream, bytes);
                output.push(bytes);
                printer.push(stream, bytes);
            })
            .await;
        printer.finish();
        if let Some(why) = self.link.take_why() {
            let why = why.text();
            self.tell(&format!(
                "each program is a command of its own there, because {why}; `lane: exec` says so at once"
            ));
        }
        if phase == Phase::Apply {
            trace.heard = heard.so_far;
        }
        output.hid = output.hid || printer.hid;
        let mut completed = completed.map_err(|error| match error {
            StepError::TimedOut { is_over, .. } => self.out_of_time(phase, is_over),
            StepError::Silent { .. } => self.silent(phase),
            error => error,
        })?;
        trace.code = Some(completed.code);
        let was_ended = completed.text(receipt::ENDED).is_some();
        let reported = fields::texts(phase, std::mem::take(&mut completed.fields));
        if let (Phase::Apply, Ok(texts)) = (phase, &reported) {
            // The rollback of an apply that fails half-way needs what it reported before it failed.
            trace.apply = texts.clone();
        }
        let judged_later = phase == Phase::Apply && self.prepared.step.ok.is_some();
        let error = match completed.code {
            _ if completed.timed_out => Some(self.out_of_time(phase, true)),
            _ if was_ended => Some(StepError::Ended { phase }),
            code if code != 0 && !judged_later => Some(self.exit(phase, &completed)),
            _ => None,
        };
        if phase == Phase::Apply {
            // A failure that is allowed has a code and an output too.
            trace.completed = Some(completed);
        }
        error.map_or(reported, Err)
    }

    fn exit(&self, phase: Phase, completed: &Completed) -> StepError {
        // Secrets go first: a tail could cut one in half.
        let words = |stream: &Captured| tail(&printable(&self.context.redactor().clean_captured(stream)));
        let said = match words(&completed.stderr) {
            said if said.is_empty() => words(&completed.stdout),
            said => said,
        };
        StepError::Exit { phase, code: completed.code, tail: said }
    }

    /// Of the time that this attempt has.
    pub(super) fn left(&self) -> Duration {
        self.prepared.timeout().saturating_sub(self.started.elapsed())
    }

    pub(super) fn out_of_time(&self, phase: Phase, is_over: bool) -> StepError {
        StepError::TimedOut { phase, after: self.prepared.step.timeout, is_over }
    }

    pub(super) fn silent(&self, phase: Phase) -> StepError {
        StepError::Silent { phase, after: self.prepared.step.timeout }
    }

    pub(super) fn doing<'b>(&'b self, host: &'b str) -> Doing<'b> {
        Doing { step: self.prepared.step, action: self.prepared.action, host, attempt: self.number }
    }

    /// The program of a body: parameters, and what earlier phases reported as `before_…` and `apply_…`.
    pub fn program(&self, body: &Body, trace: &Trace) -> Program {
        let (text, functions, language): (&str, &[program::Function], Language) = match body {
            Body::Script { script, functions } => (&script.text, functions, language(script.language)),
            Body::Native(_) => ("", &[], Language::Sh),
        };
        let bound = &self.prepared.bound;
        let mut variables = bound.variables.clone();
        let action = self.prepared.action;
        for (prefix, texts, ty) in [("before", &trace.before, &action.before), ("apply", &trace.apply, &action.result)]
        {
            variables.extend(texts.iter().map(|(name, text)| Variable {
                name: format!("{prefix}_{name}"),
                value: fields::variable(name, text, ty),
            }));
            if language == Language::PowerShell {
                variables.extend(unreported(prefix, texts, ty));
            }
        }
        Program {
            body: text.to_string(),
            language,
            functions: functions.iter().map(function).collect(),
            variables,
            scripts: bound.scripts.clone(),
            cwd: bound.cwd.clone(),
            env: bound.env.clone(),
            stdin: bound.stdin.clone(),
            receipt: None,
            line: None,
        }
    }

    pub fn intent(&self, phase: Phase, program: &Program, trace: &Trace) -> Intent {
        let step = self.prepared.step;
        Intent {
            run: self.context.run,
            step: step.name.clone(),
            host: self.context.name(self.prepared.actor),
            attempt: self.number,
            phase: phase.name().to_string(),
            program_sha256: digest(program, &self.context.redactor()),
            effect: step.row.to_string(),
            kind: step.kind.name().to_string(),
            deadline_ms: step.timeout,
            before_json: exact_json(&trace.before, &self.context.redactor()),
            receipt: None,
            time: self.context.now(),
        }
    }
}

/// Who reads such a script.
pub fn language(of: ScriptLanguage) -> Language {
    match of {
        ScriptLanguage::Sh => Language::Sh,
        ScriptLanguage::Powershell => Language::PowerShell,
    }
}

/// What a phase could have reported and did not, for a language that has a value for it.
fn unreported(prefix: &str, texts: &Texts, ty: &Type) -> Vec<Variable> {
    let is_absent = |field: &&Field| texts.iter().all(|(name, _)| *name != field.name);
    let absent = |field: &Field| Variable { name: format!("{prefix}_{}", field.name), value: VariableValue::Absent };
    fields::declared(ty).iter().filter(is_absent).map(absent).collect()
}

fn function(function: &program::Function) -> Function {
    Function { name: function.name.clone(), body: function.text.clone() }
}

fn message(condition: &Condition, scope: &dyn Scope) -> Option<String> {
    let message = condition.message.as_ref()?;
    let value = super::arguments::known(message, scope);
    Some(match value {
        Ok(Value::String(text)) => text,
        Ok(other) => other.literal(),
        Err(error) => error.to_string(),
    })
}

/// What identifies a program: its body and its plain variables; secrets only by name, also where a host gave them back.
fn digest(program: &Program, redactor: &Redactor) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    add(&program.body);
    for function in &program.functions {
        add(&function.name);
        add(&function.body);
    }
    for variable in &program.variables {
        add(&variable.name);
        match &variable.value {
            VariableValue::Text(text) | VariableValue::Typed(_, text) => add(&redactor.clean(text)),
            VariableValue::List(items) => items.iter().for_each(|item| add(&redactor.clean(item))),
            VariableValue::Secret(_) | VariableValue::Secrets(_) | VariableValue::Absent => {}
        }
    }
    for script in &program.scripts {
        add(&script.name);
        add(script.text.as_deref().unwrap_or_default());
    }
    hex(&hash.finalize())
}
