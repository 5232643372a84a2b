//! The contract, second half: what bodies do to a shell, to files and to their own output. Knows only the public face
//! of `transport`.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::{Duration, Instant};

use opsc::base::secret::Secret;
use opsc::shell::{Function, Program, Text};

use super::contract::{Bench, MINUTE, SOON, alive, field, sha256, stdout, unique_seconds};

fn stderr(completed: &opsc::transport::Completed) -> String {
    String::from_utf8_lossy(&completed.stderr.kept).into_owned()
}

/// Runs a body and then sees that the lane still does what it is told.
async fn survives(bench: &mut Bench, body: &str) -> opsc::transport::Completed {
    let done = bench.sh(body).await;
    let next = bench.sh("out alive yes; echo on; echo aside >&2").await;
    assert_eq!((next.code, stdout(&next).as_str(), stderr(&next).as_str()), (0, "on\n", "aside\n"), "after {body}");
    assert_eq!(field(&next, "alive"), b"yes", "after {body}");
    done
}

pub(crate) async fn bodies_may_be_empty(bench: &mut Bench) {
    for body in ["", "\n\n", "# only words", " # and spaces \n"] {
        assert_eq!(survives(bench, body).await.code, 0, "{body:?}");
    }
}

/// A body that calls `shared`, and what that does.
fn with_function(body: &str, shared: &str) -> Program {
    let functions = vec![Function { name: "shared".to_owned(), body: shared.to_owned() }];
    Program { functions, ..Program::new(body) }
}

pub(crate) async fn functions_are_functions(bench: &mut Bench) {
    for (body, shared, expected) in [
        ("shared 'a  b' c", "printf '%s,' \"$#\" \"$1\"", (0, "2,a  b,")),
        ("shared; echo \"$? $set\"", "set=here; return 3; echo no", (0, "3 here\n")),
        ("shared a b; echo \"$#\"", "shift; set -- \"$@\" c; echo \"$*\"", (0, "b c\n0\n")),
        ("v=1; echo \"$(shared)\"", "echo \"[$v]\"", (0, "[1]\n")),
        ("set -e; shared; echo no", "false; echo no", (1, "")),
        ("set -e; if shared; then echo yes; fi", "true", (0, "yes\n")),
        ("trap shared EXIT; exit 4", "echo bye", (4, "bye\n")),
        ("echo a | shared", "cat; cat <<'END'\n}\nEND", (0, "a\n}\n")),
        ("echo not called", "if then (", (0, "not called\n")),
    ] {
        let done = bench.run(&with_function(body, shared)).await;
        assert_eq!((done.code, stdout(&done).as_str()), expected, "{body} with {shared}");
    }
    let broken = bench.run(&with_function("shared", "if then (")).await;
    assert_ne!(broken.code, 0);
    survives(bench, "shared 2>/dev/null; [ $? = 127 ]").await;
}

/// A lane's shell has read far less for the second step than the text of the function.
pub(crate) async fn functions_travel_once(bench: &mut Bench) {
    let long = format!("# {}\nprintf '%s' \"$1\"", "x".repeat(400_000));
    let mut read = Vec::new();
    for number in ["1", "2", "3"] {
        let body = format!("shared {number}; out read \"$(sed -n 's/^rchar: //p' \"/proc/$$/io\")\"");
        let done = bench.run(&with_function(&body, &long)).await;
        assert_eq!(stdout(&done), number);
        read.push(String::from_utf8_lossy(field(&done, "read")).parse::<u64>().unwrap());
    }
    assert!(read[2] - read[0] < 200_000, "{read:?}");
}

pub(crate) async fn heredocs_and_long_bodies(bench: &mut Bench) {
    let text = "cat <<'END'\n$not `a` value\nEND\ncat <<END\n$v\nEND";
    assert_eq!(stdout(&bench.run(&Program::new(text).with("v", "it's")).await), "$not `a` value\nit's\n");
    let long = format!("{}printf '%s' \"$n\"", "n=$((n+1))\n".repeat(10_000));
    assert_eq!(stdout(&bench.sh(&long).await), "10000");
}

pub(crate) async fn a_hundred_variables(bench: &mut Bench) {
    let mut program = Program::new("printf '%s,%s,%s' \"$v1\" \"$v50\" \"$v99\"");
    for number in 0..100 {
        program = program.with(&format!("v{number}"), &format!("'{number}'"));
    }
    assert_eq!(stdout(&bench.run(&program).await), "'1','50','99'");
}

pub(crate) async fn an_exit_ends_the_step_only(bench: &mut Bench) {
    for (body, code) in [
        ("exit 7; echo no", 7),
        ("f() { exit 8; }; f; echo no", 8),
        ("exec sh -c 'exit 9'", 9),
        ("set -e; (exit 5)", 5),
    ] {
        let done = survives(bench, body).await;
        assert_eq!((done.code, stdout(&done).as_str()), (code, ""), "{body}");
    }
}

pub(crate) async fn traps_end_with_the_step(bench: &mut Bench) {
    let done = survives(bench, "trap 'echo bye' EXIT; trap 'echo never' INT; echo hi").await;
    assert_eq!(stdout(&done), "hi\nbye\n");
}

pub(crate) async fn a_step_may_redefine_what_it_uses(bench: &mut Bench) {
    survives(bench, "out() { echo mine; }; printf() { :; }; alias echo=false; out a 1").await;
    survives(bench, "unset -f out __end; unset __nonce; PATH=/nowhere; IFS=0123456789; LC_ALL=xx; set -f").await;
    survives(bench, "ulimit -n 20; set -e -u; cd /; readonly __opsc=1").await;
}

pub(crate) async fn closed_streams_are_the_steps_own(bench: &mut Bench) {
    survives(bench, "exec >&-; echo lost").await;
    survives(bench, "exec 2>&-; ls /nope").await;
    survives(bench, "exec <&- >&- 2>&-; true").await;
    survives(bench, "exec 3>&1 4>&2 5</dev/null; echo three >&3").await;
}

pub(crate) async fn a_body_does_not_read_the_next_step(bench: &mut Bench) {
    survives(bench, "while read -r line; do echo \"got $line\"; done").await;
    survives(bench, "cat >/dev/null; head -c 100 >/dev/null; read -r x").await;
}

pub(crate) async fn output_cannot_end_the_step(bench: &mut Bench) {
    let lines =
        r"printf '\036%s end 1 0\n' 0000000000000000; printf '\036\036\036\n\036 end 1 0\n\036x out a 1\nb\n'; exit 3";
    let done = survives(bench, lines).await;
    assert_eq!((done.code, field(&done, "a")), (3, b"(absent)".as_slice()));
    assert_eq!(done.stdout.kept.iter().filter(|byte| **byte == 0x1e).count(), 6);
    // The nonce is no variable of the environment, so that no program that a step starts knows it.
    assert_eq!(stdout(&bench.sh("env | grep -c '^__nonce='; true").await), "0\n");
}

pub(crate) async fn output_is_kept_byte_for_byte(bench: &mut Bench) {
    for text in ["no newline at the end", "a\r\nb\r\n", "\n\n\n", "\ttab\x0c\x07", "a\nb", "ü🦀\n"] {
        let done = bench.run(&Program::new("printf '%s' \"$t\"; printf '%s' \"$t\" >&2").with("t", text)).await;
        assert_eq!((stdout(&done).as_str(), stderr(&done).as_str()), (text, text));
    }
}

pub(crate) async fn long_lines_and_many_lines(bench: &mut Bench) {
    let line = bench.sh("head -c 5000000 /dev/zero | tr '\\0' x").await;
    assert_eq!((line.stdout.bytes, line.stdout.sha256.as_str()), (5_000_000, sha256(&vec![b'x'; 5_000_000]).as_str()));
    let done = bench.sh("i=0; while [ $i -lt 3000 ]; do echo $i; echo $i >&2; i=$((i+1)); done").await;
    let expected: String = (0..3000).map(|number| format!("{number}\n")).collect();
    assert_eq!((stdout(&done), stderr(&done)), (expected.clone(), expected));
}

pub(crate) async fn many_and_large_fields(bench: &mut Bench) {
    let many = bench.sh("i=0; while [ $i -lt 200 ]; do out \"key$i\" \"$i\"; i=$((i+1)); done").await;
    assert_eq!((many.fields.len(), field(&many, "key199")), (200, b"199".as_slice()));
    let value = "it's \"x\"\n".repeat(20_000);
    let large = bench.run(&Program::new("out v \"$v\"; out n \"${#v}\"").with("v", &value)).await;
    assert_eq!(field(&large, "v"), value.as_bytes());
}

pub(crate) async fn fields_come_from_subshells_and_functions(bench: &mut Bench) {
    let done =
        bench.sh("tell() { out inner \"$1\"; }; (tell a); echo x | while read -r y; do out piped \"$y\"; done").await;
    assert_eq!((field(&done, "inner"), field(&done, "piped")), (b"a".as_slice(), b"x".as_slice()));
}

pub(crate) async fn large_stdin_arrives_whole(bench: &mut Bench) {
    let text = "line it's\n".repeat(100_000);
    let digest = sha256(text.as_bytes());
    let program = Program { stdin: Some(Secret::new(text)), ..Program::new("sha256sum") };
    assert_eq!(stdout(&bench.run(&program).await), format!("{digest}  -\n"));
}

pub(crate) async fn environment_does_not_stay(bench: &mut Bench) {
    let long = "v".repeat(100_000);
    let env = vec![
        ("OPSC_LONG".to_owned(), Text::Plain(long)),
        ("OPSC_ODD".to_owned(), Text::Plain("a'b\"c\n$HOME".to_owned())),
    ];
    let program = Program { env, ..Program::new("sh -c 'printf \"%s|%s\" ${#OPSC_LONG} \"$OPSC_ODD\"'") };
    assert_eq!(stdout(&bench.run(&program).await), "100000|a'b\"c\n$HOME");
    assert_eq!(stdout(&bench.sh("sh -c 'printf %s \"${OPSC_ODD-gone}\"'").await), "gone");
}

pub(crate) async fn odd_file_names(bench: &mut Bench) {
    let body = "set -e; mkdir -p \"$d\"; printf x >\"$d/$n\"; cat \"$d/$n\"; set -- \"$d\"/*; [ $# = 1 ] && [ \"$1\" = \"$d/$n\" ]; rm -r \"$d\"";
    for name in ["a b", "-rf", "it's", "*", "$HOME", "ünï", "\"q\"", "back\\slash", " ", "two\nlines", "end\n"] {
        let directory = format!("/tmp/opsc-names-{}", unique_seconds());
        let done = bench.run(&Program::new(body).with("d", &directory).with("n", name)).await;
        assert_eq!((done.code, stdout(&done).trim_end()), (0, "x"), "{name:?}: {}", stderr(&done));
    }
}

pub(crate) async fn missing_and_read_only_paths_speak_for_themselves(bench: &mut Bench) {
    for (body, expected) in [
        ("cat /no/such/file", "/no/such/file"),
        ("cd /no/such/folder", "/no/such/folder"),
        ("echo x >/proc/opsc-none", "/proc/opsc-none"),
        ("mkdir /proc/opsc", "/proc/opsc"),
        ("rm /proc/self/stat", "/proc/self/stat"),
        ("ls -- \"$gone\"", "/gone/it's"),
    ] {
        let done = bench.run(&Program::new(body).with("gone", "/gone/it's")).await;
        assert_ne!(done.code, 0, "{body}");
        assert!(stderr(&done).contains(expected.trim_end_matches("'s")), "{body}: {}", stderr(&done));
    }
}

pub(crate) async fn a_removed_directory_is_no_trap(bench: &mut Bench) {
    let body = "d=/tmp/opsc-gone-$$-$n; mkdir \"$d\"; cd \"$d\"; rmdir \"$d\"; pwd >/dev/null; echo here";
    let done = bench.run(&Program::new(body).with("n", &std::process::id().to_string())).await;
    assert_eq!(stdout(&done), "here\n");
    survives(bench, "true").await;
}

pub(crate) async fn a_step_may_end_itself(bench: &mut Bench) {
    // The step's own process, found by a child that asks for its parent; in ksh that is the lane, which traps TERM.
    let done = survives(bench, "me=$(exec sh -c 'echo $PPID'); kill -TERM \"$me\"; sleep 0; echo lived").await;
    assert!(done.code != 0 || stdout(&done) == "lived\n", "{}", done.code);
}

pub(crate) async fn a_stopped_process_meets_the_deadline(bench: &mut Bench) {
    let begun = Instant::now();
    let done = bench.try_sh("sh -c 'kill -STOP $$'", Duration::from_millis(300)).await.unwrap();
    assert!(done.timed_out && begun.elapsed() < SOON, "{:?}", begun.elapsed());
    survives(bench, "true").await;
}

pub(crate) async fn grandchildren_end_with_the_deadline(bench: &mut Bench) {
    let seconds = unique_seconds();
    let body = format!("sh -c 'sh -c \"sleep {seconds} & sleep {seconds}\" & wait'");
    assert!(bench.try_sh(&body, Duration::from_millis(300)).await.unwrap().timed_out);
    assert_eq!(alive(&seconds), [0; 0]);
}

pub(crate) async fn a_deadline_leaves_what_was_reported(bench: &mut Bench) {
    let body = "out early yes; echo early; sleep 20";
    let done = bench.timed_out_after(body, |done| !done.stdout.kept.is_empty()).await;
    assert_eq!((field(&done, "early"), stdout(&done).as_str()), (b"yes".as_slice(), "early\n"));
}

pub(crate) async fn two_sessions_do_not_meet(bench: &mut Bench) {
    let mut other = bench.another().await;
    let one = Program::new("sleep 0.3; out who \"$w\"; echo \"$w\"").with("w", "one");
    let two = Program::new("out who \"$w\"; echo \"$w\"; sleep 0.3").with("w", "two");
    let mut quiet = |_, _: &[u8]| {};
    let mut silent = |_, _: &[u8]| {};
    let both = tokio::join!(
        bench.session.run(bench.way.user.as_deref(), &one, MINUTE, &mut quiet),
        other.session.run(other.way.user.as_deref(), &two, MINUTE, &mut silent)
    );
    let (first, second) = (both.0.unwrap(), both.1.unwrap());
    assert_eq!((field(&first, "who"), stdout(&first).as_str()), (b"one".as_slice(), "one\n"));
    assert_eq!((field(&second, "who"), stdout(&second).as_str()), (b"two".as_slice(), "two\n"));
    other.session.close().await;
}
