//! Who runs a run: this process, and whether another one is still there.

use std::time::{SystemTime, UNIX_EPOCH};

use super::records::{Lease, RunRecord, RunSummary};

/// Milliseconds since 1970, UTC.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Changes with every start of the machine.
pub fn boot_id() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|text| text.trim().to_string())
}

pub fn machine() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_string()
}

/// Clock ticks since boot at which a process started; none where it is gone, also where nobody has taken note of that yet.
pub fn process_start(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold spaces; the fields after it do not.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

impl RunRecord {
    /// Whether the process that started the run is still there.
    pub fn is_alive(&self) -> bool {
        boot_id() == self.boot_id && process_start(self.pid) == self.pid_start && self.pid_start.is_some()
    }

    /// Whether it is surely not. Of a process on another machine, in a container, or where there is no /proc, nothing is
    /// known.
    pub fn is_gone(&self) -> bool {
        self.pid_start.is_some() && machine() == self.machine && !self.is_alive()
    }
}

impl RunSummary {
    /// Whether nothing of it goes on: it has ended, or is gone.
    pub fn is_over(&self) -> bool {
        self.status.is_some() || self.is_gone()
    }

    /// Whether a run without an end is surely dead. Of a process that can be looked at, that look decides; any other run,
    /// such as one of another machine that shares the journal, is dead when it has not been heard of for its lease.
    pub fn is_gone(&self) -> bool {
        let can_be_looked_at = self.record.is_gone() && self.record.boot_id == boot_id();
        match &self.lease {
            _ if self.record.is_alive() => false,
            Some(lease) if !can_be_looked_at => lease.is_expired(),
            _ => self.record.is_gone(),
        }
    }

    /// Whether it goes on, as far as anybody knows.
    pub fn goes_on(&self) -> bool {
        let is_heard = self.lease.as_ref().is_some_and(|lease| !lease.is_expired());
        self.status.is_none() && (self.record.is_alive() || (is_heard && !self.is_gone()))
    }

    /// Whether that is known by its silence alone.
    pub fn is_unheard(&self) -> bool {
        let is_silent = self.lease.as_ref().is_some_and(Lease::is_expired);
        self.status.is_none() && is_silent && self.is_gone() && self.record.boot_id != boot_id()
    }
}

impl Lease {
    fn is_expired(&self) -> bool {
        now() > self.until
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::process_start;

    /// As the first process of many containers does.
    #[test]
    fn a_process_that_ended_is_gone_also_where_nobody_took_note_of_it() {
        assert!(process_start(std::process::id()).is_some());
        let mut ended = Command::new("true").spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        while process_start(ended.id()).is_some() {
            assert!(Instant::now() < until, "it is still there");
            std::thread::yield_now();
        }
        assert!(std::path::Path::new("/proc").join(ended.id().to_string()).exists(), "nobody took note of it");
        ended.wait().unwrap();
    }
}
