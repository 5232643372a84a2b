//! Certificates of hosts and of users against a real sshd and a real agent: what holds lets in, what does not is refused
//! with the reason. Knows only the public face of `transport`.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use opsc::transport::{Credentials, Endpoint, HostKeyPolicy, Session, TransportError};
use tempfile::TempDir;

use crate::sshd::{Sshd, SshdOptions, make_key};

/// An authority, another one, and an sshd whose key may be signed.
pub(crate) struct Court {
    folder: TempDir,
}

impl Court {
    pub(crate) fn new() -> Court {
        let court = Court { folder: tempfile::Builder::new().prefix("opsc-court-").tempdir().unwrap() };
        for name in ["ca", "other", "host_key", "user"] {
            make_key(&court.path(name));
        }
        court
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn public(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap().trim().to_owned()
    }

    /// Signs a key by an authority; `KEY-cert.pub` lies beside it then.
    pub(crate) fn sign(&self, authority: &str, key: &str, options: &[&str]) {
        let mut sign = Command::new("ssh-keygen");
        sign.args(["-q", "-I", "test", "-s"]).arg(self.path(authority)).args(options);
        assert!(sign.arg(self.path(&format!("{key}.pub"))).status().unwrap().success());
    }

    pub(crate) fn sshd(&self) -> Sshd {
        let (key, authority) = (self.path("host_key").display().to_string(), self.path("ca.pub").display().to_string());
        let lines = [
            format!("HostKey {key}"),
            format!("HostCertificate {key}-cert.pub"),
            format!("TrustedUserCAKeys {authority}"),
        ];
        Sshd::start(&SshdOptions { config: lines.to_vec(), ..SshdOptions::default() })
    }

    /// With these lines as the only known hosts.
    pub(crate) fn endpoint(&self, sshd: &Sshd, lines: &[String]) -> Endpoint {
        let known = self.path("known_hosts");
        fs::write(&known, lines.join("\n") + "\n").unwrap();
        Endpoint { known_hosts: vec![known], ..sshd.endpoint("web1") }
    }

    pub(crate) fn of_authority(&self) -> String {
        format!("@cert-authority [127.0.0.1]:* {}", self.public("ca"))
    }
}

async fn refused(endpoint: &Endpoint) -> TransportError {
    Session::connect(endpoint, &Credentials::default()).await.unwrap_err()
}

async fn is_let_in(endpoint: &Endpoint, credentials: &Credentials) {
    Session::connect(endpoint, credentials).await.unwrap().close().await;
}

#[tokio::test]
async fn a_host_with_a_certificate_of_a_listed_authority_is_known() {
    let court = Court::new();
    court.sign("ca", "host_key", &["-h", "-n", "127.0.0.1"]);
    let sshd = court.sshd();
    let known = court.endpoint(&sshd, &[court.of_authority()]);
    is_let_in(&known, &Credentials::default()).await;
    assert_eq!(fs::read_to_string(court.path("known_hosts")).unwrap().lines().count(), 1, "nothing is learnt");

    let revoked = format!("@revoked * {}", court.public("ca"));
    let error = refused(&court.endpoint(&sshd, &[court.of_authority(), revoked])).await;
    assert!(matches!(error, TransportError::HostKeyRevoked { line: 2, .. }), "{error}");
    let revoked = format!("@revoked * {}", court.public("host_key"));
    let error = refused(&court.endpoint(&sshd, &[court.of_authority(), revoked])).await;
    assert!(matches!(error, TransportError::HostKeyRevoked { .. }), "{error}");

    // An authority for other hosts, or another one: then the bare key counts.
    let elsewhere = format!("@cert-authority *.example.org {}", court.public("ca"));
    let stranger = format!("@cert-authority * {}", court.public("other"));
    for lines in [vec![elsewhere], vec![stranger.clone()]] {
        let error = refused(&court.endpoint(&sshd, &lines)).await;
        assert!(matches!(error, TransportError::HostKeyUnknown { .. }), "{error}");
    }
    let bare = format!("[127.0.0.1]:{} {}", sshd.port, court.public("host_key"));
    is_let_in(&court.endpoint(&sshd, &[stranger.clone(), bare]), &Credentials::default()).await;
    let changed = format!("[127.0.0.1]:{} {}", sshd.port, court.public("user"));
    let endpoint = Endpoint { host_key: HostKeyPolicy::AcceptNew, ..court.endpoint(&sshd, &[stranger, changed]) };
    let error = refused(&endpoint).await;
    assert!(matches!(error, TransportError::HostKeyChanged { line: 2, .. }), "{error}");
}

#[tokio::test]
async fn a_host_certificate_that_does_not_hold_is_refused_with_the_reason() {
    for (options, reason) in [
        (&["-h", "-n", "web9.example.org,10.0.0.1"][..], "it is for web9.example.org, 10.0.0.1"),
        (&["-h", "-n", "127.0.0.1", "-V", "20200101:20200102"], "its time is over"),
        (&["-h", "-n", "127.0.0.1", "-V", "20900101:20900102"], "it does not hold yet"),
        (&["-h", "-n", "127.0.0.1", "-O", "critical:strange=1"], "it asks for `strange`, which opsc does not know"),
    ] {
        let court = Court::new();
        court.sign("ca", "host_key", options);
        let sshd = court.sshd();
        let endpoint = Endpoint {
            // Not even a host that is met for the first time.
            host_key: HostKeyPolicy::AcceptNew,
            ..court.endpoint(&sshd, &[court.of_authority()])
        };
        let error = refused(&endpoint).await;
        assert!(matches!(error, TransportError::HostKeyCertificate { .. }), "{options:?}: {error}");
        assert!(error.to_string().ends_with(reason) && error.hint().is_some(), "{options:?}: {error}");
    }
    // A name with a wildcard is for every such host.
    let court = Court::new();
    court.sign("ca", "host_key", &["-h", "-n", "127.0.0.*"]);
    let sshd = court.sshd();
    is_let_in(&court.endpoint(&sshd, &[court.of_authority()]), &Credentials::default()).await;
}

#[tokio::test]
async fn a_user_with_a_certificate_beside_the_key_is_let_in() {
    let court = Court::new();
    court.sign("ca", "host_key", &["-h", "-n", "127.0.0.1"]);
    let sshd = court.sshd();
    let endpoint = Endpoint { key: Some(court.path("user")), ..court.endpoint(&sshd, &[court.of_authority()]) };
    let tried = |error: &TransportError| match error {
        TransportError::Authentication { tried, .. } => tried.clone(),
        other => panic!("{other}"),
    };
    let key = format!("key {}", court.path("user").display());
    assert_eq!(tried(&refused(&endpoint).await), [key.as_str()]);
    let certificate = format!("certificate {}-cert.pub", court.path("user").display());
    for options in [&["-n", "somebody"][..], &["-n", "root", "-V", "20200101:20200102"]] {
        court.sign("ca", "user", options);
        assert_eq!(tried(&refused(&endpoint).await), [certificate.as_str(), key.as_str()], "{options:?}");
    }
    court.sign("other", "user", &["-n", "root"]);
    assert_eq!(tried(&refused(&endpoint).await), [certificate.as_str(), key.as_str()]);
    court.sign("ca", "user", &["-n", "root"]);
    is_let_in(&endpoint, &Credentials::default()).await;
    fs::copy(court.path("host_key-cert.pub"), court.path("user-cert.pub")).unwrap();
    assert_eq!(tried(&refused(&endpoint).await)[0], format!("{certificate} (of another key)"));
    fs::write(court.path("user-cert.pub"), "no certificate").unwrap();
    assert_eq!(tried(&refused(&endpoint).await)[0], format!("{certificate} (not readable)"));
}

/// A real agent, ended with the value.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn agent(socket: &Path) -> Agent {
    let started = Command::new("ssh-agent").arg("-D").arg("-a").arg(socket).stdout(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while !socket.exists() {
        assert!(Instant::now() < until, "the agent did not come up");
        std::thread::yield_now();
    }
    Agent(started)
}

#[tokio::test]
async fn an_agent_holds_a_certificate() {
    let court = Court::new();
    court.sign("ca", "host_key", &["-h", "-n", "127.0.0.1"]);
    court.sign("ca", "user", &["-n", "root"]);
    let sshd = court.sshd();
    let socket = court.path("agent");
    let _agent = agent(&socket);
    let added = Command::new("ssh-add").arg("-q").arg(court.path("user")).env("SSH_AUTH_SOCK", &socket).status();
    assert!(added.unwrap().success());
    // The agent alone: no key file lets anybody in.
    let endpoint = Endpoint { key: Some(court.path("other")), ..court.endpoint(&sshd, &[court.of_authority()]) };
    let credentials = Credentials { use_agent: true, agent_socket: Some(socket), ..Credentials::default() };
    is_let_in(&endpoint, &credentials).await;
    assert!(Session::connect(&endpoint, &Credentials::default()).await.is_err());
}
