//! Every action's undo, and that its check only reads, is proven by some test, for each kind of host that it has a body
//! for: the proofs are seen in the texts of the tests, and what is not proven stands here with its reason.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use opsc::hir::program::{Action, Platform};
use opsc::plan::expression_text::expression_text;

use super::docs::library;
use super::proofs_found::{Proofs, Texts};

/// The methods of a case that undo a step and compare what is there with what was.
const UNDO: &[&str] = &["converges", "converges_but_for", "converges_as_shown", "undoes"];

/// The methods that plan a step and compare so.
const LOOK: &[&str] = &["converges", "converges_but_for", "converges_as_shown", "has_nothing_to_do", "plans", "reads"];

/// A kind of host, and how the places of tests begin that have one.
type Kind = (&'static str, &'static [&'static str]);

/// Of a body that is for some hosts: which these are.
const HOSTS: &[(&str, &[Kind])] = &[
    (
        "facts.package_manager == \"apt\"",
        &[("apt", &["system_package", "system_debian", "system_repositories", "system_updates"])],
    ),
    (
        "facts.package_manager in [\"dnf\", \"yum\", \"zypper\"]",
        &[("dnf", &["system_rpm"]), ("zypper", &["system_managers.rs::zypper"])],
    ),
    (
        "facts.package_manager in [\"apk\", \"pacman\"]",
        &[("apk", &["system_apk"]), ("pacman", &["system_managers.rs::pacman"])],
    ),
    (
        "facts.package_manager in [\"dnf\", \"yum\", \"zypper\", \"apk\", \"pacman\"]",
        &[
            ("dnf", &["system_rpm"]),
            ("zypper", &["system_managers.rs::zypper"]),
            ("apk", &["system_apk"]),
            ("pacman", &["system_managers.rs::pacman"]),
        ],
    ),
    ("facts.init == \"systemd\"", &[("systemd", &["system_"])]),
    ("facts.firewall == \"nftables\"", &[("nftables", &["system_firewalls.rs::nftables"])]),
    ("facts.firewall == \"iptables\"", &[("iptables", &["system_firewalls.rs::iptables"])]),
    ("facts.firewall == \"ufw\"", &[("ufw", &["system_firewalls.rs::ufw"])]),
    ("facts.firewall == \"firewalld\"", &[("firewalld", &["system_firewalls.rs::firewalld"])]),
];

/// Steps that an action is made of, which are proven with it.
const PARTS: &[(&str, &[&str])] = &[("firewall.rule", &["firewall.allow", "firewall.deny", "firewall.remove"])];

/// Action, kind of host (none where there is one), and why no test proves that it can be undone.
const NOT_UNDONE: &[(&str, &str, &str)] = &[
    ("package.refresh", "apk", LISTS),
    ("package.refresh", "apt", LISTS),
    ("package.refresh", "dnf", LISTS),
    ("package.refresh", "pacman", LISTS),
    ("package.refresh", "zypper", LISTS),
    ("package.upgrade", "apk", NEWEST),
    ("package.upgrade", "pacman", NEWEST),
];

const NEWEST: &str = "its repositories have the newest version only, and a run that goes back says what it left";
const LISTS: &str = "undoing leaves the new lists, which change no package";

/// What has to be proven, and what is: action and kind of host.
type Pairs = BTreeSet<(String, String)>;

fn texts() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter(|name| {
            name.ends_with(".rs") && ["system_", "stdlib_", "example_"].iter().any(|kind| name.starts_with(kind))
        })
        .collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), std::fs::read_to_string(folder.join(name)).unwrap())).collect()
}

/// The kinds of hosts that a part of an action is for, each with where its tests begin.
fn hosts(
    action: &Action,
    has: fn(&opsc::hir::program::Impl) -> bool,
) -> BTreeMap<&'static str, &'static [&'static str]> {
    let mut kinds: BTreeMap<&str, &[&str]> = BTreeMap::new();
    // No test has a Windows, which `docs/actions.md` says of each action with a body for it.
    for body in action.impls().iter().filter(|body| has(body) && body.platform != Platform::Windows) {
        let Some(condition) = &body.condition else {
            kinds.insert("", &[""]);
            continue;
        };
        let condition = expression_text(condition, &action.bindings);
        let row = HOSTS.iter().find(|(known, _)| *known == condition);
        let (_, named) = row.unwrap_or_else(|| panic!("{}: which hosts are of `{condition}`?", action.name));
        kinds.extend(named.iter().copied());
    }
    kinds
}

/// What lacks a proof of what must be proven, with the exceptions taken away; also exceptions that are not needed.
fn lacking(
    proofs: &Proofs,
    has: fn(&opsc::hir::program::Impl) -> bool,
    exceptions: &[(&str, &str, &str)],
) -> Vec<String> {
    let mut lack = Pairs::new();
    for action in library() {
        let parts = PARTS
            .iter()
            .find(|(whole, _)| *whole == action.name)
            .map_or(vec![action.name.as_str()], |row| row.1.to_vec());
        let places: Vec<&String> = parts.iter().filter_map(|part| proofs.get(*part)).flatten().collect();
        for (kind, begins) in hosts(&action, has) {
            if !places.iter().any(|place| begins.iter().any(|begin| place.starts_with(begin))) {
                lack.insert((action.name.clone(), kind.to_owned()));
            }
        }
    }
    let mut wrong = Vec::new();
    for (action, kind, why) in exceptions {
        if why.is_empty() || !lack.remove(&((*action).to_owned(), (*kind).to_owned())) {
            wrong.push(format!("the exception of {action} {kind} has no reason or is not needed any more"));
        }
    }
    wrong.extend(lack.into_iter().map(|(action, kind)| format!("no test proves {action} {kind}")));
    wrong
}

fn proven(methods: &[&str]) -> Proofs {
    let names = library().into_iter().map(|action| action.name).collect();
    Texts::new(&texts(), &names).proofs(methods, 0).unwrap()
}

#[test]
fn every_action_that_can_be_undone_is_undone_by_a_test() {
    let lack = lacking(&proven(UNDO), |body| body.rollback.is_some(), NOT_UNDONE);
    assert!(lack.is_empty(), "the undo:\n{}", lack.join("\n"));
}

#[test]
fn every_check_is_seen_to_write_nothing() {
    let lack = lacking(&proven(LOOK), |body| body.check.is_some(), &[]);
    assert!(lack.is_empty(), "a plan that writes nothing:\n{}", lack.join("\n"));
}
