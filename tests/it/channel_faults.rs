//! What goes wrong between channels of one connection: one that nobody reads, keys that change under load, an input that
//! nobody takes, a key that was revoked. A real sshd; knows only the public face of `transport`.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::time::{Duration, Instant};

use opsc::shell::Program;
use opsc::transport::{Credentials, Endpoint, HostKeyPolicy, Session, TransportError};

use crate::contract::{MINUTE, SOON, field, sha256, stdout};
use crate::hostile_hosts::server_that;
use crate::sshd::{Sshd, SshdOptions};

async fn connect(endpoint: &Endpoint) -> Session {
    Session::connect(endpoint, &Credentials::default()).await.unwrap()
}

/// Both are on one connection, so what one channel keeps from the reader would keep the other waiting too.
#[tokio::test]
async fn a_flood_that_nobody_hears_holds_up_no_other_channel() {
    let server = Sshd::start(&SshdOptions::default());
    let mut flooded = connect(&server.endpoint("web1")).await;
    let mut beside = flooded.beside().await.unwrap();
    // No deadline of a lane ends it: it goes on as long as the connection.
    let flood = Program { line: Some("exec yes".to_owned()), ..Program::default() };
    let (begin, begun) = tokio::sync::oneshot::channel();
    let mut begin = Some(begin);
    {
        let mut listen = |_, _: &[u8]| {
            begin.take().map(|begin| begin.send(()));
        };
        let running = flooded.run(None, &flood, MINUTE, &mut listen);
        tokio::select! {
            done = running => panic!("{done:?}"),
            _ = begun => {}
        }
    }
    let since = Instant::now();
    for number in 0..100 {
        let program = Program::new("out n \"$n\"").with("n", &number.to_string());
        let done = beside.run(None, &program, MINUTE, &mut |_, _| {}).await.unwrap();
        assert_eq!(field(&done, "n"), number.to_string().as_bytes());
    }
    assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
    beside.close().await;
    flooded.close().await;
}

#[tokio::test]
async fn keys_change_under_load() {
    let config = vec!["RekeyLimit 256K".to_owned(), "LogLevel DEBUG1".to_owned()];
    let server = Sshd::start(&SshdOptions { config, ..SshdOptions::default() });
    let mut session = connect(&server.endpoint("web1")).await;
    let mut beside = session.beside().await.unwrap();
    let content: Vec<u8> = (0..5_000_000_u32).map(|number| (number % 251) as u8).collect();
    let digest = sha256(&content);
    let path = session.stage(None, &content, &digest).await.unwrap();
    let both = Program::new("cat \"$p\"; cat \"$p\" >&2").with("p", &path);
    let small = async {
        for _ in 0..100 {
            let done = beside.run(None, &Program::new("echo on"), MINUTE, &mut |_, _| {}).await.unwrap();
            assert_eq!(stdout(&done), "on\n");
        }
    };
    let mut quiet = |_, _: &[u8]| {};
    let (done, ()) = tokio::join!(session.run(None, &both, MINUTE, &mut quiet), small);
    let done = done.unwrap();
    assert_eq!((done.stdout.sha256.as_str(), done.stderr.sha256.as_str()), (digest.as_str(), digest.as_str()));
    session.close().await;
    beside.close().await;
    let log = fs::read_to_string(server.directory.path().join("log")).unwrap();
    let exchanges = log.matches("SSH2_MSG_NEWKEYS sent").count() + log.matches("rekey").count();
    assert!(exchanges > 10, "{exchanges} exchanges");
}

/// The host says hello and then takes nothing: the window of its channel is soon full.
#[tokio::test]
async fn an_input_that_nobody_takes_meets_the_deadline() {
    let server = server_that("hello; hello >&2; exec sleep 100");
    let mut session = connect(&server.endpoint("web1")).await;
    let large = Program::new("true").with("v", &"x".repeat(16 << 20));
    let begun = Instant::now();
    let done = session.run(None, &large, Duration::from_secs(1), &mut |_, _| {}).await.unwrap();
    assert!(done.timed_out && begun.elapsed() < SOON, "{:?}", begun.elapsed());
    // The connection carries on.
    let beside = session.beside().await.unwrap();
    assert!(session.is_open() && begun.elapsed() < SOON, "{:?}", begun.elapsed());
    beside.close().await;
    session.close().await;
}

#[tokio::test]
async fn a_revoked_host_key_stops_whoever_knows_it_too() {
    let server = Sshd::start(&SshdOptions::default());
    let known = fs::read_to_string(&server.known_hosts_path).unwrap();
    let (_, key) = known.split_once(' ').unwrap();
    for (lines, at) in [(format!("{known}@revoked * {key}"), 2), (format!("@revoked * {key}{known}"), 1)] {
        fs::write(&server.known_hosts_path, &lines).unwrap();
        for host_key in [HostKeyPolicy::Strict, HostKeyPolicy::AcceptNew] {
            let endpoint = Endpoint { host_key, ..server.endpoint("web1") };
            let error = Session::connect(&endpoint, &Credentials::default()).await.unwrap_err();
            assert!(matches!(error, TransportError::HostKeyRevoked { line, .. } if line == at), "{error}");
        }
        assert_eq!(fs::read_to_string(&server.known_hosts_path).unwrap(), lines, "nothing is learnt");
    }
}
