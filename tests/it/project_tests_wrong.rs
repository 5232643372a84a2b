//! Files of tests that are wrong: each mistake is told at its place, and reports for programs have it too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use serde_json::Value as Json;

use super::project_tests::{HEAD, project, restart, test};
use super::schemas::assert_valid;

#[test]
fn a_wrong_file_of_tests_says_where_and_what() {
    for (text, message, line) in [
        ("", "expected a mapping with `file:` and `expect:`, or with `tests:`, found nothing", 1),
        ("file: [\n", "this is not YAML", 2),
        ("file: playbooks/restart.ops\nexpct: { exit: 0 }\n", "there is no key `expct` here", 2),
        ("file: playbooks/restart.ops\n", "expected `expect:` with something that is expected, found none", 1),
        ("expect: { exit: 0 }\n", "expected `file:` with the playbook's file, found none", 1),
        ("file: no.ops\nexpect: { exit: 0 }\n", "expected a file beside the test, or from the project's root", 1),
        ("file: ../a.ops\nexpect: { exit: 0 }\n", "expected a file beside the test, or from the project's root", 1),
        ("file: a.ops\nexpect: { exit: zero }\n", "expected a whole number, found a text", 2),
        ("file: a.ops\nexpect: { hosts: { web1: fine } }\n", "`the outcome of a host` is ok, skipped,", 2),
        ("file: a.ops\nexpect: { exit: 0, exits: 0 }\n", "there is no key `exits` here", 2),
        ("file: a.ops\ntests:\n  - expect: { exit: 0 }\n", "expected a test with a `name:`, found none", 3),
        ("file: a.ops\ntests:\n  - { name: a }\nexpect: { exit: 0 }\n", "expected `expect:` in each of the tests", 2),
        ("file: a.ops\ntests:\n  - { name: a, tests: [], expect: { exit: 0 } }\n", "there is no key `tests` here", 3),
        ("file: a.ops\nsteps: [{ host: a }]\nexpect: { exit: 0 }\n", "expected a `step:`, found none", 2),
        (
            "file: a.ops\nsteps: [{ step: a, fault: fire }]\nexpect: { exit: 0 }\n",
            "`fault` is disconnect, timeout or reboot, found `fire`",
            2,
        ),
        ("file: a.ops\nsteps: [{ step: a, takes: long }]\nexpect: { exit: 0 }\n", "expected a duration such as 10s", 2),
        ("file: playbooks/restart.ops\nsteps: [{ step: http.chek }]\nexpect: { exit: 0 }\n", "found `http.chek`", 2),
        ("file: playbooks/restart.ops\nsteps: [{ step: found, host: web9 }]\nexpect: { exit: 0 }\n", "found `web9`", 2),
        (
            "file: playbooks/restart.ops\nsteps: [{ step: found, result: { runing: true } }]\nexpect: { exit: 0 }\n",
            "found `runing`",
            2,
        ),
        (
            "file: playbooks/restart.ops\nsteps: [{ step: service.restart, outcome: ok }]\nexpect: { exit: 0 }\n",
            "expected changed or failed, since this step has something to do every time, found ok",
            2,
        ),
        ("file: playbooks/restart.ops\nfacts: { web1: { distro: x } }\nexpect: { exit: 0 }\n", "found `distro`", 2),
        ("file: playbooks/restart.ops\nexpect: { never: [service.start] }\n", "found `service.start`", 2),
        (
            "file: playbooks/restart.ops\nsteps: [{ step: found, result: { running: perhaps } }]\nexpect: { exit: 0 }\n",
            "`running` does not fit: expected bool, found `perhaps`",
            2,
        ),
        ("file: playbooks/restart.ops\nexpect: { hosts: { \"db*\": ok } }\n", "found `db*`", 2),
        (
            "file: playbooks/restart.ops\nplaybook: nope\nexpect: { exit: 0 }\n",
            "`playbook` is restart, found `nope`",
            2,
        ),
        ("file: playbooks/restart.ops\nvars: { servic: a }\nexpect: { exit: 0 }\n", "found `servic`", 2),
        (
            "file: playbooks/restart.ops\nvars:\n  service: [a]\nexpect: { exit: 0 }\n",
            "the value given for `service` does not fit: ",
            3,
        ),
        ("file: playbooks/restart.ops\nlimit: web9\nexpect: { exit: 0 }\n", "the limit `web9` cannot be used: ", 2),
        ("file: a.ops\nsteps: [{ step: a, attempts: 0 }]\nexpect: { exit: 0 }\n", "a number of attempts, 1 or more", 2),
        (
            "file: a.ops\nsteps: [{ step: a, attempts: -1 }]\nexpect: { exit: 0 }\n",
            "a number of attempts, 1 or more",
            2,
        ),
        ("file: a.ops\nsteps: [{ step: a, exit: -1 }]\nexpect: { exit: 0 }\n", "expected an exit code, 0 or more", 2),
        (
            "file: playbooks/restart.ops\nsteps: [{ step: found, exit: 256 }]\nexpect: { exit: 0 }\n",
            "expected an exit code from 0 to 255",
            2,
        ),
        ("file: a.ops\nexpect: { exit: 256 }\n", "expected an exit code from 0 to 255, found 256", 2),
        (
            "file: a.ops\nsteps: [{ step: a, outcome: failed, exit: 0 }]\nexpect: { exit: 0 }\n",
            "expected another `exit:` where `outcome:` is failed, found 0",
            2,
        ),
        ("file: a.ops\ntests: []\n", "expected a list of tests, found an empty one", 2),
        (
            "file: playbooks/restart.ops\nexpect: { plan: ../a.plan }\n",
            "expected the name of a file beside the test",
            2,
        ),
    ] {
        let project = project();
        project.write("inventory.yaml", HEAD.trim_start_matches("inventory:\n").replace("\n  ", "\n").trim_start());
        let said = test(&project, text);
        assert_eq!(said.code, 11, "{text}\n{said:?}");
        assert!(said.stderr.contains(message), "{text}\n{}", said.stderr);
        assert!(said.stderr.contains(&format!("tests/a.test.yaml:{line}:")), "{text}\n{}", said.stderr);
    }
}

#[test]
fn an_inventory_in_a_test_is_read_with_its_lines() {
    let project = project();
    let said = test(
        &project,
        "file: playbooks/restart.ops\ninventory:\n  groups:\n    web:\n      hsots: [web1]\nexpect: { exit: 0 }\n",
    );
    assert_eq!(said.code, 11, "{said:?}");
    assert!(said.stderr.contains("there is no key `hsots` here"), "{said:?}");
    assert!(said.stderr.contains("tests/a.test.yaml:5:7"), "{said:?}");
}

#[test]
fn what_a_plan_refuses_may_be_what_is_expected() {
    for (setting, exit) in [("vars: { servic: a }", 10), ("limit: web9", 13), ("playbook: nope", 10)] {
        let said =
            test(&project(), &format!("{HEAD}file: playbooks/restart.ops\n{setting}\nexpect: {{ exit: {exit} }}\n"));
        assert_eq!(said.code, 0, "{setting}: {said:?}");
    }
}

#[test]
fn a_mistake_is_told_alone() {
    for text in [
        "file: a.ops\nexpect: { exit: zero }\n",
        "file: [a]\nexpect: { exit: 0 }\n",
        "file: a.ops\ntests:\n  - { name: a, expect: { hosts: { a: fine } } }\n",
    ] {
        let said = test(&project(), text);
        assert!(
            said.code == 11 && said.stderr.ends_with("\nerror: 1 error\n0 tests: 0 passed, 0 failed\n"),
            "{said:?}"
        );
    }
}

#[test]
fn reports_for_programs_have_files_that_are_wrong() {
    let project = project();
    project.write("tests/a.test.yaml", &restart("", "{ exit: 0 }"));
    project.write("tests/b.test.yaml", "file: a.ops\nexpct: { exit: 0 }\nfiel: a\n");
    let json = project.opsc(&["test", "-o", "json"]);
    let report: Json = serde_json::from_str(&json.stdout).unwrap();
    assert_valid("opsc.test-1", &[("wrong".to_string(), report.clone())]);
    assert_eq!((json.code, report["passed"].as_u64(), report["failed"].as_u64()), (11, Some(1), Some(0)));
    let errors = report["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{report}");
    assert_eq!((errors[0]["file"].as_str(), errors[0]["line"].as_u64()), (Some("tests/b.test.yaml"), Some(2)));
    assert_eq!(errors[1]["message"].as_str(), Some("there is no key `fiel` here"));
    let junit = project.opsc(&["test", "-o", "junit"]);
    assert_eq!(junit.code, 11);
    for part in [
        "<testsuites name=\"opsc test\" tests=\"2\" failures=\"0\" errors=\"1\">",
        "<testsuite name=\"tests/b.test.yaml\" tests=\"1\" failures=\"0\" errors=\"1\">",
        "<error type=\"file\" message=\"there is no key `expct` here\">tests/b.test.yaml:2: there is no key `expct` here&#10;",
    ] {
        assert!(junit.stdout.contains(part), "{part}\n{}", junit.stdout);
    }
}

#[test]
fn nothing_to_test_is_an_error() {
    let project = project();
    project.write("tests/other.yaml", "a: 1\n");
    let none = project.opsc(&["test"]);
    assert_eq!(none.code, 10);
    assert!(none.stderr.contains("error: no *.test.yaml file in `.`\nhint: tests are files `*.test.yaml`"), "{none:?}");
    let junit = project.opsc(&["test", "-o", "junit"]);
    assert!(junit.code == 10 && junit.stdout.contains("tests=\"1\" failures=\"0\" errors=\"1\""), "{junit:?}");
    assert!(junit.stdout.contains("<error type=\"file\" message=\"no *.test.yaml file in `.`\">"), "{junit:?}");
    let json = project.opsc(&["test", "-o", "json"]);
    let report: Json = serde_json::from_str(&json.stdout).unwrap();
    assert_valid("opsc.test-1", &[("nothing".to_string(), report.clone())]);
    assert_eq!((json.code, report["errors"].as_array().unwrap().len()), (10, 1));
}
