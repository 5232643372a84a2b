//! What servers and networks do to a run, through the binary: a connection that is refused, comes back as another, or lets
//! a byte through each second, and output that has no end. The outcome is right, deadlines hold, and memory stays bounded.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::project::{Project, Said, said};
use super::sshd::{Sshd, SshdOptions, make_key};

const MEGABYTE: u64 = 1_000_000;
/// What one host may add to the memory of a run, in kilobytes.
const GROWTH: u64 = 8 << 10;
/// What waits for a step that may begin late, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

struct Place {
    project: Project,
    server: Sshd,
}

impl Place {
    fn new(config: &[&str]) -> Place {
        let config = config.iter().map(|line| (*line).to_owned()).collect();
        let server = Sshd::start(&SshdOptions { config, ..SshdOptions::default() });
        let place = Place { project: Project::new(), server };
        place.reached_at(place.server.port, 1);
        place
    }

    /// So many hosts of the one server, behind a port that leads there.
    fn reached_at(&self, port: u16, hosts: usize) {
        let known = std::fs::read_to_string(self.server.directory.path().join("host_key.pub")).unwrap();
        self.project.write("known_hosts", &format!("[127.0.0.1]:{port} {known}"));
        let (key, known) = (self.server.key_path.display(), self.project.path("known_hosts"));
        let host = |number| {
            format!(
                "  h{number}: {{ address: 127.0.0.1, port: {port}, os: linux, user: root, key: {key}, known_hosts: {} }}\n",
                known.display()
            )
        };
        self.project.write("inventory.yaml", &format!("hosts:\n{}", (1..=hosts).map(host).collect::<String>()));
    }

    /// One step on a host to which there is a connection.
    fn playbook(&self, script: &str, effect: &str, attributes: &str) {
        let step = format!("shell.run(script: sh\"\"\"\n      {script}\n    \"\"\", effect: \"{effect}\"){attributes}");
        let first = "shell.run(script: sh\"true\", effect: \"read\")";
        let block = format!("  on host(\"h1\") {{\n    {first}\n    {step}\n  }}\n");
        self.project.write("p.ops", &format!("ops 1\n\nplaybook p() ! change, exec {{\n{block}}}\n"));
    }

    /// A run of one step that has begun, and goes on until there is a file `go`.
    fn begun(&self, timeout: &str, attributes: &str) -> Child {
        let (mark, go) = (self.project.path("mark"), self.project.path("go"));
        let waits = format!("echo x >> {}; until [ -e {} ]; do sleep 0.1; done", mark.display(), go.display());
        self.playbook(&format!("{waits}; echo over"), "change", attributes);
        let runner = self.project.spawn(&["run", "p.ops", "-y", "--timeout", timeout]);
        let until = Instant::now() + PATIENCE;
        while !mark.exists() {
            assert!(Instant::now() < until, "the step never began");
            std::thread::yield_now();
        }
        runner
    }

    fn go(&self) {
        self.project.write("go", "");
    }

    fn times_begun(&self) -> usize {
        self.project.read("mark").unwrap_or_default().lines().count()
    }

    /// The step of a run, as it ended.
    fn ended(&self, run: &str) -> Json {
        let events = self.project.opsc(&["replay", run, "-o", "ndjson"]).stdout;
        let line = events.lines().rfind(|line| line.contains("\"step.finished\""));
        serde_json::from_str(line.unwrap_or_else(|| panic!("it never ended: {events}"))).unwrap()
    }
}

/// The end of what a run told, and the most memory that it had, in kilobytes.
struct Ran {
    told: String,
    most: u64,
}

/// Its output is read as fast as it comes, and nobody keeps it.
fn watched(place: &Place, options: &[&str]) -> Ran {
    let mut command = place.project.command(&["run", "p.ops", "-y"]);
    let mut child = command.args(options).stderr(Stdio::null()).spawn().unwrap();
    let mut pipe = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let (mut last, mut buffer) = (Vec::new(), [0_u8; 1 << 16]);
        while let Ok(read @ 1..) = pipe.read(&mut buffer) {
            last.extend_from_slice(&buffer[..read]);
            last.drain(..last.len().saturating_sub(1 << 16));
        }
        String::from_utf8_lossy(&last).into_owned()
    });
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = most.max(memory(child.id()).unwrap_or(0));
        std::thread::yield_now();
    }
    assert!(child.wait().unwrap().success());
    Ran { told: reader.join().unwrap(), most }
}

/// What a process has of its own, and not of its program's file, as long as it is there.
fn memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// As fast as it comes: with and without lines, on one stream and both, and nothing that a terminal should see.
#[test]
fn a_flood_is_bounded_in_memory_and_counted_in_full() {
    let place = Place::new(&[]);
    place.playbook("true", "read", "");
    let quiet = watched(&place, &["-o", "ndjson"]).most;
    let floods = [
        ("head -c 200000000 /dev/zero | tr '\\0' x", 200),
        ("head -c 100000000 /dev/zero | tr '\\0' x & head -c 100000000 /dev/zero | tr '\\0' y >&2; wait", 200),
        ("yes \"$(printf '\\377\\033[2J\\033]0;owned\\007')\" | head -c 50000000", 50),
    ];
    for (number, (flood, megabytes)) in floods.into_iter().enumerate() {
        place.playbook(flood, "read", " { timeout: 10m }");
        for options in [&["-o", "ndjson"][..], &["-v"]] {
            let begun = Instant::now();
            let ran = watched(&place, options);
            let per_second = f64::from(u32::try_from(megabytes).unwrap()) / begun.elapsed().as_secs_f64();
            println!(
                "flood {number} {options:?}: {per_second:.0} MB/s, {} kB more than {quiet} kB",
                ran.most.saturating_sub(quiet)
            );
            assert!(ran.most > 0 && ran.most < quiet + GROWTH, "{number}: {quiet} kB quiet, {} kB at most", ran.most);
            assert!(!ran.told.contains(['\u{1b}', '\u{7}']), "{number}: control characters are written out");
        }
        let run = (2 + 2 * number).to_string();
        assert_eq!(place.ended(&run)["evidence"]["output_bytes"], megabytes * MEGABYTE, "{number}");
    }
    assert!(std::fs::metadata(place.project.path(".opsc/journal.sqlite")).unwrap().len() < 16 * MEGABYTE);
}

#[test]
fn output_of_a_byte_a_second_is_waited_for_until_the_deadline() {
    let place = Place::new(&[]);
    let drip = "for i in 1 2 3 4; do printf x; sleep 1; done";
    place.playbook(drip, "read", " { timeout: 30s }");
    let whole = place.project.opsc(&["run", "p.ops", "-y"]);
    assert_eq!((whole.code, place.ended("1")["evidence"]["output_bytes"].as_u64()), (0, Some(4)), "{whole:?}");
    place.playbook(&format!("while :; do {drip}; done"), "read", " { timeout: 3s }");
    let cut = place.project.opsc(&["run", "p.ops", "-y"]);
    let ended = place.ended("2");
    assert_eq!((cut.code, ended["outcome"].as_str()), (27, Some("timed_out")), "{cut:?}");
    let elapsed = ended["evidence"]["elapsed_ms"].as_u64().unwrap();
    assert!((3000..=5000).contains(&elapsed), "{ended}");
}

/// What a server's port is reached through; as slow as a byte a second while that is wanted.
struct Relay {
    port: u16,
    is_slow: Arc<AtomicBool>,
}

impl Relay {
    fn to(server: &Sshd, is_slow: bool) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Relay { port: listener.local_addr().unwrap().port(), is_slow: Arc::new(AtomicBool::new(is_slow)) };
        let (is_slow, port) = (Arc::clone(&relay.is_slow), server.port);
        std::thread::spawn(move || {
            while let Ok((near, _)) = listener.accept() {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else { return };
                for (from, to) in [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))] {
                    let (from, to, is_slow) = (from.unwrap(), to.unwrap(), Arc::clone(&is_slow));
                    std::thread::spawn(move || carry(from, to, &is_slow));
                }
            }
        });
        relay
    }

    fn slow(&self, is_slow: bool) {
        self.is_slow.store(is_slow, Ordering::SeqCst);
    }
}

/// Until either side closes.
fn carry(mut from: TcpStream, mut to: TcpStream, is_slow: &AtomicBool) {
    let mut buffer = [0_u8; 1 << 16];
    loop {
        let most = if is_slow.load(Ordering::SeqCst) { 1 } else { buffer.len() };
        let Ok(read @ 1..) = from.read(&mut buffer[..most]) else { break };
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
        if is_slow.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
    drop(to.shutdown(std::net::Shutdown::Both));
}

#[test]
fn a_network_of_a_byte_a_second_carries_no_connection() {
    let place = Place::new(&[]);
    let relay = Relay::to(&place.server, true);
    place.reached_at(relay.port, 1);
    let begun = Instant::now();
    let said = place.project.opsc(&["exec", "-l", "h1", "-y", "--timeout", "3", "--", "true"]);
    assert_eq!(said.code, 20, "{said:?}");
    assert!(said.stderr.contains("did not answer within 3s"), "{said:?}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn a_network_that_becomes_slow_holds_up_no_deadline_and_loses_nothing() {
    let place = Place::new(&[]);
    let relay = Relay::to(&place.server, false);
    place.reached_at(relay.port, 1);
    let runner = place.begun("2", " { timeout: 4s }");
    relay.slow(true);
    let said = said(runner.wait_with_output().unwrap());
    assert_eq!(said.code, 20, "{said:?}");
    assert!(said.stderr.contains("did not end within 4s"), "{said:?}");
    let elapsed = place.ended("1")["evidence"]["elapsed_ms"].as_u64().unwrap();
    println!("a deadline of 4 s was told after {elapsed} ms");
    assert!((4000..=6000).contains(&elapsed), "{elapsed}: {said:?}");
    // It ran out of time, so what becomes of it is for a person to say.
    relay.slow(false);
    let resumed = place.project.opsc(&["resume", "1", "-y"]);
    assert_eq!((resumed.code, place.times_begun()), (27, 1), "{resumed:?}");
}

#[track_caller]
fn is_done_once(place: &Place, said: &Said) {
    assert_eq!((said.code, place.times_begun()), (0, 1), "{said:?}");
}

#[test]
fn a_server_that_was_killed_and_comes_back_goes_on_with_the_step() {
    let mut place = Place::new(&[]);
    let runner = place.begun("5", "");
    place.server.stop();
    place.server.start_again();
    place.go();
    let said = said(runner.wait_with_output().unwrap());
    is_done_once(&place, &said);
    assert!(said.stderr.contains("the connection was lost; the host went on with the step"), "{said:?}");
    assert!(place.project.opsc(&["logs", "1"]).stdout.contains("over\n"));
}

#[test]
fn a_server_that_comes_back_with_another_key_is_told_nothing() {
    let mut place = Place::new(&[]);
    let runner = place.begun("2", "");
    place.server.stop();
    let root = place.server.directory.path().to_path_buf();
    for kept in ["host_key", "host_key.pub"] {
        std::fs::rename(root.join(kept), root.join(format!("first_{kept}"))).unwrap();
    }
    make_key(&root.join("host_key"));
    place.server.start_again();
    place.go();
    let lost = said(runner.wait_with_output().unwrap());
    assert_eq!(lost.code, 20, "{lost:?}");
    assert!(lost.stderr.contains("the host key changed"), "{lost:?}");
    let refused = place.project.opsc(&["resume", "1", "-y"]);
    assert!(refused.code == 3 && refused.stderr.contains("the host key changed"), "{refused:?}");
    place.server.stop();
    for kept in ["host_key", "host_key.pub"] {
        std::fs::rename(root.join(format!("first_{kept}")), root.join(kept)).unwrap();
    }
    place.server.start_again();
    let resumed = place.project.opsc(&["resume", &place.project.newest_run().to_string(), "-y"]);
    is_done_once(&place, &resumed);
}

#[test]
fn a_server_that_gives_no_channel_says_which_setting_does() {
    let place = Place::new(&["MaxSessions 0"]);
    let said = place.project.opsc(&["exec", "-l", "h1", "-y", "--", "true"]);
    assert_eq!(said.code, 20, "{said:?}");
    assert!(said.stderr.contains("no channel could be opened") && said.stderr.contains("`MaxSessions`"), "{said:?}");
}

/// Many hosts behind one address are no more connections at a time than its sshd takes.
#[test]
fn a_server_that_lets_in_a_few_at_a_time_is_asked_again() {
    let place = Place::new(&["MaxStartups 2:100:2", "LogLevel VERBOSE"]);
    place.reached_at(place.server.port, 20);
    let said = place.project.opsc(&["exec", "-l", "h*", "-y", "-f", "20", "--", "true"]);
    assert_eq!(said.code, 0, "{said:?}");
    let log = std::fs::read_to_string(place.server.directory.path().join("log")).unwrap();
    assert!(log.contains("past MaxStartups"), "nothing was dropped: {log}");
}
