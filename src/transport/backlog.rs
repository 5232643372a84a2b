//! How much of what hosts printed waits to be told. Whoever tells it may be slower than hosts print: then these wait, as for
//! a terminal, and memory stays bounded. Knows nothing of who tells it.

use tokio::sync::watch;

/// In bytes; of all hosts together.
pub(super) const MOST: usize = 512 << 10;

#[derive(Debug)]
pub struct Backlog {
    waiting: watch::Sender<usize>,
}

impl Default for Backlog {
    fn default() -> Self {
        Backlog { waiting: watch::Sender::new(0) }
    }
}

impl Backlog {
    /// So many bytes more wait.
    pub fn add(&self, bytes: usize) {
        self.waiting.send_modify(|waiting| *waiting = waiting.saturating_add(bytes));
    }

    /// So many bytes were told.
    pub fn take(&self, bytes: usize) {
        self.waiting.send_modify(|waiting| *waiting = waiting.saturating_sub(bytes));
    }

    pub(super) fn is_full(&self) -> bool {
        *self.waiting.borrow() >= MOST
    }

    /// Waits until there is room for more.
    pub(super) async fn room(&self) {
        let room = self.waiting.subscribe().wait_for(|waiting| *waiting < MOST).await.is_ok();
        debug_assert!(room, "the sender is here");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use std::time::Duration;

    use tokio::time::timeout;

    use super::{Backlog, MOST};

    #[tokio::test(start_paused = true)]
    async fn there_is_room_once_enough_was_told() {
        let backlog = Backlog::default();
        backlog.room().await;
        backlog.add(MOST);
        timeout(Duration::from_secs(1), backlog.room()).await.unwrap_err();
        backlog.take(1);
        timeout(Duration::from_secs(1), backlog.room()).await.unwrap();
    }
}
