//! Floor 6: the journal on disk. Intents before effects, results after; what is true after a crash is read from here.
//! Knows nothing of plans or hosts: it keeps words and numbers.

mod journal;
mod read;
pub mod records;
mod schema;

pub use journal::Journal;
pub use records::{Intent, Record, RunDetails, RunRecord, RunSummary, StateError, StepLog, StepResult, StepState};
