//! sudo with passwords, right and wrong, as throw-away users of this machine. Changes the system while it runs, so it
//! is built only with the feature `system-tests`. Knows only the public face of `transport`.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use opsc::base::secret::Secret;
use opsc::shell::{Language, Program, Text, receipt};
use opsc::transport::{AdminMethod, Completed, Credentials, Endpoint, LaneKind, Session, TransportError};

use crate::sshd::{Sshd, SshdOptions};

pub(crate) const PASSWORD: &str = "it's a $ecret";

/// A user that exists as long as the value, with a rule of sudo if it has one.
pub(crate) struct Guest {
    pub(crate) name: String,
    rule: Option<PathBuf>,
}

impl Guest {
    pub(crate) fn new(rule: Option<&str>) -> Guest {
        Guest::with(rule, &["--no-create-home", "--shell", "/bin/sh"])
    }

    /// With a home of its own and a login shell.
    pub(crate) fn at_home(shell: &str) -> Guest {
        Guest::with(None, &["--create-home", "--shell", shell])
    }

    pub(crate) fn with(rule: Option<&str>, options: &[&str]) -> Guest {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let name = format!("opsc{}x{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        run(Command::new("useradd").args(options).arg(&name));
        let mut guest = Guest { name, rule: None };
        let mut chpasswd = Command::new("chpasswd").stdin(Stdio::piped()).spawn().unwrap();
        writeln!(chpasswd.stdin.take().unwrap(), "{}:{PASSWORD}", guest.name).unwrap();
        assert!(chpasswd.wait().unwrap().success());
        if let Some(rule) = rule {
            let path = PathBuf::from(format!("/etc/sudoers.d/{}", guest.name));
            guest.rule = Some(path.clone());
            fs::write(&path, format!("{} ALL=(ALL) {rule}ALL\n", guest.name)).unwrap();
            run(Command::new("chmod").arg("440").arg(&path));
            run(Command::new("visudo").arg("-cqf").arg(&path));
        }
        guest
    }

    pub(crate) fn endpoint(&self, server: &Sshd) -> Endpoint {
        Endpoint { user: self.name.clone(), ..server.endpoint("web1") }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(rule) = &self.rule {
            drop(fs::remove_file(rule));
        }
        drop(Command::new("userdel").args(["--force", "--remove"]).arg(&self.name).stderr(Stdio::null()).status());
    }
}

/// sudo asks for a password that nobody could type there.
#[tokio::test]
async fn a_question_is_no_answer_where_commands_get_no_input() {
    let (asked, free, server) = (Guest::new(Some("")), Guest::new(Some("NOPASSWD: ")), server());
    let there = |guest: &Guest| Endpoint { lane: LaneKind::Exec, ..guest.endpoint(&server) };
    for password in [None, Some(PASSWORD)] {
        let refused = as_root(&there(&asked), password, "true").await;
        assert!(matches!(refused, Err(TransportError::PrivilegeNoInput { method: "sudo", .. })), "{refused:?}");
        assert_eq!(as_root(&there(&free), password, "id -un").await.unwrap().stdout.kept, b"root\n");
    }
    let su = Endpoint { admin: AdminMethod::Su, ..there(&asked) };
    let refused = as_root(&su, Some(PASSWORD), "true").await;
    assert!(matches!(refused, Err(TransportError::PrivilegeNoInput { method: "su", .. })), "{refused:?}");
}

pub(crate) fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// sshd reads the keys as the user who logs in, so the directory lets everyone through.
pub(crate) fn server() -> Sshd {
    let server = Sshd::start(&SshdOptions::default());
    run(Command::new("chmod").arg("755").arg(server.directory.path()));
    server
}

fn credentials(password: Option<&str>) -> Credentials {
    Credentials { admin_password: password.map(|text| Secret::new(text.to_owned())), ..Credentials::default() }
}

async fn as_root(endpoint: &Endpoint, password: Option<&str>, body: &str) -> Result<Completed, TransportError> {
    let mut session = Session::connect(endpoint, &credentials(password)).await.unwrap();
    let done = session.run(Some("root"), &Program::new(body), Duration::from_secs(30), &mut |_, _| {}).await;
    session.close().await;
    done
}

/// What the program read and who it was: a password that leaked into stdin would show.
async fn is_root(endpoint: &Endpoint, password: Option<&str>) {
    let done = as_root(endpoint, password, "id -un; echo \"$HOME\"; cat; set").await.unwrap();
    let text = String::from_utf8_lossy(&done.stdout.kept).into_owned();
    assert!(text.starts_with("root\n/root\n"), "{text}");
    assert!(!text.contains("ecret"), "{text}");
}

#[tokio::test]
async fn sudo_with_a_password() {
    let (guest, server) = (Guest::new(Some("")), server());
    let endpoint = guest.endpoint(&server);
    is_root(&endpoint, Some(PASSWORD)).await;
    let wrong = as_root(&endpoint, Some("wrong"), "true").await;
    assert!(matches!(wrong, Err(TransportError::PrivilegePasswordWrong { .. })), "{wrong:?}");
    let none = as_root(&endpoint, None, "true").await;
    assert!(matches!(none, Err(TransportError::PrivilegePasswordNeeded { .. })), "{none:?}");
}

#[tokio::test]
async fn sudo_without_a_password_never_gets_one() {
    let (guest, server) = (Guest::new(Some("NOPASSWD: ")), server());
    is_root(&guest.endpoint(&server), Some(PASSWORD)).await;
    is_root(&guest.endpoint(&server), None).await;
}

#[tokio::test]
async fn sudo_for_those_who_may_not() {
    let (guest, server) = (Guest::new(None), server());
    let denied = as_root(&guest.endpoint(&server), Some(PASSWORD), "true").await;
    assert!(matches!(denied, Err(TransportError::PrivilegeDenied { .. })), "{denied:?}");
}

#[tokio::test]
async fn a_deadline_ends_what_root_runs() {
    let (guest, server) = (Guest::new(Some("")), server());
    let mut session = Session::connect(&guest.endpoint(&server), &credentials(Some(PASSWORD))).await.unwrap();
    let seconds = format!("40.{}", std::process::id());
    let slow = Program::new(format!("sleep {seconds}"));
    let done = session.run(Some("root"), &slow, Duration::from_millis(300), &mut |_, _| {}).await.unwrap();
    assert!(done.timed_out);
    let look = Program::new(format!("ps -eo args | grep -c '^sleep {seconds}$'; true"));
    let done = session.run(Some("root"), &look, Duration::from_secs(30), &mut |_, _| {}).await.unwrap();
    assert_eq!(done.stdout.kept, b"0\n");
    session.close().await;
}

/// Whose home is another's, as sudo may leave it, has none: a link there could lead root anywhere.
#[tokio::test]
async fn root_has_receipts_in_its_own_home_alone() {
    let (guest, server) = (Guest::new(Some("")), server());
    let mut session = Session::connect(&guest.endpoint(&server), &credentials(Some(PASSWORD))).await.unwrap();
    let there = format!("/tmp/{}-home", guest.name);
    let home = |path: &str| Program {
        env: vec![("HOME".to_owned(), Text::Plain(path.to_owned()))],
        ..receipt::prepare(Language::Sh)
    };
    let mut boot = async |user: Option<&str>, program: Program| {
        let done = session.run(user, &program, Duration::from_secs(30), &mut |_, _| {}).await.unwrap();
        done.fields.iter().any(|(name, _)| name == "boot")
    };
    let make = Program::new("mkdir \"$there\"").with("there", &there);
    assert!(!boot(None, make).await);
    assert!(!boot(Some("root"), home(&there)).await, "the home of the login user");
    assert!(!std::path::Path::new(&there).join(".opsc").exists());
    assert!(boot(None, home(&there)).await);
    assert!(boot(Some("root"), home("/root")).await);
    fs::remove_dir_all(there).unwrap();
    session.close().await;
}

#[tokio::test]
async fn su_with_a_password() {
    let (from, to, server) = (Guest::new(None), Guest::new(None), server());
    let endpoint = Endpoint { admin: AdminMethod::Su, ..from.endpoint(&server) };
    let try_with = async |password: Option<&str>| {
        let mut session = Session::connect(&endpoint, &credentials(password)).await.unwrap();
        let body = Program::new("id -un; cat");
        let done = session.run(Some(&to.name), &body, Duration::from_secs(30), &mut |_, _| {}).await;
        session.close().await;
        done
    };
    assert_eq!(try_with(Some(PASSWORD)).await.unwrap().stdout.kept, format!("{}\n", to.name).into_bytes());
    let wrong = try_with(Some("wrong")).await;
    assert!(matches!(wrong, Err(TransportError::PrivilegePasswordWrong { .. })), "{wrong:?}");
    let none = try_with(None).await;
    assert!(matches!(none, Err(TransportError::PrivilegePasswordNeeded { .. })), "{none:?}");
}
