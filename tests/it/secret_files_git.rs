//! Encrypted files of secrets in git: branches that changed different secrets merge, the others are conflicts, and a
//! difference shows names and days.

use std::process::{Command, Output};

use super::project::Project;
use super::secret_files::{get, given, set, with_identity};

/// A repository whose git asks opsc about files of secrets; `db` has one, two and three.
fn repository() -> Project {
    let project = with_identity();
    project.write(".gitignore", "home\n.opsc\n");
    project.write(".gitattributes", "secrets/*.yaml diff=opsc merge=opsc\n");
    for name in ["one", "two", "three"] {
        set(&project, &format!("db/{name}"), &format!("Kanarie {name}"));
    }
    git(&project, &["init", "-q", "-b", "main"]);
    commit(&project, "first");
    project
}

fn try_git(project: &Project, arguments: &[&str]) -> Output {
    let opsc = env!("CARGO_BIN_EXE_opsc");
    Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "merge.opsc.name=secrets"])
        .args(["-c", &format!("merge.opsc.driver={opsc} secret merge %O %A %B %P")])
        .args(["-c", &format!("diff.opsc.textconv={opsc} secret textconv")])
        .args(arguments)
        .current_dir(project.folder.path())
        .env("HOME", project.path("home"))
        .env_remove("OPSC_IDENTITY")
        .output()
        .unwrap()
}

fn git(project: &Project, arguments: &[&str]) -> String {
    let done = try_git(project, arguments);
    assert!(done.status.success(), "{arguments:?}: {done:?}");
    String::from_utf8(done.stdout).unwrap()
}

fn commit(project: &Project, message: &str) {
    git(project, &["add", "-A"]);
    git(project, &["commit", "-qm", message]);
}

/// Does one thing on a branch `side`, another on `main`, and merges the first into the second.
fn merged(project: &Project, side: impl Fn(), main: impl Fn()) -> Output {
    git(project, &["checkout", "-q", "-b", "side"]);
    side();
    commit(project, "side");
    git(project, &["checkout", "-q", "main"]);
    main();
    commit(project, "main");
    try_git(project, &["merge", "-q", "-m", "merged", "side"])
}

fn lines(project: &Project, start: &str) -> Vec<String> {
    let text = project.read("secrets/db.yaml").unwrap();
    text.lines().filter(|line| line.starts_with(start)).map(str::to_string).collect()
}

fn remove(project: &Project, name: &str) {
    assert_eq!(project.opsc(&["secret", "rm", name]).code, 0);
}

#[test]
fn sides_that_changed_different_secrets_merge() {
    let project = repository();
    let before = lines(&project, "    value: ");
    let side = || {
        set(&project, "db/one", "Kanarie of side");
        set(&project, "db/four", "Kanarie four");
    };
    let main = || {
        remove(&project, "db/two");
        let said = given(&project, &["secret", "set", "db/three", "--rotate", "30d"], "Kanarie three");
        assert_eq!(said.code, 0);
    };
    let done = merged(&project, side, main);
    assert!(done.status.success(), "{done:?}");
    let listed = project.opsc(&["secret", "ls"]).stdout;
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["db/four", "db/one", "db/three"], "{listed}");
    assert_eq!(get(&project, "db/one"), "Kanarie of side");
    assert_eq!(get(&project, "db/three"), "Kanarie three");
    assert_eq!(lines(&project, "    rotate: "), ["    rotate: 30d"]);
    // In the order of their names: one, three, two.
    assert!(lines(&project, "    value: ").contains(&before[1]), "what nobody changed keeps its bytes");
}

#[test]
fn what_both_changed_is_a_conflict_and_all_else_is_merged() {
    let project = repository();
    let side = || {
        set(&project, "db/one", "Kanarie of side");
        set(&project, "db/two", "Kanarie 2");
        remove(&project, "db/three");
    };
    let main = || {
        set(&project, "db/one", "Kanarie of main");
        set(&project, "db/three", "Kanarie 3");
    };
    let done = merged(&project, side, main);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success(), "{done:?}");
    assert!(said.contains("secrets/db.yaml: one and three were changed on both sides; ours stands there"), "{said}");
    assert_eq!(git(&project, &["diff", "--name-only", "--diff-filter=U"]), "secrets/db.yaml\n");
    let texts = ["db/one", "db/two", "db/three"].map(|name| get(&project, name));
    assert_eq!(texts, ["Kanarie of main", "Kanarie 2", "Kanarie 3"]);
}

#[test]
fn a_key_that_one_side_changed_stays() {
    let project = repository();
    let bert = project.path("home/bert");
    let of_bert =
        super::project::said(project.command(&["secret", "keygen"]).env("OPSC_IDENTITY", &bert).output().unwrap());
    let own = project.opsc(&["secret", "recipient"]).stdout;
    let rekey = || {
        project.write("secrets/recipients", &format!("{own}{}", of_bert.stdout));
        assert_eq!(project.opsc(&["secret", "rekey", "-y"]).code, 0);
        set(&project, "db/three", "Kanarie 3");
    };
    let done = merged(&project, rekey, || set(&project, "db/one", "Kanarie 1"));
    assert!(done.status.success(), "{done:?}");
    let read = |name: &str| {
        let got = project.command(&["secret", "get", name]).env("OPSC_IDENTITY", &bert).output().unwrap();
        super::project::said(got).stdout
    };
    assert_eq!(["db/one", "db/two", "db/three"].map(read), ["Kanarie 1", "Kanarie two", "Kanarie 3"]);
    assert_eq!(get(&project, "db/one"), "Kanarie 1");

    git(&project, &["branch", "-D", "side"]);
    let rekey = || assert_eq!(project.opsc(&["secret", "rekey", "-y"]).code, 0);
    let done = merged(&project, rekey, rekey);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && said.contains("both sides have another key than before"), "{said}");
    assert_eq!(get(&project, "db/one"), "Kanarie 1");
}

#[test]
fn a_side_that_was_tampered_with_is_not_merged() {
    let project = repository();
    let tamper = || {
        let text = project.read("secrets/db.yaml").unwrap();
        project.write("secrets/db.yaml", &text.replace("  two:", "  too:"));
    };
    let done = merged(&project, tamper, || set(&project, "db/one", "Kanarie 1"));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && said.contains("was changed by something else than opsc"), "{said}");
    assert_eq!(get(&project, "db/one"), "Kanarie 1");
    assert_eq!(get(&project, "db/two"), "Kanarie two");
}

#[test]
fn a_difference_shows_names_and_days() {
    let project = repository();
    set(&project, "db/one", "Kanarie other");
    remove(&project, "db/two");
    let shown = git(&project, &["diff", "--no-color", "-U0"]);
    let changes: Vec<&str> =
        shown.lines().filter(|line| line.starts_with(['+', '-']) && !line.contains("db.yaml")).collect();
    let starts: Vec<String> =
        changes.iter().map(|line| line.chars().take_while(|letter| *letter != '…').collect()).collect();
    assert_eq!(starts, ["-one: ", "+one: ", "-two: "], "{shown}");
    assert!(changes.iter().all(|line| line.contains(" changed 2") && line.len() < 60), "{shown}");
    // Of another form, as it is.
    project.write("secrets/db.yaml", "hello: world\n");
    assert!(git(&project, &["diff", "--no-color"]).contains("\n+hello: world\n"));
}
