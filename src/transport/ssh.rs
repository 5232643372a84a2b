//! One connection over SSH: reached, both sides proved, and channels opened on it. Knows nothing of what they carry.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use russh::client::{self, Handle, Handler};
use russh::keys::{Algorithm, PublicKeyOrCertificate};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Disconnect, Sig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, timeout};

use super::authenticate::authenticate;
use super::channel::{Channel, FarEnd, Outlet, Running, channel};
use super::completed::Stream;
use super::dial::{connect_timeout, dial, shown_address};
use super::endpoint::{Credentials, Endpoint, HostKeyPolicy, Refused, Wire};
use super::error::TransportError;
use super::known_hosts::KnownHost;
use super::proxy::Proxy;
use crate::base::scatter::scattered;
use crate::base::words;

/// How many bytes of a channel may be on their way: at a tenth of a second there and back 20 MB a second, and no more than
/// that is kept of a host that floods.
const WINDOW: u32 = 2 << 20;
/// sshd counts a closed session a little late, so a refusal is tried again this often.
const CHANNEL_RETRIES: u32 = 4;
/// sshd drops connections beyond its `MaxStartups` before it says a word; about three seconds in all.
const FULL_RETRIES: u32 = 5;
const FULL_PAUSE: Duration = Duration::from_millis(100);
/// How long a channel may be quiet after the exit of its process before nothing more is expected: a child in the
/// background may hold its output open for ever.
const QUIET: Duration = Duration::from_millis(500);
/// How long the goodbye to a host may take.
const GOODBYE: Duration = Duration::from_secs(5);

pub(super) struct Ssh {
    host: String,
    handle: Handle<Judge>,
    /// How long the host may take to answer.
    patience: Duration,
    /// What carries the connection lives as long.
    carrier: Carrier,
}

#[derive(Debug)]
enum Carrier {
    Wire,
    Jump(Box<Ssh>),
    Proxy(Proxy),
}

impl std::fmt::Debug for Ssh {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Ssh").field("host", &self.host).field("carrier", &self.carrier).finish_non_exhaustive()
    }
}

impl Ssh {
    pub(super) async fn connect(endpoint: &Endpoint, credentials: &Credentials) -> Result<Ssh, TransportError> {
        endpoint.expect_open()?;
        let (mut handle, carrier) = Ssh::reach(endpoint, credentials).await?;
        authenticate(&mut handle, endpoint, credentials).await?;
        Ok(Ssh { host: endpoint.name.clone(), handle, patience: endpoint.connect_timeout, carrier })
    }

    /// A connection on which the host has proved itself, and nobody logged in. A server that lets in no more just then
    /// hangs up, and is asked again, for as long as a connection may take.
    async fn reach(endpoint: &Endpoint, credentials: &Credentials) -> Result<(Handle<Judge>, Carrier), TransportError> {
        let begun = Instant::now();
        let (mut wait, mut tries) = (FULL_PAUSE, 0);
        loop {
            let reached = Ssh::try_reach(endpoint, credentials).await;
            let is_full = matches!(&reached, Err(TransportError::HungUp { host, .. }) if *host == endpoint.name);
            let pause = scattered(wait, 50, (&endpoint.name, tries));
            if !is_full || tries == FULL_RETRIES || begun.elapsed() + pause > endpoint.connect_timeout {
                return reached;
            }
            tracing::debug!(host = %endpoint.name, "the server hung up, trying again");
            tokio::time::sleep(pause).await;
            wait *= 2;
            tries += 1;
        }
    }

    async fn try_reach(
        endpoint: &Endpoint,
        credentials: &Credentials,
    ) -> Result<(Handle<Judge>, Carrier), TransportError> {
        match (&endpoint.jump, &endpoint.proxy_command) {
            (Some(next), _) if next.transport == Wire::Ssh => {
                let jump = Box::pin(Ssh::connect(next, credentials.on_the_way())).await?;
                let stream = jump.tunnel(endpoint).await?;
                Ok((shake_hands(endpoint, stream).await?, Carrier::Jump(Box::new(jump))))
            }
            (_, Some(command)) => {
                let (proxy, stream) = Proxy::start(endpoint, command)?;
                match shake_hands(endpoint, stream).await {
                    Ok(handle) => Ok((handle, Carrier::Proxy(proxy))),
                    Err(error) => Err(proxy.explain(error).await),
                }
            }
            _ => Ok((shake_hands(endpoint, dial(endpoint).await?).await?, Carrier::Wire)),
        }
    }

    /// A channel to the process of one command line.
    pub(super) async fn open(&self, command: &str) -> Result<Channel, TransportError> {
        let opened = self.open_session().await?;
        // The answer is not waited for: a refusal comes as a message.
        opened.exec(true, command).await.map_err(|_| self.lost())?;
        let (reader, writer) = opened.split();
        let (near, FarEnd { input, output, running }) = channel();
        tokio::spawn(write_all(writer, input));
        tokio::spawn(read_all(reader, output, running));
        Ok(near)
    }

    pub(super) async fn close(self) {
        let Ssh { handle, carrier, host, .. } = self;
        say_goodbye(&handle, &host).await;
        match carrier {
            Carrier::Wire => {}
            Carrier::Jump(jump) => Box::pin(jump.close()).await,
            Carrier::Proxy(proxy) => proxy.end().await,
        }
    }

    /// Sees whether the host shows a key that is known, and lets nobody in.
    pub(super) async fn check_host_key(endpoint: &Endpoint, credentials: &Credentials) -> Result<(), TransportError> {
        // A password that cannot be read is of no use here.
        if let Some(Refused::SshConfig(_)) = &endpoint.refused {
            endpoint.expect_open()?;
        }
        let (handle, _carrier) = Ssh::reach(endpoint, credentials).await?;
        say_goodbye(&handle, &endpoint.name).await;
        Ok(())
    }

    pub(super) fn is_open(&self) -> bool {
        !self.handle.is_closed()
    }

    async fn open_session(&self) -> Result<russh::Channel<client::Msg>, TransportError> {
        let mut wait = Duration::from_millis(50);
        let mut tries = 0;
        loop {
            // A host that froze would be noticed by its missing keepalives only, a minute later.
            match timeout(self.patience, self.handle.channel_open_session()).await {
                Err(_) => return Err(self.silent()),
                Ok(Ok(opened)) => return Ok(opened),
                Ok(Err(russh::Error::ChannelOpenFailure(reason))) if tries < CHANNEL_RETRIES => {
                    tracing::debug!(host = %self.host, ?reason, "a channel was refused, trying again");
                }
                Ok(Err(error @ russh::Error::ChannelOpenFailure(_))) => {
                    return Err(TransportError::ChannelRefused { host: self.host.clone(), reason: error.to_string() });
                }
                Ok(Err(_)) => return Err(self.lost()),
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
            tries += 1;
        }
    }

    async fn tunnel(&self, to: &Endpoint) -> Result<russh::ChannelStream<client::Msg>, TransportError> {
        let opening = self.handle.channel_open_direct_tcpip(to.address.clone(), u32::from(to.port), "127.0.0.1", 0);
        match timeout(to.connect_timeout, opening).await {
            Err(_) => Err(connect_timeout(to)),
            Ok(Err(error)) => Err(TransportError::Unreachable {
                host: to.name.clone(),
                address: shown_address(to),
                reason: format!("through {}: {error}", self.host),
            }),
            Ok(Ok(opened)) => Ok(opened.into_stream()),
        }
    }

    fn silent(&self) -> TransportError {
        let reason = format!("no answer within {}", words::duration(self.patience.as_secs() * 1000));
        TransportError::ChannelRefused { host: self.host.clone(), reason }
    }

    fn lost(&self) -> TransportError {
        TransportError::Lost { host: self.host.clone() }
    }
}

async fn say_goodbye(handle: &Handle<Judge>, host: &str) {
    match timeout(GOODBYE, handle.disconnect(Disconnect::ByApplication, "", "")).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%host, %error, "the connection was gone before it was closed"),
        Err(_) => tracing::debug!(%host, "the host takes no goodbye"),
    }
}

async fn shake_hands(
    endpoint: &Endpoint,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<client::Handle<Judge>, TransportError> {
    let known = KnownHost::of(endpoint)?;
    let config = Arc::new(config(&known, endpoint)?);
    let judge = Judge { known, policy: endpoint.host_key };
    timeout(endpoint.connect_timeout, client::connect_stream(config, stream, judge))
        .await
        .map_err(|_| connect_timeout(endpoint))?
        .map_err(|error| error.of(endpoint))
}

/// Answers the one question of the handshake that is ours: is this the host?
pub(super) struct Judge {
    known: KnownHost,
    policy: HostKeyPolicy,
}

/// An error of the handshake: ours, or the library's.
#[derive(Debug)]
pub(super) enum HandshakeError {
    Ours(TransportError),
    Library(russh::Error),
}

impl From<russh::Error> for HandshakeError {
    fn from(error: russh::Error) -> Self {
        HandshakeError::Library(error)
    }
}

impl HandshakeError {
    fn of(self, endpoint: &Endpoint) -> TransportError {
        use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let host = endpoint.name.clone();
        let hung_up = |error: &std::io::Error| {
            [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof].contains(&error.kind())
        };
        match self {
            HandshakeError::Ours(error) => error,
            HandshakeError::Library(russh::Error::Disconnect) => {
                TransportError::HungUp { host, address: shown_address(endpoint) }
            }
            HandshakeError::Library(russh::Error::IO(error)) if hung_up(&error) => {
                TransportError::HungUp { host, address: shown_address(endpoint) }
            }
            HandshakeError::Library(error) => TransportError::Handshake { host, reason: error.to_string() },
        }
    }
}

impl Handler for Judge {
    type Error = HandshakeError;

    async fn check_server_key(&mut self, presented: &PublicKeyOrCertificate) -> Result<bool, HandshakeError> {
        match presented {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                self.known.judge(key, self.policy).map_err(HandshakeError::Ours)?;
                Ok(true)
            }
            PublicKeyOrCertificate::Certificate(certificate) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
                self.known.judge_certificate(certificate, self.policy, now).map_err(HandshakeError::Ours)?;
                Ok(true)
            }
        }
    }
}

fn config(known: &KnownHost, endpoint: &Endpoint) -> Result<client::Config, TransportError> {
    let algorithms = &endpoint.algorithms;
    let mut preferred = algorithms
        .preferred(known.has_authorities())
        .map_err(|option| TransportError::NoAlgorithm { host: endpoint.name.clone(), option })?;
    if !algorithms.orders_host_keys() {
        // Asking first for what is known keeps a host with several keys from looking changed.
        let mut keys: Vec<Algorithm> = preferred.key.to_vec();
        let first = known.algorithms();
        keys.sort_by_key(|key| !first.iter().any(|known| known == key || (is_rsa(known) && is_rsa(key))));
        preferred.key = keys.into();
    }
    Ok(client::Config {
        nodelay: true,
        keepalive_interval: Some(endpoint.keepalive.interval),
        keepalive_max: endpoint.keepalive.most,
        window_size: WINDOW,
        channel_buffer_size: 16,
        preferred,
        ..client::Config::default()
    })
}

fn is_rsa(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Rsa { .. })
}

async fn write_all(writer: ChannelWriteHalf<client::Msg>, mut input: UnboundedReceiver<Vec<u8>>) {
    while let Some(bytes) = input.recv().await {
        if writer.data_bytes(bytes).await.is_err() {
            return;
        }
    }
    if writer.eof().await.is_err() {
        tracing::debug!("the connection was gone before the end of input");
    }
}

/// Reads until the library says that nothing comes any more: an exit may come before or after the last output.
async fn read_all(mut reader: ChannelReadHalf, mut output: Outlet, running: Running) {
    let code = read_until_exit(&mut reader, &mut output).await;
    drop(running);
    // The consumer may be away; the channel is read on meanwhile, or it would hold up all others of the connection.
    let told = async {
        if let Some(code) = code {
            output.exit(code).await;
        }
    };
    let dropped = async { while reader.wait().await.is_some() {} };
    tokio::join!(told, dropped);
}

/// The exit of the process, once its output is through.
async fn read_until_exit(reader: &mut ChannelReadHalf, output: &mut Outlet) -> Option<i32> {
    let mut code = None;
    loop {
        let message = match code {
            None => reader.wait().await,
            Some(_) => timeout(QUIET, reader.wait()).await.ok().flatten(),
        };
        match message {
            None | Some(ChannelMsg::Close) => return code,
            Some(ChannelMsg::Data { data }) => output.output(Stream::Stdout, data.to_vec()).await,
            Some(ChannelMsg::ExtendedData { data, .. }) => output.output(Stream::Stderr, data.to_vec()).await,
            Some(ChannelMsg::ExitStatus { exit_status }) => code = i32::try_from(exit_status).ok(),
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => code = Some(128 + signal_number(&signal_name)),
            Some(ChannelMsg::Failure) => {
                output.output(Stream::Stderr, b"the server refuses to run commands\n".to_vec()).await;
                code = Some(126);
            }
            Some(_) => {}
        }
    }
}

fn signal_number(signal: &Sig) -> i32 {
    match signal {
        Sig::HUP => 1,
        Sig::INT => 2,
        Sig::QUIT => 3,
        Sig::ILL => 4,
        Sig::ABRT => 6,
        Sig::FPE => 8,
        Sig::KILL => 9,
        Sig::USR1 => 10,
        Sig::SEGV => 11,
        Sig::PIPE => 13,
        Sig::ALRM => 14,
        Sig::TERM | Sig::Custom(_) => 15,
    }
}
