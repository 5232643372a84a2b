//! One Windows Remote Shell on one host, and commands in it one after another: create, command, send, receive until it is
//! done, signal, delete. A shell that is dropped is deleted all the same. Knows nothing of what the commands are for.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::carry::carry;
use super::envelope::{Operation, Request};
use super::error::WinrmError;
use super::heard::{Ended, Heard};
use super::http::PATH;
use super::link::Link;
use super::reply::{Received, Reply};
use crate::transport::channel::{Channel, Ending, Running, channel, running};
use crate::transport::completed::{Completed, Output};
use crate::transport::dial::shown_address;
use crate::transport::endpoint::{Credentials, Endpoint, Tls};
use crate::transport::error::TransportError;
use crate::transport::lane::GRACE;
use crate::transport::nonce::random;

/// A host says at the latest after so long that there is no output yet.
const POLL: u64 = 20;
/// What an answer may take on top of what the host may.
const WAY: Duration = Duration::from_secs(10);
/// A shell that nobody asks for anything ends after so many seconds.
const IDLE: u64 = 900;
/// Raw bytes of one piece of input; in base64 they are well below the smallest envelope.
const PIECE: usize = 64 << 10;
/// What cmd.exe takes at most.
const LONGEST_LINE: usize = 8191;

/// A host behind WinRM.
pub(in crate::transport) struct Winrm {
    endpoint: Endpoint,
    credentials: Credentials,
    shell: Option<Shell>,
    /// Of the shell that is at work, or was given up.
    leaving: Option<Ending>,
}

/// What a command gets, and how long.
pub(in crate::transport) struct Line<'a> {
    pub(in crate::transport) line: &'a str,
    pub(in crate::transport) stdin: &'a [u8],
    pub(in crate::transport) deadline: Duration,
}

impl std::fmt::Debug for Winrm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Winrm").field("host", &self.endpoint.name).finish_non_exhaustive()
    }
}

impl Winrm {
    pub(in crate::transport) async fn connect(
        endpoint: &Endpoint,
        credentials: &Credentials,
    ) -> Result<Winrm, TransportError> {
        let shell = Some(Shell::create(endpoint, credentials).await?);
        Ok(Winrm { endpoint: endpoint.clone(), credentials: credentials.clone(), shell, leaving: None })
    }

    pub(in crate::transport) fn is_open(&self) -> bool {
        self.shell.as_ref().is_some_and(|shell| shell.link.is_open())
    }

    /// Runs one line of cmd.exe. A future that is dropped, or a deadline that passes, ends it on the host.
    pub(in crate::transport) async fn run(
        &mut self,
        line: &Line<'_>,
        output: Output<'_>,
    ) -> Result<Completed, TransportError> {
        if line.line.chars().count() > LONGEST_LINE {
            return Err(failed(&self.endpoint, WinrmError::LineTooLong { most: LONGEST_LINE }));
        }
        self.wait_for_the_leaving().await?;
        // The shell is ours while the command runs: dropping this future drops it, and that ends both.
        let mut shell = self.started(line.line).await?;
        let completed = shell.finish(line, output).await;
        match completed {
            Ok(completed) => {
                self.leaving = None;
                self.shell = Some(shell);
                Ok(completed)
            }
            Err(error) => {
                drop(shell);
                Err(failed(&self.endpoint, error))
            }
        }
    }

    /// A command whose input and output are a channel, in a shell that is its own from now on.
    pub(in crate::transport) async fn open(&mut self, line: &str) -> Result<Channel, TransportError> {
        if line.chars().count() > LONGEST_LINE {
            return Err(failed(&self.endpoint, WinrmError::LineTooLong { most: LONGEST_LINE }));
        }
        self.wait_for_the_leaving().await?;
        let shell = self.started(line).await?;
        self.leaving = None;
        let (near, far) = channel();
        tokio::spawn(carry(shell, far));
        Ok(near)
    }

    /// A shell with the command in it. One that is worn out is replaced by another.
    async fn started(&mut self, line: &str) -> Result<Shell, TransportError> {
        let mut shell = match self.shell.take() {
            Some(shell) if shell.link.is_open() => shell,
            _ => Shell::create(&self.endpoint, &self.credentials).await?,
        };
        self.leaving = Some(shell.ending());
        match shell.start(line).await {
            Ok(()) => return Ok(shell),
            Err(error) if !is_worn_out(&error) => return Err(failed(&self.endpoint, error)),
            Err(error) => tracing::debug!(host = %self.endpoint.name, %error, "taking another shell"),
        }
        shell.delete().await;
        let mut shell = Shell::create(&self.endpoint, &self.credentials).await?;
        self.leaving = Some(shell.ending());
        shell.start(line).await.map_err(|error| failed(&self.endpoint, error))?;
        Ok(shell)
    }

    pub(in crate::transport) async fn close(mut self) {
        if let Err(error) = self.wait_for_the_leaving().await {
            tracing::debug!(%error, "a command that was given up is left to its host");
        }
        if let Some(shell) = self.shell.take() {
            shell.delete().await;
        }
    }

    async fn wait_for_the_leaving(&mut self) -> Result<(), TransportError> {
        if let Some(ending) = &self.leaving {
            let ended = timeout(GRACE, ending.clone().wait()).await;
            ended.map_err(|_| TransportError::StillRuns { host: self.endpoint.name.clone() })?;
            self.leaving = None;
        }
        Ok(())
    }
}

/// The end of a connection while a command ran has a name of its own, on every wire.
pub(super) fn failed(endpoint: &Endpoint, error: WinrmError) -> TransportError {
    let host = endpoint.name.clone();
    match error {
        WinrmError::Ended { .. } => TransportError::Lost { host },
        error => TransportError::Winrm { host, error },
    }
}

/// The host took no command in this shell, and takes one in another.
fn is_worn_out(error: &WinrmError) -> bool {
    matches!(error, WinrmError::Gone { .. } | WinrmError::Quota { .. })
}

pub(super) struct Shell {
    link: Link,
    endpoint: Endpoint,
    credentials: Credentials,
    url: String,
    session: String,
    /// As the host calls it; nothing once it is deleted.
    name: Option<String>,
    /// That runs in it.
    command: Option<String>,
    running: Option<Running>,
    ending: Ending,
}

impl Shell {
    async fn create(endpoint: &Endpoint, credentials: &Credentials) -> Result<Shell, TransportError> {
        let link = Link::open(endpoint, credentials).await?;
        let (running, ending) = running();
        let mut shell = Shell {
            link,
            endpoint: endpoint.clone(),
            credentials: credentials.clone(),
            url: url(endpoint),
            session: uuid()?,
            name: None,
            command: None,
            running: Some(running),
            ending,
        };
        let name = match shell.ask(Operation::Create { idle: IDLE }, POLL).await {
            Ok(Reply::Created(name)) => Ok(name),
            Ok(_) => Err(WinrmError::Unexpected { asked: "create a shell" }),
            Err(error) => Err(error),
        };
        shell.name = Some(name.map_err(|error| failed(endpoint, error))?);
        Ok(shell)
    }

    pub(super) fn ending(&self) -> Ending {
        self.ending.clone()
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    async fn ask(&mut self, operation: Operation<'_>, seconds: u64) -> Result<Reply, WinrmError> {
        let message = uuid().map_err(|_| WinrmError::Ended { reason: "there is no randomness".to_owned() })?;
        let request = Request { to: &self.url, message: &message, session: &self.session, seconds, operation };
        let way = self.endpoint.connect_timeout.max(WAY);
        match self.link.ask(&request, Duration::from_secs(seconds) + way).await? {
            Reply::Fault(fault) => Err(WinrmError::of(fault)),
            reply => Ok(reply),
        }
    }

    fn names(&self) -> (String, String) {
        (self.name.clone().unwrap_or_default(), self.command.clone().unwrap_or_default())
    }

    async fn start(&mut self, line: &str) -> Result<(), WinrmError> {
        let (shell, _) = self.names();
        match self.ask(Operation::Command { shell: &shell, line }, POLL).await? {
            Reply::Started(command) => self.command = Some(command),
            _ => return Err(WinrmError::Unexpected { asked: "start a command" }),
        }
        Ok(())
    }

    /// Feeds the command that was started, and hears it to its end.
    async fn finish(&mut self, line: &Line<'_>, output: Output<'_>) -> Result<Completed, WinrmError> {
        let until = Instant::now() + line.deadline;
        let mut heard = Heard::by(output);
        self.feed(line.stdin, true).await?;
        let mut code = self.hear(&mut heard, until).await?;
        let timed_out = code.is_none();
        if timed_out {
            code = self.put_down(&mut heard).await?;
        }
        self.release().await;
        heard.completed(code, timed_out)
    }

    /// Ends the command, and hears it to its end. One that ended just then has nothing more to say.
    async fn put_down(&mut self, heard: &mut Heard<'_>) -> Result<Option<Ended>, WinrmError> {
        let ended = match self.terminate().await {
            Ok(()) => self.hear(heard, Instant::now() + GRACE).await,
            Err(error) => Err(error),
        };
        match ended {
            Err(WinrmError::Gone { .. }) => Ok(None),
            ended => ended,
        }
    }

    /// Input, and where it `ends` its end. A command that does not read any more ends soon, and its code says how.
    pub(super) async fn feed(&mut self, stdin: &[u8], ends: bool) -> Result<(), WinrmError> {
        let (shell, command) = self.names();
        let mut rest = stdin;
        loop {
            let (piece, after) = rest.split_at(rest.len().min(PIECE));
            let is_last = after.is_empty();
            let end = ends && is_last;
            match self.ask(Operation::Send { shell: &shell, command: &command, bytes: piece, end }, POLL).await {
                Err(WinrmError::Fault { .. } | WinrmError::Gone { .. }) => return Ok(()),
                Err(error) => return Err(error),
                Ok(_) if is_last => return Ok(()),
                Ok(_) => rest = after,
            }
        }
    }

    /// The exit code, or nothing when the time is over.
    async fn hear(&mut self, heard: &mut Heard<'_>, until: Instant) -> Result<Option<Ended>, WinrmError> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let received = self.receive(left.as_secs().clamp(1, POLL)).await?;
            if let Some(ended) = received.and_then(|received| heard.take(received)) {
                return Ok(Some(ended));
            }
        }
    }

    /// What came within so many seconds, if anything did.
    pub(super) async fn receive(&mut self, seconds: u64) -> Result<Option<Received>, WinrmError> {
        let (shell, command) = self.names();
        match self.ask(Operation::Receive { shell: &shell, command: &command }, seconds).await {
            Ok(Reply::Received(received)) => Ok(Some(received)),
            Ok(_) => Err(WinrmError::Unexpected { asked: "tell a command's output" }),
            Err(WinrmError::Fault { fault }) if fault.is_no_output_yet() => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn terminate(&mut self) -> Result<(), WinrmError> {
        let (shell, command) = self.names();
        self.ask(Operation::Terminate { shell: &shell, command: &command }, POLL).await.map(|_| ())
    }

    /// The host forgets a command only when it is told to.
    pub(super) async fn release(&mut self) {
        if let Err(error) = self.terminate().await {
            tracing::debug!(host = %self.endpoint.name, %error, "a command that is over was not released");
        }
        self.command = None;
    }

    /// Ends what runs, and the shell.
    pub(super) async fn delete(mut self) {
        if self.link.is_open() {
            self.end().await;
        }
    }

    /// Leaves what runs to the host, which ends the shell when nobody asked for it for long enough.
    pub(super) fn leave(mut self) {
        self.name = None;
    }

    async fn end(&mut self) {
        if self.command.is_some() {
            self.release().await;
        }
        let Some(shell) = self.name.take() else { return };
        if let Err(error) = self.ask(Operation::Delete { shell: &shell }, POLL).await {
            tracing::debug!(host = %self.endpoint.name, %error, "a shell was not deleted; it ends by itself");
        }
        self.running = None;
    }
}

/// Nobody waits for it, so it is ended beside, on a connection of its own: what was asked last on the old one may have no
/// answer yet.
impl Drop for Shell {
    fn drop(&mut self) {
        let Some(name) = self.name.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (endpoint, credentials) = (self.endpoint.clone(), self.credentials.clone());
        let (url, session) = (std::mem::take(&mut self.url), std::mem::take(&mut self.session));
        let (command, running, ending) = (self.command.take(), self.running.take(), self.ending.clone());
        runtime.spawn(async move {
            match Link::open(&endpoint, &credentials).await {
                Ok(link) => {
                    let name = Some(name);
                    let mut shell = Shell { link, endpoint, credentials, url, session, name, command, running, ending };
                    shell.end().await;
                }
                Err(error) => tracing::debug!(%error, "a shell was not deleted; it ends by itself"),
            }
        });
    }
}

fn url(endpoint: &Endpoint) -> String {
    let scheme = if endpoint.tls == Tls::None { "http" } else { "https" };
    format!("{scheme}://{}{PATH}", shown_address(endpoint))
}

/// Of random bits alone, in upper case as Windows writes it.
fn uuid() -> Result<String, TransportError> {
    let bits = u128::from_be_bytes(random()?) & !(0xf000 << 64) & !(0xc000 << 48) | (0x4000 << 64) | (0x8000 << 48);
    let hex = format!("{bits:032X}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    Ok([part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-"))
}

#[cfg(test)]
mod tests {
    use super::uuid;

    #[test]
    fn a_uuid_says_that_it_is_random() {
        let uuid = uuid().unwrap();
        let dashes: Vec<usize> = uuid.match_indices('-').map(|(at, _)| at).collect();
        assert_eq!((uuid.len(), dashes), (36, vec![8, 13, 18, 23]));
        assert_eq!(uuid.get(14..15), Some("4"));
        assert!(matches!(uuid.get(19..20), Some("8" | "9" | "A" | "B")), "{uuid}");
    }
}
