//! What no test has tried on the real thing, as one list: `docs/actions.md` shows it beside each action.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;

use opsc::hir::program::{Action, ActionBody, Platform};

use super::docs::library;

/// What has a body for the managers of rpm.
const WITH_RPM: &[&str] = &[
    "os.update",
    "os.update_status",
    "package.ensure",
    "package.hold",
    "package.install",
    "package.refresh",
    "package.remove",
    "package.status",
    "package.upgrade",
    "package_key.add",
    "package_repo.add",
    "package_repo.remove",
];

/// Actions, the platform that they were not tried on, and why or how far.
const UNPROVEN: &[(&[&str], &str, &str)] = &[
    (
        &[
            "package.ensure",
            "package.install",
            "package.remove",
            "package.upgrade",
            "package.refresh",
            "package.status",
        ],
        "apk",
        "Debian has none; one that answers as its source says is tried",
    ),
    (WITH_RPM, "yum of 2020 and before", "dnf under the name of yum is tried"),
    (
        &["selinux.boolean", "selinux.mode"],
        "SELinux",
        "Debian's hosts have none; its tools answer as their manuals say",
    ),
    (&["os.alternatives"], "alternatives of Red Hat and SUSE", "Debian's update-alternatives is tried"),
    (
        &["k8s.apply", "k8s.delete", "k8s.get", "k8s.scale", "k8s.restart"],
        "a cluster",
        "a kubectl that answers as documented is tried",
    ),
    (&["k8s.rollout"], "a cluster", "a kubectl that answers as documented is tried"),
    (&["helm.install"], "a cluster", "a helm that answers as documented is tried"),
    (&["npm.install"], "npm", "one that answers as documented is tried"),
    (&["gem.install"], "an index in the net", "gems of a folder are tried"),
    (
        &["os.swap", "os.no_swap"],
        "a kernel of its own",
        "files, failures and undo are tried with a swapon that answers as documented",
    ),
    (&["disk.filesystem"], "a device, xfs and btrfs", "files that stand for devices are tried, with ext4 and vfat"),
    (&["container.compose"], "an engine", "a docker that answers as documented is tried"),
    (
        &[
            "container.build",
            "container.run",
            "container.start",
            "container.stop",
            "container.remove",
            "container.image",
            "container.network",
            "container.volume",
        ],
        "docker",
        "podman 4.3 is tried, without limits, ports and networks of its containers, which the test hosts cannot have",
    ),
    (&["container.image"], "a registry", "images come from a folder"),
    (
        &["mysql.database", "mysql.no_database", "mysql.user", "mysql.no_user", "mysql.query"],
        "MySQL",
        "MariaDB 10.11 is tried",
    ),
    (&["pip.install"], "an index in the net", "wheels of a folder are tried"),
    (&["notify.slack"], "Slack", "a server that takes what is documented is tried"),
    (&["notify.sms"], "a server that sends SMS", "one that takes what is documented is tried"),
    (&["notify.teams"], "Teams", "a server that takes what is documented is tried"),
    (&["gpu.info"], "a GPU", "a nvidia-smi that answers as documented is tried"),
    (&["tls.probe"], "STARTTLS but of SMTP", "TLS and SMTP are tried"),
    (&["net.trace", "net.path"], "ways of more than one hop", "answers as documented are tried"),
    (&["os.sysctl", "os.module"], "a kernel of its own", "files, failures and undo are tried in containers"),
    (&["os.facts"], "macOS", "Linux is tried"),
    (&["os.update", "os.update_status"], "security updates of dnf and zypper", "a repository without notices is tried"),
];

/// What stands behind an action's own words, or nothing.
pub(crate) fn not_tried(action: &Action) -> String {
    let rows = UNPROVEN.iter().filter(|(actions, _, _)| actions.contains(&action.name.as_str()));
    let mut told: Vec<String> = rows.map(|(_, platform, why)| format!("{platform} ({why})")).collect();
    if has_windows_body(action) {
        told.push("Windows (its bodies are written against documentation)".to_string());
    }
    if told.is_empty() { String::new() } else { format!(" Not tried on a real system: {}.", told.join("; ")) }
}

fn has_windows_body(action: &Action) -> bool {
    let ActionBody::Impls(impls) = &action.body else { return false };
    impls.iter().any(|each| each.platform == Platform::Windows)
}

#[test]
fn only_actions_that_exist_are_unproven_and_each_with_a_reason() {
    let library = library();
    let known: BTreeSet<&str> = library.iter().map(|action| action.name.as_str()).collect();
    let mut seen = BTreeSet::new();
    for (actions, platform, why) in UNPROVEN {
        assert!(!platform.is_empty() && !why.is_empty(), "{actions:?}");
        for action in *actions {
            assert!(known.contains(action), "there is no action {action}");
            assert!(seen.insert((action, platform)), "{action} on {platform} stands twice");
        }
    }
    let told = |name: &str| not_tried(library.iter().find(|action| action.name == name).unwrap());
    assert!(told("package.ensure").contains("apk"));
    assert!(told("file.write").contains("Windows"));
    assert_eq!(told("cron.ensure"), "");
}
