//! A connection to one machine: opened at first use, kept for the run, given up when it is lost. Knows nothing of steps.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::context::Context;
use super::errors::{Phase, StepError};
use super::ports::{Output, Wire, WireError};
use super::receipts::BRIEFLY;
use super::redact::{printable, tail};
use super::script::Doing;
use crate::base::ids::HostId;
use crate::hir::value::Value;
use crate::hir::world::LaneKind;
use crate::shell::{Language, Program, holder, receipt};
use crate::transport::{Completed, TransportError, WhyExec};

/// So long after its deadline the end of a program is waited for. Its host ends it meanwhile, or is silent.
pub const PROMPTLY: Duration = Duration::from_millis(1500);

pub struct Link {
    /// Absent for the controller's own part, which needs no wire.
    pub machine: Option<HostId>,
    wire: Option<Box<dyn Wire>>,
    /// What was found out about the host, once asked.
    pub facts: Option<Value>,
    /// Of users who were asked: what tells this start of the host from others, where they can have receipts.
    boots: BTreeMap<Option<String>, Option<String>>,
    /// Users that others are kept from, as long as this connection lasts, with what gives them back.
    held: BTreeMap<Option<String>, Option<Program>>,
    /// Receipts by user whose steps are recorded; their hosts hear of that at the end, all at once.
    pub told: BTreeMap<Option<String>, Vec<String>>,
    /// Receipts by user of steps that were given up, and that their host may not have ended yet.
    pub given_up: Vec<(Option<String>, String)>,
    /// A machine that is waited for is asked again and again, whatever it answered so far.
    pub insists: bool,
}

impl Link {
    pub fn new(machine: Option<HostId>) -> Self {
        Link {
            machine,
            wire: None,
            facts: None,
            boots: BTreeMap::new(),
            held: BTreeMap::new(),
            told: BTreeMap::new(),
            given_up: Vec::new(),
            insists: false,
        }
    }

    async fn open(&mut self, context: &Context, phase: Phase) -> Result<&mut Box<dyn Wire>, StepError> {
        let failed = |error| StepError::Wire { phase, error };
        let Some(host) = self.machine else { return Err(failed(WireError::NoEndpoint)) };
        let wire = match self.wire.take() {
            Some(wire) => wire,
            None => context.connect(host, self.insists).await.map_err(failed)?,
        };
        Ok(self.wire.insert(wire))
    }

    /// Before a step begins: a connection that ended while nothing was under way, as a restart of the host ends it, takes
    /// nothing of a step along. The next use opens another.
    pub fn forget_ended(&mut self) {
        if self.wire.as_ref().is_some_and(|wire| !wire.is_open()) {
            self.lose();
        }
    }

    /// The next use opens another connection, to a host that may have been restarted meanwhile.
    fn lose(&mut self) {
        self.wire = None;
        self.boots.clear();
        self.held.clear();
    }

    /// After the machine was restarted: nothing of the old connection counts, nor what was found out over it.
    pub fn forget_machine(&mut self) {
        self.lose();
        self.facts = None;
        self.given_up.clear();
    }

    /// Another link to the same machine, over the connection of this one.
    pub async fn beside(&mut self, context: &Context) -> Result<Link, StepError> {
        let phase = Phase::Check;
        let wire = self.ready(context, phase).await?;
        let answer = wire.beside().await;
        let wire = self.judge(phase, answer)?;
        let (facts, boots) = (self.facts.clone(), self.boots.clone());
        let held = self.held.keys().map(|user| (user.clone(), None)).collect();
        Ok(Link { wire: Some(wire), facts, boots, held, ..Link::new(self.machine) })
    }

    /// Runs one program. Soon after its deadline this is over, whatever the host does. After a lost connection the next
    /// one opens a new one.
    pub async fn run(&mut self, context: &Context, call: Call<'_>, output: Output<'_>) -> Result<Completed, StepError> {
        let (phase, begun, limit) = (call.phase, Instant::now(), call.deadline.saturating_add(PROMPTLY));
        let after = u64::try_from(call.deadline.as_millis()).unwrap_or(u64::MAX);
        let Ok(wire) = timeout(limit, self.ready(context, phase)).await else {
            return Err(StepError::Silent { phase, after });
        };
        let wire = wire?;
        wire.hear(phase, call.doing.as_ref());
        let deadline = call.deadline.saturating_sub(begun.elapsed());
        let running = wire.run(call.user, call.program, deadline, output);
        match timeout(limit.saturating_sub(begun.elapsed()), running).await {
            Ok(answer) => self.judge(phase, answer),
            // What follows waits for its end; the wire knows of it.
            Err(_) => Err(StepError::TimedOut { phase, after, is_over: false }),
        }
    }

    /// Opens a connection where there is none that is known to be good. A machine that needs none is there.
    pub async fn reach(&mut self, context: &Context) -> Result<(), StepError> {
        if self.machine.is_none() {
            return Ok(());
        }
        self.forget_ended();
        self.ready(context, Phase::Rollback).await.map(|_| ())
    }

    /// The wire, once nothing goes on there that was given up.
    async fn ready(&mut self, context: &Context, phase: Phase) -> Result<&mut Box<dyn Wire>, StepError> {
        while let Some((user, id)) = self.given_up.last().cloned() {
            let wire = self.open(context, phase).await?;
            let program = receipt::end(wire.language(), &id);
            let answer = wire.run(user.as_deref(), &program, BRIEFLY, &mut |_, _| {}).await;
            self.judge(phase, answer)?;
            self.given_up.pop();
        }
        self.open(context, phase).await
    }

    /// Why each program is a command of its own there, where that was found out and not told yet.
    pub fn take_why(&mut self) -> Option<WhyExec> {
        self.wire.as_mut()?.take_why()
    }

    pub async fn stage(
        &mut self,
        context: &Context,
        user: Option<&str>,
        (content, sha256): (&[u8], &str),
    ) -> Result<String, StepError> {
        let wire = self.open(context, Phase::Check).await?;
        let answer = wire.stage(user, content, sha256).await;
        self.judge(Phase::Check, answer)
    }

    fn judge<T>(&mut self, phase: Phase, answer: Result<T, WireError>) -> Result<T, StepError> {
        answer.map_err(|error| {
            // What still runs there is known to this wire alone.
            if error.is_unreachable() && !matches!(error, WireError::Transport(TransportError::StillRuns { .. })) {
                self.lose();
            }
            StepError::Wire { phase, error }
        })
    }

    /// What tells this start of the host from others; absent where the user can have no receipts there.
    pub async fn boot(&mut self, context: &Context, call: Call<'_>) -> Result<Option<String>, StepError> {
        let user = call.user.map(str::to_string);
        if let Some(known) = self.boots.get(&user) {
            return Ok(known.clone());
        }
        let completed = self.run(context, call, &mut |_, _| {}).await?;
        let boot = completed.text("boot");
        self.boots.insert(user, boot.clone());
        Ok(boot)
    }

    /// Before anything is changed: keeps the runs of other journals from what this user may change there, or says whose
    /// run it is that has it. A host that reads no language can neither be held nor asked.
    pub async fn hold(&mut self, context: &Context, user: Option<&str>, within: Duration) -> Result<(), StepError> {
        let Some(owner) = &context.owner else { return Ok(()) };
        let is_mute = context.machine(self).is_none_or(|host| host.connection.lane == LaneKind::Raw);
        // There the process of who logs in does the work of all.
        let language = context.language(self);
        let user = user.filter(|_| language == Language::Sh);
        let user_held = user.map(str::to_string);
        if is_mute || self.held.contains_key(&user_held) {
            return Ok(());
        }
        let program = holder::claim(language, owner);
        let (phase, deadline) = (Phase::Check, BRIEFLY.min(within));
        let call = Call { phase, user, program: &program, deadline, doing: None };
        let completed = self.run(context, call, &mut |_, _| {}).await?;
        if completed.timed_out {
            let after = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
            return Err(StepError::TimedOut { phase, after, is_over: true });
        }
        let Some(words) = completed.text(holder::HOLDER) else {
            self.held.insert(user_held, holder::release(language, owner));
            return Ok(());
        };
        let told = |text: &str| tail(&printable(text.as_bytes()));
        let process = completed.text(holder::PROCESS).unwrap_or_default();
        Err(StepError::Held { words: told(&words), process: told(&process) })
    }

    pub async fn close(self) {
        let Some(mut wire) = self.wire else { return };
        let language = wire.language();
        let given_up = self.given_up.into_iter().map(|(user, id)| (user, receipt::end(language, &id)));
        let told = self.told.into_iter().map(|(user, receipts)| (user, receipt::told(language, receipts)));
        let held = self.held.into_iter().filter_map(|(user, release)| Some((user, release?)));
        for (user, program) in given_up.chain(told).chain(held) {
            if let Err(error) = wire.run(user.as_deref(), &program, BRIEFLY, &mut |_, _| {}).await {
                tracing::debug!(%error, "receipts and claims stay as they are on their host");
                if error.is_unreachable() {
                    // Nobody waits for the goodbye of a host that is silent.
                    return;
                }
            }
        }
        wire.close().await;
    }
}

/// One program to run, as whom and for how long at most.
pub struct Call<'a> {
    pub phase: Phase,
    pub user: Option<&'a str>,
    pub program: &'a Program,
    pub deadline: Duration,
    /// The step that it is part of, if it is of one.
    pub doing: Option<Doing<'a>>,
}
