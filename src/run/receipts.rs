//! Steps that must not be done twice, with what the host keeps of them: a lost connection is not a lost step, and a run
//! that goes on takes them up where they are. Knows nothing of how a host keeps it.

use std::time::Duration;

use tokio::time::timeout;

use super::earlier::Left;
use super::errors::{Phase, StepError};
use super::event::{EventKind, Stream};
use super::fields::{self, Texts};
use super::link::{Call, PROMPTLY};
use super::phases::{Attempt, Trace};
use super::ports::WireError;
use super::restart::{Patience, Pause};
use crate::hir::effect::{Kind, Level};
use crate::hir::program::Body;
use crate::shell::{Language, Program, receipt};
use crate::state::{Intent, Receipt};
use crate::transport::{Completed, TransportError, nonce};

/// How long a host may take for what is no step.
pub const BRIEFLY: Duration = Duration::from_secs(30);

/// What a host knows of a receipt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    Finished,
    Running,
    /// The step never began.
    NeverBegan,
    /// It ended, and that was told to somebody.
    Told,
    /// It began, and its process is gone without a word.
    Lost,
}

/// What an answer to [`receipt::ask`] says of a receipt.
pub fn known(asked: &Completed, receipt: &Receipt) -> Known {
    let is_same_start = asked.text("boot").as_deref() == Some(receipt.boot.as_str());
    judge(asked.text("state").as_deref(), is_same_start)
}

fn judge(state: Option<&str>, is_same_start: bool) -> Known {
    match state {
        Some("finished") => Known::Finished,
        Some("running") => Known::Running,
        Some("told") => Known::Told,
        // What was not yet on the disk when the host went down may have been begun.
        Some("absent") if is_same_start => Known::NeverBegan,
        _ => Known::Lost,
    }
}

impl Attempt<'_> {
    /// A receipt for this step, where it must not be done twice and its host can keep one. What was staged for it goes
    /// with the lane, so such a step ends with the lane too.
    pub(super) async fn receipt(&mut self, apply: &Body) -> Result<Option<Receipt>, StepError> {
        let prepared = self.prepared;
        let step = prepared.step;
        let is_of_use = self.context.reconnect.is_some() && !prepared.bound.staged;
        let is_wanted = step.kind == Kind::Once && step.row.level != Level::Read && is_of_use;
        if !is_wanted || prepared.action.restarts.is_some() || matches!(apply, Body::Native(_)) {
            return Ok(None);
        }
        let Some(machine) = self.context.machine(self.link) else { return Ok(None) };
        let user = prepared.user.clone();
        let program = receipt::prepare(self.language());
        let call = Call {
            phase: Phase::Check,
            user: user.as_deref(),
            program: &program,
            deadline: BRIEFLY.min(self.left()),
            doing: None,
        };
        let Some(boot) = self.link.boot(self.context, call).await? else { return Ok(None) };
        let unnamed = |error| StepError::Wire { phase: Phase::Check, error: WireError::Transport(error) };
        let id = nonce().map_err(unnamed)?;
        Ok(Some(Receipt { id, boot, machine: machine.name.clone(), user }))
    }

    pub(super) async fn apply_with_receipt(
        &mut self,
        apply: &Body,
        receipt: Receipt,
        trace: &mut Trace,
    ) -> Result<(), StepError> {
        let program = Program { receipt: Some(receipt.id.clone()), ..self.program(apply, trace) };
        self.intend(&program, &receipt, trace).await?;
        let ended = self.run_program(Phase::Apply, &program, trace).await;
        self.hold_on(ended, &receipt, trace).await
    }

    /// What an earlier run left under way there, and the host has kept.
    pub(super) fn left_behind(&self) -> Option<(&Left, &Receipt)> {
        let host = self.context.name(self.prepared.actor);
        let left = self.context.earlier.left(self.prepared.step, &host)?;
        let receipt = left.receipt.as_ref().filter(|_| left.kept_there.is_some() && self.number == 1)?;
        Some((left, receipt))
    }

    /// Goes on where an earlier run lost sight of the step: `apply` is not begun again.
    pub(super) async fn take_up(&mut self, trace: &mut Trace) -> Result<(), StepError> {
        let prepared = self.prepared;
        let (Some((left, receipt)), Some(apply)) = (self.left_behind(), &prepared.body.apply) else { return Ok(()) };
        let (run, before, receipt) = (left.run, left.before.clone(), receipt.clone());
        if let (Some(before), true) = (before, prepared.body.check.is_some()) {
            trace.before_value = Some(fields::typed(Phase::Check, &before, &prepared.action.before)?);
            trace.before = before;
        }
        self.tell(&format!("taken up where run {run} lost sight of it"));
        self.intend(&self.program(apply, trace), &receipt, trace).await?;
        let ended = self.follow(&receipt, trace).await;
        self.hold_on(ended, &receipt, trace).await?;
        trace.apply_value = Some(fields::typed(Phase::Apply, &trace.apply, &prepared.action.result)?);
        if self.is_accepted_failure(trace) {
            return Ok(());
        }
        self.look_again(trace).await
    }

    /// Hears of the step until it is over, or its time is.
    async fn hold_on(
        &mut self,
        ended: Result<Texts, StepError>,
        receipt: &Receipt,
        trace: &mut Trace,
    ) -> Result<(), StepError> {
        let insisted = std::mem::replace(&mut self.link.insists, true);
        let ended = match timeout(self.left().saturating_add(PROMPTLY), self.keep_in_sight(ended, receipt, trace)).await
        {
            // On Windows the step ends with its lane, as one without a receipt.
            Ok(Err(StepError::TimedOut { phase, after, is_over })) if self.language() == Language::PowerShell => {
                if !is_over {
                    self.give_up(receipt);
                }
                Err(StepError::TimedOut { phase, after, is_over })
            }
            // Who tells the end of a lane is not silent.
            Ok(Err(StepError::TimedOut { phase, after, is_over: is_heard })) => match self.end(receipt).await {
                None if !is_heard => Err(self.silent(phase)),
                is_over => Err(StepError::TimedOut { phase, after, is_over: is_over.unwrap_or(false) }),
            },
            Ok(ended) => ended,
            Err(_) => {
                self.give_up(receipt);
                Err(self.silent(Phase::Apply))
            }
        };
        self.link.insists = insisted;
        trace.apply = ended?;
        Ok(())
    }

    /// Tells the host to end the step; whether it has, where it says so in time.
    async fn end(&mut self, receipt: &Receipt) -> Option<bool> {
        let late = self.started.elapsed().saturating_sub(self.prepared.timeout());
        let program = receipt::ask_to_end(self.language(), &receipt.id);
        let asked = timeout(PROMPTLY.saturating_sub(late), self.about(receipt, &program)).await;
        let asked = asked.ok().and_then(Result::ok).filter(|asked| !asked.timed_out);
        let is_over = asked.map(|asked| asked.text("alive").is_none());
        if is_over != Some(true) {
            self.give_up(receipt);
        }
        is_over
    }

    fn give_up(&mut self, receipt: &Receipt) {
        self.link.given_up.push((receipt.user.clone(), receipt.id.clone()));
    }

    /// As long as the connection is lost and the host may go on with the step, another one is opened; each time that it is
    /// lost, the host is tried for as long.
    async fn keep_in_sight(
        &mut self,
        mut ended: Result<Texts, StepError>,
        receipt: &Receipt,
        trace: &mut Trace,
    ) -> Result<Texts, StepError> {
        let mut patience = Patience::new(self.context.reconnect.unwrap_or_default());
        while matches!(&ended, Err(error) if is_out_of_sight(error)) {
            match self.ask(receipt).await {
                Ok(Known::Finished | Known::Running) => {
                    self.tell("the connection was lost; the host went on with the step");
                    ended = self.follow(receipt, trace).await;
                    patience = Patience::new(self.context.reconnect.unwrap_or_default());
                }
                Ok(Known::NeverBegan | Known::Told | Known::Lost) => break,
                Err(error) if !error.is_unreachable() => break,
                Err(error) => {
                    // Who shows another key will not be the host a moment later.
                    if is_another(&error) || !matches!(patience.pause(self.context).await, Pause::Over) {
                        self.tell(&format!("not reached again: {error}"));
                        break;
                    }
                }
            }
        }
        ended
    }

    async fn ask(&mut self, receipt: &Receipt) -> Result<Known, StepError> {
        let program = receipt::ask(self.language(), &receipt.id);
        self.about(receipt, &program).await.map(|asked| known(&asked, receipt))
    }

    async fn follow(&mut self, receipt: &Receipt, trace: &mut Trace) -> Result<Texts, StepError> {
        let program = receipt::follow(self.language(), &receipt.id);
        self.run_program(Phase::Apply, &program, trace).await
    }

    fn language(&self) -> Language {
        self.context.language(self.link)
    }

    async fn about(&mut self, receipt: &Receipt, program: &Program) -> Result<Completed, StepError> {
        let call = Call { phase: Phase::Apply, user: receipt.user.as_deref(), program, deadline: BRIEFLY, doing: None };
        self.link.run(self.context, call, &mut |_, _| {}).await
    }

    pub(super) fn tell(&self, text: &str) {
        let (step, host) = (self.prepared.step.name.clone(), self.context.name(self.prepared.actor));
        let text = text.to_string();
        self.context.events.emit(EventKind::StepOutput { step, host, stream: Stream::Note, text });
    }

    async fn intend(&self, program: &Program, receipt: &Receipt, trace: &mut Trace) -> Result<(), StepError> {
        let intent = Intent { receipt: Some(receipt.clone()), ..self.intent(Phase::Apply, program, trace) };
        self.context.intent(intent).await?;
        trace.receipt = Some(receipt.clone());
        trace.apply_started = true;
        Ok(())
    }
}

/// Nobody saw how it ended; the host may know.
fn is_out_of_sight(error: &StepError) -> bool {
    let StepError::Wire { error, .. } = error else { return false };
    match error {
        WireError::Lost => true,
        WireError::Transport(TransportError::Winrm { error, .. }) => error.is_out_of_sight(),
        WireError::Transport(error) => matches!(error, TransportError::Lost { .. } | TransportError::LaneEnded { .. }),
        WireError::NoEndpoint | WireError::CircuitOpen(_) => false,
    }
}

/// Whoever answers there is not the host.
fn is_another(error: &StepError) -> bool {
    let StepError::Wire { error: WireError::Transport(error), .. } = error else { return false };
    matches!(error, TransportError::HostKeyChanged { .. } | TransportError::HostKeyRevoked { .. })
}

#[cfg(test)]
mod tests {
    use super::{Known, judge};

    #[test]
    fn what_was_not_on_the_disk_when_the_host_went_down_is_not_known() {
        assert_eq!(judge(Some("absent"), true), Known::NeverBegan);
        assert_eq!(judge(Some("absent"), false), Known::Lost);
        assert_eq!((judge(Some("finished"), false), judge(Some("running"), true)), (Known::Finished, Known::Running));
        assert_eq!((judge(Some("told"), true), judge(None, true)), (Known::Told, Known::Lost));
    }
}
