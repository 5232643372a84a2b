//! The dry run never lies: programs that nobody wrote are planned, run, and what came of each step is held against what
//! was foreseen. Through the binary, on this machine under two names.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use super::dry_run_programs::{Case, Entry, PAIR, case, is_calm, program};
use super::project::{Project, Said};

const HOSTS: [&str; 2] = ["web1", "web2"];

const INVENTORY: &str = "\
groups:
  web:
    hosts: [web1, web2]
    transport: local
    os: linux
";

/// By step and host.
type Verdicts = BTreeMap<(String, String), String>;
/// Mode, and content or target, by path.
type Snapshot = BTreeMap<String, (u32, Vec<u8>)>;

pub(crate) struct Trial {
    pub(crate) project: Project,
}

impl Trial {
    pub(crate) fn new(text: &str) -> Trial {
        let project = Project::new();
        project.write("inventory.yaml", INVENTORY);
        project.write("actions/pair.ops", PAIR);
        project.write("one.txt", "one");
        project.write("two.txt", "two");
        project.write("t.j2", "{{ text }}");
        project.write("token", "correct horse");
        fs::set_permissions(project.path("token"), fs::Permissions::from_mode(0o600)).unwrap();
        for folder in ["web1", "web2", "controller"] {
            fs::create_dir_all(project.path("root").join(folder)).unwrap();
        }
        let root = project.path("root").to_str().unwrap().to_string();
        let text = text.replace("@/", &format!("{root}/{{host.name}}/")).replace("%/", &format!("{root}/controller/"));
        project.write("p.ops", &text);
        Trial { project }
    }

    fn fill(&self, host: &str, entries: &[Entry]) {
        let folder = self.project.path("root").join(host);
        for entry in entries {
            match entry {
                Entry::File(name, text, mode) => {
                    fs::write(folder.join(name), text).unwrap();
                    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(*mode)).unwrap();
                }
                Entry::Folder(name, mode) => {
                    fs::create_dir(folder.join(name)).unwrap();
                    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(*mode)).unwrap();
                }
                Entry::Link(name, to) => symlink(to, folder.join(name)).unwrap(),
            }
        }
    }

    pub(crate) fn plan(&self) -> (Said, Verdicts) {
        let said = self.project.opsc(&["plan", "p.ops"]);
        let verdicts = verdicts(&said.stdout);
        (said, verdicts)
    }

    pub(crate) fn run(&self) -> (Said, Verdicts) {
        let said = self.project.opsc(&["run", "p.ops", "-y", "-o", "ndjson"]);
        let outcomes = outcomes(&said.stdout);
        (said, outcomes)
    }

    fn snapshot(&self, below: &str) -> Snapshot {
        let mut found = Snapshot::new();
        look(&self.project.path(below), &mut found);
        found
    }

    /// What is wrong with the plan, if anything is; `Ok(false)` where the program is none.
    pub(crate) fn judge(&self, calm: bool) -> Result<bool, String> {
        let before = self.snapshot("");
        let (planned, foreseen) = self.plan();
        if ![0, 20, 21].contains(&planned.code) {
            return if planned.code == 11 { Ok(false) } else { Err(format!("{planned:?}")) };
        }
        if self.snapshot("") != before {
            return Err(format!("the plan changed the folder\n{}", planned.stdout));
        }
        let (ran, came) = self.run();
        let story = || format!("\n{}\n{}\n{came:#?}", planned.stdout, ran.stderr);
        for ((step, host), outcome) in &came {
            let verdict = foreseen.get(&(step.clone(), host.clone())).map_or("", String::as_str);
            if let Some(lie) = lie(verdict, outcome) {
                return Err(format!("{step} on {host}: {lie}: {verdict:?}, then {outcome}{}", story()));
            }
        }
        self.unforeseen(&foreseen, &before).map_err(|lie| format!("{lie}{}", story()))?;
        if calm && ran.code == 0 {
            let (again, settled) = self.plan();
            if settled.values().any(|verdict| verdict.starts_with('~')) {
                return Err(format!("a second plan has something to change{}\n{}", story(), again.stdout));
            }
        }
        Ok(true)
    }

    /// A host on which nothing was to change, and something did.
    fn unforeseen(&self, foreseen: &Verdicts, before: &Snapshot) -> Result<(), String> {
        let below = |snapshot: &Snapshot, name: &str| -> Snapshot {
            let here = format!("{}/", self.project.path("root").join(name).display());
            snapshot
                .iter()
                .filter(|(path, _)| path.starts_with(&here))
                .map(|(path, found)| (path.clone(), found.clone()))
                .collect()
        };
        let after = self.snapshot("root");
        for host in HOSTS {
            let may_change = foreseen.iter().any(|((_, at), verdict)| at == host && verdict.starts_with(['~', '?']));
            if !may_change && below(&after, host) != below(before, host) {
                return Err(format!("nothing was to change on {host}"));
            }
        }
        Ok(())
    }
}

/// `None` where the outcome is one that the verdict allows.
fn lie(verdict: &str, outcome: &str) -> Option<&'static str> {
    let first = verdict.chars().next();
    match (first, outcome) {
        (Some('?' | '~'), "changed" | "ok" | "failed" | "ignored") | (Some('?' | '-'), "skipped") => None,
        (Some('='), "ok") | (Some('x'), "failed" | "ignored") => None,
        (None, "changed") => Some("nothing was said, and it changed something"),
        (None, _) => None,
        (Some('='), _) => Some("said to be as it should"),
        (Some('-'), _) => Some("said to be skipped"),
        (Some('x'), _) => Some("said to fail"),
        (Some('~'), _) => Some("said to change something"),
        _ => Some("nothing is known of this"),
    }
}

/// The part of a plan's text that says what hosts answered.
fn verdicts(text: &str) -> Verdicts {
    let mut found = Verdicts::new();
    let mut step = String::new();
    for line in text.lines() {
        let answer = line.strip_prefix("  ").and_then(|rest| rest.split_once(": "));
        match answer
            .filter(|(host, verdict)| HOSTS.contains(host) && verdict.starts_with(['=', '-', '~', '?', '!', 'x']))
        {
            Some((host, verdict)) => drop(found.insert((step.clone(), host.to_string()), verdict.to_string())),
            None => step = line.to_string(),
        }
    }
    found
}

fn outcomes(events: &str) -> Verdicts {
    let events = events.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let text = |event: &serde_json::Value, field: &str| event[field].as_str().unwrap().to_string();
    events
        .filter(|event| event["kind"] == "step.finished")
        .map(|event| ((text(&event, "step"), text(&event, "host")), text(&event, "outcome")))
        .filter(|((step, _), _)| !["require", "skip if", "if"].contains(&step.as_str()))
        .collect()
}

fn look(path: &Path, found: &mut Snapshot) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        let about = fs::symlink_metadata(&path).unwrap();
        let content = match () {
            () if about.is_symlink() => fs::read_link(&path).unwrap().to_str().unwrap().as_bytes().to_vec(),
            () if about.is_file() => fs::read(&path).unwrap(),
            () => Vec::new(),
        };
        found.insert(path.to_str().unwrap().to_string(), (about.permissions().mode(), content));
        if about.is_dir() {
            look(&path, found);
        }
    }
}

fn tried(case: &Case) -> Result<bool, TestCaseError> {
    let text = program(case);
    let trial = Trial::new(&text);
    for (host, entries) in HOSTS.iter().zip(&case.entries) {
        trial.fill(host, entries);
    }
    trial.judge(is_calm(case)).map_err(|lie| TestCaseError::fail(format!("{lie}\n{text}\n{:?}", case.entries)))
}

#[test]
fn a_dry_run_never_lies() {
    let long = std::env::var_os("OPSC_TEST_LONG").is_some();
    let config = Config {
        cases: if long { 2_000 } else { 48 },
        failure_persistence: None,
        max_shrink_iters: 120,
        ..Config::default()
    };
    let rng = if long {
        TestRng::from_seed(RngAlgorithm::ChaCha, &rand_seed())
    } else {
        TestRng::deterministic_rng(RngAlgorithm::ChaCha)
    };
    let programs = std::cell::Cell::new(0_u32);
    let ran = TestRunner::new_with_rng(config.clone(), rng).run(&case(), |case| {
        if tried(&case)? {
            programs.set(programs.get() + 1);
        }
        Ok(())
    });
    if let Err(failure) = ran {
        panic!("{failure}");
    }
    assert!(programs.get() > config.cases / 2, "only {} of {} texts were programs", programs.get(), config.cases);
}

/// The seed of long runs, given as `OPSC_TEST_SEED`, so that they do not repeat each other.
fn rand_seed() -> [u8; 32] {
    let mut seed = [0; 32];
    let given = std::env::var("OPSC_TEST_SEED").unwrap_or_default();
    seed.iter_mut().zip(given.bytes()).for_each(|(to, from)| *to = from);
    seed
}

/// What is foreseen for `web1`, by step.
fn foreseen(body: &str, prepare: impl FnOnce(&Path)) -> BTreeMap<String, String> {
    let head = "ops 1\n\nplaybook p(\n  web: hosts<linux> = group(\"web\"),\n) ! change, exec {\n";
    let trial = Trial::new(&format!("{head}{body}}}\n"));
    prepare(&trial.project.path("root"));
    let (planned, verdicts) = trial.plan();
    assert!(!verdicts.is_empty(), "{planned:?}");
    assert_eq!(trial.judge(false), Ok(true));
    verdicts.into_iter().filter(|((_, host), _)| host == "web1").map(|((step, _), verdict)| (step, verdict)).collect()
}

fn nothing(_: &Path) {}

#[test]
fn a_step_that_counts_as_changed_is_said_to() {
    let body = "on web {\n  x = file.info(path: \"@/a\") {\n    changed: not it.exists\n  }\n  if x.changed {\n    file.write(to: \"@/b\", content: \"one\")\n  }\n}\n";
    let found = foreseen(body, nothing);
    assert_eq!(
        (found["x"].as_str(), found["file.write"].as_str()),
        ("~ will change: changed → true", "~ will change: exists false")
    );
}

#[test]
fn what_stands_behind_a_failure_is_not_reached() {
    let body = "on web {\n  x = file.info(path: \"@/a\")\n  require x.exists else \"no a on {host.name}\"\n  file.write(to: \"@/b\", content: \"one\")\n  always {\n    file.write(to: \"@/c\", content: \"end\")\n  }\n}\non web {\n  file.write(to: \"@/d\", content: \"two\")\n  always {\n    file.write(to: \"@/e\", content: \"end\")\n  }\n}\non web (include_failed: true) {\n  file.write(to: \"@/f\", content: \"three\")\n}\n";
    let found = foreseen(body, nothing);
    assert_eq!(found["require"], "x will fail: no a on web1");
    let later = ["file.write", "file.write#3", "file.write#4"].map(|step| found[step].as_str());
    assert_eq!(later, ["- not reached (`require` fails)"; 3]);
    assert_eq!(found["file.write#2"], "~ will change: exists false", "always is reached");
    assert_eq!(found["file.write#5"], "~ will change: exists false", "who failed takes part");

    let fails = "on web {\n  file.move(from: \"@/no/b\", to: \"@/x\") {\n    allow_failure: true\n  }\n  file.move(from: \"@/no/c\", to: \"@/y\")\n  file.write(to: \"@/d\", content: \"one\")\n}\n";
    let found = foreseen(fails, nothing);
    assert!(found["file.move"].starts_with("x will fail"), "{found:?}");
    assert!(found["file.move#2"].starts_with("x will fail"), "an allowed failure ends nothing: {found:?}");
    assert_eq!(found["file.write"], "- not reached (file.move#2 fails)");
}

#[test]
fn what_is_looked_at_after_a_change_is_unknown() {
    let body = "on web {\n  file.write(to: \"@/a\", content: \"one\")\n  x = file.info(path: \"@/a\")\n  y = file.info(path: \"@/b\")\n  shell.run(script: sh\"echo one\", effect: \"read\")\n  if not x.exists {\n    file.write(to: \"@/c\", content: \"one\")\n  }\n}\n";
    let found = foreseen(body, nothing);
    assert_eq!((found["x"].as_str(), found["y"].as_str()), ("? unknown (after file.write)", "= ok"));
    assert_eq!(found["shell.run"], "? unknown (after file.write)");
    assert_eq!(found["file.write#2"], "? unknown (its condition depends on the run)");
}

#[test]
fn a_result_that_is_still_to_come_is_not_an_absent_one() {
    let body = "on web {\n  x = file.write(to: \"@/a\", content: \"one\")\n  y = file.info(path: \"@/b\")\n  if (x.mode ?? \"none\") != \"none\" {\n    file.write(to: \"@/c\", content: \"one\")\n  }\n  if y.mode == \"644\" {\n    file.write(to: \"@/d\", content: \"one\")\n  }\n}\non web {\n  if x.changed.count == 2 {\n    file.write(to: \"@/e\", content: \"one\")\n  }\n}\n";
    let found = foreseen(body, nothing);
    let unknown = "? unknown (its condition depends on the run)";
    assert_eq!((found["file.write"].as_str(), found["file.write#3"].as_str()), (unknown, unknown));
    assert_eq!(found["file.write#2"], "- skipped", "there is no such file, so the run finds no mode either");
}

#[test]
fn what_always_runs_is_foreseen_too() {
    let body = "on web {\n  file.write(to: \"@/a\", content: \"one\")\n  always {\n    file.write(to: \"@/b\", content: \"one\")\n  }\n}\n";
    assert_eq!(foreseen(body, nothing)["file.write#2"], "~ will change: exists false");
}

#[test]
fn hosts_that_reads_decide_are_foreseen() {
    let body = "on web {\n  x = file.info(path: \"@/a\")\n}\nlet chosen = web where x[host].exists\non chosen {\n  file.write(to: \"@/b\", content: \"one\")\n}\non web {\n  if x.count == 2 {\n    file.write(to: \"@/c\", content: \"one\")\n  }\n}\n";
    let with = foreseen(body, |root| fs::write(root.join("web1/a"), "one").unwrap());
    assert_eq!(with["file.write"], "~ will change: exists false");
    let without = foreseen(body, nothing);
    assert_eq!(without.get("file.write"), None);
    assert_eq!(without["file.write#2"], "~ will change: exists false");
    let changed = body.replace("x = file.info", "file.write(to: \"@/a\", content: \"one\")\n  x = file.info");
    assert_eq!(foreseen(&changed, nothing)["file.write#2"], "? unknown (its hosts depend on the run)");
}

#[test]
fn what_another_host_does_at_a_shared_machine_comes_between() {
    let body = "on web {\n  at controller {\n    file.write(to: \"%/a\", content: \"{host.name}\")\n  }\n}\n";
    let found = foreseen(body, |root| fs::write(root.join("controller/a"), "web1").unwrap());
    assert_eq!(found["file.write"], "? unknown (after file.write for web2)");
}

#[test]
fn a_file_is_the_same_under_the_name_of_a_link() {
    let body = "on web {\n  file.write(to: \"@/d/x\", content: \"one\")\n  file.write(to: \"@/ld/x\", content: \"two\")\n  file.write(to: \"@/d/./y\", content: \"two\")\n}\n";
    let found = foreseen(body, |root| {
        for host in HOSTS {
            fs::create_dir(root.join(host).join("d")).unwrap();
            fs::write(root.join(host).join("d/x"), "two").unwrap();
            fs::write(root.join(host).join("d/y"), "two").unwrap();
            symlink("d", root.join(host).join("ld")).unwrap();
        }
    });
    assert_eq!(found["file.write#2"], "? unknown (after file.write)");
    assert_eq!(found["file.write#3"], "= ok");
}

#[test]
fn a_script_that_reads_is_asked_where_a_condition_needs_it() {
    let read = |name: &str| {
        format!(
            "  {name}shell.run(script: sh\"cat \\\"$d/a\\\"; echo asked >&2\", effect: \"read\", vars: {{ d: \"@/.\" }})\n"
        )
    };
    let write = "    file.write(to: \"@/b\", content: \"one\")\n";
    let body = format!(
        "on web {{\n{}{}  if x.stdout == \"one\" {{\n{write}  }} else {{\n{write}  }}\n{}}}\n",
        read("x = "),
        read("y = "),
        read("")
    );
    let found = foreseen(&body, |root| {
        HOSTS.iter().for_each(|host| fs::write(root.join(host).join("a"), "one").unwrap());
    });
    assert_eq!((found["x"].as_str(), found["y"].as_str()), ("= ok", "? unknown (it reads only in a run)"));
    assert_eq!(
        (found["file.write"].as_str(), found["file.write#2"].as_str()),
        ("~ will change: exists false", "- skipped")
    );
}

#[test]
fn urls_and_what_is_waited_for_are_asked_once_and_said_to_be_so_now() {
    let health = super::project::Health::start();
    let url = format!("http://127.0.0.1:{}/", health.port);
    let body = format!(
        "on web {{\n  up = http.check(url: \"{url}\")\n  x = file.info(path: \"@/a\") {{\n    until: it.exists\n  }}\n  if up.status == 200 {{\n    file.directory(path: \"@/c\")\n  }}\n  file.write(to: \"@/b\", content: \"one\")\n  last = http.check(url: \"{url}\")\n}}\n"
    );
    let text =
        format!("ops 1\n\nplaybook p(\n  web: hosts<linux> = group(\"web\"),\n) ! change, network {{\n{body}}}\n");
    let trial = Trial::new(&text);
    let said = |step: &str| trial.plan().1[&(step.to_string(), "web1".to_string())].clone();
    assert_eq!((said("up").as_str(), said("x").as_str()), ("= ok now", "? unknown (`until` is not true now)"));
    assert_eq!(said("file.directory"), "? unknown (its condition depends on the run)");
    assert_eq!(said("last"), "? unknown (after file.directory)");
    fs::write(trial.project.path("root/web1/a"), "one").unwrap();
    assert_eq!(said("x"), "= ok now");
    health.set(503);
    assert!(said("up").starts_with("? unknown (now: "), "{}", said("up"));
}
