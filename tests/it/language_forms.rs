//! Forms of the language from text to effect, through the binary: loops, leaving out, other places. Knows no host but
//! this machine, under several names.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::project::{Project, Said};

/// Four hosts that are this machine.
const LOCAL: &str = "\
groups:
  web:
    hosts: [w1, w2, w3]
    transport: local
    os: linux
hosts:
  lb:
    transport: local
    os: linux
  gone:
    address: 127.0.0.1
    port: 1
    os: linux
";

pub(crate) struct Forms {
    pub(crate) project: Project,
}

impl Forms {
    pub(crate) fn new() -> Forms {
        let project = Project::new();
        project.write("inventory.yaml", LOCAL);
        std::fs::create_dir(project.path("root")).unwrap();
        Forms { project }
    }

    /// A playbook with this body; `ROOT` in it is a folder of the test. It must be in canonical form and without a word
    /// from `check`.
    pub(crate) fn playbook(&self, row: &str, body: &str) {
        let root = self.project.path("root");
        let text = format!("ops 1\n\nplaybook a() ! {row} {{\n{}\n}}\n", body.trim_matches('\n'));
        self.project.write("a.ops", &text.replace("ROOT", root.to_str().unwrap()));
        let checked = self.project.opsc(&["check", "a.ops"]);
        assert!(checked.code == 0 && checked.stderr.contains("0 warnings"), "{checked:?}\n{text}");
        let formatted = self.project.opsc(&["fmt", "--diff", "a.ops"]);
        assert_eq!(formatted.code, 0, "{}", formatted.stdout);
    }

    pub(crate) fn run(&self) -> Said {
        self.project.opsc(&["run", "a.ops", "-y"])
    }

    pub(crate) fn plan(&self) -> serde_json::Value {
        let planned = self.project.opsc(&["plan", "a.ops", "--offline", "-o", "json"]);
        serde_json::from_str(&planned.stdout).unwrap_or_else(|error| panic!("{error}: {planned:?}"))
    }

    fn steps(&self) -> Vec<String> {
        self.plan()["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn read(&self, name: &str) -> Option<String> {
        self.project.read(&format!("root/{name}"))
    }

    /// What `check` says of a body that is wrong.
    pub(crate) fn refused(&self, row: &str, body: &str) -> String {
        self.project.write("b.ops", &format!("ops 1\n\nplaybook b() ! {row} {{\n{}\n}}\n", body.trim_matches('\n')));
        let checked = self.project.opsc(&["check", "b.ops"]);
        assert_eq!(checked.code, 11, "{checked:?}");
        checked.stderr
    }
}

#[test]
fn what_a_loop_binds_is_a_list_after_it() {
    let forms = Forms::new();
    forms.playbook(
        "change, exec",
        r#"
  on group("web") {
    for n in [10, 20] {
      if host.name != "w3" {
        said = shell.run(script: sh"echo \"$n\"", effect: "read", vars: { n: "{n}" })
      }
    }
    require host.name == "w3" or (said.count == 2 and said[1].stdout == "20") else "{said.count}"
  }
  require said.skipped.names == ["w3"] and said.ok.count == 2 else "{said.skipped.names}"
  let both = map(said, it[0].stdout ?? "none")
  require both == ["10", "10", "none"] else "other values"
  for part in ["a", "b"] {
    made = on host("w1") {
      file.write(to: "ROOT/{part}", content: part)
    }
  }
  require made[1].changed.count == 1 else "nothing was made"
"#,
    );
    let run = forms.run();
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!((forms.read("a").as_deref(), forms.read("b").as_deref()), (Some("a"), Some("b")));
    assert_eq!(forms.steps(), ["said[10]", "said[20]", "file.write[a]", "file.write[b]"]);
}

#[test]
fn a_repeat_ends_when_its_condition_holds_and_fails_when_it_never_does() {
    let forms = Forms::new();
    let body = r#"
  on host("w1") {
    repeat (times: 4, until: seen.stdout == "xxx") {
      shell.run(script: sh"printf x >>ROOT/tries", effect: "change")
      seen = shell.run(script: sh"cat ROOT/tries", effect: "read")
    }
    require seen != none else "no round ran"
    file.write(to: "ROOT/last", content: seen.stdout)
  }
"#;
    forms.playbook("change, exec", body);
    assert_eq!(forms.steps().len(), 9);
    let run = forms.run();
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(forms.read("last").as_deref(), Some("xxx"));
    assert!(run.stdout.contains("ok=7 changed=4") && run.stdout.contains("skipped=2"), "{run:?}");

    std::fs::remove_file(forms.project.path("root/tries")).unwrap();
    std::fs::remove_file(forms.project.path("root/last")).unwrap();
    forms.playbook("change, exec", &body.replace("times: 4", "times: 2"));
    let run = forms.run();
    assert!(run.code == 21 && run.stderr.contains("was not true after 2 rounds"), "{run:?}");
    assert_eq!((forms.read("tries").as_deref(), forms.read("last")), (Some("xx"), None));

    for (head, expected) in [
        ("repeat (until: true)", "`repeat` says how often"),
        ("repeat (times: 0)", "1..100"),
        ("repeat (tims: 3)", "did you mean `times`?"),
    ] {
        let refused = forms.refused(
            "read",
            &format!("  on host(\"w1\") {{\n    {head} {{\n      file.info(path: \"/\")\n    }}\n  }}"),
        );
        assert!(refused.contains(expected), "{head}: {refused}");
    }
}

#[test]
fn a_host_that_is_left_out_is_skipped_and_not_failed() {
    let forms = Forms::new();
    forms.playbook(
        "change",
        r#"
  done = on group("web") {
    seen = file.info(path: "ROOT/{host.name}")
    if host.name != "w1" {
      skip if seen.exists "{host.name} has it already"
    }
    made = file.write(to: "ROOT/{host.name}", content: "new")

    on failure {
      rollback
    }
    always {
      file.write(to: "ROOT/{host.name}.end", content: "end")
    }
  }
  require done.skipped.names == ["w2"] and done.ok.names == ["w1", "w3"] else "skipped {done.skipped.names}"
  require made.skipped.names == ["w2"] else "made is not absent"
"#,
    );
    std::fs::write(forms.project.path("root/w1"), "old").unwrap();
    std::fs::write(forms.project.path("root/w2"), "old").unwrap();
    let planned = forms.project.opsc(&["plan", "a.ops"]);
    assert!(planned.stdout.contains("skip if seen.exists"), "{planned:?}");
    let (_, made) = planned.stdout.split_once("\nmade\n").unwrap_or_default();
    let line = |host: &str| made.lines().find(|line| line.contains(host)).unwrap_or_default().to_owned();
    assert!(line("w2").contains("skipped") && line("w1").contains("change"), "{planned:?}");
    let run = forms.run();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("w2 has it already"), "{run:?}");
    let contents = ["w1", "w2", "w3", "w2.end"].map(|name| forms.read(name).unwrap());
    assert_eq!(contents, ["new", "old", "new", "end"]);
    let outside = forms.refused("read", "  skip if true \"no\"\n  on host(\"w1\") {\n    file.info(path: \"/\")\n  }");
    assert!(outside.contains("it stands in `on`"), "{outside}");
}

#[test]
fn steps_at_another_machine_are_about_the_current_host() {
    let forms = Forms::new();
    forms.playbook(
        "change, admin, exec",
        r#"
  on group("web") (as: "root") {
    at host("lb") {
      shell.run(
        script: sh"echo in \"$who\" >>ROOT/log; sleep 0.1; echo out \"$who\" >>ROOT/log",
        effect: "change",
        vars: { who: host.name },
      )
      note = file.write(to: "ROOT/lb.{host.name}", content: host.name)
    }
    require note.changed else "{host.name} was there"
    at controller {
      seen = file.info(path: "ROOT/lb.{host.name}")
    }
    require seen.exists else "not written"

    on failure {
      rollback
    }
    always {
      at controller {
        file.write(to: "ROOT/end.{host.name}", content: "end")
      }
    }
  }
  at controller {
    file.write(to: "ROOT/all", content: "{note.ok.count}")
  }
"#,
    );
    let plan = forms.plan();
    let at: Vec<_> = plan["steps"].as_array().unwrap().iter().map(|step| step["runs_at"].clone()).collect();
    assert_eq!(at, ["lb", "lb", "controller", "controller", "controller"]);
    let shown = forms.project.opsc(&["plan", "a.ops", "--offline"]).stdout;
    assert!(shown.contains("at lb · as root") && shown.contains("at controller · as root"), "{shown}");

    std::fs::write(forms.project.path("root/lb.w2"), "w2").unwrap();
    let run = forms.run();
    assert_eq!(run.code, 21, "{run:?}");
    assert!(run.stderr.contains("w2 was there"), "{run:?}");
    let log = forms.read("log").unwrap();
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 6, "{log}");
    let in_turn = lines.chunks(2).all(|pair| pair[0].replace("in", "out") == pair[1]);
    assert!(in_turn, "two at a time: {log}");
    let there = ["lb.w1", "lb.w2", "end.w1", "end.w2", "end.w3"].map(|name| forms.read(name).is_some());
    assert_eq!(there, [true; 5]);
    let shown = forms.project.opsc(&["show", "1"]);
    assert!(shown.stdout.contains("w1") && !shown.stdout.contains("lb :"), "{shown:?}");
}

#[test]
fn a_gate_after_each_batch_stops_the_rollout_and_undoes_its_batch() {
    let forms = Forms::new();
    forms.playbook(
        "change",
        r#"
  rollout = on group("web") (batch: 1, max_failures: 0) {
    made = file.write(to: "ROOT/{host.name}", content: "new")

    on failure {
      rollback
    }
    after batch {
      require made.ok.count < 2 else "too many after {batch.names}"
      at controller {
        file.write(to: "ROOT/batch", content: "{made.ok.names}")
      }
    }
  }

  always {
    at controller {
      file.write(
        to: "ROOT/all",
        content: "{rollout.ok.names} {rollout.rolled_back.names} {rollout.not_run.names}",
      )
    }
  }
"#,
    );
    let plan = forms.plan();
    let clauses: Vec<_> = plan["steps"].as_array().unwrap().iter().map(|step| step["clause"].clone()).collect();
    assert_eq!(clauses, ["main", "after_batch", "always"]);
    let run = forms.run();
    assert_eq!(run.code, 23, "{run:?}");
    assert!(run.stderr.contains("too many after w2"), "{run:?}");
    let found = ["w1", "w2", "w3", "batch", "all"].map(|name| forms.read(name));
    let expected = [Some("new"), None, None, Some("w1"), Some("w1 w2 w3")].map(|text| text.map(str::to_owned));
    assert_eq!(found, expected, "{run:?}");
}

#[test]
fn hosts_of_one_cluster_are_never_in_one_batch() {
    let forms = Forms::new();
    let tags = "hosts:\n  lb:\n    tags: { cluster: a }\n  w1:\n    tags: { cluster: a }\n  w2:\n    tags: { cluster: a }\n  w3:\n    tags: { cluster: b }\n";
    let text = LOCAL.replace("hosts:\n  lb:\n", tags).replace("cluster: b }\n", "cluster: b }\n  x:\n");
    forms.project.write("inventory.yaml", &text);
    let body = r#"
  on group("web") (batch: 2, spread: host.tags.cluster) {
    file.info(path: "/")
  }
"#;
    forms.playbook("read", body);
    let batches = forms.plan()["blocks"][0]["batches"].clone();
    assert_eq!(batches, serde_json::json!([["w1", "w3"], ["w2"]]));
    let run = forms.run();
    assert_eq!(run.code, 0, "{run:?}");
    let refused = forms.refused("read", "  on group(\"web\") (spread: host) {\n    file.info(path: \"/\")\n  }");
    assert!(refused.contains("expected a text or a number, found host"), "{refused}");
}

#[test]
fn what_was_done_at_another_machine_is_undone_there_and_its_loss_is_no_loss_of_the_host() {
    let forms = Forms::new();
    let body = r#"
  on host("w1") {
    at host("lb") {
      file.write(to: "ROOT/drained", content: "w1")
    }
    at host("gone") {
      file.info(path: "/")
    }

    on failure {
      rollback
    }
  }
"#;
    forms.playbook("change", body);
    let run = forms.run();
    assert_eq!(run.code, 23, "{run:?}");
    assert!(run.stderr.contains("127.0.0.1") && run.stdout.contains("unreachable=0 failed=1"), "{run:?}");
    assert_eq!(forms.read("drained"), None);
    let planned = forms.project.opsc(&["plan", "a.ops"]);
    assert!(planned.stdout.contains("will change") && planned.stdout.contains("unreachable"), "{planned:?}");

    for (body, expected) in [
        (
            "on group(\"web\") {\n    at group(\"web\") {\n      file.info(path: \"/\")\n    }\n  }",
            "`at` takes one host",
        ),
        ("at host(\"lb\") (batch: 1) {\n    file.info(path: \"/\")\n  }", "`at` has no option `batch`"),
        ("file.info(path: \"/\")", "at controller"),
    ] {
        let refused = forms.refused("read", body);
        assert!(refused.contains(expected), "{body}: {refused}");
    }
}

const PEOPLE: &str = "\
ops 1

type Person = { name: string(/[a-z]+/), keys: list<string>, state: \"present\" | \"absent\", note: string? }

playbook people(
  people: list<Person>(1..) = load(\"data/people.yaml\"),
) ! change {
  on host(\"w1\") {
    for p in people {
      if p.state == \"present\" {
        for k in p.keys {
          file.write(to: \"ROOT/{p.name}.{k}\", content: p.note ?? \"none\")
        }
      } else {
        file.absent(path: \"ROOT/{p.name}\")
      }
    }
  }
}
";

#[test]
fn data_files_are_typed_and_their_errors_have_places() {
    let forms = Forms::new();
    let root = forms.project.path("root");
    forms.project.write("people.ops", &PEOPLE.replace("ROOT", root.to_str().unwrap()));
    let data = |text: &str| forms.project.write("data/people.yaml", text);
    data("- { name: ann, keys: [k1, k2], state: present, note: hello }\n- name: bob\n  keys: []\n  state: absent\n");
    forms.project.write("root/bob", "old");
    let plan = forms.project.opsc(&["plan", "people.ops", "--offline"]);
    assert!(plan.stdout.contains("3 steps") && !plan.stdout.contains("unless"), "{plan:?}");
    let run = forms.project.opsc(&["run", "people.ops", "-y"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!((forms.read("ann.k2").as_deref(), forms.read("bob")), (Some("hello"), None));
    forms.project.write("other.yaml", "people:\n  - { name: cyd, keys: [], state: absent }\n");
    let given = forms.project.opsc(&["plan", "people.ops", "--offline", "--var-file", "other.yaml"]);
    assert!(given.stdout.contains("file.absent[1]") && given.stdout.contains("1 step"), "{given:?}");

    for (text, place, expected) in [
        ("- { name: Ann, keys: [], state: present }\n", "data/people.yaml:1:11", "/[a-z]+/"),
        ("- name: ann\n  keys: []\n  state: presnt\n", "data/people.yaml:3:10", "present"),
        ("- name: ann\n  kyes: []\n  state: present\n", "data/people.yaml:2:3", "did you mean `keys`?"),
        ("- name: ann\n  keys: []\n", "data/people.yaml:1:3", "the field `state` is missing"),
        ("- name: ann\n  keys: 5\n  state: absent\n", "data/people.yaml:2:9", "list"),
        ("name: ann\n", "data/people.yaml:1:1", "expected list<{ name, keys, state, … }>"),
        ("[]\n", "data/people.yaml:1:1", "1"),
        ("- [a\n", "data/people.yaml:", "this is not YAML"),
    ] {
        data(text);
        let checked = forms.project.opsc(&["check", "people.ops"]);
        assert!(
            checked.code == 11 && checked.stderr.contains(place) && checked.stderr.contains(expected),
            "{text}: {}",
            checked.stderr
        );
    }
    std::fs::remove_file(forms.project.path("data/people.yaml")).unwrap();
    let missing = forms.project.opsc(&["check", "people.ops"]);
    assert!(missing.stderr.contains("there is no file `data/people.yaml` in the project"), "{missing:?}");
}

#[test]
fn a_failure_that_is_allowed_has_its_code_and_its_output() {
    let forms = Forms::new();
    forms.playbook(
        "change, exec",
        r#"
  on host("w1") {
    bad = shell.run(script: sh"echo said; echo why >&2; exit 3", effect: "read") {
      allow_failure: true
    }
    slow = shell.run(script: sh"echo begun; sleep 9", effect: "read") {
      allow_failure: true
      timeout: 300ms
    }
    require bad.failed and bad.code == 3 and bad.stdout == "said" and bad.stderr == "why" else "{bad.code}"
    require slow.failed and slow.code != 0 and slow.stdout == "begun" else "{slow.code}"
    repeat (times: 2, until: tried.code == 0) {
      tried = shell.run(
        script: sh"echo x >>ROOT/tries; exit 1",
        effect: "change",
      ) {
        allow_failure: true
      }
    }
  }
"#,
    );
    let run = forms.run();
    assert!(run.code == 21 && run.stderr.contains("was not true after 2 rounds"), "{run:?}");
    assert_eq!(forms.read("tries").as_deref(), Some("x\nx\n"));
}

/// What a type says of a value's size or form takes nothing from what can be done with it.
#[test]
fn an_item_of_a_list_that_is_never_empty_has_its_number() {
    let forms = Forms::new();
    let text = "ops 1\n\ntype names = list<path>(1..)\n\nplaybook a(\n  paths: list<path>(1..) = [\"/tmp\", \"/\"],\n  \
                named: names = [\"/\"],\n) ! read {\n  require paths[0] == \"/tmp\" else \"{paths[1]}\"\n  \
                require named[0] == paths[1] else \"no\"\n}\n";
    forms.project.write("a.ops", text);
    let said = forms.run();
    assert_eq!(said.code, 0, "{said:?}");
}
