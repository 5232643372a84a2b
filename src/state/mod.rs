//! Floor 6: the journal on disk. Intents before effects, results after; what is true after a crash is read from here.
//! Knows nothing of plans or hosts: it keeps words and numbers.
#![expect(clippy::disallowed_methods, reason = "the journal is a file, with a writer thread of its own")]

mod approvals;
mod audit;
mod audit_verify;
mod copies;
mod evidence;
mod failpoints;
mod history;
mod journal;
mod leases;
mod locks;
pub mod process;
pub mod promises;
mod read;
mod receipt;
pub mod records;
mod schema;
mod since;
mod space;
mod transitions;
mod writer;

pub use approvals::{Approval, Signed, Verdict};
pub use audit::{AuditRow, Beginning, By, Entry, Head, KINDS as AUDIT_KINDS, PlanFile};
pub use audit_verify::Verified;
pub use copies::{Restored, back_up, restore};
pub use history::{KeptEvent, Pace, RunFilter};
pub use journal::Journal;
pub use promises::{Examined, Fault, Finding, examine};
pub use receipt::Receipt;
pub use records::{
    Facts, Intent, Lease, Lock, Record, RunDetails, RunRecord, RunSummary, StateError, StepLog, StepResult, StepState,
};
pub use since::{LaterChange, Unfinished};
pub use space::Trouble;
pub use transitions::{TRANSITIONS, Transition};
