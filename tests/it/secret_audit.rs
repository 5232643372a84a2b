//! What is done to secrets is in the audit by name; nobody is shut out of a file without a word; and no signal leaves the
//! text that an editor had. Through the binary.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use super::project::{Project, said};
use super::secret_files::{get, set, with_identity};

/// Kind and details of every row.
fn rows(project: &Project) -> Vec<(String, Json)> {
    let said = project.opsc(&["audit", "query", "-o", "json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let rows: Vec<Json> = serde_json::from_str(&said.stdout).unwrap();
    rows.iter().map(|row| (row["kind"].as_str().unwrap().to_string(), row["details"].clone())).collect()
}

fn changed(how: &str, names: &[&str]) -> (String, Json) {
    ("secret.changed".to_string(), json!({ "how": how, "names": names }))
}

#[test]
fn who_did_what_to_secrets_is_in_the_audit_by_name() {
    let project = with_identity();
    set(&project, "db/one", "Kanarie one");
    set(&project, "db/one", "Kanarie one");
    set(&project, "db/two", "Kanarie two");
    assert_eq!(get(&project, "db/one"), "Kanarie one");
    assert_eq!(project.opsc(&["secret", "get", "db/gone"]).code, 10);
    assert_eq!(project.opsc(&["secret", "rm", "db/two"]).code, 0);
    let edit = project.command(&["secret", "edit", "db"]).env("VISUAL", "printf 'new: Kanarie\n' >>").output().unwrap();
    assert_eq!(said(edit).code, 0);
    let vault = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vault/text.vault");
    let import = ["secret", "import", vault, "--from", "ansible-vault", "--to", "tls/key", "--password-stdin"];
    assert_eq!(super::secret_files::given(&project, &import, "Kanarie one").code, 0);
    let own = project.opsc(&["secret", "recipient"]).stdout.trim().to_string();
    let other =
        project.command(&["secret", "keygen"]).env("OPSC_IDENTITY", project.path("home/other")).output().unwrap();
    let other = said(other).stdout.trim().to_string();
    project.write("secrets/recipients", &format!("{own}\n{other} bert\n"));
    assert_eq!(project.opsc(&["secret", "rekey", "db", "-y"]).code, 0);
    let read = ("secret.read".to_string(), json!({ "names": ["age:db/one"] }));
    let rekeyed =
        json!({ "how": "rekey", "names": ["db/new", "db/one"], "added": [format!("{other} bert")], "removed": [] });
    let expected = [
        changed("set", &["db/one"]),
        changed("set", &["db/two"]),
        read,
        changed("rm", &["db/two"]),
        changed("edit", &["db/new"]),
        changed("import", &["tls/key"]),
        ("secret.changed".to_string(), rekeyed),
    ];
    assert_eq!(rows(&project), expected, "what was the same, and what was not there, is none");
    let told = project.opsc(&["audit", "query", "--kind", "secret"]).stdout;
    assert!(told.contains("secret.changed: import tls/key\n") && told.contains("secret.read: age:db/one\n"), "{told}");
    let kept = std::fs::read(project.path(".opsc/journal.sqlite")).unwrap();
    assert!(!String::from_utf8_lossy(&kept).contains("Kanarie") && !told.contains("Kanarie"));
    assert_eq!(project.opsc(&["audit", "verify"]).code, 0);
}

/// No journal, nothing done.
#[test]
fn what_cannot_be_in_the_audit_is_not_done() {
    let project = with_identity();
    set(&project, "db/one", "Kanarie one");
    let before = project.read("secrets/db.yaml");
    std::fs::remove_dir_all(project.path(".opsc")).unwrap();
    std::fs::create_dir_all(project.path(".opsc/journal.sqlite")).unwrap();
    for arguments in [&["secret", "get", "db/one"][..], &["secret", "rm", "db/one"], &["secret", "rekey", "-y"]] {
        let said = project.opsc(arguments);
        assert!(said.code != 0 && said.stdout.find("Kanarie").is_none() && said.stderr.contains("journal"), "{said:?}");
        assert_eq!(project.read("secrets/db.yaml"), before);
    }
}

#[test]
fn an_inventory_of_another_tool_is_in_the_audit_where_it_is_written() {
    let project = Project::new();
    project.write("hosts", "web1\n");
    let printed = project.opsc(&["inv", "import", "ansible", "hosts"]);
    assert!(printed.code == 0 && !project.path(".opsc").exists(), "what is only shown changes nothing: {printed:?}");
    let save = ["inv", "import", "ansible", "hosts", "--save", "inventory.yaml"];
    assert_eq!(project.opsc(&save).code, 0);
    project.write("hosts", "web2\n");
    assert_eq!(project.opsc(&save).code, 10);
    assert_eq!(project.opsc(&[&save[..], &["--force"]].concat()).code, 0);
    let rows = rows(&project);
    let files: Vec<&Json> = rows.iter().map(|(_, details)| &details["files"][0]).collect();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|(kind, details)| kind == "inventory.imported" && details["from"] == json!(["hosts"])));
    assert_eq!((&files[0]["before_sha256"], &files[0]["file"]), (&Json::Null, &json!("inventory.yaml")));
    assert_eq!(files[1]["before_sha256"], files[0]["after_sha256"]);
    assert!(
        files[1]["after_sha256"].as_str().unwrap().len() == 64 && files[0]["after_sha256"] != files[1]["after_sha256"]
    );
}

#[test]
fn nobody_is_shut_out_of_secrets_without_saying_so() {
    let project = with_identity();
    set(&project, "db/one", "Kanarie one");
    let identity = project.path("home/other");
    let with = |arguments: &[&str]| said(project.command(arguments).env("OPSC_IDENTITY", &identity).output().unwrap());
    let other = with(&["secret", "keygen"]).stdout.trim().to_string();
    let own = project.opsc(&["secret", "recipient"]).stdout.trim().to_string();
    project.write("secrets/recipients", &format!("{other} bert\n"));
    let before = project.read("secrets/db.yaml");
    for arguments in [&["secret", "rekey", "-y"][..], &["secret", "rekey"]] {
        let refused = project.opsc(arguments);
        assert_eq!(refused.code, 12, "{refused:?}");
        let words = format!(
            "({own}) could not read them any more; {other} bert could\nhint: add yourself to secrets/recipients"
        );
        assert!(refused.stderr.contains(&words) && refused.stderr.contains("`--without-me`"), "{refused:?}");
        assert_eq!(project.read("secrets/db.yaml"), before);
    }
    assert_eq!(project.opsc(&["secret", "rekey", "-y", "--without-me"]).code, 0);
    assert_eq!(project.opsc(&["secret", "get", "db/one"]).code, 10);
    assert_eq!(with(&["secret", "get", "db/one"]).stdout, "Kanarie one");
    // Somebody with a passphrase is shut out of nothing.
    project.write("secrets/recipients", "passphrase\n");
    let asked = with(&["secret", "rekey", "-y"]);
    assert!(asked.code == 10 && asked.stderr.contains("it takes the passphrase of"), "{asked:?}");
}

#[test]
fn the_identity_lies_where_the_system_keeps_settings() {
    let project = Project::new();
    let with = |arguments: &[&str]| {
        said(project.command(arguments).env("XDG_CONFIG_HOME", project.path("config")).output().unwrap())
    };
    let made = with(&["secret", "keygen"]);
    assert!(made.code == 0 && project.path("config/opsc/identity").is_file(), "{made:?}");
    assert!(!project.path("home/.config").exists());
    assert_eq!(with(&["secret", "recipient"]).stdout, made.stdout);
    let shown = with(&["config", "show", "--origin"]).stdout;
    let line = format!("identity = {}    # default\n", project.path("config/opsc/identity").display());
    assert!(shown.contains(&line), "{shown}");
    assert_eq!(project.opsc(&["secret", "recipient"]).code, 10, "without the variable it is in ~/.config");
}

/// The process of a command in the project.
fn process(project: &Project) -> Option<String> {
    let folder = project.folder.path().canonicalize().unwrap();
    let is_ours = |process: &std::path::PathBuf| {
        let link = |name: &str| std::fs::read_link(process.join(name)).unwrap_or_default();
        link("exe") == std::path::Path::new(env!("CARGO_BIN_EXE_opsc")) && link("cwd") == folder
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    processes.into_iter().find(is_ours).map(|process| process.file_name().unwrap().to_str().unwrap().to_string())
}

/// A text that is none is asked about; whoever ends opsc then, or goes away, leaves nothing of it.
#[test]
fn no_signal_leaves_the_text_while_somebody_is_asked() {
    for (name, code) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let project = with_identity();
        set(&project, "db/one", "Kanarie one");
        let before = project.read("secrets/db.yaml");
        std::fs::create_dir_all(project.path("runtime")).unwrap();
        let editor = project.path("editor");
        project.write("editor", "#!/bin/sh\nln \"$1\" kept\necho Kanarie >>\"$1\"\n");
        std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o700)).unwrap();
        let line = format!("{} secret edit db", env!("CARGO_BIN_EXE_opsc"));
        let mut child = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .current_dir(project.folder.path())
            .env("HOME", project.path("home"))
            .env("XDG_RUNTIME_DIR", project.path("runtime"))
            .env("VISUAL", &editor)
            .env_remove("CI")
            .env_remove("XDG_CONFIG_HOME")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut typed, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut shown = Vec::new();
        while !String::from_utf8_lossy(&shown).contains("edit it again?") {
            let mut byte = [0];
            assert_eq!(screen.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&shown));
            shown.push(byte[0]);
        }
        assert!(project.read("kept").unwrap().contains("one: Kanarie one"));
        let process = process(&project).unwrap();
        assert!(Command::new("kill").args([&format!("-{name}"), &process]).status().unwrap().success());
        let ended = child.wait().unwrap();
        drop(typed.write_all(b"n\n"));
        assert_eq!(ended.code(), Some(code), "{name}");
        assert_eq!(std::fs::read_dir(project.path("runtime")).unwrap().count(), 0, "{name}");
        assert!(std::fs::read(project.path("kept")).unwrap().iter().all(|byte| *byte == 0), "{name}");
        assert_eq!(project.read("secrets/db.yaml"), before);
    }
}
