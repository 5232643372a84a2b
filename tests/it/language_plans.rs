//! What a reviewer reads in a plan: composite actions, approvals, schedules, chosen steps. Through the binary.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use serde_json::{Value, json};

use super::project::{Project, Said};

const LOCAL: &str = "groups:\n  web:\n    hosts: [w1, w2]\n    transport: local\n    os: linux\n";

fn project() -> Project {
    let project = Project::new();
    project.write("inventory.yaml", LOCAL);
    std::fs::create_dir(project.path("root")).unwrap();
    project
}

/// Writes a file in which `ROOT` is a folder of the test; it must be right and in canonical form.
fn write(project: &Project, name: &str, text: &str) {
    project.write(name, &text.replace("ROOT", project.path("root").to_str().unwrap()));
    let formatted = project.opsc(&["fmt", "--diff", name]);
    assert_eq!(formatted.code, 0, "{}", formatted.stdout);
    let checked = project.opsc(&["check", name]);
    assert!(checked.code == 0 && checked.stderr.contains("0 warnings"), "{checked:?}");
}

fn plan(project: &Project, arguments: &[&str]) -> Value {
    let planned = project.opsc(&[&["plan", "a.ops", "--offline", "-o", "json"], arguments].concat());
    serde_json::from_str(&planned.stdout).unwrap_or_else(|error| panic!("{error}: {planned:?}"))
}

fn ids(plan: &Value) -> Vec<&str> {
    plan["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect()
}

fn refused(project: &Project, text: &str) -> Said {
    project.write("wrong.ops", text);
    let checked = project.opsc(&["check", "wrong.ops"]);
    assert_eq!(checked.code, 11, "{checked:?}");
    checked
}

const SITE: &str = r#"ops 1

action demo.site(
  base: path,
  name: string(/[a-z]+/),
  notes: list<string> = ["one"],
  mode: string = "0755",
) -> { path: path, fresh: bool } ! change {
  doc: "A folder with notes."

  steps {
    let folder = "{base}/{name}"
    made = file.directory(path: folder, mode: mode)
    for note in notes {
      file.write(to: "{folder}/{note}", content: "{note} on {host.name}")
    }
    if made.changed {
      demo.stamp(path: "{folder}/stamp")
    }
  }

  result: { path: "{base}/{name}", fresh: made.changed }
}

action demo.stamp(path: path) ! change {
  doc: "A stamp."

  steps {
    file.write(to: path, content: "stamped")
  }
}

playbook a(
  fail: bool = false,
) ! change {
  on group("web") (batch: 1) {
    site = demo.site(base: "ROOT", name: "shop", notes: ["x", "y"])
    if not site.changed {
      blog = demo.site(base: "ROOT", name: "blog")
    }
    require not fail else "asked to fail on {host.name}"

    on failure {
      rollback
    }
  }
  let fresh = web_hosts where site[host].fresh
  require fresh.count == 1 else "{fresh.count} fresh"
  require site.changed.count == 2 and blog.count == 2 else "{site.changed.names}"
}
"#;

#[test]
fn composite_actions_are_their_steps_where_they_are_used() {
    let project = project();
    let text = SITE.replace("  let fresh = web_hosts", "  let fresh = group(\"web\")");
    write(&project, "a.ops", &text);
    assert_eq!(
        ids(&plan(&project, &[])),
        [
            "site/made",
            "site/file.write[x]",
            "site/file.write[y]",
            "site/demo.stamp/file.write",
            "blog/made",
            "blog/file.write[one]",
            "blog/demo.stamp/file.write"
        ]
    );
    let failed = project.opsc(&["run", "a.ops", "-y", "-e", "fail=true"]);
    assert_eq!(failed.code, 23, "{failed:?}");
    assert_eq!(std::fs::read_dir(project.path("root")).unwrap().count(), 0, "{failed:?}");
    let run = project.opsc(&["run", "a.ops", "-y"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(project.read("root/shop/x").as_deref(), Some("x on w2"));
    assert_eq!(project.read("root/shop/stamp").as_deref(), Some("stamped"));
    assert_eq!(project.read("root/blog/stamp"), None, "the second site was not new on its first change");

    let from = plan(&project, &["--from", "blog"]);
    assert_eq!(ids(&from), ["blog/made", "blog/file.write[one]", "blog/demo.stamp/file.write"]);
    for (from, to, expected) in [
        ("name: \"shop\"", "name: \"Shop\"", "/[a-z]+/"),
        ("notes: [\"x\", \"y\"]", "notes: \"x\"", "expected list<string>"),
        ("fresh: made.changed }", "fresh: made.chnaged }", "did you mean `changed`?"),
        ("fresh: made.changed }", "fresh: made.mode }", "expected"),
        (
            ") -> { path: path, fresh: bool } ! change",
            ") -> { path: path, fresh: bool } ! read",
            "the action says `! read`",
        ),
        ("on group(\"web\") (batch: 1) {", "if true {", "`demo.site` runs on a host"),
        ("demo.stamp(path: \"{folder}/stamp\")", "demo.site(base: base, name: name)", "demo.site → demo.site"),
    ] {
        let wrong = refused(&project, &text.replacen(from, to, 1));
        assert!(wrong.stderr.contains(expected), "{expected}: {}", wrong.stderr);
    }
    let shown = project.opsc(&["actions", "file.directory"]);
    assert_eq!(shown.code, 0, "{shown:?}");
}

#[test]
fn an_approval_is_planned_and_nothing_runs_past_it() {
    let project = project();
    let text = r#"ops 1

playbook a() ! change, exec {
  on group("web") {
    seen = file.info(path: "ROOT/flag")
  }
  let missing = group("web") where not seen[host].exists

  approve(by: ["dba", "self"], message: "write {missing.count} flags", within: 2h)

  on missing (batch: 1) {
    file.write(to: "ROOT/flag", content: "x")

    after batch {
      approve(by: ["dba"], message: "go on")
    }
  }
}
"#;
    write(&project, "a.ops", &text.replace(", exec", ""));
    let plan = plan(&project, &[]);
    let gates = json!([
        {
            "id": "approve#1", "before": ["file.write"], "by": ["dba", "self"],
            "message": { "pending": "\"write {missing.count} flags\"" }, "within": 7200,
            "pending": ["\"write {missing.count} flags\"", "missing"],
        },
        { "id": "approve#2", "before": ["file.write"], "by": ["dba"], "message": "go on", "within": null, "pending": [] },
    ]);
    assert_eq!(plan["gates"], gates);
    let after = plan["steps"][1]["after"].as_array().unwrap();
    assert!(after.contains(&json!({ "step": "seen", "why": "gate" })), "{after:?}");
    let shown = project.opsc(&["plan", "a.ops", "--offline"]);
    assert!(shown.stdout.contains("approve#1 by dba or self, within 2h: \"write {missing.count} flags\""), "{shown:?}");
    let run = project.opsc(&["run", "a.ops", "-y"]);
    let asks = "? approve#1 waits for dba or self, within 2h: write 2 flags\n";
    assert!(run.code == 3 && run.stderr.contains(asks), "{run:?}");
    assert_eq!(project.read("root/flag"), None);

    let last = "ops 1\n\nplaybook a() ! change {\n  on host(\"w1\") {\n    file.write(to: \"ROOT/last\", content: \"x\")\n  }\n\n  approve(by: [\"dba\"], message: \"nothing is behind it\")\n}\n";
    write(&project, "a.ops", last);
    let unasked = project.opsc(&["run", "a.ops", "-y"]);
    assert!(unasked.code == 0 && project.read("root/last").is_some(), "{unasked:?}");

    project.write(
        "opsc.toml",
        "[approvers]\ndba = [\"RWQmEMG4vz4oDIl3ccVe7n0BMz52oWBjLPI2XCDtPGvxQfYCSoG3FJnL\"]\nme = \"self\"\n",
    );
    let nobody = refused(&project, "ops 1\n\nplaybook a() ! read {\n  approve(by: [\"dbs\"], message: \"x\")\n}\n");
    assert!(nobody.stderr.contains("`[approvers]` names nobody `dbs`"), "{nobody:?}");
    project.write("opsc.toml", "[approvers]\ndba = 5\n");
    let wrong = project.opsc(&["check", "a.ops"]);
    assert!(wrong.code == 10 && wrong.stderr.contains("opsc.toml:2"), "{wrong:?}");
    std::fs::remove_file(project.path("opsc.toml")).unwrap();

    let destroy = r#"ops 1

playbook a() ! destroy, exec {
  approve(by: ["self"], message: "really")

  on group("web") {
    shell.run(script: sh"rm -f ROOT/x", effect: "destroy")
  }
}
"#;
    write(&project, "a.ops", destroy);
    assert_eq!(project.opsc(&["plan", "a.ops", "--offline"]).code, 0);
    let without = destroy.replace("  approve(by: [\"self\"], message: \"really\")\n\n", "");
    write(&project, "a.ops", &without);
    assert_eq!(project.opsc(&["plan", "a.ops", "--offline"]).code, 12);
    for (call, expected) in [
        ("approve(by: [], message: \"x\")", "1"),
        ("approve(by: [\"a\"])", "`approve` needs the argument `message`"),
        ("approve(by: [\"a\"], message: \"x\", wihtin: 2h)", "did you mean `within`?"),
        ("approve(\"a\")", "named argument"),
    ] {
        let wrong = refused(&project, &format!("ops 1\n\nplaybook a() ! read {{\n  {call}\n}}\n"));
        assert!(wrong.stderr.contains(expected), "{expected}: {}", wrong.stderr);
    }
}

#[test]
fn schedules_are_typed_and_their_next_times_shown() {
    let project = project();
    let text = "ops 1\n\nplaybook a() ! read {\n  schedule: weekly(day: \"sunday\", at: \"02:00\", zone: \"Europe/Berlin\")\n  window: 6h\n\n  on group(\"web\") {\n    file.info(path: \"/\")\n  }\n}\n";
    write(&project, "a.ops", text);
    let plan = plan(&project, &[]);
    let expected = json!({ "every": "week", "day": "sunday", "at": "02:00", "zone": "Europe/Berlin", "window": 21600 });
    assert_eq!(plan["schedule"], expected);
    let shown = project.opsc(&["plan", "a.ops", "--offline"]).stdout;
    assert!(shown.contains("scheduled every sunday at 02:00 Europe/Berlin, begun within 6h"), "{shown}");
    let next = shown.lines().find_map(|line| line.strip_prefix("next: ")).unwrap();
    assert!(next.split(", ").count() == 3 && next.contains("T02:00:00+0"), "{next}");
    for (from, to, expected) in [
        ("weekly(day: \"sunday\"", "weekly(day: \"sundy\"", "did you mean \"sunday\"?"),
        ("weekly(", "wekly(", "did you mean `weekly`?"),
        ("at: \"02:00\"", "at: \"24:00\"", "expected a time of day"),
        ("day: \"sunday\", ", "", "`weekly` needs `day`"),
        ("weekly(day: \"sunday\"", "monthly(day: 31", "1 to 28"),
        ("weekly(day: \"sunday\", at", "hourly(at", "`hourly` has no `at`"),
        ("Europe/Berlin", "Mars/Olympus", "there is no time zone `Mars/Olympus`"),
        ("window: 6h", "window: 6", "expected duration"),
    ] {
        let wrong = refused(&project, &text.replacen(from, to, 1));
        assert!(wrong.stderr.contains(expected), "{expected}: {}", wrong.stderr);
    }
}

#[test]
fn steps_are_chosen_by_tags_and_by_where_to_begin() {
    let project = project();
    let text = r#"ops 1

playbook a() ! change {
  on group("web") (batch: 1) {
    file.directory(path: "ROOT/d") {
      tags: ["prepare"]
    }
    file.write(to: "ROOT/d/x", content: "x") {
      tags: ["write", "slow"]
    }
    last = file.write(to: "ROOT/d/y", content: "y") {
      tags: ["write"]
    }
  }
}
"#;
    write(&project, "a.ops", text);
    for (arguments, expected) in [
        (vec!["--tags", "write"], vec!["file.write", "last"]),
        (vec!["--tags", "write,prepare", "--skip-tags", "slow"], vec!["file.directory", "last"]),
        (vec!["--from", "file.write"], vec!["file.write", "last"]),
        (vec!["--from", "last"], vec!["last"]),
    ] {
        assert_eq!(ids(&plan(&project, &arguments)), expected, "{arguments:?}");
    }
    let run = project.opsc(&["run", "a.ops", "-y", "--tags", "prepare"]);
    assert!(run.code == 0 && project.read("root/d/x").is_none() && project.path("root/d").is_dir(), "{run:?}");
    let shown = project.opsc(&["plan", "a.ops", "--offline", "--tags", "prepare"]).stdout;
    assert!(shown.contains("2 steps are left out by --tags"), "{shown}");
    for (arguments, expected) in [
        (["--tags", "wirte"], "did you mean `write`?"),
        (["--skip-tags", "wirte"], "no step has the tag `wirte`"),
        (["--from", "lsat"], "did you mean `last`?"),
    ] {
        let wrong = project.opsc(&[&["plan", "a.ops", "--offline"], arguments.as_slice()].concat());
        assert!(wrong.code == 10 && wrong.stderr.contains(expected), "{wrong:?}");
    }
}

const CHAT: &str = r#"ops 1

use "./marks.ops" as marks

type Level = "low" | "high"

action post(
  path: path,
  text: string,
  level: Level = "low",
) ! change {
  doc: "Write a line."

  steps {
    note = file.write(to: path, content: "{level}: {text}")
    if note.changed {
      marks.touch(path: "{path}.mark")
    }
  }
}

playbook announce(
  web: hosts<linux>,
  text: string = "hello",
) ! change {
  doc: "Tell every host."

  on web (batch: 1) {
    post(path: "ROOT/{host.name}", text: text)
  }
}
"#;

const MARKS: &str = r#"ops 1

action touch(path: path) ! change {
  doc: "Leave a mark."

  steps {
    file.write(to: path, content: "")
  }
}
"#;

const IMPORTS: &str = r#"ops 1

use "../modules/chat.ops"

playbook a() ! change {
  chat.announce(web: group("web"))
  on host("w1") {
    said = chat.post(path: "ROOT/own", text: "own", level: "high")
  }
  require said.changed.count == 1 else "not new"
  chat.announce(web: host("w2") + host("w2"), text: "again")
}
"#;

#[test]
fn modules_are_imported_and_playbooks_called() {
    let project = project();
    write(&project, "modules/marks.ops", MARKS);
    write(&project, "modules/chat.ops", CHAT);
    project.write("opsc.toml", "");
    let text = IMPORTS.replace("../modules/chat.ops", "modules/chat.ops");
    write(&project, "a.ops", &text);
    let planned = plan(&project, &[]);
    assert_eq!(
        ids(&planned),
        [
            "chat.announce/chat.post/note",
            "chat.announce/chat.post/chat.marks.touch/file.write",
            "said/note",
            "said/chat.marks.touch/file.write",
            "chat.announce#2/chat.post/note",
            "chat.announce#2/chat.post/chat.marks.touch/file.write"
        ]
    );
    assert_eq!(planned["blocks"][0]["batches"], json!([["w1"], ["w2"]]));
    let run = project.opsc(&["run", "a.ops", "-y"]);
    assert_eq!(run.code, 0, "{run:?}");
    let found = ["w1", "w2", "own"].map(|name| project.read(&format!("root/{name}")).unwrap());
    assert_eq!(found, ["low: hello", "low: again", "high: own"]);
    assert!(project.path("root/own.mark").exists());

    for (from, to, expected) in [
        ("modules/chat.ops", "modules/caht.ops", "did you mean `chat.ops`?"),
        ("modules/chat.ops", "../../etc/passwd", "there is no file"),
        ("use \"modules/chat.ops\"", "use chat", "a name without a file cannot be imported"),
        ("use \"modules/chat.ops\"", "use \"git+https://example.org/x//y.ops@1\" as chat", "run `opsc vendor`"),
        ("level: \"high\"", "level: \"hihg\"", "did you mean `\"high\"`?"),
        ("chat.post(", "chat.psot(", "did you mean `chat.post`?"),
        ("  on host(\"w1\") {", "  on host(\"w1\") {\n    chat.announce(web: group(\"web\"))", "is a playbook"),
        ("text: \"again\"", "txt: \"again\"", "did you mean `text`?"),
        ("playbook a() ! change", "playbook a() ! read", "its steps also need `change`"),
        ("  chat.announce(web: group(\"web\"))\n", "  a()\n", "playbook a → playbook a"),
    ] {
        let wrong = refused(&project, &text.replacen(from, to, 1).replace("ROOT", "/tmp"));
        assert!(wrong.stderr.contains(expected), "{expected}: {}", wrong.stderr);
    }
    project.write("modules/chat.ops", &CHAT.replace("content: \"{level}: {text}\"", "content: 5"));
    let wrong = refused(&project, &text.replace("ROOT", "/tmp"));
    assert!(wrong.stderr.contains("modules/chat.ops:15:") && wrong.stderr.matches("error[").count() == 1, "{wrong:?}");
}

#[test]
fn the_projects_own_actions_can_be_checked_like_any_file() {
    let project = project();
    project.write("opsc.toml", "");
    project.write("actions/marks.ops", &MARKS.replace("action touch", "action mark.touch"));
    write(
        &project,
        "a.ops",
        "ops 1\n\nplaybook a() ! change {\n  on group(\"web\") {\n    mark.touch(path: \"ROOT/x\")\n  }\n}\n",
    );
    let all = project.opsc(&["check", "."]);
    assert_eq!(all.code, 0, "{all:?}");
    project.write("actions/more.ops", &MARKS.replace("action touch", "action mark.touch"));
    let twice = project.opsc(&["check", "."]);
    assert!(twice.code == 11 && twice.stderr.contains("the action `mark.touch` is defined twice"), "{twice:?}");
}

const STORY: &str = r#"ops 1

playbook a(
  web: hosts<linux> = group("web"),
  version: string = "1.2",
) ! change, admin {
  doc: "Put a version in place."

  on web (batch: [1, 50%], as: "root") {
    seen = file.info(path: "ROOT/version") {
      retry: 2
      every: 3s
    }
    skip if seen.exists "it is there"
    for name in ["a", "b"] {
      made = file.write(
        to: "ROOT/{name}",
        content: "{version} on {host.name}",
      )
    }
    if seen.kind == "file" {
      file.absent(path: "ROOT/old")
    }

    on failure {
      rollback
    }
    after batch {
      approve(by: ["dba"], message: "go on")
    }
  }
}
"#;

const IN_WORDS: &str = r#"a: Put a version in place.
It may change hosts and act as another user.
It takes web (hosts<linux>), group("web") unless it is given.
It takes version (string), "1.2" unless it is given.

1. On web as root, in batches of [1, 50%], stopping when one fails:
  1. file.info (DOC), path "ROOT/version", tried 2 more times, every 3s. The result is `seen`.
  2. If seen.exists, leave this host out of the rest: "it is there".
  3. For each `name` of ["a", "b"]:
    1. file.write (DOC), to "ROOT/{name}", content "{version} on {host.name}". The result is `made`.
  4. If seen.kind == "file":
    1. file.absent (DOC), path "ROOT/old".
  If it fails on a host:
    1. Undo what was done on this host.
  After every batch, on the controller:
    1. Wait until dba agrees: "go on".
"#;

#[test]
fn a_playbook_is_told_in_plain_words_and_a_step_says_why_it_is_there() {
    let project = project();
    write(&project, "a.ops", STORY);
    let told = project.opsc(&["explain", "a.ops"]);
    let root = project.path("root").to_str().unwrap().to_owned();
    let without_docs: String = told
        .stdout
        .lines()
        .map(|line| match (line.find(" ("), line.find("), ")) {
            (Some(from), Some(to)) if line.contains("file.") => format!("{} (DOC{}\n", &line[..from], &line[to..]),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_eq!(without_docs.replace(&root, "ROOT"), IN_WORDS);

    let why = |step: &str| project.opsc(&["why", step, "a.ops"]);
    let one = why("made[b]");
    let expected = [
        "made[b]: file.write (",
        "written in a.ops:16",
        "on w1 and w2",
        "after made[a], which stands before it",
        "behind approve#1, which dba must give",
        "content is another value on each of 2 hosts, written as \"{version} on {host.name}\"",
        "as root, since the nearest `as:` says so",
        "looks first and does nothing where nothing is to do; a rollback undoes it",
    ];
    for line in expected {
        assert!(one.stdout.contains(line), "{line}: {}", one.stdout);
    }
    let guarded = why("file.absent").stdout;
    assert!(guarded.contains("only if seen.kind == \"file\", as seen finds"), "{guarded}");
    assert!(guarded.contains("after seen, which gives what it needs"), "{guarded}");
    assert_eq!(why("made").stdout.matches("file.write (").count(), 2);
    let wrong = why("sene");
    assert!(wrong.code == 10 && wrong.stderr.contains("did you mean `seen`?"), "{wrong:?}");
    for (subject, code, expected) in [("E9999", 10, "there is no code and no file"), ("b.ops", 10, "cannot read")] {
        let wrong = project.opsc(&["explain", subject]);
        assert!(wrong.code == code && wrong.stderr.contains(expected), "{wrong:?}");
    }
}

#[test]
fn modules_of_other_repositories_are_vendored_and_pinned() {
    let project = project();
    project.write("opsc.toml", "");
    let library = Project::new();
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.arg("-C").arg(library.path("")).args(["-c", "user.name=t", "-c", "user.email=t@t"]).args(arguments);
        assert!(command.output().unwrap().status.success(), "{arguments:?}");
    };
    git(&["init", "--quiet"]);
    let source = |version: &str| {
        format!("git+file://{}//net/marks.ops@{version}", library.path("").display().to_string().trim_end_matches('/'))
    };
    library.write("net/marks.ops", MARKS);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "one"]);
    git(&["tag", "1.0"]);
    library.write("net/marks.ops", &MARKS.replace("content: \"\"", "content: \"two\""));
    git(&["commit", "--quiet", "-a", "-m", "two"]);
    git(&["tag", "2.0"]);

    let text = format!(
        "ops 1\n\nuse \"{}\" as marks\n\nplaybook a() ! change {{\n  on host(\"w1\") {{\n    marks.touch(path: \"ROOT/x\")\n  }}\n}}\n",
        source("1.0")
    );
    let text = text.replace("ROOT", project.path("root").to_str().unwrap());
    project.write("a.ops", &text);
    let before = project.opsc(&["check", "a.ops"]);
    assert!(before.code == 11 && before.stderr.contains("run `opsc vendor`"), "{before:?}");
    let vendored = project.opsc(&["vendor"]);
    assert!(vendored.code == 0 && vendored.stdout.contains("marks.ops@1.0 at "), "{vendored:?}");
    assert_eq!(project.opsc(&["check", "a.ops"]).code, 0);
    assert_eq!(project.opsc(&["run", "a.ops", "-y"]).code, 0);
    assert_eq!(project.read("root/x").as_deref(), Some(""));
    let lock = project.read("opsc.lock").unwrap();
    assert!(lock.contains("[[module]]") && lock.contains("sha256 = "), "{lock}");
    assert_eq!(project.opsc(&["vendor"]).code, 0);
    assert_eq!(project.read("opsc.lock").unwrap(), lock);

    let copy = std::fs::read_dir(project.path("vendor")).unwrap().next().unwrap().unwrap().path().join("net/marks.ops");
    std::fs::write(&copy, MARKS.replace("Leave a mark", "Leave another")).unwrap();
    let changed = project.opsc(&["check", "a.ops"]);
    assert!(changed.stderr.contains("is not the one that `opsc.lock` names"), "{changed:?}");

    project.write("a.ops", &text.replace("@1.0", "@2.0"));
    assert!(project.opsc(&["check", "a.ops"]).stderr.contains("run `opsc vendor`"));
    assert_eq!(project.opsc(&["vendor"]).code, 0);
    assert_eq!(project.opsc(&["run", "a.ops", "-y"]).code, 0);
    assert_eq!(project.read("root/x").as_deref(), Some("two"));
    project.write("a.ops", &text.replace("@1.0", "@9.9"));
    let missing = project.opsc(&["vendor"]);
    assert!(missing.code == 1 && missing.stderr.contains("9.9"), "{missing:?}");
}

#[test]
fn versions_networks_and_the_last_host_have_functions() {
    let project = project();
    let text = r#"ops 1

playbook a(
  version: string = "15.10-1",
  address: string = "10.2.3.4",
) ! read {
  require version_compare(version, "15.9-2") > 0 else "too old: {version}"
  require in_network(address, "10.0.0.0/8") else "{address} is elsewhere"
  require 5s / 2s == 2.5 and 1GiB / 1MiB == 1024.0 else "other ratios"
  require last(group("web")).name == "w2" else "another host"
}
"#;
    write(&project, "a.ops", text);
    let run = |given: &str| project.opsc(&["run", "a.ops", "-e", given]);
    assert_eq!(run("version=15.10-1").code, 0);
    assert!(run("version=15.9-2").stderr.contains("too old: 15.9-2"));
    assert!(run("address=192.0.2.1").stderr.contains("192.0.2.1 is elsewhere"));
    let wrong = run("address=web1");
    assert!(wrong.code != 0 && wrong.stderr.contains("an address in a network"), "{wrong:?}");
}
