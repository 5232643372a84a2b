//! A host that floods: a hundred megabytes on both streams are hashed and counted, and the runner stays small.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::process::Stdio;

use serde_json::Value as Json;

use super::project::{Project, said};
use super::sshd::{Sshd, SshdOptions};

const MEGABYTE: u64 = 1_000_000;

/// The most memory that a process ever had, in kilobytes, as long as it is there.
fn most_memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn a_flood_is_bounded_in_memory_and_counted_in_full() {
    let project = Project::new();
    let server = Sshd::start(&SshdOptions::default());
    let inventory = format!(
        "hosts:\n  far:\n    address: 127.0.0.1\n    port: {}\n    os: linux\n    user: root\n    key: {}\n    known_hosts: {}\n",
        server.port,
        server.key_path.display(),
        server.known_hosts_path.display()
    );
    project.write("inventory.yaml", &inventory);
    let flood = "head -c 100000000 /dev/zero | tr '\\0' x & head -c 100000000 /dev/zero | tr '\\0' y >&2; wait";
    project.write(
        "flood.ops",
        &format!("ops 1\n\nplaybook flood() ! read, exec {{\n  on host(\"far\") {{\n    shell.run(script: sh\"\"\"\n      {flood}\n    \"\"\", effect: \"read\") {{\n      timeout: 10m\n    }}\n  }}\n}}\n"),
    );
    let mut child = project.command(&["run", "flood.ops", "-o", "ndjson"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdout.take().unwrap();
    // Someone reads what is told; nobody keeps it.
    let reader = std::thread::spawn(move || {
        let mut last = Vec::new();
        let mut buffer = [0_u8; 1 << 16];
        while let Ok(read @ 1..) = std::io::Read::read(&mut pipe, &mut buffer) {
            last.extend_from_slice(&buffer[..read]);
            let excess = last.len().saturating_sub(1 << 16);
            last.drain(..excess);
        }
        String::from_utf8_lossy(&last).into_owned()
    });
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = most.max(most_memory(child.id()).unwrap_or(0));
        std::thread::yield_now();
    }
    assert!(child.wait().unwrap().success());
    let told = reader.join().unwrap();
    let finished = told.lines().find(|line| line.contains("\"step.finished\"")).unwrap();
    let event: Json = serde_json::from_str(finished).unwrap();
    assert_eq!(event["evidence"]["output_bytes"], 200 * MEGABYTE);
    assert!(most > 0 && most < 100_000, "{most} kB at most");
    let shown = said(project.command(&["show", "1"]).output().unwrap());
    assert!(shown.stdout.contains("output sha256"), "{shown:?}");
    assert!(std::fs::metadata(project.path(".opsc/journal.sqlite")).unwrap().len() < 4 * MEGABYTE);
}
