//! Hosts from programs that opsc.toml declares: asked for, kept, pinned into plans, and not believed; through the binary.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::os::unix::fs::PermissionsExt;

use super::project::{Project, Said};

/// Every time it is asked leaves a line.
const COUNTED: &str = "[sources.cloud]\ncommand = [\"sh\", \"-c\", \"echo x >> asked; cat hosts.json\"]\n";
const LOCAL: &str = "defaults: { transport: local, os: linux }\n";
const TWO: &str = r#"{ "groups": { "web": { "hosts": ["w1", "w2"] } } }"#;
const ONE: &str = r#"{ "groups": { "web": { "hosts": ["w1"] } } }"#;

const PLAYBOOK: &str = r#"ops 1

playbook mark(fail: bool = false) ! change, exec {
  on group("web") {
    shell.run(script: sh"""echo "$h" >> ROOT/done""", vars: { h: host.name }, effect: "change")
    shell.run(script: sh"test ! -e ROOT/broken", effect: "read")
    shell.run(script: sh"""echo "$h" >> ROOT/after""", vars: { h: host.name }, effect: "change")
  }
}
"#;

fn project(settings: &str, answer: &str) -> Project {
    let project = Project::new();
    project.write("opsc.toml", settings);
    project.write("inventory.yaml", LOCAL);
    project.write("hosts.json", answer);
    let root = project.path("root");
    std::fs::create_dir(&root).unwrap();
    project.write("mark.ops", &PLAYBOOK.replace("ROOT", root.to_str().unwrap()));
    project
}

#[track_caller]
fn comes_to(project: &Project, line: &str, code: i32) -> Said {
    let said = project.opsc(&line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(said.code, code, "{line}: {said:?}");
    said
}

fn asked(project: &Project) -> usize {
    project.read("asked").unwrap_or_default().lines().count()
}

/// The names that `opsc inv ls` says, but that of this machine.
#[track_caller]
fn hosts(project: &Project) -> Vec<String> {
    let said = comes_to(project, "inv ls", 0);
    let names = said.stdout.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "localhost").map(str::to_string).collect()
}

#[test]
fn a_program_is_run_because_it_is_declared_and_for_no_other_reason() {
    let project = Project::new();
    project.write("inventory/hosts.yaml", "hosts:\n  a: {}\n");
    let script = "#!/bin/sh\ntouch ran\necho '[\"evil\"]'\n";
    for name in ["inventory/cloud", "inventory/cloud.py", "inventory/cloud.sh"] {
        project.write(name, script);
        std::fs::set_permissions(project.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    assert_eq!(hosts(&project), ["a"]);
    assert!(project.read("ran").is_none());
    project.write("opsc.toml", "[sources.cloud]\ncommand = [\"inventory/cloud\"]\n");
    assert_eq!(hosts(&project), ["a", "evil"]);
    assert!(project.read("ran").is_some());
    // Files that are named count instead of all that is the project's.
    assert!(!comes_to(&project, "inv ls -i inventory", 0).stdout.contains("evil"));
}

#[test]
fn the_forms_of_ansible_and_of_opsc_and_plain_lists_are_read() {
    let ansible = r#"{
      "web": { "hosts": ["w1", "w2"], "vars": { "port": 80 }, "children": ["edge"] },
      "edge": ["e1"],
      "all": { "children": ["web", "ungrouped"] },
      "_meta": { "hostvars": {
        "w1": { "ansible_host": "10.0.0.1", "ansible_user": "deploy", "ansible_port": 2222, "rack": "b4" },
        "lone": { "ansible_ssh_common_args": "-o ProxyCommand=evil" }
      } } }"#;
    let project = project("[sources.cloud]\ncommand = [\"cat\", \"hosts.json\"]\nmax_age = 0\n", ansible);
    let said = comes_to(&project, "inv refresh", 0);
    assert!(said.stdout.starts_with("cloud: 4 hosts in 2 groups"), "{said:?}");
    let left_out = "warning: cloud: `ansible_ssh_common_args` is taken from no source; left out in 1 place";
    assert!(said.stderr.contains(left_out), "{said:?}");
    let shown = comes_to(&project, "inv show w1", 0).stdout;
    for line in ["address: 10.0.0.1", "user: deploy", "port: 2222", "groups: web", "vars.rack: \"b4\"", "vars.port: 80"]
    {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
    assert!(comes_to(&project, "inv show e1", 0).stdout.contains("groups: web, edge"));
    assert!(!comes_to(&project, "inv show lone --explain", 0).stdout.contains("evil"));
    let own = r#"{ "hosts": { "w1": { "address": "10.0.0.9", "tags": { "env": "prod" }, "state": "maintenance" } },
                   "groups": { "web": { "hosts": ["w2"], "vars": { "port": 81 } } } }"#;
    project.write("hosts.json", own);
    let said = comes_to(&project, "inv refresh cloud", 0);
    assert_eq!(said.stdout, "cloud: 2 hosts in 1 group; gone: lone and e1\n");
    let shown = comes_to(&project, "inv show w1", 0).stdout;
    assert!(shown.contains("address: 10.0.0.9\n") && shown.contains("state: maintenance\n"), "{shown}");
    project.write(
        "hosts.json",
        r#"["a1", { "name": "a2", "address": "::1", "groups": ["db"], "vars": { "n": [1, 2] } }]"#,
    );
    assert_eq!(hosts(&project), ["a1", "a2"]);
    let shown = comes_to(&project, "inv show a2", 0).stdout;
    assert!(shown.contains("groups: db\n") && shown.contains("vars.n: [1, 2]"), "{shown}");
    project.write("hosts.json", r#"{ "web": { "hosts": ["w1"] } }"#);
    assert!(comes_to(&project, "inv refresh", 0).stderr.contains("it has no `_meta.hostvars`"));
}

#[test]
fn files_say_more_of_what_was_answered_and_count() {
    let answer = r#"{ "hosts": { "w1": { "address": "10.0.0.1", "vars": { "rack": "b4", "row": 1 } } },
                      "groups": { "web": { "hosts": ["w1"], "vars": { "port": 80 } } } }"#;
    let project = project(COUNTED, answer);
    let file = "groups:\n  web:\n    hosts: [w9]\n    vars: { port: 8080 }\nhosts:\n  w1:\n    vars: { rack: c1 }\n";
    project.write("inventory.yaml", file);
    assert_eq!(hosts(&project), ["w1", "w9"]);
    let explained = comes_to(&project, "inv show w1 --explain", 0).stdout;
    let says = "vars.port: 8080 (group web, inventory.yaml:4)\n  not 80 (group web, <source cloud>:";
    assert!(explained.contains(says), "{explained}");
    assert!(explained.contains("vars.rack: \"c1\" (host, inventory.yaml:7)\n  not \"b4\" (host, <source cloud>:"));
    assert!(
        explained.contains("address: 10.0.0.1 (host, <source cloud>:") && explained.contains("vars.row: 1 (host, <")
    );
    // What would be written is loaded with what was answered.
    comes_to(&project, "inv set w1 jump w9", 0);
    let said = comes_to(&project, "inv set w1 jump w8", 11);
    assert!(said.stderr.contains("E0813"), "{said:?}");
    // A host of two sources is one too many.
    project.write("opsc.toml", &format!("{COUNTED}{}", COUNTED.replace("cloud", "other")));
    let said = comes_to(&project, "inv ls", 11);
    assert!(said.stderr.contains("E0805") && said.stderr.contains("<source other>"), "{said:?}");
}

#[test]
fn an_answer_counts_until_it_is_old_or_somebody_wants_another() {
    let project = project(COUNTED, TWO);
    assert_eq!((hosts(&project).len(), asked(&project)), (2, 1));
    project.write("hosts.json", ONE);
    assert_eq!((hosts(&project).len(), asked(&project)), (2, 1));
    comes_to(&project, "plan mark.ops --offline", 0);
    assert_eq!(asked(&project), 1);
    assert_eq!(comes_to(&project, "inv refresh", 0).stdout, "cloud: 1 host in 1 group; gone: w2\n");
    assert_eq!(comes_to(&project, "inv refresh", 0).stdout, "cloud: 1 host in 1 group, as before\n");
    assert_eq!((hosts(&project).len(), asked(&project)), (1, 3));
    project.write("hosts.json", TWO);
    assert_eq!(comes_to(&project, "inv ls --sources ask", 0).stdout.lines().count(), 3);
    // Another question has no answer yet, and an answer that was changed is none.
    project.write("opsc.toml", &format!("{}max_age = \"1h\"\n", COUNTED.replace("echo x", "echo y")));
    let said = comes_to(&project, "inv ls --sources kept", 13);
    assert!(said.stderr.contains("the source `cloud` was never asked, or asks something else now"), "{said:?}");
    assert_eq!((hosts(&project).len(), asked(&project)), (2, 5));
    let folder = project.path(".opsc/sources/cloud");
    for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        if entry.path().extension().unwrap() == "yaml" {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            std::fs::write(entry.path(), text.replace("w1", "x1")).unwrap();
        }
    }
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!((hosts(&project), asked(&project)), (vec!["w1".to_string(), "w2".to_string()], 6));
    // Without an age to go by, it is asked each time.
    project.write("opsc.toml", &format!("{COUNTED}max_age = 0\n"));
    hosts(&project);
    hosts(&project);
    assert_eq!(asked(&project), 8);
}

#[test]
fn commands_that_only_read_texts_run_no_program() {
    let project = project(COUNTED, TWO);
    project.write(
        "other.ops",
        "ops 1\n\nplaybook p() ! read {\n  on group(\"wbe\") {\n    file.info(path: \"/\")\n  }\n}\n",
    );
    for line in
        ["check mark.ops other.ops", "explain mark.ops", "compile restart|nginx|on|group|web", "runs", "actions"]
    {
        let words: Vec<String> = line.split(' ').map(|word| word.replace('|', " ")).collect();
        let said = project.opsc(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(!said.stderr.contains("E05"), "{line}: {said:?}");
        let warning = "warning: no answer of the source cloud is kept; names of hosts are not looked up";
        assert_eq!(
            said.stderr.contains(warning),
            line.starts_with("check") || line.starts_with("compile"),
            "{line}: {said:?}"
        );
        assert_eq!(asked(&project), 0, "{line}");
    }
    comes_to(&project, "inv refresh", 0);
    let said = comes_to(&project, "check mark.ops other.ops", 11);
    assert!(said.stderr.contains("there is no group `wbe`") && !said.stderr.contains("warning: no answer"), "{said:?}");
    assert_eq!(asked(&project), 1);
}

#[test]
fn a_source_that_fails_is_no_empty_list_of_hosts() {
    let cases: &[(&str, &str)] = &[
        ("command = [\"sh\", \"-c\", \"echo '[]'; echo no route >&2; exit 3\"]", "it ended with 3: no route\n"),
        ("command = [\"sh\", \"-c\", \"kill -9 $$\"]", "it was ended by a signal\n"),
        ("command = [\"./nothing\"]", "(./nothing): it cannot be started: "),
        ("command = [\"sleep\", \"60\"]\ntimeout = \"200ms\"", "(sleep): it did not end within 200ms\n"),
        // Its output stays open although it is over.
        ("command = [\"sh\", \"-c\", \"sleep 60 & echo '[]'\"]\ntimeout = \"300ms\"", "it did not end within 300ms\n"),
        ("command = [\"head\", \"-c\", \"20000000\", \"/dev/zero\"]", "it says more than 16777216 bytes\n"),
        ("command = [\"echo\", \"[\"]", "what it says is no list of hosts: it is no JSON: EOF while parsing"),
        ("command = [\"true\"]", "what it says is no list of hosts: it is no JSON: EOF while parsing"),
        ("command = [\"echo\", \"[]\"]", "it says that there is no host at all\n"),
        ("command = [\"echo\", \"{}\"]", "it says that there is no host at all\n"),
        ("command = [\"printf\", \"\\\\377\"]", "what it says is not UTF-8 text\n"),
        (
            "command = [\"sh\", \"-c\", \"printf '\\\\033[2Jgone\\\\033[0m' >&2; exit 1\"]",
            "ended with 1: \\u{1b}[2Jgone\\u{1b}[0m\n",
        ),
    ];
    for (settings, words) in cases {
        let project = project(&format!("[sources.cloud]\n{settings}\n"), "");
        for line in ["inv ls", "run mark.ops -y", "inv refresh"] {
            let said = comes_to(&project, line, 13);
            assert!(said.stderr.starts_with("error: the source `cloud` ("), "{settings}: {said:?}");
            assert!(said.stderr.contains(words), "{settings}: {said:?}");
            assert!(said.stderr.contains("hint: nothing was done"), "{settings}: {said:?}");
        }
        assert!(project.read(".opsc/sources/cloud/latest.json").is_none(), "{settings}");
    }
    let project = project("[sources.cloud]\ncommand = [\"echo\", \"[]\"]\nmay_be_empty = true\n", "");
    assert!(hosts(&project).is_empty());
    // What it said before is taken when somebody says so, and not otherwise.
    let settings = format!("{COUNTED}max_age = 0\n");
    let project = self::project(&settings, TWO);
    assert_eq!(hosts(&project).len(), 2);
    std::fs::remove_file(project.path("hosts.json")).unwrap();
    let said = comes_to(&project, "run mark.ops -y", 13);
    assert!(said.stderr.contains("hint: nothing was done; `--sources kept` takes what it said "), "{said:?}");
    assert!(project.read("root/done").is_none());
    comes_to(&project, "run mark.ops -y --sources kept", 0);
    assert_eq!(project.read("root/done").unwrap().lines().count(), 2);
}

#[test]
fn a_plan_and_its_run_see_the_same_hosts() {
    let project = project(COUNTED, TWO);
    comes_to(&project, "plan mark.ops --save out.plan", 0);
    assert_eq!(asked(&project), 1);
    // However young the answer is, a saved plan asks again.
    project.write("hosts.json", ONE);
    let said = comes_to(&project, "run out.plan", 25);
    assert!(said.stderr.contains("is not what would be run now") && said.stderr.contains("w2"), "{said:?}");
    assert!(project.read("root/done").is_none());
    // Another host that the plan is not about changes nothing.
    project.write("hosts.json", r#"{ "groups": { "web": { "hosts": ["w1", "w2"] }, "db": { "hosts": ["d1"] } } }"#);
    project.write("root/broken", "");
    comes_to(&project, "run out.plan", 21);
    assert_eq!(project.read("root/done").unwrap().lines().count(), 2);
    // What is gone on with is the plan of then, whatever the source says by now.
    project.write("hosts.json", ONE);
    comes_to(&project, "inv refresh", 0);
    std::fs::remove_file(project.path("root/broken")).unwrap();
    let before = asked(&project);
    comes_to(&project, "resume 1 -y", 0);
    assert_eq!(project.read("root/after").unwrap().lines().count(), 2);
    assert_eq!(asked(&project), before);
    // A new run has the hosts of now, and without its answer no run is gone on with.
    project.write("root/broken", "");
    comes_to(&project, "run mark.ops -y", 21);
    assert_eq!(project.read("root/done").unwrap().lines().count(), 3);
    for entry in std::fs::read_dir(project.path(".opsc/sources/cloud")).unwrap().map(Result::unwrap) {
        std::fs::remove_file(entry.path()).unwrap();
    }
    let said = comes_to(&project, "resume 3 -y", 13);
    assert!(
        said.stderr.contains("what the source `cloud` said when the run was planned is no longer kept"),
        "{said:?}"
    );
}

#[test]
fn what_a_source_says_is_not_believed() {
    let cases: &[(&str, &str)] = &[
        (r#"["web 1"]"#, "the host `web 1` has no name that opsc reads"),
        (r#"["../x"]"#, "the host `../x` has no name that opsc reads"),
        (r#"["w[1:3]"]"#, "the host `w[1:3]` has no name that opsc reads"),
        (r#"["w1", "w1"]"#, "the host `w1` stands twice"),
        (r#"["localhost"]"#, "it names `localhost`, which is the machine that opsc runs on"),
        (r#"{ "groups": { "web": { "hosts": ["localhost"] } } }"#, "it names `localhost`"),
        (r#"["w\u001b[2J"]"#, "a text of it holds the character \\u{1b}: `w\\u{1b}[2J`"),
        (r#"[{ "name": "w1", "vars": { "a": ["\u202e"] } }]"#, "holds the character \\u{202e}"),
        (r#"[{ "name": "w1", "vars": { "a\nb": 1 } }]"#, "holds the character \\u{a}"),
        (
            r#"[{ "name": "w1", "address": "10.0.0.1 -o x" }]"#,
            "`address` of the host `w1` is \"10.0.0.1 -o x\", which is none",
        ),
        (r#"[{ "name": "w1", "user": "-l" }]"#, "`user` of the host `w1` is \"-l\", which is none"),
        (r#"[{ "name": "w1", "key": "/root/.ssh/id" }]"#, "the host `w1` says `key`, which no source decides"),
        (r#"[{ "name": "w1", "host_key": "accept-new" }]"#, "the host `w1` says `host_key`, which no source decides"),
        (r#"[{ "name": "w1", "transport": "local" }]"#, "the transport `local`, which no source decides"),
        (r#"{ "groups": { "web": { "hosts": ["w1"], "admin": "none" } } }"#, "the group `web` says `admin`, which no"),
        (r#"[{ "name": "w1", "port": 70000 }]"#, "expected a port from 1 to 65535, found 70000, in `\"port\": 70000"),
        (r#"[{ "name": "w1", "state": "on" }]"#, "`state` is active, maintenance or retired, found `on`"),
        (r#"{ "hosts": ["w1"] }"#, "`hosts` is a mapping, found a list"),
        (r#"[7]"#, "a host is a name or a mapping with `name`, found a number"),
        (r#""w1""#, "expected a list of hosts or a mapping, found a text"),
        (r#"{ "web": { "hots": ["w1"] } }"#, "the group `web` has `hots`; it may have hosts, children and vars"),
        (r#"{ "a b": ["w1"] }"#, "the group `a b` has no name that opsc reads"),
        (
            r#"{ "_meta": { "hostvars": { "w1": { "ansible_host": "$(x)" } } } }"#,
            "`ansible_host` of the host `w1` is \"$(x)\"",
        ),
    ];
    for (answer, words) in cases {
        let project = project(COUNTED, answer);
        let said = comes_to(&project, "inv ls", 13);
        assert!(said.stderr.contains("what it says is no list of hosts: "), "{answer}: {said:?}");
        assert!(said.stderr.contains(words), "{answer}: {said:?}");
        assert!(!said.stderr.contains(['\u{1b}', '\u{202e}']), "{answer}: {said:?}");
    }
    // Ansible's own words for the same are left out, with a warning.
    let vars = r#"{ "ansible_connection": "local", "ansible_ssh_private_key_file": "/x", "ansible_password": "hunter2",
                    "db_password": "hunter3", "ansible_host": "10.0.0.1" }"#;
    let answer = format!(r#"{{ "web": ["w1"], "_meta": {{ "hostvars": {{ "w1": {vars} }} }} }}"#);
    let project = project(COUNTED, &answer);
    project.write("inventory.yaml", "");
    let said = comes_to(&project, "inv refresh", 0);
    for name in ["ansible_connection", "ansible_ssh_private_key_file", "ansible_password", "db_password"] {
        assert!(said.stderr.contains(name), "{name}: {said:?}");
    }
    let shown = comes_to(&project, "inv show w1", 0).stdout;
    assert!(shown.contains("transport: ssh\n") && !shown.contains("key: ") && !shown.contains("hunter"), "{shown}");
    let kept = std::fs::read_dir(project.path(".opsc/sources/cloud")).unwrap();
    for entry in kept.map(Result::unwrap) {
        assert!(!std::fs::read_to_string(entry.path()).unwrap().contains("hunter"), "{entry:?}");
    }
}

#[test]
fn a_table_that_declares_no_source_is_named_with_its_line() {
    for (table, words) in [
        ("[sources.x]\n", "`sources.x` has either a `command` or a `url`"),
        ("[sources.x]\ncommand = [\"a\"]\nurl = \"https://b\"\n", "`sources.x` has either a `command` or a `url`"),
        ("[sources.x]\ncommand = \"a b\"\n", "`sources.x.command` is a list of words, the program first"),
        ("[sources.x]\ncommand = []\n", "`sources.x.command` is a list of words, the program first"),
        ("[sources.x]\ncomand = [\"a\"]\n", "found `comand`"),
        ("[sources.x]\ncommand = [\"a\"]\ntimeout = 0\n", "`sources.x.timeout` is a duration"),
        ("[sources.x]\ncommand = [\"a\"]\nmax_age = \"soon\"\n", "`sources.x.max_age` is a duration"),
        ("[sources.x]\ncommand = [\"a\"]\nmay_be_empty = 1\n", "`sources.x.may_be_empty` is true or false"),
        ("[sources.x]\ncommand = [\"a\"]\ntoken_env = \"T\"\n", "a `token_env`, which only a `url` takes"),
        ("[sources.x]\nurl = \"ftp://b\"\n", "`sources.x.url` begins with https:// or http://"),
        ("[sources.x]\nurl = \"http://b/\"\ntoken_env = \"T\"\n", "would send its token unencrypted"),
        ("[sources.x]\nurl = \"http://localhost:8@b/\"\ntoken_env = \"T\"\n", "would send its token unencrypted"),
        ("[sources.x]\nurl = \"http://localhost.b/\"\ntoken_env = \"T\"\n", "would send its token unencrypted"),
        ("[sources.x]\nurl = \"http://b\\\\@localhost/\"\ntoken_env = \"T\"\n", "would send its token unencrypted"),
        ("[sources.\"../x\"]\ncommand = [\"a\"]\n", "`../x` is no name of a source"),
        ("[sources]\nx = 1\n", "`sources.x` is a table with"),
    ] {
        let project = project(table, "");
        let said = comes_to(&project, "inv ls", 10);
        assert!(said.stderr.contains("opsc.toml:") && said.stderr.contains(words), "{table}: {said:?}");
    }
    let project = project("", "");
    assert!(comes_to(&project, "inv refresh", 10).stderr.contains("there is no source of hosts"));
    let project = self::project(COUNTED, TWO);
    let said = comes_to(&project, "inv refresh clod", 13);
    assert!(said.stderr.contains("there is no source `clod`\nhint: there are cloud"), "{said:?}");
}
