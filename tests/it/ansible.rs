//! What stands for the modules of Ansible: every action that is named exists, and the document is made from the table.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::docs::library;

const TABLE: &str = include_str!("../../docs/ansible.tsv");

/// Module, kind, what stands for it, and a note.
fn rows() -> Vec<[&'static str; 4]> {
    let row = |line: &'static str| line.split('\t').collect::<Vec<_>>().try_into().expect(line);
    TABLE.lines().skip(1).map(row).collect()
}

fn document() -> String {
    let mut text = String::from(
        "# Coming from Ansible\n\n\
         What stands for a module, made from `ansible.tsv` by `OPSC_UPDATE=1 cargo test --test it ansible`. How much of real\n\
         playbooks this is, tells [bench/COVERAGE.md](../bench/COVERAGE.md). Keywords have forms of their own: `when` is `if`,\n\
         `register` is `x = …`, `loop` is `for`, `notify` is `if x.changed { }`, `become_user` is `as`, `delegate_to` is\n\
         `at HOST { }`, `serial` is `batch`, `block` and `rescue` are `on failure`, `no_log` is the type `secret`.\n\n\
         | module | opsc | |\n| --- | --- | --- |\n",
    );
    for [module, kind, names, note] in rows() {
        let shown = match kind {
            "action" => names.split(' ').map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
            _ => names.to_string(),
        };
        let module = module.trim_start_matches("ansible.builtin.");
        text.push_str(&format!("| {module} | {shown} | {note} |\n"));
    }
    text
}

#[test]
fn every_action_named_exists_and_the_document_is_current() {
    let known: BTreeSet<String> = library().into_iter().map(|action| action.name).collect();
    let mut modules = BTreeSet::new();
    for [module, kind, names, _] in rows() {
        assert!(modules.insert(module), "{module} stands twice");
        assert!(matches!(kind, "action" | "language") && !names.is_empty(), "{module}");
        for name in names.split(' ').filter(|_| kind == "action") {
            assert!(known.contains(name), "{module}: there is no action {name}");
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ansible.md");
    if std::env::var_os("OPSC_UPDATE").is_some() {
        std::fs::write(&path, document()).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(
        found == document(),
        "docs/ansible.md is behind docs/ansible.tsv: OPSC_UPDATE=1 cargo test --test it ansible"
    );
}

#[test]
fn coverage_is_counted_from_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let tasks = folder.path().join("tasks.tsv");
    let modules = [
        ("ansible.builtin.copy", 60),
        ("ansible.builtin.assert", 20),
        ("ansible.windows.win_copy", 10),
        ("a.b.c", 10),
        ("amazon.aws.ec2", 50),
        ("cisco.ios.x", 40),
        ("local.mine", 30),
    ];
    let lines: String = modules.iter().map(|(module, count)| format!("{module}\t{count}\n")).collect();
    std::fs::write(&tasks, format!("module\ttasks\n{lines}")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/coverage");
    let done = Command::new(script).arg(&tasks).output().unwrap();
    let told = String::from_utf8(done.stdout).unwrap();
    for line in [
        "| with a typed action | 1 | 60 | 60.0 % |",
        "| that are forms of the language | 1 | 20 | 20.0 % |",
        "| of Windows, none yet | 1 | 10 | 10.0 % |",
        "| of clouds, not counted | 1 | 50 | |",
        "80.0 % of the tasks with public modules, and 88.9 % of those that are not of Windows",
        "`a.b.c` (10)",
    ] {
        assert!(told.contains(line), "{line} is not in\n{told}{}", String::from_utf8_lossy(&done.stderr));
    }
}
