//! What a run came to, for the exit code and the recap.

use super::event::{HostOutcome, HostRecap};
use super::exit;

#[derive(Clone, PartialEq, Debug)]
pub struct Summary {
    pub exit: i32,
    /// `done`, `failed`, `stopped`, … as kept in the journal.
    pub status: &'static str,
    pub elapsed_ms: u64,
    /// The controller first where it did anything, then hosts in inventory order.
    pub hosts: Vec<HostRecap>,
    pub blocks: Vec<BlockSummary>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct BlockSummary {
    pub block: String,
    /// By name, in inventory order.
    pub hosts: Vec<(String, HostOutcome)>,
}

/// One word for an exit code.
pub fn status(code: i32) -> &'static str {
    match code {
        0 => "done",
        exit::WAITS | exit::DIFFERS => "waiting",
        exit::BUG => "crashed",
        exit::ROLLBACK_FAILED => "dirty",
        exit::ROLLED_BACK => "rolled_back",
        exit::STOPPED => "stopped",
        exit::TIMED_OUT => "timed_out",
        exit::SOME_UNREACHABLE => "unreachable",
        _ => "failed",
    }
}
