//! Who runs a run: this process, and whether another one is still there.

use super::records::RunRecord;

/// Changes with every start of the machine.
pub fn boot_id() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|text| text.trim().to_string())
}

pub fn machine() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_string()
}

/// Clock ticks since boot at which a process started; none where it is gone.
pub fn process_start(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold spaces; the fields after it do not.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
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
