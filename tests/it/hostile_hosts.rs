//! Hosts that freeze, flood, lie or hang up, and a runner that is killed: all of it ends within a bounded time and
//! memory. Knows only the public face of `transport`, and the binary.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use opsc::shell::Program;
use opsc::transport::{Completed, Credentials, Endpoint, Session, TransportError};

use crate::contract::{MINUTE, SOON, sha256, stdout, unique_seconds};
use crate::project::Project;
use crate::sshd::{Sshd, SshdOptions};

/// More than any of these tests may add to this process, and much less than a flood brings.
const MEMORY: u64 = 150_000;

async fn connect(endpoint: &Endpoint) -> Result<Session, TransportError> {
    Session::connect(endpoint, &Credentials::default()).await
}

async fn run(session: &mut Session, body: &str, deadline: Duration) -> Result<Completed, TransportError> {
    session.run(None, &Program::new(body), deadline, &mut |_, _| {}).await
}

/// A port that does to every connection what `talk` does.
fn port_that(talk: impl Fn(&mut dyn Write) -> std::io::Result<()> + Send + 'static) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        // The one who called ends the talk by hanging up.
        while let Ok((mut stream, _)) = listener.accept() {
            drop(talk(&mut stream));
        }
    });
    Endpoint { port, connect_timeout: Duration::from_secs(1), ..Endpoint::ssh("web1", "127.0.0.1", "root") }
}

/// A server that runs this script instead of what it is asked for. `$token` is what the hello must name.
pub(crate) fn server_that(script: &str) -> Sshd {
    let server = Sshd::start(&SshdOptions {
        config: vec!["ForceCommand /bin/sh \"$OPSC_SCRIPT\"".to_owned(), "PermitUserEnvironment yes".to_owned()],
        ..SshdOptions::default()
    });
    let path = server.directory.path().join("script");
    let prelude = "token=$(printf %s \"$SSH_ORIGINAL_COMMAND\" | sed \"s/.*'opsc' '\\([0-9a-f]*\\)'.*/\\1/\")
hello() { printf '\\036%s hello 1 Linux sh root\\n' \"$token\"; }\n";
    fs::write(&path, format!("{prelude}{script}\n")).unwrap();
    let keys = server.directory.path().join("authorized_keys");
    let key = fs::read_to_string(&keys).unwrap();
    fs::write(&keys, format!("environment=\"OPSC_SCRIPT={}\" {key}", path.display())).unwrap();
    server
}

/// The memory of this process, in kilobytes.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_port_that_hangs_up_at_once() {
    let error = connect(&port_that(|_| Ok(()))).await.unwrap_err();
    assert!(matches!(error, TransportError::HungUp { .. }) && error.is_unreachable(), "{error:?}");
}

#[tokio::test]
async fn a_port_that_speaks_another_language() {
    let before = memory();
    let talks: [fn(&mut dyn Write) -> std::io::Result<()>; 4] = [
        |stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"),
        |stream| stream.write_all(b"SSH-2.0-x\r\n\x00\x00\x00\xff garbage that is no packet, but long enough for one"),
        |stream| std::iter::repeat(()).try_for_each(|()| stream.write_all(b"SSH is not spoken here\r\n")),
        |stream| std::iter::repeat(()).try_for_each(|()| stream.write_all(&[b'x'; 1 << 16])),
    ];
    for (number, talk) in talks.into_iter().enumerate() {
        let begun = Instant::now();
        let error = connect(&port_that(talk)).await.unwrap_err();
        assert!(
            matches!(
                error,
                TransportError::HungUp { .. }
                    | TransportError::Handshake { .. }
                    | TransportError::ConnectTimeout { .. }
            ),
            "{number}: {error}"
        );
        assert!(begun.elapsed() < SOON, "{number}: {:?}", begun.elapsed());
    }
    assert!(memory() < before + MEMORY, "{before} kB before, {} kB after", memory());
}

#[tokio::test]
async fn a_flood_instead_of_a_hello() {
    let server = server_that("yes >&2 & exec yes");
    let (before, begun) = (memory(), Instant::now());
    let error = connect(&server.endpoint("web1")).await.unwrap_err();
    let TransportError::HelloTimeout { seconds, .. } = error else { panic!("{error}") };
    assert!(begun.elapsed() < Duration::from_secs(seconds) + SOON, "{:?}", begun.elapsed());
    assert!(memory() < before + MEMORY, "{before} kB before, {} kB after", memory());
}

#[tokio::test]
async fn a_hello_on_one_stream_only() {
    let server = server_that("hello; exec sleep 60");
    let error = connect(&server.endpoint("web1")).await.unwrap_err();
    assert!(matches!(error, TransportError::HelloTimeout { .. }), "{error}");
}

/// It greets like a lane, and then neither listens nor stops.
#[tokio::test]
async fn a_flood_that_no_deadline_stops() {
    let server = server_that("trap '' TERM PIPE; hello; hello >&2; yes >&2 & exec yes");
    let mut session = connect(&server.endpoint("web1")).await.unwrap();
    let (before, begun) = (memory(), Instant::now());
    let mut most = 0;
    let mut watch = |_, _: &[u8]| most = most.max(memory());
    let done = session.run(None, &Program::new("true"), Duration::from_secs(1), &mut watch).await.unwrap();
    assert!(done.timed_out && done.stdout.bytes > 1_000_000 && done.stderr.bytes > 1_000_000, "{}", done.stdout.bytes);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    let closing = Instant::now();
    session.close().await;
    assert!(closing.elapsed() < SOON, "{:?}", closing.elapsed());
    assert!(most < before + MEMORY, "{before} kB before, {most} kB at most");
}

/// Marks of one step must not be kept for another: the flood is of ends that nobody gave a nonce for.
#[tokio::test]
async fn a_host_that_invents_results() {
    let invent = "hello; hello >&2; while read -r line; do printf '\\036%s end 1 0\\n' \"$token\"; \
                  printf '\\036%s end 1 0\\n' \"$token\" >&2; done";
    let server = server_that(invent);
    let mut session = connect(&server.endpoint("web1")).await.unwrap();
    let done = run(&mut session, "exit 3", Duration::from_secs(1)).await.unwrap();
    assert!(done.timed_out, "{done:?}");
    session.close().await;
}

#[tokio::test]
async fn a_host_that_freezes() {
    let server = Sshd::start(&SshdOptions::default());
    let endpoint = Endpoint { connect_timeout: Duration::from_secs(1), ..server.endpoint("web1") };
    let mut session = connect(&endpoint).await.unwrap();
    run(&mut session, "true", MINUTE).await.unwrap();
    server.freeze_connections();
    let begun = Instant::now();
    let done = run(&mut session, "true", Duration::from_millis(300)).await.unwrap();
    assert!(done.timed_out && begun.elapsed() < SOON, "{:?}", begun.elapsed());
    // Nothing is begun beside what may still run there, also for one who does not wait to hear that.
    let begun = Instant::now();
    let hasty = tokio::time::timeout(Duration::from_millis(100), run(&mut session, "true", MINUTE)).await;
    assert!(hasty.is_err(), "{hasty:?}");
    let error = run(&mut session, "true", MINUTE).await.unwrap_err();
    assert!(matches!(error, TransportError::StillRuns { .. }) && error.is_unreachable(), "{error}");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    server.thaw_connections();
    assert_eq!(stdout(&run(&mut session, "echo on", MINUTE).await.unwrap()), "on\n");
    server.freeze_connections();
    let begun = Instant::now();
    session.close().await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    server.cut_connections();
}

#[tokio::test]
async fn a_host_that_gives_one_channel() {
    let server = Sshd::start(&SshdOptions { config: vec!["MaxSessions 1".to_owned()], ..SshdOptions::default() });
    let mut session = connect(&server.endpoint("web1")).await.unwrap();
    let error = session.stage(None, b"x", &sha256(b"x")).await.unwrap_err();
    assert!(matches!(error, TransportError::ChannelRefused { .. }), "{error}");
    assert_eq!(stdout(&run(&mut session, "echo on", MINUTE).await.unwrap()), "on\n");
    session.close().await;
}

#[tokio::test]
async fn a_lane_that_is_killed_from_outside() {
    let server = Sshd::start(&SshdOptions::default());
    for endpoint in [Endpoint::local("here"), server.endpoint("web1")] {
        let mut session = connect(&endpoint).await.unwrap();
        let path = session.stage(None, b"x", &sha256(b"x")).await.unwrap();
        let mut killed = false;
        let program = Program::new("echo $$; sleep 2");
        let result = session
            .run(None, &program, MINUTE, &mut |_, pid| {
                if !killed {
                    killed = true;
                    let pid = String::from_utf8_lossy(pid).trim().to_owned();
                    assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
                }
            })
            .await;
        assert!(matches!(result, Err(TransportError::LaneEnded { code: Some(137), .. })), "{result:?}");
        assert!(!Path::new(&path).exists(), "{path} is still there");
        assert_eq!(stdout(&run(&mut session, "echo on", MINUTE).await.unwrap()), "on\n");
        session.close().await;
    }
}

/// A step's end is told soon after its deadline, whatever its host does. What follows waits until the old one is gone, and
/// is not begun where that cannot be known.
#[test]
fn a_deadline_holds_on_a_host_that_hangs() {
    for (effect, thaws, outcomes) in [
        ("read", false, ["ignored", "unreachable"]),
        ("read", true, ["ignored", "ok"]),
        ("change", false, ["unreachable", ""]),
    ] {
        let (project, server) = (Project::new(), Sshd::start(&SshdOptions::default()));
        project.write("inventory.yaml", &format!("hosts:\n  far: {{ {} }}\n", inventory_of(&server)));
        // It has to be killed.
        let name = unique_seconds();
        let first = format!("sh -c 'trap : TERM; while :; do sleep 0.1; done' x{name}");
        let second = format!("! pgrep -f '[x]{name}'");
        let steps = format!(
            "    shell.run(script: sh\"\"\"{first}\"\"\", effect: \"{effect}\") {{ timeout: 3s, allow_failure: true }}\n    shell.run(script: sh\"{second}\", effect: \"read\")"
        );
        let playbook = format!("playbook p() ! change, exec {{\n  on host(\"far\") {{\n{steps}\n  }}\n}}");
        project.write("p.ops", &format!("ops 1\n\n{playbook}\n"));
        let runner = project.spawn(&["run", "p.ops", "-y", "-o", "ndjson"]);
        wait_until("the step starts", || is_there(&|words: &[u8]| words.ends_with(format!("\0x{name}\0").as_bytes())));
        server.freeze_connections();
        if thaws {
            let journal = || project.opsc(&["replay", "1", "-o", "ndjson"]).stdout;
            wait_until("its end is told", || journal().contains("step.finished"));
            server.thaw_connections();
        }
        let said = runner.wait_with_output().unwrap();
        server.cut_connections();
        let text = String::from_utf8(said.stdout).unwrap();
        let events = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let ended: Vec<_> = events.filter(|event| event["kind"] == "step.finished").collect();
        let told = |index: usize| ended.get(index).map_or("", |event| event["outcome"].as_str().unwrap());
        assert_eq!([told(0), told(1)], outcomes, "{effect}, thaws: {thaws}: {text}");
        let elapsed = ended.first().and_then(|event| event["evidence"]["elapsed_ms"].as_u64()).unwrap();
        println!("{effect}, thaws: {thaws}: a deadline of 3 s was told after {elapsed} ms");
        assert!((3000..=5000).contains(&elapsed), "{elapsed}: {text}");
    }
}

fn inventory_of(server: &Sshd) -> String {
    format!(
        "address: 127.0.0.1, port: {}, os: linux, user: root, key: {}, known_hosts: {}",
        server.port,
        server.key_path.display(),
        server.known_hosts_path.display()
    )
}

/// Who has exactly these arguments.
fn runs(seconds: &str) -> bool {
    is_there(&|words: &[u8]| words == format!("sleep\0{seconds}\0").as_bytes())
}

fn is_there(is_it: &dyn Fn(&[u8]) -> bool) -> bool {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok()).any(|words| is_it(&words))
}

fn wait_until(what: &str, met: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !met() {
        assert!(Instant::now() < until, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_killed_runner_leaves_no_processes() {
    let (project, server) = (Project::new(), Sshd::start(&SshdOptions::default()));
    let far = inventory_of(&server);
    project
        .write("inventory.yaml", &format!("hosts:\n  far: {{ {far} }}\n  near: {{ transport: local, os: linux }}\n"));
    for host in ["near", "far"] {
        let seconds = unique_seconds();
        let mut runner = project.spawn(&["exec", "-l", host, "-y", "--", &format!("sleep {seconds} & wait")]);
        wait_until("the step starts", || runs(&seconds));
        runner.kill().unwrap();
        runner.wait().unwrap();
        wait_until("the process ends", || !runs(&seconds));
    }
}
