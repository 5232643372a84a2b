//! The journal on a real disk: what was promised is there after a restart, a kill, and beside another process.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use opsc::state::{Intent, Journal, RunDetails, RunRecord, StateError, StepResult};

fn record() -> RunRecord {
    RunRecord {
        playbook: "deploy".to_string(),
        path: "playbooks/deploy.ops".to_string(),
        digest: "sha256:1".to_string(),
        source_sha256: "2".to_string(),
        commit: Some("3".to_string()),
        dirty: Some(true),
        user: "ann".to_string(),
        machine: "desk".to_string(),
        started: 10,
        pid: 4,
        pid_start: Some(5),
        boot_id: Some("6".to_string()),
        request: Some("{}".to_string()),
        goes_on_with: None,
    }
}

fn intent(run: i64, step: &str, attempt: u32) -> Intent {
    Intent {
        run,
        step: step.to_string(),
        host: "web1".to_string(),
        attempt,
        phase: "apply".to_string(),
        program_sha256: "7".to_string(),
        effect: "change".to_string(),
        kind: "once".to_string(),
        deadline_ms: 1_000,
        before_json: Some("{}".to_string()),
        receipt: None,
        time: 11,
    }
}

fn result(run: i64, step: &str, attempt: u32) -> StepResult {
    StepResult {
        run,
        step: step.to_string(),
        host: "web1".to_string(),
        attempt,
        phase: "apply".to_string(),
        outcome: "changed".to_string(),
        changed: true,
        code: Some(0),
        before_json: "{}".to_string(),
        apply_json: "{}".to_string(),
        after_json: r#"{"state":"ok"}"#.to_string(),
        error: None,
        output_sha256: Some("8".to_string()),
        output: vec![0, 255, b'\n'],
        kept_json: None,
        time: 12,
    }
}

#[test]
fn everything_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/opsc.db");
    let journal = Journal::open(&path).unwrap();
    let run = journal.start_run(&record(), &[]).unwrap();
    for attempt in 1..=2 {
        journal.intent(&intent(run, "copy", attempt)).unwrap();
        journal.result(&result(run, "copy", attempt)).unwrap();
    }
    journal.result(&result(run, "look", 1)).unwrap();
    journal.event(run, 1, 20, r#"{"b":2}"#).unwrap();
    journal.event(run, 0, 20, r#"{"a":1}"#).unwrap();
    journal.finish_run(run, "done", 2, 30).unwrap();
    let other = journal.start_run(&RunRecord { dirty: None, commit: None, ..record() }, &[]).unwrap();
    drop(journal);

    let journal = Journal::open(&path).unwrap();
    let details = journal.run(run).unwrap().unwrap();
    assert_eq!(details.summary.record, record());
    let summary = &details.summary;
    assert_eq!((summary.status.as_deref(), summary.exit, summary.finished), (Some("done"), Some(2), Some(30)));
    let intended: Vec<_> = details.steps.iter().map(|step| step.intended).collect();
    assert_eq!(intended, [Some(11), Some(11), None]);
    let results: Vec<_> = details.steps.iter().map(|step| step.result.clone().unwrap()).collect();
    assert_eq!(results, [result(run, "copy", 1), result(run, "copy", 2), result(run, "look", 1)]);
    assert_eq!(journal.events(run).unwrap(), [r#"{"a":1}"#, r#"{"b":2}"#]);
    assert_eq!(journal.logs(run).unwrap().len(), 3);
    assert_eq!(journal.runs(10).unwrap().iter().map(|run| run.id).collect::<Vec<_>>(), [other, run]);
    assert_eq!(journal.runs(1).unwrap().len(), 1);
    assert_eq!(journal.run(999).unwrap(), None);
}

#[test]
fn only_the_owner_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/opsc.db");
    let journal = Journal::open(&path).unwrap();
    journal.start_run(&record(), &[]).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&folder.path().join("state/opsc.db-wal")), 0o600);
}

fn open_steps(details: &RunDetails) -> Vec<&str> {
    details.steps.iter().filter(|step| step.is_open()).map(|step| step.step.as_str()).collect()
}

const CHILD: &str = "OPSC_TEST_JOURNAL_CHILD";

/// The test starts itself as the writer, and kills it between intent and result.
#[test]
fn an_intent_outlives_its_killed_writer() {
    if let Some(path) = std::env::var_os(CHILD) {
        return write_until_killed(Path::new(&path));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("opsc.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "state_journal::an_intent_outlives_its_killed_writer", "--nocapture"])
        .env(CHILD, &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("intent written")));
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());

    let journal = Journal::open(&path).unwrap();
    let details = journal.run(1).unwrap().unwrap();
    assert_eq!(details.summary.status, None);
    assert_eq!(open_steps(&details), ["restart"]);
}

fn write_until_killed(path: &Path) {
    let journal = Journal::open(path).unwrap();
    let run = journal.start_run(&record(), &[]).unwrap();
    journal.intent(&intent(run, "copy", 1)).unwrap();
    journal.result(&result(run, "copy", 1)).unwrap();
    journal.intent(&intent(run, "restart", 1)).unwrap();
    println!("intent written");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    panic!("the writer should have been killed");
}

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("opsc.db");
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = Journal::open(&path).unwrap_err();
    assert!(matches!(error, StateError::Newer { found: 99, known: 6, .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("opsc.db");
    std::fs::write(&path, "these are notes, and no database at all".repeat(100)).unwrap();
    Journal::open(&path).unwrap_err();
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("these are notes"));
}

#[test]
fn what_belongs_to_no_run_is_refused_alone() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("opsc.db")).unwrap();
    let run = journal.start_run(&record(), &[]).unwrap();
    assert!(matches!(journal.intent(&intent(run + 1, "copy", 1)), Err(StateError::Database { .. })));
    journal.intent(&intent(run, "copy", 1)).unwrap();
    journal.event(run + 1, 0, 0, "{}").unwrap();
    assert!(matches!(journal.finish_run(run, "done", 0, 0), Err(StateError::Database { .. })), "told at the end");
    assert_eq!(journal.records(run).unwrap().len(), 1);
}

#[test]
fn a_thousand_intents_at_once_share_their_commits() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("opsc.db")).unwrap();
    let run = journal.start_run(&record(), &[]).unwrap();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for host in 0..100 {
            let journal = journal.clone();
            scope.spawn(move || {
                for attempt in 0..10 {
                    let intent = Intent { host: format!("web{host}"), ..intent(run, "copy", attempt) };
                    journal.intent(&intent).unwrap();
                }
            });
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(open_steps(&journal.run(run).unwrap().unwrap()).len(), 1_000);
}

#[test]
fn two_writers_of_one_file_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("opsc.db");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let journal = Journal::open(&path).unwrap();
                let run = journal.start_run(&record(), &[]).unwrap();
                for attempt in 0..20 {
                    journal.intent(&intent(run, "copy", attempt)).unwrap();
                }
            });
        }
    });
    let journal = Journal::open(&path).unwrap();
    for run in journal.runs(10).unwrap() {
        assert_eq!(journal.run(run.id).unwrap().unwrap().steps.len(), 20);
    }
    assert_eq!(journal.runs(10).unwrap().len(), 4);
}

#[test]
fn a_journal_of_the_first_format_is_copied_and_brought_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("opsc.db");
    let run = Journal::open(&path).unwrap().start_run(&record(), &[]).unwrap();
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(
        "DROP TABLE locks; DROP TABLE facts; DROP TABLE approvals; DROP TABLE audit; DROP TABLE audit_head; DROP INDEX runs_gone_on_with; ALTER TABLE runs DROP COLUMN request;
         ALTER TABLE runs DROP COLUMN goes_on_with; ALTER TABLE runs DROP COLUMN beat; ALTER TABLE runs DROP COLUMN until; ALTER TABLE intents DROP COLUMN before_json; ALTER TABLE intents DROP COLUMN receipt;
         ALTER TABLE results DROP COLUMN kept_json; PRAGMA user_version = 1; PRAGMA wal_checkpoint(TRUNCATE)",
    )
    .unwrap();
    drop(old);
    let journal = Journal::open(&path).unwrap();
    let expected = RunRecord { request: None, ..record() };
    assert_eq!(journal.run(run).unwrap().unwrap().summary.record, expected, "nobody kept what was asked for");
    journal.lock(run, &["web1".to_string()], 9).unwrap();
    let copy = folder.path().join("opsc.format-1.db");
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let copy = rusqlite::Connection::open(&copy).unwrap();
    let version: i64 = copy.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let runs: i64 = copy.query_row("SELECT count(*) FROM runs", [], |row| row.get(0)).unwrap();
    assert_eq!((version, runs), (1, 1));
}

#[test]
fn a_host_has_one_run_and_a_refused_run_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("opsc.db")).unwrap();
    let hosts = |names: &[&str]| names.iter().map(|name| (*name).to_string()).collect::<Vec<_>>();
    let first = journal.start_run(&record(), &hosts(&["web1", "web2"])).unwrap();
    match journal.start_run(&record(), &hosts(&["web3", "web2"])) {
        Err(StateError::Locked { host, holder }) => assert_eq!((host.as_str(), holder.id), ("web2", first)),
        other => panic!("{other:?}"),
    }
    assert_eq!((journal.runs(9).unwrap().len(), journal.locks().unwrap().len()), (1, 2), "web3 is free again");
    journal.lock(first, &hosts(&["web1", "web3"]), 12).unwrap();
    journal.finish_run(first, "ok", 0, 13).unwrap();
    assert_eq!(journal.locks().unwrap(), []);
    journal.start_run(&record(), &hosts(&["web2"])).unwrap();
}

/// The lock of a run goes to the next one only where its process is known to be gone.
#[test]
fn a_process_of_which_nothing_is_known_is_not_gone() {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_string();
    let here = RunRecord { machine, ..record() };
    assert!(here.is_gone(), "another boot of this machine");
    assert!(!record().is_gone(), "another machine");
    assert!(!RunRecord { pid_start: None, boot_id: None, ..here }.is_gone(), "no /proc to tell");
}
