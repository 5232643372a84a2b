//! The actions for services on a real Debian host with systemd: services that run, crash at once or a little later,
//! are masked, static, known by another name, or changed on disk.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::system_case::{Case, changed};

pub(crate) const INSTALL: &str = "[Install]\nWantedBy=multi-user.target\n";

pub(crate) fn unit(case: &Case, name: &str, service: &str, install: &str) {
    case.host().sh(&format!(
        "cat > /etc/systemd/system/{name}.service <<'END'\n[Service]\n{service}\n{install}END\nsystemctl daemon-reload"
    ));
}

/// Prints `active enabled` and the like.
pub(crate) fn state(name: &str) -> String {
    format!("echo $(systemctl is-active {name}) $(systemctl is-enabled {name})")
}

#[test]
fn service_ensure_starts_stops_enables_and_disables() {
    let case = Case::new();
    unit(&case, "app", "ExecStart=sleep infinity", INSTALL);
    let state = state("app");
    case.converges("service.ensure(name: \"app\", enabled: true)", &state, "active enabled\n");
    case.converges("service.ensure(name: \"app\", enabled: false)", &state, "active disabled\n");
    case.converges("service.ensure(name: \"app\", state: \"stopped\")", &state, "inactive disabled\n");
    case.converges("service.ensure(name: \"app\", state: \"stopped\", enabled: true)", &state, "inactive enabled\n");
    case.converges("service.ensure(name: \"app.service\")", &state, "active enabled\n");
}

#[test]
fn service_ensure_knows_aliases_masks_and_units_without_a_boot() {
    let case = Case::new();
    case.has_nothing_to_do("service.ensure(name: \"sshd\", enabled: true)");
    unit(&case, "app", "ExecStart=sleep infinity", "[Install]\nWantedBy=multi-user.target\nAlias=web.service\n");
    case.host().sh("systemctl enable --quiet app");
    let both = "echo $(systemctl is-active app) $(systemctl is-enabled app)";
    case.converges("service.ensure(name: \"web\", enabled: true)", both, "active enabled\n");
    // Disabling takes the alias away, which the step must not trip over, nor its undoing.
    let disable = "service.ensure(name: \"web\", enabled: false)";
    case.fails(&format!("{disable}\n    require host.name == \"nobody\" else \"stop\""), both, &["stop"]);
    let disabled = case.run(disable);
    assert_eq!((disabled.code, changed(&disabled)), (0, 1), "{disabled:?}");
    assert_eq!(case.host().sh(both), "active disabled\n");

    unit(&case, "static", "ExecStart=sleep infinity", "");
    case.has_nothing_to_do("service.ensure(name: \"static\", state: \"stopped\", enabled: false)");
    case.fails(
        "service.ensure(name: \"static\", enabled: true)",
        &state("static"),
        &["static cannot be enabled", "no [Install] section"],
    );

    case.host().sh("systemctl mask --quiet dbus-org.freedesktop.timesync1 hidden.service");
    case.has_nothing_to_do("service.ensure(name: \"hidden\", state: \"stopped\")");
    case.fails("service.ensure(name: \"hidden\")", &state("hidden"), &["hidden is masked", "service.unmask"]);
    let enable = "service.ensure(name: \"hidden\", state: \"stopped\", enabled: true)";
    case.fails(enable, &state("hidden"), &["hidden is masked", "nor enabled"]);
    case.fails("service.ensure(name: \"none\")", "", &["there is no service none"]);
    case.fails("service.ensure(name: \"none\", state: \"stopped\")", "", &["there is no service none"]);
}

#[test]
fn a_service_that_does_not_start_or_not_for_long_is_a_failure() {
    let case = Case::new();
    let says = "echo 'bad value in line 7' >&2; exit 3";
    unit(&case, "refuses", &format!("Type=forking\nExecStart=sh -c \"{says}\""), INSTALL);
    unit(&case, "dies", &format!("ExecStart=sh -c \"sleep 0.3; {says}\""), INSTALL);
    let again = "Restart=always\nRestartSec=10ms\nStartLimitBurst=1000";
    unit(&case, "dies-often", &format!("ExecStart=sh -c \"sleep 0.3; {says}\"\n{again}"), INSTALL);
    unit(&case, "ends", "Type=oneshot\nExecStart=true", INSTALL);
    unit(&case, "broken", "Nonsense", "");
    let kept = "but did not keep running for 1 s";
    for (name, because) in [
        ("refuses", ["control process exited with error code", "bad value in line 7"]),
        ("dies", [kept, "bad value in line 7"]),
        ("dies-often", [kept, "bad value in line 7"]),
        ("ends", [kept, "ends started"]),
        ("broken", ["bad unit file setting", "broken.service"]),
    ] {
        case.fails(&format!("service.restart(name: \"{name}\")"), &state(name), &because);
        let enabled = if name == "broken" { "false" } else { "true" };
        case.fails(&format!("service.ensure(name: \"{name}\", enabled: {enabled})"), &state(name), &because);
    }
    let settled = case.run("service.ensure(name: \"dies-often\", settle: 0s)");
    assert_eq!((settled.code, changed(&settled)), (0, 1), "{settled:?}");
    // Between two lives it does not run, but it is not stopped either.
    unit(&case, "waits", &format!("ExecStart=sh -c \"{says}\"\nRestart=always\nRestartSec=1000s"), INSTALL);
    case.host().sh("systemctl start waits; until systemctl is-active waits | grep -q activating; do sleep 0.1; done");
    let stopped = case.run("service.ensure(name: \"waits\", state: \"stopped\")");
    assert_eq!((stopped.code, changed(&stopped)), (0, 1), "{stopped:?}");
    assert_eq!(case.host().sh("systemctl is-active waits || true"), "inactive\n");
}

#[test]
fn service_restart_restarts_and_reads_a_changed_unit() {
    let case = Case::new();
    unit(&case, "app", "ExecStart=sleep 1000", INSTALL);
    let step = "service.restart(name: \"app\")";
    let planned = case.plans(step);
    assert!(planned.stdout.contains("h1: ~ will change"), "{planned:?}");
    assert_eq!(case.host().sh(&state("app")), "inactive disabled\n", "a plan starts nothing");
    // What did not run is stopped again.
    case.undoes(step, &state("app"));

    let identity = "systemctl show --property InvocationID --value app";
    assert_eq!(case.run(step).code, 0);
    let first = case.host().sh(identity);
    case.host().sh("sed -i s/1000/2000/ /etc/systemd/system/app.service");
    let again = case.run(step);
    assert_eq!((again.code, changed(&again)), (0, 1), "{again:?}");
    assert_ne!(case.host().sh(identity), first, "it restarts each time");
    assert_eq!(case.host().sh("pgrep --full 'sleep 2000' | wc -l"), "1\n", "the unit on disk is the one that runs");

    // What ran still runs, with the unit file that is there then.
    let write = "file.write(to: \"/etc/systemd/system/app.service\", content: \"[Service]\\nExecStart=sleep 3000\\n\") {\n      as: \"root\"\n    }";
    case.host().sh("mkdir -p -m 700 /root/.opsc/backup");
    case.undoes(
        &format!("{write}\n    {step}"),
        &format!("{}; pgrep --full 'sleep [0-9]000' --list-full | cut -d ' ' -f 2-", state("app")),
    );
    case.fails("service.restart(name: \"none\")", "", &["there is no service none"]);
}
