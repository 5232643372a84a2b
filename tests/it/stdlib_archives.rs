//! What is fetched and unpacked, on this machine: downloads, archives and clones. Nobody outside is asked.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;
use std::process::Command;

use super::project::{Health, Project, said};
use super::stdlib_cases::{Case, mode};

/// Of `ok`, which the server answers with.
const OK: &str = "sha256:2689367b205c16ce32ed4200942b8b8b1e262dfc70d9bc9fbc77c49699a4f1df";

fn tool(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null");
    for (name, value) in [("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@b"), ("GIT_COMMITTER_NAME", "a")] {
        command.env(name, value).env("GIT_COMMITTER_EMAIL", "a@b");
    }
    let done = said(command.output().unwrap());
    assert_eq!(done.code, 0, "{program} {arguments:?}: {done:?}");
    done.stdout.trim().to_string()
}

#[test]
fn file_download() {
    let (case, server) = (Case::new(), Health::start());
    let step = |to: &str, more: &str| {
        format!("file.download(url: \"http://127.0.0.1:{}/x?a=1&b='\", to: \"{{root}}/{to}\"{more})", server.port)
    };
    let row = "change, network";
    for name in ["plain", "-n", "it's $(touch hacked)"] {
        case.converges(&step(name, ""), row, |project| {
            project.read(&format!("root/{name}")).as_deref() == Some("ok")
                && mode(project, &format!("root/{name}")) == 0o644
        });
    }
    case.project.write("root/plain", "other");
    case.has_nothing_to_do(&step("plain", ""), row);
    case.converges(&step("plain", &format!(", checksum: \"{OK}\", mode: \"0600\"")), row, |project| {
        project.read("root/plain").as_deref() == Some("ok") && mode(project, "root/plain") == 0o600
    });
    case.converges(&step("plain", ", mode: \"0640\""), row, |project| mode(project, "root/plain") == 0o640);
    let wrong = OK.replace("2689", "0000");
    case.fails(&step("plain", &format!(", checksum: \"{wrong}\"")), row, &format!("has the checksum {OK}"));
    server.set(404);
    case.fails(&step("new", ""), row, "404");
    case.fails(&step("no/folder", ""), row, "does not exist");
    case.fails("file.download(url: \"http://127.0.0.1:1/x\", to: \"{root}/new\")", row, "onnect");
    case.fails("file.download(url: \"gopher://127.0.0.1:1/x\", to: \"{root}/new\")", row, "rotocol");
    case.is_refused(&step("new", ", checksum: \"abc\""), row, "expected text like");
    case.is_refused("file.download(url: \"file:///etc/passwd\", to: \"{root}/new\")", row, "url");
}

#[test]
fn archive_extract_of_a_file_of_the_host() {
    let case = Case::new();
    let folder = case.project.path("packed");
    case.project.write("packed/it's", "one");
    tool(&folder, "tar", &["-czf", "../root/a $(b).tgz", "it's"]);
    let step = "archive.extract(archive: \"{root}/a $(b).tgz\", to: \"{root}/out\")";
    case.converges(step, "change", |project| project.read("root/out/it's").as_deref() == Some("one"));
    case.project.write("packed/it's", "two");
    tool(&folder, "tar", &["-cJf", "../root/a $(b).tgz", "it's"]);
    case.converges(step, "change", |project| project.read("root/out/it's").as_deref() == Some("two"));
    for kind in ["-cjf", "-cf"] {
        case.project.write("packed/it's", kind);
        tool(&folder, "tar", &[kind, "../root/a $(b).tgz", "it's"]);
        case.converges(step, "change", |project| project.read("root/out/it's").as_deref() == Some(kind));
    }
    case.project.write("root/broken", "no archive");
    case.fails("archive.extract(archive: \"{root}/broken\", to: \"{root}/new\")", "change", "tar");
    case.fails("archive.extract(archive: \"{root}/none\", to: \"{root}/new\")", "change", "there is no such archive");
    case.fails("archive.extract(to: \"{root}/new\")", "change", "is either a file of the project");
}

/// A repository with a branch `main`, a tag with a note and one without; the commits, the first last.
fn repository(case: &Case) -> Vec<String> {
    let folder = case.project.path("repo's");
    std::fs::create_dir(&folder).unwrap();
    tool(&folder, "git", &["init", "-q", "-b", "main"]);
    for (text, tag) in [("one", vec!["tag", "v1"]), ("two", vec!["tag", "-a", "-m", "x", "v2"])] {
        std::fs::write(folder.join("file"), text).unwrap();
        tool(&folder, "git", &["add", "file"]);
        tool(&folder, "git", &["commit", "-q", "-m", text]);
        tool(&folder, "git", &tag);
    }
    tool(&folder, "git", &["log", "--format=%H"]).lines().map(str::to_string).collect()
}

fn holds(project: &Project, text: &str) -> bool {
    project.read("root/it's/file").as_deref() == Some(text)
}

#[test]
fn git_checkout() {
    let case = Case::new();
    let commits = repository(&case);
    let row = "change, network";
    let repo = format!("{}/repo's", case.project.folder.path().display());
    let step = |more: &str| format!("git.checkout(repo: \"{repo}\", to: \"{{root}}/it's\"{more})");
    case.converges(&step(", version: \"v1\""), row, |project| holds(project, "one"));
    let turns = |more: &str, text: &str| {
        case.converges_but_for(&step(more), row, "it's/.git", |project| holds(project, text));
    };
    turns("", "two");
    turns(&format!(", version: \"{}\"", commits[1]), "one");
    turns(", version: \"v2\"", "two");
    case.has_nothing_to_do(&step(", version: \"main\""), row);
    // What the branch names now, which is fetched.
    let folder = case.project.path("repo's");
    tool(&folder, "git", &["commit", "-q", "--allow-empty", "-m", "three"]);
    std::fs::write(folder.join("file"), "four").unwrap();
    tool(&folder, "git", &["commit", "-q", "-a", "-m", "four"]);
    turns(", version: \"main\"", "four");
    case.project.write("root/it's/file", "edited");
    case.fails(&step(", version: \"v1\""), row, "were edited");
    let forced = case.run(&step(", version: \"v1\", force: true"), row, &["run", "-y"]);
    assert!(forced.code == 0 && holds(&case.project, "one"), "{forced:?}");
}

#[test]
fn git_checkout_that_cannot_be() {
    let case = Case::new();
    repository(&case);
    let row = "change, network";
    let repo = format!("{}/repo's", case.project.folder.path().display());
    let step = |to: &str, version: &str| {
        format!("git.checkout(repo: \"{repo}\", to: \"{{root}}/{to}\", version: \"{version}\")")
    };
    case.fails(&step("new", "nowhere"), row, "has no nowhere");
    case.fails(&step("new", "0123456789012345678901234567890123456789"), row, "0123456789");
    case.fails(&step("no/folder", "v1"), row, "does not exist");
    case.project.write("root/full/file", "x");
    case.fails(&step("full", "v1"), row, "is no clone");
    case.fails("git.checkout(repo: \"/no/such/repo\", to: \"{root}/new\")", row, "/no/such/repo");
    tool(&case.project.path("root"), "git", &["clone", "-q", &repo, "other"]);
    tool(&case.project.path("root/other"), "git", &["remote", "set-url", "origin", "/elsewhere"]);
    case.fails(&step("other", "v1"), row, "another repository");
    // A folder that is empty is filled, with the rights that it has.
    std::fs::create_dir(case.project.path("root/empty")).unwrap();
    case.converges(&step("empty", "v2"), row, |project| project.read("root/empty/file").as_deref() == Some("two"));
    for bad in ["--upload-pack=x", "a b", ""] {
        case.is_refused(&step("new", bad), row, "expected text like");
    }
    for bad in ["-x", "ext::sh -c id", "relative"] {
        case.is_refused(&format!("git.checkout(repo: \"{bad}\", to: \"{{root}}/new\")"), row, "expected text like");
    }
}

#[test]
fn git_checkout_of_no_more_than_so_many_commits() {
    let case = Case::new();
    let commits = repository(&case);
    let row = "change, network";
    let repo = format!("file://{}/repo's", case.project.folder.path().display());
    let step = |more: &str| format!("git.checkout(repo: \"{repo}\", to: \"{{root}}/it's\"{more})");
    let count = || tool(&case.project.path("root/it's"), "git", &["rev-list", "--count", "HEAD"]).trim().to_owned();
    case.converges(&step(", version: \"v2\", depth: 1"), row, |project| holds(project, "two"));
    assert_eq!(count(), "1");
    let turns = |more: &str, text: &str| {
        case.converges_but_for(&step(more), row, "it's/.git", |project| holds(project, text));
    };
    turns(&format!(", version: \"{}\", depth: 1", commits[1]), "one");
    turns(", version: \"v2\", depth: 1", "two");
    let folder = case.project.path("repo's");
    std::fs::write(folder.join("file"), "three").unwrap();
    tool(&folder, "git", &["commit", "-q", "-a", "-m", "three"]);
    turns(", depth: 1", "three");
    assert_eq!(count(), "1");
    std::fs::write(folder.join("file"), "four").unwrap();
    tool(&folder, "git", &["commit", "-q", "-a", "-m", "four"]);
    turns(", version: \"main\"", "four");
    assert_eq!(count(), "4", "without depth all of it is there again");
    case.fails(&step(", key: \"{root}/no-key\""), row, "no such file with a key");
}
