//! A plan carried out without hosts: the engine as it is shipped, answers from a script, time that passes only while
//! something is waited for. Nothing is written anywhere.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::errors::AppError;
use super::execution::state;
use super::planning::Planned;
use crate::run::circuit::Limits;
use crate::run::event::RunEvent;
use crate::run::ports::ContentStore;
use crate::run::script::{Script, Unsaid};
use crate::run::script_wire::ScriptedConnector;
use crate::run::summary::Summary;
use crate::run::{self, Request};
use crate::secrets::Resolved;
use crate::state::{Journal, RunRecord};

/// A run that never happened.
pub struct Simulated {
    pub summary: Summary,
    pub events: Vec<RunEvent>,
    /// What it read of results, and nobody said.
    pub unsaid: Vec<Unsaid>,
}

pub fn simulate(planned: &Planned, script: Script, secrets: Resolved, forks: usize) -> Result<Simulated, AppError> {
    let journal = Journal::in_memory().map_err(state)?;
    let run = journal.start_run(&RunRecord::default(), &[]).map_err(state)?;
    let (events, mut received) = mpsc::unbounded_channel();
    let (_stop, stop) = watch::channel(0);
    let script = Arc::new(script);
    let wires = ScriptedConnector { script: Arc::clone(&script), inventory: Arc::clone(&planned.inventory) };
    let request = Request {
        plan: Arc::clone(&planned.plan),
        program: Arc::clone(&planned.program),
        inventory: Arc::clone(&planned.inventory),
        files: Arc::clone(&planned.files) as Arc<dyn ContentStore>,
        secrets: Arc::new(secrets),
        wires: Arc::new(wires),
        journal,
        run,
        forks: forks.max(1),
        events,
        stop,
        earlier: Arc::default(),
        // A host that is lost with a step under way is lost to this run.
        reconnect: None,
        circuit: Limits::default(),
        retry_budget: None,
        backlog: None,
        owner: None,
    };
    // Time stands still but for waits, which are over at once.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|error| AppError::State { reason: error.to_string() })?;
    let broken = |error: run::errors::RunError| AppError::State { reason: error.to_string() };
    let summary = runtime.block_on(run::run(request)).map_err(broken)?;
    let mut events = Vec::new();
    while let Ok(event) = received.try_recv() {
        events.push(event);
    }
    Ok(Simulated { summary, events, unsaid: script.unsaid() })
}
