//! When a step that failed is tried again: after how long, and how often in all of a run. Knows nothing of why it failed.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::hir::effect::Level;
use crate::plan::model::Step;

/// A pause grows to so many times the first one.
const MOST: u64 = 8;
/// By so many percent the pauses of hosts differ, at most.
pub const SCATTER: u32 = 10;

/// How often a run may try something again, in all its steps and on all its hosts.
#[derive(Default)]
pub struct Retries {
    /// Absent where nobody set a limit.
    left: Option<AtomicUsize>,
}

impl Retries {
    pub fn new(budget: Option<usize>) -> Retries {
        Retries { left: budget.map(AtomicUsize::new) }
    }

    /// Takes one; false where none is left.
    pub fn take(&self) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        self.left.as_ref().is_none_or(|left| left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok())
    }
}

/// The pause after this failed attempt (from 1), in milliseconds. What only looks comes again at the same pace; what
/// changes something gives whatever is overloaded more time each time.
pub fn pause(step: &Step, attempt: u32) -> u64 {
    if step.row.level == Level::Read || step.until.is_some() {
        return step.every;
    }
    let doubled = 1_u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(MOST).min(MOST);
    step.every.saturating_mul(doubled)
}

#[cfg(test)]
mod tests {
    use super::Retries;

    #[test]
    fn a_budget_is_spent_once() {
        let retries = Retries::new(Some(2));
        assert_eq!([retries.take(), retries.take(), retries.take(), retries.take()], [true, true, false, false]);
        assert!(Retries::new(None).take() && !Retries::new(Some(0)).take());
    }
}
