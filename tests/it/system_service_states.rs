//! The actions that change one thing about a service, on a real Debian host with systemd: start, stop, enable, disable,
//! mask, unmask, and what status and daemon_reload see.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::{Case, changed};
use super::system_services::{INSTALL, state, unit};

#[test]
fn services_are_started_enabled_stopped_and_disabled_one_thing_at_a_time() {
    let case = Case::new();
    unit(&case, "app", "ExecStart=sleep infinity", INSTALL);
    let state = state("app");
    case.converges("service.start(name: \"app\")", &state, "active disabled\n");
    case.converges("service.enable(name: \"app\")", &state, "active enabled\n");
    case.converges("service.stop(name: \"app.service\")", &state, "inactive enabled\n");
    case.converges("service.disable(name: \"app\")", &state, "inactive disabled\n");

    // A unit file that lies elsewhere stays known.
    case.host().sh("mkdir /opt/units; printf '[Service]\\nExecStart=sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n' > /opt/units/far.service; systemctl link --quiet /opt/units/far.service");
    let far = "systemctl is-enabled far || true; ls /etc/systemd/system/*.wants | grep -c far || true";
    case.converges("service.enable(name: \"far\")", far, "enabled\n1\n");
    case.converges("service.disable(name: \"far\")", far, "linked\n0\n");
}

#[test]
fn a_service_that_does_not_end_is_killed_after_its_grace() {
    let case = Case::new();
    let deaf = "ExecStart=sh -c \"trap : TERM; touch /run/deaf; while :; do sleep 0.1; done\"\nTimeoutStopSec=300";
    unit(&case, "deaf", deaf, INSTALL);
    case.host().sh("systemctl start deaf; until [ -e /run/deaf ]; do sleep 0.05; done");
    case.converges("service.stop(name: \"deaf\", grace: 1s)", "systemctl is-active deaf || true", "failed\n");
}

#[test]
fn services_are_masked_also_before_they_are_installed() {
    let case = Case::new();
    let later = "systemctl is-enabled later 2>/dev/null || true";
    case.converges("service.mask(name: \"later\")", later, "masked\n");
    case.converges("service.unmask(name: \"later\")", later, "");
    case.host().sh("systemctl mask --quiet --runtime later");
    case.converges("service.unmask(name: \"later\")", later, "");
    unit(&case, "own", "ExecStart=sleep infinity", INSTALL);
    case.fails("service.mask(name: \"own\")", &state("own"), &["/etc/systemd/system/own.service already exists"]);
}

#[test]
fn what_cannot_be_started_or_enabled_says_why() {
    let case = Case::new();
    unit(&case, "dies", "ExecStart=sh -c \"sleep 0.3; echo 'bad value in line 7' >&2; exit 3\"", INSTALL);
    let kept = "dies started, but did not keep running for 1 s";
    case.fails("service.start(name: \"dies\")", &state("dies"), &[kept, "bad value in line 7"]);
    unit(&case, "static", "ExecStart=sleep infinity", "");
    case.fails(
        "service.enable(name: \"static\")",
        &state("static"),
        &["static cannot be enabled", "[Install] section"],
    );
    case.has_nothing_to_do("service.disable(name: \"static\")");
    case.host().sh("systemctl mask --quiet hidden");
    for verb in ["start", "enable"] {
        let because = ["hidden is masked", "first service.unmask(name: \"hidden\")"];
        case.fails(&format!("service.{verb}(name: \"hidden\")"), &state("hidden"), &because);
    }
    for verb in ["start", "stop", "enable", "disable"] {
        case.fails(&format!("service.{verb}(name: \"none\")"), "", &["there is no service none"]);
    }
    let said = case.run("service.stop(name: \"a/b\", grace: 0s)");
    assert_eq!(said.code, 11, "{said:?}");
    assert!(said.stderr.contains("ServiceName") && said.stderr.contains("duration(1s..1h)"), "{said:?}");
}

#[test]
fn status_sees_and_daemon_reload_reads_again() {
    let case = Case::new();
    unit(&case, "ended", "ExecStart=false", INSTALL);
    case.host().sh("systemctl start ended; systemctl mask --quiet hidden; until systemctl is-failed --quiet ended; do sleep 0.05; done");
    case.reads(
        "x = service.status(name: \"ssh\")
    require x.exists and x.running and x.enabled and not x.masked and x.state == \"active\" and x.detail == \"running\" and x.pid > 1 and x.restarts == 0 else \"ssh is {x.state}\"
    missing = service.status(name: \"no-such-service\")
    require not missing.exists and not missing.running and missing.state == \"inactive\" and missing.pid == none else \"missing is {missing.state}\"
    hidden = service.status(name: \"hidden\")
    require hidden.masked and not hidden.running else \"hidden is {hidden.state}\"
    ended = service.status(name: \"ended\")
    require ended.state == \"failed\" and not ended.enabled else \"ended is {ended.state}\"",
    );

    case.host().sh("sed -i s/false/true/ /etc/systemd/system/ended.service");
    let stale = "systemctl show --property NeedDaemonReload --value ended";
    assert_eq!(case.host().sh(stale), "yes\n");
    let step = "service.daemon_reload()";
    assert!(case.plans(step).stdout.contains("h1: ~ will change"));
    assert_eq!(case.host().sh(stale), "yes\n", "a plan reads nothing again");
    let said = case.run(step);
    assert_eq!((said.code, changed(&said)), (0, 1), "{said:?}");
    assert_eq!(case.host().sh(stale), "no\n");
    // Undone, systemd knows the unit file that is there then.
    let write = "file.write(to: \"/etc/systemd/system/ended.service\", content: \"[Service]\\nExecStart=sleep 1\\n\") {\n      as: \"root\"\n    }";
    let known = "systemctl show --property ExecStart --value ended | grep -o 'argv.*;'";
    let had = case.host().sh(known);
    case.undoes(&format!("{write}\n    {step}"), known);
    assert_eq!(case.run(&format!("{write}\n    {step}")).code, 0);
    assert_ne!(case.host().sh(known), had);
}

#[test]
fn a_reload_is_undone_with_the_settings_of_before() {
    let case = Case::new();
    let reads = "ExecStart=sleep infinity\nExecReload=cp /etc/app.conf /run/app.conf";
    unit(&case, "app", reads, INSTALL);
    case.host()
        .sh("mkdir -p -m 700 /root/.opsc/backup; echo old > /etc/app.conf; systemctl start app; systemctl reload app");
    let reload = "service.reload(name: \"app\")";
    assert!(case.plans(reload).stdout.contains("h1: ~ will change"));
    let both =
        format!("file.write(to: \"/etc/app.conf\", content: \"new\\n\") {{\n      as: \"root\"\n    }}\n    {reload}");
    let knows = "cat /run/app.conf";
    case.undoes(&both, knows);
    let said = case.run(&both);
    assert_eq!((said.code, case.host().sh(knows).as_str()), (0, "new\n"), "{said:?}");
    let again = case.run(reload);
    assert_eq!((again.code, changed(&again)), (0, 1), "it reloads each time: {again:?}");
    unit(&case, "deaf", "ExecStart=sleep infinity", INSTALL);
    case.fails_not_undone("service.reload(name: \"deaf\")", "", &["deaf does not run"]);
    case.host().sh("systemctl start deaf");
    case.fails_not_undone("service.reload(name: \"deaf\")", "", &["deaf cannot be reloaded; restart it"]);
    case.host().sh("rm /etc/app.conf");
    let said = case.run(reload);
    assert_eq!((said.code, case.host().sh(knows).as_str()), (24, "new\n"), "{said:?}");
    for words in ["cannot stat '/etc/app.conf'", "NOT fully rolled back; left: service.reload"] {
        assert!(said.stderr.contains(words), "{said:?}");
    }
}
