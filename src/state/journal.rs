//! One writer thread owns the database; whoever asks waits until its rows are on disk. Writes that wait together are
//! committed together, so that many hosts cost one sync.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};

use rusqlite::Connection;

use super::audit::{AuditRow, Beginning, By, Entry};
use super::audit_verify::Verified;
use super::records::{Facts, Intent, Lock, Record, RunDetails, RunRecord, RunSummary, StateError, StepLog, StepResult};
use super::schema::{migrate, prepare};
use super::since::{self, LaterChange, Unfinished};
use super::space::{self, unwritable};
use super::writer::Writer;
use super::{approvals, audit, audit_verify, locks, read};

/// Of a database of SQLite, in bytes.
const SMALLEST_PAGE: u64 = 512;

/// A handle to the journal; clones share the writer.
#[derive(Clone, Debug)]
pub struct Journal {
    writes: Sender<Write>,
    path: PathBuf,
}

pub(super) enum Change {
    /// With the hosts that it locks.
    Start(Box<RunRecord>, Vec<String>, Box<Beginning>),
    Lock {
        run: i64,
        hosts: Vec<String>,
        time: u64,
    },
    Unlock {
        host: String,
        by: By,
    },
    Facts {
        host: String,
        facts: Facts,
    },
    Approval(approvals::Change),
    Intent(Intent),
    Result(Box<StepResult>),
    /// A result in the words of a person.
    Resolve(Box<StepResult>, By),
    /// Something that is only in the audit.
    Note(Box<Entry>),
    Event {
        run: i64,
        seq: u64,
        time: u64,
        json: String,
    },
    Finish {
        run: i64,
        status: String,
        exit: i32,
        time: u64,
    },
}

pub(super) struct Write {
    pub(super) change: Change,
    /// Nobody waits for an event: it is on disk with the next record that is waited for.
    pub(super) done: Option<SyncSender<Result<i64, StateError>>>,
}

impl Journal {
    /// Opens or makes the journal. Its folder is readable by its owner only.
    pub fn open(path: &Path) -> Result<Journal, StateError> {
        if let Some(folder) = path.parent() {
            make_private_folder(folder)?;
        }
        // Before SQLite sees it: its side files get the permissions of the main one.
        expect_not_emptied(path)?;
        make_private(path)?;
        expect_whole_page(path)?;
        let mut connection = Connection::open(path)?;
        // More room on the disk mends nothing of a file that is damaged.
        let refused = |error: StateError| if error.is_damage() { error } else { unwritable(path, error) };
        prepare(&mut connection, path).map_err(refused)?;
        Journal::over(connection, path)
    }

    fn over(connection: Connection, path: &Path) -> Result<Journal, StateError> {
        let (writes, received) = channel();
        let mut writer = Writer::new(connection, path);
        std::thread::Builder::new()
            .name("journal".to_string())
            .spawn(move || writer.write_all(&received))
            .map_err(|error| StateError::Folder { path: path.to_path_buf(), error })?;
        Ok(Journal { writes, path: path.to_path_buf() })
    }

    /// For runs that never happened: it is gone with the last handle, and read by nobody.
    pub fn in_memory() -> Result<Journal, StateError> {
        let mut connection = Connection::open_in_memory()?;
        migrate(&mut connection, Path::new(""))?;
        Journal::over(connection, Path::new(""))
    }

    /// For plans, which leave nothing behind: whatever is written to it is an error.
    pub fn closed() -> Journal {
        let (writes, _) = channel();
        Journal { writes, path: PathBuf::new() }
    }

    /// The number of a new run. It has the locks of these hosts until it ends, or there is no run.
    pub fn begin_run(&self, record: &RunRecord, locks: &[String], beginning: &Beginning) -> Result<i64, StateError> {
        self.write(Change::Start(Box::new(record.clone()), locks.to_vec(), Box::new(beginning.clone())))
    }

    /// One of which the audit has nothing but its record.
    pub fn start_run(&self, record: &RunRecord, locks: &[String]) -> Result<i64, StateError> {
        self.begin_run(record, locks, &Beginning::default())
    }

    /// How a step ended, as a person says it.
    pub fn resolve(&self, result: &StepResult, by: &By) -> Result<(), StateError> {
        self.write(Change::Resolve(Box::new(result.clone()), by.clone())).map(drop)
    }

    /// Something that mattered and is no part of a run.
    pub fn note(&self, entry: &Entry) -> Result<(), StateError> {
        self.write(Change::Note(Box::new(entry.clone()))).map(drop)
    }

    /// The audit, the oldest row first.
    pub fn audit(&self) -> Result<Vec<AuditRow>, StateError> {
        audit::rows(&self.reader()?)
    }

    /// The audit held against itself, against the runs, and against the hash of a head that was kept elsewhere.
    pub fn verify_audit(&self, kept: Option<&str>) -> Result<Verified, StateError> {
        audit_verify::verify(&self.reader()?, kept)
    }

    /// The hash that the first row of the audit follows.
    pub fn audit_origin(&self) -> Result<String, StateError> {
        audit::head(&self.reader()?).map(|(chain, _)| audit::origin(&chain))
    }

    /// The first run of a saved plan, by the hash of its file.
    pub fn run_of_file(&self, sha256: &str) -> Result<Option<i64>, StateError> {
        audit::run_of_file(&self.reader()?, sha256)
    }

    /// The key that signed the saved plan of a run, where somebody who was known did.
    pub fn key_of_plan(&self, run: i64) -> Result<Option<String>, StateError> {
        audit::key_of_plan(&self.reader()?, run)
    }

    /// Locks of further hosts for a run; those it has already are its own.
    pub fn lock(&self, run: i64, hosts: &[String], time: u64) -> Result<(), StateError> {
        self.write(Change::Lock { run, hosts: hosts.to_vec(), time }).map(drop)
    }

    /// Takes a host's lock away from whoever has it.
    pub fn unlock(&self, host: &str, by: &By) -> Result<(), StateError> {
        self.write(Change::Unlock { host: host.to_string(), by: by.clone() }).map(drop)
    }

    /// Locks by host.
    pub fn locks(&self) -> Result<Vec<Lock>, StateError> {
        locks::all(&self.reader()?)
    }

    pub fn keep_facts(&self, host: &str, facts: Facts) -> Result<(), StateError> {
        self.write(Change::Facts { host: host.to_string(), facts }).map(drop)
    }

    /// What was last found out about each host, by its name.
    pub fn facts(&self) -> Result<BTreeMap<String, Facts>, StateError> {
        read::facts(&self.reader()?)
    }

    /// Returns when the intent is on disk.
    pub fn intent(&self, intent: &Intent) -> Result<(), StateError> {
        self.write(Change::Intent(intent.clone())).map(drop)
    }

    /// Returns when the result is on disk.
    pub fn result(&self, result: &StepResult) -> Result<(), StateError> {
        self.write(Change::Result(Box::new(result.clone()))).map(drop)
    }

    /// Returns at once. An event that could not be written is told by [`Journal::finish_run`].
    pub fn event(&self, run: i64, seq: u64, time: u64, json: &str) -> Result<(), StateError> {
        let change = Change::Event { run, seq, time, json: json.to_string() };
        self.writes.send(Write { change, done: None }).map_err(|_| StateError::Closed)
    }

    /// Returns when everything of the run is on disk, or says what is not, or why its effects were refused.
    pub fn finish_run(&self, run: i64, status: &str, exit: i32, time: u64) -> Result<(), StateError> {
        self.write(Change::Finish { run, status: status.to_string(), exit, time }).map(drop)
    }

    pub(super) fn approval(&self, change: approvals::Change) -> Result<(), StateError> {
        self.write(Change::Approval(change)).map(drop)
    }

    fn write(&self, change: Change) -> Result<i64, StateError> {
        let (done, answer) = sync_channel(1);
        self.writes.send(Write { change, done: Some(done) }).map_err(|_| StateError::Closed)?;
        answer.recv().map_err(|_| StateError::Closed)?
    }

    pub(super) fn reader(&self) -> Result<Connection, StateError> {
        let connection = Connection::open(&self.path)?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        Ok(connection)
    }

    /// Newest first.
    pub fn runs(&self, most: usize) -> Result<Vec<RunSummary>, StateError> {
        read::runs(&self.reader()?, most)
    }

    pub fn run(&self, run: i64) -> Result<Option<RunDetails>, StateError> {
        read::run(&self.reader()?, run)
    }

    /// The run that goes on with this one, if there is one.
    pub fn gone_on_by(&self, run: i64) -> Result<Option<i64>, StateError> {
        read::gone_on_by(&self.reader()?, run)
    }

    /// Events as JSON, in order.
    pub fn events(&self, run: i64) -> Result<Vec<String>, StateError> {
        read::events(&self.reader()?, run)
    }

    /// Outputs of a run's steps, in order.
    pub fn logs(&self, run: i64) -> Result<Vec<StepLog>, StateError> {
        read::logs(&self.reader()?, run)
    }

    /// How a run began and ended.
    pub fn summary(&self, run: i64) -> Result<Option<RunSummary>, StateError> {
        read::run_summary(&self.reader()?, run)
    }

    /// What later runs changed, whatever it was.
    pub fn later_changes(&self, run: i64) -> Result<Vec<LaterChange>, StateError> {
        since::later_changes(&self.reader()?, run)
    }

    /// Runs that ended in the middle, and that nobody went on with.
    pub fn unfinished(&self) -> Result<Vec<Unfinished>, StateError> {
        since::unfinished(&self.reader()?)
    }

    /// Runs of a playbook without a good end that nobody went on with, the newest first.
    pub fn not_done(&self, playbook: &str) -> Result<Vec<RunSummary>, StateError> {
        since::not_done(&self.reader()?, playbook)
    }

    /// Whether a later run of the same playbook did a step on a host.
    pub fn was_done_later(&self, run: i64, step: &str, host: &str) -> Result<bool, StateError> {
        since::was_done_later(&self.reader()?, run, step, host)
    }

    /// Every intent and result of a run, in the order they were written; without outputs, which may be large.
    pub fn records(&self, run: i64) -> Result<Vec<Record>, StateError> {
        read::records(&self.reader()?, run)
    }
}

#[cfg(unix)]
pub(super) fn make_private_folder(folder: &Path) -> Result<(), StateError> {
    use std::os::unix::fs::DirBuilderExt;
    let refuse = |error| StateError::Folder { path: folder.to_path_buf(), error };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(refuse)
}

/// A new journal would be begun over it, and nobody would learn that the old one is gone. A run makes the reserve when its
/// journal has its first page already.
fn expect_not_emptied(path: &Path) -> Result<(), StateError> {
    let is_empty = std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == 0);
    if is_empty && space::has_reserve(path) {
        return Err(StateError::Cut { path: path.to_path_buf(), bytes: 0 });
    }
    Ok(())
}

/// SQLite takes what is shorter for an empty file, and would begin a new journal over it.
fn expect_whole_page(path: &Path) -> Result<(), StateError> {
    let refuse = |error| StateError::Folder { path: path.to_path_buf(), error };
    match std::fs::metadata(path).map_err(refuse)?.len() {
        bytes @ 1..SMALLEST_PAGE => Err(StateError::Cut { path: path.to_path_buf(), bytes }),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn make_private(path: &Path) -> Result<(), StateError> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let refuse = |error| StateError::Folder { path: path.to_path_buf(), error };
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(refuse)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(refuse)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

    use super::*;

    fn intent(run: i64, step: &str, host: &str) -> Intent {
        Intent {
            run,
            step: step.to_string(),
            host: host.to_string(),
            attempt: 1,
            phase: "apply".to_string(),
            program_sha256: "00".to_string(),
            effect: "change".to_string(),
            kind: "converge".to_string(),
            deadline_ms: 1000,
            before_json: None,
            receipt: None,
            time: 7,
        }
    }

    fn result(run: i64, step: &str, host: &str) -> StepResult {
        StepResult {
            run,
            step: step.to_string(),
            host: host.to_string(),
            attempt: 1,
            phase: "apply".to_string(),
            outcome: "changed".to_string(),
            changed: true,
            code: Some(0),
            before_json: "{}".to_string(),
            apply_json: "{}".to_string(),
            after_json: "{}".to_string(),
            error: None,
            output_sha256: None,
            output: b"x".to_vec(),
            kept_json: None,
            time: 8,
        }
    }

    #[test]
    fn an_intent_without_result_is_open_after_the_journal_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/journal.sqlite");
        let journal = Journal::open(&path).unwrap();
        let run = journal.start_run(&RunRecord { playbook: "p".to_string(), ..RunRecord::default() }, &[]).unwrap();
        journal.intent(&intent(run, "a", "h")).unwrap();
        journal.result(&result(run, "a", "h")).unwrap();
        journal.intent(&intent(run, "b", "h")).unwrap();
        drop(journal);
        let details = Journal::open(&path).unwrap().run(run).unwrap().unwrap();
        let open: Vec<(&str, bool)> = details.steps.iter().map(|step| (step.step.as_str(), step.is_open())).collect();
        assert_eq!(open, [("a", false), ("b", true)]);
        assert_eq!(details.summary.status, None);
    }

    #[test]
    fn runs_are_numbered_listed_and_finished() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(&folder.path().join("j.sqlite")).unwrap();
        let first = journal.start_run(&RunRecord::default(), &[]).unwrap();
        let second = journal.start_run(&RunRecord::default(), &[]).unwrap();
        journal.event(first, 1, 5, "{}").unwrap();
        journal.finish_run(first, "done", 0, 9).unwrap();
        let runs = journal.runs(10).unwrap();
        assert_eq!(runs.iter().map(|run| (run.id, run.exit)).collect::<Vec<_>>(), [(second, None), (first, Some(0))]);
        assert_eq!(journal.events(first).unwrap(), ["{}"]);
        assert_eq!(journal.run(99).unwrap(), None);
    }

    #[test]
    fn a_file_of_a_newer_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j.sqlite");
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let refused = Journal::open(&path).unwrap_err().to_string();
        assert!(refused.contains("format 99"), "{refused}");
    }

    #[test]
    fn the_journal_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/j.sqlite");
        drop(Journal::open(&path).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn many_writers_share_commits_and_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(&folder.path().join("j.sqlite")).unwrap();
        let run = journal.start_run(&RunRecord::default(), &[]).unwrap();
        std::thread::scope(|scope| {
            for host in 0..20 {
                let journal = journal.clone();
                scope.spawn(move || {
                    for step in 0..50 {
                        journal.intent(&intent(run, &format!("s{step}"), &format!("h{host}"))).unwrap();
                    }
                });
            }
        });
        assert_eq!(journal.run(run).unwrap().unwrap().steps.len(), 1000);
    }
}
