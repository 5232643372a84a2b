//! One connection over SSH: reached, both sides proved, and channels opened on it. Knows nothing of what they carry.

use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, Handle, Handler};
use russh::keys::{Algorithm, PublicKeyOrCertificate};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Disconnect, Preferred, Sig, cipher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use super::authenticate::authenticate;
use super::channel::{Channel, FarEnd, Outlet, channel};
use super::completed::Stream;
use super::endpoint::{Credentials, Endpoint, HostKeyPolicy, Wire};
use super::error::TransportError;
use super::known_hosts::KnownHost;

/// sshd counts a closed session a little late, so a refusal is tried again this often.
const CHANNEL_RETRIES: u32 = 4;

pub(super) struct Ssh {
    host: String,
    handle: Handle<Judge>,
    /// The connection that carries this one lives as long.
    jump: Option<Box<Ssh>>,
}

impl std::fmt::Debug for Ssh {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Ssh").field("host", &self.host).field("jump", &self.jump).finish_non_exhaustive()
    }
}

impl Ssh {
    pub(super) async fn connect(endpoint: &Endpoint, credentials: &Credentials) -> Result<Ssh, TransportError> {
        match &endpoint.jump {
            Some(next) if next.transport == Wire::Ssh => {
                let jump = Box::pin(Ssh::connect(next, credentials)).await?;
                let stream = jump.tunnel(endpoint).await?;
                Ssh::over(endpoint, credentials, stream, Some(Box::new(jump))).await
            }
            _ => {
                let stream = dial(endpoint).await?;
                Ssh::over(endpoint, credentials, stream, None).await
            }
        }
    }

    /// A channel to the process of one command line.
    pub(super) async fn open(&self, command: &str) -> Result<Channel, TransportError> {
        let opened = self.open_session().await?;
        opened.exec(false, command).await.map_err(|_| self.lost())?;
        let (reader, writer) = opened.split();
        let (near, FarEnd { input, output }) = channel();
        tokio::spawn(write_all(writer, input));
        tokio::spawn(read_all(reader, output));
        Ok(near)
    }

    pub(super) async fn close(self) {
        let Ssh { handle, jump, host } = self;
        if let Err(error) = handle.disconnect(Disconnect::ByApplication, "", "").await {
            tracing::debug!(%host, %error, "the connection was gone before it was closed");
        }
        if let Some(jump) = jump {
            Box::pin(jump.close()).await;
        }
    }

    async fn over(
        endpoint: &Endpoint,
        credentials: &Credentials,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        jump: Option<Box<Ssh>>,
    ) -> Result<Ssh, TransportError> {
        let mut handle = shake_hands(endpoint, stream).await?;
        authenticate(&mut handle, endpoint, credentials).await?;
        Ok(Ssh { host: endpoint.name.clone(), handle, jump })
    }

    /// Sees whether the host shows a key that is known, and lets nobody in.
    pub(super) async fn check_host_key(endpoint: &Endpoint, credentials: &Credentials) -> Result<(), TransportError> {
        let handle = match &endpoint.jump {
            Some(next) if next.transport == Wire::Ssh => {
                let jump = Box::pin(Ssh::connect(next, credentials)).await?;
                shake_hands(endpoint, jump.tunnel(endpoint).await?).await?
            }
            _ => shake_hands(endpoint, dial(endpoint).await?).await?,
        };
        if let Err(error) = handle.disconnect(Disconnect::ByApplication, "", "").await {
            tracing::debug!(host = %endpoint.name, %error, "the connection was gone before it was closed");
        }
        Ok(())
    }

    async fn open_session(&self) -> Result<russh::Channel<client::Msg>, TransportError> {
        let mut wait = Duration::from_millis(50);
        for _ in 0..CHANNEL_RETRIES {
            match self.handle.channel_open_session().await {
                Err(russh::Error::ChannelOpenFailure(reason)) => {
                    tracing::debug!(host = %self.host, ?reason, "a channel was refused, trying again");
                }
                Err(_) => return Err(self.lost()),
                Ok(opened) => return Ok(opened),
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        self.handle
            .channel_open_session()
            .await
            .map_err(|error| TransportError::ChannelRefused { host: self.host.clone(), reason: error.to_string() })
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

    fn lost(&self) -> TransportError {
        TransportError::Lost { host: self.host.clone() }
    }
}

async fn shake_hands(
    endpoint: &Endpoint,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<client::Handle<Judge>, TransportError> {
    let known = KnownHost::read(&endpoint.name, &endpoint.address, endpoint.port, &endpoint.known_hosts)?;
    let config = Arc::new(config(&known));
    let judge = Judge { host: endpoint.name.clone(), known, policy: endpoint.host_key };
    timeout(endpoint.connect_timeout, client::connect_stream(config, stream, judge))
        .await
        .map_err(|_| connect_timeout(endpoint))?
        .map_err(|error| error.of(&endpoint.name))
}

/// Answers the one question of the handshake that is ours: is this the host?
pub(super) struct Judge {
    host: String,
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
    fn of(self, host: &str) -> TransportError {
        match self {
            HandshakeError::Ours(error) => error,
            HandshakeError::Library(error) => {
                TransportError::Handshake { host: host.to_owned(), reason: error.to_string() }
            }
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
            PublicKeyOrCertificate::Certificate(_) => {
                tracing::debug!(host = %self.host, "the host shows a certificate");
                Err(HandshakeError::Ours(self.known.certificate()))
            }
        }
    }
}

fn config(known: &KnownHost) -> client::Config {
    let mut preferred = Preferred::default();
    // Asking first for what is known keeps a host with several keys from looking changed.
    let mut keys: Vec<Algorithm> = preferred.key.to_vec();
    let first = known.algorithms();
    keys.sort_by_key(|key| !first.iter().any(|known| known == key || (is_rsa(known) && is_rsa(key))));
    preferred.key = keys.into();
    preferred.cipher =
        vec![cipher::AES_256_GCM, cipher::AES_128_GCM, cipher::CHACHA20_POLY1305, cipher::AES_256_CTR].into();
    client::Config {
        nodelay: true,
        keepalive_interval: Some(Duration::from_secs(15)),
        keepalive_max: 3,
        window_size: 4 << 20,
        preferred,
        ..client::Config::default()
    }
}

fn is_rsa(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Rsa { .. })
}

/// Tries every address of the name within the connect timeout; the last failure is told.
async fn dial(endpoint: &Endpoint) -> Result<TcpStream, TransportError> {
    let dialing = async {
        let addresses = tokio::net::lookup_host((endpoint.address.as_str(), endpoint.port)).await.map_err(|error| {
            let (host, address) = (endpoint.name.clone(), endpoint.address.clone());
            TransportError::Dns { host, address, reason: error.to_string() }
        })?;
        let mut failure = TransportError::Dns {
            host: endpoint.name.clone(),
            address: endpoint.address.clone(),
            reason: "the name has no address".to_owned(),
        };
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // Without this a step waits for the other side's delayed acknowledgement.
                    stream.set_nodelay(true).map_err(|error| dial_error(endpoint, &error))?;
                    return Ok(stream);
                }
                Err(error) => failure = dial_error(endpoint, &error),
            }
        }
        Err(failure)
    };
    timeout(endpoint.connect_timeout, dialing).await.map_err(|_| connect_timeout(endpoint))?
}

fn dial_error(endpoint: &Endpoint, error: &std::io::Error) -> TransportError {
    let (host, address) = (endpoint.name.clone(), shown_address(endpoint));
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => TransportError::Refused { host, address },
        std::io::ErrorKind::TimedOut => connect_timeout(endpoint),
        _ => TransportError::Unreachable { host, address, reason: error.to_string() },
    }
}

fn connect_timeout(endpoint: &Endpoint) -> TransportError {
    TransportError::ConnectTimeout {
        host: endpoint.name.clone(),
        address: shown_address(endpoint),
        seconds: endpoint.connect_timeout.as_secs(),
    }
}

fn shown_address(endpoint: &Endpoint) -> String {
    if endpoint.address.contains(':') {
        format!("[{}]:{}", endpoint.address, endpoint.port)
    } else {
        format!("{}:{}", endpoint.address, endpoint.port)
    }
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
async fn read_all(mut reader: ChannelReadHalf, mut output: Outlet) {
    let mut code = None;
    while let Some(message) = reader.wait().await {
        match message {
            ChannelMsg::Data { data } => output.output(Stream::Stdout, data.to_vec()).await,
            ChannelMsg::ExtendedData { data, .. } => output.output(Stream::Stderr, data.to_vec()).await,
            ChannelMsg::ExitStatus { exit_status } => code = i32::try_from(exit_status).ok(),
            ChannelMsg::ExitSignal { signal_name, .. } => code = Some(128 + signal_number(&signal_name)),
            ChannelMsg::Failure => code = Some(126),
            ChannelMsg::Close => break,
            _ => {}
        }
    }
    if let Some(code) = code {
        output.exit(code).await;
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
