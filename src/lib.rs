//! opsc

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
pub mod shell;
pub mod state;
pub mod syntax;
pub mod transport;
