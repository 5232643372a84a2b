//! Shell functions of a file: bodies run with those that they name, and a plan, a digest and a module take them along.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use serde_json::Value as Json;

use super::project::{Project, Said};

const FUNCTIONS: &str = r#"ops 1

function idle sh """
  echo idle
"""

function letters sh """
  # Of the text behind the sign.
  sign
  printf '%s' "$1" | wc -c
"""

function sign sh """
  mark='*'
"""

function broken sh """
  if then (
"""

"#;

const ACTIONS: &str = r#"action mark.write(path: path, text: string) -> { size: string? } ! change {
  doc: "Write how long a text is."
  touches: ["path:{path}"]
  skip: before.size != none
  ensure: after.size != none else "{path} is not there"

  posix {
    check sh """
      if [ -f "$path" ]; then out size "$(cat -- "$path")"; fi
    """
    apply sh """
      long="$(letters "$text")" || exit 1
      sign
      echo "$long$mark" > "$path"
    """
    rollback sh """
      rm -f -- "$path"
    """
  }
}

action mark.see(path: path) -> { there: bool } ! read {
  doc: "See whether a broken function is here."

  posix {
    check sh """
      command -v broken > /dev/null && found=true || found=false
      out there "$found"
    """
  }
}
"#;

fn project(file: &str, text: &str) -> Project {
    let project = Project::new();
    project.write(file, text);
    project
}

fn playbook(uses: &str, steps: &str) -> String {
    format!(
        "ops 1\n\n{uses}\nplaybook p(\n  root: path,\n) ! change {{\n  on host(\"localhost\") {{\n{steps}\n  }}\n}}\n"
    )
}

fn run(project: &Project, command: &[&str]) -> Said {
    let root = format!("root={}", project.folder.path().display());
    let arguments: Vec<&str> = command.iter().copied().chain(["p.ops", "-e", &root]).collect();
    project.opsc(&arguments)
}

const WRITE: &str = "    mark.write(path: \"{root}/long\", text: \"four\")";

#[test]
fn a_body_runs_with_the_functions_that_it_names() {
    let project = project("actions/mark.ops", &format!("{FUNCTIONS}{ACTIONS}"));
    project.write("p.ops", &playbook("", WRITE));
    let ran = run(&project, &["run", "-y"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(project.read("long").unwrap().replace(' ', ""), "4*\n");
}

#[test]
fn a_body_gets_no_function_that_it_does_not_name() {
    let project = project("actions/mark.ops", &format!("{FUNCTIONS}{ACTIONS}"));
    let named = playbook("", "    seen = mark.see(path: root)\n    require seen.there else \"it is not here\"");
    project.write("p.ops", &named);
    let ran = run(&project, &["run", "-y"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let unnamed = ACTIONS.replace("command -v broken", "command -v \"bro\"ken");
    project.write("actions/mark.ops", &format!("{FUNCTIONS}{unnamed}"));
    let ran = run(&project, &["run", "-y"]);
    assert!(ran.code != 0 && ran.stderr.contains("it is not here"), "{ran:?}");
}

#[test]
fn a_function_fails_with_its_own_words() {
    let failing = FUNCTIONS.replace("printf '%s' \"$1\" | wc -c", "echo \"no $1 here\" >&2\n  return 3");
    let project = project("actions/mark.ops", &format!("{failing}{ACTIONS}"));
    project.write("p.ops", &playbook("", WRITE));
    let ran = run(&project, &["run", "-y"]);
    assert!(ran.code != 0 && ran.stderr.contains("no four here (apply, exit code 1)"), "{ran:?}");
    assert_eq!(project.read("long"), None);
}

fn digest(project: &Project) -> String {
    let planned = run(project, &["plan", "--offline", "-o", "json"]);
    let plan: Json = serde_json::from_str(&planned.stdout).unwrap_or_else(|error| panic!("{error}: {planned:?}"));
    plan["digest"].as_str().unwrap().to_string()
}

#[test]
fn another_text_of_a_function_is_another_plan_for_those_who_need_it() {
    let text = format!("{FUNCTIONS}{ACTIONS}");
    let project = project("p.ops", &playbook("", WRITE));
    let digest_of = |text: &str| {
        project.write("actions/mark.ops", text);
        digest(&project)
    };
    let same = digest_of(&text);
    for (from, to, differs) in [
        ("wc -c", "wc -m", true),
        ("mark='*'", "mark='+'", true),
        ("echo idle", "echo busy", false),
        ("if then (", "if then", false),
    ] {
        assert!(text.contains(from), "{from}");
        assert_eq!(digest_of(&text.replace(from, to)) != same, differs, "{from} → {to}");
    }
}

#[test]
fn a_module_has_functions_of_its_own() {
    let project = project("modules/a.ops", &format!("{FUNCTIONS}{ACTIONS}"));
    project.write("modules/b.ops", &format!("{FUNCTIONS}{ACTIONS}").replace("mark='*'", "mark='b'"));
    let uses = "use \"modules/a.ops\" as a\nuse \"modules/b.ops\" as b\nuse \"modules/a.ops\" as c\n";
    let steps = ["a", "b", "c"].map(|name| format!("    {name}.{}", WRITE.trim().replace("long", name)));
    project.write("p.ops", &playbook(uses, &steps.join("\n")));
    let ran = run(&project, &["run", "-y"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let written = ["a", "b", "c"].map(|name| project.read(name).unwrap().replace(' ', ""));
    assert_eq!(written, ["4*\n", "4b\n", "4*\n"]);
}

#[test]
fn what_a_function_reports_is_known_like_what_its_body_reports() {
    let text = "ops 1\n\nfunction look sh \"\"\"\n  out odd \"$1\"\n  out is_even \"$(false && echo true || echo false)\"\n\"\"\"\n\naction a.b() -> { odd: string } ! change {\n  doc: \"X.\"\n  skip: before.is_even == true\n\n  posix {\n    check sh \"\"\"\n      look one\n    \"\"\"\n    apply sh \"\"\"\n      echo \"$before_is_even\"\n    \"\"\"\n  }\n}\n";
    let project = project("p.ops", text);
    let checked = project.opsc(&["check", "p.ops"]);
    assert!(checked.code == 0 && checked.stderr.contains(" 0 warnings"), "{checked:?}");
}
