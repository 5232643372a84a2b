//! What is put together on this machine: archives of folders, and files of parts.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::process::Command;

use super::project::said;
use super::stdlib_cases::{Case, mode};

/// Names in an archive, without folders.
fn names(case: &Case, archive: &str) -> BTreeSet<String> {
    let path = case.project.path(archive);
    let mut command = if archive.ends_with(".zip") { Command::new("unzip") } else { Command::new("tar") };
    command
        .arg(if archive.ends_with(".zip") { "-Z1" } else { "-tf" })
        .arg(path)
        .args(["--quoting-style=literal"][archive.ends_with(".zip") as usize..].iter());
    let done = said(command.output().unwrap());
    assert_eq!(done.code, 0, "{done:?}");
    let files = done.stdout.lines().map(|line| line.trim_start_matches("./").to_owned());
    files.filter(|name| !name.is_empty() && !name.ends_with('/')).collect()
}

fn write_source(case: &Case) {
    for (name, text) in
        [("it's $(x)", "one"), ("-n", "two"), ("sub/a.log", "log"), ("sub/deep/b", "b"), ("cache/c", "c")]
    {
        case.project.write(&format!("root/source/{name}"), text);
    }
}

#[test]
fn archive_create_packs_a_folder_in_every_kind() {
    for kind in ["tar", "tar.gz", "tgz", "tar.bz2", "tar.xz", "tar.zst", "zip"] {
        let case = Case::new();
        write_source(&case);
        let archive = format!("root/a b.{kind}");
        let step = format!(
            "archive.create(from: \"{{root}}/source\", to: \"{{root}}/a b.{kind}\", exclude: [\"*.log\", \"cache\"])"
        );
        case.converges(&step, "change", |project| project.path(&archive).exists());
        let all = ["-n", "it's $(x)", "sub/deep/b"].map(str::to_owned);
        assert_eq!(names(&case, &archive), BTreeSet::from(all), "{kind}");
        let unpack = format!("archive.extract(archive: \"{{root}}/a b.{kind}\", to: \"{{root}}/out\")");
        assert_eq!(case.run(&unpack, "change", &["run", "-y"]).code, 0, "{kind}");
        assert_eq!(case.project.read("root/out/it's $(x)").as_deref(), Some("one"), "{kind}");
    }
}

#[test]
fn archive_create_packs_again_where_something_is_newer() {
    let case = Case::new();
    write_source(&case);
    let step = "archive.create(from: \"{root}/source\", to: \"{root}/source/own.tar.gz\")";
    // The times of folders are what is asked: those of the archive's own folder change when it comes and goes.
    assert_eq!(case.run(step, "change", &["run", "-y"]).code, 0);
    assert_eq!(names(&case, "root/source/own.tar.gz").len(), 5);
    let age = |name: &str, to: &str| {
        let touched = Command::new("touch").args(["-h", "-d", to]).arg(case.project.path(name)).status().unwrap();
        assert!(touched.success());
    };
    let all_old = || {
        for name in ["", "/it's $(x)", "/-n", "/sub", "/sub/a.log", "/sub/deep", "/sub/deep/b", "/cache", "/cache/c"] {
            age(&format!("root/source{name}"), "2001-01-01");
        }
    };
    all_old();
    age("root/source/own.tar.gz", "2002-01-01");
    case.has_nothing_to_do(step, "change");
    age("root/source/sub/deep/b", "2003-01-01");
    let said = case.run(step, "change", &["run", "-y"]);
    assert_eq!((said.code, case.changed(&said)), (0, 1), "{said:?}");
    // A file that went away left its folder younger than the archive.
    all_old();
    std::fs::remove_file(case.project.path("root/source/cache/c")).unwrap();
    age("root/source/own.tar.gz", "2002-01-01");
    let said = case.run(step, "change", &["run", "-y"]);
    assert_eq!((said.code, case.changed(&said)), (0, 1), "{said:?}");
    assert_eq!(names(&case, "root/source/own.tar.gz").len(), 4);
}

#[test]
fn archive_create_of_one_file_over_another_archive() {
    let case = Case::new();
    write_source(&case);
    case.project.write("root/one.zip", "old");
    let old = Command::new("touch").args(["-d", "2001-01-01"]).arg(case.project.path("root/one.zip")).status();
    assert!(old.unwrap().success());
    let step = "archive.create(from: \"{root}/source/-n\", to: \"{root}/one.zip\")";
    case.converges(step, "change", |project| project.read("root/one.zip").as_deref() != Some("old"));
    assert_eq!(names(&case, "root/one.zip"), BTreeSet::from(["-n".to_owned()]));
    let other = |from: &str, to: &str| format!("archive.create(from: \"{{root}}/{from}\", to: \"{{root}}/{to}\")");
    case.fails(&other("none", "x.tar"), "change", "there is no");
    case.fails(&other("source", "no/x.tar"), "change", "does not exist");
    case.is_refused(&other("source", "x.rar"), "change", "expected text like");
}

#[test]
fn file_assemble_joins_the_parts_in_order() {
    let case = Case::new();
    for (name, text) in [("10-b", "two"), ("9-a", "three\n"), ("-n", "one\n"), (".hidden", "no"), ("sub/x", "no")] {
        case.project.write(&format!("root/parts/{name}"), text);
    }
    let step = |more: &str| format!("file.assemble(from: \"{{root}}/parts\", to: \"{{root}}/all\"{more})");
    case.converges(&step(", mode: \"0600\""), "change", |project| {
        project.read("root/all").as_deref() == Some("one\ntwo\nthree\n") && mode(project, "root/all") == 0o600
    });
    let lined = step(", delimiter: \"# it's $(x)\"");
    case.converges(&lined, "change", |project| {
        project.read("root/all").as_deref() == Some("one\n# it's $(x)\ntwo\n# it's $(x)\nthree\n")
    });
    case.project.write("root/parts/10-b", "2");
    case.fails(&step(", validate: sh\"echo \\\"no two\\\"; grep -q two \\\"$file\\\"\""), "change", "no two");
    case.fails(&step("").replace("/parts", "/none"), "change", "there is no folder");
    std::fs::create_dir(case.project.path("root/empty")).unwrap();
    case.fails(&step("").replace("/parts", "/empty"), "change", "holds no file");
}
