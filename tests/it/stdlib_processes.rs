//! Processes by their name, on this machine: programs that only these tests have.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::stdlib_cases::Case;

/// A program that sleeps, ended with the value.
struct Sleeper {
    name: String,
    child: Child,
}

impl Sleeper {
    /// `stubborn` does not end when it is asked to.
    fn start(case: &Case, name: &str, stubborn: bool) -> Sleeper {
        let name = format!("{name}-{}", std::process::id());
        let program = case.project.path(&name);
        std::fs::copy("/bin/bash", &program).unwrap();
        let trap = if stubborn { "trap '' TERM; " } else { "" };
        let fifo = case.project.path(&format!("fifo of {name}"));
        Command::new("mkfifo").arg(&fifo).status().unwrap();
        let waits = format!("{trap}echo; read -r _ < \"$1\"; :");
        let mut command = Command::new(&program);
        command.args(["-c", &waits, "x"]).arg(fifo).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It says a line once it listens to signals as it will.
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
        Sleeper { name, child }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn holds(case: &Case, steps: &str) {
    let said = case.run(steps, "read", &["run"]);
    assert_eq!(said.code, 0, "{steps}: {said:?}");
}

#[test]
fn process_status() {
    let case = Case::new();
    let one = Sleeper::start(&case, "opsc (it's) one long name", false);
    let other = Sleeper::start(&case, "opsc (it's) other long name", false);
    let status = |name: &str, condition: &str| {
        let step = format!("x = process.status(name: \"{name}\")\n    require {condition} else \"{{x.count}}\"");
        case.reads(&step, "read");
    };
    for sleeper in [&one, &other] {
        let pid = sleeper.child.id();
        status(&sleeper.name, &format!("x.running and x.count == 1 and x.pids == [{pid}]"));
    }
    status("opsc (it's) one", "not x.running and x.count == 0 and x.pids == []");
    // As one that writes what it does over its name.
    let mut renamed = Command::new("bash");
    renamed.args(["-c", "exec -a 'opsc-own: at work' \"$0\" 600"]).arg(case.project.path("opsc-own"));
    std::fs::copy("/bin/sleep", case.project.path("opsc-own")).unwrap();
    let _renamed = Sleeper { name: "opsc-own".to_string(), child: renamed.spawn().unwrap() };
    holds(&case, "process.wait(name: \"opsc-own\", state: \"running\")");
    status("$(touch hacked)", "not x.running");
    assert!(!case.project.path("hacked").exists() && !case.project.path("home/hacked").exists());
    case.is_refused("process.status(name: \"/bin/x\")", "read", "expected text like");
}

#[test]
fn process_wait() {
    let case = Case::new();
    let mut sleeper = Sleeper::start(&case, "opsc-wait", false);
    holds(&case, &format!("process.wait(name: \"{}\", state: \"running\")", sleeper.name));
    let never = format!("process.wait(name: \"{}\") {{\n      timeout: 1s\n    }}", sleeper.name);
    assert_eq!(case.run(&never, "read", &["run"]).code, 27);
    // It has ended, though nobody has asked for its end yet.
    sleeper.child.kill().unwrap();
    holds(&case, &format!("process.wait(name: \"{}\")", sleeper.name));
}

#[test]
fn process_kill() {
    let case = Case::new();
    let mut sleeper = Sleeper::start(&case, "opsc-kill", false);
    let step = format!("process.kill(name: \"{}\")", sleeper.name);
    let planned = case.run(&step, "change", &["plan"]);
    assert!(planned.stdout.contains("~ will change"), "{planned:?}");
    assert!(sleeper.child.try_wait().unwrap().is_none(), "a dry run ends nothing");
    let killed = case.run(&step, "change", &["run", "-y"]);
    assert_eq!((killed.code, case.changed(&killed)), (0, 1), "{killed:?}");
    assert!(sleeper.child.try_wait().unwrap().is_some());
    case.has_nothing_to_do(&step, "change");
}

#[test]
fn process_kill_of_one_that_does_not_want_to() {
    let case = Case::new();
    let mut sleeper = Sleeper::start(&case, "opsc-stubborn", true);
    let step = |more: &str| format!("process.kill(name: \"{}\", grace: 1s{more})", sleeper.name);
    let (asked, forced) = (step(""), step(", force: true"));
    case.fails(&asked, "change", "force: true ends it");
    assert!(sleeper.child.try_wait().unwrap().is_none());
    assert_eq!(case.run(&forced, "change", &["run", "-y"]).code, 0);
    assert!(sleeper.child.try_wait().unwrap().is_some());
}
