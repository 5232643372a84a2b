//! Random changes of random inventories, in blocks and brackets, with comments between: what is loaded after is what was
//! loaded before and the change, and every line that is not about it is as it was.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use opsc::base::source::Sources;
use opsc::hir::value::Value;
use opsc::hir::world::{Host, Inventory};
use opsc::inventory::edit::{Change, Of, edit};
use opsc::inventory::load;
use proptest::prelude::*;

use super::properties::cases;

/// One line, and whom it is about.
type Line = (String, String);

/// A value as it is typed, and what it is.
type Typed = (&'static str, fn() -> Value);

const VALUES: &[Typed] = &[
    ("7", || Value::Int(7)),
    ("a b", || Value::string("a b")),
    ("x: y", || Value::string("x: y")),
    ("a #b", || Value::string("a #b")),
    ("'7'", || Value::string("7")),
    ("[1, a]", || Value::List(vec![Value::Int(1), Value::string("a")])),
    ("{a: 1}", || Value::Record(vec![("a".to_string(), Value::Int(1))])),
    ("true", || Value::Bool(true)),
    ("- a", || Value::string("- a")),
    ("*", || Value::string("*")),
    ("~/.x", || Value::string("~/.x")),
    ("ü, [", || Value::string("ü, [")),
    ("a, b", || Value::string("a, b")),
    ("a}", || Value::string("a}")),
    ("\"\\", || Value::string("\"\\")),
];

/// Port, variables with their numbers, and how it is written.
type Entry = (Option<u16>, Vec<u8>, u8);

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let vars = proptest::collection::btree_set(0_u8..4, 0..3).prop_map(|set| set.into_iter().collect());
    proptest::collection::vec((proptest::option::of(1_u16..9), vars, 0_u8..4), 1..5)
}

/// The lines of one entry: its port, its hosts where it is a group, its variables.
fn lines_of(name: &str, (port, vars, style): &Entry, hosts: &[String]) -> Vec<Line> {
    let mut lines = vec![format!("  # above {name}")];
    let listed: Vec<String> = vars.iter().map(|var| format!("v{var}: {var}")).collect();
    let port_text = port.map(|port| format!("port: {port}"));
    if *style == 0 {
        let hosts = (!hosts.is_empty()).then(|| format!("hosts: [{}]", hosts.join(", ")));
        let vars = (!vars.is_empty()).then(|| format!("vars: {{{}}}", listed.join(", ")));
        let inner: Vec<String> = port_text.into_iter().chain(vars).chain(hosts).collect();
        lines.push(format!("  {name}: {{ {} }} # of {name} ü", inner.join(", ")));
    } else {
        lines.push(format!("  {name}:  # of {name} ü"));
        if !hosts.is_empty() && *style == 1 {
            lines.push("    hosts:".to_string());
            lines.extend(hosts.iter().map(|host| format!("    - {host} # ü")));
        } else if !hosts.is_empty() {
            lines.push(format!("    hosts: [ {} ]", hosts.join(" , ")));
        }
        lines.extend(port_text.map(|port| format!("    {port}   # ü")));
        if !vars.is_empty() && *style == 1 {
            lines.push("    vars: { # ü".to_string());
            lines.extend(vars.iter().map(|var| format!("      \"v{var}\" : {var}, # ü")));
            lines.push("      }".to_string());
        } else if !vars.is_empty() {
            lines.push("    vars:".to_string());
            lines.extend(listed.iter().map(|line| format!("       {line} # ü")));
        }
        lines.push(String::new());
    }
    // What stands between entries is about none of them.
    let is_between = |line: &String| line.is_empty() || line.starts_with("  # above");
    let owned = |line: String| if is_between(&line) { (line, String::new()) } else { (line, name.to_string()) };
    lines.into_iter().map(owned).collect()
}

fn text_of(hosts: &[Entry], groups: &[Entry], crlf: bool, ended: bool) -> (String, Vec<Line>) {
    let names: Vec<String> = (0..hosts.len()).map(|host| format!("h{host}")).collect();
    let mut lines = vec![("# Top".to_string(), String::new()), ("groups:".to_string(), String::new())];
    for (number, group) in groups.iter().enumerate() {
        let members: Vec<String> = names.iter().skip(number).cloned().collect();
        lines.extend(lines_of(&format!("g{number}"), group, &members));
    }
    lines.push(("hosts:   # all".to_string(), String::new()));
    for (name, host) in names.iter().zip(hosts) {
        lines.extend(lines_of(name, host, &[]));
    }
    let end = if crlf { "\r\n" } else { "\n" };
    let mut text: String = lines.iter().map(|(line, _)| format!("{line}{end}")).collect();
    if !ended {
        text.truncate(text.trim_end().len());
        while lines.last().is_some_and(|(line, _)| line.is_empty()) {
            lines.pop();
        }
    }
    (text, lines)
}

fn loaded(text: &str) -> Inventory {
    let mut sources = Sources::new();
    let file = sources.add("inventory.yaml", text);
    let (inventory, diagnostics) = load(&sources, &[file]);
    assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
    inventory
}

fn after(text: &str, change: &Change) -> Result<String, String> {
    let mut sources = Sources::new();
    let file = sources.add("inventory.yaml", text);
    let changed = edit(&sources, &[file], None, change).map_err(|refusal| refusal.reason)?;
    Ok(changed.into_iter().next().map_or(text.to_string(), |(_, text)| text))
}

fn host<'i>(inventory: &'i Inventory, name: &str) -> Option<&'i Host> {
    inventory.hosts.values().find(|host| host.name == name)
}

/// Every line that is about nobody of these stands there still, in its order.
fn kept(lines: &[Line], about: &[&str], after: &str) {
    let mut left = after.lines();
    for (line, owner) in lines.iter().filter(|(_, owner)| !about.contains(&owner.as_str())) {
        assert!(left.any(|found| found == line), "the line `{line}` of `{owner}` is not there any more:\n{after}");
    }
}

/// Hosts but these are the same.
fn others_same(before: &Inventory, after: &Inventory, but: &dyn Fn(&Host) -> bool) {
    for old in before.hosts.values().filter(|host| !but(host)) {
        assert_eq!(Some(old), host(after, &old.name));
    }
}

fn gone(before: &str, after: &str) -> usize {
    let diff = similar::TextDiff::from_lines(before, after);
    diff.iter_all_changes().filter(|change| change.tag() == similar::ChangeTag::Delete).count()
}

fn set(name: &str, key: &str, value: Option<&str>) -> Change {
    Change::Set { of: None, name: name.to_string(), key: key.to_string(), value: value.map(str::to_string) }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_setting_is_all_that_changes(
        hosts in entries(), groups in entries(), style in (any::<bool>(), any::<bool>()), pick in (0_usize..9, 0_u8..5, 0..VALUES.len())
    ) {
        let (text, lines) = text_of(&hosts, &groups, style.0, style.1);
        let before = loaded(&text);
        let name = format!("h{}", pick.0 % hosts.len());
        let (typed, value) = VALUES[pick.2];
        let key = format!("v{}", pick.1);
        let changed = after(&text, &set(&name, &format!("vars.{key}"), Some(typed))).unwrap();
        let now = loaded(&changed);
        kept(&lines, &[&name], &changed);
        prop_assert!(gone(&text, &changed) <= 1, "{text}\n{changed}");
        others_same(&before, &now, &|host| host.name == name);
        let mut wanted = host(&before, &name).unwrap().clone();
        wanted.vars.retain(|(known, _)| *known != key);
        wanted.vars.push((key, value()));
        wanted.vars.sort_by(|left, right| left.0.cmp(&right.0));
        prop_assert_eq!(&wanted, host(&now, &name).unwrap());

        // The same of a setting, which is then taken away again.
        let changed = after(&text, &set(&name, "port", Some("4242"))).unwrap();
        kept(&lines, &[&name], &changed);
        prop_assert_eq!(host(&loaded(&changed), &name).unwrap().connection.port, Some(4242));
        let unset = after(&changed, &set(&name, "port", None)).unwrap();
        kept(&lines, &[&name], &unset);
        prop_assert_eq!(loaded(&unset), loaded(&without_port(&hosts, &groups, &name, style)));
    }

    #[test]
    fn a_group_has_its_setting_for_all_its_own(
        hosts in entries(), groups in entries(), style in (any::<bool>(), any::<bool>()), pick in (0_usize..9, 0..VALUES.len())
    ) {
        let (text, lines) = text_of(&hosts, &groups, style.0, style.1);
        let before = loaded(&text);
        let name = format!("g{}", pick.0 % groups.len());
        let (typed, value) = VALUES[pick.1];
        let change = Change::Set {
            of: Some(Of::Group), name: name.clone(), key: "tags.t".to_string(), value: Some(typed.to_string()),
        };
        let changed = after(&text, &change).unwrap();
        let now = loaded(&changed);
        kept(&lines, &[&name], &changed);
        prop_assert!(gone(&text, &changed) <= 1, "{text}\n{changed}");
        others_same(&before, &now, &|host| host.groups.contains(&name));
        for old in before.hosts.values().filter(|host| host.groups.contains(&name)) {
            let wanted = Host { tags: vec![("t".to_string(), value())], ..old.clone() };
            prop_assert_eq!(&wanted, host(&now, &old.name).unwrap());
        }
    }

    #[test]
    fn hosts_come_and_go_alone(
        hosts in entries(), groups in entries(), style in (any::<bool>(), any::<bool>()), pick in (0_usize..9, 0_usize..9)
    ) {
        let (text, lines) = text_of(&hosts, &groups, style.0, style.1);
        let before = loaded(&text);
        let group = format!("g{}", pick.0 % groups.len());
        let settings = vec![("address".to_string(), "10.0.0.1".to_string()), ("vars.a".to_string(), "1".to_string())];
        let change = Change::Add { host: "new".to_string(), settings, groups: vec![group.clone()] };
        let added = after(&text, &change).unwrap();
        let now = loaded(&added);
        let new = host(&now, "new").unwrap();
        prop_assert_eq!((new.address.as_str(), &new.groups), ("10.0.0.1", &vec![group.clone()]));
        prop_assert!(new.vars.contains(&("a".to_string(), Value::Int(1))));
        others_same(&before, &now, &|_| false);
        kept(&lines, &[&group], &added);
        prop_assert!(gone(&text, &added) <= 2, "{text}\n{added}");

        let back = after(&added, &Change::Remove { host: "new".to_string(), group: None }).unwrap();
        kept(&lines, &[&group], &back);
        prop_assert_eq!(loaded(&back), before.clone());

        let name = format!("h{}", pick.1 % hosts.len());
        let removed = after(&text, &Change::Remove { host: name.clone(), group: None }).unwrap();
        let now = loaded(&removed);
        prop_assert!(host(&now, &name).is_none(), "{removed}");
        others_same(&before, &now, &|host| host.name == name);
        let of_groups: Vec<String> = (0..groups.len()).map(|group| format!("g{group}")).collect();
        let about: Vec<&str> = of_groups.iter().map(String::as_str).chain([name.as_str()]).collect();
        kept(&lines, &about, &removed);
    }
}

/// The inventory as it would be if one host had never had a port of its own.
fn without_port(hosts: &[Entry], groups: &[Entry], name: &str, style: (bool, bool)) -> String {
    let without = |(number, entry): (usize, &Entry)| {
        if format!("h{number}") == name { (None, entry.1.clone(), entry.2) } else { entry.clone() }
    };
    let hosts: Vec<Entry> = hosts.iter().enumerate().map(without).collect();
    text_of(&hosts, groups, style.0, style.1).0
}
