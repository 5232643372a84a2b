//! Wires to hosts that are not there: programs are answered from a script, on simulated time.

use std::sync::Arc;
use std::time::Duration;

use sha2::Digest;

use super::errors::Phase;
use super::ports::{Answer, Connector, Output, Wire, WireError};
use super::script::{Doing, Reply, Script};
use crate::base::hex::hex;
use crate::base::ids::HostId;
use crate::hir::world::Inventory;
use crate::shell::Program;
use crate::transport::{Captured, Completed, Stream, TransportError};

/// How long a host that does not answer is waited for.
const CONNECT: Duration = Duration::from_secs(10);

pub struct ScriptedConnector {
    pub script: Arc<Script>,
    pub inventory: Arc<Inventory>,
}

impl Connector for ScriptedConnector {
    fn connect(&self, host: HostId) -> Answer<'_, Result<Box<dyn Wire>, WireError>> {
        Box::pin(async move {
            if !self.script.is_away(host) {
                let wire = ScriptedWire { script: Arc::clone(&self.script), host, reply: Reply::default() };
                return Ok(Box::new(wire) as Box<dyn Wire>);
            }
            tokio::time::sleep(CONNECT).await;
            let Some(host) = self.inventory.hosts.get(host) else { return Err(WireError::NoEndpoint) };
            let (host, address) = (host.name.clone(), host.address.clone());
            let seconds = CONNECT.as_secs();
            Err(WireError::Transport(TransportError::ConnectTimeout { host, address, seconds }))
        })
    }

    fn script(&self) -> Option<&Script> {
        Some(&self.script)
    }
}

struct ScriptedWire {
    script: Arc<Script>,
    host: HostId,
    /// To the program that comes next.
    reply: Reply,
}

impl ScriptedWire {
    async fn answer(&mut self, deadline: Duration, output: Output<'_>) -> Result<Completed, WireError> {
        let reply = std::mem::take(&mut self.reply);
        if self.script.is_away(self.host) {
            return Err(WireError::Lost);
        }
        let late = reply.never_ends || reply.takes > deadline;
        tokio::time::sleep(if late { deadline } else { reply.takes }).await;
        if let Some(back) = reply.goes {
            self.script.goes_away(self.host, back);
            return Err(WireError::Lost);
        }
        output(Stream::Stdout, reply.stdout.as_bytes());
        output(Stream::Stderr, reply.stderr.as_bytes());
        Ok(Completed {
            code: if late { 124 } else { reply.code },
            fields: reply.fields.into_iter().map(|(name, text)| (name, text.into_bytes())).collect(),
            stdout: captured(reply.stdout),
            stderr: captured(reply.stderr),
            timed_out: late,
        })
    }
}

impl Wire for ScriptedWire {
    fn hear(&mut self, phase: Phase, doing: Option<&Doing<'_>>) {
        self.reply = match (phase, doing) {
            (_, Some(doing)) => self.script.reply(phase, doing),
            (Phase::Facts, None) => {
                let fields = self.script.facts.get(&self.host).cloned().unwrap_or_default();
                Reply { fields, ..Reply::default() }
            }
            (_, None) => Reply::default(),
        };
    }

    fn run<'a>(
        &'a mut self,
        _user: Option<&'a str>,
        _program: &'a Program,
        deadline: Duration,
        output: Output<'a>,
    ) -> Answer<'a, Result<Completed, WireError>> {
        Box::pin(self.answer(deadline, output))
    }

    fn stage<'a>(
        &'a mut self,
        _user: Option<&'a str>,
        _content: &'a [u8],
        sha256: &'a str,
    ) -> Answer<'a, Result<String, WireError>> {
        Box::pin(async move { if self.is_open() { Ok(format!("/simulated/{sha256}")) } else { Err(WireError::Lost) } })
    }

    fn beside(&self) -> Answer<'_, Result<Box<dyn Wire>, WireError>> {
        let wire = ScriptedWire { script: Arc::clone(&self.script), host: self.host, reply: Reply::default() };
        Box::pin(async move { Ok(Box::new(wire) as Box<dyn Wire>) })
    }

    fn is_open(&self) -> bool {
        !self.script.is_away(self.host)
    }

    fn close(self: Box<Self>) -> Answer<'static, ()> {
        Box::pin(async {})
    }
}

fn captured(text: String) -> Captured {
    let sha256 = hex(&sha2::Sha256::digest(text.as_bytes()));
    Captured { bytes: text.len() as u64, kept: text.into_bytes(), truncated: false, sha256 }
}
