//! The one thread that writes. Writes that wait together are committed together, so that many hosts cost one sync; and
//! once the disk takes no more, nothing new may begin, while what is under way is still kept.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use rusqlite::{Connection, Transaction, params};

use super::journal::{Change, Write};
use super::leases::{Leases, lease};
use super::receipt::Receipt;
use super::records::{Intent, StateError, StepResult};
use super::space::{self, Trouble, unwritable};
use super::transitions::Transition;
use super::{approvals, audit, evidence, failpoints, locks, read};

/// How many writes share one commit at most.
const MOST_GROUPED: usize = 512;

/// Stands where a step's output was to be.
const NOT_KEPT: &[u8] = b"[the output was not kept: no space was left for it]\n";

pub(super) struct Writer {
    connection: Connection,
    path: PathBuf,
    /// The first event that could not be written.
    lost: Option<StateError>,
    leases: Leases,
    /// Why nothing new may begin. Once set it stays: what was refused has failed, and a run that goes on does it.
    trouble: Option<Trouble>,
}

impl Writer {
    pub(super) fn new(connection: Connection, path: &Path) -> Writer {
        Writer { connection, path: path.to_path_buf(), lost: None, leases: Leases::new(), trouble: None }
    }

    /// Until nobody is left to write for.
    pub(super) fn write_all(&mut self, received: &Receiver<Write>) {
        while let Some(first) = self.next(received) {
            let mut group = vec![first];
            while group.len() < MOST_GROUPED
                && let Ok(next) = received.try_recv()
            {
                group.push(next);
            }
            let changes: Vec<&Change> = group.iter().map(|write| &write.change).collect();
            let answers = self.write_group(&changes);
            for (write, mut answer) in group.into_iter().zip(answers) {
                let Some(done) = write.done else {
                    self.lost = self.lost.take().or(answer.err());
                    continue;
                };
                if matches!(write.change, Change::Finish { .. }) {
                    answer = answer.and_then(|id| self.missing().map_or(Ok(id), Err));
                }
                // A caller that went away needs no answer.
                drop(done.try_send(answer));
            }
        }
    }

    /// The next write, if there is one; while it is waited for, runs say that they go on.
    fn next(&mut self, received: &Receiver<Write>) -> Option<Write> {
        loop {
            self.leases.beat(&self.connection);
            let Some(pause) = self.leases.pause() else { return received.recv().ok() };
            match received.recv_timeout(pause) {
                Ok(write) => return Some(write),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// What a run that ends must know.
    fn missing(&mut self) -> Option<StateError> {
        let lost = self.lost.take();
        self.trouble.clone().map(StateError::from).or(lost)
    }

    fn write_group(&mut self, changes: &[&Change]) -> Vec<Result<i64, StateError>> {
        if self.trouble.is_none() && changes.iter().any(|change| matches!(change, Change::Start(..))) {
            self.trouble = space::keep_reserve(&self.path).err();
        }
        if self.trouble.is_none() {
            match self.commit(changes) {
                Ok(ids) => return ids.into_iter().map(Ok).collect(),
                Err(error) => self.notice(error),
            };
        }
        // One bad row must not take its neighbours with it.
        changes.iter().map(|change| self.write_one(change)).collect()
    }

    fn write_one(&mut self, change: &Change) -> Result<i64, StateError> {
        if let Some(trouble) = self.trouble.as_ref().filter(|_| begins_something(change)) {
            return Err(trouble.clone().into());
        }
        let mut error = match self.commit_one(change) {
            Ok(id) => return Ok(id),
            Err(error) => error,
        };
        // The first one that finds the disk full makes room, and is not the one that is lost.
        if self.trouble.is_some() && !begins_something(change) {
            error = match self.commit_one(change) {
                Ok(id) => return Ok(id),
                Err(error) => error,
            };
        }
        match change {
            Change::Result(result) if self.trouble.is_some() && !result.output.is_empty() => {
                let smaller = StepResult { output: NOT_KEPT.to_vec(), ..(**result).clone() };
                self.commit_one(&Change::Result(Box::new(smaller)))
            }
            _ => Err(error),
        }
    }

    fn commit_one(&mut self, change: &Change) -> Result<i64, StateError> {
        let ids = self.commit(&[change]).map_err(|error| self.notice(error))?;
        ids.first().copied().ok_or(StateError::Closed)
    }

    fn commit(&mut self, changes: &[&Change]) -> Result<Vec<i64>, StateError> {
        let Writer { connection, leases, .. } = self;
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let apply = |change: &&Change| apply(&transaction, change, leases);
        let ids = changes.iter().map(apply).collect::<Result<Vec<_>, _>>()?;
        let passed = || changes.iter().map(|change| Transition::of(change)).collect();
        failpoints::around(passed, || transaction.commit())?;
        changes.iter().zip(&ids).for_each(|(change, id)| leases.note(change, *id));
        Ok(ids)
    }

    /// Where the disk takes no more: gives the reserve up, and lets nothing new begin from here on.
    fn notice(&mut self, error: StateError) -> StateError {
        let error = unwritable(&self.path, error);
        if let (StateError::Unwritable(trouble), None) = (&error, &self.trouble) {
            self.trouble = Some(trouble.clone());
            space::give_reserve_up(&self.path);
        }
        error
    }
}

/// Whether something happens after it that would not have happened without it.
fn begins_something(change: &Change) -> bool {
    matches!(
        change,
        Change::Start(..)
            | Change::Lock { .. }
            | Change::Intent(_)
            | Change::Approval(approvals::Change::Say { .. } | approvals::Change::Use { .. })
    )
}

/// SQLite's integers are signed; times and lengths never come near the border.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn apply(transaction: &Transaction<'_>, change: &Change, leases: &Leases) -> Result<i64, StateError> {
    match change {
        Change::Start(record, hosts, beginning) => {
            if let Some(run) = record.goes_on_with
                && let Some(by) = read::gone_on_by(transaction, run)?
            {
                return Err(StateError::GoneOn { run, by });
            }
            if let Some(file) = beginning.plan_file.as_ref().filter(|file| file.once)
                && let Some(run) = audit::run_of_file(transaction, &file.sha256)?
            {
                return Err(StateError::UsedUp { run });
            }
            let (beat, until) = lease();
            transaction
                .prepare_cached(
                    "INSERT INTO runs (playbook, path, digest, source_sha256, git_commit, dirty, user, machine, started,
                     pid, pid_start, boot_id, request, goes_on_with, beat, until)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
                )?
                .execute(params![
                    record.playbook,
                    record.path,
                    record.digest,
                    record.source_sha256,
                    record.commit,
                    record.dirty,
                    record.user,
                    record.machine,
                    signed(record.started),
                    record.pid,
                    record.pid_start.map(signed),
                    record.boot_id,
                    record.request,
                    record.goes_on_with,
                    beat,
                    until
                ])?;
            let run = transaction.last_insert_rowid();
            locks::take(transaction, run, hosts, signed(record.started))?;
            for entry in audit::begun(run, record, hosts, beginning) {
                audit::append(transaction, &entry)?;
            }
            return Ok(run);
        }
        Change::Lock { run, hosts, time } => locks::take(transaction, *run, hosts, signed(*time))?,
        Change::Unlock { host, by } => {
            audit::append(transaction, &audit::unlocked(transaction, host, by)?)?;
            locks::remove(transaction, host)?;
        }
        Change::Facts { host, facts } => {
            let query = "INSERT INTO facts (host, json, time) VALUES (?1, ?2, ?3)
                         ON CONFLICT (host) DO UPDATE SET json = ?2, time = ?3";
            transaction.prepare_cached(query)?.execute(params![host, facts.json, signed(facts.time)])?;
        }
        Change::Approval(change) => approvals::apply(transaction, change)?,
        Change::Intent(intent) => {
            leases.refuse_fenced(transaction, intent)?;
            insert_intent(transaction, intent)?;
        }
        Change::Result(result) => insert_result(transaction, result)?,
        Change::Resolve(result, by) => {
            insert_result(transaction, result)?;
            audit::append(transaction, &audit::resolved(result, by))?;
        }
        Change::Note(entry) => audit::append(transaction, entry)?,
        Change::Event { run, seq, time, json } => {
            transaction
                .prepare_cached("INSERT INTO events (run, seq, time, json) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![run, signed(*seq), signed(*time), json])?;
        }
        Change::Finish { run, status, exit, time } => {
            transaction
                .prepare_cached("UPDATE runs SET status = ?2, exit_code = ?3, finished = ?4 WHERE id = ?1")?
                .execute(params![run, status, exit, signed(*time)])?;
            locks::release(transaction, *run)?;
            if let Some(entry) = evidence::finished(transaction, *run, (status, *exit, *time))? {
                audit::append(transaction, &entry)?;
            }
        }
    }
    Ok(transaction.last_insert_rowid())
}

/// Intents and results share one count, so that their order is known even within a millisecond.
fn next_id(transaction: &Transaction<'_>) -> Result<i64, StateError> {
    let query =
        "SELECT 1 + max(coalesce((SELECT max(id) FROM intents), 0), coalesce((SELECT max(id) FROM results), 0))";
    Ok(transaction.prepare_cached(query)?.query_row([], |row| row.get(0))?)
}

fn insert_intent(transaction: &Transaction<'_>, intent: &Intent) -> Result<(), StateError> {
    transaction
        .prepare_cached(
            "INSERT INTO intents (run, step, host, attempt, phase, program_sha256, effect, kind, deadline_ms, time,
             before_json, receipt, id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            intent.run,
            intent.step,
            intent.host,
            intent.attempt,
            intent.phase,
            intent.program_sha256,
            intent.effect,
            intent.kind,
            signed(intent.deadline_ms),
            signed(intent.time),
            intent.before_json,
            intent.receipt.as_ref().map(Receipt::to_json),
            next_id(transaction)?
        ])?;
    Ok(())
}

fn insert_result(transaction: &Transaction<'_>, result: &StepResult) -> Result<(), StateError> {
    transaction
        .prepare_cached(
            "INSERT INTO results (run, step, host, attempt, phase, outcome, changed, code, before_json, apply_json,
             after_json, error, output_sha256, output, time, kept_json, id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )?
        .execute(params![
            result.run,
            result.step,
            result.host,
            result.attempt,
            result.phase,
            result.outcome,
            result.changed,
            result.code,
            result.before_json,
            result.apply_json,
            result.after_json,
            result.error,
            result.output_sha256,
            result.output,
            signed(result.time),
            result.kept_json,
            next_id(transaction)?
        ])?;
    Ok(())
}
