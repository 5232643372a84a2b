//! Whole runs on this machine: real shells, real files, real journal. Faults are injected only where a connection
//! has to be lost.

use std::io::{Read, Write};
use std::time::Duration;

use opsc::base::hex::hex;
use opsc::hir::expr::{Expr, ExprKind};
use opsc::hir::program::RollbackScope;
use opsc::hir::types::Type;
use opsc::hir::value::{FileRef, Value};
use opsc::plan::model::{BlockHosts, Guard, Item, ItemKind};
use opsc::run::event::{EventKind, HostOutcome, Outcome};
use opsc::run::predict::Verdict;
use sha2::Digest;

use super::run_lab::*;
use super::sshd::{Sshd, SshdOptions};

fn on(host: &str) -> Vec<Guard> {
    vec![Guard { condition: equal(host_name(), text(host)), expected: true }]
}

fn fail_on(action: usize, host: &str) -> StepSpec {
    StepSpec { action, guards: on(host), ..shell("echo broken >&2; exit 3") }
}

#[test]
fn a_change_is_made_once_and_verified() {
    let mut lab = Lab::new(2);
    let to = per_host(&lab.text_path(""));
    lab.block(&[write(to, "hello 'world' $HOME")], None);
    let first = lab.run();
    assert_eq!(first.summary.exit, 0, "{:?}", first.events);
    assert_eq!(first.only_outcomes("web1"), [Outcome::Changed]);
    assert_eq!(lab.read("web2").as_deref(), Some("hello 'world' $HOME"));
    let second = lab.run();
    assert_eq!(second.only_outcomes("web1"), [Outcome::Ok]);
    let recap = second.summary.hosts.iter().find(|recap| recap.host == "web1").cloned().unwrap_or_default();
    assert_eq!((recap.ok, recap.changed, recap.failed), (1, 0, 0));
}

#[test]
fn a_failed_host_is_rolled_back_and_the_others_keep_their_change() {
    let mut lab = Lab::new(2);
    std::fs::write(lab.path("web2"), "as it was").expect("a file");
    let to = per_host(&lab.text_path(""));
    lab.block(&[write(to, "new"), fail_on(LOOK, "web2")], Some(RollbackScope::Host)).max_failures = 1;
    let ran = lab.run();
    assert_eq!(lab.read("web1").as_deref(), Some("new"));
    assert_eq!(lab.read("web2").as_deref(), Some("as it was"));
    assert_eq!(ran.error("web2"), "broken (apply, exit code 3)");
    assert_eq!(ran.only_outcomes("web2"), [Outcome::Changed, Outcome::Failed, Outcome::RolledBack]);
    assert_eq!(ran.summary.exit, 23);
}

#[test]
fn a_change_without_a_way_back_is_named_and_not_called_rolled_back() {
    let mut lab = Lab::new(1);
    lab.block(&[write(text(&lab.text_path("file")), "new"), fail_on(SHELL, "web1")], Some(RollbackScope::Host));
    let ran = lab.run();
    assert_eq!(lab.read("file"), None);
    let left = ran.events.iter().find_map(|event| match &event.kind {
        EventKind::RollbackFinished { left, clean, .. } => Some((left.clone(), *clean)),
        _ => None,
    });
    assert_eq!(left, Some((vec!["shell.run#2".to_string()], true)));
    assert_eq!(ran.summary.exit, 21);
}

#[test]
fn rollback_batch_takes_back_what_succeeded_too() {
    let mut lab = Lab::new(3);
    let to = per_host(&lab.text_path(""));
    let broken = StepSpec { guards: on("web2"), ..look("exit 3") };
    let block = lab.block(&[write(to, "new"), broken], Some(RollbackScope::Batch));
    block.batch = count(2);
    let ran = lab.run();
    assert_eq!((lab.read("web1"), lab.read("web2"), lab.read("web3")), (None, None, None));
    assert!(ran.outcomes("web3").is_empty());
    assert_eq!(ran.host_outcomes(), [HostOutcome::RolledBack, HostOutcome::RolledBack, HostOutcome::NotRun]);
    assert_eq!(ran.summary.exit, 23);
}

#[test]
fn a_rollback_that_fails_leaves_the_host_dirty() {
    let mut lab = Lab::new(1);
    let to = text(&lab.text_path("sub/file"));
    std::fs::create_dir(lab.path("sub")).expect("a folder");
    let remove = StepSpec { action: LOOK, ..shell(&format!("rm -r '{}'; exit 1", lab.text_path("sub"))) };
    std::fs::write(lab.path("sub/file"), "before").expect("a file");
    lab.block(&[write(to, "new"), remove], Some(RollbackScope::Host));
    let ran = lab.run();
    assert_eq!(ran.summary.exit, 24);
    assert_eq!(ran.host_outcomes(), [HostOutcome::Dirty]);
}

#[test]
fn a_lost_host_is_unreachable_and_says_what_was_applied() {
    let mut lab = Lab::new(2);
    let to = per_host(&lab.text_path(""));
    lab.block(&[write(to, "new"), shell("true")], Some(RollbackScope::Host)).max_failures = 1;
    lab.faults.lose.lock().expect("faults").push(("web1".to_string(), 5));
    let ran = lab.run();
    assert_eq!(ran.only_outcomes("web1"), [Outcome::Changed, Outcome::Unreachable, Outcome::Unreachable]);
    assert!(ran.error("web1").contains("1 step applied before"), "{}", ran.error("web1"));
    assert_eq!(ran.summary.exit, 20);
    assert_eq!(lab.read("web1").as_deref(), Some("new"), "its rollback is owed, not done");
    let owed = ran
        .events
        .iter()
        .any(|event| matches!(&event.kind, EventKind::RollbackFinished { clean: false, left, .. } if left.len() == 2));
    assert!(owed, "{:?}", ran.events);
}

/// What is asked first is what the host keeps, so that there are four things to lose.
#[test]
fn a_step_that_is_lost_has_no_exit_code() {
    let seen = (1..=4).map(|lost| {
        let mut lab = Lab::new(1);
        let to = per_host(&lab.text_path(""));
        lab.block(&[write(to, "new")], None);
        lab.faults.lose.lock().expect("faults").push(("web1".to_string(), lost));
        let ran = lab.run();
        let step = ran.events.iter().find_map(|event| match &event.kind {
            EventKind::StepFinished { outcome, evidence, .. } => Some((*outcome, evidence.code)),
            _ => None,
        });
        (step, lab.read("web1").is_some())
    });
    let lost = Some((Outcome::Unreachable, None));
    // After apply it is the end of apply that was seen.
    let done = Some((Outcome::Unreachable, Some(0)));
    assert_eq!(seen.collect::<Vec<_>>(), [(lost, false), (lost, false), (lost, false), (done, true)]);
}

#[test]
fn a_step_that_takes_too_long_is_timed_out() {
    let mut lab = Lab::new(1);
    lab.block(&[StepSpec { timeout: Some(300), ..shell("sleep 30") }], None);
    let ran = lab.run();
    let told = (ran.only_outcomes("web1"), ran.summary.exit, ran.error("web1"));
    // A machine that is too busy to end it at once says less.
    let words = |end: &str| format!("apply did not end within 300ms{end}");
    let timed_out = |end| (vec![Outcome::TimedOut], 27, words(end));
    let unheard = (vec![Outcome::Unreachable], 20, words(", and the host is silent: what runs there is not known"));
    assert!([timed_out(""), timed_out("; it was told to end, and may still run"), unheard].contains(&told), "{told:?}");
}

#[test]
fn results_carry_output_and_decide_what_follows() {
    let mut lab = Lab::new(1);
    let said = |index: usize| field(binding(index), "stdout", Type::Text);
    let first = StepSpec { binding: Some(10), ..look("echo yes") };
    let guard = |expected| vec![Guard { condition: equal(said(10), text("yes")), expected }];
    let to = lab.text_path("out");
    let then = StepSpec { guards: guard(true), ..write(text(&to), "then") };
    let otherwise = StepSpec { guards: guard(false), ..write(text(&to), "else") };
    lab.block(&[first, then, otherwise], None);
    let ran = lab.run();
    assert_eq!(ran.only_outcomes("web1"), [Outcome::Ok, Outcome::Changed, Outcome::Skipped], "{:?}", ran.events);
    assert_eq!(lab.read("out").as_deref(), Some("then"));
}

#[test]
fn results_of_one_block_choose_the_hosts_of_the_next() {
    let mut lab = Lab::new(3);
    let named = StepSpec { binding: Some(10), ..look("echo \"$$\" >/dev/null; echo found") };
    let only = StepSpec { guards: on("web2"), ..named };
    lab.block(&[only], None);
    let to = per_host(&lab.text_path(""));
    let all = lab.plan.hosts.clone();
    let results = Expr { kind: ExprKind::Binding(opsc::base::ids::Id::from_index(10)), ..binding(10) };
    let found =
        Expr { kind: ExprKind::ResultAt { results: Box::new(results), host: Box::new(host_expr()) }, ..binding(10) };
    let condition = equal(field(found, "stdout", Type::Text), text("found"));
    let hosts = Expr {
        kind: ExprKind::Where {
            hosts: Box::new(Expr { ty: Type::Hosts(None), ..literal(Value::Hosts(all)) }),
            condition: Box::new(condition),
        },
        ..Expr { ty: Type::Hosts(None), ..text("") }
    };
    lab.block(&[write(to, "chosen")], None).hosts =
        BlockHosts::Pending { hosts, text: "found".to_string(), within: None };
    let ran = lab.run();
    assert_eq!(ran.summary.exit, 0, "{:?}", ran.events);
    assert_eq!((lab.read("web1"), lab.read("web2").as_deref(), lab.read("web3")), (None, Some("chosen"), None));
}

fn host_expr() -> Expr {
    Expr { kind: ExprKind::CurrentHost, ty: Type::Host, ..text("") }
}

#[test]
fn until_repeats_a_read_and_gives_up_in_the_end() {
    let mut lab = Lab::new(1);
    let count = lab.text_path("count");
    let body = format!("echo x >> '{count}'; wc -l < '{count}' | tr -d ' '");
    let until = Some(equal(it("stdout"), text("3")));
    lab.block(&[StepSpec { retry: 5, until, ..look(&body) }], None);
    let ran = lab.run();
    assert_eq!(ran.only_outcomes("web1"), [Outcome::Ok], "{:?}", ran.events);
    assert_eq!(lab.read("count").as_deref(), Some("x\nx\nx\n"));
    let mut lab = Lab::new(1);
    lab.block(&[StepSpec { retry: 2, until: Some(equal(it("stdout"), text("no"))), ..look("echo yes") }], None);
    let ran = lab.run();
    assert_eq!(ran.error("web1"), "`until` was not true after 3 attempts");
}

#[test]
fn ok_and_changed_judge_an_exit_code() {
    let mut lab = Lab::new(1);
    let code = |code| Some(equal(it("code"), literal(Value::Int(code))));
    let accepted = StepSpec { ok: code(1), changed: code(0), ..shell("exit 1") };
    let refused = StepSpec { ok: code(1), allow_failure: true, ..shell("exit 2") };
    lab.block(&[accepted, refused, shell("true")], None);
    let ran = lab.run();
    assert_eq!(ran.only_outcomes("web1"), [Outcome::Ok, Outcome::Ignored, Outcome::Changed], "{:?}", ran.events);
    assert_eq!(ran.summary.exit, 0);
}

#[test]
fn a_field_of_the_wrong_type_is_a_failed_step_that_names_it() {
    let mut lab = Lab::new(1);
    lab.block(&[StepSpec { action: TYPED, ..StepSpec::default() }], None);
    let ran = lab.run();
    assert_eq!(ran.error("web1"), "check reported a wrong `count`: expected int, found `many`");
}

#[test]
fn a_requirement_that_does_not_hold_fails_the_host() {
    let mut lab = Lab::new(2);
    let to = per_host(&lab.text_path(""));
    lab.block(&[write(to, "new")], None).max_failures = 1;
    let message = Expr { kind: ExprKind::Interpolated(vec![host_name(), text(": no")]), ..text("") };
    let require = ItemKind::Require { condition: equal(host_name(), text("web2")), message, span: span() };
    let block = lab.plan.blocks.ids().next().expect("a block");
    lab.plan.blocks.at_mut(block).items.insert(0, Item { guards: Vec::new(), parallel: None, kind: require });
    let ran = lab.run();
    assert_eq!(ran.error("web1"), "web1: no");
    assert_eq!((lab.read("web1"), lab.read("web2").as_deref()), (None, Some("new")));
    assert_eq!(ran.summary.exit, 21);
}

#[test]
fn a_secret_reaches_the_program_and_nothing_else() {
    let mut lab = Lab::new(1);
    let to = lab.text_path("got");
    let body = format!(
        "IFS= read -r token; printf '%s' \"$token\" > '{to}'; echo \"token=$token\"; echo \"$token\" >&2; exit 4"
    );
    lab.block(&[StepSpec { args: vec![script(&body), secret("lab:token")], ..shell("") }], None);
    let ran = lab.run();
    assert_eq!(lab.read("got").as_deref(), Some("correct horse"));
    let told = format!("{:?}", ran.events);
    assert!(!told.contains("correct horse"), "{told}");
    assert!(told.contains("token=(secret)"), "{told}");
}

#[test]
fn a_template_is_rendered_for_each_host() {
    let mut lab = Lab::new(2);
    let source = b"port {{ vars.port }} on {{ host.name }}\n".to_vec();
    let sha256 = hex(&sha2::Sha256::digest(&source));
    lab.contents.insert(sha256.clone(), source);
    let file = FileRef { path: "app.conf".to_string(), sha256, size: 1 };
    let vars = Value::Record(vec![("port".to_string(), Value::string("80"))]);
    let to = per_host(&lab.text_path(""));
    let args = vec![literal(Value::File(file)), to, literal_map(vars)];
    lab.block(&[StepSpec { action: TEMPLATE, args, ..StepSpec::default() }], None);
    let ran = lab.run();
    assert_eq!(ran.summary.exit, 0, "{:?}", ran.events);
    assert_eq!(lab.read("web2").as_deref(), Some("port 80 on web2\n"));
}

fn literal_map(value: Value) -> Expr {
    let ty = Type::Map(Box::new(Type::String), Box::new(Type::Text));
    Expr { ty, ..literal(value) }
}

#[test]
fn http_runs_on_the_controller_and_judges_the_status() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut asked = [0; 1024];
            let read = stream.read(&mut asked).expect("a request");
            assert!(read > 0);
            stream
                .write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbusy")
                .expect("an answer");
        }
    });
    let mut lab = Lab::new(1);
    let url = text(&format!("http://{address}/healthz"));
    let check = |status| StepSpec {
        action: HTTP,
        args: vec![url.clone(), literal(Value::Int(status))],
        binding: Some(10),
        ..StepSpec::default()
    };
    let body = Guard { condition: equal(field(binding(10), "body", Type::Text), text("busy")), expected: true };
    let seen = StepSpec { guards: vec![body], ..write(text(&lab.text_path("seen")), "busy") };
    lab.block(&[check(503), seen, check(200)], None);
    let ran = lab.run();
    server.join().expect("the server");
    assert_eq!(ran.only_outcomes("web1"), [Outcome::Ok, Outcome::Changed, Outcome::Failed], "{:?}", ran.events);
    assert!(ran.error("web1").ends_with("expected status 200, found 503, which says: busy"), "{}", ran.error("web1"));
}

#[test]
fn a_failure_on_the_controller_fails_the_run_before_any_host() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("an address");
    let mut lab = Lab::new(1);
    let url = text(&format!("http://{closed}/"));
    let check = StepSpec { action: HTTP, args: vec![url, literal(Value::Int(200))], ..StepSpec::default() };
    lab.block(&[check], None).hosts = BlockHosts::Controller;
    lab.block(&[write(text(&lab.text_path("file")), "never")], None);
    let ran = lab.run();
    assert_eq!(ran.only_outcomes("controller"), [Outcome::Failed]);
    assert!(ran.error("controller").contains("connection refused"), "{}", ran.error("controller"));
    assert!(ran.outcomes("web1").is_empty());
    assert_eq!((lab.read("file"), ran.summary.exit), (None, 21));
}

#[test]
fn a_run_over_ssh_survives_a_cut_connection_and_rolls_back() {
    let mut lab = Lab::new(1);
    lab.sshd = Some(Sshd::start(&SshdOptions::default()));
    let changed = write(text(&lab.text_path("changed")), "new");
    lab.block(&[changed, look("echo waiting; sleep 40")], Some(RollbackScope::Host));
    let (summary, told) = block_on(async {
        let (request, mut received, _stop) = lab.request();
        let run = tokio::spawn(opsc::run::run(request));
        let mut told = Vec::new();
        while let Some(event) = received.recv().await {
            if matches!(&event.kind, EventKind::StepOutput { text, .. } if text.contains("waiting")) {
                assert_eq!(lab.read("changed").as_deref(), Some("new"));
                lab.sshd.as_ref().expect("sshd").cut_connections();
            }
            told.push(event);
        }
        (run.await.expect("no panic").expect("a run ends"), told)
    });
    let ran = Ran { summary, events: told };
    assert_eq!(ran.only_outcomes("web1"), [Outcome::Changed, Outcome::Unreachable, Outcome::RolledBack]);
    assert_eq!((lab.read("changed"), ran.summary.exit), (None, 23));
}

#[test]
fn a_host_that_refuses_is_unreachable() {
    let mut lab = Lab::new(1);
    let mut sshd = Sshd::start(&SshdOptions::default());
    sshd.port = 1;
    lab.sshd = Some(sshd);
    lab.block(&[shell("true")], None);
    let ran = lab.run();
    assert_eq!(ran.only_outcomes("web1"), [Outcome::Unreachable]);
    assert_eq!(ran.summary.exit, 20);
    assert!(ran.error("web1").contains("(hint: "), "{}", ran.error("web1"));
}

#[test]
fn a_second_interrupt_stops_at_the_step_border_and_rolls_back() {
    let mut lab = Lab::new(1);
    let (go, after) = (lab.text_path("go"), lab.text_path("after"));
    let waits = format!("echo waiting; while [ ! -e '{go}' ]; do sleep 0.02; done");
    let changed = write(text(&lab.text_path("changed")), "new");
    lab.block(&[changed, look(&waits), write(text(&after), "never")], Some(RollbackScope::Host));
    let summary = block_on(async {
        let (request, mut received, stop) = lab.request();
        let run = tokio::spawn(opsc::run::run(request));
        while let Some(event) = received.recv().await {
            match event.kind {
                EventKind::StepOutput { text, .. } if text.contains("waiting") => stop.send(2).expect("a run"),
                EventKind::StopRequested { .. } => std::fs::write(&go, "").expect("a file"),
                _ => {}
            }
        }
        run.await.expect("no panic").expect("a run ends")
    });
    assert_eq!(summary.exit, 130);
    assert_eq!((lab.read("changed"), lab.read("after")), (None, None));
}

#[test]
fn a_third_interrupt_leaves_at_once() {
    let mut lab = Lab::new(1);
    lab.block(&[shell("echo waiting; sleep 50")], None);
    let started = std::time::Instant::now();
    let summary = block_on(async {
        let (request, mut received, stop) = lab.request();
        let run = tokio::spawn(opsc::run::run(request));
        while let Some(event) = received.recv().await {
            if let EventKind::StepOutput { .. } = event.kind {
                stop.send(3).expect("a run");
            }
        }
        run.await.expect("no panic").expect("a run ends")
    });
    assert_eq!(summary.exit, 130);
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn max_duration_ends_a_run_as_timed_out() {
    let mut lab = Lab::new(1);
    lab.plan.max_duration = Some(200);
    lab.block(&[look("sleep 0.6"), shell("true")], None);
    let ran = lab.run();
    assert_eq!(ran.only_outcomes("web1"), [Outcome::Ok]);
    assert_eq!(ran.summary.exit, 27);
}

#[test]
fn an_effect_has_its_intent_before_and_its_result_after() {
    let mut lab = Lab::new(1);
    let to = text(&lab.text_path("file"));
    let twice = StepSpec { retry: 1, ..shell("exit 1") };
    lab.block(&[write(to, "new"), twice, look("true")], Some(RollbackScope::Host));
    lab.run();
    let expected = [
        "intent note.write#1 apply",
        "result note.write#1 apply changed",
        "intent shell.run#2 apply",
        "result shell.run#2 apply failed",
        "intent shell.run#2 apply",
        "result shell.run#2 apply failed",
        "intent note.write#1 rollback",
        "result note.write#1 rollback rolled_back",
    ];
    assert_eq!(lab.journaled(), expected);
}

#[test]
fn a_prediction_runs_checks_only() {
    let mut lab = Lab::new(1);
    std::fs::write(lab.path("same"), "text").expect("a file");
    let same = write(text(&lab.text_path("same")), "text");
    let other = write(text(&lab.text_path("other")), "text");
    lab.block(&[same, other, shell("touch nothing")], None);
    for (index, key) in ["path:/same", "path:/other", "path:/other"].into_iter().enumerate() {
        let id = opsc::base::ids::Id::from_index(index);
        let step: &mut opsc::plan::model::Step = lab.plan.steps.at_mut(id);
        step.touches = vec![key.to_string()];
    }
    let predictions = block_on(async {
        let (request, _received, _stop) = lab.request();
        opsc::run::predict(request, false).await
    });
    let verdicts: Vec<&Verdict> = predictions.iter().map(|prediction| &prediction.verdict).collect();
    let [Verdict::Ok, Verdict::WillChange { .. }, Verdict::Unknown { why }] = verdicts.as_slice() else {
        panic!("{verdicts:?}");
    };
    assert_eq!(why, "after note.write#2");
    assert_eq!(lab.read("other"), None);
}
