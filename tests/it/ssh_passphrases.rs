//! Login keys with passphrases through the binary, against a real sshd: from a secret, typed, wrong, and never a flag's.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::process::{Command, Stdio};

use super::project::{Project, Said, said};
use super::secret_files::{set, with_identity};
use super::sshd::{Sshd, SshdOptions};

const PASSPHRASE: &str = "Kanarie of a key";

struct Case {
    project: Project,
    server: Sshd,
}

impl Case {
    /// A host whose login key is encrypted, and no agent.
    fn new() -> Case {
        let case = Case { project: with_identity(), server: Sshd::start(&SshdOptions::default()) };
        let (server, project) = (&case.server, &case.project);
        let mut change = Command::new("ssh-keygen");
        change.args(["-q", "-p", "-N", PASSPHRASE, "-f"]).arg(&server.key_path).stdout(Stdio::null());
        assert!(change.status().unwrap().success());
        let inventory = format!(
            "hosts:\n  far:\n    address: 127.0.0.1\n    port: {}\n    user: root\n    key: {}\n    known_hosts: {}\n",
            server.port,
            server.key_path.display(),
            server.known_hosts_path.display()
        );
        project.write("inventory.yaml", &inventory);
        case
    }

    fn exec(&self, variables: &[(&str, &str)]) -> Said {
        let mut command = self.project.command(&["exec", "-l", "far", "-y", "--", "echo reached"]);
        said(command.envs(variables.iter().copied()).output().unwrap())
    }
}

#[test]
fn a_passphrase_comes_from_a_secret() {
    let case = Case::new();
    let none = case.exec(&[]);
    assert!(none.code == 20 && none.stderr.contains("needs a passphrase"), "{none:?}");
    assert!(none.stderr.contains("`--ask-key-pass`, or the setting `private_key_passphrase`"), "{none:?}");
    set(&case.project, "ssh/key", PASSPHRASE);
    set(&case.project, "ssh/other", "Kanarie of another");
    case.project.write("opsc.toml", "private_key_passphrase = \"age:ssh/key\"\n");
    let done = case.exec(&[]);
    assert!(done.code == 0 && done.stdout.contains("reached"), "{done:?}");
    let wrong = case.exec(&[("OPSC_PRIVATE_KEY_PASSPHRASE", "age:ssh/other")]);
    assert!(
        wrong.code == 20 && wrong.stderr.contains("the passphrase that was given does not open the key"),
        "{wrong:?}"
    );
    let by_variable = [("OPSC_PRIVATE_KEY_PASSPHRASE", "env:KEY_PASS"), ("KEY_PASS", PASSPHRASE)];
    assert_eq!(case.exec(&by_variable).code, 0);
    let unset = case.exec(&[("OPSC_PRIVATE_KEY_PASSPHRASE", "env:KEY_PASS")]);
    assert!(
        unset.code == 1
            && unset.stderr.contains("`private_key_passphrase` cannot be read: env:KEY_PASS: the environment"),
        "{unset:?}"
    );
    // Somebody who wrote the passphrase itself is told, and does not see it again.
    let itself = case.exec(&[("OPSC_PRIVATE_KEY_PASSPHRASE", PASSPHRASE)]);
    assert!(itself.code == 10 && itself.stderr.contains("says where the secret is: env:NAME"), "{itself:?}");
    // The host itself may say it; what is given nearer counts.
    let of_host = |reference: &str| {
        let text = case.project.read("inventory.yaml").unwrap();
        case.project.write("inventory.yaml", &format!("{text}    passphrase: {reference}\n"));
        case.project.write("opsc.toml", "");
        let said = case.exec(&[]);
        case.project.write("inventory.yaml", &text);
        said
    };
    assert_eq!(of_host("age:ssh/key").code, 0);
    let other = of_host("age:ssh/other");
    assert!(other.code == 20 && other.stderr.contains("does not open the key"), "{other:?}");
    let kept = std::fs::read(case.project.path(".opsc/journal.sqlite")).unwrap();
    assert!(!String::from_utf8_lossy(&kept).contains("Kanarie"));
    for shown in [none, done, wrong, unset, itself, other] {
        assert!(!format!("{shown:?}").contains("Kanarie"), "{shown:?}");
    }
}

#[test]
fn a_passphrase_is_typed_on_a_terminal() {
    let case = Case::new();
    let shown = case.project.on_terminal("exec -l far -y --ask-key-pass -- 'echo reached'", &format!("{PASSPHRASE}\n"));
    assert!(shown.contains("passphrase of the private key: ") && shown.contains("reached"), "{shown}");
    let wrong = case.project.on_terminal("exec -l far -y --ask-key-pass -- 'echo reached'", "another\n");
    assert!(wrong.contains("does not open the key"), "{wrong}");
    let mut command = case.project.command(&["exec", "-l", "far", "-y", "--ask-key-pass", "--", "echo reached"]);
    assert_eq!(said(command.output().unwrap()).code, 3, "nobody is there to ask");
}
