//! `opsc replay`: a run told again from the journal, by the same renderer as while it ran, or its events as they were sent.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::args::{Global, RunFormat};
use super::args_history::ReplayCommand;
use super::output::Output;
use super::runs::{broken, open};
use crate::app::AppError;
use crate::report::event_read;
use crate::report::progress::Progress;
use crate::report::recap::recap;
use crate::run::event::{EventKind, Outcome, RunEvent, Stream};
use crate::state::{Journal, KeptEvent, StateError, StepLog};

/// Between two looks at a run that is not over.
const LOOKS: Duration = Duration::from_millis(200);

pub fn run(command: &ReplayCommand, global: &Global, output: &mut Output) -> i32 {
    let journal = match open(global, output) {
        Ok(journal) => journal,
        Err(code) => return code,
    };
    match journal.summary(command.run) {
        Ok(Some(_)) => {}
        Ok(None) => return output.fail(&AppError::NoSuchRun { run: command.run.to_string() }, None),
        Err(error) => return broken(&error, output),
    }
    match replay(command, &journal, global.verbose, output) {
        Ok(()) => 0,
        Err(error) => broken(&error, output),
    }
}

fn replay(command: &ReplayCommand, journal: &Journal, verbose: bool, output: &mut Output) -> Result<(), StateError> {
    let text = command.output == RunFormat::Text;
    let outputs = if text && verbose { Outputs::new(journal.logs(command.run)?) } else { Outputs::default() };
    let colour = output.colour;
    let mut teller = Teller { text, progress: Progress::new(colour, verbose), colour, outputs };
    if text && verbose {
        output.say("what a step printed stands where it ended: when each line came is not kept\n");
    } else if text {
        output.say(&format!("what the steps printed is not told; `-v` or `opsc logs {}` shows it\n", command.run));
    }
    let mut clock = Clock { speed: command.pace(), last: None };
    let mut after = command.after;
    loop {
        // Whoever is gone now has written all there will be.
        let is_over = !command.follow || is_over(journal, command.run)?;
        for kept in journal.events_after(command.run, after)? {
            if output.is_closed() {
                return Ok(());
            }
            after = kept.seq;
            let event = event_read::event(&kept.json);
            clock.wait(event.as_ref());
            teller.tell(&kept, event, output);
        }
        if is_over {
            return Ok(());
        }
        std::thread::sleep(LOOKS);
    }
}

fn is_over(journal: &Journal, run: i64) -> Result<bool, StateError> {
    let summary = journal.summary(run)?;
    Ok(summary.is_none_or(|summary| !summary.goes_on()))
}

/// Lets as much time pass between events as passed then.
struct Clock {
    /// So many times as fast; absent: no time at all.
    speed: Option<f64>,
    last: Option<u64>,
}

impl Clock {
    fn wait(&mut self, event: Option<&RunEvent>) {
        let Some(event) = event else { return };
        let passed = event.time.saturating_sub(self.last.unwrap_or(event.time));
        self.last = Some(event.time);
        if let Some(speed) = self.speed {
            std::thread::sleep(Duration::from_millis(passed).div_f64(speed));
        }
    }
}

struct Teller {
    text: bool,
    progress: Progress,
    colour: bool,
    outputs: Outputs,
}

impl Teller {
    fn tell(&mut self, kept: &KeptEvent, event: Option<RunEvent>, output: &mut Output) {
        if !self.text {
            output.print(&format!("{}\n", kept.json));
            return;
        }
        let Some(event) = event else { return };
        if let Some(printed) = self.outputs.before(&event) {
            output.print(&self.progress.lines(&printed));
        }
        output.print(&self.progress.lines(&event));
        if let EventKind::RunFinished { hosts, .. } = &event.kind {
            output.print(&recap(hosts, self.colour));
        }
    }
}

/// What attempts printed, by step, host, attempt and whether it was on the way back, in order.
#[derive(Default)]
struct Outputs(BTreeMap<(String, String, u32, bool), VecDeque<Vec<u8>>>);

impl Outputs {
    fn new(logs: Vec<StepLog>) -> Outputs {
        let mut outputs = Outputs::default();
        for log in logs {
            let key = (log.step, log.host, log.attempt, log.phase == "rollback");
            outputs.0.entry(key).or_default().push_back(log.output);
        }
        outputs
    }

    /// The output of the attempt that this event ends.
    fn before(&mut self, event: &RunEvent) -> Option<RunEvent> {
        let (step, host, attempt, back) = match &event.kind {
            EventKind::StepFinished { step, host, attempt, outcome, .. } => {
                (step, host, *attempt, matches!(outcome, Outcome::RolledBack | Outcome::RollbackFailed))
            }
            EventKind::StepRetried { step, host, attempt, .. } => (step, host, *attempt, false),
            _ => return None,
        };
        let printed = self.0.get_mut(&(step.clone(), host.clone(), attempt, back))?.pop_front()?;
        let text = String::from_utf8_lossy(&printed).into_owned();
        let kind = EventKind::StepOutput { step: step.clone(), host: host.clone(), stream: Stream::Stdout, text };
        Some(RunEvent { seq: event.seq, time: event.time, simulated: event.simulated, kind })
    }
}
