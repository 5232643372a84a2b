//! The contract of every wire: one list of behaviours. Knows only the public face of `transport`.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests fail by panicking")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use opsc::base::secret::Secret;
use opsc::shell::{NamedScript, Program, Text, Variable, VariableValue};
use opsc::transport::{Completed, Credentials, Endpoint, Session, Stream, TransportError};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sha2::{Digest, Sha256};

use crate::contract_bodies::*;
use crate::contract_lanes::*;
use crate::contract_receipts::*;
use crate::holders::one_journal_at_a_time_changes_a_host;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
/// Far less than what is slept for, and far more than a busy machine needs.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// How somebody gets in, and as whom the programs run there.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) endpoint: Endpoint,
    pub(crate) credentials: Credentials,
    /// The login user without one.
    pub(crate) user: Option<String>,
}

impl From<Endpoint> for Way {
    fn from(endpoint: Endpoint) -> Way {
        Way { endpoint, credentials: Credentials::default(), user: None }
    }
}

/// A session with short words for what the cases do.
pub(crate) struct Bench {
    pub(crate) session: Session,
    pub(crate) way: Way,
}

/// A number of seconds that no other test sleeps for, so that a process can be recognised by it.
pub(crate) fn unique_seconds() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(1);
    format!("300.{}{:04}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

impl Bench {
    pub(crate) async fn connect(way: impl Into<Way>) -> Bench {
        let way = way.into();
        let session = Session::connect(&way.endpoint, &way.credentials).await.unwrap();
        Bench { session, way }
    }

    /// A second session to the same place.
    pub(crate) async fn another(&self) -> Bench {
        Bench::connect(self.way.clone()).await
    }

    pub(crate) async fn run(&mut self, program: &Program) -> Completed {
        self.session.run(self.way.user.as_deref(), program, MINUTE, &mut |_, _| {}).await.unwrap()
    }

    pub(crate) async fn sh(&mut self, body: &str) -> Completed {
        self.run(&Program::new(body)).await
    }

    pub(crate) async fn stage(&mut self, content: &[u8], sha256: &str) -> Result<String, TransportError> {
        self.session.stage(self.way.user.as_deref(), content, sha256).await
    }

    pub(crate) async fn try_sh(&mut self, body: &str, deadline: Duration) -> Result<Completed, TransportError> {
        self.session.run(self.way.user.as_deref(), &Program::new(body), deadline, &mut |_, _| {}).await
    }

    /// Runs a body into a deadline, a later one on a machine that is too busy to have shown `sign` by then.
    pub(crate) async fn timed_out_after(&mut self, body: &str, sign: impl Fn(&Completed) -> bool) -> Completed {
        for deadline in [300, 1_500, 7_500].map(Duration::from_millis) {
            let done = self.try_sh(body, deadline).await.unwrap();
            assert!(done.timed_out);
            if sign(&done) {
                return done;
            }
        }
        panic!("the step never got as far: {body}")
    }
}

pub(crate) fn stdout(completed: &Completed) -> String {
    String::from_utf8_lossy(&completed.stdout.kept).into_owned()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn variable(name: &str, value: VariableValue) -> Variable {
    Variable { name: name.to_owned(), value }
}

pub(crate) fn field<'a>(completed: &'a Completed, key: &str) -> &'a [u8] {
    completed.fields.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_slice()).unwrap_or(b"(absent)")
}

/// What is written must come back: `printf` of a variable, and a field of the same value.
async fn round_trip(bench: &mut Bench, value: &str) {
    let done = bench.run(&Program::new("printf '%s' \"$v\"; out v \"$v\"").with("v", value)).await;
    assert_eq!(stdout(&done), value);
    assert_eq!(field(&done, "v"), value.as_bytes());
    assert_eq!(done.code, 0);
}

pub(crate) async fn values_arrive(bench: &mut Bench) {
    let values = [
        "",
        "it's",
        "\"",
        "$HOME `id` $(id) ${x}",
        "a\nb\n\nc",
        " lead and trail ",
        "\\n\\\\",
        "héé 🦀",
        "*?[a]~",
        "-n",
        "!x",
        "\r\t\x01\x7f",
        "\x1e",
    ];
    for value in values {
        round_trip(bench, value).await;
    }
    round_trip(bench, &"x".repeat(100_000)).await;
}

/// Values made to be quoted wrongly, through the real shell, many per step.
async fn generated_values_arrive(bench: &mut Bench) {
    let piece = prop_oneof![
        "[ -~]{0,6}",
        "['\"\\\\$`!*?~#;&|<>(){}\\[\\]\n\r\t ]{0,8}",
        "[^\\x00]{0,4}",
        Just("\x1e".to_owned()),
    ];
    let values = proptest::collection::vec(proptest::collection::vec(piece, 0..6).prop_map(|parts| parts.concat()), 40);
    // Seeded, so that a failure comes again.
    let mut runner = TestRunner::deterministic();
    for _ in 0..10 {
        let values = values.new_tree(&mut runner).unwrap().current();
        let program = Program {
            variables: vec![variable("all", VariableValue::List(values.clone()))],
            ..Program::new("show() { printf '%s\\0' \"$1\"; }\neach_all show")
        };
        let expected = values.iter().flat_map(|value| [value.as_bytes(), b"\0"].concat()).collect::<Vec<_>>();
        assert_eq!(bench.run(&program).await.stdout.kept, expected);
    }
}

async fn absent_and_secret_values(bench: &mut Bench) {
    let program = Program {
        variables: vec![
            variable("gone", VariableValue::Absent),
            variable("word", VariableValue::Secret(Secret::new("s3'cret".to_owned()))),
        ],
        ..Program::new("echo \"[$gone] $gone_set $word $word_set\"")
    };
    assert_eq!(stdout(&bench.run(&program).await), "[] false s3'cret true\n");
}

pub(crate) async fn lists_arrive(bench: &mut Bench) {
    let items = ["a b", "it's", "", "$x"].map(str::to_owned).to_vec();
    let program = Program {
        variables: vec![variable("names", VariableValue::List(items)), variable("none", VariableValue::List(vec![]))],
        ..Program::new(
            "show() { printf '<%s>' \"$@\"; echo; }\nwith_names show -x\neach_names show\nwith_none show\neach_none show\n\
             echo $names_count $names_set $none_count\nstop() { [ \"$1\" != \"it's\" ] || return 9; }\neach_names stop",
        )
    };
    let done = bench.run(&program).await;
    assert_eq!(stdout(&done), "<-x><a b><it's><><$x>\n<a b>\n<it's>\n<>\n<$x>\n<>\n4 true 0\n");
    assert_eq!(done.code, 9);
}

async fn scripts_arrive(bench: &mut Bench) {
    let script = |name: &str, text: Option<&str>| NamedScript { name: name.to_owned(), text: text.map(str::to_owned) };
    let program = Program {
        scripts: vec![
            script("good", Some("x=2; echo \"in $1\"; exit 3")),
            script("broken", Some("if then")),
            script("missing", None),
        ],
        ..Program::new("x=1; good one; echo \"$? $x $good_set\"; missing; echo \"$? $missing_set\"; broken")
    };
    let done = bench.run(&program).await;
    assert_eq!(stdout(&done), "in one\n3 1 true\n0 false\n");
    assert!([1, 2, 3].contains(&done.code), "{}", done.code);
    assert!(done.stderr.bytes > 0);
}

pub(crate) async fn exit_codes(bench: &mut Bench) {
    for (body, expected) in [
        ("true", 0),
        ("false", 1),
        ("exit 255", 255),
        ("(exit 126)", 126),
        ("no_such_command_here", 127),
        ("return 7", 7),
        ("set -e; false; true", 1),
        ("sh -c 'kill -TERM $$'", 143),
        ("sh -c 'kill -KILL $$'", 137),
        ("/", 126),
    ] {
        let code = bench.sh(body).await.code;
        assert_eq!(code, expected, "{body}");
    }
}

async fn broken_bodies_are_failed_steps(bench: &mut Bench) {
    for body in [
        "if then",
        "echo \"open",
        "}",
        ")",
        "case x in",
        "f() {",
        "<<",
        "exec 9<&99",
        "set -u; echo \"$nope\"",
        ". /nonexistent",
    ] {
        let done = bench.sh(body).await;
        assert_ne!(done.code, 0, "{body}");
        assert_eq!(bench.sh("echo next").await.code, 0);
    }
}

async fn steps_leave_nothing_behind(bench: &mut Bench) {
    bench.sh("cd /; x=1; export Y=2; umask 000; set -f; trap 'echo bye' EXIT; exec >/dev/null; exec </dev/zero").await;
    let done = bench.sh("echo \"[$x$Y] $(umask)\"; echo *rofil[e] >/dev/null").await;
    assert!(stdout(&done).starts_with("[] "), "{}", stdout(&done));
    assert!(!stdout(&done).contains("0000"), "{}", stdout(&done));
}

async fn stdin_is_empty_or_given(bench: &mut Bench) {
    assert_eq!(stdout(&bench.sh("cat; echo end").await), "end\n");
    let program = Program { stdin: Some(Secret::new("one\ntwo".to_owned())), ..Program::new("cat") };
    assert_eq!(stdout(&bench.run(&program).await), "one\ntwo");
    let unread = Program { stdin: Some(Secret::new("x".repeat(200_000))), ..Program::new("exit 4") };
    assert_eq!(bench.run(&unread).await.code, 4);
}

async fn env_and_directory(bench: &mut Bench) {
    let program = Program {
        env: vec![
            ("OPSC_PLAIN".to_owned(), Text::Plain("a b".to_owned())),
            ("OPSC_SECRET".to_owned(), Text::Secret(Secret::new("s".to_owned()))),
        ],
        cwd: Some("/usr/bin".to_owned()),
        ..Program::new("env | grep ^OPSC_ | sort; pwd")
    };
    assert_eq!(stdout(&bench.run(&program).await), "OPSC_PLAIN=a b\nOPSC_SECRET=s\n/usr/bin\n");
    let missing = Program { cwd: Some("/no/such".to_owned()), ..Program::new("echo ran") };
    let done = bench.run(&missing).await;
    assert_eq!((done.code, stdout(&done).as_str()), (1, ""));
}

async fn streams_stay_apart(bench: &mut Bench) {
    let mut heard = Vec::new();
    let program = Program::new("printf out; printf err >&2");
    let done = bench
        .session
        .run(bench.way.user.as_deref(), &program, MINUTE, &mut |stream, bytes| heard.push((stream, bytes.to_vec())))
        .await
        .unwrap();
    assert_eq!((done.stdout.kept.as_slice(), done.stderr.kept.as_slice()), (&b"out"[..], &b"err"[..]));
    let of = |wanted| {
        heard.iter().filter(|(stream, _)| *stream == wanted).flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>()
    };
    assert_eq!((of(Stream::Stdout), of(Stream::Stderr)), (b"out".to_vec(), b"err".to_vec()));
}

async fn binary_output_is_kept(bench: &mut Bench) {
    let done = bench.sh(r"printf '\000\377\036\001end\n\036'").await;
    assert_eq!(done.stdout.kept, b"\x00\xff\x1e\x01end\n\x1e");
}

async fn big_output_is_bounded(bench: &mut Bench) {
    let done = bench.sh("head -c 3000000 /dev/zero; head -c 300000 /dev/zero >&2").await;
    assert_eq!((done.stdout.bytes, done.stderr.bytes), (3_000_000, 300_000));
    assert!(done.stdout.truncated && done.stdout.kept.len() < 140_000);
    assert_eq!(done.stdout.sha256, sha256(&vec![0; 3_000_000]));
}

async fn fields_arrive(bench: &mut Bench) {
    let done = bench.sh("out a 1; printf noise; out b 'x\ny'; out c ''; out a 2; x=$(printf 'é'); out d \"$x\"").await;
    let fields = done.fields.iter().map(|(key, value)| (key.as_str(), String::from_utf8_lossy(value).into_owned()));
    let expected = [("a", "1"), ("b", "x\ny"), ("c", ""), ("a", "2"), ("d", "é")];
    assert!(fields.eq(expected.map(|(key, value)| (key, value.to_owned()))), "{:?}", done.fields);
    assert_eq!(stdout(&done), "noise");
}

pub(crate) async fn a_deadline_ends_the_processes(bench: &mut Bench) {
    let begun = Instant::now();
    let seconds = unique_seconds();
    let body = format!("echo before; sleep {seconds} & sleep {seconds}; echo after");
    let done = bench.timed_out_after(&body, |done| stdout(done).starts_with("before\n")).await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_ne!(done.code, 0);
    // The lane is there again, and the processes are gone.
    assert_eq!(alive(&seconds), [0; 0]);
    assert_eq!(bench.sh("true").await.code, 0);
}

async fn a_stubborn_process_is_killed(bench: &mut Bench) {
    let seconds = unique_seconds();
    let body = format!("sh -c 'trap \"\" TERM; sleep {seconds}; sleep {seconds}'");
    let done = bench.try_sh(&body, Duration::from_millis(300)).await.unwrap();
    assert!(done.timed_out);
    assert_eq!(alive(&seconds), [0; 0]);
}

/// The processes that sleep for exactly so long; every wire of these tests ends on this machine.
pub(crate) fn alive(seconds: &str) -> Vec<u32> {
    let words = format!("sleep\0{seconds}\0");
    let processes =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let sleeps = |pid: &u32| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line == words.as_bytes());
    processes.filter(sleeps).collect()
}

/// Waits until nobody sleeps so long any more.
pub(crate) async fn gone(bench: &mut Bench, seconds: &str) {
    let until = Instant::now() + SOON;
    while !alive(seconds).is_empty() {
        assert!(Instant::now() < until, "a process lives on");
        assert_eq!(bench.sh("sleep 0.05").await.code, 0);
    }
}

async fn endless_output_meets_the_deadline(bench: &mut Bench) {
    let done = bench.try_sh("yes", Duration::from_millis(300)).await.unwrap();
    assert!(done.timed_out && done.stdout.truncated);
}

async fn a_dropped_run_ends_the_processes(bench: &mut Bench) {
    let seconds = unique_seconds();
    let body = format!("trap '' TERM; sleep {seconds}");
    let cancelled = tokio::time::timeout(Duration::from_millis(300), bench.try_sh(&body, MINUTE)).await;
    assert!(cancelled.is_err());
    bench.sh("true").await;
    assert_eq!(alive(&seconds), [0; 0], "what follows runs beside what was given up");
}

async fn a_killed_lane_is_an_error_and_opens_again(bench: &mut Bench) {
    let result = bench.try_sh("kill -KILL $$; sleep 1", MINUTE).await;
    assert!(matches!(result, Err(TransportError::LaneEnded { .. } | TransportError::Lost { .. })), "{result:?}");
    assert_eq!(bench.sh("true").await.code, 0);
}

async fn background_children_do_not_hold_the_step(bench: &mut Bench) {
    let begun = Instant::now();
    let done = bench.sh("sleep 40 & out pid $!; echo started").await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_eq!(stdout(&done), "started\n");
    bench.run(&Program::new("kill \"$pid\"").with("pid", &String::from_utf8_lossy(field(&done, "pid")))).await;
}

pub(crate) async fn files_are_staged_once(bench: &mut Bench) {
    for content in [b"".to_vec(), b"\x00\xff\nbinary".to_vec(), vec![7; 3_000_000]] {
        let digest = sha256(&content);
        let path = bench.stage(&content, &digest).await.unwrap();
        assert_eq!(bench.stage(b"not read again", &digest).await.unwrap(), path);
        let done =
            bench.run(&Program::new("sha256sum <\"$p\"; ls -ld \"$p\"; ls -ld \"${p%/*}\"").with("p", &path)).await;
        let text = stdout(&done);
        assert!(text.starts_with(&digest), "{text}");
        assert!(text.contains("\n-rw-------") && text.contains("\ndrwx------"), "{text}");
    }
    let broken = bench.stage(b"x", &"0".repeat(64)).await;
    assert!(matches!(broken, Err(TransportError::StageMismatch { .. })), "{broken:?}");
}

async fn many_steps_in_order(bench: &mut Bench) {
    for number in 0..50 {
        assert_eq!(
            stdout(&bench.run(&Program::new("echo \"$n\"").with("n", &number.to_string())).await),
            format!("{number}\n")
        );
    }
}

async fn nul_bytes_are_refused(bench: &mut Bench) {
    let result = bench
        .session
        .run(bench.way.user.as_deref(), &Program::new("x").with("v", "a\0b"), MINUTE, &mut |_, _| {})
        .await;
    assert!(matches!(result, Err(TransportError::Program { .. })), "{result:?}");
    assert_eq!(bench.sh("true").await.code, 0);
}

async fn raw_commands(bench: &mut Bench) {
    let done = bench
        .session
        .exec(bench.way.user.as_deref(), "echo one; echo two | cat; exit 5", MINUTE, &mut |_, _| {})
        .await
        .unwrap();
    assert_eq!((stdout(&done).as_str(), done.code), ("one\ntwo\n", 5));
}

async fn secrets_are_not_in_the_process_list(bench: &mut Bench) {
    let program = Program {
        variables: vec![variable("word", VariableValue::Secret(Secret::new("tell-nobody".to_owned())))],
        ..Program::new(
            "for f in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do tr '\\0' '\\n' <\"$f\" 2>/dev/null; done | grep -c 'tell-nobod[y]'; true",
        )
    };
    assert_eq!(stdout(&bench.run(&program).await), "0\n");
}

/// The list. Every wire and every shell keeps all of it.
pub(crate) async fn contract(mut bench: Bench) {
    keep_all(&mut bench).await;
    signals_to_the_whole_group_stay_on_the_host(&mut bench).await;
    take_leave(bench).await;
}

/// Where who may signal the whole group reaches what carries the lane too, and that ends it.
#[cfg(feature = "system-tests")]
pub(crate) async fn contract_but_for_signals(mut bench: Bench) {
    keep_all(&mut bench).await;
    take_leave(bench).await;
}

async fn keep_all(bench_ref: &mut Bench) {
    macro_rules! keep {
        ($($case:ident)*) => { $(
            let begun = Instant::now();
            // All in one would be too large for a stack.
            Box::pin($case(bench_ref)).await;
            // Shown only when a later case fails: the last line is the case before it.
            eprintln!("  {} {:?}", stringify!($case), begun.elapsed());
        )* };
    }
    keep! {
        values_arrive generated_values_arrive absent_and_secret_values lists_arrive scripts_arrive exit_codes broken_bodies_are_failed_steps
        functions_are_functions functions_travel_once
        steps_leave_nothing_behind stdin_is_empty_or_given env_and_directory streams_stay_apart binary_output_is_kept
        big_output_is_bounded fields_arrive files_are_staged_once many_steps_in_order nul_bytes_are_refused raw_commands
        secrets_are_not_in_the_process_list background_children_do_not_hold_the_step a_deadline_ends_the_processes
        a_stubborn_process_is_killed endless_output_meets_the_deadline a_dropped_run_ends_the_processes
        bodies_may_be_empty heredocs_and_long_bodies a_hundred_variables an_exit_ends_the_step_only traps_end_with_the_step
        a_step_may_redefine_what_it_uses closed_streams_are_the_steps_own a_body_does_not_read_the_next_step
        output_cannot_end_the_step output_is_kept_byte_for_byte long_lines_and_many_lines many_and_large_fields
        fields_come_from_subshells_and_functions large_stdin_arrives_whole environment_does_not_stay odd_file_names
        missing_and_read_only_paths_speak_for_themselves a_removed_directory_is_no_trap a_step_may_end_itself
        a_stopped_process_meets_the_deadline grandchildren_end_with_the_deadline a_deadline_leaves_what_was_reported
        steps_start_from_the_same_place a_thousand_steps_on_one_lane tracing_does_no_harm lengths_are_bytes_in_any_locale
        wrong_marks_are_errors_and_the_lane_opens_again children_that_are_just_starting_end_too who_knows_the_marks_cannot_speak_for_another_step
        late_children_report_to_nobody a_mark_cut_between_steps_does_no_harm
        hosts_say_what_they_are a_daemon_outlives_its_lane who_holds_the_output_holds_up_nobody
        a_receipt_changes_nothing_else what_a_receipt_cannot_carry_is_an_error a_step_with_a_receipt_outlives_its_lane
        what_is_printed_to_nobody_is_bounded a_step_that_was_killed_is_lost a_step_with_a_receipt_can_be_ended
        a_child_in_the_background_does_not_hold_a_receipt one_journal_at_a_time_changes_a_host
        two_sessions_do_not_meet a_killed_lane_is_an_error_and_opens_again
    }
}

async fn take_leave(mut bench: Bench) {
    let path = bench.stage(b"gone at the end", &sha256(b"gone at the end")).await.unwrap();
    bench.session.close().await;
    assert!(!std::path::Path::new(&path).exists(), "{path} is still there");
}

/// What of the list could be otherwise where each program is a command of its own, and needs no input and no lane.
pub(crate) async fn contract_of_commands(bench: &mut Bench) {
    macro_rules! keep {
        ($($case:ident)*) => { $(
            let begun = Instant::now();
            Box::pin($case(bench)).await;
            eprintln!("  {} {:?}", stringify!($case), begun.elapsed());
        )* };
    }
    keep! {
        values_arrive lists_arrive scripts_arrive exit_codes functions_are_functions streams_stay_apart
        binary_output_is_kept big_output_is_bounded fields_arrive nul_bytes_are_refused
        background_children_do_not_hold_the_step a_deadline_ends_the_processes a_stubborn_process_is_killed
        endless_output_meets_the_deadline a_hundred_variables traps_end_with_the_step
        closed_streams_are_the_steps_own a_body_does_not_read_the_next_step output_cannot_end_the_step
        environment_does_not_stay grandchildren_end_with_the_deadline a_deadline_leaves_what_was_reported
        late_children_report_to_nobody a_step_with_a_receipt_outlives_its_lane two_sessions_do_not_meet
    }
}
