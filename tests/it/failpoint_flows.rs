//! What the failpoints are passed by: small playbooks, commands about them, and what must be true of their effects.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use super::project::{Project, Said, said};
use super::resume_kills::wait_for_orphans;

const INVENTORY: &str = "\
hosts:
  w1: { transport: local, os: linux }
  w2: { transport: local, os: linux }
  w3: { transport: local, os: linux }
  gone: { address: 127.0.0.1, port: 1, user: nobody, os: linux }
";

/// Batches, a failure that is allowed, a condition, a clause, an approval, and a host that is decided late.
const GOOD: &str = r#"ops 1

playbook good() ! change, exec {
  let two = host("w1") + host("w2")
  on two (batch: 1) {
    conf = file.write(to: "ROOT/{host.name}.conf", content: "new")
    ONCE(first)
    weak = shell.run(script: sh"""echo x >> "ROOT/$h.weak"; false""", vars: { h: host.name }, effect: "change", undo: sh"""rm -f "ROOT/$h.weak" """) {
      allow_failure: true
    }
    if conf.changed {
      ONCE(second)
    }
    seen = file.info(path: "ROOT")
    always {
      shell.run(script: sh"""echo x >> "ROOT/$h.ends" """, vars: { h: host.name }, effect: "change")
    }
  }

  approve(by: ["dba"], message: "go on")

  on all() where host.name == "w3" and seen.ok.count > 0 {
    ONCE(late)
  }
}
"#;

/// Fails, does not end and loses its shell, each on one host; a rollback that fails too. `mended` ends all that.
const BAD: &str = r#"ops 1

playbook bad() ! change, exec {
  on host("w1") + host("w2") + host("w3") (max_failures: 9) {
    conf = file.write(to: "ROOT/{host.name}.conf", content: "new")
    first = shell.run(script: sh"""echo x >> "ROOT/$h.first" """, vars: { h: host.name }, effect: "change", undo: sh"""[ "$h" != w2 ] || [ -e ROOT/mended ] && rm -f "ROOT/$h.first" """)
    stuck = shell.run(script: sh"""
      # What failed is done again; what came of the one that did not end is not known.
      [ "$h" = w2 ] || rm -f "ROOT/$h.stuck"
      echo x >> "ROOT/$h.stuck"
      [ -e ROOT/mended ] && exit
      case "$h" in
        w1) exit 1 ;;
        w2) exec sleep 6 ;;
        w3) kill -KILL "$$" ;;
      esac
    """, vars: { h: host.name }, effect: "change", undo: sh"""rm -f "ROOT/$h.stuck" """) {
      timeout: 3s
    }
    ONCE(last)
    on failure { rollback }
  }
}
"#;

/// One of the hosts is out of reach, for ever.
const GONE: &str = r#"ops 1

playbook gone() ! change, exec {
  on host("w1") + host("gone") (max_failures: 9) {
    ONCE(first)
    ONCE(last)
  }
}
"#;

/// Fails at its end on both hosts, unless it is `mended`.
const FAILS: &str = r#"ops 1

playbook fails() ! change, exec {
  on host("w1") + host("w2") (max_failures: 9) {
    conf = file.write(to: "ROOT/{host.name}.conf", content: "new")
    ONCE(first)
    ONCE(last)
    shell.run(script: sh"[ -e ROOT/mended ]", effect: "read")
    on failure { rollback }
  }
}
"#;

const ONCE: &str = r#"NAME = shell.run(script: sh"""echo x >> "ROOT/$h.NAME" """, vars: { h: host.name }, effect: "change", undo: sh"""rm -f "ROOT/$h.NAME" """)"#;

/// Steps that must not be done twice; what they leave has their names.
const STEPS: [&str; 6] = ["first", "weak", "second", "late", "stuck", "last"];
const HOSTS: [&str; 3] = ["w1", "w2", "w3"];

/// Where a run is to end after it was killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Goal {
    Done,
    Back,
}

/// One command of a flow.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    pub(crate) text: &'static str,
    pub(crate) code: i32,
    /// Where it dies also when nothing is tested.
    dies: Option<&'static str>,
}

const fn line(text: &'static str, code: i32) -> Line {
    Line { text, code, dies: None }
}

impl Line {
    /// It begins a run, rather than saying something of one.
    pub(crate) fn is_run(&self) -> bool {
        ["run ", "resume ", "rollback "].iter().any(|command| self.text.starts_with(command))
    }
}

pub(crate) struct Flow {
    pub(crate) name: &'static str,
    pub(crate) lines: &'static [Line],
    /// Whether what was killed can come to its end.
    pub(crate) can_end: bool,
}

pub(crate) const FLOWS: &[Flow] = &[
    Flow {
        name: "good",
        lines: &[
            line("run good.ops -y", 3),
            line("approve 1 --as dba", 0),
            line("resume 1 -y", 0),
            line("rollback 2 -y", 0),
        ],
        can_end: true,
    },
    Flow { name: "bad", lines: &[line("run bad.ops -y", 24)], can_end: true },
    Flow { name: "gone", lines: &[line("run gone.ops -y", 20), line("rollback 1 -y", 0)], can_end: false },
    Flow {
        name: "desk",
        lines: &[
            line("facts w1", 0),
            Line { text: "run good.ops -y", code: -1, dies: Some("apply.changed before 2") },
            line("lock break w1", 0),
            line("resolve 1 first w1 --done", 0),
            line("resume 1 -y", 3),
            line("reject 2 --as dba", 0),
            line("db backup copy.sqlite", 0),
            line("db restore copy.sqlite -y", 0),
            line("rollback 2 -y", 0),
            line("inv add later --address 127.0.0.1", 0),
        ],
        can_end: false,
    },
];

/// A project with the playbooks, before anything was run.
pub(crate) struct Place {
    pub(crate) project: Project,
}

impl Place {
    pub(crate) fn new() -> Place {
        let place = Place { project: Project::new() };
        place.project.write("inventory.yaml", INVENTORY);
        place.project.write("root/w1.conf", "old");
        let root = place.project.path("root").display().to_string();
        for (name, text) in [("good", GOOD), ("bad", BAD), ("gone", GONE), ("fails", FAILS)] {
            let text = STEPS.iter().fold(text.to_string(), |text, step| {
                text.replace(&format!("ONCE({step})"), &ONCE.replace("NAME", step))
            });
            place.project.write(&format!("{name}.ops"), &text.replace("ROOT", &root));
        }
        place
    }

    fn command(&self, text: &str) -> std::process::Command {
        self.project.command(&text.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn opsc(&self, text: &str) -> Said {
        said(self.command(text).output().unwrap())
    }

    /// Kills itself at a point; whether it came there.
    pub(crate) fn killed(&self, text: &str, point: &str) -> bool {
        let ended = self.command(text).env("OPSC_FAILPOINT", point).output().unwrap().status;
        wait_for_orphans(&self.project);
        std::os::unix::process::ExitStatusExt::signal(&ended) == Some(9)
    }

    #[track_caller]
    pub(crate) fn plainly(&self, line: &Line) {
        match line.dies {
            Some(point) => assert!(self.killed(line.text, point), "{} does not die", line.text),
            None => {
                let said = self.opsc(line.text);
                assert_eq!(said.code, line.code, "{}: {said:?}", line.text);
            }
        }
    }

    /// How often each transition is passed.
    #[track_caller]
    pub(crate) fn passes(&self, line: &Line) -> BTreeMap<String, usize> {
        let seen = self.project.path("seen");
        let mut command = self.command(line.text);
        command.env("OPSC_FAILPOINTS_SEEN", &seen);
        if let Some(point) = line.dies {
            command.env("OPSC_FAILPOINT", point);
        }
        let said = said(command.output().unwrap());
        assert_eq!(said.code, line.code, "{}: {said:?}", line.text);
        let mut counts = BTreeMap::new();
        for name in std::fs::read_to_string(&seen).unwrap_or_default().lines() {
            *counts.entry(name.to_string()).or_insert(0) += 1;
        }
        drop(std::fs::remove_file(seen));
        counts
    }

    pub(crate) fn times(&self, host: &str, step: &str) -> usize {
        self.project.read(&format!("root/{host}.{step}")).unwrap_or_default().lines().count()
    }

    pub(crate) fn mend(&self) {
        self.project.write("root/mended", "");
    }

    fn has_journal(&self) -> bool {
        self.project.path(".opsc/journal.sqlite").exists()
    }

    /// The journal is whole, says of no step that it was done which was not, and knows of everything that was done.
    #[track_caller]
    pub(crate) fn is_honest(&self, point: &str) {
        if self.has_journal() {
            let checked = self.opsc("db check");
            let empty = checked.stdout.contains("it has no format");
            assert!(checked.code == 0 || empty, "{point}: {checked:?}");
        }
        let told = self.told();
        for host in HOSTS {
            for step in STEPS {
                let times = self.times(host, step);
                let place = (host.to_string(), step.to_string());
                match told.get(&place) {
                    None => assert_eq!(times, 0, "{point}: {step} on {host} was done, and nothing says so"),
                    Some(Some(expected)) => assert_eq!(times, *expected, "{point}: {step} on {host}"),
                    Some(None) => assert!(times <= 1, "{point}: {step} on {host} was done {times} times"),
                }
            }
        }
    }

    /// How often each step must have been done on each host by what the journal says; none where it does not know.
    fn told(&self) -> BTreeMap<(String, String), Option<usize>> {
        let mut told = BTreeMap::new();
        let mut open: BTreeMap<(i64, String), BTreeSet<String>> = BTreeMap::new();
        for (run, step, host, phase, outcome) in self.records() {
            let under_way = open.entry((run, host.clone())).or_default();
            if outcome.is_some() {
                under_way.remove(&step);
            } else {
                under_way.insert(step.clone());
                assert_eq!(under_way.len(), 1, "run {run}: steps under way on {host}: {under_way:?}");
            }
            let known = match (phase.as_str(), outcome.as_deref()) {
                ("apply", Some("ok" | "changed" | "ignored" | "said_done")) => Some(1),
                ("apply", Some("said_not_done")) => Some(0),
                ("rollback", Some("rolled_back" | "said_done")) => Some(0),
                ("rollback", Some("said_not_done")) => Some(1),
                _ => None,
            };
            if STEPS.contains(&step.as_str()) {
                told.insert((host, step), known);
            }
        }
        told
    }

    /// Intents, and results with their outcome, in order: run, step, host, phase.
    pub(crate) fn records(&self) -> Vec<(i64, String, String, String, Option<String>)> {
        if !self.has_journal() {
            return Vec::new();
        }
        let journal = rusqlite::Connection::open(self.project.path(".opsc/journal.sqlite")).unwrap();
        let query = "SELECT id, run, step, host, phase, NULL FROM intents
                     UNION ALL SELECT id, run, step, host, phase, outcome FROM results ORDER BY 1";
        // Before the tables are made there is nothing to be told.
        let Ok(mut statement) = journal.prepare(query) else { return Vec::new() };
        let record = |row: &rusqlite::Row<'_>| Ok((row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?));
        statement.query_map([], record).unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// What nobody can know is looked up on the hosts, as a person would; only what was under way may be unknown.
    #[track_caller]
    pub(crate) fn resolve(&self, run: usize, said: &Said, point: &str) {
        let told = self.told();
        for line in said.stderr.lines().filter_map(|line| line.strip_prefix("  ")) {
            let mut words = line.splitn(3, ' ');
            let (host, step, back) = (words.next().unwrap(), words.next().unwrap(), words.next().is_some());
            let known = told.get(&(host.to_string(), step.to_string()));
            assert_eq!(known, Some(&None), "{point}: {step} on {host} is known, and asked for");
            let flag = if (self.times(host, step) > 0) == back { "--not-done" } else { "--done" };
            let resolve = self.opsc(&format!("resolve {run} {step} {host} {flag}"));
            assert_eq!(resolve.code, 0, "{point}: {resolve:?}");
        }
    }

    /// Undoes everything, asking nobody but the hosts; how often it had to.
    #[track_caller]
    pub(crate) fn goes_back(&self, point: &str) -> usize {
        for asked in 0..8 {
            let run = self.project.newest_run();
            let said = if run == 0 { break } else { self.opsc(&format!("rollback {run} -y")) };
            match said.code {
                0 => {
                    self.is_at("", Goal::Back, point);
                    return asked;
                }
                3 => self.resolve(run, &said, point),
                _ => panic!("{point}: {said:?}\n{:#?}", self.records()),
            }
        }
        self.is_at("", Goal::Back, point);
        0
    }

    #[track_caller]
    pub(crate) fn is_at(&self, flow: &str, goal: Goal, point: &str) {
        let steps: &[(&str, &[&str])] = match flow {
            "good" => &[("w1", &["first", "weak", "second"]), ("w2", &["first", "weak", "second"]), ("w3", &["late"])],
            _ => &[
                ("w1", &["first", "stuck", "last"]),
                ("w2", &["first", "stuck", "last"]),
                ("w3", &["first", "stuck", "last"]),
            ],
        };
        for host in HOSTS {
            for step in STEPS {
                let is_step = steps.iter().any(|(of, names)| *of == host && names.contains(&step));
                let expected = usize::from(goal == Goal::Done && is_step);
                assert_eq!(self.times(host, step), expected, "{point}: {goal:?}: {step} on {host}");
            }
        }
        let written = |host: &str| goal == Goal::Done && (flow == "bad" || host != "w3");
        for (host, before) in [("w1", Some("old")), ("w2", None), ("w3", None)] {
            let expected = if written(host) { Some("new") } else { before };
            let found = self.project.read(&format!("root/{host}.conf"));
            assert_eq!(found.as_deref(), expected, "{point}: {goal:?}: conf on {host}: {:#?}", self.records());
        }
    }
}
