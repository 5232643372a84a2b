//! What the inventory says of passwords: where they are, never what they are; each read once, and only for hosts that are
//! reached.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use super::doctor::finding;
use super::project::{Project, Said, said};

const SECRET: &str = "Kanarie of a host";

/// A program that prints the secret, and counts how often it was asked.
fn counted(project: &Project) {
    let script = project.path("ask.sh");
    std::fs::write(&script, format!("#!/bin/sh\necho asked >>asked\necho '{SECRET}'\n")).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    project.write("opsc.toml", "[secrets.counted]\ncommand = [\"./ask.sh\"]\n");
}

fn asked(project: &Project) -> usize {
    project.read("asked").map_or(0, |text| text.lines().count())
}

fn exec(project: &Project, hosts: &str, script: &str) -> Said {
    project.opsc(&["exec", "-l", hosts, "-y", "--", script])
}

#[test]
fn a_reference_is_read_once_and_only_where_a_host_is_reached() {
    let project = Project::new();
    counted(&project);
    let group = "groups:\n  all:\n    hosts: [\"h[01:40]\"]\n    transport: local\n";
    project.write(
        "inventory.yaml",
        &format!("{group}    admin_password: command:counted\nhosts:\n  other: {{ transport: local }}\n"),
    );
    let unasked = exec(&project, "other", "echo here");
    assert!(unasked.code == 0 && asked(&project) == 0, "{unasked:?}");
    let said = exec(&project, "h*", "echo it is \"Kan\"\"arie of a host\"");
    assert!(said.code == 0 && said.stdout.contains("h39, h40: changed\nit is (secret)\n"), "{said:?}");
    assert_eq!(asked(&project), 1);
    let kept = std::fs::read(project.path(".opsc/journal.sqlite")).unwrap();
    assert!(!String::from_utf8_lossy(&kept).contains("Kanarie") && !format!("{said:?}").contains("Kanarie"));
    let audit = project.opsc(&["audit", "query"]);
    assert!(audit.stdout.contains("command:counted"), "{audit:?}");
}

#[test]
fn a_password_of_the_command_line_is_not_shown_when_a_host_prints_it() {
    let project = Project::new();
    project.write("inventory.yaml", "hosts:\n  here: { transport: local }\n");
    project.write("pass", SECRET);
    std::fs::set_permissions(project.path("pass"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let script = "echo it is \"Kan\"\"arie of a host\"";
    let said = project.opsc(&["exec", "-l", "here", "-y", "--password-file", "pass", "--", script]);
    assert!(said.code == 0 && said.stdout.contains("it is (secret)\n"), "{said:?}");
    let kept = std::fs::read(project.path(".opsc/journal.sqlite")).unwrap();
    assert!(!String::from_utf8_lossy(&kept).contains("Kanarie") && !format!("{said:?}").contains("Kanarie"));
}

/// Whichever way it is named: a parameter of the playbook or a flag.
#[test]
fn a_file_of_a_password_that_cannot_be_one_is_refused_alike() {
    let project = Project::new();
    project.write("inventory.yaml", "hosts:\n  here: { transport: local }\n");
    project.write("p.ops", "ops 1\n\nplaybook p(\n  token: secret<string> = secret(\"file:pass\"),\n) ! change, exec {\n  on host(\"here\") {\n    shell.run(script: sh\"echo ran > ran\", effect: \"change\", vars: { t: token })\n  }\n}\n");
    let path = project.path("pass");
    let write = |text: &[u8], mode: u32| {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let expect = |expected: &str| {
        let flag = project.opsc(&["exec", "-l", "here", "-y", "--password-file", "pass", "--", "echo ran > ran"]);
        let parameter = project.opsc(&["run", "p.ops", "-y"]);
        for said in [flag, parameter] {
            assert!(said.code == 10 && said.stderr.contains(expected), "{expected}: {said:?}");
        }
        assert!(!project.path("ran").exists());
    };
    expect("cannot be read: No such file");
    write(b"\n", 0o600);
    expect("it is empty");
    write(b"secret word", 0o640);
    expect("pass` can be read by others (mode 640); make it 0600 first");
    write(b"\xff\xfe word", 0o600);
    expect("it is not UTF-8 text");
}

#[test]
fn an_empty_answer_is_no_password() {
    let project = Project::new();
    project.write("inventory.yaml", "hosts:\n  here: { transport: local }\n");
    for flag in ["-k", "-K", "--ask-key-pass"] {
        let told = project.on_terminal(&format!("exec -l here -y {flag} -- 'echo ran > ran'; echo code $?"), "\n");
        assert!(told.contains("error: the password is empty\r\n") && told.contains("code 10\r\n"), "{told}");
    }
    assert!(!project.path("ran").exists());
}

#[test]
fn a_password_that_is_too_short_to_be_hidden_is_told_and_used() {
    let project = Project::new();
    project.write(
        "inventory.yaml",
        "hosts:\n  here: { transport: local }\n  there: { transport: local, admin_password: file:pass }\n",
    );
    let exec = |text: &str, host: &str, flags: &[&str]| {
        project.write("pass", text);
        std::fs::set_permissions(project.path("pass"), std::fs::Permissions::from_mode(0o600)).unwrap();
        project.opsc(&[&["exec", "-l", host, "-y"], flags, &["--", "echo here"]].concat())
    };
    let given = ["--password-file", "pass"];
    let warning = "warning: the password is too short to be hidden in what hosts print\n";
    for (text, warned) in [("abc\n", true), ("a b c\n", true), ("abcd\n", false)] {
        let said = exec(text, "here", &given);
        assert_eq!((said.code, said.stderr.contains(warning)), (0, warned), "{text:?}: {said:?}");
    }
    // What the inventory names can be given another text: it is refused.
    let refused = exec("abc", "there", &[]);
    assert!(refused.code == 20 && refused.stderr.contains("fewer than 4 visible characters"), "{refused:?}");
    let typed = project.on_terminal("exec -l here -y -K -- 'echo here'", "xy\n");
    assert!(typed.contains("warning: the admin password is too short to be hidden"), "{typed}");
}

#[test]
fn what_cannot_be_read_refuses_its_host_before_any_connection() {
    let project = Project::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    project.write(
        "inventory.yaml",
        &format!(
            "hosts:\n  well: {{ transport: local }}\n  far: {{ address: 127.0.0.1, port: {port}, password: env:OPSC_NOT_SET }}\n  near: {{ transport: local, admin_password: file:gone }}\n  behind: {{ address: 127.0.0.1, jump: far }}\n"
        ),
    );
    let said = exec(&project, "well,far,near,behind", "echo reached $((40 + 2))");
    assert_eq!((said.code, said.stdout.matches("reached 42").count()), (20, 1), "{said:?}");
    for reason in [
        "far: `password` cannot be read: env:OPSC_NOT_SET: the environment variable OPSC_NOT_SET is not set",
        "mend what `password` of the inventory names, or give it by `-k`",
        "near: `admin_password` cannot be read: file:gone: ",
        "or give it by `-K`",
    ] {
        assert!(said.stderr.contains(reason), "{reason}: {said:?}");
    }
    let doctor = project.opsc(&["doctor", "far", "-o", "json"]);
    let (state, found, _) = finding(&doctor, "credentials");
    assert!(doctor.code == 20 && state == "failed" && found.contains("OPSC_NOT_SET is not set"), "{doctor:?}");
    let facts = project.opsc(&["facts", "near"]);
    assert!(format!("{facts:?}").contains("`admin_password` cannot be read"), "{facts:?}");
    assert!(listener.accept().is_err(), "nobody connected");
}

#[test]
fn a_variable_that_holds_a_password_is_not_for_programs() {
    let project = Project::new();
    project.write("inventory.yaml", "hosts:\n  near: { transport: local, admin_password: env:ADMIN_PASS }\n");
    let mut command = project.command(&["exec", "-l", "near", "-y", "--", "echo found ${ADMIN_PASS-nothing}"]);
    let said = said(command.env("ADMIN_PASS", SECRET).output().unwrap());
    assert!(said.code == 0 && said.stdout.contains("found nothing"), "{said:?}");
}

#[test]
fn a_secret_in_the_inventory_is_refused_and_not_shown() {
    let project = Project::new();
    let wrong = [
        "hosts: { db1: { password: hunter2x } }\n",
        "defaults:\n  admin_password: \"hunter2x\"\n",
        "groups:\n  db: { hosts: [db1], passphrase: { x: hunter2x } }\n",
        "hosts: { db1: { password: secret(\"hunter2x:A\") } }\n",
        "hosts: { db1: { password: prompt:hunter2x } }\n",
        "hosts: { db1: { password:  } } # hunter2x\n",
    ];
    for text in wrong {
        project.write("inventory.yaml", text);
        for format in ["text", "json", "sarif", "github", "gitlab", "checkstyle", "junit"] {
            let checked = project.opsc(&["check", "-o", format]);
            let shown = format!("{checked:?}");
            assert!(checked.code == 11 || checked.code == 10, "{text}: {shown}");
            assert!(!shown.contains("hunter2x"), "{format}: {shown}");
        }
        let listed = project.opsc(&["inv", "ls"]);
        assert_eq!(listed.code, 11, "{listed:?}");
        assert!(
            listed.stderr.contains("error[E0820]") && listed.stderr.contains("write env:NAME, file:PATH"),
            "{listed:?}"
        );
        assert!(!format!("{listed:?}").contains("hunter2x"), "{listed:?}");
    }
    // A reference of a known kind in another form.
    for (text, form) in [("vault:hunter2x", "vault:MOUNT/PATH#FIELD"), ("env:hunter2x y", "env:NAME")] {
        project.write("inventory.yaml", &format!("hosts:\n  db1: {{ passphrase: \"{text}\" }}\n"));
        let checked = project.opsc(&["inv", "ls"]);
        let expected = format!("`passphrase` is not in the form `{form}`");
        assert!(checked.code == 11 && format!("{checked:?}").contains(&expected), "{checked:?}");
        assert!(!format!("{checked:?}").contains("hunter2x"), "{checked:?}");
    }
    // What else is wrong with such a line shows it no more.
    project.write("p.ops", "ops 1\n\nplaybook p() ! read {\n  require 1 == 1 else \"no\"\n}\n");
    for (text, code) in [
        ("hosts: { db1: { password: \"hunter2x } }\n", "E0801"),
        ("hosts:\n  db1:\n    password: @hunter2x\n", "E0801"),
        ("hosts:\n  db1:\n    password: *hunter2x\n", "E0801"),
        ("hosts:\n  db1:\n    password: env:A\n    password: hunter2x\n", "E0805"),
        ("hosts:\n  db1: { admin_password: hunter2x, ports: 22 }\n", "E0803"),
        ("hosts:\n  db1:\n    vars:\n      api_token:\n        - [hunter2x\n", "E0801"),
    ] {
        project.write("inventory.yaml", text);
        for arguments in [vec!["inv", "ls"], vec!["check", "-o", "json"], vec!["check", "-o", "sarif"]] {
            let said = project.opsc(&arguments);
            let shown = format!("{said:?}");
            assert!(shown.contains(code) && !shown.contains("hunter2x"), "{text}: {arguments:?}: {shown}");
        }
    }
    // A key that was meant to be one of these is as private.
    project.write("inventory.yaml", "hosts: { db1: { pasword: hunter2x } }\n");
    let near = project.opsc(&["inv", "ls"]);
    assert!(near.stderr.contains("did you mean `password`?") && !format!("{near:?}").contains("hunter2x"), "{near:?}");
}

#[test]
fn the_reference_is_set_shown_and_no_part_of_a_plan() {
    let project = Project::new();
    project
        .write("inventory.yaml", "defaults:\n  password: env:LOGIN\nhosts:\n  db1: { transport: local, os: linux }\n");
    project.write(
        "p.ops",
        "ops 1\n\nplaybook p() ! read {\n  on host(\"db1\") {\n    file.info(path: \"/tmp\")\n  }\n}\n",
    );
    let digest = |project: &Project| {
        let plan = project.opsc(&["plan", "p.ops", "--offline", "-o", "json"]);
        let json: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap_or_else(|_| panic!("{plan:?}"));
        assert!(!plan.stdout.contains("vault:kv"), "{plan:?}");
        json["digest"].as_str().unwrap().to_string()
    };
    let before = digest(&project);
    let set = project.opsc(&["inv", "set", "db1", "admin_password", "vault:kv/db#pass"]);
    assert_eq!(set.code, 0, "{set:?}");
    assert_eq!(digest(&project), before);
    let shown = project.opsc(&["inv", "show", "db1"]);
    assert!(shown.stdout.contains("password: env:LOGIN\nadmin_password: vault:kv/db#pass\n"), "{shown:?}");
    let explained = project.opsc(&["inv", "show", "db1", "--explain"]);
    assert!(explained.stdout.contains("admin_password: vault:kv/db#pass (host, inventory.yaml:4)"), "{explained:?}");
    assert!(explained.stdout.contains("password: env:LOGIN (defaults, inventory.yaml:2)"), "{explained:?}");
    let plain = project.opsc(&["inv", "set", "db1", "password", "hunter2x"]);
    assert!(plain.code != 0 && !format!("{plain:?}").contains("hunter2x"), "{plain:?}");
    assert!(!project.read("inventory.yaml").unwrap().contains("hunter2x"));
    // Who answers for hosts does not decide what this machine reads and hands out.
    project.write("hosts.sh", "#!/bin/sh\necho '[{ \"name\": \"w1\", \"password\": \"env:HOME\" }]'\n");
    std::fs::set_permissions(project.path("hosts.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    project.write("opsc.toml", "[sources.cloud]\ncommand = [\"./hosts.sh\"]\n");
    let answered = project.opsc(&["inv", "refresh"]);
    assert!(answered.code != 0 && answered.stderr.contains("`password`, which no source decides"), "{answered:?}");
}

#[test]
fn a_table_of_passwords_is_left_out_and_one_of_references_is_taken() {
    let project = Project::new();
    project.write("hosts.csv", "name,Password,admin password\nw1,hunter2x,age:hosts/w1\n");
    let said = project.opsc(&["inv", "import", "csv", "hosts.csv"]);
    assert!(said.code == 0 && !format!("{said:?}").contains("hunter2x"), "{said:?}");
    assert!(said.stdout.contains("admin_password: ") && said.stdout.contains("age:hosts/w1"), "{said:?}");
    let warning = "hosts.csv:2: the setting `password` looks like a secret and is left out";
    assert!(said.stderr.contains(warning), "{said:?}");
}
