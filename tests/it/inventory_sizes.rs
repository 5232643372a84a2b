//! Inventories of any size and depth are read, or refused with their line; none ends the process.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::project::Project;

fn listed(inventory: &str, limit: &str) -> super::project::Said {
    let project = Project::new();
    project.write("inventory.yaml", inventory);
    project.opsc(&["inv", "ls", "-l", limit])
}

#[test]
fn groups_may_lie_in_each_other_as_deep_as_one_likes() {
    let depth = 60_000;
    let mut text = String::from("groups:\n");
    for group in 0..depth {
        text.push_str(&format!("  g{group}: {{ groups: [g{}] }}\n", group + 1));
    }
    text.push_str(&format!("  g{depth}: {{ hosts: [h1], os: linux }}\n"));
    let said = listed(&text, "g0");
    assert_eq!((said.code, said.stdout.starts_with("h1  linux  h1  ")), (0, true), "{}", said.stderr);

    let looped = text.replace(
        &format!("  g{depth}: {{ hosts: [h1], os: linux }}"),
        &format!("  g{depth}: {{ groups: [g{}] }}", depth - 1),
    );
    let said = listed(&looped, "all");
    let circle = format!("groups hold each other: g{} → g{depth} → g{}", depth - 1, depth - 1);
    assert!(said.code == 11 && said.stderr.contains(&circle), "{}", said.stderr.chars().take(500).collect::<String>());
}

#[test]
fn many_hosts_are_many_hosts_and_a_pattern_without_end_is_refused() {
    let hosts: String =
        (0..20_000).map(|host| format!("  host{host}: {{ os: linux, tags: {{ env: prod }} }}\n")).collect();
    let said = listed(&format!("hosts:\n{hosts}"), "host7,host19999");
    assert_eq!((said.code, said.stdout.lines().count()), (0, 2), "{}", said.stderr);
    let said = listed(&format!("groups:\n  web: {{ hosts: [\"{}\"] }}\n", "[1:1]".repeat(100_000)), "all");
    let words = "a name has eight ranges at most";
    assert!(said.code == 11 && said.stderr.contains(words), "{}", said.stderr.chars().take(500).collect::<String>());
}
