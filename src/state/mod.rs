//! Floor 6: the journal on disk. Intents before effects, results after; what is true after a crash is read from here.
//! Knows nothing of plans or hosts: it keeps words and numbers.
#![expect(clippy::disallowed_methods, reason = "the journal is a file, with a writer thread of its own")]

mod approvals;
mod copies;
mod journal;
mod locks;
pub mod process;
pub mod promises;
mod read;
pub mod records;
mod schema;
mod space;
mod writer;

pub use approvals::{Approval, Verdict};
pub use copies::{Restored, back_up, restore};
pub use journal::Journal;
pub use promises::{Examined, Fault, Finding, examine};
pub use records::{
    Facts, Intent, Lock, Record, RunDetails, RunRecord, RunSummary, StateError, StepLog, StepResult, StepState,
};
pub use space::Trouble;
