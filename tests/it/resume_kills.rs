//! Runs killed after each of their events, and gone on with: nothing twice, nothing left out, whatever was under way.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader};
use std::process::Command;

use super::project::{Project, Said};

const INVENTORY: &str = "\
hosts:
  w1: { transport: local, os: linux }
  w2: { transport: local, os: linux }
";

/// One step of each kind, what follows from a change, and two things at the same time.
const PROGRAM: &str = r#"ops 1

playbook all_kinds() ! change, exec {
  on all() - host("localhost") {
    conf = file.write(to: "ROOT/{host.name}.conf", content: "new")
    had = shell.run(script: sh"""cat "ROOT/$h.count" 2>/dev/null || echo none""", vars: { h: host.name }, effect: "read")
    if had.stdout == "none" {
      counted = shell.run(script: sh"""echo x >> "ROOT/$h.count"; echo "from $$" """, vars: { h: host.name }, effect: "change")
      shell.run(script: sh"""echo "$said" | grep -c '^from [0-9]*$' >> "ROOT/$h.told" """, vars: { h: host.name, said: counted.stdout }, effect: "change")
    }
    if conf.changed {
      shell.run(script: sh"""echo x >> "ROOT/$h.reloads" """, vars: { h: host.name }, effect: "change")
    }
    parallel {
      shell.run(script: sh"""echo x >> "ROOT/$h.left" """, vars: { h: host.name }, effect: "change")
      shell.run(script: sh"""echo x >> "ROOT/$h.right" """, vars: { h: host.name }, effect: "change")
    }
  }
}
"#;

/// What each once-only step appends to, by its name in the plan.
pub(crate) const ONCE: [(&str, &str); 5] = [
    ("counted", "count"),
    ("shell.run", "told"),
    ("shell.run#2", "reloads"),
    ("shell.run#3", "left"),
    ("shell.run#4", "right"),
];

/// A fleet and a run that is killed, gone on with, and looked at.
pub(crate) struct Killer {
    pub(crate) project: Project,
}

impl Killer {
    pub(crate) fn new() -> Killer {
        let killer = Killer { project: Project::new() };
        killer.project.write("inventory.yaml", INVENTORY);
        let root = killer.project.path("root").display().to_string();
        std::fs::create_dir(&root).unwrap();
        killer.project.write("all.ops", &PROGRAM.replace("ROOT", &root));
        killer
    }

    pub(crate) fn opsc(&self, line: &str) -> Said {
        self.project.opsc(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Kills a command after so many events; whether it was still there.
    pub(crate) fn killed_after(&self, line: &str, events: usize) -> bool {
        let mut command = self.project.command(&line.split_whitespace().collect::<Vec<_>>());
        let mut child = command.args(["-o", "ndjson"]).stdin(std::process::Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let seen = lines.by_ref().take(events).count();
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        wait_for_orphans(&self.project);
        seen == events && ended.code().is_none()
    }

    pub(crate) fn times(&self, host: &str, what: &str) -> usize {
        self.project.read(&format!("root/{host}.{what}")).unwrap_or_default().lines().count()
    }

    /// Goes on; what nobody can know is looked up on the host, as a person would.
    pub(crate) fn resumed(&self, run: usize, point: usize) -> usize {
        let resume = format!("resume {run} -y");
        let mut said = self.opsc(&resume);
        let mut resolved = 0;
        if said.code == 3 {
            for line in said.stderr.lines().filter_map(|line| line.strip_prefix("  ")) {
                let (host, step) = line.split_once(' ').unwrap();
                let (_, file) = ONCE.iter().find(|(name, _)| *name == step).unwrap();
                // What it reported is used: nobody can know that, so it is taken back.
                if *step == *"counted" && self.times(host, file) > 0 {
                    std::fs::remove_file(self.project.path(&format!("root/{host}.{file}"))).unwrap();
                }
                let flag = if self.times(host, file) == 0 { "--not-done" } else { "--done" };
                let resolve = self.opsc(&format!("resolve {run} {step} {host} {flag}"));
                assert_eq!(resolve.code, 0, "{resolve:?}");
                resolved += 1;
            }
            said = self.opsc(&resume);
        }
        let was_done = said.code == 10 && said.stderr.contains("is done: nothing of it is missing");
        assert!(said.code == 0 || was_done, "point {point}: {said:?}");
        resolved
    }

    pub(crate) fn assert_all_once(&self, point: usize) {
        for host in ["w1", "w2"] {
            for (step, file) in ONCE {
                assert_eq!(self.times(host, file), 1, "point {point}: {step} on {host}");
            }
            assert_eq!(self.project.read(&format!("root/{host}.conf")).as_deref(), Some("new"));
        }
    }
}

/// A program that was under way may end after the run that began it.
pub(crate) fn wait_for_orphans(project: &Project) {
    let mark = project.folder.path().display().to_string().into_bytes();
    let is_ours = |process: &std::path::Path| {
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        environment.windows(mark.len()).any(|window| window == mark)
    };
    while std::fs::read_dir("/proc").unwrap().any(|process| is_ours(&process.unwrap().path())) {
        assert!(Command::new("sleep").arg("0.01").status().unwrap().success());
    }
}

/// `OPSC_TEST_LONG=1`: every point, and each of its resumptions.
#[test]
fn killed_after_any_event_nothing_is_done_twice_or_left_out() {
    let long = std::env::var_os("OPSC_TEST_LONG").is_some();
    let (mut points, mut resolved) = (0, 0);
    for point in (1..).step_by(if long { 1 } else { 2 }) {
        let killer = Killer::new();
        if !killer.killed_after("run all.ops -y", point) {
            break;
        }
        points += 1;
        for again in if long { 1..=40 } else { 3 + point % 5..=3 + point % 5 } {
            let run = killer.project.newest_run();
            if run == 0 || !killer.killed_after(&format!("resume {run} -y"), again) {
                break;
            }
            points += 1;
        }
        resolved += killer.resumed(killer.project.newest_run(), point);
        killer.assert_all_once(point);
    }
    println!("{points} points, {resolved} steps resolved by looking");
    assert!(points >= 20, "only {points} points");
}
