//! What a run needs from outside, as small traits: contents and wires. Knows no implementation but the live wire.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::circuit::Refused;
use super::errors::Phase;
use super::script::{Doing, Script};
use crate::base::ids::HostId;
use crate::hir::folder::{FolderFault, FolderRef};
use crate::hir::value::FileRef;
use crate::shell::{Language, Program};
use crate::transport::backlog::Backlog;
use crate::transport::{Completed, Credentials, Endpoint, Session, Stream, TransportError, WhyExec};

/// Files of the project as they were when the plan was made.
pub trait ContentStore: Send + Sync {
    /// The file that the program names by this path.
    fn file(&self, path: &str) -> Option<FileRef>;

    /// The folder that the program names by this path; its content is its archive.
    fn folder(&self, _path: &str) -> Result<FolderRef, FolderFault> {
        Err(FolderFault::Missing)
    }

    /// The bytes with this SHA-256 (lower-case hex).
    fn content(&self, sha256: &str) -> Result<Vec<u8>, ContentFailure>;
}

/// A file that cannot be read, or is no longer what was planned with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContentFailure {
    pub sha256: String,
    /// The reader's own words.
    pub reason: String,
}

/// Why a wire gave no answer.
#[derive(Debug)]
pub enum WireError {
    /// Nobody said how to reach this host.
    NoEndpoint,
    /// The connection ended while something was under way.
    Lost,
    /// It gave no connection so often that nobody asks for a time.
    CircuitOpen(Refused),
    Transport(TransportError),
}

impl WireError {
    /// Whether the host itself is out of reach, rather than this one command refused.
    pub fn is_unreachable(&self) -> bool {
        match self {
            WireError::NoEndpoint | WireError::Lost | WireError::CircuitOpen(_) => true,
            WireError::Transport(error) => error.is_unreachable(),
        }
    }

    pub fn hint(&self) -> Option<String> {
        match self {
            WireError::NoEndpoint | WireError::Lost | WireError::CircuitOpen(_) => None,
            WireError::Transport(error) => error.hint(),
        }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::NoEndpoint => formatter.write_str("nothing says how to reach this host"),
            WireError::Lost => formatter.write_str("the connection was lost"),
            WireError::CircuitOpen(refused) => refused.fmt(formatter),
            WireError::Transport(error) => error.fmt(formatter),
        }
    }
}

pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
pub type Output<'a> = &'a mut (dyn FnMut(Stream, &[u8]) + Send);

/// Runs programs on one host. The session of `transport` is one; tests script another to lose connections.
pub trait Wire: Send + Sync {
    /// What the next program is for. A host runs it whatever it is for; only a script asks.
    fn hear(&mut self, _phase: Phase, _doing: Option<&Doing<'_>>) {}

    fn run<'a>(
        &'a mut self,
        user: Option<&'a str>,
        program: &'a Program,
        deadline: Duration,
        output: Output<'a>,
    ) -> Answer<'a, Result<Completed, WireError>>;

    /// Puts content on the host where this user can read it; the path.
    fn stage<'a>(
        &'a mut self,
        user: Option<&'a str>,
        content: &'a [u8],
        sha256: &'a str,
    ) -> Answer<'a, Result<String, WireError>>;

    /// Another wire to the same host over the same connection, for programs at the same time.
    fn beside(&self) -> Answer<'_, Result<Box<dyn Wire>, WireError>>;

    /// Why each program is a command of its own, where nobody said so; told once.
    fn take_why(&mut self) -> Option<WhyExec> {
        None
    }

    /// Whether nothing has been heard of its end so far.
    fn is_open(&self) -> bool;

    /// What the host reads.
    fn language(&self) -> Language {
        Language::Sh
    }

    fn close(self: Box<Self>) -> Answer<'static, ()>;
}

/// Opens wires to hosts.
pub trait Connector: Send + Sync {
    fn connect(&self, host: HostId) -> Answer<'_, Result<Box<dyn Wire>, WireError>>;

    /// What answers instead of hosts, and of all else outside, where the run is simulated.
    fn script(&self) -> Option<&Script> {
        None
    }
}

/// The real thing: one session per host.
pub struct LiveConnector {
    pub endpoints: BTreeMap<HostId, (Endpoint, Credentials)>,
    /// Where somebody tells what hosts print.
    pub backlog: Option<Arc<Backlog>>,
}

impl Connector for LiveConnector {
    fn connect(&self, host: HostId) -> Answer<'_, Result<Box<dyn Wire>, WireError>> {
        Box::pin(async move {
            let Some((endpoint, credentials)) = self.endpoints.get(&host) else {
                return Err(WireError::NoEndpoint);
            };
            let session = Session::connect_heeding(endpoint, credentials, self.backlog.clone()).await;
            let session = session.map_err(WireError::Transport)?;
            Ok(Box::new(session) as Box<dyn Wire>)
        })
    }
}

impl Wire for Session {
    fn run<'a>(
        &'a mut self,
        user: Option<&'a str>,
        program: &'a Program,
        deadline: Duration,
        output: Output<'a>,
    ) -> Answer<'a, Result<Completed, WireError>> {
        Box::pin(async move { Session::run(self, user, program, deadline, output).await.map_err(WireError::Transport) })
    }

    fn stage<'a>(
        &'a mut self,
        user: Option<&'a str>,
        content: &'a [u8],
        sha256: &'a str,
    ) -> Answer<'a, Result<String, WireError>> {
        Box::pin(async move { Session::stage(self, user, content, sha256).await.map_err(WireError::Transport) })
    }

    fn beside(&self) -> Answer<'_, Result<Box<dyn Wire>, WireError>> {
        Box::pin(async move {
            let session = Session::beside(self).await.map_err(WireError::Transport)?;
            Ok(Box::new(session) as Box<dyn Wire>)
        })
    }

    fn take_why(&mut self) -> Option<WhyExec> {
        Session::take_why(self)
    }

    fn is_open(&self) -> bool {
        Session::is_open(self)
    }

    fn language(&self) -> Language {
        Session::language(self)
    }

    fn close(self: Box<Self>) -> Answer<'static, ()> {
        Box::pin(async move { Session::close(*self).await })
    }
}
