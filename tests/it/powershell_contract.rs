//! The contract of every wire, on a lane of PowerShell over WinRM and over SSH: which of its cases have a meaning there, and
//! where each of them is kept. The PowerShell is SIMULATED; the wires are real.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use opsc::base::secret::Secret;
use opsc::shell::{Function, NamedScript, Program, Text, Variable, VariableValue};
use opsc::transport::{Completed, Stream, TransportError};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value as Json, json};

use super::contract::{Bench, MINUTE, SOON, alive, field, sha256, stdout, unique_seconds};
use super::powershell_receipts::*;
use super::powershell_rig::{Dictionary, Hosts};

/// Cases of the list whose counterpart is a test of its own.
const ELSEWHERE: &[(&str, &str)] = &[
    ("values_arrive", "values_arrive_as_they_are_with_their_types"),
    ("lists_arrive", "values_arrive_as_they_are_with_their_types"),
    ("scripts_arrive", "functions_scripts_and_surroundings_arrive"),
    ("functions_are_functions", "functions_scripts_and_surroundings_arrive"),
    ("broken_bodies_are_failed_steps", "a_step_tells_both_streams_its_fields_and_its_code"),
    ("fields_arrive", "a_step_tells_both_streams_its_fields_and_its_code"),
    ("lengths_are_bytes_in_any_locale", "output_of_winrm_that_is_cut_anywhere_has_its_marks"),
    ("binary_output_is_kept", "large_and_binary_output_is_bounded_and_whole_in_its_hash"),
    ("files_are_staged_once", "files_are_staged_once_and_go_with_the_lane"),
    ("secrets_are_not_in_the_process_list", "a_secret_is_on_no_command_line"),
    ("background_children_do_not_hold_the_step", "a_child_that_is_left_behind_does_not_hold_the_step"),
    ("a_deadline_ends_the_processes", "a_deadline_ends_the_processes_and_costs_the_lane_alone"),
    ("endless_output_meets_the_deadline", "a_deadline_ends_the_processes_and_costs_the_lane_alone"),
    ("a_dropped_run_ends_the_processes", "what_is_given_up_ends_before_what_follows"),
    ("an_exit_ends_the_step_only", "a_lane_that_dies_is_an_error_and_nothing_is_sent_twice"),
    ("a_step_may_end_itself", "a_lane_that_dies_is_an_error_and_nothing_is_sent_twice"),
    ("a_killed_lane_is_an_error_and_opens_again", "a_lane_that_dies_is_an_error_and_nothing_is_sent_twice"),
    ("two_sessions_do_not_meet", "two_sessions_do_not_wait_for_each_other"),
    ("hosts_say_what_they_are", "facts_of_windows_hosts_are_read"),
    ("a_step_with_a_receipt_outlives_its_lane", "a_step_whose_connection_is_cut_is_followed"),
];

const SIGNALS: &str = "Windows has no signals";
const POWERSHELL: &str = "this is the work of PowerShell itself, and none runs here";
const PROCESSES: &str = "the text of PowerShell that ends processes does not run here";
const NO_OUT: &str = "what a body starts is another process, which has no `out`";

/// Cases of the list that say nothing here, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("a_stubborn_process_is_killed", SIGNALS),
    ("traps_end_with_the_step", SIGNALS),
    ("a_stopped_process_meets_the_deadline", SIGNALS),
    ("steps_leave_nothing_behind", POWERSHELL),
    ("a_step_may_redefine_what_it_uses", POWERSHELL),
    ("closed_streams_are_the_steps_own", POWERSHELL),
    ("steps_start_from_the_same_place", POWERSHELL),
    ("tracing_does_no_harm", POWERSHELL),
    ("odd_file_names", POWERSHELL),
    ("missing_and_read_only_paths_speak_for_themselves", POWERSHELL),
    ("a_removed_directory_is_no_trap", POWERSHELL),
    ("grandchildren_end_with_the_deadline", PROCESSES),
    ("children_that_are_just_starting_end_too", PROCESSES),
    ("fields_come_from_subshells_and_functions", NO_OUT),
    ("late_children_report_to_nobody", NO_OUT),
    ("a_mark_cut_between_steps_does_no_harm", NO_OUT),
    ("a_body_does_not_read_the_next_step", "a program that a body starts has the lane's input; the manual says so"),
    ("a_daemon_outlives_its_lane", "there are services and scheduled tasks for that, and no way to leave one's parent"),
    ("raw_commands", "a command line there is for cmd.exe, and has tests of its own"),
    ("what_is_printed_to_nobody_is_bounded", "a receipt there keeps nothing of what is printed"),
    ("a_child_in_the_background_does_not_hold_a_receipt", "the step's process is the lane's, which no child holds up"),
];

macro_rules! cases {
    ($($case:ident)*) => {
        const HERE: &[&str] = &[$(stringify!($case)),*];

        async fn keep_all(host: &mut Host<'_>) {
            $(
                let begun = Instant::now();
                $case(host).await;
                // Shown only when a later case fails: the last line is the case before it.
                eprintln!("  {} {:?}", stringify!($case), begun.elapsed());
            )*
        }
    };
}

cases! {
    generated_values_arrive absent_and_secret_values exit_codes functions_travel_once stdin_is_empty_or_given
    env_and_directory streams_stay_apart big_output_is_bounded many_steps_in_order nul_bytes_are_refused
    bodies_may_be_empty heredocs_and_long_bodies a_hundred_variables output_cannot_end_the_step
    output_is_kept_byte_for_byte long_lines_and_many_lines many_and_large_fields large_stdin_arrives_whole
    environment_does_not_stay a_deadline_leaves_what_was_reported a_thousand_steps_on_one_lane
    wrong_marks_are_errors_and_the_lane_opens_again who_knows_the_marks_cannot_speak_for_another_step
    who_holds_the_output_holds_up_nobody a_receipt_changes_nothing_else what_a_receipt_cannot_carry_is_an_error
    a_step_that_was_killed_is_lost a_step_with_a_receipt_can_be_ended one_journal_at_a_time_changes_a_host
}

/// One host over one wire, and what is behind it.
pub(crate) struct Host<'a> {
    pub(crate) bench: Bench,
    pub(crate) dictionary: &'a Dictionary,
}

fn lines() -> String {
    (0..3000).map(|number| format!("{number}\n")).collect()
}

const TEXTS: &[&str] = &["no newline at the end", "a\r\nb\r\n", "\n\n\n", "\ttab\x0c\x07", "a\nb", "ü🦀\n"];
const CODES: &[i32] = &[0, 1, 3, 126, 127, 255, 1603, 3010, -1_073_741_819, i32::MAX];
const FORGED: &str = "\x1e0000000000000000 end 1 0\n\x1e\x1e\x1e\n\x1e end 1 0\n\x1ex out a 1\nb\n\x1e00000000000000000000000000000000 end 2 0\n";

/// What each body does; `seconds` tells the children of one host from all others.
fn bodies(seconds: &str) -> Json {
    let mut bodies = json!({
        "any": {},
        "\n\n": {},
        "# only words": {},
        "next": { "stdout": "next\n" },
        "run": { "script": "script" },
        "both": { "stdout": "out", "stderr": "err" },
        "big": { "fill": 3_000_000, "fill_stderr": 300_000 },
        "line": { "fill": 5_000_000 },
        "lines": { "stdout": lines(), "stderr": lines() },
        "many": { "fields": 200 },
        "large": { "print": "v" },
        "forged": { "stdout": FORGED, "code": 3 },
        "forge": { "forge": true, "stdout": "mine\n", "out": { "mine": "yes" }, "code": 3 },
        "late": { "out": { "early": "yes" }, "stdout": "early\n", "seconds": 1000 },
        "no key": { "out": { "no key": 1 } },
        "no name": { "out": { "": 1 } },
        "too large": { "out": { "v": { "fill": 5_000_000 } } },
        "too many": { "fields": 5000 },
        "leave": { "child": seconds, "holds": true },
        "tell": { "stdout": "out é\n", "stderr": "err\n", "out": { "a": "1", "b": "x\n", "c": "" }, "code": 5 },
        "die": { "stdout": "begun", "dies": 9 },
        "wait": { "until": "never", "stdout": "begun", "child": seconds, "seconds": 1000 },
        long_body(): { "stdout": "long\n" },
    });
    for (number, text) in TEXTS.iter().enumerate() {
        bodies[format!("text {number}")] = json!({ "stdout": text, "stderr": text });
    }
    for code in CODES {
        bodies[format!("code {code}")] = json!({ "code": code });
    }
    bodies
}

fn long_body() -> String {
    "$n = $n + 1\n".repeat(40_000)
}

impl Host<'_> {
    pub(crate) async fn try_run(&mut self, program: &Program, deadline: Duration) -> Result<Completed, TransportError> {
        self.bench.session.run(None, program, deadline, &mut |_, _| {}).await
    }

    pub(crate) async fn body(&mut self, body: &str) -> Completed {
        self.bench.run(&Program::powershell(body)).await
    }

    /// A script of the step, which here is one of /bin/sh.
    async fn script(&mut self, text: &str, more: Program) -> Completed {
        let script = NamedScript { name: "script".to_owned(), text: Some(text.to_owned()) };
        self.bench.run(&Program { scripts: vec![script], body: "run".to_owned(), ..more }).await
    }

    /// The variables of the step before.
    fn asked(&self) -> Json {
        self.dictionary.log().pop().unwrap()["variables"].take()
    }

    async fn goes_on(&mut self) {
        assert_eq!(stdout(&self.body("next").await), "next\n");
    }
}

fn empty() -> Program {
    Program::powershell("")
}

fn stderr(done: &Completed) -> String {
    String::from_utf8_lossy(&done.stderr.kept).into_owned()
}

fn given(name: &str, value: VariableValue) -> Variable {
    Variable { name: name.to_owned(), value }
}

async fn generated_values_arrive(host: &mut Host<'_>) {
    let piece = prop_oneof![
        "[ -~]{0,6}",
        "['\"\\\\$`!*?~#;&|<>(){}\\[\\]\n\r\t ]{0,8}",
        "[^\\x00]{0,4}",
        Just("\u{2019}\u{1e}".to_owned()),
    ];
    let values = proptest::collection::vec(proptest::collection::vec(piece, 0..6).prop_map(|parts| parts.concat()), 40);
    // Seeded, so that a failure comes again.
    let mut runner = TestRunner::deterministic();
    for _ in 0..10 {
        let values = values.new_tree(&mut runner).unwrap().current();
        let all = vec![given("all", VariableValue::List(values.clone()))];
        host.bench.run(&Program { variables: all, ..Program::powershell("any") }).await;
        assert_eq!(host.asked()["all"], json!(values));
    }
}

async fn absent_and_secret_values(host: &mut Host<'_>) {
    let secret = |text: &str| Secret::new(text.to_owned());
    let variables = vec![
        given("gone", VariableValue::Absent),
        given("word", VariableValue::Secret(secret("s3'cret"))),
        given("words", VariableValue::Secrets(vec![secret("one"), secret("")])),
    ];
    host.bench.run(&Program { variables, ..Program::powershell("any") }).await;
    assert_eq!(host.asked(), json!({ "gone": null, "word": "s3'cret", "words": ["one", ""] }));
}

async fn exit_codes(host: &mut Host<'_>) {
    for code in CODES {
        assert_eq!(host.body(&format!("code {code}")).await.code, *code);
    }
}

/// A text that comes a second time is a fault there.
async fn functions_travel_once(host: &mut Host<'_>) {
    let functions = vec![Function { name: "shared".to_owned(), body: format!("# {}", "x".repeat(400_000)) }];
    for body in ["any", "next", "any"] {
        host.bench.run(&Program { functions: functions.clone(), ..Program::powershell(body) }).await;
    }
}

async fn stdin_is_empty_or_given(host: &mut Host<'_>) {
    let with = |stdin: Option<String>| Program { stdin: stdin.map(Secret::new), ..empty() };
    assert_eq!(stdout(&host.script("cat; echo end", with(None)).await), "end\n");
    assert_eq!(stdout(&host.script("cat", with(Some("one\ntwo".to_owned()))).await), "one\ntwo");
    assert_eq!(host.script("exit 4", with(Some("x".repeat(200_000)))).await.code, 4);
}

async fn env_and_directory(host: &mut Host<'_>) {
    let env = vec![
        ("OPSC_PLAIN".to_owned(), Text::Plain("a b".to_owned())),
        ("OPSC_SECRET".to_owned(), Text::Secret(Secret::new("s".to_owned()))),
    ];
    let there = Program { env, cwd: Some("/usr/bin".to_owned()), ..empty() };
    let done = host.script("env | grep -e ^OPSC_PLAIN -e ^OPSC_SECRET | sort; pwd", there).await;
    assert_eq!(stdout(&done), "OPSC_PLAIN=a b\nOPSC_SECRET=s\n/usr/bin\n");
    let done = host.script("echo ran", Program { cwd: Some("/no/such".to_owned()), ..empty() }).await;
    assert_eq!((done.code, stdout(&done).as_str()), (1, ""));
}

async fn streams_stay_apart(host: &mut Host<'_>) {
    let mut heard = Vec::new();
    let mut hear = |stream, bytes: &[u8]| heard.push((stream, bytes.to_vec()));
    let done = host.bench.session.run(None, &Program::powershell("both"), MINUTE, &mut hear).await.unwrap();
    assert_eq!((stdout(&done), stderr(&done)), ("out".to_owned(), "err".to_owned()));
    for (wanted, text) in [(Stream::Stdout, "out"), (Stream::Stderr, "err")] {
        let of_it = heard.iter().filter(|(stream, _)| *stream == wanted);
        assert_eq!(of_it.flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>(), text.as_bytes());
    }
}

async fn big_output_is_bounded(host: &mut Host<'_>) {
    let done = host.body("big").await;
    assert_eq!((done.stdout.bytes, done.stderr.bytes), (3_000_000, 300_000));
    assert!(done.stdout.truncated && done.stdout.kept.len() < 140_000);
    assert_eq!(done.stdout.sha256, sha256(&vec![b'x'; 3_000_000]));
}

async fn many_steps_in_order(host: &mut Host<'_>) {
    for number in 0..50 {
        let done = host.bench.run(&Program::powershell("large").with("v", &number.to_string())).await;
        assert_eq!(stdout(&done), number.to_string());
    }
}

async fn nul_bytes_are_refused(host: &mut Host<'_>) {
    let nul = || "a\0b".to_owned();
    let with = |value| Program { variables: vec![given("v", value)], ..Program::powershell("any") };
    for program in [
        with(VariableValue::Text(nul())),
        with(VariableValue::Secret(Secret::new(nul()))),
        with(VariableValue::List(vec![nul()])),
        with(VariableValue::Secrets(vec![Secret::new(nul())])),
        Program { env: vec![("A".to_owned(), Text::Plain(nul()))], ..Program::powershell("any") },
        Program { cwd: Some(nul()), ..Program::powershell("any") },
        Program { stdin: Some(Secret::new(nul())), ..Program::powershell("any") },
        Program {
            scripts: vec![NamedScript { name: "s".to_owned(), text: Some(nul()) }],
            ..Program::powershell("any")
        },
    ] {
        let result = host.try_run(&program, MINUTE).await;
        assert!(matches!(result, Err(TransportError::Program { .. })), "{program:?}: {result:?}");
    }
    host.goes_on().await;
}

async fn bodies_may_be_empty(host: &mut Host<'_>) {
    for body in ["", "\n\n", "# only words"] {
        assert_eq!(host.body(body).await.code, 0, "{body:?}");
        host.goes_on().await;
    }
}

async fn heredocs_and_long_bodies(host: &mut Host<'_>) {
    assert_eq!(stdout(&host.body(&long_body()).await), "long\n");
}

async fn a_hundred_variables(host: &mut Host<'_>) {
    let mut program = Program::powershell("any");
    for number in 0..100 {
        program = program.with(&format!("v{number}"), &format!("'{number}'"));
    }
    host.bench.run(&program).await;
    let asked = host.asked();
    assert_eq!(asked.as_object().unwrap().len(), 100);
    assert_eq!((&asked["v0"], &asked["v99"]), (&json!("'0'"), &json!("'99'")));
}

async fn output_cannot_end_the_step(host: &mut Host<'_>) {
    let done = host.body("forged").await;
    assert_eq!((done.code, field(&done, "a"), stdout(&done).as_str()), (3, b"(absent)".as_slice(), FORGED));
    host.goes_on().await;
}

async fn output_is_kept_byte_for_byte(host: &mut Host<'_>) {
    for (number, text) in TEXTS.iter().enumerate() {
        let done = host.body(&format!("text {number}")).await;
        assert_eq!((stdout(&done).as_str(), stderr(&done).as_str()), (*text, *text));
    }
}

async fn long_lines_and_many_lines(host: &mut Host<'_>) {
    let line = host.body("line").await;
    assert_eq!((line.stdout.bytes, line.stdout.sha256.as_str()), (5_000_000, sha256(&vec![b'x'; 5_000_000]).as_str()));
    let done = host.body("lines").await;
    assert_eq!((stdout(&done), stderr(&done)), (lines(), lines()));
}

async fn many_and_large_fields(host: &mut Host<'_>) {
    let many = host.body("many").await;
    assert_eq!((many.fields.len(), field(&many, "key199")), (200, b"199".as_slice()));
    let value = "it's \"x\"\n".repeat(20_000);
    let large = host.bench.run(&Program::powershell("large").with("v", &value)).await;
    assert_eq!(field(&large, "value"), value.as_bytes());
}

async fn large_stdin_arrives_whole(host: &mut Host<'_>) {
    let text = "line it's\n".repeat(100_000);
    let digest = sha256(text.as_bytes());
    let done = host.script("sha256sum", Program { stdin: Some(Secret::new(text)), ..empty() }).await;
    assert_eq!(stdout(&done), format!("{digest}  -\n"));
}

async fn environment_does_not_stay(host: &mut Host<'_>) {
    let env = vec![
        ("OPSC_LONG".to_owned(), Text::Plain("v".repeat(30_000))),
        ("OPSC_ODD".to_owned(), Text::Plain("a'b\"c\n$HOME".to_owned())),
    ];
    let text = "printf '%s|%s' ${#OPSC_LONG} \"${OPSC_ODD-gone}\"";
    assert_eq!(stdout(&host.script(text, Program { env, ..empty() }).await), "30000|a'b\"c\n$HOME");
    assert_eq!(stdout(&host.script(text, empty()).await), "0|gone");
}

async fn a_deadline_leaves_what_was_reported(host: &mut Host<'_>) {
    for seconds in [2, 8, 32] {
        let done = host.try_run(&Program::powershell("late"), Duration::from_secs(seconds)).await.unwrap();
        assert!(done.timed_out);
        // A busy machine may not have come so far.
        if !done.fields.is_empty() {
            assert_eq!((field(&done, "early"), stdout(&done).as_str()), (b"yes".as_slice(), "early\n"));
            return host.goes_on().await;
        }
    }
    panic!("the step never got as far");
}

async fn a_thousand_steps_on_one_lane(host: &mut Host<'_>) {
    let begun = Instant::now();
    for number in 0..1000 {
        let (body, code) = if number % 2 == 0 { ("code 1", 1) } else { ("code 3", 3) };
        assert_eq!(host.body(body).await.code, code, "{number}");
    }
    // No step waits for a poll of the one before, which is a second.
    assert!(begun.elapsed() < Duration::from_secs(600), "{:?}", begun.elapsed());
}

async fn wrong_marks_are_errors_and_the_lane_opens_again(host: &mut Host<'_>) {
    for wrong in ["no key", "no name", "too large", "too many"] {
        let result = host.try_run(&Program::powershell(wrong), MINUTE).await;
        let Err(TransportError::Protocol { .. } | TransportError::TooManyFields { .. }) = &result else {
            panic!("{wrong}: {result:?}")
        };
        host.goes_on().await;
    }
}

/// All that a body gets of who knows the word for fields is what it may say anyway.
async fn who_knows_the_marks_cannot_speak_for_another_step(host: &mut Host<'_>) {
    let done = host.body("forge").await;
    assert_eq!((done.code, field(&done, "mine")), (3, b"yes".as_slice()), "{}", stdout(&done));
    host.goes_on().await;
}

async fn who_holds_the_output_holds_up_nobody(host: &mut Host<'_>) {
    let mut other = host.bench.another().await;
    let done = other.run(&Program::powershell("leave")).await;
    let pid = String::from_utf8_lossy(field(&done, "pid")).into_owned();
    let begun = Instant::now();
    other.session.close().await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    // On WinRM the end of the shell is that of all in it.
    std::process::Command::new("kill").arg(pid).stderr(std::process::Stdio::null()).status().unwrap();
}

#[tokio::test]
async fn a_lane_of_powershell_keeps_the_contract() {
    let seconds = unique_seconds();
    let hosts = Hosts::of(bodies(&seconds));
    for way in hosts.ways() {
        let mut host = Host { bench: Bench::connect(way).await, dictionary: &hosts.dictionary };
        keep_all(&mut host).await;
        host.bench.session.close().await;
        assert_eq!(alive(&seconds), [0; 0]);
    }
}

/// The names between the braces of the list.
fn listed() -> BTreeSet<&'static str> {
    let source = include_str!("contract.rs");
    let list = source.split_once("    keep! {\n").unwrap().1.split_once("\n    }").unwrap().0;
    list.split_whitespace().collect()
}

#[test]
fn each_case_of_the_list_has_its_place() {
    let listed = listed();
    assert!(listed.len() > 60, "{}", listed.len());
    let named = |rows: &[(&'static str, &str)]| rows.iter().map(|(case, _)| *case).collect::<Vec<_>>();
    let placed = [HERE.to_vec(), named(ELSEWHERE), named(WITHOUT)].concat();
    let once: BTreeSet<&str> = placed.iter().copied().collect();
    assert_eq!(once.len(), placed.len(), "a case has two places");
    assert_eq!(once, listed);
    let tests =
        [include_str!("powershell.rs"), include_str!("powershell_runs.rs"), include_str!("powershell_receipts.rs")];
    for (case, test) in ELSEWHERE {
        let is_there = tests.iter().any(|source| source.contains(&format!("fn {test}(")));
        assert!(is_there, "{case} is left to `{test}`, which is no test");
    }
}
