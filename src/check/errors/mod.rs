//! Diagnostics of the checker, one family per file: data, prose, and the explanation of every code side by side.

pub mod allow;
pub mod control;
pub mod effects;
pub mod hosts;
pub mod lint;
pub mod names;
pub mod scripts;
pub mod secrecy;
pub mod steps;
pub mod types;

use crate::diag::CodeDoc;

/// Every code of the checker.
pub fn codes() -> impl Iterator<Item = &'static CodeDoc> {
    let families = [names::CODES, steps::CODES, types::CODES, effects::CODES, hosts::CODES, control::CODES];
    let of_scripts = [scripts::CODES, secrecy::CODES, lint::CODES, allow::CODES];
    families.into_iter().chain(of_scripts).flatten()
}
