//! What a Windows host keeps of steps that must not be done twice: cases of the contract, and runs through the binary that lose
//! their connection or are killed. The PowerShell is SIMULATED; the wires are real.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use opsc::shell::holder::claim;
use opsc::shell::{Language, Program, receipt};
use opsc::transport::TransportError;
use serde_json::json;

use super::contract::{MINUTE, SOON, field, sha256, stdout, unique_seconds};
use super::holders::{owner, told};
use super::powershell_contract::Host;
use super::powershell_rig::Hosts;
use super::project::{Project, Said, said};

const WINDOWS: Language = Language::PowerShell;

fn id() -> String {
    sha256(unique_seconds().as_bytes()).chars().take(32).collect()
}

fn once(body: &str, id: &str) -> Program {
    Program { receipt: Some(id.to_owned()), ..Program::powershell(body) }
}

async fn state(host: &mut Host<'_>, id: &str) -> String {
    let asked = host.bench.run(&receipt::ask(WINDOWS, id)).await;
    assert!(field(&asked, "boot").len() > 9, "{asked:?}");
    String::from_utf8_lossy(field(&asked, "state")).into_owned()
}

/// A name for a receipt, on a host that can have some.
async fn ready(host: &mut Host<'_>) -> String {
    let prepared = host.bench.run(&receipt::prepare(WINDOWS)).await;
    assert!(field(&prepared, "boot").len() > 9, "{prepared:?}");
    let id = id();
    assert_eq!(state(host, &id).await, "absent");
    id
}

/// But for its folder, nobody could tell the difference.
pub(crate) async fn a_receipt_changes_nothing_else(host: &mut Host<'_>) {
    let id = ready(host).await;
    let plain = host.body("tell").await;
    let kept = host.bench.run(&once("tell", &id)).await;
    assert_eq!((kept.code, &kept.fields, &kept.stdout, &kept.stderr), (5, &plain.fields, &plain.stdout, &plain.stderr));
    assert_eq!(state(host, &id).await, "finished");
    let followed = host.bench.run(&receipt::follow(WINDOWS, &id)).await;
    assert_eq!((followed.code, &followed.fields), (5, &plain.fields));
    // The process serves other steps by now.
    host.bench.run(&receipt::end(WINDOWS, &id)).await;
    host.bench.run(&receipt::told(WINDOWS, vec![id.clone()])).await;
    assert_eq!(state(host, &id).await, "told");
    let left = std::fs::read_dir(host.dictionary.path("receipts").join(&id)).unwrap();
    let left: BTreeSet<_> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(left, BTreeSet::from(["code".to_owned(), "told".to_owned()]));
}

pub(crate) async fn what_a_receipt_cannot_carry_is_an_error(host: &mut Host<'_>) {
    let id = ready(host).await;
    let wrong = host.try_run(&once("no key", &id), MINUTE).await;
    assert!(matches!(wrong, Err(TransportError::Protocol { .. })), "{wrong:?}");
    let again = host.bench.run(&once("next", &id)).await;
    assert_eq!((again.code, stdout(&again).as_str()), (125, ""));
}

pub(crate) async fn a_step_that_was_killed_is_lost(host: &mut Host<'_>) {
    let id = ready(host).await;
    let died = host.try_run(&once("die", &id), MINUTE).await;
    assert!(matches!(died, Err(TransportError::LaneEnded { .. })), "{died:?}");
    assert_eq!(state(host, &id).await, "lost");
    assert_eq!(host.bench.run(&receipt::follow(WINDOWS, &id)).await.code, 137);
}

pub(crate) async fn a_step_with_a_receipt_can_be_ended(host: &mut Host<'_>) {
    let id = ready(host).await;
    let (mut other, program) = (host.bench.another().await, once("wait", &id));
    let mut quiet = |_, _: &[u8]| {};
    let end = async {
        let until = Instant::now() + SOON;
        while state(host, &id).await != "running" {
            assert!(Instant::now() < until, "it never ran");
        }
        host.bench.run(&receipt::end(WINDOWS, &id)).await
    };
    let (ran, ended) = tokio::join!(other.session.run(None, &program, 5 * MINUTE, &mut quiet), end);
    assert!(matches!(ran, Err(TransportError::LaneEnded { .. })), "{ran:?}");
    assert_eq!(field(&ended, "alive"), b"(absent)", "{ended:?}");
    assert_eq!(state(host, &id).await, "lost");
}

pub(crate) async fn one_journal_at_a_time_changes_a_host(host: &mut Host<'_>) {
    let (mut ann, mut bob) = (host.bench.another().await, host.bench.another().await);
    let by = |name: &str| claim(WINDOWS, &owner(name));
    let by_ann = Some("run 3 (`it's`) of ann on ci".to_owned());
    assert_eq!(told(&ann.run(&by("ann")).await), None);
    assert_eq!(told(&bob.run(&by("bob")).await), by_ann);
    assert_eq!(told(&host.bench.run(&by("ann")).await), None, "another lane of hers");
    ann.session.close().await;
    assert_eq!(told(&bob.run(&by("bob")).await), by_ann, "her other lane");
    let mut fresh = host.bench.another().await;
    std::mem::swap(&mut host.bench, &mut fresh);
    fresh.session.close().await;
    let until = Instant::now() + SOON;
    while told(&bob.run(&by("bob")).await).is_some() {
        assert!(Instant::now() < until, "a lane that is gone has it for ever");
    }
    assert_eq!(told(&host.bench.run(&by("ann")).await), Some("run 3 (`it's`) of bob on ci".to_owned()));
    bob.session.close().await;
}

const PLAYBOOK: &str = r#"ops 1

action thing.once() -> { count: int } ! change {
  doc: "Do a thing that must not be done twice."

  windows {
    apply powershell """
      do it
    """
  }
}

playbook demo(servers: hosts<windows> = group("fleet")) ! change {
  on servers {
    x = thing.once()
    require x.count == 7 else "it was {x.count}"
  }
}
"#;

/// Two hosts on which a step waits for the file `go`, and a project.
struct Fleet {
    hosts: Hosts,
    project: Project,
}

impl Fleet {
    fn new() -> Fleet {
        Fleet::playing(PLAYBOOK)
    }

    fn playing(playbook: &str) -> Fleet {
        let hosts = Hosts::of(json!({ "do it": { "stdout": "begun\n", "out": { "count": 7 }, "until": "go" } }));
        let project = hosts.project();
        project.write("demo.ops", playbook);
        Fleet { hosts, project }
    }

    fn spawn(&self, line: &str) -> std::process::Child {
        let words: Vec<&str> = line.split_whitespace().chain(["--password-file", "password"]).collect();
        self.project.spawn(&words)
    }

    fn opsc(&self, line: &str) -> Said {
        said(self.spawn(line).wait_with_output().unwrap())
    }

    fn put(&self, name: &str) {
        std::fs::write(self.hosts.dictionary.path(name), "").unwrap();
    }

    /// The one receipt, with this file in it.
    fn receipt_with(&self, name: &str) -> PathBuf {
        let receipts = self.hosts.dictionary.path("receipts");
        until(|| {
            let entries = std::fs::read_dir(&receipts).ok()?;
            let files = entries.filter_map(|entry| Some(entry.ok()?.path().join(name)));
            files.filter(|file| file.exists()).last()
        })
    }

    /// A run on this host that was killed in its step.
    fn killed_on(host: &str) -> Fleet {
        Fleet::new().after_a_kill_on(host)
    }

    fn after_a_kill_on(self, host: &str) -> Fleet {
        let mut run = self.spawn(&format!("run demo.ops -y -l {host}"));
        self.receipt_with("f.1");
        run.kill().unwrap();
        run.wait().unwrap();
        self
    }

    fn times_done(&self) -> usize {
        self.hosts.dictionary.log().iter().filter(|step| step["receipt"] == true).count()
    }
}

#[track_caller]
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + SOON;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "it never came");
        std::thread::yield_now();
    }
}

#[test]
fn a_step_whose_connection_is_cut_is_followed() {
    is_followed(&Fleet::new());
}

fn as_system() -> Fleet {
    Fleet::playing(
        &PLAYBOOK
            .replace("x = thing.once()", "x = thing.once() {\n      as: \"SYSTEM\"\n    }")
            .replace("! change {\n  on", "! change, admin {\n  on"),
    )
}

#[test]
fn a_step_of_another_user_whose_connection_is_cut_is_followed() {
    let fleet = as_system();
    is_followed(&fleet);
    let log = fleet.hosts.dictionary.log();
    assert!(log.iter().filter(|step| step["receipt"] == true).all(|step| step["as"] == "SYSTEM"), "{log:?}");
}

#[test]
fn a_step_of_another_user_that_ended_with_its_connection_is_for_a_person() {
    is_for_a_person(&as_system().after_a_kill_on("win2"));
}

fn is_followed(fleet: &Fleet) {
    let run = fleet.spawn("run demo.ops -y -v -l win1");
    fleet.receipt_with("f.1");
    fleet.put("cut");
    // Nobody ended it meanwhile.
    let follow = sha256(receipt::follow(WINDOWS, "").body.as_bytes());
    until(|| fleet.hosts.dictionary.log().iter().any(|step| step["body"] == follow.as_str()).then_some(()));
    fleet.put("go");
    let said = said(run.wait_with_output().unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stderr.contains("the connection was lost; the host went on with the step"), "{said:?}");
    assert_eq!(fleet.times_done(), 1);
    // What is recorded here, the host hears of.
    fleet.receipt_with("told");
}

/// There the step ends with its lane, as one without a receipt.
#[test]
fn a_step_that_is_late_is_no_silent_host() {
    let fleet = Fleet::new();
    fleet
        .project
        .write("demo.ops", &PLAYBOOK.replace("x = thing.once()", "x = thing.once() {\n      timeout: 4s\n    }"));
    let late = fleet.opsc("run demo.ops -y");
    assert_eq!(late.code, 27, "{late:?}");
    for host in ["win1", "win2"] {
        assert!(late.stderr.contains(&format!("x {host} x: timed_out")), "{late:?}");
    }
    let end = sha256(receipt::end(WINDOWS, "").body.as_bytes());
    let is_ended = fleet.hosts.dictionary.log().iter().any(|step| step["body"] == end.as_str());
    // A machine that is very busy may not have seen the end in time.
    assert!(!is_ended || late.stderr.contains("may still run"), "{late:?}");
    assert_eq!(fleet.times_done(), 2);
}

#[test]
fn a_step_of_a_killed_run_that_goes_on_over_winrm_is_taken_up() {
    let fleet = Fleet::killed_on("win1");
    let resumed = fleet.spawn("resume 1 -y -v");
    until(|| (fleet.project.opsc(&["show", "2"]).code == 0).then_some(()));
    fleet.put("go");
    let said = said(resumed.wait_with_output().unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stderr.contains("taken up where run 1 lost sight of it"), "{said:?}");
    assert_eq!(fleet.times_done(), 1);
}

#[test]
fn a_step_of_a_killed_run_that_ended_meanwhile_counts_as_it_ended() {
    let fleet = Fleet::killed_on("win1");
    fleet.put("go");
    fleet.receipt_with("code");
    let said = fleet.opsc("resume 1 -y");
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(fleet.times_done(), 1);
}

/// With the connection goes the process there, and nobody can say what it had done.
#[test]
fn a_step_of_a_killed_run_that_ended_with_its_connection_is_for_a_person() {
    is_for_a_person(&Fleet::killed_on("win2"));
}

fn is_for_a_person(fleet: &Fleet) {
    let process = std::fs::read_to_string(fleet.receipt_with("process")).unwrap();
    let (pid, _) = process.split_once(' ').unwrap();
    until(|| (!PathBuf::from(format!("/proc/{pid}")).exists()).then_some(()));
    let said = fleet.opsc("resume 1 -y");
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.stderr.contains("win2 x: its process on win2 is gone without a word"), "{said:?}");
    assert_eq!(fleet.times_done(), 1);
}

/// Two people with a journal each, on one host: the second is told of the first, and its step is not begun.
#[test]
fn a_host_that_another_journal_changes_is_left_alone() {
    let fleet = Fleet::new();
    let first = fleet.spawn("run demo.ops -y -l win1");
    fleet.receipt_with("f.1");
    let other = Fleet { project: fleet.hosts.project(), hosts: fleet.hosts };
    other.project.write("demo.ops", PLAYBOOK);
    let refused = other.opsc("run demo.ops -y -l win1");
    assert_eq!(refused.code, 21, "{refused:?}");
    assert!(refused.stderr.contains("another opsc is changing this host: run 1 (`demo`) of "), "{refused:?}");
    assert_eq!(other.times_done(), 1);
    other.put("go");
    assert_eq!(first.wait_with_output().unwrap().status.code(), Some(0));
    assert_eq!(other.opsc("run demo.ops -y -l win1").code, 0);
    assert_eq!(other.times_done(), 2);
}
