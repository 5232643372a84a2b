//! Encrypted files of secrets in an editor, and compared between revisions.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::project::{Project, Said, said};
use super::secret_files::{get, given, set, with_identity};

/// Edits `db` with a script, which gets the text's file as `$1`; its folder is made below the project.
fn edit(project: &Project, script: &str) -> Said {
    said(edit_command(project, script).output().unwrap())
}

fn edit_command(project: &Project, script: &str) -> Command {
    project.write("tools/editor", &format!("#!/bin/sh\nset -e\n{script}\n"));
    let editor = project.path("tools/editor");
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::create_dir_all(project.path("runtime")).unwrap();
    let mut command = project.command(&["secret", "edit", "db"]);
    command.env("VISUAL", format!("'{}' --wait", editor.display())).env("XDG_RUNTIME_DIR", project.path("runtime"));
    command
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn an_editor_changes_what_it_changes_and_leaves_nothing() {
    let project = with_identity();
    for (name, text) in [("db/one", "Kanarie one"), ("db/two", "Kanarie two"), ("db/three", "Kanarie 3\nKanarie 4\n")] {
        set(&project, name, text);
    }
    let value = |name: &str| {
        let text = project.read("secrets/db.yaml").unwrap();
        let (_, rest) = text.split_once(&format!("  {name}:\n")).unwrap();
        rest.lines().next().unwrap().to_string()
    };
    let three = value("three");
    // It also keeps a second name of the text's file, so that what is left in it can be seen, and a copy beside it.
    let edited = edit(
        &project,
        "test \"$1\" = --wait\nstat -c %a \"$2\" \"$(dirname \"$2\")\" >modes\nln \"$2\" kept\ncp \"$2\" \"$2~\"\nln \"$2~\" kept-copy\nsed -e 's/^one: .*/one: Kanarie 1: \"#\"/' -e '/^two/d' <\"$2\" >new\nprintf 'four:\\n  Kanarie\\n  four\\n' >>new\ncat new >\"$2\"\nrm new",
    );
    assert_eq!(edited.code, 0, "{edited:?}");
    assert_eq!(edited.stderr, "added db/four\nchanged db/one\nremoved db/two\n");
    assert_eq!(project.read("modes").as_deref(), Some("600\n700\n"));
    assert!(is_empty(&project.path("runtime")));
    for kept in ["kept", "kept-copy"] {
        let left = std::fs::read(project.path(kept)).unwrap();
        assert!(left.len() > 100 && left.iter().all(|byte| *byte == 0), "{kept}: {}", String::from_utf8_lossy(&left));
    }
    assert_eq!(get(&project, "db/one"), "Kanarie 1: \"#\"");
    assert_eq!(get(&project, "db/four"), "Kanarie\nfour");
    assert_eq!(get(&project, "db/three"), "Kanarie 3\nKanarie 4");
    assert_eq!(project.opsc(&["secret", "get", "db/two"]).code, 10);
    assert_eq!(value("three"), three, "what is not changed keeps its bytes");
}

#[test]
fn nothing_is_written_where_the_editor_or_its_text_fails() {
    let project = with_identity();
    set(&project, "db/one", "Kanarie one");
    let before = project.read("secrets/db.yaml");
    let cases = [
        (":", 0, "nothing was changed"),
        ("echo 'two: Kanarie two' >>\"$2\"; exit 3", 1, "ended with exit status: 3; nothing was written"),
        ("echo 'Kanarie' >>\"$2\"", 10, "expected `NAME: TEXT`; nothing was written"),
        ("echo 'one: Kanarie 2' >>\"$2\"", 10, "expected each name once; nothing was written"),
        ("echo 'two: x' >>\"$2\"", 10, "`two`: it has fewer than 4 visible characters"),
        ("rm \"$2\"", 10, "cannot read"),
    ];
    for (script, code, words) in cases {
        let said = edit(&project, script);
        assert!(said.code == code && said.stderr.contains(words), "{script}: {said:?}");
        assert!(!said.stderr.contains("Kanarie"), "{script}: {said:?}");
        assert!(is_empty(&project.path("runtime")), "{script}");
        assert_eq!(project.read("secrets/db.yaml"), before, "{script}");
    }
    // Another changes the file while the editor is open: that stays.
    let other = env!("CARGO_BIN_EXE_opsc");
    let said = edit(&project, &format!("echo 'Kanarie new' | {other} secret set db/new\necho 'two: Kanarie' >>\"$2\""));
    assert!(said.code == 10 && said.stderr.contains("was changed by another meanwhile"), "{said:?}");
    assert_eq!(get(&project, "db/new"), "Kanarie new");
}

#[test]
fn the_text_is_wiped_when_opsc_is_ended() {
    let project = with_identity();
    set(&project, "db/one", "Kanarie one");
    let before = project.read("secrets/db.yaml");
    let made = Command::new("mkfifo").args([project.path("open"), project.path("go")]).status().unwrap();
    assert!(made.success());
    let mut child = edit_command(&project, "ln \"$2\" kept\necho open >open\nread -r nothing <go").spawn().unwrap();
    let mut open = String::new();
    std::fs::File::open(project.path("open")).unwrap().read_to_string(&mut open).unwrap();
    assert!(std::fs::read_to_string(project.path("kept")).unwrap().contains("one: Kanarie one"));
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let ended = child.wait().unwrap();
    assert_eq!(ended.code(), Some(143));
    assert!(is_empty(&project.path("runtime")));
    // The editor is a program of its own, and waits until it is told.
    let mut tell = Command::new("timeout");
    tell.args(["20", "sh", "-c", "echo >go"]).current_dir(project.folder.path());
    assert!(tell.status().unwrap().success());
    assert!(std::fs::read(project.path("kept")).unwrap().iter().all(|byte| *byte == 0));
    assert_eq!(project.read("secrets/db.yaml"), before);
}

fn git(project: &Project, arguments: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .current_dir(project.folder.path())
        .output()
        .unwrap();
    assert!(done.status.success(), "{arguments:?}: {done:?}");
}

#[test]
fn revisions_differ_in_names_and_never_in_texts() {
    let project = with_identity();
    let today = |stdout: &str| stdout.lines().next().unwrap().rsplit(' ').next().unwrap().to_string();
    for name in ["db/one", "db/two", "db/three"] {
        set(&project, name, &format!("Kanarie {name}"));
    }
    set(&project, "mail/token", "Kanarie mail");
    let day = today(&project.opsc(&["secret", "ls"]).stdout);
    let own = project.opsc(&["secret", "recipient"]).stdout.trim().to_string();
    project.write(".gitignore", "home\n.opsc\n");
    git(&project, &["init", "-q"]);
    git(&project, &["add", "-A"]);
    git(&project, &["commit", "-qm", "first"]);
    let same = project.opsc(&["secret", "diff"]);
    assert_eq!((same.code, same.stdout.as_str()), (0, ""), "{same:?}");

    set(&project, "db/one", "Kanarie other");
    set(&project, "db/four", "Kanarie four");
    project.opsc(&["secret", "rm", "db/two"]);
    given(&project, &["secret", "set", "db/three", "--rotate", "30d"], "Kanarie db/three");
    std::fs::remove_file(project.path("secrets/mail.yaml")).unwrap();
    set(&project, "new/token", "Kanarie new");
    let differs = project.opsc(&["secret", "diff"]);
    assert_eq!(differs.code, 2, "{differs:?}");
    assert_eq!(
        differs.stdout,
        format!(
            "secrets/db.yaml\n  + four\n  - two\n  ~ one ({day}, now {day})\n  ~ three: when it should be changed again\nsecrets/mail.yaml, which is gone\n  - recipient {own}\n  - token\nsecrets/new.yaml, a new file\n  + recipient {own}\n  + token\n"
        )
    );
    git(&project, &["add", "-A"]);
    git(&project, &["commit", "-qm", "second"]);
    let between = project.opsc(&["secret", "diff", "HEAD^..HEAD", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&between.stdout).unwrap();
    assert_eq!(json["files"][0]["changed"][0]["name"], "one");
    assert_eq!(json["files"][0]["removed"], serde_json::json!(["two"]));

    // Under another key, only who can open both knows what is the same.
    assert_eq!(project.opsc(&["secret", "rekey", "-y", "db"]).code, 0);
    set(&project, "db/four", "Kanarie 4");
    let opened = project.opsc(&["secret", "diff"]);
    assert_eq!(opened.stdout, format!("secrets/db.yaml, under another key\n  ~ four ({day}, now {day})\n"));
    let unopened = said(project.command(&["secret", "diff"]).env("OPSC_IDENTITY", "/nonexistent").output().unwrap());
    assert_eq!(unopened.code, 2);
    assert!(
        unopened.stdout.contains("  ? four: not known, your identity does not open both\n  ? one: not known"),
        "{unopened:?}"
    );
    project.write("secrets/db.yaml", "hello\n");
    let broken = project.opsc(&["secret", "diff"]);
    assert!(broken.code == 10 && broken.stderr.contains("db.yaml (working tree)` line 1: expected"), "{broken:?}");
    let nowhere = project.opsc(&["secret", "diff", "nowhere"]);
    assert!(nowhere.code == 10 && nowhere.stderr.contains("git knows no commit `nowhere`"), "{nowhere:?}");
}
