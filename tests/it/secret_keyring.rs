//! `keyring:SERVICE/USER` against a real gnome-keyring on a session bus of the test's own, which starts it when it is first
//! asked for: entries, none, locked ones, no keyring, no program.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::process::Command;

use super::project::{Project, Said, said};

const SECRET: &str = "Kanarie of a keyring";
const SERVICE: &str = "[D-BUS Service]\nName=org.freedesktop.secrets\nExec=/bin/sh ";
/// Opens the keyring of the login, as logging in on a desktop does.
const DAEMON: &str = "printf pw | exec gnome-keyring-daemon --foreground --unlock --components=secrets\n";
/// Nobody is there to type the keyring's password.
const LOCK: &str = "dbus-send --session --print-reply --dest=org.freedesktop.secrets /org/freedesktop/secrets \
    org.freedesktop.Secret.Service.Lock array:objpath:/org/freedesktop/secrets/collection/login >/dev/null";
const STORE: &str = "printf '%s' \"$SECRET\" | secret-tool store --label=db service db.example/main username admin";

/// A project whose one host wants a password of the keyring, and a bus whose services are in `services`.
fn project() -> Project {
    let project = Project::new();
    let services = project.path("services");
    std::fs::create_dir_all(&services).unwrap();
    let bus = format!(
        "<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><servicedir>{}</servicedir><policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>\n",
        services.display()
    );
    project.write("bus.conf", &bus);
    project.write(
        "inventory.yaml",
        "hosts:\n  near: { transport: local, admin_password: keyring:db.example/main/admin }\n",
    );
    project
}

fn with_daemon() -> Project {
    let project = project();
    project.write("daemon.sh", DAEMON);
    let service = format!("{SERVICE}{}\n", project.path("daemon.sh").display());
    project.write("services/org.freedesktop.secrets.service", &service);
    project
}

/// What a script says in one session, in which `$OPSC` is the program.
fn session(project: &Project, script: &str) -> Said {
    let home = project.path("home");
    let mut command = Command::new("dbus-run-session");
    command.arg("--config-file").arg(project.path("bus.conf")).args(["--", "sh", "-c", script]);
    command.current_dir(project.path("")).env_clear().envs([
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("OPSC", env!("CARGO_BIN_EXE_opsc")),
        ("SECRET", SECRET),
        ("USER", "root"),
        ("OPSC_SSH_CONFIG", "none"),
        ("NO_COLOR", "1"),
    ]);
    command.env("HOME", &home).env("XDG_RUNTIME_DIR", &home).env("XDG_DATA_HOME", home.join("data"));
    said(command.output().unwrap())
}

const EXEC: &str = "\"$OPSC\" exec -l near -y -- \"echo reached with $SECRET\"";

#[test]
fn an_entry_of_the_keyring_is_read_and_hidden() {
    let project = with_daemon();
    let done = session(&project, &format!("{STORE} && {EXEC}"));
    assert!(done.code == 0 && done.stdout.contains("reached with (secret)"), "{done:?}");
    let text = "ops 1\n\nplaybook p(\n  token: secret<string> = secret(\"keyring:db.example/main/admin\"),\n) ! change {\n  on host(\"localhost\") {\n    file.secret(to: \"ROOT/out\", content: token)\n  }\n}\n";
    project.write("p.ops", &text.replace("ROOT", project.path("").display().to_string().trim_end_matches('/')));
    let run = session(&project, "\"$OPSC\" run p.ops -y");
    assert_eq!(run.code, 0, "a new session opens the same keyring: {run:?}");
    assert_eq!(project.read("out").unwrap(), SECRET);
    let kept = std::fs::read(project.path(".opsc/journal.sqlite")).unwrap();
    assert!(!String::from_utf8_lossy(&kept).contains("Kanarie"));
}

#[test]
fn each_way_to_have_none_is_told_apart() {
    let project = with_daemon();
    let none = session(&project, EXEC);
    assert!(
        none.code == 20
            && none.stderr.contains("the keyring has no entry of the service `db.example/main` for `admin`"),
        "{none:?}"
    );
    assert!(
        none.stderr.contains("secret-tool store --label='db.example/main' service 'db.example/main' username 'admin'"),
        "{none:?}"
    );
    let locked = session(&project, &format!("{STORE} && {LOCK} && {EXEC}"));
    assert!(locked.code == 20 && locked.stderr.contains("is locked, and nobody opened its keyring"), "{locked:?}");
    let no_program = session(&project, &format!("PATH=/nonexistent; {EXEC}"));
    assert!(
        no_program.stderr.contains("`secret-tool` cannot be started") && no_program.stderr.contains("libsecret-tools"),
        "{no_program:?}"
    );
    let without = self::project();
    let no_keyring = session(&without, EXEC);
    assert!(no_keyring.stderr.contains("no keyring answers in this session: "), "{no_keyring:?}");
    assert!(no_keyring.stderr.contains("org.freedesktop.secrets"), "{no_keyring:?}");
    let no_bus = session(&without, &format!("unset DBUS_SESSION_BUS_ADDRESS; {EXEC}"));
    assert!(no_bus.stderr.contains("no keyring answers in this session: "), "{no_bus:?}");
    for shown in [none, locked, no_program, no_keyring, no_bus] {
        assert!(!format!("{shown:?}").contains("Kanarie"), "{shown:?}");
    }
}

#[test]
fn a_reference_has_a_service_and_a_user() {
    let project = Project::new();
    let text = "ops 1\n\nplaybook p(\n  t: secret<text> = secret(\"keyring:admin\"),\n) ! read {\n  require t != none else \"no\"\n}\n";
    project.write("a.ops", text);
    let said = project.opsc(&["check", "a.ops"]);
    assert_eq!(said.code, 11, "{said:?}");
    assert!(format!("{said:?}").contains("expected SERVICE/USER, found `admin`"), "{said:?}");
}
