//! What is read of files, on this machine: their content, and which there are.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs::File;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use super::stdlib_cases::Case;

/// Whether what is read is what is told, in a run and in a dry run.
fn tells(case: &Case, step: &str, condition: &str) {
    let steps = format!("x = {step}\n    require {condition} else \"it is not so\"");
    case.reads(&steps, "read");
}

#[test]
fn file_read() {
    let case = Case::new();
    for (name, text) in [
        ("plain", "a\nb\n\n"),
        ("it's $(x)", "it's \"$HOME\" `id` \\1"),
        ("-n", "\r\nü\t"),
        ("empty", ""),
        ("spaces", "  "),
    ] {
        case.project.write(&format!("root/{name}"), text);
        let literal = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
        let literal = literal.replace('\r', "\\r");
        let condition = format!("x.exists and x.content == \"{literal}\" and x.size == {}B", text.len());
        tells(&case, &format!("file.read(path: \"{{root}}/{name}\")"), &condition);
    }
    symlink("plain", case.project.path("root/link")).unwrap();
    tells(&case, "file.read(path: \"{root}/link\")", "x.content == \"a\\nb\\n\\n\" and x.size == 5B");
    tells(&case, "file.read(path: \"{root}/none\")", "not x.exists and x.content == \"\"");
}

#[test]
fn what_cannot_be_read_says_why() {
    let case = Case::new();
    case.project.write("root/large", &"x".repeat(2000));
    std::fs::write(case.project.path("root/binary"), b"a\0b").unwrap();
    std::fs::write(case.project.path("root/latin"), b"\xe4").unwrap();
    symlink("nowhere", case.project.path("root/dangling")).unwrap();
    case.fails("file.read(path: \"{root}/large\", most: 1KiB)", "read", "has 2000 bytes, more than 1024");
    case.fails("file.read(path: \"{root}/binary\")", "read", "zero byte");
    case.fails("file.read(path: \"{root}/latin\")", "read", "content");
    case.fails("file.read(path: \"{root}\")", "read", "is not a file");
    case.fails("file.read(path: \"{root}/dangling\")", "read", "is not a file");
    case.is_refused("file.read(path: \"{root}/x\", most: 5MiB)", "read", "3MiB");
}

#[test]
fn file_prune() {
    let case = Case::new();
    let age = |name: &str, hours: u64| {
        let file = File::options().write(true).open(case.project.path(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
    };
    let names = ["root/old.gz", "root/d/it's $(x).gz", "root/-n.gz", "root/new.gz", "root/old.log", "root/d/e/deep.gz"];
    for name in names {
        case.project.write(name, "12345");
        age(name, if name.contains("new") { 1 } else { 48 });
    }
    symlink("d", case.project.path("root/link.gz")).unwrap();
    let step = "file.prune(path: \"{root}\", name: \"*.gz\", older: 1d, depth: 2)";
    let refused = case.run(step, "destroy", &["run", "-y"]);
    assert_eq!(refused.code, 12, "{refused:?}");
    let left = || names.into_iter().filter(|name| case.project.path(name).exists()).collect::<Vec<_>>();
    let planned = case.plans(step, "destroy");
    assert!(planned.stdout.contains("~ will change") && planned.stdout.contains("not reversible"), "{planned:?}");
    assert_eq!(left().len(), 6);
    let told =
        "require x.count == 3 and x.size == 15B and \"{root}/old.gz\" in x.files else \"{x.count} {x.size} {x.files}\"";
    let steps = format!("x = {step}\n    {told}");
    let said = case.run(&steps, "destroy", &["run", "-y", "--allow-destroy"]);
    assert_eq!((said.code, case.changed(&said)), (0, 1), "{said:?}");
    assert_eq!(left(), ["root/new.gz", "root/old.log", "root/d/e/deep.gz"]);
    assert!(case.project.path("root/link.gz").is_symlink() && case.project.path("root/d").is_dir());
    let again = case.run(step, "destroy", &["run", "-y", "--allow-destroy"]);
    assert_eq!((again.code, case.changed(&again)), (0, 0), "{again:?}");
    let nowhere = step.replace("{root}\"", "{root}/none\"");
    let said = case.run(&nowhere, "destroy", &["run", "-y", "--allow-destroy"]);
    assert!(said.code == 21 && said.stderr.contains("there is no folder"), "{said:?}");
}

#[test]
fn file_find() {
    let case = Case::new();
    for name in ["b.log", "a.log", "d/c.log", "d/it's $(x) [1].log", "d/e/x.txt", "-n"] {
        case.project.write(&format!("root/{name}"), "12345");
    }
    case.project.write("root/large", &"x".repeat(3000));
    symlink("d", case.project.path("root/link")).unwrap();
    let old = File::options().write(true).open(case.project.path("root/d/c.log")).unwrap();
    old.set_modified(SystemTime::now() - Duration::from_secs(3 * 3600)).unwrap();
    let finds = |arguments: &str, expected: &[&str]| {
        let files: Vec<String> = expected.iter().map(|name| format!("{}/{name}", case.root())).collect();
        let condition = format!("join(x.files, \"|\") == \"{}\" and x.count == {}", files.join("|"), files.len());
        tells(&case, &format!("file.find(path: \"{{root}}\"{arguments})"), &condition);
    };
    finds(", name: \"*.log\"", &["a.log", "b.log", "d/c.log", "d/it's $(x) [1].log"]);
    finds(", name: \"*.log\", depth: 1", &["a.log", "b.log"]);
    finds(", older: 2h", &["d/c.log"]);
    finds(", newer: 2h, depth: 1", &["-n", "a.log", "b.log", "large"]);
    finds(", larger: 2KiB", &["large"]);
    finds(", kind: \"directory\"", &["d", "d/e"]);
    finds(", kind: \"link\"", &["link"]);
    finds(", kind: \"any\", name: \"[dl]*\"", &["d", "large", "link"]);
    finds(", name: \"-delete\"", &[]);
    finds(", name: \"none\"", &[]);
    case.fails("file.find(path: \"{root}/none\")", "read", "there is no folder");
    case.project.write("root/two\nlines", "");
    case.fails("file.find(path: \"{root}\")", "read", "holds a line end");
    finds(", name: \"*.txt\"", &["d/e/x.txt"]);
    case.is_refused("file.find(path: \"{root}\", older: 5s)", "read", "1m");
}
