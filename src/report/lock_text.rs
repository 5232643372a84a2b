//! Locks of hosts as lines and as JSON.

use serde_json::{Value as Json, json};

use super::paint::harmless;
use crate::state::Lock;

/// `web1  run 3  deploy  by root on desk, process 4711`, and whether it is still there.
pub fn lock_line(lock: &Lock) -> String {
    let record = &lock.holder.record;
    let gone = if record.is_gone() { ", which is gone: the next run takes it" } else { "" };
    let line = format!(
        "{}  run {}  {}  by {} on {}, process {}{gone}",
        lock.host, lock.holder.id, record.playbook, record.user, record.machine, record.pid
    );
    format!("{}\n", harmless(&line))
}

/// `since` in milliseconds since 1970, UTC.
pub fn locks_json(locks: &[Lock]) -> Json {
    let lock = |lock: &Lock| {
        let record = &lock.holder.record;
        json!({
            "host": lock.host,
            "run": lock.holder.id,
            "playbook": record.playbook,
            "user": record.user,
            "machine": record.machine,
            "pid": record.pid,
            "since": lock.since,
            "gone": record.is_gone(),
        })
    };
    locks.iter().map(lock).collect()
}
