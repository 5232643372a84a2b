//! Jump hosts of an inventory: never a host through itself, also where a group says it of all its hosts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use super::project::{Project, Said};

fn listed(inventory: &str, arguments: &[&str]) -> Said {
    let project = Project::new();
    project.write("inventory.yaml", inventory);
    project.opsc(arguments)
}

#[test]
fn a_host_is_not_reached_through_itself() {
    for (inventory, place, told) in [
        ("hosts:\n  a: { jump: a }\n", "inventory.yaml:2:14", "jump hosts lead in a loop: a → a"),
        (
            "hosts:\n  z: { jump: a }\n  a: { jump: b }\n  b: { jump: a }\n",
            "inventory.yaml:3:14",
            "jump hosts lead in a loop: a → b → a",
        ),
        (
            "groups:\n  web: { hosts: [a], jump: b }\nhosts:\n  b: { jump: c }\n  c: { jump: a }\n",
            "inventory.yaml:4:14",
            "jump hosts lead in a loop: b → c → a → b",
        ),
    ] {
        let said = listed(inventory, &["inv", "ls"]);
        assert_eq!(said.code, 11, "{inventory}: {said:?}");
        for expected in ["E0822", place, told] {
            assert!(said.stderr.contains(expected), "{inventory}: {expected}: {said:?}");
        }
        assert_eq!(said.stderr.matches("error[").count(), 1, "one loop is one mistake: {said:?}");
    }
    let chain: String = (0..30_000).map(|number| format!("  h{number}: {{ jump: h{} }}\n", number + 1)).collect();
    assert_eq!(listed(&format!("hosts:\n{chain}  h30000:\n"), &["inv", "show", "h7"]).code, 0, "long is no loop");
    let both = "hosts:\n  a: { jump: c }\n  b: { jump: c }\n  c: { jump: d }\n  d:\n";
    assert_eq!(listed(both, &["inv", "ls"]).code, 0, "two through one");
}

#[test]
fn what_a_level_says_of_all_is_not_said_of_the_jump_host() {
    for level in
        ["defaults: { jump: gate }\nhosts:\n  a:\n  gate:\n", "groups:\n  g: { hosts: [a, gate], jump: gate }\n"]
    {
        let [through, direct] = ["a", "gate"].map(|host| listed(level, &["inv", "show", host]));
        assert_eq!((through.code, direct.code), (0, 0), "{through:?} {direct:?}");
        assert!(through.stdout.contains("jump: gate"), "{through:?}");
        assert!(!direct.stdout.contains("jump:"), "{direct:?}");
        let explained = listed(level, &["inv", "show", "gate", "--explain"]);
        assert!(explained.code == 0 && !explained.stdout.contains("jump"), "{explained:?}");
    }
}
