//! The actions for YAML files: scalars come in, are changed and go without a change to anything else, and what Python's yaml
//! says of random files is what they hold, by every awk of this machine.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::process::{Command, Stdio};

use super::project::Project;
use super::stdlib_cases::Case;

fn set(key: &str, value: &str) -> String {
    format!("file.yaml(path: \"{{root}}/x.yaml\", key: [{key}], value: \"{}\")", value.replace('"', "\\\""))
}

fn unset(key: &str) -> String {
    format!("file.no_yaml(path: \"{{root}}/x.yaml\", key: [{key}])")
}

fn holds(text: &str) -> impl Fn(&Project) -> bool {
    move |project| project.read("root/x.yaml").as_deref() == Some(text)
}

#[test]
fn yaml_values_are_set_and_taken_and_all_else_stays() {
    let case = Case::new();
    case.converges(&set("\"log\", \"it's\"", "debug"), "change", holds("log:\n  \"it's\": debug\n"));
    case.converges(&set("\"port\"", "8080"), "change", holds("log:\n  \"it's\": debug\nport: 8080\n"));
    case.has_nothing_to_do(&set("\"log\", \"it's\"", "\"debug\""), "change");
    case.converges(&unset("\"log\", \"it's\""), "change", holds("log: {}\nport: 8080\n"));
    case.has_nothing_to_do(&unset("\"log\", \"it's\""), "change");

    let text = "# who\r\nserver:   # here\r\n    # how\r\n    port: 80  # it's\r\n    names: [a,\r\n  b]\r\n    text: |\r\n        port: 1\r\n";
    case.project.write("root/x.yaml", text);
    case.converges(&set("\"server\", \"port\"", "\"80\""), "change", holds(&text.replace("port: 80", "port: \"80\"")));
    case.converges(
        &set("\"server\", \"tls\", \"on\"", "true"),
        "change",
        holds(&format!("{}    tls:\r\n        \"on\": true\r\n", text.replace("port: 80", "port: \"80\""))),
    );
    case.converges(
        &unset("\"server\", \"names\""),
        "change",
        holds("# who\r\nserver:   # here\r\n    # how\r\n    port: \"80\"  # it's\r\n    text: |\r\n        port: 1\r\n    tls:\r\n        \"on\": true\r\n"),
    );
    case.fails(&set("\"server\", \"text\"", "1"), "change", "x.yaml, line 5: text is a text of several lines");
    case.fails(&set("\"server\"", "1"), "change", "server is a map");
    case.fails(&set("\"server\", \"port\", \"x\"", "1"), "change", "port is a value, which holds no names");
}

#[test]
fn yaml_that_is_not_understood_stays() {
    let case = Case::new();
    for (text, words) in [
        ("a: {b: 1}\n", "a is a list or map in brackets"),
        ("a: &x\n  b: 1\nc: *x\n", "a is an anchor or a tag"),
        ("a:\n  - b: 1\n", "a is a list"),
        ("a: 1\na: 2\n", "line 2: the name a is there twice"),
        ("a: 1\n---\nb: 2\n", "line 2: a second document begins"),
    ] {
        case.project.write("root/x.yaml", text);
        case.fails(&set("\"a\", \"b\"", "1"), "change", words);
        case.fails(&unset("\"a\", \"b\""), "change", words);
    }
    case.project.write("root/x.yaml", "a: 1\n");
    for value in ["yes", "010", "[1]", "a: b"] {
        case.fails(&set("\"a\"", value), "change", "is not plain: a text that could be something else");
    }
    case.project.write("root/x.yaml", "a:\n  b: &x 1\nc: *x\n");
    case.fails(&unset("\"a\""), "change", "line 2: what has an anchor is not removed");
    std::fs::create_dir_all(case.project.path("root/folder")).unwrap();
    case.fails("file.yaml(path: \"{root}/folder\", key: [\"a\"], value: \"1\")", "change", "is not a file");
    case.fails("file.yaml(path: \"{root}/no/x\", key: [\"a\"], value: \"1\")", "change", "does not exist");
}

/// The program of the actions themselves.
fn program() -> String {
    let action = include_str!("../../stdlib/file-yaml.ops");
    let (_, rest) = action.split_once("-v what=\"$1\" '\n").unwrap();
    rest.split_once("\n  ' < \"$now\"").unwrap().0.to_owned()
}

#[test]
fn yaml_of_random_files_is_what_python_says() {
    let folder = Project::new();
    folder.write("edit.awk", &program());
    let mut tried = 0;
    for awk in ["mawk", "gawk", "original-awk", "busybox awk"] {
        let (name, more) = awk.split_once(' ').unwrap_or((awk, ""));
        if Command::new(name).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            continue;
        }
        let done = Command::new("python3")
            .arg("-c")
            .arg(include_str!("stdlib_yaml.py"))
            .arg(folder.path("edit.awk"))
            .arg(name)
            .args(more.split_whitespace())
            .output()
            .unwrap();
        assert_eq!(
            (done.status.code(), String::from_utf8_lossy(&done.stdout).trim()),
            (Some(0), "400 files"),
            "{awk}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        tried += 1;
    }
    assert!(tried >= 2, "mawk and busybox are there");
}
