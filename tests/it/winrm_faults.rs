//! Connections to a Windows host that end, change or stall between and within commands: each is told by its name, no command
//! runs twice, and many hosts at the same time need little memory.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fmt::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use opsc::shell::Program;
use opsc::transport::winrm::error::WinrmError;
use opsc::transport::{Completed, Endpoint, Session, TransportError};
use serde_json::json;

use super::winrm_rig::{Listener, USER, credentials};

const MINUTE: Duration = Duration::from_secs(60);
const HOSTS: usize = 200;
/// Kilobytes that a process with that many hosts has at most.
const MOST_MEMORY: u64 = 200 << 10;

async fn run(session: &mut Session, text: &str, deadline: Duration) -> Result<Completed, TransportError> {
    let program = Program { line: Some(text.to_string()), ..Program::default() };
    session.run(None, &program, deadline, &mut |_, _| {}).await
}

/// Until opsc has noticed that the listener hung up.
async fn closed(session: &Session) {
    let until = Instant::now() + MINUTE;
    while session.is_open() {
        assert!(Instant::now() < until, "the connection is still open");
        tokio::task::yield_now().await;
    }
}

fn ran(listener: &Listener) -> String {
    std::fs::read_to_string(listener.folder.path().join("ran")).unwrap()
}

fn appends(listener: &Listener, word: &str) -> String {
    format!("echo {word} >>{}", listener.folder.path().join("ran").display())
}

#[tokio::test]
async fn a_connection_that_was_dropped_between_commands_is_taken_anew() {
    let listener = Listener::sealed("idle_drop");
    let mut session = Session::connect(&listener.endpoint(), &credentials()).await.unwrap();
    for word in ["one", "two"] {
        let done = run(&mut session, &appends(&listener, word), MINUTE).await.unwrap();
        assert_eq!(done.code, 0);
        if word == "one" {
            closed(&session).await;
        }
    }
    session.close().await;
    assert_eq!(ran(&listener), "one\ntwo\n");
    let heard = listener.end();
    assert_eq!(heard.iter().filter(|word| *word == "Command").count(), 2, "{heard:?}");
    assert!(heard.contains(&"shells 0".to_string()), "{heard:?}");
}

#[tokio::test]
async fn a_certificate_that_changes_between_connections_is_judged_again() {
    let fault = json!({ "fault": "swap", "swapped_certificate": "eve.pem", "swapped_key": "eve.key" });
    let listener = Listener::tls(fault);
    let mut session = Session::connect(&listener.endpoint(), &credentials()).await.unwrap();
    run(&mut session, &appends(&listener, "one"), MINUTE).await.unwrap();
    closed(&session).await;
    let error = run(&mut session, &appends(&listener, "two"), MINUTE).await.unwrap_err();
    let is_it = matches!(&error, TransportError::Winrm { error: WinrmError::Certificate { reason, .. }, .. }
        if reason == "it is not for a server");
    assert!(is_it, "{error:?}");
    session.close().await;
    assert_eq!(ran(&listener), "one\n");
    assert_eq!(listener.end().iter().filter(|word| *word == "Command").count(), 1);
}

#[tokio::test]
async fn a_session_that_is_another_and_an_answer_that_drips_end_a_command_once() {
    for fault in ["session", "drip_in_receive"] {
        let listener = Listener::sealed(fault);
        let endpoint = Endpoint { connect_timeout: Duration::from_secs(10), ..listener.endpoint() };
        let mut session = Session::connect(&endpoint, &credentials()).await.unwrap();
        let error = run(&mut session, &appends(&listener, "once"), Duration::from_secs(1)).await.unwrap_err();
        let TransportError::Winrm { error, .. } = &error else { panic!("{fault}: {error:?}") };
        let is_it = match error {
            WinrmError::Fault { fault: told } => fault == "session" && told.code == 2_150_859_023,
            // What was asked for, and as long as any answer may take.
            WinrmError::Silent { seconds } => fault == "drip_in_receive" && *seconds == 11,
            _ => false,
        };
        assert!(is_it, "{fault}: {error:?}");
        session.close().await;
        assert_eq!(ran(&listener), "once\n");
        let heard = listener.end();
        assert_eq!(heard.iter().filter(|word| *word == "Command").count(), 1, "{heard:?}");
        assert_eq!(heard.last().map(String::as_str), Some("shells 0"), "{heard:?}");
    }
}

/// The host forgets a command that ended while it was told to.
#[tokio::test]
async fn a_command_that_ends_right_after_its_deadline_is_late_and_no_fault() {
    let listener = Listener::sealed("ends_at_once");
    let mut session = Session::connect(&listener.endpoint(), &credentials()).await.unwrap();
    let late = run(&mut session, "echo before; sleep 300", Duration::from_secs(3)).await.unwrap();
    assert!(late.timed_out && late.code == 124, "{late:?}");
    assert_eq!(run(&mut session, "exit 5", MINUTE).await.unwrap().code, 5);
    session.close().await;
}

/// The listener answers the logins together, so that all hosts are there at the same time.
#[test]
fn two_hundred_hosts_side_by_side_need_little_memory() {
    let listener = Listener::tls(json!({ "together": HOSTS }));
    let project = listener.project("");
    let mut inventory = "hosts:\n".to_string();
    for host in 1..=HOSTS {
        let (port, tls) = (listener.port, listener.authority());
        let place =
            format!("address: 127.0.0.1, port: {port}, user: {USER}, tls: {}, connect_timeout: 300s", tls.display());
        writeln!(inventory, "  w{host}: {{ transport: winrm, {place} }}").unwrap();
    }
    project.write("inventory.yaml", &inventory);
    let file = listener.folder.path().join("ran");
    let line = format!("echo x >>{}; head -c 100000 /dev/zero | tr '\\0' x", file.display());
    let (forks, hosts) = (HOSTS.to_string(), "w*");
    let words =
        ["exec", "-y", "--password-file", "password", "--timeout", "600", "-f", &forks, "-l", hosts, "--", &line];
    // The most memory of the process, as its parent is told.
    let measure = "import resource, subprocess, sys\ncode = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode\n\
                   print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let opsc = project.command(&words);
    let mut measured = Command::new("/usr/bin/python3");
    measured.args(["-c", measure]).arg(opsc.get_program()).args(opsc.get_args()).current_dir(project.path(""));
    measured.env_clear().envs(opsc.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let done = measured.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let (code, memory) = said.trim().split_once(' ').unwrap_or_else(|| panic!("{done:?}"));
    let memory: u64 = memory.parse().unwrap();
    assert_eq!((code, ran(&listener).lines().count()), ("0", HOSTS), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(memory < MOST_MEMORY, "{memory} kB");
    let heard = listener.end();
    assert_eq!(heard.iter().filter(|word| *word == "Command").count(), HOSTS);
    assert_eq!(heard.last().map(String::as_str), Some("shells 0"));
}
