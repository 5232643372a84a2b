//! The contract on this machine and over a real sshd, with every shell that may be a host's `/bin/sh` and a key of every
//! kind. Knows only the public face of `transport`.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::process::{Command, Stdio};

use opsc::base::secret::Secret;
use opsc::transport::{Credentials, Endpoint, LaneKind, Session};

use crate::contract::*;
use crate::contract_bodies::*;
use crate::sshd::{Sshd, SshdOptions};

#[tokio::main(flavor = "current_thread")]
async fn local_contract(shell: &str) {
    let endpoint = Endpoint { shell: shell.to_owned(), ..Endpoint::local("here") };
    contract(Bench::connect(endpoint).await).await;
}

#[test]
fn local_dash() {
    local_contract("/bin/dash");
}

#[test]
fn local_bash() {
    local_contract("/bin/bash");
}

#[test]
fn local_ksh() {
    local_contract("/bin/ksh");
}

/// busybox as it is called where it is /bin/sh; ends with the value.
struct Ash {
    shell: std::path::PathBuf,
    _directory: tempfile::TempDir,
}

impl Ash {
    fn new() -> Ash {
        let directory = tempfile::tempdir().unwrap();
        let shell = directory.path().join("ash");
        std::os::unix::fs::symlink("/bin/busybox", &shell).unwrap();
        Ash { shell, _directory: directory }
    }

    fn path(&self) -> &str {
        self.shell.to_str().unwrap()
    }
}

#[test]
fn local_busybox() {
    local_contract(Ash::new().path());
}

#[test]
fn local_commands_of_any_shell() {
    for shell in ["/bin/bash", "/bin/ksh", Ash::new().path()] {
        commands_of(shell);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn commands_of(shell: &str) {
    let endpoint = Endpoint { shell: shell.to_owned(), lane: LaneKind::Exec, ..Endpoint::local("here") };
    let bench = &mut Bench::connect(endpoint).await;
    values_arrive(bench).await;
    functions_are_functions(bench).await;
    exit_codes(bench).await;
    a_deadline_ends_the_processes(bench).await;
    closed_streams_are_the_steps_own(bench).await;
}

/// With a key of this kind, by which root logs in.
#[tokio::main(flavor = "current_thread")]
async fn ssh_contract(shell: &str, options: &SshdOptions, passphrase: Option<&str>) {
    let server = Sshd::start(options);
    if let Some(passphrase) = passphrase {
        let mut change = Command::new("ssh-keygen");
        change.args(["-q", "-p", "-N", passphrase, "-f"]).arg(&server.key_path).stdout(Stdio::null());
        assert!(change.status().unwrap().success());
    }
    let endpoint = Endpoint { shell: shell.to_owned(), ..server.endpoint("there") };
    let passphrase = passphrase.map(|text| Secret::new(text.to_owned()));
    let credentials = Credentials { passphrase, ..Credentials::default() };
    contract(Bench::connect(Way { endpoint, credentials, user: None }).await).await;
}

#[test]
fn ssh_dash_by_an_ed25519_key() {
    ssh_contract("/bin/sh", &SshdOptions::default(), None);
}

#[test]
fn ssh_busybox_by_an_encrypted_key() {
    ssh_contract(Ash::new().path(), &SshdOptions::default(), Some("open sesame"));
}

#[test]
fn ssh_ksh_by_an_ecdsa_key() {
    ssh_contract("/bin/ksh", &SshdOptions { key_type: Some(&["-t", "ecdsa", "-b", "256"]), config: vec![] }, None);
}

#[test]
fn ssh_bash_by_an_rsa_key() {
    let config = vec!["PubkeyAcceptedAlgorithms rsa-sha2-512,rsa-sha2-256".to_owned()];
    ssh_contract("/bin/bash", &SshdOptions { key_type: Some(&["-t", "rsa", "-b", "2048"]), config }, None);
}

/// A lane that waits for itself at the end, or ends its own tidying up, would leave its files; that took luck to see,
/// so there are many ends.
#[test]
fn every_closed_lane_has_taken_its_files_along() {
    #[tokio::main(flavor = "current_thread")]
    async fn open_and_close(shell: &str) {
        let endpoint = Endpoint { shell: shell.to_owned(), ..Endpoint::local("here") };
        let mut session = Session::connect(&endpoint, &Credentials::default()).await.unwrap();
        let path = session.stage(None, b"x", &sha256(b"x")).await.unwrap();
        let started = std::time::Instant::now();
        session.close().await;
        let took = started.elapsed();
        assert!(!std::path::Path::new(&path).exists(), "{shell}: {path} is still there after {took:?}");
    }
    let ash = Ash::new();
    for (shell, ends) in [("/bin/dash", 60), ("/bin/bash", 100), ("/bin/ksh", 150), (ash.path(), 60)] {
        (0..ends).for_each(|_| open_and_close(shell));
    }
}
