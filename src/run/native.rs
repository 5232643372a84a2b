//! Phases that only the binary can do: what needs the step's own connection, and the rest of the builtins within its time.

use std::time::Duration;

use tokio::time::timeout;

use super::builtins;
use super::errors::{Phase, StepError};
use super::event::{EventKind, Stream};
use super::facts;
use super::fields::{self, Texts};
use super::phases::{Attempt, Trace};
use super::redact::printable;
use super::script::Script;
use crate::shell::Program;

impl Attempt<'_> {
    pub(super) async fn native(
        &mut self,
        phase: Phase,
        name: &str,
        left: Duration,
        trace: &mut Trace,
    ) -> Result<Texts, StepError> {
        match name {
            builtins::FACTS => {
                return match timeout(left, facts::gather(self.context, self.link)).await {
                    Ok(facts) => Ok(fields::from_record(&facts?)),
                    Err(_) => Err(self.out_of_time(phase, false)),
                };
            }
            builtins::NOTE => return Ok(self.note(trace)),
            builtins::RAW => return self.line(phase, trace).await,
            builtins::CONNECTION => return self.wait_for_connection(left).await.map(|()| Texts::new()),
            _ => {}
        }
        if let Some(script) = self.context.script() {
            return self.pretend(script, phase, left, trace).await;
        }
        let arguments = builtins::Arguments { context: self.context, prepared: self.prepared, deadline: left };
        match timeout(left, builtins::run(name, &arguments)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.out_of_time(phase, true)),
        }
    }

    /// What a builtin comes to where nothing outside is asked.
    async fn pretend(
        &self,
        script: &Script,
        phase: Phase,
        left: Duration,
        trace: &mut Trace,
    ) -> Result<Texts, StepError> {
        let reply = script.reply(phase, &self.doing(&self.context.name(self.prepared.actor)));
        if reply.never_ends || reply.takes > left {
            tokio::time::sleep(left).await;
            return Err(self.out_of_time(phase, true));
        }
        tokio::time::sleep(reply.takes).await;
        trace.output.push(reply.stdout.as_bytes());
        match (reply.goes, reply.code) {
            (None, 0) => Ok(reply.fields),
            (None, code) => Err(StepError::Exit { phase, code, tail: reply.stderr }),
            (Some(_), _) => Err(StepError::Exit { phase, code: 1, tail: "the connection was lost".to_string() }),
        }
    }

    /// Sends a line as it is to whatever answers there.
    async fn line(&mut self, phase: Phase, trace: &mut Trace) -> Result<Texts, StepError> {
        let line = self.prepared.text("line").map(str::to_string);
        let program = Program { line, stdin: self.prepared.bound.stdin.clone(), ..Program::default() };
        self.run_program(phase, &program, trace).await
    }

    /// Tells everybody who listens, and keeps it as the step's output.
    fn note(&self, trace: &mut Trace) -> Texts {
        let said = self.prepared.text("text").unwrap_or_default();
        let text = printable(&self.context.redactor().clean_bytes(said.as_bytes()).bytes);
        trace.output.push(text.as_bytes());
        let (step, host) = (self.prepared.step.name.clone(), self.context.name(self.prepared.actor));
        self.context.events.emit(EventKind::StepOutput { step, host, stream: Stream::Note, text });
        Texts::new()
    }
}
