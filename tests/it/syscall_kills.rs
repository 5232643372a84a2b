//! Runs killed at their system calls, and gone on with: what the journal says was done was done, nothing was done that it
//! does not speak of, and only what was under way is unknown. `strace` kills, at the calls by which a run is remembered
//! and told to others.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use serde_json::Value as Json;

use super::project::Project;
use super::resume_kills::{Killer, ONCE, wait_for_orphans};

/// What is written, made to last, or taken away: the journal's own, the lanes' and the terminal's.
const CALLS: [&str; 6] = ["pwrite64", "fsync", "write", "ftruncate", "unlink", "sendto"];

/// Of all points, as many as a run of the tests takes; `OPSC_TEST_LONG=1` takes all.
const POINTS: usize = 60;

/// How many places are killed in at the same time: most of what each does is to wait.
const AT_ONCE: usize = 4;

/// Visits points at the same time, each in a place of its own; what was counted there is added up.
pub(crate) fn at_each<P: Copy + Send>(
    points: impl Iterator<Item = P> + Send,
    visit: impl Fn(P) -> [usize; 3] + Sync,
) -> [usize; 3] {
    let points = Mutex::new(points);
    let worker = || {
        let mut sum = [0; 3];
        loop {
            let Some(point) = points.lock().unwrap().next() else { return sum };
            sum.iter_mut().zip(visit(point)).for_each(|(sum, more)| *sum += more);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .fold([0; 3], |sum, more| [sum[0] + more[0], sum[1] + more[1], sum[2] + more[2]])
    })
}

/// A command of the project below `strace`, which leaves the programs that it starts alone.
pub(crate) fn traced(project: &Project, line: &str, flags: &[&str]) -> Command {
    let plain = project.command(&line.split_whitespace().collect::<Vec<_>>());
    let mut command = Command::new("strace");
    command.args(["-f", "-b", "execve", "-qq"]).args(flags).arg("--").arg(plain.get_program()).args(plain.get_args());
    command.env_clear().current_dir(plain.get_current_dir().unwrap());
    for (name, value) in plain.get_envs() {
        command.env(name, value.unwrap());
    }
    command
}

/// How often each call is made by the thread that makes it most: `strace` counts for each thread of its own.
pub(crate) fn calls_of(project: &Project, (line, code): (&str, i32)) -> BTreeMap<&'static str, usize> {
    let log = project.path("calls");
    let flags = ["-o", log.to_str().unwrap(), "-e", &format!("trace={}", CALLS.join(","))];
    let done = traced(project, line, &flags).output().unwrap();
    assert_eq!(done.status.code(), Some(code), "{}", String::from_utf8_lossy(&done.stderr));
    let mut counts = BTreeMap::new();
    for line in std::fs::read_to_string(log).unwrap().lines() {
        let (thread, call) = line.split_once(' ').unwrap();
        if let Some(name) = CALLS.into_iter().find(|name| call.trim_start().starts_with(&format!("{name}("))) {
            *counts.entry((name, thread.to_string())).or_insert(0) += 1;
        }
    }
    CALLS
        .into_iter()
        .map(|name| {
            (name, counts.iter().filter(|((of, _), _)| *of == name).map(|(_, count)| *count).max().unwrap_or(0))
        })
        .collect()
}

/// Kills a command at the nth call of one of its threads; whether it came that far.
pub(crate) fn killed_at(project: &Project, line: &str, (call, nth): (&str, usize)) -> bool {
    let flags =
        ["-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &format!("inject={call}:signal=KILL:when={nth}")];
    let ended = traced(project, line, &flags).output().unwrap().status;
    wait_for_orphans(project);
    // A tracer ends as its program did: by the same signal.
    std::os::unix::process::ExitStatusExt::signal(&ended) == Some(9)
}

/// The journal is whole, and what it says of what must be done once is what is on the hosts.
fn assert_honest(killer: &Killer, point: &str) {
    let file = killer.project.path(".opsc/journal.sqlite");
    if !file.exists() {
        return assert!(ONCE.iter().all(|(_, what)| killer.times("w1", what) == 0), "{point}: done without a journal");
    }
    assert_eq!(integrity(&file), "ok", "{point}");
    for run in 1..=killer.project.newest_run() {
        let shown = killer.opsc(&format!("show {run} -o json"));
        let json: Json =
            serde_json::from_str(&shown.stdout).unwrap_or_else(|error| panic!("{point}: {error}: {shown:?}"));
        for step in json["steps"].as_array().unwrap() {
            let name = step["step"].as_str().unwrap();
            let Some((_, what)) = ONCE.iter().find(|(of, _)| *of == name) else { continue };
            let outcome = step["outcome"].as_str();
            if matches!(outcome, Some("ok" | "changed")) {
                let times = killer.times(step["host"].as_str().unwrap(), what);
                assert_eq!(times, 1, "{point}: run {run} says that {name} was done");
            }
        }
    }
    assert_all_intended(killer, point);
}

/// No effect without an intent that was written before it.
fn assert_all_intended(killer: &Killer, point: &str) {
    let journal = rusqlite::Connection::open(killer.project.path(".opsc/journal.sqlite")).unwrap();
    for host in ["w1", "w2"] {
        for (step, what) in ONCE.iter().filter(|(_, what)| killer.times(host, what) > 0) {
            let sql = "SELECT count(*) FROM intents WHERE step = ?1 AND host = ?2";
            let intents: i64 = journal.query_row(sql, [step, host], |row| row.get(0)).unwrap();
            assert!(intents > 0, "{point}: {what} of {host} has no intent");
        }
    }
}

fn integrity(file: &Path) -> String {
    let journal = rusqlite::Connection::open(file).unwrap();
    journal.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}

#[test]
fn killed_at_any_call_the_journal_is_honest_and_the_run_is_gone_on_with() {
    let calls = calls_of(&Killer::new().project, ("run all.ops -y", 0));
    assert!(calls["pwrite64"] > 30 && calls["fsync"] > 10 && calls["write"] > 10, "{calls:?}");
    let all: Vec<(&str, usize)> = calls.iter().flat_map(|(call, most)| (1..=*most).map(|nth| (*call, nth))).collect();
    let long = std::env::var_os("OPSC_TEST_LONG").is_some();
    let every = if long { 1 } else { all.len() / POINTS };
    let visit = |(number, at): (usize, &(&str, usize))| {
        let point = format!("{} {}", at.0, at.1);
        let (killer, mut again, mut resolved) = (Killer::new(), 0, 0);
        let points = usize::from(killed_at(&killer.project, "run all.ops -y", *at));
        assert_honest(&killer, &point);
        // What goes on is killed as well, somewhere else each time.
        let run = killer.project.newest_run();
        let elsewhere = all[(number * 37 + 11) % all.len()];
        if run > 0 && killed_at(&killer.project, &format!("resume {run} -y"), elsewhere) {
            again += 1;
            assert_honest(&killer, &format!("{point}, then {} {}", elsewhere.0, elsewhere.1));
        }
        match killer.project.newest_run() {
            0 => assert_eq!(killer.opsc("run all.ops -y").code, 0, "{point}"),
            run => resolved += killer.resumed(run, number),
        }
        killer.assert_all_once(number);
        [points, again, resolved]
    };
    let [points, again, resolved] = at_each(all.iter().step_by(every).enumerate(), visit);
    println!(
        "{points} of {} points of {} calls, {again} again, {resolved} steps resolved by looking",
        all.len(),
        calls.len()
    );
    assert!(points >= if long { all.len() / 2 } else { 30 }, "only {points} points");
}
