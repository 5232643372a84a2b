//! Who can open encrypted files of secrets: identities of age and of ssh, passphrases, several people, and those who
//! could once and cannot any more.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::project::{Project, Said, said};
use super::secret_files::{get, given, set, with_identity};

/// The same command as somebody else.
fn with_key(project: &Project, identity: &Path, arguments: &[&str]) -> Said {
    said(project.command(arguments).env("OPSC_IDENTITY", identity).output().unwrap())
}

/// Another person's identity, and the recipient that it is.
fn person(project: &Project, name: &str) -> (std::path::PathBuf, String) {
    let path = project.path(&format!("people/{name}"));
    let made = with_key(project, &path, &["secret", "keygen"]);
    assert_eq!(made.code, 0, "{made:?}");
    (path, made.stdout.trim().to_string())
}

fn ssh_key(project: &Project, name: &str, kind: &str, passphrase: &str) -> std::path::PathBuf {
    let path = project.path(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-C", "anna at: home #1", "-N", passphrase, "-f"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    path
}

#[test]
fn an_identity_that_cannot_be_used_is_said() {
    let project = with_identity();
    set(&project, "db/one", "Kanarie one");
    let own = project.path("home/.config/opsc/identity");
    let (bert, recipient) = person(&project, "bert");
    let text = std::fs::read_to_string(&bert).unwrap();
    let open = project.path("open");
    std::fs::write(&open, &text).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o640)).unwrap();
    let private = |name: &str, text: &str| {
        let path = project.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    };
    let rsa = ssh_key(&project, "id_rsa", "rsa", "");
    let cases = [
        (project.path("none"), "there is no identity `".to_string()),
        (open, "can be read by others (mode 640); make it 0600 first".to_string()),
        (private("words", "# mine\n\nhello\n"), "line 3: expected AGE-SECRET-KEY-1".to_string()),
        (private("nothing", "# mine\n"), "line 1: expected AGE-SECRET-KEY-1".to_string()),
        (rsa, "or the whole file a private key of ssh-ed25519".to_string()),
        (bert, format!("; somebody who can read it adds {recipient} to `secrets/recipients`")),
    ];
    project.write("p.ops", "ops 1\n\nplaybook p(\n  t: secret<text> = secret(\"age:db/one\"),\n) ! change {\n  on host(\"localhost\") {\n    file.secret(to: \"/nonexistent/x\", content: t)\n  }\n}\n");
    for (identity, words) in cases {
        let got = with_key(&project, &identity, &["secret", "get", "db/one"]);
        assert!(got.code == 10 && got.stdout.is_empty() && got.stderr.contains(&words), "{words}: {got:?}");
        let run = with_key(&project, &identity, &["run", "p.ops", "-y"]);
        assert!(run.code == 10 && run.stderr.contains("age:db/one: ") && run.stderr.contains(&words), "{run:?}");
    }
    // The project may name it too, beside its opsc.toml; keys of two people in one file are tried both.
    std::fs::write(project.path("opsc.toml"), "identity = \"people/both\"\n").unwrap();
    private("people/both", &format!("{text}\n{}", std::fs::read_to_string(own).unwrap()));
    assert_eq!(get(&project, "db/one"), "Kanarie one");
}

#[test]
fn all_recipients_can_read_until_they_are_taken_out() {
    let project = with_identity();
    let own = project.opsc(&["secret", "recipient"]).stdout.trim().to_string();
    let (bert, of_bert) = person(&project, "bert");
    let key = ssh_key(&project, "id_ed25519", "ed25519", "");
    let of_anna = std::fs::read_to_string(project.path("id_ed25519.pub")).unwrap();
    project.write("secrets/recipients", &format!("# the team\n{own} me\n\n{of_bert} bert\n{of_anna}"));
    set(&project, "db/one", "Kanarie one");
    set(&project, "db/two", "Kanarie two");
    let written = project.read("secrets/db.yaml").unwrap();
    assert!(written.contains(&format!("  - {own} me\n  - {of_bert} bert\n  - ssh-ed25519 ")), "{written}");
    assert!(written.contains(" anna-at--home--1\nkey: "), "{written}");
    for identity in [&bert, &key] {
        assert_eq!(with_key(&project, identity, &["secret", "get", "db/two"]).stdout, "Kanarie two");
    }
    // Whoever can read can write, for all.
    let mut command = project.command(&["secret", "set", "db/three"]);
    let mut child = command.env("OPSC_IDENTITY", &key).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"Kanarie three").unwrap();
    assert_eq!(said(child.wait_with_output().unwrap()).code, 0);
    assert_eq!(get(&project, "db/three"), "Kanarie three");

    project.write("secrets/recipients", &format!("{own} me\n{of_anna}"));
    let before = project.read("secrets/db.yaml").unwrap();
    let asked = project.opsc(&["secret", "rekey"]);
    assert!(asked.code == 3 && asked.stdout.contains(&format!("  - {of_bert} bert\n")), "{asked:?}");
    assert_eq!(project.read("secrets/db.yaml").as_ref(), Some(&before), "nothing without a yes");
    let rekeyed = project.opsc(&["secret", "rekey", "-y"]);
    assert!(rekeyed.code == 0, "{rekeyed:?}");
    let advice = format!("{of_bert} bert could read it until now: change db/one, db/three and db/two too");
    assert!(rekeyed.stderr.contains(&advice), "{rekeyed:?}");
    let refused = with_key(&project, &bert, &["secret", "get", "db/two"]);
    assert!(refused.code == 10 && refused.stderr.contains("is not encrypted to"), "{refused:?}");
    assert_eq!(with_key(&project, &key, &["secret", "get", "db/two"]).stdout, "Kanarie two");
    assert_eq!(get(&project, "db/one"), "Kanarie one");
    let after = project.read("secrets/db.yaml").unwrap();
    let kept = before.lines().filter(|line| line.contains("value: ") && after.contains(*line)).count();
    assert_eq!(kept, 0, "every value is encrypted again");
}

#[test]
fn recipients_that_are_none_are_said_with_their_line() {
    let project = with_identity();
    let own = project.opsc(&["secret", "recipient"]).stdout;
    let rsa = ssh_key(&project, "id_rsa", "rsa", "");
    let of_rsa = std::fs::read_to_string(rsa.with_extension("pub")).unwrap();
    for (text, words) in [
        (
            format!("{own}hello\n"),
            "recipients` line 2: expected age1…, ssh-ed25519 AAAA… or `passphrase`, found `hello`",
        ),
        (of_rsa, "recipients` line 1: expected age1"),
        (format!("{}\n", own.trim().replace("age1", "age1q")), "recipients` line 1: expected age1"),
        (format!("{own}passphrase\n"), "a passphrase is the only recipient, or none"),
        ("# nobody\n".to_string(), "recipients`: expected a recipient"),
    ] {
        project.write("secrets/recipients", &text);
        let said = given(&project, &["secret", "set", "db/one"], "Kanarie one");
        assert!(said.code == 10 && said.stderr.contains(words), "{words}: {said:?}");
        assert!(!project.path("secrets/db.yaml").exists());
    }
}

/// Answers each question when it is asked; all that the terminal showed.
fn typed(project: &Project, arguments: &str, answers: &[(&str, &str)]) -> (bool, String) {
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_opsc"));
    let mut child = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(project.folder.path())
        .env("HOME", project.path("home"))
        .env_remove("CI")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut shown = Vec::new();
    for (question, answer) in answers {
        while !String::from_utf8_lossy(&shown).ends_with(question) {
            let mut byte = [0];
            assert_eq!(screen.read(&mut byte).unwrap(), 1, "{question}: {}", String::from_utf8_lossy(&shown));
            shown.push(byte[0]);
        }
        keyboard.write_all(format!("{answer}\n").as_bytes()).unwrap();
    }
    screen.read_to_end(&mut shown).unwrap();
    (child.wait().unwrap().success(), String::from_utf8_lossy(&shown).into_owned())
}

#[test]
fn a_passphrase_opens_what_is_encrypted_to_it() {
    let project = Project::new();
    project.write("secrets/recipients", "passphrase\n");
    let path = project.path("secrets/db.yaml").canonicalize().unwrap_or(project.path("secrets/db.yaml"));
    let path = path.display();
    let new = format!("new passphrase of {path} (secret): ");
    let again = format!("new passphrase of {path}, once more (secret): ");
    let ask = format!("passphrase of {path} (secret): ");
    let nobody = given(&project, &["secret", "set", "db/one"], "Kanarie one");
    assert!(nobody.code == 10 && nobody.stderr.contains("there is no terminal to ask on"), "{nobody:?}");
    let value = [("db/one (secret): ", "Kanarie one"), ("db/one, once more (secret): ", "Kanarie one")];
    let differ = typed(&project, "secret set db/one", &[value[0], value[1], (&new, "open sesame"), (&again, "sesame")]);
    assert!(!differ.0 && differ.1.contains("the two passphrases are not the same"), "{differ:?}");
    let set =
        typed(&project, "secret set db/one", &[value[0], value[1], (&new, "open sesame"), (&again, "open sesame")]);
    assert!(set.0 && set.1.contains("in a new file, encrypted to passphrase"), "{set:?}");
    let got = typed(&project, "secret get db/one", &[(&ask, "open sesame")]);
    assert!(got.0 && got.1.ends_with("Kanarie one\r\n"), "{got:?}");
    let wrong = typed(&project, "secret get db/one", &[(&ask, "open barley")]);
    assert!(!wrong.0 && wrong.1.contains("that is not the passphrase of"), "{wrong:?}");
    let nobody = project.opsc(&["secret", "get", "db/one"]);
    assert!(nobody.code == 10 && nobody.stderr.contains("it takes the passphrase of"), "{nobody:?}");
}

#[test]
fn a_key_of_ssh_is_asked_for_its_passphrase() {
    let project = Project::new();
    let key = ssh_key(&project, "id_ed25519", "ed25519", "sesame");
    project.write("opsc.toml", "identity = \"id_ed25519\"\n");
    let recipient = project.opsc(&["secret", "recipient"]).stdout;
    let public = std::fs::read_to_string(project.path("id_ed25519.pub")).unwrap();
    assert!(public.starts_with(recipient.trim()), "{recipient} {public}");
    let set = given(&project, &["secret", "set", "db/one"], "Kanarie one");
    assert_eq!(set.code, 0, "to encrypt, no passphrase is needed: {set:?}");
    let path = key.canonicalize().unwrap();
    let ask = format!("passphrase of {} (secret): ", path.display());
    let got = typed(&project, "secret get db/one", &[(&ask, "sesame")]);
    assert!(got.0 && got.1.ends_with("Kanarie one\r\n"), "{got:?}");
    let wrong = typed(&project, "secret get db/one", &[(&ask, "barley")]);
    assert!(!wrong.0 && wrong.1.contains("that is not the passphrase of"), "{wrong:?}");
    let nobody = project.opsc(&["secret", "get", "db/one"]);
    assert!(nobody.code == 10 && nobody.stderr.contains("there is no terminal to ask on"), "{nobody:?}");
}
