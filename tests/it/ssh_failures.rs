//! Every way that an SSH host can be wrong, against a real sshd: each has its own error, and none of them hangs.
//! Knows only the public face of `transport`.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use opsc::base::secret::Secret;
use opsc::shell::Program;
use opsc::transport::{AdminMethod, Completed, Credentials, Endpoint, HostKeyPolicy, Session, TransportError};

use crate::sshd::{Sshd, SshdOptions, make_key};

const MINUTE: Duration = Duration::from_secs(60);

async fn error_of(endpoint: &Endpoint, credentials: &Credentials) -> TransportError {
    let error = Session::connect(endpoint, credentials).await.unwrap_err();
    let text = error.to_string();
    assert!(!text.is_empty() && !text.ends_with('.'), "{text}");
    assert!(error.is_unreachable(), "{text}");
    error
}

async fn sh(session: &mut Session, user: Option<&str>, body: &str) -> Result<Completed, TransportError> {
    session.run(user, &Program::new(body), MINUTE, &mut |_, _| {}).await
}

async fn says(session: &mut Session, user: Option<&str>, body: &str) -> String {
    String::from_utf8(sh(session, user, body).await.unwrap().stdout.kept).unwrap()
}

fn with_config(lines: &[&str]) -> Sshd {
    Sshd::start(&SshdOptions {
        config: lines.iter().map(|line| (*line).to_owned()).collect(),
        ..SshdOptions::default()
    })
}

fn secret(text: &str) -> Option<Secret<String>> {
    Some(Secret::new(text.to_owned()))
}

#[tokio::test]
async fn nobody_listens() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = Endpoint { port, ..Endpoint::ssh("web1", "127.0.0.1", "root") };
    let error = error_of(&endpoint, &Credentials::default()).await;
    assert!(matches!(error, TransportError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn a_port_that_is_silent_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint {
        port: listener.local_addr().unwrap().port(),
        connect_timeout: Duration::from_millis(200),
        ..Endpoint::ssh("web1", "127.0.0.1", "root")
    };
    let error = error_of(&endpoint, &Credentials::default()).await;
    assert!(matches!(error, TransportError::ConnectTimeout { .. }), "{error}");
}

#[tokio::test]
async fn a_name_without_address() {
    let endpoint = Endpoint::ssh("web1", "no-such-host.invalid", "root");
    let error = error_of(&endpoint, &Credentials::default()).await;
    assert!(matches!(error, TransportError::Dns { .. }), "{error}");
}

#[tokio::test]
async fn an_unknown_host_key_stops_until_it_is_accepted() {
    let server = Sshd::start(&SshdOptions::default());
    fs::remove_file(&server.known_hosts_path).unwrap();
    let strict = server.endpoint("web1");
    let error = error_of(&strict, &Credentials::default()).await;
    assert!(matches!(error, TransportError::HostKeyUnknown { .. }), "{error}");
    assert!(error.hint().is_some());
    let accepting = Endpoint { host_key: HostKeyPolicy::AcceptNew, ..strict.clone() };
    Session::connect(&accepting, &Credentials::default()).await.unwrap().close().await;
    Session::connect(&strict, &Credentials::default()).await.unwrap().close().await;
}

#[tokio::test]
async fn a_changed_host_key_stops_always() {
    let server = Sshd::start(&SshdOptions::default());
    let other = server.directory.path().join("other");
    make_key(&other);
    let public = fs::read_to_string(other.with_extension("pub")).unwrap();
    fs::write(&server.known_hosts_path, format!("# comment\n[127.0.0.1]:{} {public}", server.port)).unwrap();
    let endpoint = Endpoint { host_key: HostKeyPolicy::AcceptNew, ..server.endpoint("web1") };
    let error = error_of(&endpoint, &Credentials::default()).await;
    let TransportError::HostKeyChanged { file, line, known, presented, .. } = &error else { panic!("{error}") };
    assert_eq!((file, *line), (&server.known_hosts_path, 2));
    assert_ne!(known, presented);
}

#[tokio::test]
async fn a_wrong_key_and_a_wrong_password_name_what_was_tried() {
    let server = with_config(&["PasswordAuthentication yes"]);
    let key = server.directory.path().join("wrong");
    make_key(&key);
    let endpoint = Endpoint { key: Some(key.clone()), ..server.endpoint("web1") };
    let credentials = Credentials { password: secret("hunter2"), ..Credentials::default() };
    let error = error_of(&endpoint, &credentials).await;
    let TransportError::Authentication { tried, offered, .. } = &error else { panic!("{error}") };
    assert_eq!(tried, &[format!("key {}", key.display()), "keyboard-interactive".to_owned(), "password".to_owned()]);
    assert!(offered.contains(&"publickey".to_owned()), "{offered:?}");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
}

#[tokio::test]
async fn keys_that_cannot_be_used() {
    let server = Sshd::start(&SshdOptions::default());
    let missing = Endpoint { key: Some("/no/such/key".into()), ..server.endpoint("web1") };
    let error = error_of(&missing, &Credentials::default()).await;
    assert!(matches!(error, TransportError::Key { .. }), "{error}");

    let mut change = Command::new("ssh-keygen");
    change.args(["-q", "-p", "-N", "open sesame", "-f"]).arg(&server.key_path).stdout(Stdio::null());
    assert!(change.status().unwrap().success());
    let error = error_of(&server.endpoint("web1"), &Credentials::default()).await;
    assert!(matches!(error, TransportError::KeyEncrypted { .. }), "{error}");
    let credentials = Credentials { passphrase: secret("open sesame"), ..Credentials::default() };
    Session::connect(&server.endpoint("web1"), &credentials).await.unwrap().close().await;
}

#[tokio::test]
async fn every_usual_kind_of_key_lets_in() {
    let kinds: [&'static [&'static str]; 4] = [
        &["-t", "rsa", "-b", "2048"],
        &["-t", "rsa", "-b", "4096", "-m", "PEM"],
        &["-t", "ecdsa", "-b", "256"],
        &["-t", "ecdsa", "-b", "521"],
    ];
    for kind in kinds {
        let server = Sshd::start(&SshdOptions { key_type: Some(kind), ..SshdOptions::default() });
        let mut session = Session::connect(&server.endpoint("web1"), &Credentials::default())
            .await
            .unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        assert_eq!(says(&mut session, None, "echo in").await, "in\n", "{kind:?}");
        session.close().await;
    }
}

#[tokio::test]
async fn rsa_keys_sign_with_sha2_only() {
    let only = |algorithms: &str| {
        let config = vec![format!("PubkeyAcceptedAlgorithms {algorithms}"), format!("HostKeyAlgorithms {algorithms}")];
        Sshd::start(&SshdOptions { config, key_type: Some(&["-t", "rsa", "-b", "2048"]) })
    };
    for algorithm in ["rsa-sha2-256", "rsa-sha2-512"] {
        let server = only(algorithm);
        Session::connect(&server.endpoint("web1"), &Credentials::default()).await.unwrap().close().await;
    }
}

/// As OpenSSH writes them by default, and as it and others did before.
#[tokio::test]
async fn encrypted_keys_of_every_format_open() {
    for kind in [&["-t", "ed25519"][..], &["-t", "rsa", "-b", "2048"], &["-t", "ecdsa", "-b", "384"]] {
        for format in ["RFC4716", "PEM", "PKCS8"] {
            // ed25519 knows OpenSSH's own format only.
            if kind == ["-t", "ed25519"] && format != "RFC4716" {
                continue;
            }
            let key_type = Some(kind);
            let server = Sshd::start(&SshdOptions { key_type, ..SshdOptions::default() });
            let mut change = Command::new("ssh-keygen");
            change.args(["-q", "-p", "-N", "it's a $ecret", "-m", format, "-f"]).arg(&server.key_path);
            assert!(change.stdout(Stdio::null()).status().unwrap().success());
            let error = error_of(&server.endpoint("web1"), &Credentials::default()).await;
            if kind.contains(&"ecdsa") && format == "PEM" {
                assert!(matches!(error, TransportError::KeyFormat { .. }) && error.hint().is_some(), "{error}");
                continue;
            }
            assert!(matches!(error, TransportError::KeyEncrypted { .. }), "{kind:?} {format}: {error}");
            let wrong = Credentials { passphrase: secret("wrong"), ..Credentials::default() };
            let error = error_of(&server.endpoint("web1"), &wrong).await;
            assert!(matches!(error, TransportError::KeyPassphrase { .. }), "{kind:?} {format}: {error}");
            assert!(!format!("{error} {error:?}").contains("wrong"), "{error}");
            let right = Credentials { passphrase: secret("it's a $ecret"), ..Credentials::default() };
            let session = Session::connect(&server.endpoint("web1"), &right).await;
            session.unwrap_or_else(|error| panic!("{kind:?} {format}: {error}")).close().await;
        }
    }
}

/// A real agent with one key; ends with the value.
pub(crate) struct Agent {
    pub(crate) socket: PathBuf,
    process: Child,
}

impl Agent {
    pub(crate) fn with_key_of(server: &Sshd) -> Agent {
        let socket = server.directory.path().join("agent");
        let process = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        let agent = Agent { socket, process };
        let until = Instant::now() + Duration::from_secs(10);
        // It is there a moment before anybody answers.
        while std::os::unix::net::UnixStream::connect(&agent.socket).is_err() {
            assert!(Instant::now() < until, "no agent came up");
            std::thread::yield_now();
        }
        let mut add = Command::new("ssh-add");
        add.arg("-q").arg(&server.key_path).env("SSH_AUTH_SOCK", &agent.socket);
        assert!(add.status().unwrap().success());
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[tokio::test]
async fn an_agent_lets_in() {
    let rsa: &'static [&'static str] = &["-t", "rsa", "-b", "2048"];
    let cases = [
        (None, vec![]),
        (Some(["-t", "ecdsa", "-b", "256"].as_slice()), vec![]),
        (Some(rsa), vec!["PubkeyAcceptedAlgorithms rsa-sha2-256".to_owned()]),
        (Some(rsa), vec!["PubkeyAcceptedAlgorithms rsa-sha2-512".to_owned()]),
    ];
    for (key_type, config) in cases {
        let server = Sshd::start(&SshdOptions { key_type, config: config.clone() });
        let agent = Agent::with_key_of(&server);
        let wrong = server.directory.path().join("wrong");
        make_key(&wrong);
        let endpoint = Endpoint { key: Some(wrong), ..server.endpoint("web1") };
        let agent_socket = Some(agent.socket.clone());
        let credentials = Credentials { use_agent: true, agent_socket, ..Credentials::default() };
        let session = Session::connect(&endpoint, &credentials).await;
        session.unwrap_or_else(|error| panic!("{key_type:?} {config:?}: {error}")).close().await;
    }
}

#[tokio::test]
async fn a_connection_cut_during_a_step_is_lost() {
    let server = Sshd::start(&SshdOptions::default());
    let mut session = Session::connect(&server.endpoint("web1"), &Credentials::default()).await.unwrap();
    let mut cut = false;
    let program = Program::new("echo started; sleep 20");
    let begun = Instant::now();
    let result = session
        .run(None, &program, MINUTE, &mut |_, _| {
            if !cut {
                cut = true;
                server.cut_connections();
            }
        })
        .await;
    assert!(matches!(result, Err(TransportError::Lost { .. })), "{result:?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    let after = sh(&mut session, None, "true").await;
    assert!(matches!(after, Err(TransportError::Lost { .. })), "{after:?}");
}

#[tokio::test]
async fn a_cut_connection_ends_the_processes_and_removes_the_files() {
    let server = Sshd::start(&SshdOptions::default());
    let mut session = Session::connect(&server.endpoint("web1"), &Credentials::default()).await.unwrap();
    let wrong = session.stage(None, b"left", &"0".repeat(64)).await;
    let Err(TransportError::StageMismatch { found, .. }) = wrong else { panic!("{wrong:?}") };
    let path = session.stage(None, b"left", &found).await.unwrap();
    let body = "sleep 41 & first=$!; sleep 41 & echo \"$first $!\"; wait";
    let mut said = String::new();
    let result = session
        .run(None, &Program::new(body), MINUTE, &mut |_, bytes| {
            said.push_str(std::str::from_utf8(bytes).unwrap());
            server.cut_connections();
        })
        .await;
    assert!(matches!(result, Err(TransportError::Lost { .. })), "{result:?}");
    let until = Instant::now() + Duration::from_secs(10);
    let runs = |pid: &str| std::path::Path::new("/proc").join(pid).exists();
    while said.split_whitespace().any(runs) || std::path::Path::new(&path).exists() {
        assert!(Instant::now() < until, "something is left of {said:?} or {path}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_dropped_session_leaves_no_files() {
    let server = Sshd::start(&SshdOptions::default());
    for endpoint in [Endpoint::local("here"), server.endpoint("web1")] {
        let mut session = Session::connect(&endpoint, &Credentials::default()).await.unwrap();
        let wrong = session.stage(None, b"dropped", &"0".repeat(64)).await;
        let Err(TransportError::StageMismatch { found, .. }) = wrong else { panic!("{wrong:?}") };
        let path = session.stage(None, b"dropped", &found).await.unwrap();
        assert!(std::path::Path::new(&path).exists());
        drop(session);
        let until = Instant::now() + Duration::from_secs(10);
        while std::path::Path::new(&path).exists() {
            assert!(Instant::now() < until, "{path} is still there");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn noisy_login_shells_do_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let noise = directory.path().join("noise");
    fs::write(&noise, "echo Welcome; echo warning >&2; printf '\\036%s' junk\n").unwrap();
    let banner = directory.path().join("banner");
    fs::write(&banner, "Authorised users only\r\n\x1b[31mreally\n".repeat(200)).unwrap();
    let server = with_config(&[
        &format!("SetEnv BASH_ENV={}", noise.display()),
        &format!("Banner {}", banner.display()),
        "PrintMotd yes",
    ]);
    let mut session = Session::connect(&server.endpoint("web1"), &Credentials::default()).await.unwrap();
    let done = sh(&mut session, None, "echo mine").await.unwrap();
    assert_eq!((done.stdout.kept.as_slice(), done.stderr.bytes), (&b"mine\n"[..], 0));
    session.close().await;
}

#[tokio::test]
async fn a_forced_command_is_told() {
    let server = with_config(&["ForceCommand echo this account is for backups only"]);
    let error = error_of(&server.endpoint("web1"), &Credentials::default()).await;
    let TransportError::NoHello { said, .. } = &error else { panic!("{error}") };
    assert_eq!(said, "this account is for backups only");
}

#[tokio::test]
async fn a_jump_host_carries_the_connection() {
    let (far, near) = (Sshd::start(&SshdOptions::default()), Sshd::start(&SshdOptions::default()));
    let known = [near.known_hosts_path.clone(), far.known_hosts_path.clone()].to_vec();
    let jump = Endpoint { known_hosts: known.clone(), ..near.endpoint("bastion") };
    let endpoint = Endpoint { jump: Some(Box::new(jump)), known_hosts: known, ..far.endpoint("web1") };
    let mut session = Session::connect(&endpoint, &Credentials::default()).await.unwrap();
    assert_eq!(says(&mut session, None, "set -- $SSH_CONNECTION; echo $4").await, format!("{}\n", far.port));
    session.close().await;
    drop(far);
    let error = error_of(&endpoint, &Credentials::default()).await;
    assert!(matches!(error, TransportError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn two_sessions_at_once() {
    let server = Sshd::start(&SshdOptions::default());
    let endpoint = server.endpoint("web1");
    let one = async {
        let mut session = Session::connect(&endpoint, &Credentials::default()).await.unwrap();
        let text = says(&mut session, None, "echo one").await;
        session.close().await;
        text
    };
    let two = async {
        let mut session = Session::connect(&endpoint, &Credentials::default()).await.unwrap();
        let text = says(&mut session, None, "head -c 1000000 /dev/zero | tr '\\0' x | wc -c").await;
        session.close().await;
        text
    };
    assert_eq!(tokio::join!(one, two), ("one\n".to_owned(), "1000000\n".to_owned()));
}

/// Root may become anyone without a password, so this needs no change to the system.
async fn becomes_nobody(endpoint: Endpoint) {
    let mut session = Session::connect(&endpoint, &Credentials::default()).await.unwrap();
    assert_eq!(session.login_user(), "root");
    assert_eq!(says(&mut session, Some("nobody"), "id -un").await, "nobody\n");
    assert_eq!(says(&mut session, None, "id -un").await, "root\n");
    assert_eq!(says(&mut session, Some("root"), "id -un").await, "root\n");
    let content = b"for nobody";
    let wrong = session.stage(Some("nobody"), content, &"0".repeat(64)).await;
    let Err(TransportError::StageMismatch { found, .. }) = wrong else { panic!("{wrong:?}") };
    let path = session.stage(Some("nobody"), content, &found).await.unwrap();
    let read = session.run(Some("nobody"), &Program::new("cat \"$p\"").with("p", &path), MINUTE, &mut |_, _| {}).await;
    assert_eq!(read.unwrap().stdout.kept, content);
    let slow = session.run(Some("nobody"), &Program::new("sleep 30"), Duration::from_millis(200), &mut |_, _| {}).await;
    assert!(slow.unwrap().timed_out);
    assert_eq!(says(&mut session, Some("nobody"), "echo again").await, "again\n");
    session.close().await;
    assert!(!std::path::Path::new(&path).exists());
}

#[tokio::test]
async fn sudo_without_a_password() {
    becomes_nobody(Endpoint::local("here")).await;
    let server = Sshd::start(&SshdOptions::default());
    becomes_nobody(server.endpoint("web1")).await;
}

#[tokio::test]
async fn su_without_a_password() {
    becomes_nobody(Endpoint { admin: AdminMethod::Su, ..Endpoint::local("here") }).await;
}

#[tokio::test]
async fn ways_to_another_user_that_are_not_there() {
    let none = Endpoint { admin: AdminMethod::None, ..Endpoint::local("here") };
    let mut session = Session::connect(&none, &Credentials::default()).await.unwrap();
    let result = sh(&mut session, Some("nobody"), "true").await;
    assert!(matches!(result, Err(TransportError::PrivilegeNone { .. })), "{result:?}");

    // Lanes themselves know where programs are.
    let server = with_config(&["SetEnv PATH=/nowhere"]);
    for admin in [AdminMethod::Doas, AdminMethod::Sudo, AdminMethod::Su] {
        let missing = Endpoint { admin, ..server.endpoint("web1") };
        let mut session = Session::connect(&missing, &Credentials::default()).await.unwrap();
        let result = sh(&mut session, Some("nobody"), "true").await;
        let Err(TransportError::PrivilegeMissing { method, .. }) = result else { panic!("{admin:?}: {result:?}") };
        assert_eq!(method, admin.name());
    }

    let mut session = Session::connect(&Endpoint::local("here"), &Credentials::default()).await.unwrap();
    let result = sh(&mut session, Some("no-such-user-here"), "true").await;
    assert!(matches!(result, Err(TransportError::PrivilegeDenied { .. })), "{result:?}");
    assert!(sh(&mut session, None, "true").await.is_ok());
}
