//! Locks of hosts as lines and as JSON.

use serde_json::{Value as Json, json};

use super::paint::harmless;
use super::run_text::time_text;
use crate::state::Lock;

/// `web1  run 3  deploy  by root on desk, process 4711, since …, last heard …`, and whether it is still there.
pub fn lock_line(lock: &Lock) -> String {
    let record = &lock.holder.record;
    let heard = heard(lock).map(|heard| format!(", last heard {heard}")).unwrap_or_default();
    let gone = match (lock.holder.is_unheard(), lock.holder.is_gone()) {
        (true, _) => ": its lease is over, and the next run takes it",
        (_, true) => ", which is gone: the next run takes it",
        _ => "",
    };
    let line = format!(
        "{}  run {}  {}  by {} on {}, process {}, since {}{heard}{gone}",
        lock.host,
        lock.holder.id,
        record.playbook,
        record.user,
        record.machine,
        record.pid,
        time_text(lock.since)
    );
    format!("{}\n", harmless(&line))
}

fn heard(lock: &Lock) -> Option<String> {
    lock.holder.lease.as_ref().map(|lease| time_text(lease.beat))
}

/// What is said before a run takes locks from others that may only be cut off.
pub fn taken_over_text(locks: &[Lock]) -> String {
    let line = |lock: &Lock| {
        let (run, record) = (lock.holder.id, &lock.holder.record);
        let line = format!(
            "warning: {} is locked by run {run} ({}, by {} on {}), last heard {}; its lease is over and the lock is taken over",
            lock.host,
            record.playbook,
            record.user,
            record.machine,
            heard(lock).unwrap_or_default()
        );
        format!("{}\n", harmless(&line))
    };
    locks.iter().map(line).collect()
}

/// `since`, `beat` and `until` in milliseconds since 1970, UTC.
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
            "beat": lock.holder.lease.as_ref().map(|lease| lease.beat),
            "until": lock.holder.lease.as_ref().map(|lease| lease.until),
            "gone": lock.holder.is_gone(),
        })
    };
    locks.iter().map(lock).collect()
}
