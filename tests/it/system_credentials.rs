//! Passwords of the inventory on a real sshd, as throw-away users of this machine: who is given which, what the command
//! line says over it, and what jump hosts never learn. Changes the system while it runs.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::project::{Project, Said};
use super::sshd::{Sshd, SshdOptions};
use super::system_sudo::{Guest, PASSWORD, run};

/// Says the password too.
const SCRIPT: &str = "echo \"reached as $(id -un) with it's a \\$\"ecr\"\"et";
const OTHER: &str = "Kanarie of another";

struct Case {
    server: Sshd,
    project: Project,
}

impl Case {
    fn new() -> Case {
        let config = vec!["PasswordAuthentication yes".to_owned(), "KbdInteractiveAuthentication no".to_owned()];
        let server = Sshd::start(&SshdOptions { config, ..SshdOptions::default() });
        run(Command::new("chmod").arg("755").arg(server.directory.path()));
        let case = Case { server, project: Project::new() };
        case.secret("right", PASSWORD);
        case.secret("wrong", OTHER);
        case
    }

    fn secret(&self, name: &str, text: &str) {
        self.project.write(name, text);
        std::fs::set_permissions(self.project.path(name), PermissionsExt::from_mode(0o600)).unwrap();
    }

    fn inventory(&self, hosts: &str) {
        let (port, known) = (self.server.port, self.server.known_hosts_path.display());
        let defaults = format!("defaults: {{ port: {port}, known_hosts: {known}, password: file:nowhere }}\n");
        self.project.write("inventory.yaml", &format!("{defaults}{hosts}"));
    }

    fn exec(&self, hosts: &str, more: &[&str]) -> Said {
        let words: Vec<&str> = ["exec", "-l", hosts, "-y"].iter().chain(more).chain(&["--", SCRIPT]).copied().collect();
        self.project.opsc(&words)
    }
}

#[test]
fn each_host_is_given_its_own_and_the_command_line_says_over_it() {
    let (guest, other, case) = (Guest::new(Some("")), Guest::new(Some("")), Case::new());
    case.inventory(&format!(
        "groups:\n  web:\n    hosts: [h1, h2, h3]\n    os: linux\n    password: file:right\nhosts:\n  h1: {{ address: 127.0.0.1, user: {0} }}\n  h2: {{ address: 127.0.0.1, user: {1}, admin_password: file:wrong }}\n  h3: {{ address: 127.0.0.1, user: {1}, password: file:wrong, admin_password: file:right }}\n",
        guest.name, other.name
    ));
    let all = case.exec("web", &[]);
    assert_eq!((all.code, all.stdout.matches("reached as").count()), (20, 2), "{all:?}");
    assert!(all.stdout.contains(&format!("reached as {}", guest.name)), "{all:?}");
    assert!(all.stderr.contains(&format!("h3: `{}` was not let in", other.name)), "{all:?}");
    // sudo takes the password of the login where nothing else is said, and what is said where it is.
    let root = case.exec("h1,h2", &["-b"]);
    assert!(root.code != 0 && root.stdout.contains("reached as root with (secret)"), "{root:?}");
    assert!(root.stderr.contains("h2: sudo did not accept the password to become `root`"), "{root:?}");
    // A file that is given, and a person who types, count before the inventory.
    let given = case.exec("h3", &["--password-file", "right"]);
    assert_eq!(given.code, 0, "{given:?}");
    let wrong = case.exec("h1", &["--password-file", "wrong"]);
    assert_eq!(wrong.code, 20, "{wrong:?}");
    let typed = case.project.on_terminal("exec -l h3 -y -k -- 'echo reached'", &format!("{PASSWORD}\n"));
    assert!(typed.contains("login password: ") && typed.contains("reached"), "{typed}");
    let kept = std::fs::read(case.project.path(".opsc/journal.sqlite")).unwrap();
    assert!(!String::from_utf8_lossy(&kept).contains("$ecret"));
}

#[test]
fn a_jump_host_is_given_its_own_password_and_no_other() {
    let (guest, case) = (Guest::new(None), Case::new());
    let inventory = |of_jump: &str, of_far: &str| {
        case.inventory(&format!(
            "hosts:\n  gate: {{ address: 127.0.0.1, user: {}, password: file:{of_jump} }}\n  far: {{ address: 127.0.0.1, user: root, key: {}, password: file:{of_far}, jump: gate }}\n",
            guest.name,
            case.server.key_path.display()
        ));
    };
    inventory("right", "wrong");
    let through = case.exec("far", &[]);
    assert!(through.code == 0 && through.stdout.contains("reached as root"), "{through:?}");
    inventory("wrong", "right");
    let stopped = case.exec("far", &[]);
    assert!(stopped.code == 20 && stopped.stderr.contains("was not let in"), "{stopped:?}");
    inventory("gone", "right");
    let unread = case.exec("far", &[]);
    assert!(unread.code == 20 && unread.stderr.contains("gate: `password` cannot be read: file:gone"), "{unread:?}");
}
