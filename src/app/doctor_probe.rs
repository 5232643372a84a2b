//! What one read-only program tells of a host: clock, room on disks, tools that actions need.

use crate::hir::types::Os;
use crate::report::examination::Finding;
use crate::transport::Completed;

/// Runs as the login user, on any POSIX shell.
pub(super) const PROBE: &str = r#"
out time "$(date +%s)"
out os "$(uname -s)"
out disks "$(df -Pk / /tmp /var /var/log /var/tmp /home 2>/dev/null | {
  read -r _
  while read -r _ _ _ free _ place; do printf '%s %s\n' "$free" "$place"; done
})"
missing=
for tool in awk base64 cat chmod chown cut date df dirname find grep head mkdir mktemp mv readlink rm sed sort stat tail tr wc; do
  command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
if ! command -v sha256sum >/dev/null 2>&1; then missing="$missing sha256sum"; fi
out missing "$missing"
out writable "$([ -w /tmp ] && echo true || echo false)"
"#;

/// Certificates and tokens begin to fail with minutes; half of one is no accident.
const MOST_SKEW: u64 = 30;
/// Backups of changed files and packages need this much.
const LEAST_ROOM: u64 = 100 << 10;

/// Whether the host is of the system that the inventory says.
pub(super) fn judge_os(answer: &Completed, declared: Os) -> Finding {
    let found = answer.text("os").unwrap_or_default().trim().to_lowercase();
    if found == declared.name() {
        return Finding::ok("os", found);
    }
    let mend = match Os::parse(&found) {
        Some(os) => format!("say what it is: `os: {}` in the inventory", os.name()),
        None => "give the address of another host: opsc works with Linux and macOS".to_string(),
    };
    Finding::failed(
        "os",
        format!("the inventory says {}, the host says `{}`", declared.name(), found.escape_debug()),
        mend,
    )
}

/// `between`: our clock before and after, in seconds since 1970.
pub(super) fn judge_probe(answer: &Completed, between: (u64, u64)) -> Vec<Finding> {
    let said = |name: &str| answer.text(name).unwrap_or_default();
    vec![clock(&said("time"), between), disks(&said("disks")), tools(&said("missing"), &said("writable"))]
}

fn clock(told: &str, (before, after): (u64, u64)) -> Finding {
    let Ok(told) = told.trim().parse::<u64>() else {
        return Finding::warning("clock", "the host told no time", "look at `date +%s` there");
    };
    let (behind, ahead) = (before.saturating_sub(told), told.saturating_sub(after));
    if behind.max(ahead) <= MOST_SKEW {
        return Finding::ok("clock", "right to half a minute");
    }
    let found = if behind > 0 {
        format!("{behind} s behind this machine's")
    } else {
        format!("{ahead} s ahead of this machine's")
    };
    Finding::warning("clock", found, "timedatectl set-ntp true")
}

fn disks(told: &str) -> Finding {
    let full = told.lines().filter_map(|line| {
        let (free, place) = line.split_once(' ')?;
        let free: u64 = free.parse().ok()?;
        (free < LEAST_ROOM).then_some((free, place))
    });
    let mut full: Vec<String> = full.map(|(free, place)| format!("{} MiB left on {place}", free >> 10)).collect();
    full.sort();
    full.dedup();
    match (full.first(), told.is_empty()) {
        (None, true) => Finding::warning("disk", "the host tells no free room", "look at `df -Pk` there"),
        (None, false) => Finding::ok("disk", "room everywhere"),
        (Some(_), _) => Finding::warning(
            "disk",
            full.join(", "),
            "make room: `du -xh / 2>/dev/null | sort -h | tail` shows where it is",
        ),
    }
}

fn tools(missing: &str, writable: &str) -> Finding {
    match (missing.trim(), writable) {
        ("", "true") => Finding::ok("tools", "what actions need is there"),
        ("", _) => Finding::failed("tools", "/tmp is not writable, so no file can be sent", "chmod 1777 /tmp"),
        (missing, _) => Finding::warning(
            "tools",
            format!("not there: {missing}"),
            "install coreutils, findutils, sed, gawk and grep, or busybox with its links",
        ),
    }
}
