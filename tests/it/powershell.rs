//! The contract of a lane of PowerShell, over WinRM and over SSH: what is sent, what comes back, and how it ends. The
//! PowerShell is SIMULATED; the wires are real.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::{Duration, Instant};

use opsc::base::secret::Secret;
use opsc::shell::{Function, NamedScript, Program, Scalar, Text, Variable, VariableValue};
use opsc::transport::{Completed, Session, TransportError};
use serde_json::{Value as Json, json};

use super::contract::{Bench, MINUTE, SOON, Way, alive, field, sha256, stdout, unique_seconds};
use super::powershell_rig::{Dictionary, Hosts};
use super::winrm_rig::{Listener, credentials};

async fn bench(way: Way) -> Bench {
    Bench::connect(way).await
}

async fn try_body(bench: &mut Bench, body: &str, deadline: Duration) -> Result<Completed, TransportError> {
    bench.session.run(None, &Program::powershell(body), deadline, &mut |_, _| {}).await
}

async fn body(bench: &mut Bench, body: &str) -> Completed {
    try_body(bench, body, MINUTE).await.unwrap()
}

fn given(name: &str, value: VariableValue) -> Variable {
    Variable { name: name.to_owned(), value }
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

#[tokio::test]
async fn a_step_tells_both_streams_its_fields_and_its_code() {
    let hosts = Hosts::of(json!({
        "good": { "stdout": "out é\n", "stderr": "err\n", "out": { "a": 1, "b": "x\ny", "c": "", "d": true, "e": null } },
        "bad": { "stderr": "words\n", "code": 1 },
        "three": { "code": 3 },
    }));
    for way in hosts.ways() {
        let mut bench = bench(way).await;
        let done = body(&mut bench, "good").await;
        assert_eq!((done.code, stdout(&done).as_str(), text(&done.stderr.kept).as_str()), (0, "out é\n", "err\n"));
        let fields: Vec<(&str, String)> = done.fields.iter().map(|(key, value)| (key.as_str(), text(value))).collect();
        let expected = [("a", "1"), ("b", "x\ny"), ("c", ""), ("d", "true")];
        assert_eq!(fields, expected.map(|(key, value)| (key, value.to_owned())));
        assert_eq!(body(&mut bench, "bad").await.code, 1);
        assert_eq!(body(&mut bench, "three").await.code, 3);
        for _ in 0..30 {
            assert_eq!(body(&mut bench, "good").await.code, 0);
        }
        bench.session.close().await;
    }
    assert_eq!(hosts.listener.end().iter().filter(|asked| *asked == "Command").count(), 1, "one process for all steps");
}

#[tokio::test]
async fn values_arrive_as_they_are_with_their_types() {
    let hosts = Hosts::of(json!({ "show": { "print": "v" } }));
    let texts = [
        "",
        "it's",
        "\"",
        "$HOME `id` $(id) ${x}",
        "a\r\nb\n\nc",
        " lead and trail ",
        "\\n\\\\",
        "héé 🦀",
        "*?[a]~",
        "\u{2018}\u{2019}\u{201a}\u{201b}",
        "2024-01-01T00:00:00Z",
        "/Date(1)/",
        "\t\x01\x1e\x7f\u{feff}",
        "true",
        "%PATH% ^ & | <>",
    ];
    for way in hosts.ways() {
        let mut bench = bench(way).await;
        let mut show = async |value: VariableValue| {
            let program = Program { variables: vec![given("v", value)], ..Program::powershell("show") };
            let done = bench.run(&program).await;
            (text(field(&done, "kind")), text(field(&done, "value")))
        };
        for value in texts {
            assert_eq!(show(VariableValue::Text(value.to_owned())).await, ("str".to_owned(), value.to_owned()));
            let secret = VariableValue::Secret(Secret::new(value.to_owned()));
            assert_eq!(show(secret).await.1, value);
        }
        let large = "x'\u{e9}".repeat(100_000);
        assert_eq!(show(VariableValue::Text(large.clone())).await.1, large);
        let typed = |kind, text: &str| VariableValue::Typed(kind, text.to_owned());
        let cases = [
            (Scalar::Long, "9223372036854775807", "int"),
            (Scalar::Bool, "true", "bool"),
            (Scalar::Double, "1.5", "float"),
        ];
        for (kind, value, name) in cases {
            assert_eq!(show(typed(kind, value)).await, (name.to_owned(), value.to_owned()));
        }
        for items in [vec![], vec!["a b".to_owned()], vec![String::new(), "it's".to_owned()]] {
            assert_eq!(show(VariableValue::List(items.clone())).await, ("list".to_owned(), items.join("\n")));
        }
    }
}

#[tokio::test]
async fn functions_scripts_and_surroundings_arrive() {
    let hosts = Hosts::of(json!({ "run": { "script": "script" }, "none": { "script": "unless" } }));
    for way in hosts.ways() {
        let mut bench = bench(way).await;
        let script = "cat; echo \"$name $SET $PWD\"; exit 3".to_owned();
        let program = Program {
            functions: vec![Function { name: "shared".to_owned(), body: "a function".to_owned() }],
            scripts: vec![
                NamedScript { name: "script".to_owned(), text: Some(script) },
                NamedScript { name: "unless".to_owned(), text: None },
            ],
            variables: vec![given("name", VariableValue::Text("a b".to_owned()))],
            env: vec![("SET".to_owned(), Text::Secret(Secret::new("it's".to_owned())))],
            cwd: Some("/usr".to_owned()),
            stdin: Some(Secret::new("in\n".to_owned())),
            ..Program::powershell("run")
        };
        let done = bench.run(&program).await;
        assert_eq!((done.code, stdout(&done).as_str()), (3, "in\na b it's /usr\n"));
        assert_eq!(bench.run(&Program { body: "none".to_owned(), ..program }).await.code, 0);
    }
}

#[tokio::test]
async fn a_secret_is_on_no_command_line() {
    let hosts = Hosts::of(json!({ "run": { "script": "script" } }));
    for way in hosts.ways() {
        let mut bench = bench(way).await;
        let look = "for each in /proc/[0-9]*/cmdline; do tr '\\0' '\\n' <$each; done 2>/dev/null | grep -c 'tell-nobod[y]'; true";
        let program = Program {
            scripts: vec![NamedScript { name: "script".to_owned(), text: Some(look.to_owned()) }],
            variables: vec![given("word", VariableValue::Secret(Secret::new("tell-nobody".to_owned())))],
            ..Program::powershell("run")
        };
        assert_eq!(stdout(&bench.run(&program).await), "0\n");
    }
}

#[tokio::test]
async fn large_and_binary_output_is_bounded_and_whole_in_its_hash() {
    let hosts = Hosts::of(json!({ "fill": { "fill": 1 << 20 }, "binary": { "bytes": "AP8eAWVuZAoe" } }));
    for way in hosts.ways() {
        let mut bench = bench(way).await;
        let done = body(&mut bench, "fill").await;
        assert_eq!((done.stdout.bytes, done.stdout.truncated), (1 << 20, true));
        assert_eq!(done.stdout.sha256, sha256(&vec![b'x'; 1 << 20]));
        assert_eq!(body(&mut bench, "binary").await.stdout.kept, b"\x00\xff\x1e\x01end\n\x1e");
    }
}

#[tokio::test]
async fn a_deadline_ends_the_processes_and_costs_the_lane_alone() {
    let seconds = unique_seconds();
    let hosts = Hosts::of(json!({
        "late": { "stdout": "before\n", "child": seconds, "seconds": 1000 },
        "endless": { "endless": true },
        "next": { "stdout": "next\n" },
    }));
    for way in hosts.ways() {
        let mut bench = bench(way).await;
        let begun = Instant::now();
        for late in ["late", "endless"] {
            let done = try_body(&mut bench, late, Duration::from_secs(4)).await.unwrap();
            assert!(done.timed_out && done.code == 124, "{done:?}");
            assert_eq!(stdout(&body(&mut bench, "next").await), "next\n");
        }
        assert!(begun.elapsed() < 3 * SOON, "{:?}", begun.elapsed());
        assert_eq!(alive(&seconds), [0; 0]);
        bench.session.close().await;
    }
    let heard = hosts.listener.end();
    assert_eq!(heard.last().map(String::as_str), Some("shells 0"), "{heard:?}");
}

#[tokio::test]
async fn what_is_given_up_ends_before_what_follows() {
    let seconds = unique_seconds();
    let hosts = Hosts::of(json!({ "long": { "stdout": "begun", "child": seconds, "seconds": 1000 }, "next": {} }));
    for way in hosts.ways() {
        let mut bench = bench(way).await;
        let program = Program::powershell("long");
        let (begun, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let mut tell = move |_: opsc::transport::Stream, _: &[u8]| assert!(begun.send(()).is_ok());
        tokio::select! {
            done = bench.session.run(None, &program, MINUTE, &mut tell) => panic!("{done:?}"),
            _ = heard.recv() => {}
        }
        assert_eq!(body(&mut bench, "next").await.code, 0);
        assert_eq!(alive(&seconds), [0; 0], "what follows runs beside what was given up");
    }
}

#[tokio::test]
async fn a_lane_that_dies_is_an_error_and_nothing_is_sent_twice() {
    let hosts = Hosts::of(json!({ "dies": { "dies": 9 }, "next": { "stdout": "next\n" } }));
    for way in hosts.ways() {
        let mut bench = bench(way).await;
        for _ in 0..2 {
            let result = try_body(&mut bench, "dies", MINUTE).await;
            assert!(matches!(result, Err(TransportError::LaneEnded { code: Some(9), .. })), "{result:?}");
        }
        assert_eq!(stdout(&body(&mut bench, "next").await), "next\n");
    }
    assert_eq!(hosts.dictionary.log().len(), 2 * 3);
}

#[tokio::test]
async fn a_child_that_is_left_behind_does_not_hold_the_step() {
    let seconds = unique_seconds();
    let hosts = Hosts::of(json!({ "leave": { "child": seconds } }));
    for way in hosts.ways() {
        let mut bench = bench(way).await;
        let begun = Instant::now();
        let done = body(&mut bench, "leave").await;
        assert!(begun.elapsed() < SOON && done.code == 0, "{done:?}");
        let ended = std::process::Command::new("kill").arg(text(field(&done, "pid"))).status().unwrap();
        assert!(ended.success());
    }
}

#[tokio::test]
async fn files_are_staged_once_and_go_with_the_lane() {
    let hosts = Hosts::of(json!({}));
    for way in hosts.ways() {
        let mut bench = bench(way).await;
        for content in [b"".to_vec(), b"\x00\xff\nbinary".to_vec(), vec![7; 3_000_000]] {
            let digest = sha256(&content);
            let path = bench.stage(&content, &digest).await.unwrap();
            assert!(std::fs::read(&path).unwrap() == content, "{path}");
            assert_eq!(bench.stage(b"not read again", &digest).await.unwrap(), path);
        }
        let broken = bench.stage(b"x", &"0".repeat(64)).await;
        assert!(matches!(broken, Err(TransportError::StageMismatch { .. })), "{broken:?}");
        assert!(matches!(bench.stage(b"x", "..").await, Err(TransportError::StageMismatch { .. })));
        assert_eq!(hosts.dictionary.left(), 1);
        bench.session.close().await;
        assert_eq!(hosts.dictionary.left(), 0);
    }
    let pieces = hosts.dictionary.log().iter().filter(|step| step["variables"]["piece"].is_string()).count();
    assert_eq!(pieces, 2 * (1 + 1 + 6 + 1), "a file is not sent whole");
}

#[tokio::test]
async fn two_sessions_do_not_wait_for_each_other() {
    let hosts = Hosts::of(json!({ "long": { "seconds": 300 }, "short": {} }));
    for way in hosts.ways() {
        let mut one = bench(way).await;
        let mut two = one.session.beside().await.unwrap();
        let (program, mut quiet) = (Program::powershell("short"), |_: opsc::transport::Stream, _: &[u8]| {});
        tokio::select! {
            done = try_body(&mut one, "long", 5 * MINUTE) => panic!("{done:?}"),
            done = two.run(None, &program, MINUTE, &mut quiet) => assert_eq!(done.unwrap().code, 0),
        }
    }
}

#[tokio::test]
async fn what_is_not_for_powershell_is_refused_before_it_is_sent() {
    let hosts = Hosts::of(json!({ "next": {} }));
    for way in hosts.ways() {
        let mut bench = bench(way).await;
        let shell = bench.session.run(None, &Program::new("true"), MINUTE, &mut |_, _| {}).await;
        assert!(matches!(shell, Err(TransportError::OtherLanguage { .. })), "{shell:?}");
        let named = Program::powershell("next").with("a;b", "1");
        let refused = bench.session.run(None, &named, MINUTE, &mut |_, _| {}).await;
        assert!(matches!(refused, Err(TransportError::Program { .. })), "{refused:?}");
        assert_eq!(body(&mut bench, "next").await.code, 0);
    }
}

#[tokio::test]
async fn a_host_that_is_none_of_windows_says_so() {
    let way = { super::sshd::Sshd::start(&super::sshd::SshdOptions::default()) };
    let endpoint = opsc::transport::Endpoint { language: opsc::shell::Language::PowerShell, ..way.endpoint("win2") };
    let refused = Session::connect(&endpoint, &opsc::transport::Credentials::default()).await;
    assert!(matches!(refused, Err(TransportError::NoHello { .. })), "{refused:?}");
}

async fn over_winrm(listener: &Listener) -> Bench {
    bench(Way { endpoint: listener.endpoint(), credentials: credentials(), user: None }).await
}

#[tokio::test]
async fn a_shell_of_winrm_that_takes_no_more_is_replaced() {
    for fault in ["used_up", "shell_gone"] {
        let dictionary = Dictionary::of(json!({ "next": { "stdout": "next\n" } }));
        let listener = dictionary.winrm(fault);
        let mut bench = over_winrm(&listener).await;
        assert_eq!(stdout(&body(&mut bench, "next").await), "next\n", "{fault}");
        bench.session.close().await;
        assert_eq!(dictionary.log().len(), 1);
    }
}

#[tokio::test]
async fn output_of_winrm_that_is_cut_anywhere_has_its_marks() {
    let dictionary = Dictionary::with(json!({
        "noise": "welcome é\r\n",
        "bodies": { "say": { "stdout": "é€", "stderr": "né\n", "out": { "a": "ü" } } },
    }));
    let listener = dictionary.winrm("bytes");
    let mut bench = over_winrm(&listener).await;
    let done = body(&mut bench, "say").await;
    assert_eq!(
        (stdout(&done), text(field(&done, "a")), text(&done.stderr.kept)),
        ("é€".to_owned(), "ü".to_owned(), "né\n".to_owned())
    );
}

#[tokio::test]
async fn a_lane_over_winrm_keeps_the_name_of_what_went_wrong() {
    for (fault, expected) in
        [("unsealed", "came in the open"), ("bad_seal", "does not fit"), ("lost_in_receive", "was lost")]
    {
        let dictionary = Dictionary::of(json!({}));
        let listener = dictionary.winrm(fault);
        let mut bench = over_winrm(&listener).await;
        let error = try_body(&mut bench, "next", MINUTE).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{fault}: {error}");
        assert!(error.is_unreachable());
    }
}

#[tokio::test]
async fn a_cut_connection_is_a_lost_one() {
    let hosts = Hosts::of(json!({ "long": { "stdout": "begun", "seconds": 300 } }));
    let [_, ssh] = hosts.ways();
    let mut bench = bench(ssh).await;
    let mut tell = |_: opsc::transport::Stream, _: &[u8]| hosts.sshd.cut_connections();
    let lost = bench.session.run(None, &Program::powershell("long"), MINUTE, &mut tell).await;
    assert!(matches!(lost, Err(TransportError::Lost { .. })), "{lost:?}");
    let asked: Vec<Json> = hosts.dictionary.log();
    assert_eq!(asked.len(), 1);
}
