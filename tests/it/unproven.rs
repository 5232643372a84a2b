//! What no test has tried on the real thing, as one list: `docs/actions.md` shows it beside each action.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;

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
    (&["os.update", "os.update_status"], "security updates of dnf and zypper", "a repository without notices is tried"),
];

/// What stands behind an action's own words, or nothing.
pub(crate) fn not_tried(action: &str) -> String {
    let rows = UNPROVEN.iter().filter(|(actions, _, _)| actions.contains(&action));
    let told: Vec<String> = rows.map(|(_, platform, why)| format!("{platform} ({why})")).collect();
    if told.is_empty() { String::new() } else { format!(" Not tried on a real system: {}.", told.join("; ")) }
}

#[test]
fn only_actions_that_exist_are_unproven_and_each_with_a_reason() {
    let known: BTreeSet<String> = library().into_iter().map(|action| action.name).collect();
    let mut seen = BTreeSet::new();
    for (actions, platform, why) in UNPROVEN {
        assert!(!platform.is_empty() && !why.is_empty(), "{actions:?}");
        for action in *actions {
            assert!(known.contains(*action), "there is no action {action}");
            assert!(seen.insert((action, platform)), "{action} on {platform} stands twice");
        }
    }
    assert!(not_tried("package.ensure").contains("apk"));
    assert_eq!(not_tried("file.write"), "");
}
