//! What listens at an endpoint, before anything is said to it.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout_at};

use super::dial::dial;
use super::endpoint::Endpoint;
use super::error::TransportError;

/// A server may send other lines before its own, says RFC 4253; none is longer than this.
const LONGEST: usize = 2048;

/// What a server said first, and how long the connection took.
pub struct Banner {
    /// The line of an SSH server, else the beginning of whatever was said; nothing, where the server waits.
    pub line: String,
    pub connected: Duration,
}

impl Banner {
    pub fn is_ssh(&self) -> bool {
        self.line.starts_with("SSH-")
    }
}

/// Connects without a jump host, listens, and goes away.
pub async fn banner(endpoint: &Endpoint) -> Result<Banner, TransportError> {
    let started = Instant::now();
    let mut stream = dial(endpoint).await?;
    let connected = started.elapsed();
    let until = started + endpoint.connect_timeout;
    let mut said = Vec::new();
    while said.len() < LONGEST && ssh_line(&said).is_none() {
        let mut bytes = [0; 256];
        match timeout_at(until, stream.read(&mut bytes)).await {
            Ok(Ok(read)) if read > 0 => said.extend(bytes.iter().take(read)),
            _ => break,
        }
    }
    let line = ssh_line(&said).unwrap_or_else(|| {
        let text = String::from_utf8_lossy(&said);
        text.lines().next().unwrap_or_default().to_owned()
    });
    Ok(Banner { line, connected })
}

/// The whole line of an SSH server, once it is there.
fn ssh_line(said: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(said);
    let (whole, _) = text.rsplit_once('\n')?;
    whole.lines().find(|line| line.starts_with("SSH-")).map(|line| line.trim_end().to_owned())
}
