//! The smaller verbs and flags through the binary. Knows no host but this machine.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader};

use super::project::{Project, said};

/// Three hosts that are this machine.
const LOCAL: &str = "groups:\n  web:\n    hosts: [w1, w2]\n    transport: local\n    os: linux\n  db:\n    hosts: [d1]\n    transport: local\n    os: linux\n";

fn project() -> Project {
    let project = Project::new();
    project.write("inventory.yaml", LOCAL);
    project
}

#[test]
fn settings_say_where_they_come_from() {
    let project = Project::new();
    project.write("opsc.toml", "forks = 4\n\n[model]\nname = \"small\"\n");
    project.write("home/.config/opsc/config.toml", "forks = 2\nuser = \"deploy\"\n");
    let mut command = project.command(&["config", "show", "--origin"]);
    let shown = said(command.env("OPSC_TIMEOUT", "9").output().unwrap());
    assert_eq!(shown.code, 0, "{shown:?}");
    let line = |key: &str| shown.stdout.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
    assert!(line("forks").contains("4    # ") && line("forks").ends_with("opsc.toml:1"), "{}", line("forks"));
    assert!(line("user").ends_with("config.toml:2"), "{}", line("user"));
    assert_eq!(line("timeout"), "timeout = 9    # environment, OPSC_TIMEOUT");
    assert!(line("model.name").ends_with("opsc.toml:4"), "{}", line("model.name"));
    assert_eq!(line("model.timeout"), "model.timeout = 60s    # default");
    assert!(line("inventory").starts_with("inventory = (not set)    # "), "{}", line("inventory"));
}

#[test]
fn a_misspelt_setting_stops_every_command_that_reads_settings() {
    let project = Project::new();
    project.write("opsc.toml", "fork = 4\n");
    project.write("a.ops", "ops 1\n");
    for arguments in [["check", "a.ops"], ["config", "show"], ["inv", "ls"]] {
        let refused = project.opsc(&arguments);
        assert_eq!(refused.code, 10, "{refused:?}");
        assert!(refused.stderr.contains("opsc.toml:1: there is no setting `fork`"), "{}", refused.stderr);
        assert!(refused.stderr.contains("hint: did you mean `forks`?"), "{}", refused.stderr);
    }
}

#[test]
fn a_limit_may_be_a_selector_of_the_language() {
    let project = project();
    let names = |limit: &str| {
        let listed = project.opsc(&["inv", "ls", "-l", limit]);
        assert_eq!(listed.code, 0, "{limit}: {listed:?}");
        listed.stdout.lines().map(|line| line.split(' ').next().unwrap().to_string()).collect::<Vec<_>>().join(",")
    };
    assert_eq!(names("web"), "w1,w2");
    assert_eq!(names("w*,!w1"), "w2");
    assert_eq!(names("group(\"web\") - host(\"w2\")"), "w1");
    assert_eq!(names("all() where host.name == \"d1\" or \"web\" in host.groups"), "w1,w2,d1");
    for (limit, code, expected) in [
        ("group(\"wbe\")", 13, "did you mean `web`?"),
        ("group(\"web\") -", 13, "the limit `group(\"web\") -` cannot be used"),
        ("group(\"web\") & group(\"db\")", 13, "nothing is left"),
        ("weeb", 13, "did you mean `web`?"),
    ] {
        let refused = project.opsc(&["inv", "ls", "-l", limit]);
        assert_eq!(refused.code, code, "{limit}: {refused:?}");
        assert!(refused.stderr.contains(expected), "{limit}: {}", refused.stderr);
    }
}

#[test]
fn a_limit_holds_for_hosts_that_the_run_chooses() {
    let project = project();
    let text = "ops 1\n\nplaybook two(\n  every: hosts = group(\"web\"),\n) ! change, exec {\n  on every {\n    first = shell.run(script: sh\"echo yes\", effect: \"read\")\n  }\n  let chosen = every where first[host].stdout != \"no\"\n  on chosen {\n    shell.run(script: sh\"echo again\", effect: \"change\")\n  }\n}\n";
    project.write("two.ops", text);
    let planned = project.opsc(&["plan", "two.ops", "--offline", "-l", "w1"]);
    assert!(planned.stdout.contains("(decided during the run, within w1)"), "{planned:?}");
    let run = project.opsc(&["run", "two.ops", "-y", "-l", "w1"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.stdout, "w1 : ok=2 changed=1 unreachable=0 failed=0 skipped=0 rolled_back=0\n");
}

#[test]
fn a_command_runs_on_hosts_and_equal_answers_stand_together() {
    let project = project();
    let exec = |arguments: &[&str]| project.opsc(&[&["exec", "-l", "web"], arguments].concat());
    let read = exec(&["--effect", "read", "-q", "--", "echo $((40 + 2)); echo b | tr b c"]);
    assert_eq!((read.code, read.stdout.as_str()), (0, "== w1, w2: ok\n42\nc\n"), "{read:?}");
    let words = exec(&["--effect", "read", "-q", "--", "printf", "%s|", "a b", "$HOME", "it's"]);
    assert_eq!(words.stdout, "== w1, w2: ok\na b|$HOME|it's|\n");
    let lines = exec(&["--effect", "read", "-q", "--", "if true; then\n  echo yes\nfi"]);
    assert_eq!(lines.stdout, "== w1, w2: ok\nyes\n");
    let failed = exec(&["-y", "-q", "--", "echo out; exit 3"]);
    assert_eq!((failed.code, failed.stdout.as_str()), (21, "== w1, w2: failed (exit 3)\nout\n"), "{failed:?}");
    let unasked = exec(&["--", "true"]);
    assert_eq!(unasked.code, 3, "a command changes things unless it says that it reads: {unasked:?}");
    assert_eq!(exec(&[]).code, 10);
    let fields = project.opsc(&["do", "file.info", "path=/", "-l", "w1", "-q"]);
    assert!(fields.stdout.starts_with("== w1: ok\nexists  true\n"), "{fields:?}");
}

#[test]
fn a_run_is_reported_as_markdown_and_json() {
    let project = project();
    let failed = project.opsc(&["exec", "-l", "w1", "-y", "--", "echo '|pipe|' >&2; exit 3"]);
    assert_eq!(failed.code, 21);
    let report = project.opsc(&["report", "1"]);
    assert_eq!(report.code, 0, "{report:?}");
    for expected in [
        "# Run 1: adhoc\n",
        "| result | **failed**, exit 21 |",
        "| by | root on ",
        "| w1 | 1 failed |",
        "| shell.run | w1 | apply | 1 | failed | 3 | `",
        "### shell.run on w1, apply\n\n    |pipe|",
    ] {
        assert!(report.stdout.contains(expected), "{expected}: {}", report.stdout);
    }
    let json: serde_json::Value = serde_json::from_str(&project.opsc(&["report", "1", "-o", "json"]).stdout).unwrap();
    assert_eq!((&json["schema"], &json["steps"][0]["result"]["code"]), (&"opsc.run/1".into(), &3.into()));
    assert_eq!(project.opsc(&["report", "1", "--save", "r.md"]).code, 0);
    assert_eq!(project.read("r.md").unwrap(), report.stdout);
    let missing = project.opsc(&["report", "9"]);
    assert!(missing.code == 10 && missing.stderr.contains("there is no run `9`"), "{missing:?}");
}

#[test]
fn parameters_come_from_files_and_flags_win() {
    let project = project();
    project.write(
        "a.ops",
        "ops 1\n\ntype Entry = { path: path, mode: string? }\n\nplaybook a(\n  target: hosts = group(\"web\"),\n  name: string,\n  every: duration = 5s,\n  sizes: list<int> = [1],\n  entry: Entry? = none,\n) ! read {\n  on target {\n    file.info(path: \"/tmp/{name}\")\n  }\n}\n",
    );
    project.write(
        "v.yaml",
        "name: filed\nevery: 9s\nsizes: [3, 4]\ntarget: [w2, db]\nentry: { path: /etc/x, mode: \"0640\" }\n",
    );
    project.write("w.json", "{ \"name\": \"json\" }");
    let plan = |arguments: &[&str]| project.opsc(&[&["plan", "a.ops", "--offline"], arguments].concat());
    let filed = plan(&["--var-file", "v.yaml"]);
    for expected in ["target = w2, d1", "name = \"filed\"", "every = 9s", "sizes = [3, 4]", "path: \"/etc/x\""] {
        assert!(filed.stdout.contains(expected), "{expected}: {filed:?}");
    }
    let both = plan(&["--var-file", "v.yaml", "--var-file", "w.json", "-e", "every=1s"]);
    assert!(both.stdout.contains("name = \"json\"") && both.stdout.contains("every = 1s"), "{both:?}");
    project.write("bad.yaml", "[1]\n");
    project.write("typo.yaml", "nmae: x\nname: y\n");
    project.write("wrong.yaml", "name: x\nsizes: [a]\n");
    for (file, expected) in [
        ("bad.yaml", "expected a mapping of names to values, found a list"),
        ("typo.yaml", "did you mean `name`?"),
        ("wrong.yaml", "expected int, found `a`"),
        ("none.yaml", "cannot read `none.yaml`"),
    ] {
        let refused = plan(&["--var-file", file]);
        assert_eq!(refused.code, 10, "{file}: {refused:?}");
        assert!(refused.stderr.contains(expected), "{file}: {}", refused.stderr);
    }
    assert_eq!(plan(&[]).code, 10);
}

#[test]
fn a_missing_parameter_is_asked_for_on_a_terminal() {
    let project = project();
    project.write(
        "a.ops",
        "ops 1\n\nplaybook a(\n  target: hosts = group(\"web\"),\n  name: string,\n) ! read {\n  on target {\n    file.info(path: \"/tmp/{name}\")\n  }\n}\n",
    );
    let shown = project.on_terminal("plan a.ops --offline", "joe\n");
    assert!(shown.contains("name (string): ") && shown.contains("name = \"joe\""), "{shown}");
}

#[test]
fn a_watch_checks_again_when_a_file_changes() {
    let project = project();
    project.write("a.ops", "ops 1\n");
    let mut child = project.spawn(&["check", "--watch", "a.ops"]);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut until = |wanted: &str| lines.by_ref().find(|line| line.contains(wanted)).unwrap_or_default();
    assert_eq!(until("checked"), "checked 1 file: 0 errors, 0 warnings");
    assert!(until("watching").contains("Ctrl-C"));
    project.write("a.ops", "ops 1\n\nplaybook a() ! nothing {\n}\n");
    assert_eq!(until("checked"), "checked 1 file: 1 error, 0 warnings");
    // The inventory decides too.
    project.write("a.ops", "ops 1\n\nplaybook a(\n  t: hosts = group(\"new\"),\n) ! read {\n  on t {\n    file.info(path: \"/\")\n  }\n}\n");
    assert_eq!(until("checked"), "checked 1 file: 1 error, 0 warnings");
    project.write("inventory.yaml", &LOCAL.replace("  db:", "  new:"));
    assert_eq!(until("checked"), "checked 1 file: 0 errors, 0 warnings");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn completions_are_written_for_the_usual_shells() {
    let project = Project::new();
    for (shell, expected) in [("bash", "complete -F _opsc"), ("zsh", "#compdef opsc"), ("fish", "complete -c opsc")] {
        let script = project.opsc(&["completions", shell]);
        assert!(script.code == 0 && script.stdout.contains(expected), "{shell}: {script:?}");
    }
    assert_eq!(project.opsc(&["completions", "csh"]).code, 10);
}

#[test]
fn the_log_is_silent_unless_it_is_asked_for() {
    let project = project();
    let exec = |filter: &str| {
        let mut command = project.command(&["exec", "-l", "w1", "--effect", "read", "-q", "--", "true"]);
        said(command.env("OPSC_LOG", filter).output().unwrap())
    };
    assert_eq!(exec("").stderr, "");
    let told = exec("opsc=debug").stderr;
    assert!(told.contains("DEBUG opsc::run::step: step ended"), "{told}");
    let refused = exec("opsc=loud");
    assert!(refused.code == 10 && refused.stderr.contains("OPSC_LOG cannot be read"), "{refused:?}");
}

#[test]
fn a_plan_shows_what_would_be_different_and_contents_when_asked() {
    let project = project();
    let base = project.path("root");
    std::fs::create_dir_all(&base).unwrap();
    project.write("root/conf", "port = 1\nname = a\n");
    project.write("root/same", "kept\n");
    project.write("root/binary", "x");
    std::fs::write(base.join("binary"), [0xff, 0xfe, 0]).unwrap();
    project.write("t.j2", "port = {{ port }}\nname = a\n");
    let text = "ops 1\n\nplaybook d(\n  base: path,\n) ! change {\n  on host(\"w1\") {\n    file.template(from: file(\"t.j2\"), to: \"{base}/conf\", vars: { port: \"2\" }, mode: \"0600\")\n    file.write(to: \"{base}/same\", content: \"kept\\n\")\n    file.write(to: \"{base}/binary\", content: \"text\")\n    file.write(to: \"{base}/new\", content: \"first\\n\")\n    file.directory(path: \"{base}/folder\", mode: \"0750\")\n  }\n}\n";
    project.write("d.ops", text);
    let given = format!("base={}", base.display());
    let predicted = |more: &[&str]| {
        let planned = project.opsc(&[&["plan", "d.ops", "-e", &given], more].concat());
        assert_eq!(planned.code, 0, "{planned:?}");
        let start = planned.stdout.find("\nfile.template\n").unwrap();
        planned.stdout[start + 1..].to_string()
    };
    let short = predicted(&[]);
    let changed = "~ will change";
    assert!(short.starts_with(&format!("file.template\n  w1: {changed}: mode 644 → 0600, sha256 ")), "{short}");
    assert!(short.contains("file.write\n  w1: = ok\n"), "{short}");
    assert!(short.contains(&format!("w1: {changed}: exists false\n")), "{short}");
    assert!(short.contains(&format!("file.directory\n  w1: {changed}: exists false, mode → 0750\n")), "{short}");
    assert!(!short.contains("port = 1"), "contents may be confidential: {short}");
    let full = predicted(&["--diff"]);
    let diff =
        "      --- now\n      +++ then\n      @@ -1,2 +1,2 @@\n      -port = 1\n      +port = 2\n       name = a\n";
    assert!(full.contains(diff) && full.contains("      @@ -0,0 +1 @@\n      +first\n"), "{full}");
    assert!(full.contains(&format!("w1: {changed}: sha256 ")), "no diff of what is no text: {full}");
    assert!(!base.join("folder").exists() && !base.join("new").exists());
    assert!(!project.path(".opsc").exists(), "a plan leaves nothing behind, also no journal");
}

const BAD: &str = "ops 1\n\nplaybook a() ! read {\n  on group(\"wbe\") {\n    file.info(path: \"/\")\n  }\n}\n";
const WARNED: &str = "ops 1\n\nplaybook a() ! change {\n  on group(\"web\") {\n    file.info(path: \"/\")\n  }\n}\n";

#[test]
fn findings_come_in_the_forms_that_ci_systems_read() {
    let project = project();
    project.write("play books/a.ops", BAD);
    project.write("b.ops", WARNED);
    let checked = |format: &str| {
        let said = project.opsc(&["check", ".", "-o", format]);
        assert_eq!((said.code, said.stderr.as_str()), (11, ""), "{said:?}");
        said.stdout
    };
    let github = checked("github");
    let expected = "::error file=play books/a.ops,line=4,col=12,endLine=4,endColumn=17,title=E0501::there is no group `wbe` in the inventory (did you mean `web`?)\n";
    assert!(github.contains(expected) && github.contains("::warning file=b.ops,line=3"), "{github}");

    let sarif: serde_json::Value = serde_json::from_str(&checked("sarif")).unwrap();
    let run = &sarif["runs"][0];
    assert_eq!((&sarif["version"], &run["tool"]["driver"]["name"]), (&"2.1.0".into(), &"opsc".into()));
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    }
    let place = &results.iter().find(|result| result["ruleId"] == "E0501").unwrap()["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "play%20books/a.ops");
    assert_eq!(
        place["region"],
        serde_json::json!({ "startLine": 4, "startColumn": 12, "endLine": 4, "endColumn": 17 })
    );

    let gitlab: serde_json::Value = serde_json::from_str(&checked("gitlab")).unwrap();
    let severities: Vec<&str> =
        gitlab.as_array().unwrap().iter().map(|one| one["severity"].as_str().unwrap()).collect();
    assert_eq!(severities.len(), 2);
    assert!(severities.contains(&"major") && severities.contains(&"minor"), "{gitlab}");
    // Python's parser is the judge of the XML.
    for (format, path, count) in
        [("checkstyle", "./file/error", 2), ("junit", "./testsuite/testcase", 2), ("junit", ".//failure", 1)]
    {
        let xml = checked(format);
        project.write("report.xml", &xml);
        let script =
            format!("import xml.etree.ElementTree as t; print(len(t.parse('report.xml').getroot().findall('{path}')))");
        let counted = std::process::Command::new("python3")
            .args(["-c", &script])
            .current_dir(project.folder.path())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&counted.stdout).trim(), count.to_string(), "{format}: {counted:?}\n{xml}");
    }
}

#[test]
fn a_baseline_hides_what_was_there_and_nothing_else() {
    let project = project();
    project.write("b.ops", WARNED);
    let check = || project.opsc(&["check", "b.ops", "--baseline", "known.json"]);
    let first = check();
    assert!(first.code == 0 && first.stderr.contains("wrote known.json with 1 finding"), "{first:?}");
    // Lines move, the finding is the same.
    project.write("b.ops", &WARNED.replace("ops 1\n", "ops 1\n\n# A word before it.\n"));
    let second = check();
    assert_eq!(second.stderr, "1 finding known to known.json\nchecked 1 file: 0 errors, 0 warnings\n");
    project.write("b.ops", &WARNED.replace("\"web\"", "\"wbe\""));
    let third = check();
    assert!(third.code == 11 && third.stderr.contains("E0501"), "a new finding is shown: {third:?}");
    project.write("known.json", "{}");
    let broken = check();
    assert!(broken.code == 10 && broken.stderr.contains("known.json"), "{broken:?}");
}

#[test]
fn an_empty_limit_never_means_every_host() {
    let project = project();
    for limit in ["", ",", " , "] {
        for arguments in [vec!["exec", "-l", limit, "--effect", "read", "--", "true"], vec!["inv", "ls", "-l", limit]] {
            let refused = project.opsc(&arguments);
            assert_eq!(refused.code, 13, "{arguments:?}: {refused:?}");
            assert!(refused.stderr.contains("it names no host"), "{refused:?}");
        }
    }
    let others = project.opsc(&["inv", "ls", "-l", "!w1"]).stdout;
    assert!(
        others.contains("w2") && !others.contains("localhost"),
        "this machine is named or it is not meant: {others}"
    );
}

#[test]
fn a_fix_is_never_a_guess_and_is_listed() {
    let project = project();
    let text = "ops 1\n\nplaybook a() ! change, admin {\n  on group(\"web\") {\n    service.ensure(nam: \"x\", state: \"started\")\n    service.start(name: \"x\")\n    file.info(\"/a\")\n  }\n}\n";
    project.write("a.ops", text);
    let said = project.opsc(&["check", "--fix", "a.ops"]);
    assert!(said.stderr.contains("fixed a.ops:5: write `name` (E0202)\n"), "{said:?}");
    let left = project.read("a.ops").unwrap();
    assert_eq!(left, text.replace("nam:", "name:"), "values, verbs and positions are people's business");
}

#[test]
fn flags_take_what_people_write() {
    let project = project();
    let exec = |variable: &str, value: &str| {
        let mut command = project.command(&["exec", "-l", "w1", "-q", "--", "true"]);
        said(command.env(variable, value).output().unwrap())
    };
    assert_eq!((exec("OPSC_YES", "1").code, exec("OPSC_YES", "0").code, exec("OPSC_YES", "yes").code), (0, 3, 0));
    for (flag, expected) in
        [("-f", "a whole number of at least 1"), ("--timeout", "a duration such as 30s, or seconds")]
    {
        let refused = project.opsc(&["exec", "-l", "w1", "-y", flag, "0", "--", "true"]);
        assert!(refused.code == 10 && refused.stderr.contains(expected), "{refused:?}");
    }
}

#[test]
fn options_out_of_range_are_found_by_check() {
    let project = project();
    let with = |head: &str, attribute: &str| {
        let text = format!(
            "ops 1\n\nplaybook a() ! read {{\n  on group(\"web\") ({head}) {{\n    file.info(path: \"/\") {{\n      {attribute}\n    }}\n  }}\n}}\n"
        );
        project.write("a.ops", &text);
        project.opsc(&["check", "a.ops"])
    };
    assert_eq!(with("at_once: 2, max_failures: 0", "retry: 0").code, 0);
    for (head, attribute) in [
        ("at_once: 0", "retry: 1"),
        ("max_failures: -1", "retry: 1"),
        ("at_once: 1", "retry: -1"),
        ("at_once: 1", "timeout: 0s"),
    ] {
        let refused = with(head, attribute);
        assert!(refused.code == 11 && refused.stderr.contains("E0303"), "{head} {attribute}: {refused:?}");
    }
}

#[test]
fn a_loop_is_one_step_for_each_value_that_the_plan_knows() {
    let project = project();
    let base = project.path("root");
    std::fs::create_dir(&base).unwrap();
    let text = "ops 1\n\ntype Site = { name: string, port: int }\n\nplaybook a(\n  base: path,\n  names: list<string> = [\"x\", \"y\"],\n) ! change {\n  on host(\"w1\") {\n    for name in names {\n      let folder = \"{base}/{name}\"\n      made = file.directory(path: folder)\n      if made.changed {\n        for number in [1, 2] {\n          file.write(to: \"{folder}/{number}\", content: \"{name} {number} on {host.name}\")\n        }\n      }\n    }\n  }\n}\n";
    project.write("a.ops", text);
    let given = format!("base={}", base.display());
    let planned = project.opsc(&["plan", "a.ops", "-e", &given, "--offline", "-o", "json"]);
    let plan: serde_json::Value =
        serde_json::from_str(&planned.stdout).unwrap_or_else(|error| panic!("{error}: {planned:?}"));
    let ids: Vec<&str> = plan["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!(
        ids,
        ["made[x]", "file.write[x][1]", "file.write[x][2]", "made[y]", "file.write[y][1]", "file.write[y][2]"]
    );
    let run = project.opsc(&["run", "a.ops", "-e", &given, "-y"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, "w1 : ok=6 changed=6 unreachable=0 failed=0 skipped=0 rolled_back=0\n"),
        "{run:?}"
    );
    assert_eq!(project.read("root/y/2").as_deref(), Some("y 2 on w1"));
    let again = project.opsc(&["run", "a.ops", "-e", &given, "-y"]);
    assert_eq!(again.stdout, "w1 : ok=2 changed=0 unreachable=0 failed=0 skipped=4 rolled_back=0\n");
    let one = project.opsc(&["plan", "a.ops", "-e", &given, "-e", "names=z", "--offline"]);
    assert!(one.stdout.contains("made[z]") && !one.stdout.contains("[x]"), "{one:?}");

    for (body, expected) in [
        ("for name in base {\n    }", "expected a list, found path"),
        ("for name in names {\n      file.info(path: \"/{nmae}\")\n    }", "did you mean `name`?"),
        (
            "for name in names {\n      x = file.info(path: \"/{name}\")\n    }\n    require x.exists else \"no\"",
            "list<{ exists, kind, mode, … }> has no `exists`",
        ),
    ] {
        let head = "ops 1\n\nplaybook a(\n  base: path = \"/\",\n  names: list<string> = [],\n) ! read {\n  on host(\"w1\") {\n    ";
        project.write("b.ops", &format!("{head}{body}\n  }}\n}}\n"));
        let refused = project.opsc(&["check", "b.ops"]);
        assert!(refused.code == 11 && refused.stderr.contains(expected), "{expected}: {refused:?}");
    }
    let later = "ops 1\n\nplaybook a() ! read {\n  on host(\"w1\") {\n    for name in host.groups {\n      file.info(path: \"/{name}\")\n    }\n  }\n}\n";
    project.write("c.ops", later);
    let refused = project.opsc(&["plan", "c.ops", "--offline"]);
    assert!(refused.stderr.contains("the list of a `for` must be known before the run"), "{refused:?}");
}

#[test]
fn results_of_many_hosts_are_counted_and_filtered() {
    let project = project();
    let text = "ops 1\n\nplaybook a(\n  wanted: int,\n) ! change, exec {\n  on group(\"web\") + group(\"db\") {\n    found = shell.run(script: sh\"echo \\\"$name\\\"\", effect: \"read\", vars: { name: \"{host.name}\" })\n  }\n  let webs = count(found, it.stdout != \"d1\")\n  let names = map(filter(found, it.stdout != \"w1\"), it.stdout)\n  require all(found, it.code == 0) else \"a script failed\"\n  require webs == wanted and names.count == 2 else \"{webs} webs\"\n  if any(found, it.stdout == \"d1\") {\n    on host(\"w1\") {\n      shell.run(script: sh\"true\", effect: \"change\")\n    }\n  }\n}\n";
    project.write("a.ops", text);
    let run = |wanted: &str| project.opsc(&["run", "a.ops", "-y", "-e", wanted]);
    let right = run("wanted=2");
    assert_eq!(right.code, 0, "{right:?}");
    assert!(right.stdout.contains("ok=2 changed=1"), "{right:?}");
    let wrong = run("wanted=3");
    assert!(wrong.code == 21 && wrong.stderr.contains("2 webs"), "{wrong:?}");
}

#[test]
fn an_action_of_steps_says_that_its_steps_are_rolled_back() {
    let project = Project::new();
    let said = project.opsc(&["actions", "firewall.allow"]);
    assert!(said.stdout.contains("each runs and is rolled back as its own action says"), "{said:?}");
    assert!(!said.stdout.contains("cannot be rolled back"), "{said:?}");
    let upgrade = project.opsc(&["actions", "package.upgrade"]).stdout;
    assert!(upgrade.contains("\n  runs on linux, timeout 30m\n  can be rolled back where "), "{upgrade}");
    assert!(project.opsc(&["actions", "service.start"]).stdout.contains("\n  can be rolled back\n"));
    let on_condition = project.opsc(&["actions", "shell.run"]).stdout;
    assert!(on_condition.contains("\n  can be rolled back where undo != none\n"), "{on_condition}");
}

/// A full disk is no reader that went away: an empty file must not pass for a result.
#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let project = project();
    assert_eq!(project.opsc(&["exec", "-l", "w1", "--effect", "read", "-q", "--", "true"]).code, 0);
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    for line in [
        "audit export",
        "runs -o json",
        "show 1 -o json",
        "report 1 -o html",
        "replay 1 -o ndjson",
        "inv show w1",
        "--help",
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let said = said(project.command(&words).stdout(full()).output().unwrap());
        assert_eq!(said.code, 1, "{line}: {said:?}");
        assert!(
            line == "--help"
                || said
                    .stderr
                    .contains("error: the result cannot be written to standard output: No space left on device"),
            "{line}: {said:?}"
        );
    }
    // Who has no standard error has results all the same.
    let runs = said(
        project.command(&["exec", "-l", "w1", "--effect", "read", "--", "echo", "x"]).stderr(full()).output().unwrap(),
    );
    assert!(runs.code == 0 && runs.stdout.contains('x'), "{runs:?}");
}

#[test]
fn how_long_to_wait_for_a_connection_has_a_unit() {
    let project = project();
    let exec = |time: &str| project.opsc(&["exec", "-l", "w1", "-y", "--timeout", time, "--", "true"]);
    for time in ["30s", "2m", "9", "1ms"] {
        assert_eq!(exec(time).code, 0, "{time}");
    }
    for time in ["0", "soon", "0s", "-1"] {
        let refused = exec(time);
        assert!(refused.code == 10, "{time}: {refused:?}");
    }
}

#[test]
fn the_actions_of_a_noun_are_listed() {
    let project = Project::new();
    let (all, some) = (project.opsc(&["actions"]), project.opsc(&["actions", "registry"]));
    let names = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split_whitespace().next().unwrap().to_string()).collect()
    };
    let expected: Vec<String> = names(&all.stdout).into_iter().filter(|name| name.starts_with("registry.")).collect();
    assert!(expected.len() > 2 && names(&some.stdout) == expected, "{some:?}");
    assert!(some.stdout.lines().all(|line| line.split_whitespace().count() > 2), "each with what it does: {some:?}");
    let wrong = project.opsc(&["actions", "registri"]);
    assert!(wrong.code == 10 && wrong.stderr.contains("hint: did you mean `registry`?"), "{wrong:?}");
}

#[test]
fn a_playbook_that_a_file_does_not_hold_is_named() {
    let project = project();
    let playbook =
        |name: &str| format!("playbook {name}() ! read {{\n  on host(\"w1\") {{\n    os.facts()\n  }}\n}}\n");
    project.write("two.ops", &format!("ops 1\n\n{}\n{}", playbook("role1"), playbook("role2")));
    for (name, hint) in [("rol2", "did you mean `role2`?"), ("other", "it holds role1 and role2")] {
        let refused = project.opsc(&["plan", "two.ops", "--playbook", name]);
        let told = format!("error: `two.ops` holds no playbook `{name}`\nhint: {hint}\n");
        assert_eq!((refused.code, refused.stderr), (10, told));
    }
}

#[test]
fn a_text_of_one_line_is_explained_as_one() {
    let project = project();
    for (content, told) in
        [("v2\\n", "content \"v2\\n\""), ("a\\nb\\n", "content of 2 lines"), ("a\\nb", "content of 2 lines")]
    {
        let step = format!("file.write(to: \"/tmp/x\", content: \"{content}\")");
        project.write(
            "a.ops",
            &format!("ops 1\n\nplaybook a() ! change {{\n  on host(\"w1\") {{\n    {step}\n  }}\n}}\n"),
        );
        let explained = project.opsc(&["explain", "a.ops"]);
        assert!(explained.stdout.contains(told), "{content}: {explained:?}");
    }
}

#[test]
fn every_host_is_not_called_all() {
    let project = project();
    for arguments in [&["inv", "ls", "-l", "all"][..], &["exec", "-l", "w1,all", "-y", "--", "true"]] {
        let said = project.opsc(arguments);
        let expected = "there is no host or group `all`; `-l` takes names, globs (`web*`), comma lists, `!name` and selectors, of which `all()` is every host, and a playbook without `-l` runs on all hosts that it names";
        assert!(said.code == 13 && said.stderr.contains(expected), "{said:?}");
    }
    assert_eq!(project.opsc(&["inv", "ls", "-l", "all()"]).stdout.lines().count(), 3);
    project.write("inventory.yaml", &format!("{LOCAL}  all:\n    groups: [web]\n"));
    assert_eq!(project.opsc(&["inv", "ls", "-l", "all"]).stdout.lines().count(), 2);
}

#[test]
fn a_terminal_that_obeys_nothing_is_told_nothing() {
    let project = project();
    for (name, obeys) in [("xterm", true), ("dumb", false), ("unknown", false), ("", false)] {
        let line = format!("TERM={name} {} exec -l web -y -- 'sleep 0.5'", env!("CARGO_BIN_EXE_opsc"));
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).current_dir(project.folder.path()).env("HOME", project.path("home"));
        let told = said(script.env_remove("NO_COLOR").stdin(std::process::Stdio::null()).output().unwrap());
        assert_eq!((told.code, told.stdout.contains('\u{1b}')), (0, obeys), "{name}: {told:?}");
    }
}

/// What only reads changes nothing, whether or not it is known what it will find.
#[test]
fn a_plan_ends_with_2_only_where_something_may_change() {
    let project = project();
    let plan = |more: &[&str]| project.opsc(&[&["plan", "site.ops", "--detailed-exitcode"], more].concat());
    let note = project.path("note").display().to_string();
    let text = "ops 1\n\nplaybook site() ! change, exec, network {\n  on host(\"w1\") {\n    file.write(to: \"NOTE\", content: \"x\")\n    shell.run(script: sh\"cat NOTE\", effect: \"read\")\n  }\n}\n";
    project.write("site.ops", &text.replace("NOTE", &note));
    assert_eq!(plan(&[]).code, 2);
    assert_eq!(plan(&["-o", "json"]).code, 2, "programs are told the same");
    assert_eq!(plan(&["--offline"]).code, 10, "who asks no host does not know");
    project.write("note", "x");
    let done = plan(&[]);
    assert_eq!(done.code, 0, "{done:?}");
    project.write(
        "site.ops",
        &text.replace("NOTE", &note).replace("  }\n}\n", "    http.check(url: \"http://127.0.0.1:1/\")\n  }\n}\n"),
    );
    let unknown = plan(&[]);
    assert!(unknown.code == 0 && unknown.stdout.contains("http.check\n  w1: ? unknown"), "{unknown:?}");
}

#[test]
fn a_new_project_says_how_its_first_playbook_is_run_from_here() {
    let project = super::project::Project::new();
    let made = project.opsc(&["init", "demo"]);
    let next = "next: cd demo, then opsc plan playbooks/hello.ops, then opsc run playbooks/hello.ops\n";
    assert!(made.code == 0 && made.stderr.ends_with(next), "{made:?}");
    let written: Vec<&str> = made.stderr.lines().filter_map(|line| line.strip_prefix("wrote ")).collect();
    assert!(written.len() == 4 && written.iter().all(|path| project.path(path).is_file()), "{written:?}");
    let folder = format!("folder={}", project.path("home/hello").display());
    let run = project
        .command(&["run", "playbooks/hello.ops", "-y", "-e", &folder])
        .current_dir(project.path("demo"))
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    let here = super::project::Project::new();
    let made = here.command(&["init"]).current_dir(here.path("home")).output().unwrap();
    assert!(made.stderr.starts_with(b"wrote opsc.toml\n"), "{made:?}");
}
