//! The exit code of a run: the first of a fixed list that holds. Knows nothing of how things came to be.

use super::event::HostOutcome;
use super::schedule_data::{BlockRun, Status, Track};

/// A bug in opsc.
pub const BUG: i32 = 70;
pub const ROLLBACK_FAILED: i32 = 24;
/// The run came to an approval that nobody has given.
pub const WAITS: i32 = 3;
/// It came to one that was given for other values.
pub const DIFFERS: i32 = 25;
pub const TIMED_OUT: i32 = 27;
pub const ROLLED_BACK: i32 = 23;
pub const THRESHOLD: i32 = 22;
pub const SOME_FAILED: i32 = 21;
pub const SOME_UNREACHABLE: i32 = 20;
/// Stopped by Ctrl-C, in good order.
pub const STOPPED: i32 = 130;

/// What the schedule saw beside its hosts' tracks.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub bug: bool,
    /// Something outside the hosts failed: a clause of the playbook, a block that could not be decided.
    pub failed: bool,
    /// `after batch` failed: the block stopped there.
    pub gate_failed: bool,
    /// The exit code of an approval that the run came to.
    pub waits: Option<i32>,
    pub timed_out: bool,
    /// 0 to 3.
    pub stop: u8,
    /// Hosts did not start because `max_failures` was passed.
    pub stopped_by_threshold: bool,
}

pub fn code(facts: &Facts, blocks: &[BlockRun]) -> i32 {
    let tracks: Vec<&Track> = blocks.iter().flat_map(|run| run.tracks.values()).collect();
    let failed = |track: &Track| matches!(track.status, Status::Failed | Status::Unreachable | Status::Cancelled);
    let any_failed = facts.failed || facts.gate_failed || tracks.iter().any(|track| failed(track));
    let rolled_back = |track: &Track| track.outcome() == HostOutcome::RolledBack;
    let untouched = |track: &Track| track.rollback.is_some_and(|undone| !undone.touched);
    let mut concerned = tracks.iter().filter(|track| failed(track) || track.rollback.is_some());
    let all_rolled_back = !facts.failed
        && any_failed
        && tracks.iter().any(|track| rolled_back(track))
        && concerned.all(|track| rolled_back(track) || untouched(track));
    let ladder = [
        (facts.bug, BUG),
        (tracks.iter().any(|track| track.outcome() == HostOutcome::Dirty), ROLLBACK_FAILED),
        (facts.stop > 0 && !facts.timed_out, STOPPED),
        (facts.timed_out, TIMED_OUT),
        // Hosts that failed, as many as may, do not keep anybody from being asked.
        (facts.waits.is_some(), facts.waits.unwrap_or(WAITS)),
        (tracks.iter().any(|track| track.timed_out), TIMED_OUT),
        (all_rolled_back, ROLLED_BACK),
        (facts.stopped_by_threshold, THRESHOLD),
        (facts.failed || facts.gate_failed || tracks.iter().any(|track| track.status == Status::Failed), SOME_FAILED),
        (any_failed, SOME_UNREACHABLE),
    ];
    ladder.into_iter().find(|(holds, _)| *holds).map_or(0, |(_, code)| code)
}
