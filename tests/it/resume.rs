//! Runs that fail, are killed, or are done: gone on with, gone back over, and resolved by a person; through the binary.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::project::{Project, Said};

const INVENTORY: &str = "\
hosts:
  w1: { transport: local, os: linux }
  w2: { transport: local, os: linux }
";

/// A configuration, what follows from it, and what must be done once; then something that may fail.
const DEPLOY: &str = r#"ops 1

playbook deploy(content: string = "new") ! change, exec {
  on all() - host("localhost") (batch: 1) {
    conf = file.write(to: "ROOT/{host.name}.conf", content: content)
    was = shell.run(script: sh"cat ROOT/state 2>/dev/null || echo fresh", effect: "read")
    shell.run(script: sh"""echo "$h $was" >> ROOT/migrated; echo migrated > ROOT/state""", vars: { h: host.name, was: was.stdout }, effect: "change")
    HERE
    if conf.changed {
      shell.run(script: sh"""echo "$h" >> ROOT/reloaded""", vars: { h: host.name }, effect: "change")
    }
  }
}
"#;

const FAILS: &str = r#"shell.run(script: sh"""[ ! -e "ROOT/broken-$h" ]""", vars: { h: host.name }, effect: "read")"#;
/// Says that it is there, and waits.
const WAITS: &str =
    r#"shell.run(script: sh"""echo begun; until [ -e ROOT/go ]; do sleep 0.02; done""", effect: "read")"#;
const WAITS_ONCE: &str = r#"shell.run(script: sh"""echo "$h" >> ROOT/once; echo begun; until [ -e ROOT/go ]; do sleep 0.02; done""", vars: { h: host.name }, effect: "change")"#;

/// Two hosts that are this machine, and a playbook with folder `ROOT`.
pub(crate) struct Fleet {
    pub(crate) project: Project,
}

impl Fleet {
    pub(crate) fn new(here: &str) -> Fleet {
        let fleet = Fleet { project: Project::new() };
        fleet.project.write("inventory.yaml", INVENTORY);
        std::fs::create_dir(fleet.project.path("root")).unwrap();
        fleet.program("deploy.ops", &DEPLOY.replace("HERE", here));
        fleet
    }

    pub(crate) fn program(&self, name: &str, text: &str) {
        let root = self.project.path("root").display().to_string();
        self.project.write(name, &text.replace("ROOT", &root));
    }

    pub(crate) fn opsc(&self, line: &str) -> Said {
        self.project.opsc(&line.split_whitespace().collect::<Vec<_>>())
    }

    #[track_caller]
    pub(crate) fn comes_to(&self, line: &str, code: i32) -> Said {
        let said = self.opsc(line);
        assert_eq!(said.code, code, "{line}: {said:?}");
        said
    }

    pub(crate) fn root(&self, name: &str) -> String {
        self.project.read(&format!("root/{name}")).unwrap_or_default()
    }

    pub(crate) fn put(&self, name: &str, text: &str) {
        self.project.write(&format!("root/{name}"), text);
    }

    pub(crate) fn take(&self, name: &str) {
        std::fs::remove_file(self.project.path("root").join(name)).unwrap();
    }

    /// A run that has begun its step that waits.
    pub(crate) fn waiting(&self, line: &str) -> Child {
        self.waiting_below(&["env"], line)
    }

    /// The same, started by another program that becomes it.
    pub(crate) fn waiting_below(&self, starter: &[&str], line: &str) -> Child {
        let plain = self.project.command(&line.split_whitespace().collect::<Vec<_>>());
        let mut command = Command::new(starter[0]);
        command.args(&starter[1..]).arg(plain.get_program()).args(plain.get_args()).args(["-o", "ndjson"]);
        command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(self.project.folder.path()).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut events = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        assert!(events.any(|event| event.unwrap().contains("begun")), "it does not begin");
        child
    }

    /// A run that was killed in its step that waits.
    pub(crate) fn killed(&self, line: &str) {
        let mut child = self.waiting(line);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// Receipts, on this machine as a host.
impl Fleet {
    pub(crate) fn receipts(&self) -> Vec<PathBuf> {
        let folder = self.project.path("home/.opsc/receipts");
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect()
    }

    /// That of the one step that is under way, or that was killed.
    pub(crate) fn open_receipt(&self) -> Option<PathBuf> {
        self.receipts().into_iter().find(|receipt| !receipt.join("code").exists())
    }

    /// Kills what still does the one step that is under way, so that nobody knows how it ended.
    pub(crate) fn end_the_step(&self) {
        let running = self.open_receipt().unwrap();
        let process = std::fs::read_to_string(running.join("process")).unwrap();
        let pid = process.split(' ').next().unwrap();
        assert!(std::process::Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
        while std::path::Path::new("/proc").join(pid).exists() {
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_failed_run_goes_on_where_it_failed() {
    let fleet = Fleet::new(FAILS);
    fleet.put("broken-w2", "");
    fleet.comes_to("run deploy.ops -y -e content=other", 21);
    assert_eq!(fleet.root("migrated"), "w1 fresh\nw2 migrated\n");
    let again = fleet.comes_to("resume 1 -y", 21);
    assert!(
        again.stderr.contains("going on with run 1: 5 finished steps not done again, 3 steps looked at again"),
        "{again:?}"
    );
    assert!(again.stderr.contains("shell.run: ok (done in run 1)"), "{again:?}");
    fleet.take("broken-w2");
    fleet.comes_to("resume 2 -y", 0);
    assert_eq!(fleet.root("migrated"), "w1 fresh\nw2 migrated\n", "nothing is done twice");
    assert_eq!(fleet.root("reloaded"), "w1\nw2\n", "what follows from a change of an earlier run is done");
    assert_eq!(fleet.root("w2.conf"), "other", "with what was given then");

    let done = fleet.comes_to("resume 3 -y", 10);
    assert!(done.stderr.contains("run 3 is done: nothing of it is missing"), "{done:?}");
    let gone_on = fleet.comes_to("resume 1 -y", 10);
    assert!(gone_on.stderr.contains("run 2 went on with run 1"), "{gone_on:?}");
    assert_eq!(fleet.comes_to("resume 9 -y", 10).stderr, "error: there is no run `9`\nhint: `opsc runs` lists them\n");
}

#[test]
fn what_a_later_step_overtook_is_not_done_once_more() {
    let fleet = Fleet::new("");
    let moves = r#"ops 1

playbook swap() ! change, exec {
  on host("w1") {
    file.absent(path: "ROOT/current")
    file.write(to: "ROOT/current", content: "new")
    HERE
  }
}
"#;
    fleet.program("swap.ops", &moves.replace("HERE", FAILS).replace("vars: { h: host.name }", "vars: { h: \"w1\" }"));
    fleet.put("current", "old");
    fleet.put("broken-w1", "");
    fleet.comes_to("run swap.ops -y", 21);
    let again = fleet.comes_to("resume 1 -y", 21);
    assert!(again.stderr.contains("1 finished step not done again, 1 step looked at again"), "{again:?}");
    for line in ["= w1 file.absent: ok (done in run 1)", "= w1 file.write: ok ("] {
        assert!(again.stderr.contains(line), "{again:?}");
    }
    // What it brought about last is looked at, and mended where it is another thing by now.
    fleet.put("current", "drifted");
    fleet.take("broken-w1");
    fleet.comes_to("resume 2 -y", 0);
    assert_eq!(fleet.root("current"), "new");
}

#[test]
fn a_killed_run_goes_on_and_conditions_stay_decided() {
    let fleet = Fleet::new(WAITS);
    fleet.killed("run deploy.ops -y");
    fleet.put("go", "");
    fleet.comes_to("resume 1 -y", 0);
    assert_eq!(fleet.root("reloaded"), "w1\nw2\n", "the file of w1 was changed by the killed run");
    assert_eq!(fleet.root("migrated"), "w1 fresh\nw2 migrated\n");
}

#[test]
fn what_nobody_knows_is_asked_for_and_never_guessed() {
    for (said, once) in [("--done", "w1\nw2\n"), ("--not-done", "w1\nw1\nw2\n"), ("--again", "w1\nw1\nw2\n")] {
        let fleet = Fleet::new(WAITS_ONCE);
        fleet.killed("run deploy.ops -y");
        fleet.end_the_step();
        fleet.put("go", "");
        let refused = fleet.comes_to("resume 1 -y", 3);
        let told = "error: run 1 began 1 step that must not be done twice, and it is not known what is there now\n  w1 shell.run#2: its process on w1 is gone without a word\n";
        assert!(refused.stderr.starts_with(told), "{refused:?}");
        assert_eq!(fleet.root("once"), "w1\n", "nothing was done");
        let other = fleet.comes_to(&format!("resolve 1 shell.run w1 {said}"), 10);
        assert!(other.stderr.contains("to be said is: `shell.run#2 w1`"), "{other:?}");
        fleet.comes_to(&format!("resolve 1 shell.run#2 w1 {said}"), 0);
        let resumed = fleet.comes_to("resume 1 -y", 0);
        assert!(!resumed.stderr.contains("failed"), "nothing did: {resumed:?}");
        let begins = "  w1 shell.run#2 begins again, since somebody said that it may\n";
        assert_eq!(resumed.stderr.contains(begins), said == "--again", "{resumed:?}");
        assert_eq!(fleet.root("once"), once, "{said}");
        assert_eq!(fleet.root("reloaded"), "w1\nw2\n");
    }
}

#[test]
fn what_is_under_way_or_changed_is_not_gone_on_with() {
    let fleet = Fleet::new(WAITS);
    let mut child = fleet.waiting("run deploy.ops -y");
    let under_way = fleet.comes_to("resume 1 -y", 26);
    assert!(under_way.stderr.contains(&format!("run 1 is under way, in process {}", child.id())), "{under_way:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    fleet.put("go", "");
    let text = fleet.project.read("deploy.ops").unwrap();
    fleet.project.write("deploy.ops", &text.replace("\"new\"", "\"newer\""));
    let stale = fleet.comes_to("resume 1 -y", 25);
    assert!(stale.stderr.contains("has changed since") && stale.stderr.contains("start anew"), "{stale:?}");
    fleet.project.write("deploy.ops", &text);
    let inventory = format!("{INVENTORY}  w3: {{ transport: local, os: linux }}\n");
    fleet.project.write("inventory.yaml", &inventory);
    let stale = fleet.comes_to("rollback 1 -y", 25);
    assert!(stale.stderr.contains("the inventory is not"), "{stale:?}");
    fleet.project.write("inventory.yaml", INVENTORY);
    assert_eq!(fleet.root("reloaded"), "", "nothing ran meanwhile");
    fleet.comes_to("resume 1", 3);
    fleet.comes_to("resume 1 -y", 0);
    assert_eq!(fleet.root("reloaded"), "w1\nw2\n");
}

#[test]
fn a_run_of_one_action_is_not_asked_for_again() {
    let fleet = Fleet::new("");
    fleet.comes_to("exec -l w1 -y -- false", 21);
    let refused = fleet.comes_to("resume 1 -y", 10);
    assert!(refused.stderr.contains("give its command again"), "{refused:?}");
}

/// Three changes, and a way back from all.
const STACK: &str = r#"ops 1

playbook stack() ! change, exec {
  on host("w1") {
    a = file.write(to: "ROOT/a", content: "new a")
    file.write(to: "ROOT/b", content: "new {a.changed}")
    shell.run(script: sh"[ ! -e ROOT/broken ]", effect: "read")
    shell.run(script: sh"touch ROOT/c", effect: "change", undo: sh"rm ROOT/c")
    on failure { rollback }
  }
  always {
    at controller {
      shell.run(script: sh"echo x >> ROOT/ends", effect: "change")
    }
  }
}
"#;

#[test]
fn a_done_run_is_gone_back_over() {
    let fleet = Fleet::new("");
    fleet.program("stack.ops", STACK);
    fleet.put("a", "old");
    fleet.comes_to("run stack.ops -y", 0);
    assert_eq!((fleet.root("a").as_str(), fleet.project.path("root/c").exists()), ("new a", true));
    let asked = fleet.comes_to("rollback 1", 3);
    assert!(!asked.stderr.contains("since"), "{asked:?}");
    assert!(asked.stderr.contains("going back over run 1:\n  w1 a\n  w1 file.write\n  w1 shell.run#2\n"), "{asked:?}");
    let back = fleet.comes_to("rollback 1 -y", 0);
    assert!(back.stdout.contains("w1 : ok=0 changed=0 unreachable=0 failed=0 skipped=0 rolled_back=3"), "{back:?}");
    assert_eq!(fleet.root("a"), "old");
    assert!(!fleet.project.path("root/b").exists() && !fleet.project.path("root/c").exists());
    assert_eq!(fleet.root("ends"), "x\n", "clauses are for the end of a run");
    let nothing = fleet.comes_to("rollback 2 -y", 0);
    assert_eq!(nothing.stderr, "run 2 left nothing to undo\n");
    let twice = fleet.comes_to("rollback 1 -y", 10);
    assert!(twice.stderr.contains("run 2 went back over run 1"), "{twice:?}");
    let page = fleet.comes_to("report 1 -o html", 0).stdout;
    assert!(page.contains("run 2 went back over it") && !page.contains("went on with it"), "{page}");
    let (runs, shown) = (fleet.comes_to("runs", 0).stdout, fleet.comes_to("show 2", 0).stdout);
    assert!(runs.contains("  goes back over run 1\n") && shown.contains("\n  goes back over run 1\n"), "{runs}{shown}");
}

/// What is undone first still finds what it was built on.
const ORDER: &str = r#"ops 1

playbook order() ! change, exec {
  on host("w1") {
    file.write(to: "ROOT/a", content: "new a")
    shell.run(script: sh"touch ROOT/c", effect: "change", undo: sh"cp ROOT/a ROOT/found")
    shell.run(script: sh"[ ! -e ROOT/broken ]", effect: "read")
  }
}
"#;

#[test]
fn a_step_that_was_looked_at_again_is_not_undone_before_what_came_after_it() {
    let fleet = Fleet::new("");
    fleet.program("order.ops", ORDER);
    fleet.put("a", "old");
    fleet.put("broken", "");
    fleet.comes_to("run order.ops -y", 21);
    fleet.take("broken");
    fleet.comes_to("resume 1 -y", 0);
    fleet.comes_to("rollback 2 -y", 0);
    assert_eq!((fleet.root("found").as_str(), fleet.root("a").as_str()), ("new a", "old"));
}

/// Waits while it is undone, and takes one line away.
const UNDOES: &str = r#"ops 1

playbook undoes() ! change, exec {
  on host("w1") {
    shell.run(script: sh"printf 'x\nx\nx\n' > ROOT/lines", effect: "change", undo: sh"""sed -i 1d ROOT/lines; echo begun; until [ -e ROOT/go ]; do sleep 0.02; done""")
  }
}
"#;

#[test]
fn what_may_have_been_undone_is_not_undone_again_unasked() {
    for (said, left) in [("--done", "x\nx\n"), ("--not-done", "x\n"), ("--again", "x\n")] {
        let fleet = Fleet::new("");
        fleet.program("undoes.ops", UNDOES);
        fleet.comes_to("run undoes.ops -y", 0);
        fleet.killed("rollback 1 -y");
        fleet.put("go", "");
        let refused = fleet.comes_to("rollback 2 -y", 3);
        assert!(
            refused.stderr.contains("it is not known what is there now\n  w1 shell.run (its rollback)\n"),
            "{refused:?}"
        );
        assert_eq!(fleet.root("lines"), "x\nx\n", "nothing was done");
        fleet.comes_to(&format!("resolve 2 shell.run w1 {said}"), 0);
        fleet.comes_to("rollback 2 -y", 0);
        assert_eq!(fleet.root("lines"), left, "{said}");
    }
}

#[test]
fn who_runs_on_hosts_that_were_left_unfinished_is_told_until_somebody_has() {
    let fleet = Fleet::new(WAITS);
    fleet.killed("run deploy.ops -y -l w1");
    fleet.put("go", "");
    let elsewhere = fleet.comes_to("run deploy.ops -y -l w2", 0);
    assert!(!elsewhere.stderr.contains("warning"), "{elsewhere:?}");
    let warning = "warning: run 1 (deploy) died on w1, and nobody went on with it: `opsc show 1`, then `opsc resume 1`";
    let asked = fleet.comes_to("run deploy.ops", 3);
    assert!(asked.stderr.contains(warning), "{asked:?}");
    let there = fleet.comes_to("run deploy.ops -y", 0);
    assert!(there.stderr.contains(warning), "{there:?}");
    let after = fleet.comes_to("run deploy.ops -y", 0);
    assert!(!after.stderr.contains(warning), "{after:?}");
    let owed = "warning: run 1 (deploy) changed `conf` on w1 and did not come to `shell.run#3`";
    assert!(after.stderr.contains(owed), "what waits for the change is still missing: {after:?}");

    let fleet = Fleet::new(WAITS);
    fleet.killed("run deploy.ops -y -l w1");
    fleet.put("go", "");
    fleet.comes_to("resume 1 -y", 0);
    let after = fleet.comes_to("run deploy.ops -y", 0);
    assert!(!after.stderr.contains("warning"), "{after:?}");
}

#[test]
fn who_goes_back_is_told_of_later_runs_on_the_same_hosts() {
    let fleet = Fleet::new("");
    fleet.comes_to("run deploy.ops -y -l w1", 0);
    fleet.comes_to("run deploy.ops -y -l w2", 0);
    fleet.comes_to("run deploy.ops -y -e content=newer", 0);
    let asked = fleet.comes_to("rollback 1", 3);
    let warning = "warning: run 3 (deploy) changed w1 since; what it did to the same things may be lost\n";
    assert!(asked.stderr.contains(warning) && !asked.stderr.contains("run 2"), "{asked:?}");
    let newest = fleet.comes_to("rollback 3", 3);
    assert!(!newest.stderr.contains("since"), "{newest:?}");
}

#[test]
fn a_resumed_run_that_fails_undoes_what_the_first_one_did() {
    let fleet = Fleet::new("");
    fleet.program(
        "stack.ops",
        &STACK.replace(
            "[ ! -e ROOT/broken ]",
            "echo begun; until [ -e ROOT/go ]; do sleep 0.02; done; [ ! -e ROOT/broken ]",
        ),
    );
    fleet.put("a", "old");
    fleet.killed("run stack.ops -y");
    assert_eq!((fleet.root("a").as_str(), fleet.root("ends").as_str()), ("new a", ""));
    fleet.put("go", "");
    fleet.put("broken", "");
    fleet.comes_to("resume 1 -y", 23);
    assert_eq!(fleet.root("a"), "old", "as it was before the first run");
    assert!(!fleet.project.path("root/b").exists());
    fleet.take("broken");
    fleet.comes_to("resume 2 -y", 0);
    assert_eq!(fleet.root("a"), "new a", "what was undone is done again");
    assert!(fleet.project.path("root/c").exists());
}

/// What it found before is a secret.
const ACTION: &str = r#"ops 1

action token.set(value: secret<text>) -> { old: string } ! change {
  doc: "Sets the token."
  example: "token.set(value: secret(\"file:token\"))"
  skip: before.old == before.new
  ensure: after.old == after.new

  linux {
    check sh """
      out old "$(cat ROOT/token)"
      out new "$value"
    """
    apply sh """
      printf '%s\n' "$value" > ROOT/token
    """
    rollback sh """
      printf '%s\n' "$before_old" > ROOT/token
    """
  }
}
"#;

#[test]
fn no_secret_is_kept_and_that_is_said() {
    let fleet = Fleet::new("");
    fleet.program("actions/token.ops", ACTION);
    fleet.program(
        "tokens.ops",
        "ops 1\n\nplaybook tokens() ! change {\n  on host(\"w1\") {\n    file.write(to: \"ROOT/a\", content: \"a\")\n    token.set(value: secret(\"file:secrets/new\"))\n  }\n}\n",
    );
    fleet.project.write("secrets/new", "Kanarienvogel");
    std::fs::set_permissions(fleet.project.path("secrets/new"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    fleet.put("token", "old-token\n");
    fleet.comes_to("run tokens.ops -y", 0);
    assert_eq!(fleet.root("token"), "Kanarienvogel\n");
    let back = fleet.comes_to("rollback 1 -y", 24);
    assert!(back.stderr.ends_with("`opsc rollback 2` tries again\n"), "{back:?}");
    assert!(back.stderr.contains("was not kept by the run that changed it, since a secret is in it"), "{back:?}");
    assert_eq!(fleet.root("token"), "Kanarienvogel\n");
    assert!(!fleet.project.path("root/a").exists(), "the others are undone");
    for file in std::fs::read_dir(fleet.project.path(".opsc")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(13).any(|window| window == b"Kanarienvogel"), "the journal knows it");
    }
}

/// What it needs to go back is known only to who hears how it ended.
const FORGETS: &str = r#"ops 1

action thing.set(to: text) -> { kept: string? } ! change {
  doc: "Sets the thing."
  example: "thing.set(to: \"new\")"
  skip: before.now == before.wanted
  ensure: after.now == after.wanted

  linux {
    check sh """
      out now "$(cat ROOT/thing)"
      out wanted "$to"
    """
    apply sh """
      out kept "$(cat ROOT/thing)"
      printf '%s\n' "$to" > ROOT/thing
      echo begun
      until [ -e ROOT/go ]; do sleep 0.02; done
    """
    rollback sh """
      if [ -n "${apply_kept:-}" ]; then printf '%s\n' "$apply_kept" > ROOT/thing; fi
    """
  }
}
"#;

#[test]
fn a_rollback_of_what_nobody_heard_of_is_not_believed_but_looked_at() {
    let fleet = Fleet::new("");
    fleet.program("actions/thing.ops", FORGETS);
    fleet.program(
        "things.ops",
        "ops 1\n\nplaybook things() ! change {\n  on host(\"w1\") {\n    thing.set(to: \"new\")\n  }\n}\n",
    );
    fleet.put("thing", "old\n");
    fleet.killed("run things.ops -y");
    fleet.put("go", "");
    for run in 1..=2 {
        let back = fleet.comes_to(&format!("rollback {run} -y"), 24);
        let told = "the rollback ended well, but it is not as it was before: `now` was `old` and is `new`";
        assert!(back.stderr.contains(told), "{back:?}");
    }
    fleet.put("thing", "old\n");
    fleet.comes_to("rollback 3 -y", 0);
}

#[test]
fn a_file_comes_back_also_where_nobody_heard_where_it_was_kept() {
    let fleet = Fleet::new(WAITS_ONCE);
    fleet.put("w1.conf", "old");
    fleet.killed("run deploy.ops -y");
    fleet.put("go", "");
    // As if the run had died before it heard of the file.
    let journal = rusqlite::Connection::open(fleet.project.path(".opsc/journal.sqlite")).unwrap();
    assert!(journal.execute("DELETE FROM results WHERE step = 'conf'", []).unwrap() > 0);
    assert_eq!(fleet.root("w1.conf"), "new");
    let back = fleet.opsc("rollback 1 -y");
    assert!(back.stderr.contains("conf: rolled_back"), "{back:?}");
    assert_eq!(fleet.root("w1.conf"), "old");
}
