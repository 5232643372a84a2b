//! Runs on very many hosts: the real schedule, dispatcher and journal, and wires that answer at once, so that what is
//! measured is opsc's own. In a process of its own, whose memory is its own too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opsc::base::ids::HostId;
use opsc::report::event_json::event_json;
use opsc::run::event::EventKind;
use opsc::run::ports::{Answer, Connector, Output, Wire, WireError};
use opsc::shell::holder::Owner;
use opsc::shell::{Program, VariableValue};
use opsc::transport::{Captured, Completed};

use super::run_lab::{Lab, per_host, write};

const CHILD: &str = "OPSC_TEST_MANY";

/// A machine that has files and nothing else, and is asked by `note.write` alone.
#[derive(Default)]
struct Machine {
    files: BTreeMap<String, String>,
    asked: Arc<Mutex<Vec<Instant>>>,
}

struct Machines {
    /// When each first program of a step came.
    asked: Arc<Mutex<Vec<Instant>>>,
}

impl Connector for Machines {
    fn connect(&self, _host: HostId) -> Answer<'_, Result<Box<dyn Wire>, WireError>> {
        let machine = Machine { asked: Arc::clone(&self.asked), ..Machine::default() };
        Box::pin(async move { Ok(Box::new(machine) as Box<dyn Wire>) })
    }
}

impl Wire for Machine {
    fn run<'a>(
        &'a mut self,
        _user: Option<&'a str>,
        program: &'a Program,
        _deadline: Duration,
        _output: Output<'a>,
    ) -> Answer<'a, Result<Completed, WireError>> {
        let text = |name: &str| {
            let found = program.variables.iter().find(|variable| variable.name == name);
            found.and_then(|found| if let VariableValue::Text(text) = &found.value { Some(text.clone()) } else { None })
        };
        let nothing = || Captured { kept: Vec::new(), bytes: 0, truncated: false, sha256: String::new() };
        let done = move |fields| Completed { code: 0, fields, stdout: nothing(), stderr: nothing(), timed_out: false };
        // Who is asked for receipts has none.
        let Some(to) = text("to") else { return Box::pin(async move { Ok(done(Vec::new())) }) };
        let mut fields = Vec::new();
        if program.body.starts_with("if [ -f") {
            let content = self.files.get(&to);
            fields.push(("exists".to_string(), content.is_some().to_string().into_bytes()));
            fields.push(("content".to_string(), content.cloned().unwrap_or_default().into_bytes()));
            if content.is_none() {
                self.asked.lock().unwrap().push(Instant::now());
            }
        } else {
            self.files.insert(to, text("content").unwrap());
        }
        Box::pin(async move { Ok(done(fields)) })
    }

    fn stage<'a>(
        &'a mut self,
        _user: Option<&'a str>,
        _content: &'a [u8],
        _sha256: &'a str,
    ) -> Answer<'a, Result<String, WireError>> {
        Box::pin(async { Err(WireError::NoEndpoint) })
    }

    fn beside(&self) -> Answer<'_, Result<Box<dyn Wire>, WireError>> {
        Box::pin(async { Err(WireError::NoEndpoint) })
    }

    fn is_open(&self) -> bool {
        true
    }

    fn close(self: Box<Self>) -> Answer<'static, ()> {
        Box::pin(async {})
    }
}

/// What a run of so many hosts and steps took.
struct Took {
    seconds: f64,
    /// Between the beginnings of two steps that follow each other on one host; only where there is one.
    per_step: Vec<Duration>,
}

/// As `app` does it: events are in the journal before the next one is taken, and the end seals what was recorded.
fn run(hosts: usize, steps: usize, forks: usize) -> Took {
    let mut lab = Lab::new(hosts);
    let items: Vec<_> = (0..steps).map(|step| write(per_host(&format!("/srv/{step}/")), "text")).collect();
    lab.block(&items, None);
    let asked = Arc::<Mutex<Vec<Instant>>>::default();
    let (mut request, mut events, _stop) = lab.request();
    request.wires = Arc::new(Machines { asked: Arc::clone(&asked) });
    request.forks = forks;
    request.owner = Some(Owner { journal: "0".repeat(64), words: "run 1 (`many`) of ann on ci".to_string() });
    let journal = lab.journal.clone();
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (summary, changed) = runtime.block_on(async {
        let told = tokio::spawn(async move {
            let mut changed = 0;
            while let Some(event) = events.recv().await {
                changed += usize::from(matches!(event.kind, EventKind::StepFinished { .. }));
                journal.event(1, event.seq, event.time, &event_json(&event, 1).to_string()).unwrap();
            }
            changed
        });
        let summary = opsc::run::run(request).await.unwrap();
        (summary, told.await.unwrap())
    });
    lab.journal.finish_run(1, summary.status, summary.exit, 0).unwrap();
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!((summary.exit, changed), (0, hosts * steps));
    assert!(summary.hosts.iter().filter(|host| host.changed > 0).all(|host| host.changed == steps));
    let rows = rusqlite::Connection::open(lab.path("state/journal.sqlite")).unwrap();
    for table in ["intents", "results"] {
        let count: i64 = rows.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(usize::try_from(count).unwrap(), hosts * steps, "{table}");
    }
    let asked = asked.lock().unwrap();
    Took { seconds, per_step: asked.windows(2).map(|pair| pair[1] - pair[0]).collect() }
}

/// The same in a process of its own: seconds, and the most memory that it had, in MiB.
fn measured(test: &str, hosts: usize, forks: usize) -> (f64, u64) {
    let said = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, format!("{hosts} {forks}"))
        .output()
        .unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    let line = text.lines().find_map(|line| line.split_once("measured ")).unwrap_or_else(|| panic!("{text}")).1;
    let mut words = line.split(' ');
    (words.next().unwrap().parse().unwrap(), words.next().unwrap().parse().unwrap())
}

fn child(wanted: &str) {
    let (hosts, forks) = wanted.split_once(' ').unwrap();
    let took = run(hosts.parse().unwrap(), STEPS, forks.parse().unwrap());
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: u64 = peak.split_whitespace().next().unwrap().parse().unwrap();
    println!("measured {} {}", took.seconds, kibibytes / 1024);
}

/// Of the folder in which journals of tests lie.
fn file_system() -> String {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    let folder = std::env::temp_dir();
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some((words.nth(1)?.to_string(), words.next()?.to_string()))
    });
    mounts.filter(|(at, _)| folder.starts_with(at)).max_by_key(|(at, _)| at.len()).unwrap().1
}

const STEPS: usize = 20;

/// `OPSC_TEST_LONG=1`: ten thousand hosts.
#[test]
fn many_hosts_take_time_by_their_number_and_little_memory() {
    if let Ok(wanted) = std::env::var(CHILD) {
        return child(&wanted);
    }
    let name = "run_many::many_hosts_take_time_by_their_number_and_little_memory";
    let (few, _) = measured(name, 250, 200);
    let (seconds, mebibytes) = measured(name, 1000, 200);
    println!("1000 hosts x {STEPS} steps: {seconds:.1} s, {mebibytes} MiB; 250 hosts: {few:.1} s; {}", file_system());
    assert!(mebibytes <= 256, "{mebibytes} MiB");
    assert!(seconds <= 600.0, "{seconds} s");
    assert!(seconds <= few.max(1.0) * 60.0, "four times the hosts took {seconds} s instead of {few} s");
    if std::env::var_os("OPSC_TEST_LONG").is_some() {
        let (seconds, mebibytes) = measured(name, 10_000, 200);
        println!("10000 hosts x {STEPS} steps: {seconds:.1} s, {mebibytes} MiB; {}", file_system());
        // The minute is that of the binary that people have: `cargo test --release`.
        let most = if cfg!(debug_assertions) { 600.0 } else { 60.0 };
        assert!(seconds <= most && mebibytes <= 1024, "{seconds} s, {mebibytes} MiB");
    }
}

/// What it takes here and now to have an intent and a result made to last, and nothing else: twice a few pages, by another
/// thread, that are waited for until they are on the disk.
fn two_syncs() -> Vec<Duration> {
    let folder = tempfile::tempdir().unwrap();
    let mut file = std::fs::File::create(folder.path().join("pages")).unwrap();
    let (ask, asked) = std::sync::mpsc::channel::<()>();
    let (done, answers) = std::sync::mpsc::channel();
    let writer = std::thread::spawn(move || {
        while asked.recv().is_ok() {
            file.write_all(&[0; 3 * 4096]).unwrap();
            file.sync_data().unwrap();
            done.send(()).unwrap();
        }
    });
    let twice = |_| {
        let begun = Instant::now();
        for _ in 0..2 {
            ask.send(()).unwrap();
            answers.recv().unwrap();
        }
        begun.elapsed()
    };
    let took = (0..100).map(twice).collect();
    drop(ask);
    writer.join().unwrap();
    took
}

/// The one in the middle, and the one that 5 of 100 exceed.
fn percentiles(mut took: Vec<Duration>) -> (Duration, Duration) {
    took.sort();
    (took[took.len() / 2], took[took.len() * 95 / 100])
}

#[test]
fn what_a_step_costs_to_be_remembered_is_little() {
    let mut bare = two_syncs();
    let (p50, p95) = percentiles(run(1, 400, 1).per_step);
    bare.extend(two_syncs());
    let (bare, _) = percentiles(bare);
    let more = p50.saturating_sub(bare);
    println!("a step on one host beside its work: p50 {p50:?}, p95 {p95:?}; two syncs {bare:?}; {}", file_system());
    // A build for tests runs beside many others, and each of a step's threads waits for its turn.
    let most = Duration::from_millis(if cfg!(debug_assertions) { 100 } else { 2 });
    assert!(more <= most, "{more:?} more than two syncs of the disk, which take {bare:?}");
}
