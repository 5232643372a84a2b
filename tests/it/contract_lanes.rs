//! The contract, third part: what rough steps, late children and wrong marks do to a lane that others still need.
//! Knows only the public face of `transport`.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::{Duration, Instant};

use opsc::shell::{Program, Text};
use opsc::transport::TransportError;

use super::contract::{Bench, MINUTE, SOON, alive, field, gone, stdout, unique_seconds};

/// Everything that a step finds and could have been changed by an earlier one.
const SURROUNDINGS: &str =
    "pwd; umask; printf '[%s]' \"$IFS\" \"$-\" \"$#\" \"${PATH-}\" \"${CDPATH-}\" \"${x-}\" \"${Y-}\"
trap; alias | sort; type f; ls -l /proc/self/fd | wc -l; ulimit -n; echo /et[c]; echo \"${LC_ALL-}\"";

pub(crate) async fn steps_start_from_the_same_place(bench: &mut Bench) {
    let before = bench.sh(SURROUNDINGS).await;
    assert!(stdout(&before).starts_with('/') && stdout(&before).contains("/etc\n"), "{}", stdout(&before));
    for rough in [
        "cd /; umask 000; IFS=x; set -f; set -u; set -- 1 2 3; PATH=/nowhere; CDPATH=/; x=1; export Y=2",
        "trap 'echo bye' EXIT TERM INT; alias f=g; f() { :; }; exec 7</dev/null; ulimit -n 50; export LC_ALL=xx",
        "set -e; cd /tmp; false",
        "exec >/dev/null; exec 2>/dev/null; exec </dev/zero",
    ] {
        bench.sh(rough).await;
        let after = bench.sh(SURROUNDINGS).await;
        assert_eq!(stdout(&after), stdout(&before), "after {rough}");
    }
}

pub(crate) async fn a_thousand_steps_on_one_lane(bench: &mut Bench) {
    let count = |text: String| text.trim().parse::<u32>().unwrap();
    let processes = "set -- /proc/[0-9]*/task/*/children; for f; do [ \"$f\" = \"/proc/$$/task/$$/children\" ] && cat \"$f\"; done | wc -w";
    let before = count(stdout(&bench.sh(processes).await));
    for number in 0..1000 {
        let n = number.to_string();
        let done = bench.run(&Program::new("out n \"$n\"; [ \"$n\" -lt 0 ]").with("n", &n)).await;
        assert_eq!((done.code, field(&done, "n")), (1, n.as_bytes()));
    }
    // The pipeline that counts may or may not have started its second half, so only many more would be a leak.
    let after = count(stdout(&bench.sh(processes).await));
    assert!(after < before + 10, "{before} processes before, {after} after");
}

pub(crate) async fn tracing_does_no_harm(bench: &mut Bench) {
    let done = bench.run(&Program::new("set -x; out key \"$v\"; set -v; : last").with("v", "a\u{1e}b")).await;
    assert_eq!((done.code, field(&done, "key"), stdout(&done).as_str()), (0, b"a\x1eb".as_slice(), ""));
    assert!(String::from_utf8_lossy(&done.stderr.kept).contains(": last"));
    assert_eq!(bench.sh("echo quiet").await.stderr.bytes, 0);
}

pub(crate) async fn lengths_are_bytes_in_any_locale(bench: &mut Bench) {
    for locale in ["C.UTF-8", "C", "no_SUCH.locale", ""] {
        let program = Program {
            env: ["LC_ALL", "LANG", "LC_CTYPE"].map(|name| (name.to_owned(), Text::Plain(locale.to_owned()))).to_vec(),
            ..Program::new("out v \"$v\"; out odd \"$(printf '\\377\\303\\036')\"; out after x").with("v", "héé 🦀")
        };
        let done = bench.run(&program).await;
        assert_eq!((field(&done, "v"), field(&done, "after")), ("héé 🦀".as_bytes(), b"x".as_slice()), "{locale}");
        assert_eq!(field(&done, "odd"), b"\xff\xc3\x1e", "{locale}");
    }
}

pub(crate) async fn wrong_marks_are_errors_and_the_lane_opens_again(bench: &mut Bench) {
    let seconds = unique_seconds();
    for wrong in [
        "out 'no key' 1",
        "out '' 1",
        "out ../up 1",
        "v=$(head -c 5000000 /dev/zero | tr '\\0' x); out v \"$v\"",
        "i=0; while [ $i -lt 5000 ]; do out k 1; i=$((i+1)); done",
        "trap '' TERM; out '' 1",
    ] {
        let result = bench.try_sh(&format!("{wrong}; sleep {seconds}"), MINUTE).await;
        let Err(TransportError::Protocol { .. } | TransportError::TooManyFields { .. }) = &result else {
            panic!("{wrong}: {result:?}")
        };
        bench.sh("true").await;
        assert_eq!(alive(&seconds), [0; 0], "what follows runs beside {wrong}");
    }
}

/// Who dies right after it started a child would leave the child to nobody.
pub(crate) async fn children_that_are_just_starting_end_too(bench: &mut Bench) {
    let seconds = unique_seconds();
    for _ in 0..5 {
        let body = format!("while :; do sh -c 'sleep {seconds}; :' & sleep 0.01; done");
        assert!(bench.try_sh(&body, Duration::from_millis(200)).await.unwrap().timed_out);
        assert_eq!(alive(&seconds), [0; 0]);
    }
}

/// The marks' secret is a variable of the lane, so a body can read it. All that it gets is what it may say anyway.
pub(crate) async fn who_knows_the_marks_cannot_speak_for_another_step(bench: &mut Bench) {
    let forge = r#"forge() { i=0; while [ $i -lt 3000 ]; do printf '\036%s end %s 0\n' "$__nonce" $i; i=$((i+1)); done; }
        forge; forge >&2; sleep 0.3; echo mine; out mine yes; exit 3"#;
    let done = bench.sh(forge).await;
    assert_eq!((done.code, field(&done, "mine")), (3, b"yes".as_slice()), "{}", stdout(&done));
    let next = bench.sh("sleep 0.5; echo next").await;
    assert_eq!((next.code, stdout(&next).as_str(), next.fields.len()), (0, "next\n", 0));
}

pub(crate) async fn late_children_report_to_nobody(bench: &mut Bench) {
    let done = bench.sh("(sleep 0.2; out late 1; sleep 0.2; out late 2) & out own 1").await;
    assert_eq!((done.code, field(&done, "own")), (0, b"1".as_slice()));
    let next = bench.sh("sleep 1; out own 2").await;
    assert_eq!((field(&next, "late"), field(&next, "own")), (b"(absent)".as_slice(), b"2".as_slice()));
}

/// A mark that is cut because nobody listens between two steps does not swallow the next one.
pub(crate) async fn a_mark_cut_between_steps_does_no_harm(bench: &mut Bench) {
    for _ in 0..20 {
        let body = "v=$(head -c 200000 /dev/zero | tr '\\0' x); (out late \"$v\"; out late \"$v\") & :";
        assert!(bench.sh(body).await.code == 0);
        let next = bench.try_sh("sleep 0.1; exit 5", Duration::from_secs(10)).await.unwrap();
        assert_eq!((next.code, next.timed_out), (5, false));
    }
}

pub(crate) async fn signals_to_the_whole_group_stay_on_the_host(bench: &mut Bench) {
    for body in ["kill 0; sleep 1", "kill -INT 0; sleep 1", "kill -HUP 0; sleep 1", "kill -QUIT 0; sleep 1"] {
        let begun = Instant::now();
        let result = bench.try_sh(body, MINUTE).await;
        assert!(
            !matches!(&result, Err(error) if !matches!(error, TransportError::LaneEnded { .. } | TransportError::Lost { .. })),
            "{result:?}"
        );
        assert!(begun.elapsed() < SOON, "{body}: {:?}", begun.elapsed());
        assert_eq!(stdout(&bench.sh("echo on").await), "on\n", "{body}");
    }
}

/// What a service does: it leaves its parent and its session, and lives on after a deadline and after the end.
pub(crate) async fn a_daemon_outlives_its_lane(bench: &mut Bench) {
    let seconds = unique_seconds();
    let mut other = bench.another().await;
    let daemon = format!("setsid sh -c 'sleep {seconds} </dev/null >/dev/null 2>&1 & echo $!'");
    let body = format!("out pid \"$({daemon})\"; sleep 20");
    other.timed_out_after(&body, |_| !alive(&seconds).is_empty()).await;
    assert_eq!(other.sh("true").await.code, 0);
    other.session.close().await;
    let daemons = alive(&seconds);
    assert_ne!(daemons, [0; 0]);
    for pid in daemons {
        bench.run(&Program::new("kill \"$pid\"").with("pid", &pid.to_string())).await;
    }
    gone(bench, &seconds).await;
}

/// A careless service keeps the step's output open; neither the end nor a deadline waits for it.
pub(crate) async fn who_holds_the_output_holds_up_nobody(bench: &mut Bench) {
    let seconds = unique_seconds();
    let mut other = bench.another().await;
    let done = other.sh(&format!("(sleep {seconds} & out pid $!)")).await;
    let pid = String::from_utf8_lossy(field(&done, "pid")).into_owned();
    let begun = Instant::now();
    other.session.close().await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    bench.run(&Program::new("kill \"$pid\"").with("pid", &pid)).await;
    gone(bench, &seconds).await;
}

/// On every shell that a host may have.
pub(crate) async fn hosts_say_what_they_are(bench: &mut Bench) {
    let completed = bench.run(&opsc::run::facts::program(opsc::shell::Language::Sh)).await;
    assert_eq!(stdout(&completed), "");
    let facts = opsc::run::facts::read(completed).unwrap();
    let text = |name: &str| facts.field(name).and_then(opsc::hir::value::Value::as_str).map(str::to_string);
    assert_eq!((text("os").as_deref(), text("os_family").as_deref()), (Some("linux"), Some("debian")));
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(text("hostname").as_deref(), Some(hostname.trim()));
    assert!(text("boot").is_some_and(|boot| boot.len() == 36));
}
