//! Stopping a run from elsewhere on its machine, as Ctrl-C does where it was started.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use super::auditing::by;
use super::errors::AppError;
use super::execution::{runtime, state};
use super::going_on::summary_of;
use crate::report::event_read::event;
use crate::run::event::EventKind;
use crate::state::process::machine;
use crate::state::{Entry, Journal, RunSummary};

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// So many looks: a process that works hears within milliseconds.
const SILENT_AFTER: u32 = 60;

/// How a run is stopped: as many times as somebody would press Ctrl-C.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Hosts at work finish, and no other one begins.
    Hosts = 1,
    /// Steps at work finish; `on failure` does what it does.
    Steps = 2,
    /// Nothing is waited for.
    Now = 3,
}

impl Stop {
    fn word(self) -> &'static str {
        match self {
            Stop::Hosts => "hosts",
            Stop::Steps => "steps",
            Stop::Now => "now",
        }
    }
}

/// What whoever stops a run is told while it goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// The process was asked, and its end is waited for.
    Asked,
    /// It has not said that it heard.
    Silent { pid: u32 },
}

/// Asks the run's process to stop, and waits until it has ended.
pub fn cancel(journal: &Journal, run: i64, stop: Stop, tell: &mut dyn FnMut(Told)) -> Result<RunSummary, AppError> {
    let clock = runtime()?;
    let pause = || clock.block_on(async { tokio::time::sleep(LOOK_EVERY).await });
    let mut heard = Heard::default();
    let mut is_told = false;
    for level in 1..=stop as u8 {
        let found = summary_of(journal, run)?;
        if found.status.is_some() {
            // Nothing is left to be stopped; it ended before, or between two signals.
            return if level == 1 { Err(over(&found)) } else { Ok(found) };
        }
        // A person at its terminal may have stopped it as far already.
        if heard.look(journal, run)? < level {
            signal(&found)?;
            if !is_told {
                let entry =
                    Entry { kind: "run.cancelled", run: Some(run), by: by(), details: json!({ "how": stop.word() }) };
                journal.note(&entry).map_err(state)?;
                tell(Told::Asked);
                is_told = true;
            }
        }
        let mut looks = 0;
        while heard.look(journal, run)? < level && !has_ended(journal, run)? {
            pause();
            looks += 1;
            if looks == SILENT_AFTER {
                tell(Told::Silent { pid: found.record.pid });
            }
        }
    }
    while !has_ended(journal, run)? {
        pause();
    }
    summary_of(journal, run)
}

/// Ended in good order, or gone without a word.
fn has_ended(journal: &Journal, run: i64) -> Result<bool, AppError> {
    let found = summary_of(journal, run)?;
    Ok(found.status.is_some() || !found.record.is_alive())
}

/// How far a run was asked to stop, as it says itself: signals that come at the same time count once.
#[derive(Default)]
struct Heard {
    level: u8,
    /// Of the last event that was looked at: a long run has many, and none is read twice.
    seq: u64,
}

impl Heard {
    fn look(&mut self, journal: &Journal, run: i64) -> Result<u8, AppError> {
        for kept in journal.events_after(run, self.seq).map_err(state)? {
            self.seq = kept.seq;
            if let Some(EventKind::StopRequested { level }) = event(&kept.json).map(|event| event.kind) {
                self.level = self.level.max(level);
            }
        }
        Ok(self.level)
    }
}

fn signal(run: &RunSummary) -> Result<(), AppError> {
    let (id, record) = (run.id, &run.record);
    if !record.is_alive() {
        let elsewhere = record.machine != machine();
        let reason = match elsewhere {
            true => format!("run {id} was started on `{}`", record.machine),
            false => format!("the process of run {id} is gone"),
        };
        let hint = match elsewhere {
            true => "give the command there".to_string(),
            false => format!("`opsc resume {id}` goes on with it, `opsc rollback {id}` undoes what it changed"),
        };
        return Err(AppError::NotToGoOn { reason, hint });
    }
    // Every sh has a kill of its own; a program of that name is not everywhere.
    let mut kill = Command::new("/bin/sh");
    kill.args(["-c", "kill -TERM \"$1\"", "opsc", &record.pid.to_string()]).stdin(Stdio::null());
    let done =
        kill.output().map_err(|error| AppError::State { reason: format!("no process can be started: {error}") })?;
    if done.status.success() {
        return Ok(());
    }
    let reason = format!("run {id} cannot be stopped: {}", String::from_utf8_lossy(&done.stderr).trim());
    Err(AppError::NotToGoOn { reason, hint: format!("its process {} belongs to {}", record.pid, record.user) })
}

fn over(run: &RunSummary) -> AppError {
    let (id, status) = (run.id, run.status.as_deref().unwrap_or_default());
    let hint = match status {
        "waiting" => format!("`opsc reject {id}` says that nothing goes on with it"),
        _ => format!("`opsc rollback {id}` undoes what it changed"),
    };
    AppError::NotToGoOn { reason: format!("run {id} is over: {status}"), hint }
}
