//! What Ansible Vault and SOPS keep becomes secrets, through the binary. The files of Ansible Vault are real ones, of
//! `tests/vault/make.sh`; those of SOPS are written here as its documentation says.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use aes_gcm::aead::consts::U32;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{AesGcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha512};

use super::project::{Project, Said, said};
use super::secret_files::{get, given, set, with_identity};

/// A project with an identity and the files of `tests/vault`, passwords 0600.
fn with_vaults() -> Project {
    let project = with_identity();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vault");
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        let to = project.path(name.to_str().unwrap());
        std::fs::copy(path, &to).unwrap();
        std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    project
}

fn vault(project: &Project, arguments: &[&str]) -> Said {
    project.opsc(&[&["secret", "import", "--from", "ansible-vault"], arguments].concat())
}

const VALUES: [(&str, &str); 7] = [
    ("db_password", "p4ss: #Kanarie"),
    ("app.token", "ünï-Kanarie"),
    ("app.user_name", "Kanarie me"),
    ("app.port", "5432"),
    ("app.pins.0", "Kanarie1"),
    ("app.pins.1", "1234"),
    ("app.key", "-----BEGIN Kanarie-----\nabc\n-----END Kanarie-----"),
];

/// All names of a file, sorted.
fn names(project: &Project) -> Vec<String> {
    let listed = project.opsc(&["secret", "ls"]);
    listed.stdout.lines().map(|line| line.split(' ').next().unwrap().to_string()).collect()
}

#[test]
fn a_whole_vault_becomes_a_file_of_secrets() {
    let project = with_vaults();
    for (file, password) in [("whole-1.1", "password"), ("whole-1.2", "prod@password-prod")] {
        let said = vault(&project, &[&format!("{file}.yml"), "--password-file", password, "--to", "app"]);
        assert_eq!(said.code, 0, "{said:?}");
        for (name, text) in VALUES {
            assert_eq!(get(&project, &format!("app/{name}")), text, "{file}");
        }
        assert!(said.stderr.contains("warning: app/app.templated is left out: it is a template\n"), "{said:?}");
        assert!(said.stderr.contains("warning: app/app.empty is left out: it is empty\n"), "{said:?}");
        assert!(said.stderr.contains("imported 7 secrets, 0 had that text already, 2 left out\n"), "{said:?}");
        assert_eq!(names(&project).len(), 7);
        let written = project.read("secrets/app.yaml").unwrap();
        assert!(!format!("{said:?}{written}").contains("Kanarie"), "{said:?}");
        // The second time there is nothing to do, and another text is not written over without a word.
        let again = vault(&project, &[&format!("{file}.yml"), "--password-file", password, "--to", "app"]);
        assert!(again.stderr.contains("imported 0 secrets, 7 had that text already"), "{again:?}");
        assert_eq!(project.read("secrets/app.yaml"), Some(written));
        set(&project, "app/db_password", "another");
        let other = vault(&project, &[&format!("{file}.yml"), "--password-file", password, "--to", "app"]);
        assert!(
            other.code == 10 && other.stderr.contains("app/db_password would get another text; nothing was written"),
            "{other:?}"
        );
        assert_eq!(get(&project, "app/db_password"), "another");
        let forced = vault(&project, &[&format!("{file}.yml"), "--password-file", password, "--to", "app", "--force"]);
        assert!(forced.code == 0 && forced.stderr.contains("changed app/db_password\n"), "{forced:?}");
        std::fs::remove_file(project.path("secrets/app.yaml")).unwrap();
    }
}

#[test]
fn single_values_are_opened_each_by_its_password() {
    let project = with_vaults();
    let both = ["inline.yml", "--password-file", "password", "--password-file", "prod@password-prod"];
    let said = vault(&project, &both);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(names(&project), ["inline/below.two", "inline/one"]);
    assert_eq!(get(&project, "inline/one"), "Kanarie of 1.1");
    assert_eq!(get(&project, "inline/below.two"), "Kanarie of 1.2\nin two lines");
    assert!(said.stderr.contains("2 values that stand there to read are no secrets and were left alone\n"), "{said:?}");
    assert!(!format!("{said:?}").contains("Kanarie"), "{said:?}");
    // One that is given without a label, or with another one, is tried too; one of two is not enough, and nothing is written.
    let crossed = ["inline.yml", "--password-file", "prod@password", "--password-file", "password-prod", "--to", "x"];
    assert_eq!(vault(&project, &crossed).code, 0);
    let one = vault(&project, &["inline.yml", "--password-file", "password", "--to", "y"]);
    assert!(
        one.code == 10 && one.stderr.contains("no password that was given opens the value (labelled `prod`)"),
        "{one:?}"
    );
    assert!(!project.path("secrets/y.yaml").exists());
}

#[test]
fn passwords_are_typed_or_come_from_files_and_standard_input() {
    let project = with_vaults();
    let nobody = vault(&project, &["whole-1.1.yml"]);
    assert!(
        nobody.code == 10 && nobody.stderr.contains("it takes a password, and there is no terminal to ask on"),
        "{nobody:?}"
    );
    let import = ["secret", "import", "--from", "ansible-vault", "whole-1.1.yml", "--password-stdin", "--to", "a"];
    let piped = given(&project, &import, "Kanarie one\n");
    assert_eq!(piped.code, 0, "{piped:?}");
    let shown =
        project.on_terminal("secret import --from ansible-vault inline.yml --to b", "Kanarie one\nKanarie two\n");
    assert!(
        shown.contains("password of the vault (secret): ") && shown.contains("password of the vault `prod` (secret): "),
        "{shown}"
    );
    assert_eq!(get(&project, "b/below.two"), "Kanarie of 1.2\nin two lines");
    let wrong = vault(&project, &["whole-1.1.yml", "--password-file", "password-wrong", "--to", "c"]);
    assert!(
        wrong.code == 10
            && wrong.stderr.contains("line 1: no password that was given opens the value, or it was changed"),
        "{wrong:?}"
    );
    assert!(!wrong.stderr.contains("Kanarie"), "{wrong:?}");
    let mode =
        |mode: u32| std::fs::set_permissions(project.path("password"), std::fs::Permissions::from_mode(mode)).unwrap();
    for (rights, words) in [
        (0o644, "can be read by others (mode 644)"),
        (0o700, "it is a program; run it, and give what it prints with `--password-stdin`"),
    ] {
        mode(rights);
        let refused = vault(&project, &["whole-1.1.yml", "--password-file", "password", "--to", "c"]);
        assert!(refused.code == 10 && refused.stderr.contains(words), "{refused:?}");
    }
    assert!(!project.path("secrets/c.yaml").exists());
}

#[test]
fn a_text_that_is_no_map_is_one_secret() {
    let project = with_vaults();
    let unnamed = vault(&project, &["text.vault", "--password-file", "password"]);
    assert!(
        unnamed.code == 10 && unnamed.stderr.contains("it is no map of names to values; name it with `--to FILE/NAME`"),
        "{unnamed:?}"
    );
    assert_eq!(vault(&project, &["text.vault", "--password-file", "password", "--to", "tls/key"]).code, 0);
    assert_eq!(get(&project, "tls/key"), "Kanarie\nof 16 bytes...");
}

/// Every part of a vault that something else changed, and forms that are none.
#[test]
fn a_vault_that_was_changed_gives_nothing() {
    let project = with_vaults();
    let text = project.read("whole-1.1.yml").unwrap();
    let (header, body) = text.split_once('\n').unwrap();
    let body: String = body.lines().collect();
    // Digits that stand for a digit, so that only what they say is another.
    let flip = |from: usize| {
        let pairs = (from..body.len()).step_by(2).find(|at| &body[*at..=*at] == "3").unwrap();
        let other = if &body[pairs + 1..pairs + 2] == "0" { "1" } else { "0" };
        format!("{header}\n{}{other}{}", &body[..=pairs], &body[pairs + 2..])
    };
    let version = "expected `$ANSIBLE_VAULT;1.1;AES256`";
    let cases = [
        // The salt, the HMAC and the bytes.
        (flip(10), "no password that was given opens"),
        (flip(200), "no password that was given opens"),
        (flip(400), "no password that was given opens"),
        (text[..text.len() - 20].to_string(), ""),
        (text.replace("1.1", "1.0"), version),
        (text.replace("AES256", "AES128"), version),
        (format!("{header}\n"), version),
        (format!("{header}\nxyz\n"), version),
        (format!("{header}\n{}\n", "30".repeat(40)), version),
        ("a: b\n".to_string(), "expected $ANSIBLE_VAULT in the first line, or values with the tag `!vault`"),
        ("a: !vault plain\n".to_string(), version),
        ("a: [\n".to_string(), "this is not YAML"),
        ("a: 1\na: 2\n".to_string(), "line 2: expected each key once"),
        ("[".repeat(100), "nested more than 64 deep"),
        (format!("a: &a {}\nb: *a\n", "[x]"), "expected $ANSIBLE_VAULT"),
    ];
    for (changed, words) in cases {
        assert_ne!(changed, text);
        project.write("changed.yml", &changed);
        let said = vault(&project, &["changed.yml", "--password-file", "password"]);
        let start: String = changed.chars().take(40).collect();
        assert!(said.code == 10 && said.stderr.contains(words), "{start}: {said:?}");
        assert!(
            !project.path("secrets/changed.yaml").exists() && !said.stderr.contains("Kanarie"),
            "{start}: {said:?}"
        );
    }
}

/// A file as SOPS writes it, from lines of YAML where `@type:text@` is encrypted and bound to the keys that are given.
struct Sops {
    key: [u8; 32],
    hash: Sha512,
    text: String,
}

impl Sops {
    fn new() -> Sops {
        Sops { key: *b"0123456789abcdef0123456789ABCDEF", hash: Sha512::new(), text: String::new() }
    }

    fn seal(&self, text: &str, kind: &str, bound: &str) -> String {
        let cipher = AesGcm::<aes::Aes256, U32>::new_from_slice(&self.key).unwrap();
        let nonce = Sha512::digest(format!("{text}{bound}").as_bytes());
        let nonce = Nonce::<U32>::try_from(&nonce[..32]).unwrap();
        let sealed = cipher.encrypt(&nonce, Payload { msg: text.as_bytes(), aad: bound.as_bytes() }).unwrap();
        let (bytes, tag) = sealed.split_at(sealed.len() - 16);
        let [bytes, nonce, tag] = [bytes, nonce.as_slice(), tag].map(|part| STANDARD.encode(part));
        format!("ENC[AES256_GCM,data:{bytes},iv:{nonce},tag:{tag},type:{kind}]")
    }

    /// `before` the value, as written.
    fn value(mut self, before: &str, text: &str, kind: &str, bound: &str) -> Sops {
        self.hash.update(text.as_bytes());
        let sealed = self.seal(text, kind, bound);
        self.text.push_str(&format!("{before}{sealed}\n"));
        self
    }

    /// A line that is not encrypted, and what of it is counted.
    fn plain(mut self, line: &str, counted: &str) -> Sops {
        self.hash.update(counted.as_bytes());
        self.text.push_str(&format!("{line}\n"));
        self
    }

    fn end(self, recipient: &str) -> String {
        let to: age::x25519::Recipient = recipient.parse().unwrap();
        let mut bytes = Vec::new();
        let encryptor = age::Encryptor::with_recipients(std::iter::once(&to as &dyn age::Recipient)).unwrap();
        let mut writer = encryptor.wrap_output(&mut bytes).unwrap();
        writer.write_all(&self.key).unwrap();
        writer.finish().unwrap();
        let armored = STANDARD.encode(bytes);
        let lines: Vec<String> = armored
            .as_bytes()
            .chunks(64)
            .map(|line| format!("            {}", String::from_utf8_lossy(line)))
            .collect();
        let modified = "2026-01-02T03:04:05Z";
        let mac: String = self.hash.clone().finalize().iter().map(|byte| format!("{byte:02X}")).collect();
        let mac = self.seal(&mac, "str", modified);
        format!(
            "{}sops:\n    kms: []\n    age:\n        - recipient: {recipient}\n          enc: |\n            -----BEGIN AGE ENCRYPTED FILE-----\n{}\n            -----END AGE ENCRYPTED FILE-----\n    lastmodified: \"{modified}\"\n    mac: {mac}\n    pgp: []\n    unencrypted_suffix: _unencrypted\n    version: 3.9.0\n",
            self.text,
            lines.join("\n")
        )
    }
}

fn sops_file(recipient: &str) -> String {
    Sops::new()
        .plain("#ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAA,type:comment]", "")
        .value("password: ", "p4ss+Kanarie", "str", "password:")
        .plain("app:", "")
        .value("    port: ", "5432", "int", "app:port:")
        .value("    ratio: ", "1.5", "float", "app:ratio:")
        .value("    on: ", "True", "bool", "app:on:")
        .plain("    pins:", "")
        .value("        - ", "Kanarie 1", "str", "app:pins:")
        .value("        - ", "Kanarie 2", "str", "app:pins:")
        .plain("    nothing: null", "")
        .plain("    empty: \"\"", "")
        .plain("name_unencrypted: web 1", "web 1")
        .plain("size_unencrypted: 12", "12")
        .plain("share_unencrypted: 2.50", "2.5")
        .plain("yes_unencrypted: true", "True")
        .plain("text_unencrypted: \"12.0\"", "12.0")
        .end(recipient)
}

fn sops(project: &Project, text: &str) -> Said {
    project.write("app.enc.yaml", text);
    project.opsc(&["secret", "import", "--from", "sops", "app.enc.yaml"])
}

#[test]
fn a_file_of_sops_becomes_a_file_of_secrets() {
    let project = with_identity();
    let own = project.opsc(&["secret", "recipient"]).stdout.trim().to_string();
    let said = sops(&project, &sops_file(&own));
    assert_eq!(said.code, 0, "{said:?}");
    let expected = [
        ("app/app.pins.0", "Kanarie 1"),
        ("app/app.pins.1", "Kanarie 2"),
        ("app/app.port", "5432"),
        ("app/password", "p4ss+Kanarie"),
        ("app/app.on", "True"),
    ];
    for (name, text) in expected {
        assert_eq!(get(&project, name), text);
    }
    assert!(
        said.stderr.contains("warning: app/app.ratio is left out: it has fewer than 4 visible characters"),
        "{said:?}"
    );
    assert!(said.stderr.contains("imported 5 secrets, 0 had that text already, 1 left out\n"), "{said:?}");
    assert!(!format!("{said:?}{}", project.read("secrets/app.yaml").unwrap()).contains("Kanarie"));
    // With a key of somebody else's, named by a flag or by the variable of SOPS.
    let key = project.path("home/other");
    let made =
        super::project::said(project.command(&["secret", "keygen"]).env("OPSC_IDENTITY", &key).output().unwrap());
    let text = sops_file(made.stdout.trim());
    let refused = sops(&project, &text);
    assert!(
        refused.code == 10
            && refused.stderr.contains(&format!(
                "it is encrypted to {}, and the identity is {own}; `--key FILE`",
                made.stdout.trim()
            )),
        "{refused:?}"
    );
    let import = ["secret", "import", "--from", "sops", "app.enc.yaml"];
    let flag = project.opsc(&[&import[..], &["--key", key.to_str().unwrap()]].concat());
    assert!(flag.code == 0 && flag.stderr.contains("imported 0 secrets, 5 had that text already"), "{flag:?}");
    let variable = said_of(&project, &import, &key);
    assert_eq!(variable.code, 0, "{variable:?}");
}

fn said_of(project: &Project, arguments: &[&str], key: &Path) -> Said {
    said(project.command(arguments).env("SOPS_AGE_KEY_FILE", key).output().unwrap())
}

#[test]
fn what_was_changed_in_a_file_of_sops_is_found() {
    let project = with_identity();
    let own = project.opsc(&["secret", "recipient"]).stdout.trim().to_string();
    let text = sops_file(&own);
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_string();
    let [password, port, mac] = ["password: ", "    port: ", "    mac: "].map(line);
    let of = |line: &str| line.split_once(": ").unwrap().1.to_string();
    let pins: Vec<&str> = text.lines().filter(|line| line.starts_with("        - ENC")).collect();
    let mac_words = "its MAC does not fit: values were changed, added, moved or removed";
    let cases = [
        ("a value", text.replacen("data:", "data:AAAA", 2), "the value, or its name, was changed"),
        (
            "a value in another's place",
            text.replace(&password, &format!("password: {}", of(&port))),
            "line 2: the value, or its name, was changed",
        ),
        ("a name", text.replace("password:", "passwort:"), "line 2: the value, or its name, was changed"),
        ("a value removed", text.replace(&format!("{port}\n"), ""), mac_words),
        (
            "two swapped in a list",
            text.replace(pins[0], "@").replace(pins[1], pins[0]).replace('@', pins[1]),
            mac_words,
        ),
        ("a value in the open", text.replace("web 1", "web 2"), mac_words),
        ("a value added", text.replace("app:\n", "app:\n    more_unencrypted: x\n"), mac_words),
        ("the MAC", text.replace(&mac, &format!("    mac: {}", of(&password))), mac_words),
        ("the day", text.replace("03:04:05", "03:04:06"), mac_words),
        ("no MAC", text.replace(&format!("{mac}\n"), ""), "expected a file of SOPS"),
        ("no sops", text.split("sops:\n").next().unwrap().to_string(), "expected a file of SOPS"),
        (
            "the key",
            text.replace(
                "-----BEGIN AGE ENCRYPTED FILE-----\n            ",
                "-----BEGIN AGE ENCRYPTED FILE-----\n            AAAA",
            ),
            "it is encrypted to",
        ),
        ("a date", text.replace("web 1", "2026-01-02"), "a plain value that only SOPS itself counts"),
        (
            "pgp",
            format!("{}sops:\n  mac: x\n  lastmodified: x\n  pgp:\n    - fp: x\n", "a: b\n"),
            "it is encrypted by `pgp`; only files of SOPS for age's keys are read",
        ),
    ];
    for (what, changed, words) in cases {
        assert_ne!(changed, text, "{what}");
        let said = sops(&project, &changed);
        assert!(said.code == 10 && said.stderr.contains(words), "{what}: {said:?}");
        assert!(!project.path("secrets/app.yaml").exists() && !said.stderr.contains("Kanarie"), "{what}: {said:?}");
    }
    assert_eq!(sops(&project, &text).code, 0);
}
