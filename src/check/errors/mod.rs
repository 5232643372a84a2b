//! Diagnostics of the checker, one family per file: data, prose, and the explanation of every code side by side.

pub mod control;
pub mod effects;
pub mod hosts;
pub mod names;
pub mod scripts;
pub mod secrecy;
pub mod steps;
pub mod types;

use crate::diag::CodeDoc;

/// Every code of the checker.
pub fn codes() -> impl Iterator<Item = &'static CodeDoc> {
    [
        names::CODES,
        steps::CODES,
        types::CODES,
        effects::CODES,
        hosts::CODES,
        control::CODES,
        scripts::CODES,
        secrecy::CODES,
    ]
    .into_iter()
    .flatten()
}
