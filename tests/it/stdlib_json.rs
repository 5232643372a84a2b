//! The actions for JSON files: values come in, are changed and go without a change to anything else, and what Python's
//! json says of random files is what they hold, by every awk of this machine.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::process::{Command, Stdio};

use super::project::Project;
use super::stdlib_cases::Case;

fn set(key: &str, value: &str) -> String {
    format!(
        "file.json(path: \"{{root}}/x.json\", key: [{key}], value: \"{}\")",
        value.replace('"', "\\\"").replace('{', "\\{")
    )
}

fn unset(key: &str) -> String {
    format!("file.no_json(path: \"{{root}}/x.json\", key: [{key}])")
}

fn holds(text: &str) -> impl Fn(&Project) -> bool {
    move |project| project.read("root/x.json").as_deref() == Some(text)
}

#[test]
fn json_values_are_set_and_taken_and_all_else_stays() {
    let case = Case::new();
    case.converges(
        &set("\"log\", \"it's\"", "[1, 2]"),
        "change",
        holds("{\n  \"log\": {\n    \"it's\": [1, 2]\n  }\n}\n"),
    );
    case.converges(
        &set("\"log\", \"b\"", "\"x\""),
        "change",
        holds("{\n  \"log\": {\n    \"it's\": [1, 2],\n    \"b\": \"x\"\n  }\n}\n"),
    );
    case.has_nothing_to_do(&set("\"log\", \"it's\"", " [1,2] "), "change");
    case.converges(&unset("\"log\", \"it's\""), "change", holds("{\n  \"log\": {\n    \"b\": \"x\"\n  }\n}\n"));
    case.has_nothing_to_do(&unset("\"log\", \"it's\""), "change");

    case.project.write("root/x.json", "{\"a\":[{\"b\" : 1.0},2] , \"\\u00fc\\/\":\"\\ud83d\\ude00\"}");
    case.has_nothing_to_do(&set("\"ü/\"", "\"😀\""), "change");
    case.converges(
        &set("\"a\", \"0\", \"b\"", "null"),
        "change",
        holds("{\"a\":[{\"b\" : null},2] , \"\\u00fc\\/\":\"\\ud83d\\ude00\"}"),
    );
    case.converges(
        &unset("\"a\", \"0\", \"b\""),
        "change",
        holds("{\"a\":[{},2] , \"\\u00fc\\/\":\"\\ud83d\\ude00\"}"),
    );
    case.fails(&unset("\"a\", \"0\""), "change", "every run would take another");
    case.converges(
        &set("\"n\"", "{}"),
        "change",
        holds("{\"a\":[{},2] , \"\\u00fc\\/\":\"\\ud83d\\ude00\", \"n\": {}}"),
    );
    case.converges(&unset("\"n\""), "change", holds("{\"a\":[{},2] , \"\\u00fc\\/\":\"\\ud83d\\ude00\"}"));

    case.project.write("root/x.json", "{\r\n\t\"a\": {\r\n\t}\r\n}\r\n");
    case.fails(&set("\"a\"", "{"), "change", "the value is no JSON: a name is missing in line 1");
    case.fails(&set("\"a\"", "1 2"), "change", "the value is no JSON: something behind the end in line 1");
    case.project.write("root/x.json", "{\"a\": [true], \"b\": 1, \"b\": 2,\n// no\n}");
    case.fails(&set("\"a\"", "1"), "change", "is no JSON: a name is missing in line 2");
    case.fails(&unset("\"a\""), "change", "is no JSON: a name is missing in line 2");
    case.project.write("root/x.json", "{\"a\": [true], \"b\": 1, \"b\": 2}");
    case.fails(&set("\"b\"", "3"), "change", "has one of the names on the way twice");
    case.fails(&set("\"a\", \"1\"", "3"), "change", "has no place \"1\"");
    case.fails(&set("\"a\", \"0\", \"x\"", "3"), "change", "is a value that holds no others");
    std::fs::create_dir_all(case.project.path("root/folder")).unwrap();
    case.fails("file.json(path: \"{root}/folder\", key: [\"a\"], value: \"1\")", "change", "is not a file");
    case.fails("file.json(path: \"{root}/no/x\", key: [\"a\"], value: \"1\")", "change", "does not exist");
}

/// The program of the actions themselves.
fn program() -> String {
    let action = include_str!("../../stdlib/file-json.ops");
    let (_, rest) = action.split_once("-v what=\"$1\" '\n").unwrap();
    rest.split_once("\n  ' < \"$now\"").unwrap().0.to_owned()
}

#[test]
fn json_of_random_files_is_what_python_says() {
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
            .arg(include_str!("stdlib_json.py"))
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
