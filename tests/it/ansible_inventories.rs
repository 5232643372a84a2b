//! Inventories of Ansible become those of opsc: hosts, groups and variables are compared with what the real
//! `ansible-inventory` says of them (`tests/inventories/expect.sh` has its version and writes `expected/`).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use opsc::base::source::Sources;
use opsc::hir::value::Value;
use opsc::hir::world::{Host, Inventory};
use opsc::inventory::{self, ansible};
use proptest::prelude::*;
use serde_json::Value as Json;

use super::project::{Project, Said};
use super::properties::cases;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventories")
}

fn import(project: &Project, names: &[&str]) -> Said {
    let paths: Vec<String> = names.iter().map(|name| folder().join(name).display().to_string()).collect();
    let words: Vec<&str> = ["inv", "import", "ansible"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    project.opsc(&words)
}

/// As opsc reads its own text.
fn loaded(text: &str) -> Inventory {
    let mut sources = Sources::new();
    let file = sources.add("inventory.yaml", text);
    let (inventory, diagnostics) = inventory::load(&sources, &[file]);
    assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
    inventory
}

fn imported(names: &[&str]) -> (Inventory, Said) {
    let said = import(&Project::new(), names);
    assert_eq!(said.code, 0, "{names:?}: {}", said.stderr);
    (loaded(&said.stdout), said)
}

fn host<'i>(inventory: &'i Inventory, name: &str) -> &'i Host {
    inventory.hosts.at(inventory.host(name).expect(name))
}

fn json(value: &Value) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::String(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Record(fields) => fields.iter().map(|(name, value)| (name.clone(), json(value))).collect(),
        other => panic!("{other:?}"),
    }
}

/// What `!unsafe` marks is a text.
fn plain(value: &Json) -> Json {
    value.get("__ansible_unsafe").unwrap_or(value).clone()
}

/// Names of variables that warnings speak of.
fn left_out(said: &Said) -> BTreeSet<&str> {
    let warnings = said.stderr.lines().filter_map(|line| line.strip_prefix("warning: "));
    warnings.map(|line| line.split('`').nth(1).expect(line)).collect()
}

/// The hosts of a group and of those in it.
fn members(expected: &Json, group: &str) -> BTreeSet<String> {
    let texts = |key: &str| expected[group][key].as_array().into_iter().flatten().map(|name| name.as_str().unwrap());
    let inner = texts("children").flat_map(|child| members(expected, child));
    texts("hosts").map(str::to_string).chain(inner).collect()
}

/// Everything in which an imported inventory is not what Ansible says.
fn differences(expected: &Json, inventory: &Inventory, said: &Said) -> Vec<String> {
    let mut found = Vec::new();
    let hosts = members(expected, "all");
    let ours: BTreeSet<String> = inventory.hosts.values().map(|host| host.name.clone()).collect();
    let extra = |name: &&String| !hosts.contains(*name) && *name != "localhost";
    found.extend(ours.iter().filter(extra).chain(hosts.difference(&ours)).map(|name| format!("host {name}")));
    let groups =
        expected.as_object().unwrap().keys().filter(|name| !["_meta", "all", "ungrouped"].contains(&name.as_str()));
    let groups: BTreeSet<&str> = groups.map(String::as_str).collect();
    for name in &groups {
        let names = |group: &opsc::hir::world::Group| {
            group.hosts.iter().map(|id| inventory.hosts.at(*id).name.clone()).collect()
        };
        let ours: Option<BTreeSet<String>> = inventory.group(name).map(names);
        if ours != Some(members(expected, name)) {
            found.push(format!("group {name}: {ours:?}"));
        }
    }
    // Ansible names no group of which it has nothing to say.
    let unknown = |group: &&opsc::hir::world::Group| {
        !groups.contains(group.name.as_str()) && group.name != "ungrouped" && !group.hosts.is_empty()
    };
    found.extend(inventory.groups.iter().filter(unknown).map(|group| format!("group {}", group.name)));
    let left = left_out(said);
    let nothing = serde_json::Map::new();
    for name in hosts.intersection(&ours) {
        let vars = expected["_meta"]["hostvars"][name].as_object().unwrap_or(&nothing);
        let of_ansible = |name: &&String| name.starts_with("ansible_");
        let host = host(inventory, name);
        let ours: BTreeMap<&String, Json> = host.vars.iter().map(|(name, value)| (name, json(value))).collect();
        for var in vars.keys().chain(ours.keys().copied()).filter(|name| !of_ansible(name)) {
            let wanted = vars.get(var).map(plain);
            let is_left = left.contains(var.as_str()) && !ours.contains_key(var);
            if ours.get(var) != wanted.as_ref() && !is_left {
                found.push(format!("{name}.{var}: {:?}, expected {wanted:?}", ours.get(var)));
            }
        }
        found.extend(other_ways(host, vars, &left));
    }
    found
}

/// Where the host is reached in another way than Ansible's variables say.
fn other_ways(host: &Host, vars: &serde_json::Map<String, Json>, left: &BTreeSet<&str>) -> Vec<String> {
    let middle = match vars.get("ansible_connection").and_then(Json::as_str) {
        Some("winrm") => "winrm_",
        Some("psrp") => "psrp_",
        _ => "ssh_",
    };
    let text = |last: &str| {
        let names = [format!("ansible_{middle}{last}"), format!("ansible_{last}")];
        let name = names.iter().find(|name| vars.contains_key(*name))?;
        let value = &vars[name];
        Some((value.as_str().map_or_else(|| value.to_string(), str::to_string), left.contains(name.as_str())))
    };
    let connection = &host.connection;
    let pairs = [
        (
            "host",
            (!matches!(host.address.as_str(), "127.0.0.1") && host.address != host.name).then(|| host.address.clone()),
        ),
        ("user", connection.user.clone()),
        ("port", connection.port.map(|port| port.to_string())),
        ("private_key_file", connection.key.clone()),
    ];
    let differs = |(key, ours): (&str, Option<String>)| {
        let wanted = text(key);
        let is_left = ours.is_none() && wanted.as_ref().is_some_and(|(_, is_left)| *is_left);
        let same = wanted.as_ref().map(|(text, _)| text) == ours.as_ref();
        (!same && !is_left).then(|| format!("{} {key}: {ours:?}, expected {wanted:?}", host.name))
    };
    pairs.into_iter().filter_map(differs).collect()
}

#[test]
fn hosts_groups_and_variables_are_those_of_ansible() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder().join("expected")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        let expected: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let sources: &[&str] =
            if name == "sources" { &["sources/a/hosts.ini", "sources/b/hosts.yml"] } else { &[&name] };
        let (inventory, said) = imported(sources);
        wrong.extend(differences(&expected, &inventory, &said).into_iter().map(|line| format!("{name}: {line}")));
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(count, 21, "inventories with an expected text");
}

#[test]
fn hosts_are_reached_as_before() {
    let (inventory, said) = imported(&["connections.ini"]);
    let way = |name: &str| {
        let connection = &host(&inventory, name).connection;
        let (jump, user) = (connection.jump.as_deref(), connection.as_user.as_deref());
        (connection.transport.name(), jump, connection.admin.name(), user, connection.connect_timeout)
    };
    assert_eq!(way("gate"), ("ssh", None, "sudo", None, None));
    assert_eq!(way("inner2"), ("ssh", Some("gate"), "sudo", Some("root"), Some(15_000)));
    assert_eq!(way("cmd1"), ("ssh", Some("gate"), "sudo", None, None));
    assert_eq!(way("puffy"), ("ssh", None, "doas", Some("_app"), Some(30_000)));
    assert_eq!((way("localhost").0, way("builder").0), ("local", "local"));
    assert!(left_out(&said).is_empty(), "{}", said.stderr);
    let (inventory, said) = imported(&["windows.yml"]);
    let way = |name: &str| {
        let host = host(&inventory, name);
        (host.connection.transport.name(), host.os.map(|os| os.name()))
    };
    assert_eq!(way("dc01.ad.example"), ("winrm", Some("windows")));
    assert_eq!((way("win2"), way("lin1")), (("ssh", Some("windows")), ("ssh", None)));
    assert!(
        said.stderr
            .contains("windows.yml:19: `ansible_connection` of box is left out: opsc has no connection `docker`")
    );
    // The machine that opsc runs on takes nothing over from what all others are.
    assert_eq!(way("localhost").0, "local");
}

#[test]
fn what_is_left_out_is_named_and_no_password_is_written() {
    let (inventory, said) = imported(&["secrets.ini"]);
    for word in ["hunter", "abc", "a b"] {
        assert!(!said.stdout.contains(word) && !said.stderr.contains(word), "{word}\n{}{}", said.stdout, said.stderr);
    }
    let named = [
        "ansible_become_pass",
        "ansible_host",
        "ansible_password",
        "ansible_python_interpreter",
        "api_token",
        "db_password",
        "greeting",
        "huge",
        "list",
        "url",
        "users",
    ];
    assert_eq!(left_out(&said).into_iter().collect::<Vec<_>>(), named);
    assert!(
        said.stderr.contains("secrets.ini:6: `ansible_host` of db is left out: it is a template"),
        "{}",
        said.stderr
    );
    for hint in
        ["`password:` says where it is, such as `password: age:FILE/NAME`", "`admin_password:` says where it is"]
    {
        assert!(said.stderr.contains(hint), "{hint}: {}", said.stderr);
    }
    assert!(said.stderr.ends_with("imported 2 hosts in 1 group, 11 warnings\n"), "{}", said.stderr);
    assert_eq!(host(&inventory, "db2").vars.len(), 2);
    // What is left out of a host does not let the value of an outer group through.
    let (inventory, _) = imported(&["shadows.ini"]);
    assert_eq!(
        (&host(&inventory, "web1").vars, host(&inventory, "web1").connection.user.as_deref()),
        (&Vec::new(), None)
    );
    assert_eq!(host(&inventory, "db1").connection.user.as_deref(), Some("root"));
    let (_, said) = imported(&["folder"]);
    assert!(
        said.stderr.contains("nobody.yml:1: `nobody` is left out: there is no such group in the inventory"),
        "{}",
        said.stderr
    );
}

#[test]
fn hosts_keep_their_order_and_ranges_are_written_again() {
    let (inventory, _) = imported(&["order.ini"]);
    let names: Vec<&str> = inventory.hosts.values().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["zeta", "alpha", "mid", "first", "localhost"]);
    let (_, said) = imported(&["unsaid_ini"]);
    let text = "groups:\n  pair:\n    hosts:\n      - p1\n      - p2\nhosts:\n  lone:\n    address: \"192.0.2.77\"\n";
    assert!(
        said.stdout.starts_with("# Made by `opsc inv import ansible /") && said.stdout.ends_with(text),
        "{}",
        said.stdout
    );
    let (_, said) = imported(&["ranges.yml"]);
    assert!(
        said.stdout.contains("      - \"node[01:12].example\"\n      - \"edge[a:c]\"\n")
            || said.stdout.contains("- edgea\n")
    );
}

#[test]
fn what_is_no_inventory_is_refused_with_its_line() {
    let cases = [
        ("a.ini", "[web]\nweb1\n[web:hots]\n", "a.ini:3: a section is of hosts, `children` or `vars`, found `hots`"),
        ("a.ini", "[web]\nweb1 port 80\n", "a.ini:2: expected variables as `name=value` after the host"),
        ("a.ini", "[web]\n\nweb1 a='b\n", "a.ini:3: a quote is not closed"),
        ("a.ini", "[top:children]\nweb\n", "a.ini:2: there is no group `web`"),
        ("a.ini", "[web:vars]\na=1\n", "a.ini:1: there is no group `web`"),
        ("a.ini", "[web]\nweb[1:x]\n", "a.ini:2: a range of hosts is written"),
        ("a.ini", "[web]\nweb[1:999999999]\n", "a.ini:2: a range makes more hosts"),
        ("a.ini", "[a:children]\nb\n[b:children]\na\n", "groups hold each other"),
        ("a.ini", "[my group]\n", "a.ini:1: expected a section"),
        ("a.ini", "[a:vars]\nsecret hunter2\n[a]\n", "a.ini:2: expected a variable as `name=value`\n"),
        (
            "a.yml",
            "web:\n  hosts: [web1]\n",
            "a.yml:2: expected the hosts of a group as a mapping, each with a colon, found a list",
        ),
        ("a.yml", "hosts:\n  - web1\n", "a.yml:1: `hosts` is no group"),
        ("a.yml", "- web1\n", "a.yml:1: expected groups, each with `hosts`, `children` or `vars`, found a list"),
        ("a.yml", "plugin: aws_ec2\nregions: [x]\n", "a.yml:1: this configures a plugin"),
        ("a.yml", "web:\n  hosts: {\n", "this is not YAML"),
        ("a.yml", "web:\n  hosts:\n    10:\n", "a.yml:3: a host's name is a text"),
        ("a.yml", "web:\n  hosts:\n    a: !lookup x\n", "a.yml:3: the tag `!lookup` is not read"),
        ("a.toml", "[web]\nhosts = [\n", "this is not TOML"),
        ("a.py", "#!/usr/bin/env python\n", "a.py:1: this is a program that lists hosts"),
    ];
    for (name, text, expected) in cases {
        let project = Project::new();
        project.write(name, text);
        let said = project.opsc(&["inv", "import", "ansible", name]);
        assert_eq!((said.code, said.stdout.as_str()), (11, ""), "{text}");
        assert!(said.stderr.starts_with("error: ") && said.stderr.contains(expected), "{text}{}", said.stderr);
        assert!(!said.stderr.contains("hunter2"), "{}", said.stderr);
    }
    assert_eq!(Project::new().opsc(&["inv", "import", "ansible", "none.ini"]).code, 10);
}

#[test]
fn a_file_that_is_there_is_kept_unless_told() {
    let project = Project::new();
    project.write("hosts.ini", "[web]\nweb[1:3] ansible_host=192.0.2.1\n");
    let save = ["inv", "import", "ansible", "hosts.ini", "--save", "inventory.yaml"];
    let said = project.opsc(&save);
    assert_eq!((said.code, said.stdout.as_str()), (0, ""));
    assert_eq!(said.stderr, "wrote inventory.yaml\nimported 3 hosts in 1 group, 0 warnings\n");
    let first = project.read("inventory.yaml").unwrap();
    assert!(first.starts_with("# Made by `opsc inv import ansible hosts.ini`.\n"), "{first}");
    assert_eq!(project.opsc(&["inv", "show", "web2"]).stdout.lines().nth(1), Some("address: 192.0.2.1"));
    project.write("hosts.ini", "other\n");
    let again = project.opsc(&save);
    assert_eq!(again.code, 10);
    assert!(again.stderr.contains("`inventory.yaml` is already there; nothing was written"), "{}", again.stderr);
    assert_eq!(project.read("inventory.yaml"), Some(first));
    assert_eq!(project.opsc(&[&save[..], &["--force"]].concat()).code, 0);
    assert!(project.read("inventory.yaml").unwrap().contains("other"));
}

/// Reads a text as each of the forms; what comes of it is read by opsc without a word.
fn reads(text: &str) {
    use ansible::Role;
    for role in [Role::Ini, Role::Yaml, Role::Toml, Role::Unsaid] {
        let mut sources = Sources::new();
        let file = sources.add("hosts", text);
        let more = sources.add("group_vars/all", text);
        let texts = [(file, role), (more, Role::OfGroup("all".to_string(), 0))];
        if let Ok(imported) = ansible::import(&sources, &texts[..1]) {
            let hosts = loaded(&imported.text).hosts.values().filter(|host| host.name != "localhost").count();
            assert!(imported.hosts - hosts <= 1, "{text}\n{}", imported.text);
        } else if let Err(refusals) = ansible::import(&sources, &texts) {
            assert!(refusals.iter().all(|refusal| !refusal.contains("mistake in opsc")), "{refusals:?}\n{text}");
        }
    }
}

#[test]
fn what_grows_without_end_is_refused() {
    let mut laughs = "a0: &a0 {vars: {x: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}}\n".to_string();
    for level in 1..20 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} {{vars: {{x: [{below}]}}}}\n"));
    }
    reads(&laughs);
    let chain: String = (0..3000).map(|level| format!("[g{level}:children]\ng{}\n", level + 1)).collect();
    let deep: String = (0..300).map(|level| format!("{}children: {{\n", " ".repeat(level))).collect();
    for text in [chain + "[g3000]\nh\n", deep, "[".repeat(100_000), "{".repeat(100_000), "a[1:2]".repeat(10_000)] {
        reads(&text);
    }
    reads(&format!("h a={}\n", "[".repeat(100_000)));
    reads(&format!("[g:vars]\na={}1{}\n[g]\n", "(".repeat(50_000), ")".repeat(50_000)));
    reads(&"n[1:9]".repeat(20));
}

/// What inventories are made of, in all three forms.
const PIECES: &[&str] = &[
    "\n",
    "\n",
    "\n",
    "\n  ",
    "\n    ",
    " ",
    "[",
    "]",
    "[web]\n",
    "[web:vars]\n",
    "[web:children]\n",
    "[db]\n",
    "db",
    "web1",
    "web[1:3]",
    "n[a:c]:22",
    "=",
    "a=1",
    "ansible_host=10.0.0.1",
    "ansible_port=22",
    "ansible_connection=winrm",
    "'",
    "\"",
    "#",
    ";",
    "\\",
    "{{ x }}",
    "True",
    "None",
    "0x",
    "1_0",
    "1e9",
    "-",
    ":",
    ": ",
    "{",
    "}",
    ",",
    "all:",
    "hosts:",
    "children:",
    "vars:",
    "web:",
    "w1:",
    "&a ",
    "*a",
    "<<: ",
    "!vault ",
    "|\n",
    "yes",
    "0640",
    "\u{fc}",
    "\u{2028}",
    "\t",
    "localhost",
    "ansible_ssh_common_args='-J web1'",
    "password=x",
    ".hosts.h]\n",
    "x = 1\n",
    "ansible_group_priority=5",
];

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_text_is_too_odd(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        reads(&pieces.concat());
    }

    #[test]
    fn no_letters_are_too_odd(text in "\\PC{0,60}") {
        reads(&text);
        reads(&format!("[web]\nweb1 a={text}\nweb2\n"));
    }

    /// Groups in groups with variables that hide each other: what the hosts have is what was read, or nothing is written.
    #[test]
    fn whatever_hides_what_is_written_right(
        children in prop::collection::vec((0..6_usize, 0..6_usize), 0..8),
        hosts in prop::collection::vec((0..6_usize, 0..4_usize), 0..10),
        vars in prop::collection::vec((0..6_usize, "[xy]", 0..4_i64), 0..12),
    ) {
        let mut text = (0..6).map(|group| format!("[g{group}]\n")).collect::<String>();
        for (group, child) in children.iter().filter(|(group, child)| group < child) {
            text.push_str(&format!("[g{group}:children]\ng{child}\n"));
        }
        for (group, host) in &hosts {
            text.push_str(&format!("[g{group}]\nh{host}\n"));
        }
        for (group, name, value) in &vars {
            let value = if *value == 0 { "{{ t }}".to_string() } else { value.to_string() };
            text.push_str(&format!("[g{group}:vars]\n{name}={value}\n"));
        }
        let mut sources = Sources::new();
        let file = sources.add("hosts.ini", &text);
        let imported = ansible::import(&sources, &[(file, ansible::Role::Ini)]);
        prop_assert!(imported.is_ok(), "{imported:?}\n{text}");
        loaded(&imported.unwrap().text);
    }
}
