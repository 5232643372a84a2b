//! Hosts where no lane can live: commands without input, wrappers that hold output back or put streams together, menus,
//! and network gear without a POSIX shell. Real sshd, each with a command that it forces.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::time::{Duration, Instant};

use opsc::base::secret::Secret;
use opsc::shell::{Program, Text, Variable, VariableValue};
use opsc::transport::{Completed, Credentials, Endpoint, LaneKind, Session, TransportError, WhyExec};

use crate::contract::{Bench, MINUTE, SOON, contract_of_commands, field, sha256, stdout};
use crate::doctor::finding;
use crate::hostile_hosts::server_that;
use crate::project::Project;
use crate::sshd::Sshd;

const WITHOUT_INPUT: &str = "exec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\" </dev/null";
const HELD_BACK: &str = "said=$(/bin/sh -c \"$SSH_ORIGINAL_COMMAND\" 2>&1); printf '%s\\n' \"$said\"";
/// The code of the pipeline is that of the `cat`.
const RECORDED: &str = "/bin/sh -c \"$SSH_ORIGINAL_COMMAND\" 2>&1 </dev/null | cat";
const RSYNC_ONLY: &str =
    "case $SSH_ORIGINAL_COMMAND in 'rsync --server '*) ;; *) echo 'this key is for rsync' >&2; exit 1 ;; esac";
const MENU: &str = "while :; do echo '1) status  2) quit'; read -r answer || exit 4; done";
const SWITCH: &str = "case $SSH_ORIGINAL_COMMAND in
'show version') echo 'Switch OS 15.2' ;;
'show \"it'\"'\"'s\"') echo quoted ;;
'show log') while :; do echo line; done ;;
'show nothing') kill -KILL $$ ;;
*) echo '% Invalid input detected' >&2; exit 1 ;;
esac";

async fn connect(endpoint: &Endpoint) -> Result<Session, TransportError> {
    Session::connect(endpoint, &Credentials::default()).await
}

async fn run(session: &mut Session, program: &Program) -> Result<Completed, TransportError> {
    session.run(None, program, MINUTE, &mut |_, _| {}).await
}

fn with_lane(server: &Sshd, lane: LaneKind) -> Endpoint {
    Endpoint { lane, ..server.endpoint("web1") }
}

/// A project with this host.
fn project_with(server: &Sshd, more: &str) -> Project {
    let project = Project::new();
    let (key, known) = (server.key_path.display(), server.known_hosts_path.display());
    let place = format!("address: 127.0.0.1, port: {}, user: root, key: {key}, known_hosts: {known}", server.port);
    project.write("inventory.yaml", &format!("hosts:\n  h1: {{ {place}{more} }}\n"));
    project
}

#[tokio::test(flavor = "current_thread")]
async fn commands_without_input_keep_the_contract() {
    let server = server_that(WITHOUT_INPUT);
    let mut bench = Bench::connect(server.endpoint("web1")).await;
    contract_of_commands(&mut bench).await;
    assert_eq!((bench.session.lane(), bench.session.take_why()), (LaneKind::Exec, Some(WhyExec::NoInput)));
    bench.session.close().await;
}

#[tokio::test]
async fn what_finds_out_is_done_once() {
    let server = server_that(WITHOUT_INPUT);
    let mut session = connect(&server.endpoint("web1")).await.unwrap();
    let log = server.directory.path().join("done");
    let program = Program::new("echo done >>\"$log\"; out user \"$(id -un)\"").with("log", log.to_str().unwrap());
    let done = run(&mut session, &program).await.unwrap();
    assert_eq!((field(&done, "user"), session.login_user()), (b"root".as_slice(), "root"));
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "done\n");
    assert_eq!(session.take_why(), Some(WhyExec::NoInput));
    // Said once, and kept.
    assert_eq!((session.take_why(), session.lane()), (None, LaneKind::Exec));
    let declared = connect(&with_lane(&server, LaneKind::Persistent))
        .await
        .unwrap()
        .run(None, &program, MINUTE, &mut |_, _| {})
        .await;
    assert!(
        matches!(&declared, Err(error @ TransportError::NothingRead { code: 0, .. }) if error.is_unreachable()),
        "{declared:?}"
    );
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "done\n");
}

#[tokio::test]
async fn what_needs_an_input_is_refused_by_name() {
    let server = server_that(WITHOUT_INPUT);
    let word = || Secret::new("tell-nobody".to_owned());
    let variable = Variable { name: "word".to_owned(), value: VariableValue::Secret(word()) };
    let list = Variable { name: "word".to_owned(), value: VariableValue::Secrets(vec![word()]) };
    let log = server.directory.path().join("done");
    let body = || Program::new("echo done >>\"$log\"").with("log", log.to_str().unwrap());
    let hidden = [
        Program { variables: vec![variable], ..body() },
        Program { variables: vec![list], ..body() },
        Program { env: vec![("WORD".to_owned(), Text::Secret(word()))], ..body() },
        Program { stdin: Some(word()), ..body() },
    ];
    for lane in [LaneKind::Auto, LaneKind::Exec] {
        let mut session = connect(&with_lane(&server, lane)).await.unwrap();
        for program in &hidden {
            let error = run(&mut session, program).await.unwrap_err();
            assert!(matches!(error, TransportError::NoInput { .. }), "{lane:?}: {error}");
            assert!(!format!("{error} {error:?}").contains("tell-nobody"), "{error}");
        }
        let mut session = connect(&with_lane(&server, lane)).await.unwrap();
        let error = session.stage(None, b"x", &sha256(b"x")).await.unwrap_err();
        assert!(matches!(error, TransportError::NoInput { what: "a file", .. }), "{lane:?}: {error}");
        let long = Program::new("true").with("v", &"x".repeat(130_000));
        let error = run(&mut session, &long).await.unwrap_err();
        let TransportError::ProgramTooLong { bytes, most, .. } = error else { panic!("{error}") };
        assert!(bytes > 130_000 && most > 100_000, "{bytes} {most}");
        assert_eq!(run(&mut session, &Program::new("exit 7")).await.unwrap().code, 7);
        session.close().await;
    }
    assert!(!log.exists(), "something of it was begun");
}

#[tokio::test]
async fn another_user_is_reached_where_nobody_asks() {
    let server = server_that(WITHOUT_INPUT);
    let mut session = connect(&with_lane(&server, LaneKind::Exec)).await.unwrap();
    let who = Program::new("id -un");
    let done = session.run(Some("nobody"), &who, MINUTE, &mut |_, _| {}).await.unwrap();
    assert_eq!(stdout(&done), "nobody\n");
    let error = session.run(Some("no-such-user-here"), &who, MINUTE, &mut |_, _| {}).await.unwrap_err();
    assert!(matches!(error, TransportError::PrivilegeDenied { .. }), "{error}");
}

#[tokio::test]
async fn a_step_outlives_the_one_who_gave_it_up_no_longer_than_its_deadline() {
    let server = server_that(WITHOUT_INPUT);
    let mut session = connect(&with_lane(&server, LaneKind::Exec)).await.unwrap();
    let log = server.directory.path().join("ends");
    let body = "trap 'echo ended >>\"$log\"; exit 1' TERM; echo begun; sleep 60 & wait";
    let program = Program::new(body).with("log", log.to_str().unwrap());
    let mut begun = false;
    let (begin, has_begun) = tokio::sync::oneshot::channel();
    let mut begin = Some(begin);
    {
        let mut watch = |_, _: &[u8]| {
            begun = true;
            begin.take().map(|begin| begin.send(()));
        };
        let running = session.run(None, &program, Duration::from_secs(2), &mut watch);
        tokio::select! {
            done = running => panic!("{done:?}"),
            _ = has_begun => {}
        }
    }
    assert!(begun);
    let until = Instant::now() + SOON;
    while !log.exists() {
        assert!(Instant::now() < until, "it goes on");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn wrappers_between_the_host_and_its_words() {
    let server = server_that(HELD_BACK);
    let begun = Instant::now();
    let mut session = connect(&server.endpoint("web1")).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(15) + SOON, "{:?}", begun.elapsed());
    assert_eq!((session.lane(), session.take_why()), (LaneKind::Exec, Some(WhyExec::HeldBack)));
    let program = Program::new("echo one; out key 'a\nb'; echo two >&2; exit 3");
    let done = run(&mut session, &program).await.unwrap();
    assert_eq!((done.code, field(&done, "key")), (3, b"a\nb".as_slice()));
    assert!(stdout(&done).starts_with("one\n") && stdout(&done).contains("two\n"), "{}", stdout(&done));

    let server = server_that(&format!("echo welcome; {RECORDED}"));
    let mut session = connect(&with_lane(&server, LaneKind::Exec)).await.unwrap();
    assert_eq!((session.noise(), session.login_user()), ("welcome", "root"));
    let done = run(&mut session, &program).await.unwrap();
    assert_eq!((done.code, field(&done, "key")), (3, b"a\nb".as_slice()));
    assert_eq!(stdout(&done), "one\ntwo\n");
}

#[tokio::test]
async fn hosts_without_a_shell_are_no_hosts_unless_somebody_says_so() {
    for (script, words) in [(RSYNC_ONLY, "this key is for rsync"), (SWITCH, "% Invalid input detected")] {
        let error = connect(&server_that(script).endpoint("web1")).await.unwrap_err();
        let TransportError::NoHello { said, .. } = &error else { panic!("{error}") };
        assert_eq!(said, words);
        assert!(error.hint().unwrap().contains("`lane: raw`"), "{error}");
    }
    let server = server_that(SWITCH);
    let error = connect(&with_lane(&server, LaneKind::Exec)).await.unwrap_err();
    assert!(matches!(error, TransportError::NoHello { .. }), "{error}");
}

#[tokio::test]
async fn lines_go_as_they_are() {
    let server = server_that(SWITCH);
    let mut session = connect(&with_lane(&server, LaneKind::Raw)).await.unwrap();
    let line = |line: &str| Program { line: Some(line.to_owned()), ..Program::default() };
    let done = run(&mut session, &line("show version")).await.unwrap();
    assert_eq!((done.code, stdout(&done).as_str()), (0, "Switch OS 15.2\n"));
    assert_eq!(stdout(&run(&mut session, &line("show \"it's\"")).await.unwrap()), "quoted\n");
    let wrong = run(&mut session, &line("shw")).await.unwrap();
    assert_eq!((wrong.code, wrong.stderr.kept.as_slice()), (1, b"% Invalid input detected\n".as_slice()));
    let begun = Instant::now();
    let endless = session.run(None, &line("show log"), Duration::from_secs(1), &mut |_, _| {}).await.unwrap();
    assert!(endless.timed_out && endless.stdout.truncated && begun.elapsed() < SOON, "{:?}", begun.elapsed());
    let other = session.run(Some("nobody"), &line("show version"), MINUTE, &mut |_, _| {}).await.unwrap_err();
    assert!(matches!(other, TransportError::PrivilegeNone { .. }), "{other}");
    for error in
        [run(&mut session, &Program::new("true")).await.err(), session.stage(None, b"x", &sha256(b"x")).await.err()]
    {
        assert!(matches!(error, Some(TransportError::NoPosixShell { .. })), "{error:?}");
    }
    server.cut_connections();
    let lost = run(&mut session, &line("show version")).await.unwrap_err();
    assert!(matches!(lost, TransportError::Lost { .. }), "{lost}");
}

/// It would wait for an answer for ever.
#[tokio::test]
async fn a_menu_holds_up_nobody() {
    let server = server_that(MENU);
    let begun = Instant::now();
    let mut session = connect(&with_lane(&server, LaneKind::Raw)).await.unwrap();
    let done = run(&mut session, &Program { line: Some("status".to_owned()), ..Program::default() }).await.unwrap();
    assert_eq!((done.code, stdout(&done).as_str()), (4, "1) status  2) quit\n"));
    let error = connect(&server.endpoint("web1")).await.unwrap_err();
    assert!(matches!(error, TransportError::HelloTimeout { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(15) + SOON, "{:?}", begun.elapsed());
}

#[test]
fn a_run_says_once_how_a_host_is_worked_with() {
    let server = server_that(WITHOUT_INPUT);
    let project = project_with(&server, ", os: linux");
    project.write(
        "twice.ops",
        "ops 1\n\nplaybook twice() ! read, exec {\n  on host(\"h1\") {\n    x = shell.run(script: sh\"echo 1\", effect: \"read\")\n    shell.run(script: sh\"echo 2\", effect: \"read\")\n    require x.stdout == \"1\" else \"{x.stdout}\"\n  }\n}\n",
    );
    let said = project.opsc(&["run", "twice.ops"]);
    let told = format!("{}{}", said.stdout, said.stderr);
    assert_eq!((said.code, told.matches("because its commands get no input").count()), (0, 1), "{said:?}");
    let doctor = project.opsc(&["doctor", "h1", "-o", "json"]);
    let (state, found, mend) = finding(&doctor, "lane");
    assert_eq!((doctor.code, state.as_str()), (0, "warning"), "{doctor:?}");
    assert!(found.contains("commands get no input") && mend.contains("`lane: exec` of h1"), "{found} {mend}");

    let project = project_with(&server, ", os: linux, lane: exec");
    let said = project.opsc(&["exec", "-l", "h1", "-y", "--", "echo \"it's\"; exit 3"]);
    assert_eq!(said.code, 21, "{said:?}");
    assert!(!format!("{}{}", said.stdout, said.stderr).contains("because its commands"), "{said:?}");
    let status = project.opsc(&["inv", "status", "h1"]);
    assert!(status.code == 0 && status.stdout.contains("lane: exec, as the inventory says"), "{status:?}");
}

#[test]
fn network_gear_is_asked_by_command_lines_and_by_nothing_else() {
    let server = server_that(SWITCH);
    let project = project_with(&server, ", lane: raw");
    let said = project.opsc(&["exec", "-l", "h1", "-y", "--", "show version"]);
    assert!(said.code == 0 && said.stdout.contains("Switch OS 15.2"), "{said:?}");
    let words = project.opsc(&["exec", "-l", "h1", "-y", "--", "show", "version"]);
    assert!(words.code == 0 && words.stdout.contains("Switch OS 15.2"), "several words are one line: {words:?}");
    let root = project.opsc(&["exec", "-l", "h1", "-b", "-y", "--", "show version"]);
    assert!(root.code == 10 && root.stderr.contains("so nobody becomes root there"), "{root:?}");
    let wrong = project.opsc(&["exec", "-l", "h1", "-y", "--", "shw"]);
    assert!(wrong.code == 21 && format!("{wrong:?}").contains("% Invalid input detected"), "{wrong:?}");
    let other = project.opsc(&["do", "file.info", "path=/etc/hosts", "-l", "h1", "-y"]);
    let told = format!("{}{}", other.stdout, other.stderr);
    assert_eq!(other.code, 21, "{other:?}");
    assert!(told.contains("this needs a POSIX shell") && told.contains("opsc exec -l h1 -- CMD"), "{other:?}");
    for (arguments, words) in [
        (["doctor", "h1"], "it has no POSIX shell, so only `opsc exec` and `shell.raw`"),
        (["facts", "h1"], "needs a POSIX shell"),
    ] {
        let said = project.opsc(&arguments);
        assert!(format!("{}{}", said.stdout, said.stderr).contains(words), "{said:?}");
    }
    let status = project.opsc(&["inv", "status", "h1"]);
    assert!(status.code == 0 && status.stdout.starts_with("h1  ok  lane: raw"), "{status:?}");
    let shown = project.opsc(&["inv", "show", "h1"]);
    assert!(shown.stdout.contains("lane: raw\n"), "{shown:?}");
    project.write(
        "gear.ops",
        "ops 1\n\nplaybook gear() ! read, exec {\n  on host(\"h1\") {\n    x = shell.raw(line: \"show version\", effect: \"read\")\n    require x.code == 0 and x.stdout == \"Switch OS 15.2\" else \"{x.stdout}\"\n    y = shell.raw(line: \"shw\", effect: \"read\") {\n      ok: it.code == 1\n    }\n    require y.stderr == \"% Invalid input detected\" else \"{y.stderr}\"\n  }\n}\n",
    );
    let run = project.opsc(&["run", "gear.ops"]);
    assert_eq!(run.code, 0, "{run:?}");
}
