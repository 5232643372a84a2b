//! Hosts that stand on others: looked up, without loops, shown from both sides, and plans that go against them; through
//! the binary.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::project::{Project, Said};

const INVENTORY: &str = "\
defaults: { os: linux, behind: fw1 }
groups:
  vms: { hosts: [vm1, vm2, vm3], runs_on: hv1 }
  web: { hosts: [vm1, vm2], depends_on: [db1] }
  all: { groups: [vms, rest] }
  rest: { hosts: [db1, hv1, hv2, fw1] }
hosts:
  vm3: { runs_on: hv2, behind: [] }
";

fn project(inventory: &str) -> Project {
    let project = Project::new();
    project.write("inventory.yaml", inventory);
    project
}

fn opsc(project: &Project, line: &str) -> Said {
    project.opsc(&line.split_whitespace().collect::<Vec<_>>())
}

/// The warnings of the plan of a playbook with this body.
#[track_caller]
fn warnings(inventory: &str, body: &str) -> Vec<String> {
    let project = project(inventory);
    project.write("p.ops", &format!("ops 1\n\nplaybook p() ! change, admin, exec {{\n{body}\n}}\n"));
    let said = opsc(&project, "plan p.ops --offline");
    assert_eq!(said.code, 0, "{body}: {said:?}");
    let lines = said.stdout.lines().filter_map(|line| line.trim().strip_prefix("warning: "));
    let lines: Vec<String> = lines.map(str::to_string).collect();
    let json = opsc(&project, "plan p.ops --offline -o json").stdout;
    lines.iter().for_each(|line| assert!(json.contains(line.as_str()), "{line}: {json}"));
    lines
}

#[test]
fn relations_are_shown_from_both_sides_and_who_says_them() {
    let project = project(INVENTORY);
    let shown = |host: &str| opsc(&project, &format!("inv show {host}")).stdout;
    let vm1 = shown("vm1");
    assert!(vm1.contains("runs_on: hv1\ndepends_on: db1\nbehind: fw1\n"), "{vm1}");
    let vm3 = shown("vm3");
    assert!(vm3.contains("runs_on: hv2\n") && !vm3.contains("behind"), "{vm3}");
    assert!(shown("hv1").contains("carries: vm1, vm2\n"), "{}", shown("hv1"));
    assert!(shown("db1").contains("needed_by: vm1, vm2\n"), "{}", shown("db1"));
    // What the defaults say of all hosts, nobody says of the host itself.
    let fw1 = shown("fw1");
    assert!(fw1.contains("in_front_of: vm1, vm2, ") && !fw1.contains("behind: "), "{fw1}");
    let explained = opsc(&project, "inv show vm3 --explain").stdout;
    assert!(
        explained.contains("runs_on: \"hv2\" (host, inventory.yaml:8)\n  not \"hv1\" (group vms, inventory.yaml:3)")
            || explained.contains("runs_on: hv2 (host, inventory.yaml:8)\n  not hv1 (group vms, inventory.yaml:3)"),
        "{explained}"
    );
    let said = opsc(&project, "inv set vm2 depends_on [db1,hv2]");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(shown("vm2").contains("depends_on: hv2, db1\n") || shown("vm2").contains("depends_on: db1, hv2\n"));
}

#[test]
fn unknown_hosts_and_loops_are_errors_of_one_place() {
    for (inventory, code, words) in [
        (
            "groups:\n  web: { hosts: [\"w[1:50]\"], depends_on: [db2] }\nhosts: { db1: }\n",
            "E0818",
            "did you mean `db1`?",
        ),
        ("hosts:\n  a: { runs_on: zebra }\n", "E0818", "`runs_on` names `zebra`, which is not in the inventory"),
        ("hosts:\n  a: { behind: a }\n", "E0819", "hosts stand on each other: a → a"),
        (
            "hosts:\n  a: { behind: b }\n  b: { runs_on: c }\n  c: { depends_on: [d, a] }\n  d:\n",
            "E0819",
            "a → b → c → a",
        ),
        ("hosts:\n  a: { behind: [1.5] }\n", "E0804", "expected a text, found a number"),
    ] {
        let said = opsc(&project(inventory), "inv ls");
        assert_eq!(said.code, 11, "{inventory}: {said:?}");
        assert!(said.stderr.contains(code) && said.stderr.contains(words), "{inventory}: {said:?}");
        assert_eq!(said.stderr.matches("error[").count(), 1, "{inventory}: {said:?}");
    }
    // Long chains are no loops, nor is one host that two others lead to.
    let chain: String = (0..30_000).map(|number| format!("  h{number}: {{ depends_on: h{} }}\n", number + 1)).collect();
    let said = opsc(&project(&format!("hosts:\n{chain}  h30000:\n")), "inv show h7");
    assert!(said.code == 0 && said.stdout.contains("depends_on: h8\nneeded_by: h6\n"), "{:?}", said.stderr);
    let both = "hosts:\n  a: { depends_on: [b, c] }\n  b: { depends_on: d }\n  c: { depends_on: d }\n  d:\n";
    assert_eq!(opsc(&project(both), "inv ls").code, 0);
}

#[test]
fn a_restart_that_takes_away_what_stands_on_the_host_is_warned_of() {
    let inventory = "groups:\n  all: { hosts: [hv1, hv2, vm1, vm2, vm3], os: linux }\n  vms: { hosts: [vm1, vm2], runs_on: hv1 }\n\
                     hosts:\n  hv1:\n  hv2:\n  vm1:\n  vm2:\n  vm3: { behind: hv2 }\n";
    let reboot = |on: &str| format!("  on {on} {{\n    os.reboot()\n  }}\n");
    let together = [
        "hv1 is restarted in the same batch as vm1 and vm2, which run on it",
        "hv2 is restarted in the same batch as vm3, which is behind it",
    ];
    assert_eq!(warnings(inventory, &reboot("group(\"all\")")), together);
    // One after the other: in the order of the inventory.
    let later = [
        "hv1 is restarted, and then steps follow on vm1 and vm2, which run on it",
        "hv2 is restarted, and then steps follow on vm3, which is behind it",
    ];
    assert_eq!(warnings(inventory, &reboot("group(\"all\") (batch: 1)")), later);
    let upside_down = inventory.replace("hosts:\n  hv1:\n  hv2:\n", "hosts:\n") + "  hv1:\n  hv2:\n";
    assert_eq!(warnings(&upside_down, &reboot("group(\"all\") (batch: 1)")), [""; 0]);
    // A first look at the virtual machines, then their host, is the right order; the other way around is not.
    let look = "  on group(\"vms\") {\n    file.info(path: \"/\")\n  }\n";
    assert_eq!(warnings(inventory, &format!("{look}{}", reboot("host(\"hv1\")"))), [""; 0]);
    assert_eq!(warnings(inventory, &format!("{}{look}", reboot("host(\"hv1\")"))), [later[0]]);
    // From a step elsewhere, and beside each other.
    let at =
        "  on host(\"vm1\") {\n    at host(\"hv1\") {\n      os.reboot()\n    }\n    file.info(path: \"/\")\n  }\n";
    assert_eq!(warnings(inventory, at), ["hv1 is restarted in the same batch as vm1, which runs on it"]);
    let beside =
        format!("  parallel {{\n{}{}  }}\n", reboot("host(\"hv2\")"), look.replace("group(\"vms\")", "host(\"vm3\")"));
    assert_eq!(warnings(inventory, &beside), ["hv2 is restarted in the same batch as vm3, which is behind it"]);
    // Another change takes nothing away.
    let write = "  on group(\"all\") {\n    file.write(to: \"/x\", content: \"x\\n\")\n  }\n";
    assert_eq!(warnings(inventory, write), [""; 0]);
}

#[test]
fn changes_before_or_with_what_is_depended_on_are_warned_of() {
    let inventory =
        "groups:\n  all: { hosts: [db1, w1, w2], os: linux }\n  web: { hosts: [w1, w2], depends_on: db1 }\n";
    let write = |on: &str| format!("  on {on} {{\n    file.write(to: \"/x\", content: \"x\\n\")\n  }}\n");
    let (web, db) = (write("group(\"web\")"), write("host(\"db1\")"));
    assert_eq!(warnings(inventory, &format!("{db}{web}")), [""; 0]);
    assert_eq!(warnings(inventory, &format!("{web}{db}")), ["w1 and w2 are changed before db1, which they depend on"]);
    let all = write("group(\"all\")");
    assert_eq!(warnings(inventory, &all), ["w1 and w2 are changed in the same batch as db1, which they depend on"]);
    // Who is left out of the plan is not changed, and who is only looked at is not either.
    assert_eq!(warnings(inventory, &web), [""; 0]);
    let look = "  on group(\"web\") {\n    file.info(path: \"/\")\n  }\n";
    assert_eq!(warnings(inventory, &format!("{look}{db}")), [""; 0]);
    assert_eq!(warnings(&inventory.replace(", depends_on: db1", ""), &all), [""; 0]);
    // Many of them are counted.
    let many: String =
        (0..30).map(|number| format!("  w{number}: {{ depends_on: d{number} }}\n  d{number}:\n")).collect();
    let many =
        format!("defaults: {{ os: linux }}\nhosts:\n{many}groups:\n  all: {{ hosts: [\"w[0:29]\", \"d[0:29]\"] }}\n");
    let found = warnings(&many, &all);
    assert_eq!(found.len(), 11, "{found:?}");
    assert_eq!(found.last().unwrap(), "20 more of the plan's hosts are in an order that goes against their relations");
}
