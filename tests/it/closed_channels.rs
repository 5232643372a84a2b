//! A server that closes channels before it starts their commands, as dropbear 2022.82 to 2024.85 do where another
//! command of the connection ends just then: a command that was not started is sent again, any other is not.
//! Knows only the public face of `transport`.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use opsc::base::secret::Secret;
use opsc::transport::{Credentials, Endpoint, Session, TransportError};
use russh::server::{Auth, Config, Handler, Msg, run_stream};
use russh::{Channel, ChannelId};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::sshd::make_key;

/// What one server was asked for, and how often it closes a channel first.
struct Closing {
    closes: usize,
    /// Whether it has shells for people alone.
    refuses: bool,
    opened: Arc<AtomicUsize>,
    started: Arc<AtomicUsize>,
}

impl Handler for Closing {
    type Error = russh::Error;

    async fn auth_password(&mut self, _user: &str, _password: &str) -> Result<Auth, Self::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: russh::server::ChannelOpenHandle,
        _session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        if self.opened.load(Ordering::SeqCst) <= self.closes {
            return session.close(channel);
        }
        if self.refuses {
            return session.channel_failure(channel);
        }
        self.started.fetch_add(1, Ordering::SeqCst);
        session.exit_status_request(channel, 7)?;
        session.close(channel)
    }
}

/// How often a channel was opened, how often a command was started, and what became of it.
async fn connect(closes: usize) -> (usize, usize, TransportError) {
    connect_to(closes, false).await
}

async fn connect_to(closes: usize, refuses: bool) -> (usize, usize, TransportError) {
    let folder = TempDir::new().unwrap();
    let key = folder.path().join("host_key");
    make_key(&key);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let public = std::fs::read_to_string(folder.path().join("host_key.pub")).unwrap();
    std::fs::write(folder.path().join("known_hosts"), format!("[127.0.0.1]:{port} {public}")).unwrap();
    let config = Config {
        keys: vec![russh::keys::load_secret_key(&key, None).unwrap()],
        auth_rejection_time_initial: Some(std::time::Duration::ZERO),
        ..Config::default()
    };
    let (opened, started) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let handler = Closing { closes, refuses, opened: Arc::clone(&opened), started: Arc::clone(&started) };
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        run_stream(Arc::new(config), stream, handler).await.unwrap().await
    });
    let endpoint = Endpoint {
        port,
        known_hosts: vec![folder.path().join("known_hosts")],
        ..Endpoint::ssh("there", "127.0.0.1", "somebody")
    };
    let credentials = Credentials { password: Some(Secret::new("word".to_owned())), ..Credentials::default() };
    let error = Session::connect(&endpoint, &credentials).await.unwrap_err();
    server.abort();
    (opened.load(Ordering::SeqCst), started.load(Ordering::SeqCst), error)
}

#[tokio::test]
async fn a_command_that_was_not_started_is_sent_again() {
    let (opened, started, error) = connect(2).await;
    assert_eq!((opened, started), (3, 1), "{error}");
    assert!(matches!(error, TransportError::NoHello { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_always_closes_is_given_up() {
    let (opened, started, error) = connect(usize::MAX).await;
    assert_eq!((opened, started), (5, 0), "{error}");
    assert_eq!(error.to_string(), "there: no shell started for `somebody`");
}

#[tokio::test]
async fn a_command_that_ended_is_not_sent_again() {
    let (opened, started, error) = connect(0).await;
    assert_eq!((opened, started), (1, 1), "{error}");
}

#[tokio::test]
async fn a_server_that_runs_no_commands_says_so() {
    let (opened, started, error) = connect_to(0, true).await;
    assert_eq!((opened, started), (1, 0), "{error}");
    assert_eq!(error.to_string(), "there: no shell started for `somebody`: the server refuses to run commands");
}
