//! Pauses that differ from one who waits to another, so that those who failed together do not come back together.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// The pause, longer or shorter by so many percent at most: always the same for the same one who waits.
pub fn scattered(pause: Duration, percent: u32, who: impl Hash) -> Duration {
    let mut hasher = DefaultHasher::new();
    who.hash(&mut hasher);
    let more = u32::try_from(hasher.finish() % u64::from(2 * percent + 1)).unwrap_or(0);
    pause.saturating_mul(100_u32.saturating_sub(percent) + more) / 100
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::scattered;

    #[test]
    fn hosts_do_not_come_back_together() {
        let of = |host: usize| scattered(Duration::from_secs(10), 10, (1, format!("web{host}"))).as_millis();
        let all: BTreeSet<_> = (0..1000).map(of).collect();
        assert!(all.len() == 21 && all.first() == Some(&9000) && all.last() == Some(&11_000), "{all:?}");
    }
}
