//! Diagnostics of the checker, one family per file: data, prose, and the explanation of every code side by side.

pub mod control;
pub mod effects;
pub mod hosts;
pub mod names;
pub mod scripts;
pub mod steps;
pub mod types;

use crate::diag::CodeDoc;

/// Defines a family's `CODES`: code, title, explanation, a failing file and the same file mended.
macro_rules! code_docs {
    ($($code:literal $title:literal $explanation:literal $failing:literal => $fixed:literal)*) => {
        pub const CODES: &[crate::diag::CodeDoc] = &[$(crate::diag::CodeDoc {
            code: $code, title: $title, explanation: $explanation, failing: $failing, fixed: $fixed,
        }),*];
    };
}
use code_docs;

/// Every code of the checker.
pub fn codes() -> impl Iterator<Item = &'static CodeDoc> {
    [names::CODES, steps::CODES, types::CODES, effects::CODES, hosts::CODES, control::CODES, scripts::CODES]
        .into_iter()
        .flatten()
}
