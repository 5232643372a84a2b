//! Steps of which nobody knows how they ended, and whose rollback did not come about: what is asked of a person is what is
//! not known, and the answer goes no further. Through the binary.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::project::{Project, Said, said};
use super::sshd::{Sshd, SshdOptions};

const DEPLOY: &str = r#"ops 1

playbook deploy() ! change, exec {
  on host("w1") {
    conf = file.write(to: "ROOT/conf", content: "new")
    once = shell.run(script: sh"""echo begin >> ROOT/log; echo begun; until [ -e ROOT/go ]; do sleep 0.02; done; echo end >> ROOT/log""", effect: "change", undo: sh"""echo undo >> ROOT/log; until [ -e ROOT/back ]; do sleep 0.02; done""") {
      timeout: TIMEOUT
    }
    on failure { rollback }
  }
}
"#;

struct Deploy {
    project: Project,
}

impl Deploy {
    fn new(way: &str, timeout: &str) -> Deploy {
        let project = Project::new();
        project.write("inventory.yaml", &format!("hosts:\n  w1: {{ os: linux, {way} }}\n"));
        let root = project.path("root");
        std::fs::create_dir(&root).unwrap();
        let text = DEPLOY.replace("ROOT", &root.display().to_string()).replace("TIMEOUT", timeout);
        project.write("deploy.ops", &text);
        Deploy { project }
    }

    fn command(&self, line: &str) -> Command {
        self.project.command(&line.split_whitespace().collect::<Vec<_>>())
    }

    #[track_caller]
    fn comes_to(&self, line: &str, code: i32) -> Said {
        let said = said(self.command(line).output().unwrap());
        assert_eq!(said.code, code, "{line}: {said:?}");
        said
    }

    fn log(&self) -> String {
        self.project.read("root/log").unwrap_or_default()
    }

    fn until_logged(&self, line: &str) {
        until(|| self.log().contains(line));
    }
}

#[track_caller]
fn until(is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < until, "it never came");
        std::thread::yield_now();
    }
}

/// Ends what does the one step that is under way, as a machine that goes down would.
fn end_the_step(home: &Path) {
    let receipts = std::fs::read_dir(home.join(".opsc/receipts")).unwrap().map(|entry| entry.unwrap().path());
    let open: PathBuf = receipts.filter(|path| path.is_dir()).find(|path| !path.join("code").exists()).unwrap();
    let process = std::fs::read_to_string(open.join("process")).unwrap();
    let mut ended = vec![process.split(' ').next().unwrap().to_owned()];
    let listed = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().unwrap().stdout;
    let listed = String::from_utf8(listed).unwrap();
    let pairs: Vec<_> = listed.lines().filter_map(|line| line.trim().split_once(char::is_whitespace)).collect();
    let mut at = 0;
    while let Some(parent) = ended.get(at).cloned() {
        ended.extend(pairs.iter().filter(|(_, of)| of.trim() == parent).map(|(pid, _)| (*pid).to_owned()));
        at += 1;
    }
    // A `sleep` among them may be over by now.
    drop(Command::new("kill").arg("-KILL").args(&ended).stderr(Stdio::null()).status());
    until(|| ended.iter().all(|pid| !Path::new("/proc").join(pid).join("fd/0").exists()));
}

/// The step is what nobody knows the end of; its rollback was never begun.
#[test]
fn a_host_that_went_down_is_asked_about_the_step_and_not_about_its_rollback() {
    let mut sshd = Sshd::start(&SshdOptions::default());
    let way = format!(
        "address: 127.0.0.1, port: {}, user: root, key: {:?}, known_hosts: {:?}",
        sshd.port, sshd.key_path, sshd.known_hosts_path
    );
    let deploy = Deploy::new(&way, "5m");
    let mut run = deploy.command("run deploy.ops -y -o ndjson --timeout 1").spawn().unwrap();
    let mut events = BufReader::new(run.stdout.as_mut().unwrap()).lines();
    assert!(events.any(|event| event.unwrap().contains("begun")));
    sshd.stop();
    end_the_step(&sshd.directory.path().join("home"));
    let left = said(run.wait_with_output().unwrap());
    assert!(left.stdout.contains("\"left\":[\"once\",\"conf\"]"), "{left:?}");

    sshd.start_again();
    let asked = deploy.comes_to("resume 1 -y", 3);
    assert!(asked.stderr.contains("  w1 once: its process on w1 is gone without a word\n"), "{asked:?}");
    // Who made a slip says it again.
    deploy.comes_to("resolve 1 once w1 --done", 0);
    deploy.comes_to("resolve 1 once w1 --not-done", 0);
    deploy.project.write("root/go", "");
    deploy.comes_to("resume 1 -y", 0);
    assert_eq!(deploy.log(), "begin\nbegin\nend\n", "it was not done, so it is done");
    let late = deploy.comes_to("resolve 1 once w1 --done", 10);
    assert!(late.stderr.contains("run 2 went on with run 1"), "{late:?}");
    deploy.comes_to("db check", 0);
    deploy.comes_to("audit verify", 0);
}

/// Two things are not known, and an answer to the one is none to the other.
#[test]
fn a_rollback_that_did_not_come_about_leaves_the_step_as_unknown_as_it_was() {
    let deploy = Deploy::new("transport: local", "1s");
    let mut run = deploy.command("run deploy.ops -y").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    deploy.until_logged("undo");
    run.kill().unwrap();
    run.wait().unwrap();
    let asked = deploy.comes_to("resume 1 -y", 3);
    assert!(asked.stderr.contains("  w1 once (its rollback)\n"), "{asked:?}");
    deploy.comes_to("resolve 1 once w1 --not-done", 0);
    // So the host is asked of the step itself: it was ended before it was over, and there is a way back from that.
    deploy.project.write("root/back", "");
    let back = deploy.comes_to("resume 1 -y", 27);
    assert!(back.stderr.contains("apply was ended before it was over: what of it was done is not known"), "{back:?}");
    assert_eq!(deploy.log(), "begin\nundo\nundo\n");
    deploy.project.write("root/go", "");
    deploy.comes_to("resume 2 -y", 0);
    assert_eq!(deploy.log(), "begin\nundo\nundo\nbegin\nend\n");
}

/// A run that goes back is gone on with by going back: what it undoes is not done again unasked.
#[test]
fn a_run_that_goes_back_is_not_resumed_forward() {
    let mut sshd = Sshd::start(&SshdOptions::default());
    let way = format!(
        "address: 127.0.0.1, port: {}, user: root, key: {:?}, known_hosts: {:?}",
        sshd.port, sshd.key_path, sshd.known_hosts_path
    );
    let deploy = Deploy::new(&way, "5m");
    for go in ["root/go", "root/back"] {
        deploy.project.write(go, "");
    }
    deploy.comes_to("run deploy.ops -y", 0);
    sshd.stop();
    let lost = deploy.comes_to("rollback 1 -y --timeout 1", 20);
    assert!(lost.stdout.contains("unreachable=1"), "{lost:?}");
    sshd.start_again();
    for line in ["resume 2 -y", "retry 2 -y"] {
        let refused = deploy.comes_to(line, 10);
        assert!(refused.stderr.contains("`opsc rollback 2` goes on with it"), "{refused:?}");
    }
    assert_eq!(deploy.log(), "begin\nend\n");
    deploy.comes_to("rollback 2 -y", 0);
    assert_eq!(deploy.log(), "begin\nend\nundo\n");
}
