//! A Windows host over WinRM, against a listener of these tests that clients of others judge: lines run, outputs arrive
//! whole, whatever ends is ended on the host too, and each way to fail has its name.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;
use std::time::{Duration, Instant};

use opsc::base::secret::Secret;
use opsc::shell::{Language, Program};
use opsc::transport::winrm::error::WinrmError;
use opsc::transport::{Completed, Endpoint, Session, TransportError};
use serde_json::json;

use super::doctor::finding;
use super::project::{Project, Said};
use super::winrm_rig::{Listener, PASSWORD, USER, credentials, python};

const MINUTE: Duration = Duration::from_secs(60);

fn line(text: &str) -> Program {
    Program { line: Some(text.to_string()), ..Program::default() }
}

async fn run(session: &mut Session, text: &str) -> Completed {
    session.run(None, &line(text), MINUTE, &mut |_, _| {}).await.unwrap()
}

fn exec(project: &Project, words: &[&str]) -> Said {
    project.opsc(&[&["exec", "-y", "--password-file", "password", "-l", "win1", "--"], words].concat())
}

fn doctor(project: &Project) -> Said {
    project.opsc(&["doctor", "win1", "--password-file", "password", "-o", "json"])
}

fn assert_nothing_is_left(listener: Listener) {
    let heard = listener.end();
    assert_eq!(heard.last().map(String::as_str), Some("shells 0"), "{heard:?}");
}

/// Unmodified clients find a Windows host here, so that what opsc finds is one too.
#[test]
fn clients_of_others_take_the_listener_for_windows() {
    for is_tls in [false, true] {
        let listener = Listener::start(is_tls, json!({}));
        let authority = if is_tls { listener.authority().display().to_string() } else { "none".to_string() };
        for client in ["pywinrm", "pypsrp"] {
            let port = listener.port.to_string();
            let judged = python("judge.py").args([client, &port, &authority, USER, PASSWORD]).output().unwrap();
            let said = String::from_utf8_lossy(&judged.stderr);
            assert_eq!(String::from_utf8_lossy(&judged.stdout), "fine\n", "{client}: {said}");
        }
        assert_nothing_is_left(listener);
    }
}

#[tokio::test]
async fn a_line_runs_and_tells_both_streams_and_its_code() {
    for listener in [Listener::sealed(""), Listener::tls(json!({}))] {
        let mut session = Session::connect(&listener.endpoint(), &credentials()).await.unwrap();
        for code in [0, 1, 127, 255] {
            let done = run(&mut session, &format!("echo out; echo err >&2; exit {code}")).await;
            assert_eq!((done.code, done.stdout.kept, done.stderr.kept), (code, b"out\n".to_vec(), b"err\n".to_vec()));
        }
        let done = run(&mut session, "head -c 1048576 /dev/zero | tr '\\0' x; cat").await;
        assert_eq!((done.code, done.stdout.bytes, done.stdout.truncated), (0, 1 << 20, true));
        let program = Program { stdin: Some(Secret::new("é".repeat(100_000))), ..line("wc -c; sleep 2; echo late") };
        let done = session.run(None, &program, MINUTE, &mut |_, _| {}).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&done.stdout.kept), "200000\nlate\n");
        let done = run(&mut session, "exec 0<&-; echo gone").await;
        assert_eq!(done.stdout.kept, b"gone\n");
        session.close().await;
        assert_nothing_is_left(listener);
    }
}

#[tokio::test]
async fn output_that_is_cut_anywhere_arrives_whole() {
    let listener = Listener::sealed("bytes");
    let mut session = Session::connect(&listener.endpoint(), &credentials()).await.unwrap();
    let objects = "#< CLIXML\\r\\n<Objs><S S=\"Error\">n\u{e9}_x000D__x000A_</S></Objs>";
    let mut pieces = 0;
    let text = format!("printf '\u{e9}\u{20ac}'; printf '{objects}' >&2");
    let done = session.run(None, &line(&text), MINUTE, &mut |_, _| pieces += 1).await.unwrap();
    assert_eq!(done.stdout.kept, "\u{e9}\u{20ac}".as_bytes());
    assert_eq!(String::from_utf8_lossy(&done.stderr.kept), "n\u{e9}\n");
    assert!(pieces > 4, "{pieces}");
    session.close().await;
}

#[test]
fn words_are_a_program_and_its_arguments() {
    let listener = Listener::tls(json!({}));
    let project = listener.project("");
    let words = ["a b", "%PATH%", "say \"x\\\" &", "", "c:\\x y\\", "!^<|>", "\u{e9}"];
    let said = exec(&project, &[&["printf", "%s|"], &words[..]].concat());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stdout.contains(&(words.join("|") + "|")), "{said:?}");
    // The listener fills in variables as cmd.exe does, and knows this one.
    let said = exec(&project, &["echo", "%PATH%"]);
    assert!(said.stdout.ends_with("\n%PATH%\n"), "{said:?}");
    let said = exec(&project, &["echo one; echo two >&2; exit 3"]);
    assert_eq!(said.code, 21, "{said:?}");
    let has = |words: &str| said.stdout.contains(words);
    assert!(has("one\n") && has("two\n") && has("exit 3"), "two streams have no order: {said:?}");
    let said = exec(&project, &["echo", "a\nb"]);
    assert_eq!(said.code, 10, "{said:?}");
    assert!(said.stderr.contains("holds a line end or a NUL, which no line of cmd.exe can carry"), "{said:?}");
    assert_nothing_is_left(listener);
}

#[test]
fn one_command_runs_on_hosts_of_both_kinds() {
    let listener = Listener::sealed("");
    let project = listener.project("");
    let said =
        project.opsc(&["exec", "-y", "--password-file", "password", "-l", "win1,localhost", "--", "echo", "here"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, "== localhost, win1: changed\nhere\n"), "{said:?}");
    assert_nothing_is_left(listener);
}

#[tokio::test]
async fn what_runs_out_of_time_or_is_given_up_ends_on_the_host() {
    let listener = Listener::sealed("");
    let file = |name: &str| listener.folder.path().join(name);
    let endless = |name: &str| line(&format!("echo $$ >{}; echo begun; exec sleep 1000", file(name).display()));
    let mut session = Session::connect(&listener.endpoint(), &credentials()).await.unwrap();
    let done = session.run(None, &endless("late"), Duration::from_secs(2), &mut |_, _| {}).await.unwrap();
    assert!(done.timed_out && done.stdout.kept == b"begun\n", "{done:?}");
    assert_ended(&file("late"));
    // Dropped once it has said something.
    let (begun, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let program = endless("left");
    let mut tell = move |_: opsc::transport::Stream, _: &[u8]| assert!(begun.send(()).is_ok());
    tokio::select! {
        done = session.run(None, &program, MINUTE, &mut tell) => panic!("{done:?}"),
        _ = heard.recv() => {}
    }
    // What follows waits until that is over.
    assert_eq!(run(&mut session, "echo next").await.stdout.kept, b"next\n");
    assert_ended(&file("left"));
    session.close().await;
    assert_nothing_is_left(listener);
}

fn assert_ended(file: &Path) {
    let process = std::fs::read_to_string(file).unwrap();
    let until = Instant::now() + MINUTE;
    while Path::new("/proc").join(process.trim()).join("exe").exists() {
        assert!(Instant::now() < until, "{process} still runs");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_shell_that_takes_no_more_is_replaced_and_the_line_runs_once() {
    for fault in ["used_up", "shell_gone"] {
        let listener = Listener::sealed(fault);
        let mut session = Session::connect(&listener.endpoint(), &credentials()).await.unwrap();
        let file = listener.folder.path().join("ran");
        let done = run(&mut session, &format!("echo ran >>{}", file.display())).await;
        assert_eq!((done.code, std::fs::read_to_string(&file).unwrap().as_str()), (0, "ran\n"), "{fault}");
        session.close().await;
        assert_nothing_is_left(listener);
    }
}

/// What is asked, and how it fails after the login.
#[tokio::test]
async fn each_failure_of_a_command_has_its_name_and_leaves_nothing() {
    type Judge = fn(&TransportError) -> bool;
    fn is(error: &TransportError, expected: fn(&WinrmError) -> bool) -> bool {
        matches!(error, TransportError::Winrm { error, .. } if expected(error))
    }
    let cases: [(&str, Judge); 7] = [
        ("lost_in_receive", |error| matches!(error, TransportError::Lost { .. })),
        ("unsealed", |error| is(error, |error| *error == WinrmError::Unsealed)),
        ("bad_seal", |error| is(error, |error| *error == WinrmError::BadSeal)),
        ("oversize", |error| is(error, |error| matches!(error, WinrmError::TooLarge { .. }))),
        ("no_code", |error| is(error, |error| *error == WinrmError::NoExitCode)),
        ("shell_ends", |error| is(error, |error| matches!(error, WinrmError::Gone { .. }))),
        ("lost_in_receive", |error| error.is_unreachable()),
    ];
    for (fault, judge) in cases {
        let listener = Listener::sealed(fault);
        let mut session = Session::connect(&listener.endpoint(), &credentials()).await.unwrap();
        let file = listener.folder.path().join("ran");
        let text = format!("echo ran >>{}", file.display());
        let error = session.run(None, &line(&text), MINUTE, &mut |_, _| {}).await.unwrap_err();
        assert!(judge(&error), "{fault}: {error:?}");
        session.close().await;
        let ran = std::fs::read_to_string(&file).unwrap();
        let heard = listener.end();
        assert_eq!((ran.as_str(), heard.last().map(String::as_str)), ("ran\n", Some("shells 0")), "{fault}: {heard:?}");
    }
}

/// How far one comes: the stage that the doctor names, words of what was found and of what mends it.
#[test]
fn the_doctor_names_the_stage_that_fails() {
    let cases = [
        ("lost_after_login", "shell", "connection was lost", ""),
        ("forgotten", "login", "forgot the login; the request is not sent again", ""),
        ("other_answer", "shell", "it belongs to another request", ""),
        ("quota", "quota", "maximum number of 30 concurrent shells", "MaxShellsPerUser"),
        ("denied", "rights", "access is denied", "Remote Management Users"),
        ("unsealed", "binding", "it is not believed", ""),
    ];
    for (fault, stage, found, mend) in cases {
        let listener = Listener::sealed(fault);
        let said = doctor(&listener.project(""));
        let (state, is_found, mends) = finding(&said, stage);
        assert_eq!(state, "failed", "{fault}: {said:?}");
        assert!(is_found.contains(found) && mends.contains(mend), "{fault}: {said:?}");
        assert_eq!(finding(&said, "tcp").0, "ok", "{fault}: {said:?}");
    }
    let listener = Listener::sealed("");
    let project = listener.project("");
    let fine = doctor(&project);
    assert_eq!((fine.code, finding(&fine, "shell").0.as_str()), (0, "ok"), "{fine:?}");
    // Nobody greets on the other end of TLS.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let other = Listener::tls(json!({}));
    let authority = other.authority();
    let nobody = listener.project("");
    let host = format!("address: 127.0.0.1, port: {port}, user: {USER}, tls: {}", authority.display());
    nobody.write("inventory.yaml", &format!("hosts:\n  win1: {{ transport: winrm, {host}, connect_timeout: 1s }}\n"));
    let said = doctor(&nobody);
    let (state, found, _) = finding(&said, "tls");
    assert!(state == "failed" && found.contains("nothing answered the TLS handshake within 1s"), "{said:?}");
    let behind = listener.project("tls: none, jump: localhost");
    let refused = doctor(&behind);
    assert_eq!(refused.code, 11, "{refused:?}");
    assert!(refused.stderr.contains("`win1` is reached by WinRM, so it cannot have `jump: localhost`"), "{refused:?}");
    drop(listener);
    let (state, _, mend) = finding(&doctor(&project), "tcp");
    assert!(state == "failed" && mend.contains("WinRM service"), "{mend}");
    let (state, found, mend) = finding(&project.opsc(&["doctor", "win1", "-o", "json"]), "login");
    assert!(state == "failed" && found.contains("needs the login password") && mend.contains("`-k`"), "{found}");
}

#[test]
fn a_login_is_refused_by_its_name() {
    let listener = Listener::sealed("");
    let project = listener.project("");
    project.write("password", "wrong");
    let (_, found, mend) = finding(&doctor(&project), "login");
    assert!(found.contains("`ann` was not let in") && mend.contains("DOMAIN"), "{found} {mend}");
    let heard = listener.end();
    assert!(heard.iter().all(|word| word != "Create"), "{heard:?}");

    // A stranger between who has a certificate of the same authority is noticed by the host.
    let listener = Listener::tls(json!({ "bound_to": "other.pem" }));
    let (_, found, mend) = finding(&doctor(&listener.project("")), "login");
    assert!(found.contains("was not let in") && mend.contains(&listener.fingerprint()), "{found} {mend}");
    assert!(listener.end().contains(&"login failed BadBindingsError".to_string()));
}

#[test]
fn a_certificate_is_trusted_by_its_authority_or_its_pin_and_by_nothing_else() {
    let listener = Listener::tls(json!({}));
    let sha256 = listener.fingerprint();
    // As openssl and ssh write hashes too.
    let pairs: Vec<&str> = (0..32).map(|pair| &sha256[pair * 2..pair * 2 + 2]).collect();
    let pins = [sha256.to_uppercase(), pairs.join(":").to_uppercase(), pairs.join("-")];
    let settings = pins.map(|pin| format!("tls: \"sha256:{pin}\""));
    for settings in [String::new()].into_iter().chain(settings) {
        let said = exec(&listener.project(&settings), &["echo pinned"]);
        assert!(said.code == 0 && said.stdout.contains("pinned"), "{said:?}");
    }
    let (_, found, mend) = finding(&doctor(&listener.project("tls: machine")), "tls");
    assert!(found.contains("not trusted") && mend.contains(&format!("tls: sha256:{sha256}")), "{found} {mend}");
    let other = format!("tls: \"sha256:{}\"", "0".repeat(64));
    let (_, found, _) = finding(&doctor(&listener.project(&other)), "tls");
    assert!(found.contains(&format!("shows the certificate sha256:{sha256}, expected sha256:000")), "{found}");
    let (_, found, _) = finding(&doctor(&listener.project("tls: inventory.yaml")), "tls");
    assert!(found.contains("inventory.yaml"), "{found}");
    let plain = finding(&doctor(&listener.project("tls: none")), "listener");
    assert_eq!(plain.0, "failed", "{plain:?}");
    let sealed = Listener::sealed("");
    let (_, found, mend) = finding(&doctor(&sealed.project("tls: machine")), "tls");
    assert!(found.contains("TLS handshake failed") && mend.contains("tls: none"), "{found} {mend}");
}

#[test]
fn a_plain_password_goes_over_tls_only() {
    let listener = Listener::tls(json!({ "auth": ["Basic"] }));
    let said = exec(&listener.project(""), &["echo basic"]);
    assert!(said.code == 0 && said.stdout.contains("basic"), "{said:?}");
    let listener = Listener::start(false, json!({ "auth": ["Basic"] }));
    let (_, found, mend) = finding(&doctor(&listener.project("")), "login");
    assert!(
        found.contains("lets nobody in by Negotiate; it offers Basic") && mend.contains("over TLS only"),
        "{found}"
    );
    // It was asked once, and nobody showed a password.
    assert_eq!(listener.end(), ["refused"]);
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up() {
    let listener = Listener::sealed("drip");
    let endpoint = Endpoint { connect_timeout: Duration::from_secs(1), ..listener.endpoint() };
    let error = Session::connect(&endpoint, &credentials()).await.unwrap_err();
    assert_eq!(error, TransportError::Winrm { host: "win1".to_string(), error: WinrmError::Silent { seconds: 1 } });
}

#[tokio::test]
async fn what_a_windows_host_cannot_do_is_said() {
    let listener = Listener::sealed("");
    let mut session = Session::connect(&listener.endpoint(), &credentials()).await.unwrap();
    let error = |error| TransportError::Winrm { host: "win1".to_string(), error };
    let posix = session.run(None, &Program::new("true"), MINUTE, &mut |_, _| {}).await;
    let other = TransportError::OtherLanguage { host: "win1".to_string(), program: Language::Sh };
    assert_eq!(posix, Err(other));
    let long = session.run(None, &line(&"x".repeat(8192)), MINUTE, &mut |_, _| {}).await;
    assert_eq!(long, Err(error(WinrmError::LineTooLong { most: 8191 })));
    let other = session.run(Some("root"), &line("x"), MINUTE, &mut |_, _| {}).await;
    assert!(matches!(other, Err(TransportError::PrivilegeNone { .. })), "{other:?}");
    assert!(session.is_open());
    session.close().await;
}

#[test]
fn the_inventory_says_how_a_host_is_reached() {
    let project = Project::new();
    project.write(
        "inventory.yaml",
        "hosts:\n  a: { transport: winrm }\n  b: { transport: winrm, tls: none }\n  c: { transport: winrm, port: 5985 }\n",
    );
    let shown = |host: &str| project.opsc(&["inv", "show", host, "--explain"]).stdout;
    for (host, port, tls) in [("a", "5986", "machine"), ("b", "5985", "none"), ("c", "5985", "none")] {
        let text = shown(host);
        let says = |key: &str, value: &str| {
            text.lines().any(|line| line.starts_with(key) && line.contains(value)) || panic!("{host} {key}: {text}")
        };
        assert!(says("port", port) && says("tls", tls) && says("os", "windows"));
    }
    project.write("inventory.yaml", "hosts:\n  a: { transport: winrm, tls: \"sha256:12\" }\n");
    let said = project.opsc(&["inv", "ls"]);
    assert!(said.code != 0 && said.stderr.contains("sha256: with 64 digits"), "{said:?}");
}

#[test]
fn a_password_is_in_no_log() {
    for listener in [Listener::sealed(""), Listener::tls(json!({ "auth": ["Basic"] }))] {
        let project = listener.project("");
        let words = ["exec", "-y", "--password-file", "password", "-l", "win1", "--", "echo fine"];
        let output = project.command(&words).env("OPSC_LOG", "trace").output().unwrap();
        let all = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&all);
        assert!(output.status.success() && text.contains("fine"), "{text}");
        assert!(!text.contains(PASSWORD) && !text.contains("Basic "), "{text}");
    }
}
