//! Floor 7: runs a plan. A pure schedule says what is ready; the dispatcher does it and tells what ended.
//!
//! ```text
//! schedule (pure) ◀─ Ended ── dispatcher ── Start ─▶ host ─▶ step ─▶ phases ─▶ link ─▶ wire
//!                                  └─ events, results ◀────────┘
//! ```
//! A stretch of work (`Main`, a clause, a rollback) is one task that owns its actor's state and gives it back.
//! Intents are in the journal before an effect's bytes go out, results before anything that depends on them starts.
#![expect(clippy::disallowed_methods, reason = "time passes while a run runs, and its work is spawned")]

pub mod arguments;
pub mod builtins;
pub mod context;
pub mod differences;
pub mod dispatcher;
pub mod errors;
pub mod event;
pub mod exit;
pub mod facts;
pub mod fields;
pub mod forecast;
pub mod hidden;
pub mod host;
pub mod http;
pub mod http_request;
pub mod link;
mod parallel;
pub mod phases;
pub mod places;
pub mod ports;
pub mod predict;
pub mod prepare;
pub mod prometheus;
pub mod real_paths;
pub mod redact;
mod restart;
pub mod results;
pub mod schedule;
mod schedule_block;
pub mod schedule_data;
pub mod scope;
#[cfg(test)]
mod simulation;
pub mod step;
pub mod summary;
mod template_filters;
pub mod templates;
pub mod undo_order;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::hir::program::Program;
use crate::hir::world::Inventory;
use crate::plan::{self, model::Plan};
use crate::secrets::Resolved;
use crate::state::Journal;

use context::{Context, Events};
use dispatcher::Dispatcher;
use errors::RunError;
use event::RunEvent;
use places::Places;
use ports::{Connector, ContentStore};
use predict::Prediction;
use redact::Hidden;
use summary::Summary;

/// Everything that a run needs. The journal's record of the run exists already; its end is the caller's to write.
pub struct Request {
    pub plan: Arc<Plan>,
    /// The program that the plan was made from.
    pub program: Arc<Program>,
    pub inventory: Arc<Inventory>,
    pub files: Arc<dyn ContentStore>,
    /// Every secret of the plan (`plan::secrets`), read before the run; none where nothing is run but `check` bodies.
    pub secrets: Arc<Resolved>,
    /// Usually a [`ports::LiveConnector`].
    pub wires: Arc<dyn Connector>,
    pub journal: Journal,
    pub run: i64,
    /// The most hosts at work at the same time.
    pub forks: usize,
    pub events: mpsc::UnboundedSender<RunEvent>,
    /// Ctrl-C so far: 0, 1, 2 or 3.
    pub stop: watch::Receiver<u8>,
}

impl Request {
    fn into_context(self, halt: watch::Receiver<u8>) -> Arc<Context> {
        let hidden = Hidden::new(&self.secrets, &plan::secrets::declassified(&self.plan));
        Arc::new(Context {
            hidden,
            plan: self.plan,
            program: self.program,
            inventory: self.inventory,
            files: self.files,
            secrets: self.secrets,
            wires: self.wires,
            journal: self.journal,
            run: self.run,
            events: Events::new(self.events),
            places: Places::default(),
            halt,
        })
    }
}

/// Runs a plan to its end; events tell what happens meanwhile. Failures of hosts are in the summary, not errors.
pub async fn run(request: Request) -> Result<Summary, RunError> {
    let (stop, forks) = (request.stop.clone(), request.forks);
    let (halt, halted) = watch::channel(0);
    let context = request.into_context(halted);
    Dispatcher::new(context, halt, stop, forks).run().await
}

/// What a run would do now, as far as reading can tell: only `check` bodies run, and reads that decide
/// something. `contents` reads files' contents too.
pub async fn predict(request: Request, contents: bool) -> Vec<Prediction> {
    let forks = request.forks;
    let (halt, halted) = watch::channel(0);
    let predictions = predict::predict(request.into_context(halted), forks, contents).await;
    drop(halt);
    predictions
}
