//! Hosts that are waited for: one that an action restarts, where the end of the connection is part of it, and one that
//! is not there yet.

use std::time::Duration;

use tokio::time::Instant;

use super::arguments::known;
use super::context::Context;
use super::errors::{Phase, StepError};
use super::link::Call;
use super::phases::{Attempt, Trace};
use super::ports::WireError;
use crate::hir::expr::Expr;
use crate::hir::value::Value;
use crate::hir::world::TransportKind;
use crate::shell::Program;
use crate::transport::TransportError;
use crate::transport::winrm::error::WinrmError;

/// Between two looks: short at first, and never so often that a host takes it for an attack.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Attempt<'_> {
    /// Restarts the host and waits until it is back, for so long at most.
    pub(super) async fn restart(&mut self, within: &Expr, trace: &mut Trace) -> Result<(), StepError> {
        self.refuse_own_machine()?;
        let within = self.within(within)?;
        match self.apply(trace).await {
            Err(error) if is_going_down(&error) => {}
            other => other?,
        }
        self.link.insists = true;
        let back = self.wait_until_back(within, trace).await;
        self.link.insists = false;
        back
    }

    async fn wait_until_back(&mut self, within: Duration, trace: &mut Trace) -> Result<(), StepError> {
        let mut patience = Patience::new(within);
        let mut last = StepError::Wire { phase: Phase::Verify, error: WireError::Lost };
        loop {
            self.link.forget_machine();
            match tokio::time::timeout(patience.left(), self.look_again(trace)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) if !may_be_on_its_way(&error) => return Err(error),
                Ok(Err(error)) => last = error,
                // The look before this one says more.
                Err(_) => {}
            }
            match patience.pause(self.context).await {
                Pause::Over => {}
                Pause::OutOfTime => {
                    return Err(StepError::NotBack { within: milliseconds(within), last: Box::new(last) });
                }
                Pause::Stopped { after } => return Err(StepError::NotAwaited { after, last: Box::new(last) }),
            }
        }
    }

    /// Asks until the host answers, for so long at most.
    pub(super) async fn wait_for_connection(&mut self, within: Duration) -> Result<(), StepError> {
        self.link.insists = true;
        let reached = self.ask_until_reached(within).await;
        self.link.insists = false;
        reached
    }

    async fn ask_until_reached(&mut self, within: Duration) -> Result<(), StepError> {
        let mut patience = Patience::new(within);
        let program = Program { language: self.context.language(self.link), ..Program::default() };
        loop {
            let call =
                Call { phase: Phase::Apply, user: None, program: &program, deadline: patience.left(), doing: None };
            let last = match self.link.run(self.context, call, &mut |_, _| {}).await {
                Ok(_) => return Ok(()),
                Err(error) if !may_be_on_its_way(&error) => return Err(error),
                Err(error) => Box::new(error),
            };
            match patience.pause(self.context).await {
                Pause::Over => {}
                Pause::OutOfTime => return Err(StepError::NotReached { within: self.prepared.step.timeout, last }),
                Pause::Stopped { after } => return Err(StepError::NotReached { within: after, last }),
            }
        }
    }

    /// Known before anything is done: the runner would go down with the machine.
    pub(super) fn refuse_own_machine(&self) -> Result<(), StepError> {
        let machine = self.context.machine(self.link);
        let is_own = machine.is_some_and(|machine| machine.connection.transport == TransportKind::Local);
        if is_own { Err(StepError::RestartsItself) } else { Ok(()) }
    }

    fn within(&self, within: &Expr) -> Result<Duration, StepError> {
        let none = Value::None;
        match known(within, &self.prepared.scope(self.context, &none, &none))? {
            Value::Duration(milliseconds) => Ok(Duration::from_millis(milliseconds)),
            other => Err(StepError::NotKnown { what: format!("how long `{}` is", other.literal()) }),
        }
    }
}

fn milliseconds(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

/// How long a host is waited for, and how long between two looks.
pub(super) struct Patience {
    within: Duration,
    until: Instant,
    next: Duration,
}

pub(super) enum Pause {
    Over,
    OutOfTime,
    /// The run was told to stop, after so many milliseconds of waiting.
    Stopped {
        after: u64,
    },
}

impl Patience {
    pub(super) fn new(within: Duration) -> Patience {
        Patience { within, until: Instant::now() + within, next: FIRST_PAUSE }
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    pub(super) async fn pause(&mut self, context: &Context) -> Pause {
        let left = self.left();
        if left.is_zero() {
            return Pause::OutOfTime;
        }
        if context.pause(self.next.min(left)).await {
            return Pause::Stopped { after: milliseconds(self.within.saturating_sub(left)) };
        }
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        Pause::Over
    }
}

/// It went down before it could say that it would, or ended the script or its shell on its way.
fn is_going_down(error: &StepError) -> bool {
    let has_no_shell =
        matches!(error, StepError::Wire { error: WireError::Transport(TransportError::LaneEnded { .. }), .. });
    error.is_unreachable() || has_no_shell || matches!(error, StepError::Exit { code, .. } if *code > 128)
}

/// A host that goes down or comes up refuses, breaks off, lets nobody in yet, or is still the old one. A key that is
/// not its own is another matter.
fn may_be_on_its_way(error: &StepError) -> bool {
    match error {
        StepError::Wire { error: WireError::Transport(error), .. } => !matches!(
            error,
            TransportError::HostKeyChanged { .. }
                | TransportError::HostKeyUnknown { .. }
                | TransportError::HostKeyRevoked { .. }
                | TransportError::HostKeyCertificate { .. }
                | TransportError::Winrm { error: WinrmError::Certificate { .. } | WinrmError::Pin { .. }, .. }
        ),
        StepError::Wire { .. }
        | StepError::Silent { .. }
        | StepError::TimedOut { .. }
        | StepError::NotEnsured { .. }
        | StepError::Exit { .. } => true,
        _ => false,
    }
}
