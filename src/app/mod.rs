//! Floor 9: finds files, loads modules, stdlib and inventory, and wires the stages together. The only floor that
//! knows where things lie on disk. Knows nothing of flags or terminals.
#![expect(clippy::disallowed_methods, reason = "the floor that knows where things lie on disk")]

pub mod adhoc;
pub mod answers;
pub mod approving;
mod asking;
pub mod auditing;
pub mod baseline;
pub mod cancelling;
pub mod comparing;
pub mod connecting;
pub mod credentials;
pub mod data;
pub mod doctor;
mod doctor_probe;
pub mod editing;
mod editing_signals;
pub mod errors;
pub mod execution;
pub mod explaining;
pub mod files;
mod folders;
pub mod going_on;
pub mod host_facts;
pub mod host_sources;
pub mod importing;
pub mod keeping;
pub mod library;
pub mod limits;
pub mod modules;
mod packing;
pub mod planning;
pub mod project;
pub mod reaching;
pub mod receipts;
mod retrying;
pub mod revisions;
pub mod running;
pub mod saved_plans;
pub mod schedules;
pub mod secret_commands;
pub mod secret_comparing;
pub mod secret_editing;
pub mod secret_files;
pub mod secret_importing;
pub mod secret_merging;
pub mod secret_providers;
pub mod secret_vault;
pub mod settings;
mod side_by_side;
pub mod sources_read;
pub mod trees;
pub mod trusting;
pub mod vendoring;
pub mod workspace;

pub use errors::AppError;
