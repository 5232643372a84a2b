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
pub mod circuit;
#[cfg(test)]
mod circuit_simulation;
pub mod clock;
pub mod context;
pub mod differences;
pub mod dispatcher;
pub mod earlier;
pub mod errors;
pub mod event;
pub mod exit;
pub mod facts;
pub mod fields;
pub mod forecast;
mod gate;
pub mod go_back;
pub mod hidden;
pub mod host;
pub mod http;
pub mod http_fetch;
pub mod http_get;
pub mod http_request;
pub mod kept;
pub mod link;
mod native;
pub mod owed;
mod parallel;
pub mod phases;
pub mod places;
pub mod ports;
pub mod predict;
pub mod prepare;
pub mod prometheus;
pub mod real_paths;
pub mod receipts;
pub mod redact;
mod request;
mod restart;
pub mod results;
pub mod retries;
pub mod schedule;
mod schedule_block;
pub mod schedule_data;
pub mod scope;
pub mod script;
pub mod script_wire;
#[cfg(test)]
mod simulation;
pub mod step;
mod step_output;
pub mod summary;
mod template_filters;
pub mod templates;
pub mod undo_order;

use tokio::sync::watch;

use dispatcher::Dispatcher;
use errors::RunError;
use predict::Prediction;
use summary::Summary;

pub use request::Request;

/// Runs a plan to its end; events tell what happens meanwhile. Failures of hosts are in the summary, not errors.
pub async fn run(request: Request) -> Result<Summary, RunError> {
    let (stop, forks) = (request.stop.clone(), request.forks);
    let (halt, halted) = watch::channel(0);
    let context = request.into_context(halted);
    Dispatcher::new(context, halt, stop, forks).run().await
}

/// Undoes what the earlier runs of the request changed, and does nothing else.
pub async fn go_back(request: Request) -> Summary {
    let (stop, forks) = (request.stop.clone(), request.forks);
    let (halt, halted) = watch::channel(0);
    let summary = go_back::go_back(request.into_context(halted), forks, stop).await;
    drop(halt);
    summary
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
