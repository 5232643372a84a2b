//! Another SSH server and other login shells: dropbear keeps the whole contract, and csh, fish and zsh pass the lane on
//! unharmed. Makes users, so it is built only with the feature `system-tests`. Knows only the public face of `transport`.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use opsc::base::secret::Secret;
use opsc::shell::Program;
use opsc::transport::{Credentials, Endpoint, LaneKind, Session, TransportError};
use tempfile::TempDir;

use crate::contract::{
    Bench, MINUTE, a_deadline_ends_the_processes, contract, exit_codes, files_are_staged_once, lists_arrive,
    values_arrive,
};
use crate::sshd::{Sshd, SshdOptions, answers, end, make_key};
use crate::system_sudo::{Guest, PASSWORD, run, server};

/// A real dropbear on a loopback port that lets one user in; ends with the value.
pub(crate) struct Dropbear {
    port: u16,
    directory: TempDir,
    server: Child,
}

impl Dropbear {
    pub(crate) fn start(guest: &Guest) -> Dropbear {
        Dropbear::with_key(guest, "ed25519")
    }

    fn with_key(guest: &Guest, kind: &str) -> Dropbear {
        let directory = tempfile::Builder::new().prefix("opsc-dropbear-").tempdir().unwrap();
        let (root, host_key) = (directory.path(), directory.path().join("host_key"));
        let made = Command::new("dropbearkey").args(["-t", kind, "-f"]).arg(&host_key).output().unwrap();
        let text = String::from_utf8(made.stdout).unwrap();
        let public = text.lines().find(|line| line.contains(" AAAA")).unwrap();
        make_key(&root.join("key"));
        let_in(guest, &root.join("key.pub"));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::write(root.join("known_hosts"), format!("[127.0.0.1]:{port} {public}\n")).unwrap();
        let mut server = Command::new("dropbear")
            .args(["-F", "-E", "-p", &format!("127.0.0.1:{port}"), "-P"])
            .arg(root.join("pid"))
            .arg("-r")
            .arg(&host_key)
            .stdin(Stdio::null())
            .stderr(fs::File::create(root.join("log")).unwrap())
            .spawn()
            .unwrap();
        assert!(answers(port, &mut server), "{}", fs::read_to_string(root.join("log")).unwrap());
        Dropbear { port, directory, server }
    }

    pub(crate) fn endpoint(&self, guest: &Guest) -> Endpoint {
        Endpoint {
            port: self.port,
            key: Some(self.directory.path().join("key")),
            known_hosts: vec![self.directory.path().join("known_hosts")],
            ..Endpoint::ssh("there", "127.0.0.1", &guest.name)
        }
    }
}

impl Drop for Dropbear {
    fn drop(&mut self) {
        end(&mut self.server);
    }
}

/// dropbear reads keys from the user's home only.
fn let_in(guest: &Guest, public: &Path) {
    let folder = format!("/home/{}/.ssh", guest.name);
    fs::create_dir(&folder).unwrap();
    fs::copy(public, format!("{folder}/authorized_keys")).unwrap();
    run(Command::new("chown").arg("-R").arg(&guest.name).arg(&folder));
    run(Command::new("chmod").args(["-R", "go=", &folder]));
}

#[tokio::test]
async fn dropbear_keeps_the_contract() {
    let guest = Guest::at_home("/bin/sh");
    let server = Dropbear::start(&guest);
    contract(Bench::connect(server.endpoint(&guest)).await).await;
}

#[tokio::test]
async fn dropbear_with_other_keys_and_with_a_password() {
    for kind in ["rsa", "ecdsa"] {
        let guest = Guest::at_home("/bin/sh");
        let server = Dropbear::with_key(&guest, kind);
        Bench::connect(server.endpoint(&guest)).await.session.close().await;
        let endpoint = Endpoint { key: None, ..server.endpoint(&guest) };
        let password =
            |text: &str| Credentials { password: Some(Secret::new(text.to_owned())), ..Credentials::default() };
        let wrong = Session::connect(&endpoint, &password("wrong")).await.unwrap_err();
        assert!(matches!(wrong, TransportError::Authentication { .. }), "{kind}: {wrong}");
        Session::connect(&endpoint, &password(PASSWORD)).await.unwrap().close().await;
    }
}

#[tokio::test]
async fn login_shells_that_are_no_posix_shells_do_no_harm() {
    for shell in ["/usr/bin/tcsh", "/usr/bin/fish", "/usr/bin/zsh", "/bin/bash"] {
        let (guest, server) = (Guest::at_home(shell), server());
        let mut bench = Bench::connect(guest.endpoint(&server)).await;
        values_arrive(&mut bench).await;
        lists_arrive(&mut bench).await;
        exit_codes(&mut bench).await;
        files_are_staged_once(&mut bench).await;
        a_deadline_ends_the_processes(&mut bench).await;
        bench.session.close().await;
        let commands = Endpoint { lane: LaneKind::Exec, ..guest.endpoint(&server) };
        let mut bench = Bench::connect(commands).await;
        values_arrive(&mut bench).await;
        lists_arrive(&mut bench).await;
        exit_codes(&mut bench).await;
    }
}

#[tokio::test]
async fn passwords_let_in_both_ways() {
    for config in [
        vec!["PasswordAuthentication yes".to_owned(), "KbdInteractiveAuthentication no".to_owned()],
        vec!["KbdInteractiveAuthentication yes".to_owned(), "UsePAM yes".to_owned()],
    ] {
        let guest = Guest::new(None);
        let server = Sshd::start(&SshdOptions { config: config.clone(), ..SshdOptions::default() });
        let endpoint = Endpoint { key: None, ..guest.endpoint(&server) };
        let credentials = Credentials {
            password: Some(Secret::new(PASSWORD.to_owned())),
            use_agent: false,
            ..Credentials::default()
        };
        let session = Session::connect(&endpoint, &credentials).await;
        session.unwrap_or_else(|error| panic!("{config:?}: {error}")).close().await;
    }
}

/// Which lets nobody start a program by its path, nor in its place.
#[tokio::test]
async fn a_restricted_shell_takes_lines_alone() {
    let (guest, server) = (Guest::at_home("/bin/rbash"), server());
    let endpoint = guest.endpoint(&server);
    let error = Session::connect(&endpoint, &Credentials::default()).await.unwrap_err();
    let TransportError::NoHello { said, .. } = &error else { panic!("{error}") };
    assert!(said.contains("restricted"), "{said}");
    let raw = Endpoint { lane: LaneKind::Raw, ..endpoint };
    let mut session = Session::connect(&raw, &Credentials::default()).await.unwrap();
    for (line, code, said) in [("echo \"$0\"", 0, "rbash"), ("/bin/sh -c id", 1, "restricted")] {
        let line = Program { line: Some(line.to_owned()), ..Program::default() };
        let done = session.run(None, &line, MINUTE, &mut |_, _| {}).await.unwrap();
        let told = [done.stdout.kept, done.stderr.kept].concat();
        assert_eq!(done.code, code);
        assert!(String::from_utf8_lossy(&told).contains(said), "{line:?}");
    }
    session.close().await;
}
