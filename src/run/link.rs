//! A connection to one machine: opened at first use, kept for the run, given up when it is lost. Knows nothing of steps.

use std::collections::BTreeMap;
use std::time::Duration;

use super::context::Context;
use super::errors::{Phase, StepError};
use super::fields;
use super::ports::{Output, Wire, WireError};
use super::receipts::BRIEFLY;
use super::script::Doing;
use crate::base::ids::HostId;
use crate::hir::value::Value;
use crate::shell::{Program, receipt};
use crate::transport::{Completed, WhyExec};

pub struct Link {
    /// Absent for the controller's own part, which needs no wire.
    pub machine: Option<HostId>,
    wire: Option<Box<dyn Wire>>,
    /// What was found out about the host, once asked.
    pub facts: Option<Value>,
    /// Of users who were asked: what tells this start of the host from others, where they can have receipts.
    boots: BTreeMap<Option<String>, Option<String>>,
    /// Receipts by user whose steps are recorded; their hosts hear of that at the end, all at once.
    pub told: BTreeMap<Option<String>, Vec<String>>,
    /// A machine that is waited for is asked again and again, whatever it answered so far.
    pub insists: bool,
}

impl Link {
    pub fn new(machine: Option<HostId>) -> Self {
        Link { machine, wire: None, facts: None, boots: BTreeMap::new(), told: BTreeMap::new(), insists: false }
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
    }

    /// After the machine was restarted: nothing of the old connection counts, nor what was found out over it.
    pub fn forget_machine(&mut self) {
        self.lose();
        self.facts = None;
    }

    /// Another link to the same machine, over the connection of this one.
    pub async fn beside(&mut self, context: &Context) -> Result<Link, StepError> {
        let phase = Phase::Check;
        let wire = self.open(context, phase).await?;
        let answer = wire.beside().await;
        let wire = self.judge(phase, answer)?;
        let (facts, boots) = (self.facts.clone(), self.boots.clone());
        Ok(Link { machine: self.machine, wire: Some(wire), facts, boots, told: BTreeMap::new(), insists: false })
    }

    /// Runs one program. After a lost connection the next one opens a new one.
    pub async fn run(&mut self, context: &Context, call: Call<'_>, output: Output<'_>) -> Result<Completed, StepError> {
        let phase = call.phase;
        let wire = self.open(context, phase).await?;
        wire.hear(phase, call.doing.as_ref());
        let answer = wire.run(call.user, call.program, call.deadline, output).await;
        self.judge(phase, answer)
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
            if error.is_unreachable() {
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
        let boot = fields::text_of(&completed, "boot");
        self.boots.insert(user, boot.clone());
        Ok(boot)
    }

    pub async fn close(self) {
        let Some(mut wire) = self.wire else { return };
        for (user, receipts) in self.told {
            let program = receipt::told(receipts);
            if let Err(error) = wire.run(user.as_deref(), &program, BRIEFLY, &mut |_, _| {}).await {
                tracing::debug!(%error, "receipts stay whole on their host");
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
