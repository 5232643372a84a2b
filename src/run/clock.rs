//! What time it is in a run: the machine's, or in a simulated run one that passes only while something is waited for.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

#[derive(Clone, Copy, Debug)]
pub enum Clock {
    Machine,
    /// Since the run began.
    Simulated(Instant),
}

impl Clock {
    pub fn new(simulated: bool) -> Clock {
        if simulated { Clock::Simulated(Instant::now()) } else { Clock::Machine }
    }

    /// Milliseconds since 1970, UTC; of a simulated run, since it began.
    pub fn now(self) -> u64 {
        let passed = match self {
            Clock::Machine => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            Clock::Simulated(began) => began.elapsed(),
        };
        u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
    }
}
