//! Steps of another user than who logged in, on Windows hosts over WinRM and over SSH: what is sent, what comes back and when,
//! and how they end. The PowerShell and the Task Scheduler are SIMULATED; the wires are real.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use opsc::base::secret::Secret;
use opsc::shell::{Language, NamedScript, Program, Text, Variable, VariableValue, receipt};
use opsc::transport::{Completed, Stream, TransportError};
use serde_json::{Value as Json, json};

use super::contract::{Bench, MINUTE, SOON, Way, alive, field, sha256, stdout, unique_seconds};
use super::powershell_receipts::until;
use super::powershell_rig::{Dictionary, Hosts};

const HOSTILE: &str = "CORP\\it's \u{2019} $(calc) `x` \"y\" %PATH% {0} é & ;";

async fn as_user(way: Way, user: &str) -> Bench {
    Bench::connect(Way { user: Some(user.to_owned()), ..way }).await
}

async fn try_body(bench: &mut Bench, body: &str, deadline: Duration) -> Result<Completed, TransportError> {
    let user = bench.way.user.clone();
    bench.session.run(user.as_deref(), &Program::powershell(body), deadline, &mut |_, _| {}).await
}

async fn body(bench: &mut Bench, body: &str) -> Completed {
    try_body(bench, body, MINUTE).await.unwrap()
}

/// Folders of tasks that nobody took away.
fn left(dictionary: &Dictionary) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dictionary.path("tasks")).map(|entries| entries.collect()).unwrap_or_default();
    let entries: Vec<std::io::Result<std::fs::DirEntry>> = entries;
    entries.into_iter().map(|entry| entry.unwrap().path()).collect()
}

/// Whose steps were done, but for those that make a task of one.
fn done_as(dictionary: &Dictionary) -> Vec<Json> {
    let log = dictionary.log();
    log.iter().filter(|step| step["variables"]["step"].is_null()).map(|step| step["as"].clone()).collect()
}

#[tokio::test]
async fn a_step_of_another_user_is_told_like_any_other() {
    let hosts = Hosts::of(json!({
        "tell": { "stdout": "out é\n", "stderr": "err €\n", "out": { "a": 1, "b": "x\ny", "c": "" }, "code": 3010 },
        "binary": { "bytes": "AP8eAWVuZAoe" },
        "big": { "fill": 3_000_000, "fill_stderr": 300_000 },
        "next": {},
    }));
    for way in hosts.ways() {
        let mut plain = Bench::connect(way.clone()).await;
        let expected = body(&mut plain, "tell").await;
        for user in ["SYSTEM", "NT AUTHORITY\\LocalService", HOSTILE] {
            let mut bench = as_user(way.clone(), user).await;
            let done = body(&mut bench, "tell").await;
            assert_eq!((done.code, &done.fields), (3010, &expected.fields));
            assert_eq!((&done.stdout, &done.stderr), (&expected.stdout, &expected.stderr));
            assert_eq!(hosts.dictionary.log().last().unwrap()["as"], user);
        }
        let mut bench = as_user(way.clone(), "SYSTEM").await;
        assert_eq!(body(&mut bench, "binary").await.stdout.kept, b"\x00\xff\x1e\x01end\n\x1e");
        let big = body(&mut bench, "big").await;
        assert_eq!((big.stdout.bytes, big.stderr.bytes), (3_000_000, 300_000));
        assert_eq!(big.stdout.sha256, sha256(&vec![b'x'; 3_000_000]));
        assert!(left(&hosts.dictionary).is_empty());
    }
}

/// Each step as another user stands between others of the login user, in one lane.
#[tokio::test]
async fn steps_of_several_users_follow_each_other() {
    let hosts = Hosts::of(json!({ "next": {} }));
    for way in hosts.ways() {
        let before = done_as(&hosts.dictionary).len();
        let login = way.endpoint.user.clone();
        let mut bench = Bench::connect(way).await;
        for user in [None, Some("SYSTEM"), None, Some("bob"), Some(login.to_uppercase().as_str()), Some("SYSTEM")] {
            let done = bench.session.run(user, &Program::powershell("next"), MINUTE, &mut |_, _| {}).await.unwrap();
            assert_eq!(done.code, 0);
        }
        bench.session.close().await;
        let expected = [json!(null), json!("SYSTEM"), json!(null), json!("bob"), json!(null), json!("SYSTEM")];
        assert_eq!(done_as(&hosts.dictionary).split_off(before), expected);
    }
    assert_eq!(hosts.listener.end().iter().filter(|asked| *asked == "Command").count(), 1, "one lane for all users");
}

#[tokio::test]
async fn values_arrive_as_another_user_too() {
    let hosts = Hosts::of(json!({ "show": { "print": "v" }, "run": { "script": "script" } }));
    for way in hosts.ways() {
        let mut bench = as_user(way, "SYSTEM").await;
        for value in ["", "it's \u{2019} $(x)", "a\r\nb\n", "\t\x01\x1e\x7f\u{feff}", "\"step\": {}"] {
            let done = bench.run(&Program::powershell("show").with("v", value)).await;
            assert_eq!(String::from_utf8_lossy(field(&done, "value")), value);
        }
        let script = NamedScript { name: "script".to_owned(), text: Some("echo \"$SET $PWD\"; exit 3".to_owned()) };
        let env = vec![("SET".to_owned(), Text::Plain("it's".to_owned()))];
        let program =
            Program { scripts: vec![script], env, cwd: Some("/usr".to_owned()), ..Program::powershell("run") };
        let done = bench.run(&program).await;
        assert_eq!((done.code, stdout(&done).as_str()), (3, "it's /usr\n"));
    }
}

#[tokio::test]
async fn what_it_prints_is_heard_while_it_runs() {
    let hosts = Hosts::of(json!({ "wait": { "stdout": "begun é", "stderr": "also", "until": "go" } }));
    for way in hosts.ways() {
        let go = hosts.dictionary.path("go");
        let mut bench = as_user(way, "SYSTEM").await;
        let mut heard = [Vec::new(), Vec::new()];
        let mut tell = |stream: Stream, bytes: &[u8]| {
            let [out, err] = &mut heard;
            match stream {
                Stream::Stdout => out.extend_from_slice(bytes),
                Stream::Stderr => err.extend_from_slice(bytes),
            }
            if out.as_slice() == "begun é".as_bytes() && err.as_slice() == b"also" {
                std::fs::write(&go, "").unwrap();
            }
        };
        let done = bench.session.run(Some("SYSTEM"), &Program::powershell("wait"), MINUTE, &mut tell).await.unwrap();
        assert!(done.code == 0 && !done.timed_out, "{done:?}");
        std::fs::remove_file(&go).unwrap();
    }
}

#[tokio::test]
async fn a_deadline_ends_a_step_of_another_user_and_takes_its_task_away() {
    let seconds = unique_seconds();
    let hosts = Hosts::of(json!({
        "late": { "stdout": "before\n", "child": seconds, "holds": true, "seconds": 1000 },
        "endless": { "endless": true },
        "next": {},
    }));
    for way in hosts.ways() {
        let mut bench = as_user(way, "SYSTEM").await;
        for late in ["late", "endless"] {
            let done = try_body(&mut bench, late, Duration::from_secs(6)).await.unwrap();
            assert!(done.timed_out && done.code == 124, "{done:?}");
            assert_eq!(body(&mut bench, "next").await.code, 0);
            assert_eq!(alive(&seconds), [0; 0], "what follows runs beside what was late");
        }
        assert!(left(&hosts.dictionary).is_empty());
    }
}

#[tokio::test]
async fn what_is_given_up_of_another_user_ends_before_what_follows() {
    let seconds = unique_seconds();
    let hosts = Hosts::of(json!({ "long": { "stdout": "begun", "child": seconds, "seconds": 1000 }, "next": {} }));
    for way in hosts.ways() {
        let mut bench = as_user(way, "SYSTEM").await;
        let program = Program::powershell("long");
        let (begun, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let mut tell = move |_: Stream, _: &[u8]| assert!(begun.send(()).is_ok());
        tokio::select! {
            done = bench.session.run(Some("SYSTEM"), &program, MINUTE, &mut tell) => panic!("{done:?}"),
            _ = heard.recv() => {}
        }
        assert_eq!(body(&mut bench, "next").await.code, 0);
        assert_eq!(alive(&seconds), [0; 0], "what follows runs beside what was given up");
    }
}

/// A lane may be killed without a word; its task has only the file that went with it.
#[tokio::test]
async fn a_lost_connection_ends_the_step_wherever_it_runs() {
    let seconds = unique_seconds();
    let hosts = Hosts::of(json!({ "long": { "child": seconds, "holds": true, "out": { "a": 1 }, "seconds": 1000 } }));
    let [_, ssh] = hosts.ways();
    let mut bench = as_user(ssh, "SYSTEM").await;
    let program = Program::powershell("long");
    let cut = async {
        let begun = Instant::now();
        while alive(&seconds).is_empty() {
            assert!(begun.elapsed() < SOON, "it never began");
            tokio::task::yield_now().await;
        }
        hosts.sshd.cut_connections();
    };
    let mut quiet = |_: Stream, _: &[u8]| {};
    let (lost, ()) = tokio::join!(bench.session.run(Some("SYSTEM"), &program, MINUTE, &mut quiet), cut);
    assert!(matches!(lost, Err(TransportError::Lost { .. })), "{lost:?}");
    until(|| alive(&seconds).is_empty().then_some(()));
}

#[tokio::test]
async fn what_would_lie_in_a_file_is_not_sent() {
    let hosts = Hosts::of(json!({ "next": {} }));
    for way in hosts.ways() {
        let mut bench = as_user(way, "SYSTEM").await;
        let secret = || Secret::new("tell-nobody".to_owned());
        let variable = |value| vec![Variable { name: "word".to_owned(), value }];
        let programs = [
            Program { variables: variable(VariableValue::Secret(secret())), ..Program::powershell("next") },
            Program { variables: variable(VariableValue::Secrets(vec![secret()])), ..Program::powershell("next") },
            Program { env: vec![("WORD".to_owned(), Text::Secret(secret()))], ..Program::powershell("next") },
            Program { stdin: Some(secret()), ..Program::powershell("next") },
        ];
        for program in programs {
            let refused = bench.session.run(Some("SYSTEM"), &program, MINUTE, &mut |_, _| {}).await;
            assert!(matches!(refused, Err(TransportError::NotForOthers { .. })), "{refused:?}");
            assert_eq!(bench.session.run(None, &program, MINUTE, &mut |_, _| {}).await.unwrap().code, 0);
        }
        let staged = bench.stage(b"x", &sha256(b"x")).await;
        assert!(matches!(staged, Err(TransportError::NotForOthers { what: "a file", .. })), "{staged:?}");
        bench.session.close().await;
    }
    assert_eq!(done_as(&hosts.dictionary), vec![json!(null); 8]);
}

#[tokio::test]
async fn a_user_that_is_not_there_and_a_task_that_dies_are_told() {
    let bodies = json!({ "dies": { "stdout": "begun", "dies": 9 }, "next": { "stdout": "next\n" } });
    let dictionary = Dictionary::with(json!({ "strangers": ["nobody"], "bodies": bodies }));
    let (listener, sshd) = (dictionary.winrm(""), dictionary.ssh());
    let hosts = Hosts { dictionary, listener, sshd };
    for way in hosts.ways() {
        let mut stranger = as_user(way.clone(), "nobody").await;
        let done = body(&mut stranger, "next").await;
        assert_eq!((done.code, String::from_utf8_lossy(&done.stderr.kept).trim()), (1, "there is no account nobody"));
        let mut bench = as_user(way, "SYSTEM").await;
        let died = try_body(&mut bench, "dies", MINUTE).await;
        assert!(matches!(died, Err(TransportError::LaneEnded { .. })), "{died:?}");
        assert_eq!(stdout(&body(&mut bench, "next").await), "next\n");
    }
}

#[test]
fn check_looks_whether_the_users_of_a_playbook_are_reached() {
    let hosts = {
        let dictionary = Dictionary::with(json!({ "strangers": ["nobody"] }));
        let (listener, sshd) = (dictionary.winrm(""), dictionary.ssh());
        Hosts { dictionary, listener, sshd }
    };
    let project = hosts.project();
    for (user, code, words) in [("SYSTEM", 0, "SYSTEM is reached"), ("nobody", 21, "there is no account nobody")] {
        let playbook = "ops 1\n\nplaybook p() ! read, admin {\n  on group(\"fleet\") (as: \"USER\") {\n    file.info(path: 'C:\\')\n  }\n}\n";
        project.write("p.ops", &playbook.replace("USER", user));
        let said = project.opsc(&["check", "p.ops", "--connect", "-o", "json", "--password-file", "password"]);
        assert_eq!((said.code, said.stdout.matches(words).count()), (code, 2), "{said:?}");
    }
}

/// The process of a receipt is that of the task.
#[tokio::test]
async fn a_receipt_of_another_user_is_that_of_its_task() {
    let windows = Language::PowerShell;
    let hosts = Hosts::of(json!({
        "tell": { "stdout": "out\n", "out": { "a": "1" }, "code": 5 },
        "die": { "stdout": "begun", "dies": 9 },
    }));
    for way in hosts.ways() {
        let mut bench = as_user(way, "SYSTEM").await;
        assert!(!field(&bench.run(&receipt::prepare(windows)).await, "boot").is_empty());
        for (name, state) in [("tell", "finished"), ("die", "lost")] {
            let id: String = sha256(unique_seconds().as_bytes()).chars().take(32).collect();
            let once = Program { receipt: Some(id.clone()), ..Program::powershell(name) };
            let ran = bench.session.run(Some("SYSTEM"), &once, MINUTE, &mut |_, _| {}).await;
            assert_eq!(ran.is_ok(), name == "tell", "{ran:?}");
            let asked = bench.run(&receipt::ask(windows, &id)).await;
            assert_eq!(String::from_utf8_lossy(field(&asked, "state")), state);
            let followed = bench.run(&receipt::follow(windows, &id)).await;
            assert_eq!(followed.code, if name == "tell" { 5 } else { 137 });
        }
    }
}
