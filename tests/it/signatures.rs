//! Answers to approvals and saved plans that people sign, with the `minisign` program itself and by opsc: what one signs
//! the other takes, and nothing else passes; through the binary.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use super::project::{Project, Said, said};

const INVENTORY: &str = "hosts:\n  w1: { transport: local, os: linux }\n";

const RELEASE: &str = r#"ops 1

playbook release() ! change, exec {
  on host("w1") {
    shell.run(script: sh"echo before >> ROOT/marks", effect: "change")
  }

  approve(by: ["dba", "ops"], message: "go on", within: 2h)

  on host("w1") {
    shell.run(script: sh"echo after >> ROOT/marks", effect: "change")
  }
}
"#;

const DEPLOY: &str = r#"ops 1

playbook deploy() ! change, exec {
  on host("w1") {
    shell.run(script: sh"echo done >> ROOT/marks", effect: "change")
  }
}
"#;

struct Signed {
    project: Project,
}

impl Signed {
    /// With keys of two people, made by `minisign`; the settings name them where the text says `ANN` and `BEN`.
    fn new(settings: &str) -> Signed {
        let signed = Signed { project: Project::new() };
        let root = signed.project.path("root");
        std::fs::create_dir(&root).unwrap();
        signed.project.write("inventory.yaml", INVENTORY);
        for (name, text) in [("release", RELEASE), ("deploy", DEPLOY)] {
            signed.project.write(&format!("{name}.ops"), &text.replace("ROOT", root.to_str().unwrap()));
        }
        for name in ["ann", "ben"] {
            signed.minisign(&format!("-G -W -f -p {name}.pub -s {name}.key"), "");
        }
        let settings = settings.replace("ANN", &signed.public("ann")).replace("BEN", &signed.public("ben"));
        signed.project.write("opsc.toml", &settings);
        signed
    }

    fn waiting(settings: &str) -> Signed {
        let signed = Signed::new(settings);
        signed.comes_to("run release.ops -y", 3);
        signed
    }

    fn public(&self, name: &str) -> String {
        self.project.read(&format!("{name}.pub")).unwrap().lines().nth(1).unwrap().to_string()
    }

    #[track_caller]
    fn minisign(&self, line: &str, typed: &str) {
        let mut command = Command::new("minisign");
        command.args(line.split_whitespace()).current_dir(self.project.folder.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "minisign {line}: {output:?}");
    }

    #[track_caller]
    fn comes_to(&self, line: &str, code: i32) -> Said {
        let said = self.project.opsc(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(said.code, code, "{line}: {said:?}");
        said
    }

    #[track_caller]
    fn says(&self, line: &str, code: i32, expected: &str) {
        let said = self.comes_to(line, code);
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(all.contains(expected), "{line}: expected {expected:?}:\n{all}");
    }

    /// What is to be signed, in a file.
    fn printed(&self, line: &str, file: &str) {
        let text = self.comes_to(line, 0).stdout;
        assert!(text.starts_with("opsc.approval/1\nverdict: "), "{text}");
        self.project.write(file, &text);
    }

    fn marks(&self) -> String {
        self.project.read("root/marks").unwrap_or_default()
    }

    fn row(&self, kind: &str) -> Json {
        let rows = self.comes_to(&format!("audit query --kind {kind} -o json"), 0).stdout;
        serde_json::from_str::<Vec<Json>>(&rows).unwrap().pop().unwrap()
    }

    fn journal(&self, statement: &str) {
        let journal = rusqlite::Connection::open(self.project.path(".opsc/journal.sqlite")).unwrap();
        assert!(journal.execute(statement, []).unwrap() > 0, "{statement}");
    }
}

const KEYS: &str = "[approvers]\ndba = [\"ANN\"]\nops = [\"BEN\"]\n";

#[test]
fn what_minisign_signs_is_an_answer() {
    for legacy in ["", "-l"] {
        let signed = Signed::waiting(KEYS);
        signed.says("approve 1 --as dba", 12, "is answered by dba with a signature only: `[approvers]` has keys");
        signed.printed("approve 1 --print", "text");
        signed.minisign(&format!("-S {legacy} -s ann.key -m text -t by-ann"), "");
        signed.says("approve 1 --signature text.minisig", 0, "approved by dba (root), signed, at ");
        assert_eq!(signed.row("approval")["details"]["key"], signed.public("ann"));
        signed.says("show 1 -o json", 0, &signed.public("ann"));
        signed.comes_to("resume 1 -y", 0);
        assert_eq!(signed.marks(), "before\nafter\n");
        signed.comes_to("audit verify", 0);
    }
    let signed = Signed::waiting(KEYS);
    signed.printed("reject 1 --print", "text");
    signed.minisign("-S -s ben.key -m text", "");
    signed.says("reject 1 --signature text.minisig", 0, "rejected by ops (root), signed, at ");
    signed.says("resume 1 -y", 10, "rejected by ops");
}

#[test]
fn what_opsc_signs_minisign_verifies() {
    let signed = Signed::waiting(KEYS);
    signed.printed("approve 1 --print", "text");
    signed.says("approve 1 --sign ben.key", 0, "approved by ops (root), signed, at ");
    let signature = signed.row("approval")["details"]["signature"].as_str().unwrap().to_string();
    signed.project.write("made.minisig", &signature);
    signed.minisign("-V -p ben.pub -m text -x made.minisig", "");
    signed.comes_to("resume 1 -y", 0);
    signed.comes_to("audit verify", 0);
    signed.says("audit query --kind approval", 0, "approve#1 as ops, signed: go on");
}

#[test]
fn a_protected_key_opens_with_its_passphrase_alone() {
    let signed = Signed::waiting(KEYS);
    signed.minisign("-G -f -p cat.pub -s cat.key", "open sesame\nopen sesame\n");
    signed.project.write("opsc.toml", &format!("[approvers]\ndba = [\"{}\"]\nops = \"self\"\n", signed.public("cat")));
    signed.says("approve 1 --sign cat.key", 3, "a password is needed");
    for (word, mode, code, expected) in [
        ("open sesame", 0o644, 10, "can be read by others"),
        ("open wheat", 0o600, 1, "the passphrase is another one"),
        ("open sesame", 0o600, 0, "approved by dba (root), signed"),
    ] {
        signed.project.write("word", &format!("{word}\n"));
        std::fs::set_permissions(signed.project.path("word"), std::fs::Permissions::from_mode(mode)).unwrap();
        signed.says("approve 1 --sign cat.key --password-file word", code, expected);
    }
    signed.comes_to("resume 1 -y", 0);
}

#[test]
fn another_key_another_text_and_another_journal_are_no_answer() {
    let signed = Signed::waiting("[approvers]\ndba = [\"ANN\"]\nops = \"self\"\n");
    signed.says("approve 1 --sign ben.key", 12, "is none that may answer `approve#1`");
    signed.says("approve 1 --sign ann.key --as ops", 12, "is none that may answer `approve#1`");
    signed.says("approve 1 --sign ann.key --as eve", 12, "by dba or ops, not by eve");
    signed.printed("reject 1 --print", "text");
    signed.minisign("-S -s ann.key -m text", "");
    signed.says("approve 1 --signature text.minisig", 12, "is not of this answer to `approve#1`");
    let elsewhere = Signed::waiting(KEYS);
    elsewhere.printed("approve 1 --print", "text");
    std::fs::copy(elsewhere.project.path("text"), signed.project.path("text")).unwrap();
    signed.minisign("-S -s ann.key -m text", "");
    signed.says("approve 1 --signature text.minisig", 12, "is not of this answer to `approve#1`");
    signed.says("approve 1 --signature text", 1, "it is no signature of minisign");
    signed.says("approve 1 --sign ann.pub", 1, "it is no secret key of minisign");
    signed.says("resume 1 -y", 3, "run 1 waits at `approve#1`");
    // The same run at the same moment, but of another journal.
    let at_once = "UPDATE approvals SET asked = 5000, until = 4000000000000";
    signed.journal(at_once);
    signed.printed("approve 1 --print", "text");
    signed.minisign("-S -s ann.key -m text", "");
    std::fs::rename(signed.project.path(".opsc"), signed.project.path("before")).unwrap();
    signed.comes_to("run release.ops -y", 3);
    signed.journal(at_once);
    signed.says("approve 1 --signature text.minisig", 12, "is not of this answer to `approve#1`");
    std::fs::remove_dir_all(signed.project.path(".opsc")).unwrap();
    std::fs::rename(signed.project.path("before"), signed.project.path(".opsc")).unwrap();
    signed.comes_to("approve 1 --signature text.minisig", 0);
    signed.project.write("opsc.toml", "[approvers]\ndba = [\"ssh-ed25519 AAAA\"]\n");
    signed.says("approve 1", 10, "opsc.toml:2: `approvers.dba` is a list of public keys of minisign");
}

#[test]
fn an_approval_that_was_written_into_the_journal_lets_nothing_through() {
    let forged = "UPDATE approvals SET approved = 1, said_as = 'dba', user = 'ann', machine = 'desk', said = 5";
    let signed = Signed::waiting(KEYS);
    signed.journal(forged);
    signed.says("resume 1 -y", 25, "`approve#1` of run 1 was approved by dba (ann) at ");

    let signed = Signed::waiting(KEYS);
    signed.comes_to("reject 1 --sign ann.key", 0);
    signed.says("show 1", 0, "rejected by dba (root), signed, at ");
    signed.journal("UPDATE approvals SET approved = 1");
    let changed = "approved by dba (root), but that is not what was signed, at ";
    for form in ["show 1", "report 1", "report 1 -o html", "report 1 -o junit"] {
        signed.says(form, 0, changed);
    }
    let shown: Json = serde_json::from_str(&signed.comes_to("show 1 -o json", 0).stdout).unwrap();
    let verdict = &shown["approvals"][0]["verdict"];
    assert_eq!((&verdict["key"], &verdict["signed"]), (&Json::Null, &Json::Bool(false)));
    signed.says("resume 1 -y", 25, "and no key that `[approvers]` has for that name signed it");
    signed.journal("UPDATE audit SET kind = 'approval.approved' WHERE kind = 'approval.rejected'");
    signed.says("audit verify", 1, "its signature is not of what it says");

    let signed = Signed::waiting(KEYS);
    signed.comes_to("approve 1 --sign ann.key", 0);
    signed
        .project
        .write("opsc.toml", &KEYS.replace("ANN", &signed.public("ben")).replace("BEN", &signed.public("ben")));
    signed.says("resume 1 -y", 25, "`opsc run` starts anew");
    assert_eq!(signed.marks(), "before\n");
}

#[test]
fn whoever_began_a_run_does_not_approve_it() {
    let anybody = "[approvals]\nfour_eyes = \"yes\"\n[approvers]\ndba = \"self\"\nops = \"self\"\n";
    let signed = Signed::waiting(anybody);
    signed.says("approve 1 --as dba", 12, "is to be approved by somebody else than who began run 1");
    let by_ben = signed.project.command(&["approve", "1"]).env("USER", "ben").output().unwrap();
    assert_eq!(said(by_ben).code, 0);
    signed.comes_to("resume 1 -y", 0);
    let signed = Signed::waiting(anybody);
    signed.says("reject 1", 0, "rejected by dba (root)");

    let keys = "[approvals]\nfour_eyes = \"yes\"\n[approvers]\ndba = [\"ANN\"]\nops = [\"BEN\"]\nroot = [\"ANN\"]\n";
    let signed = Signed::waiting(keys);
    signed.says("approve 1 --sign ben.key", 12, "somebody else than who began run 1");
    signed.printed("approve 1 --print", "text");
    signed.minisign("-S -s ann.key -m text", "");
    signed.says("approve 1 --signature text.minisig", 12, "somebody else than who began run 1");
    signed.minisign("-S -s ben.key -m text", "");
    signed.says("approve 1 --signature text.minisig", 0, "approved by ops (root), signed");

    let signed = Signed::new(keys.rsplit_once("root").unwrap().0);
    signed.comes_to("plan release.ops --save out.plan", 0);
    signed.minisign("-S -s ann.key -m out.plan", "");
    for (run, line) in [(1, "run out.plan --require-signed"), (2, "run out.plan")] {
        signed.comes_to(line, 3);
        signed.printed(&format!("approve {run} --print"), "text");
        signed.minisign("-S -s ann.key -m text", "");
        let refused = format!("somebody else than who began or signed run {run}");
        signed.says(&format!("approve {run} --signature text.minisig"), 12, &refused);
    }
}

#[test]
fn what_is_signed_names_the_hosts_behind_the_gate() {
    let signed = Signed::waiting(KEYS);
    signed.says("approve 1 --print", 0, "\nhosts: [\"on#2: w1\"]\n");
    signed.says("show 1", 0, "\n  on#2: w1\n");
}

#[test]
fn a_plan_that_must_be_signed_is_run_with_a_signature_of_somebody_known() {
    let signed = Signed::new(KEYS);
    signed.comes_to("plan deploy.ops --save out.plan", 0);
    signed.says("run out.plan --require-signed", 25, "is not signed: there is no `out.plan.minisig`");
    signed.minisign("-G -W -f -p eve.pub -s eve.key", "");
    signed.minisign("-S -s eve.key -m out.plan", "");
    signed.says(
        "run out.plan --require-signed",
        25,
        ", which nobody in `[approvers]` has\nhint: nothing was run; known are dba (",
    );
    signed.project.write("out.plan.minisig", "no signature\n");
    signed.says("run out.plan --require-signed", 25, "it is no signature of minisign");
    signed.minisign("-S -s ann.key -m out.plan", "");
    signed.comes_to("plan deploy.ops --offline --save out.plan", 0);
    signed.says("run out.plan --require-signed", 25, ") is no signature of this `out.plan`");
    signed.says("run deploy.ops -y --require-signed", 25, "is no saved plan that somebody signed");
    assert_eq!((signed.marks(), signed.comes_to("runs", 0).stdout), (String::new(), String::new()));
    signed.minisign("-S -l -s ann.key -m out.plan", "");
    signed.comes_to("run out.plan --require-signed", 0);
    let file = signed.row("run.started")["details"]["plan_file"].clone();
    assert_eq!((&file["signed"]["as"], &file["signed"]["key"]), (&"dba".into(), &signed.public("ann").into()));
    let sum = Command::new("sha256sum").arg(signed.project.path("out.plan")).output().unwrap().stdout;
    assert!(String::from_utf8(sum).unwrap().starts_with(file["sha256"].as_str().unwrap()), "{file}");
    signed.project.write("opsc.toml", "[approvers]\ndba = \"self\"\n");
    signed.says("run out.plan --require-signed", 25, "hint: nothing was run; `[approvers]` of opsc.toml has no key");
}

#[test]
fn where_only_signed_plans_change_anything_nothing_else_does() {
    let signed = Signed::new(&format!("require_signed = \"yes\"\n{KEYS}"));
    for line in ["run deploy.ops -y", "exec -l w1 -y -- true", "do file.write to=/never content=x -l w1 -y"] {
        signed.says(line, 25, "is no saved plan that somebody signed");
    }
    signed.comes_to("exec -l w1 --effect read -- true", 0);
    signed.comes_to("run deploy.ops --dry-run", 0);
    signed.comes_to("plan release.ops --save out.plan", 0);
    signed.says("run out.plan", 25, "is not signed");
    assert_eq!(signed.marks(), "");
    signed.minisign("-S -s ben.key -m out.plan", "");
    signed.comes_to("run out.plan", 3);
    // What goes on with it has its agreement.
    signed.comes_to("approve 2 --sign ann.key", 0);
    signed.comes_to("resume 2 -y", 0);
    assert_eq!(signed.marks(), "before\nafter\n");
}

#[test]
fn where_what_destroys_is_to_be_signed_the_rest_is_not() {
    let signed = Signed::new(&format!("require_signed = \"destroy\"\n{KEYS}"));
    let destroy = DEPLOY
        .replace("playbook deploy() ! change", "playbook destroy() ! destroy")
        .replace("\"change\"", "\"destroy\"");
    let root = signed.project.path("root");
    signed.project.write("destroy.ops", &destroy.replace("ROOT", root.to_str().unwrap()));
    signed.comes_to("run deploy.ops -y", 0);
    signed.comes_to("plan deploy.ops --save out.plan", 0);
    signed.comes_to("run out.plan", 0);
    assert_eq!(signed.marks(), "done\ndone\n");
    // What it may do says more than its steps do: these count, whether they are saved or not.
    signed.project.write("wide.ops", &signed.project.read("deploy.ops").unwrap().replace("! change", "! destroy"));
    signed.comes_to("run wide.ops -y", 0);
    signed.comes_to("plan wide.ops --save out.plan", 0);
    signed.comes_to("run out.plan", 0);
    assert_eq!(signed.marks(), "done\ndone\ndone\ndone\n");
    signed.says("run destroy.ops -y --allow-destroy", 25, "is no saved plan that somebody signed");
    signed.comes_to("plan destroy.ops --allow-destroy --save out.plan", 0);
    signed.says("run out.plan", 25, "`out.plan` is not signed: there is no `out.plan.minisig`");
    assert_eq!(signed.marks(), "done\n".repeat(4));
    signed.minisign("-S -s ben.key -m out.plan", "");
    signed.comes_to("run out.plan", 0);
    assert_eq!(signed.marks(), "done\n".repeat(5));
}

#[test]
fn a_plan_is_run_in_its_time_and_where_it_says_so_once() {
    let signed = Signed::new("");
    signed.comes_to("plan deploy.ops --save late.plan --expires 1ms", 0);
    signed.says("run late.plan", 25, "`late.plan` was to be run until ");
    signed.comes_to("plan deploy.ops --save out.plan --expires 1h --once", 0);
    signed.says("run out.plan --dry-run", 0, "w1");
    assert_eq!(signed.marks(), "");
    signed.comes_to("run out.plan", 0);
    signed.says("run out.plan", 25, "the plan was saved to be run once, and run 1 was that");
    // Another place, the same plan.
    std::fs::copy(signed.project.path("out.plan"), signed.project.path("copy.plan")).unwrap();
    signed.says("run copy.plan", 25, "and run 1 was that");
    assert_eq!(signed.marks(), "done\n");
    signed.comes_to("plan deploy.ops --save free.plan", 0);
    signed.comes_to("run free.plan", 0);
    signed.comes_to("run free.plan", 0);
    for wrong in ["soon", "4", "4h5"] {
        let line = format!("plan deploy.ops --save out.plan --expires {wrong}");
        signed.says(&line, 10, "expected a duration such as 30m or 4h");
    }
    signed.says("plan deploy.ops --once", 10, "--save");
}
