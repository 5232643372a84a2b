//! A program whose input and output are the connection to a host: `ProxyCommand`. Knows nothing of what it carries.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, join};
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::error::TransportError;

/// How long a program may take to end whose connection is at its end.
const GRACE: Duration = Duration::from_secs(1);
/// What is kept of its complaints.
const MOST_SAID: u64 = 4 << 10;

/// Ends with the value.
#[derive(Debug)]
pub(super) struct Proxy {
    host: String,
    command: String,
    child: Child,
    said: JoinHandle<String>,
}

impl Proxy {
    /// Starts the command line as ssh does: by the user's shell, which makes way for it.
    pub(super) fn start(
        endpoint: &Endpoint,
        command: &str,
    ) -> Result<(Proxy, impl AsyncRead + AsyncWrite + Unpin + Send + 'static), TransportError> {
        let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".into());
        let refuse = |reason: String| TransportError::Proxy {
            host: endpoint.name.clone(),
            command: command.to_owned(),
            reason: format!("cannot be started: {reason}"),
        };
        let mut process = Command::new(&shell);
        for name in &endpoint.unset {
            process.env_remove(name);
        }
        process.arg("-c").arg(format!("exec {command}"));
        process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C in a terminal is for opsc.
        let mut child =
            process.process_group(0).kill_on_drop(true).spawn().map_err(|error| refuse(error.to_string()))?;
        let (Some(input), Some(output), Some(complaints)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(refuse("it has no pipes".to_owned()));
        };
        let said = tokio::spawn(listen(complaints));
        let proxy = Proxy { host: endpoint.name.clone(), command: command.to_owned(), child, said };
        Ok((proxy, join(output, input)))
    }

    /// What failed, where it failed because the program ended.
    pub(super) async fn explain(mut self, error: TransportError) -> TransportError {
        if !matches!(error, TransportError::Handshake { .. } | TransportError::HungUp { .. }) {
            return error;
        }
        let Ok(Ok(status)) = timeout(GRACE, self.child.wait()).await else { return error };
        let said = timeout(GRACE, &mut self.said).await.ok().and_then(Result::ok).unwrap_or_default();
        let said = if said.trim().is_empty() { String::new() } else { format!(": {}", said.trim().escape_debug()) };
        let ended = status.code().map_or("was killed".to_owned(), |code| format!("ended with code {code}"));
        TransportError::Proxy { host: self.host, command: self.command, reason: format!("{ended}{said}") }
    }

    /// A program that does not end with its connection is killed.
    pub(super) async fn end(mut self) {
        if timeout(GRACE, self.child.wait()).await.is_err() {
            tracing::debug!(host = %self.host, "the proxy command did not end with its connection");
        }
    }
}

async fn listen(complaints: ChildStderr) -> String {
    let mut said = Vec::new();
    let mut complaints = complaints.take(MOST_SAID);
    if let Err(error) = complaints.read_to_end(&mut said).await {
        tracing::debug!(%error, "what a proxy command says cannot be read");
    }
    // It may go on, and nobody keeps it.
    let mut rest = complaints.into_inner();
    if let Err(error) = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await {
        tracing::debug!(%error, "what a proxy command says cannot be read");
    }
    String::from_utf8_lossy(&said).into_owned()
}
