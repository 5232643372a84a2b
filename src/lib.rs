//! opsc: operations, compiled. A playbook is a finite, typed, effect-annotated program whose every value, host and
//! effect is known before anything is touched.
//!
//! # The flow, one direction
//!
//! ```text
//!  text            tree             typed program        plan               events            pixels
//! &str ─ syntax ─▶ ast::File ─ check ─▶ hir::Program ─ plan ─▶ Plan ─ run ─▶ RunEvent ─ report ─▶ terminal / json
//!                     │                    │                    │              │
//!                     └────── spans ───────┴──── diagnostics ───┘              └─▶ state (SQLite)
//! ```
//!
//! Each stage is one public function that borrows its input and returns a new, complete value plus diagnostics. Only
//! `transport`, `state`, `secrets`, `run`, `app` and `cli` touch the world; everything a user sees is data until the
//! last moment.
//!
//! # Floors
//!
//! A module imports only from floors below; `tests/it/floors.rs` says so.
//!
//! | floor | modules |
//! | --- | --- |
//! | 0 | `base` |
//! | 1 | `diag`, `shell` |
//! | 2 | `syntax`, `hir` |
//! | 3 | `eval` |
//! | 4 | `inventory`, `check` |
//! | 5 | `plan` |
//! | 6 | `transport`, `state`, `secrets` |
//! | 7 | `run` |
//! | 8 | `report` |
//! | 9 | `app` |
//! | 10 | `translate` |
//! | 11 | `cli` |
//!
//! # What never happens
//!
//! * A value never becomes code: scripts are constant text, values arrive as quoted variables (`shell`).
//! * No floor above `syntax` knows pest, none but `state` knows SQLite, none but `transport` knows SSH and WinRM.
//! * Nothing is reported that was not observed: no step is green without evidence.
//! * No effect leaves before its intent is on disk (`state`, `run::phases`).
//! * A secret is a reference until a run starts (`secrets`), and no text of a host is shown before it was searched for it
//!   (`run::redact`); it has no `Display` (`base::secret`).
//!
//! # Vocabulary
//!
//! *playbook* (what a user writes and runs) · *action* (reusable unit) · *builtin* (what only Rust can do) · *step* (an
//! action applied in a playbook) · *host*, *group*, *tag* · *fact* (read from a host) · *plan* (steps bound to hosts) ·
//! *run* · *event* · *outcome*. *Module* is an imported `.ops` file.
//!
//! # Where to start reading
//!
//! `stdlib/file.ops` for the language, [`check::check`], [`plan::plan`] and [`run::run`] for the stages,
//! [`app::workspace`] for how they are wired.

pub mod app;
pub mod base;
pub mod check;
pub mod cli;
pub mod diag;
pub mod eval;
pub mod hir;
pub mod inventory;
pub mod plan;
pub mod report;
pub mod run;
pub mod secrets;
pub mod shell;
pub mod state;
pub mod syntax;
pub mod translate;
pub mod transport;
