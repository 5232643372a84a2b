//! The text of `inventory.yaml`: a group says what it said to Ansible, and a host what differs from that. The result is read
//! back as opsc reads it, and is only given out where every host is what it was.

use std::collections::{BTreeMap, HashMap};

use super::findings::Refusal;
use super::levels::Merged;
use super::settings::{self, Places, Settings};
use super::tree::{ALL, Order, Tree};
use crate::base::ids::Id;
use crate::base::source::{Sources, Span};
use crate::eval::yaml::write_value;
use crate::hir::value::Value;
use crate::hir::world::{Host, HostKeyPolicy, Inventory, LOCALHOST};
use crate::inventory::raw::SETTINGS;

/// Where a host is and which way leads there: what each says by itself, and not all together.
const NEVER_OF_ALL: [&str; 5] = ["address", "os", "transport", "port", "jump"];

/// What a host or a group says.
#[derive(Clone, Default, PartialEq, Debug)]
struct Said {
    settings: Settings,
    vars: BTreeMap<String, Value>,
}

impl Said {
    fn of(merged: &Merged<'_>, owner: Option<&str>, places: &Places) -> Said {
        let held = merged.iter().filter(|(name, _)| !settings::is_of_ansible(name));
        let vars = held.filter_map(|(name, var)| Some(((*name).to_string(), var.value.clone().ok()?))).collect();
        Said { settings: settings::of(merged, owner, places), vars }
    }

    /// What holds for a host where nothing is said.
    fn with_usual(mut self, name: &str) -> Said {
        self.settings.entry("transport").or_insert_with(|| Value::string("ssh"));
        self.settings.entry("admin").or_insert_with(|| Value::string("sudo"));
        let is_local = self.settings.get("transport") == Some(&Value::string("local"));
        let address = if is_local && name == LOCALHOST { "127.0.0.1" } else { name };
        self.settings.entry("address").or_insert_with(|| Value::string(address));
        self
    }

    fn is_empty(&self) -> bool {
        self.settings.is_empty() && self.vars.is_empty()
    }

    /// Only what every host in it has, and what at least one has as it stands here: a host can say something else, but
    /// not that it has nothing.
    fn keep_what_holds(&mut self, hosts: &[&Said]) {
        let holds = |of: &dyn Fn(&Said) -> Option<Value>, value: &Value| {
            hosts.is_empty()
                || (hosts.iter().all(|said| of(said).is_some())
                    && hosts.iter().any(|said| of(said).as_ref() == Some(value)))
        };
        self.settings.retain(|key, value| holds(&|said| said.settings.get(key).cloned(), value));
        self.vars.retain(|key, value| holds(&|said| said.vars.get(key).cloned(), value));
    }

    /// What is said here and not there.
    fn beyond(&self, there: &Said) -> Said {
        let settings = self.settings.iter().filter(|(key, value)| there.settings.get(*key) != Some(*value));
        let vars = self.vars.iter().filter(|(key, value)| there.vars.get(*key) != Some(*value));
        Said {
            settings: settings.map(|(key, value)| (*key, value.clone())).collect(),
            vars: vars.map(|(key, value)| (key.clone(), value.clone())).collect(),
        }
    }

    fn fields(&self) -> Vec<(String, Value)> {
        let setting = |key: &&'static str| Some(((*key).to_string(), self.settings.get(*key)?.clone()));
        let vars = Value::Record(self.vars.iter().map(|(key, value)| (key.clone(), value.clone())).collect());
        let vars = (!self.vars.is_empty()).then(|| ("vars".to_string(), vars));
        SETTINGS.iter().filter_map(setting).chain(vars).collect()
    }
}

pub(super) fn inventory(tree: &Tree, order: &Order, merged: &[Merged<'_>], places: &Places) -> Result<String, Refusal> {
    let hosts = tree.hosts.iter().zip(merged);
    let wanted: Vec<Said> =
        hosts.map(|(host, merged)| Said::of(merged, Some(&host.name), places).with_usual(&host.name)).collect();
    let groups = said_of_groups(tree, order, &wanted, places);
    let writer = Writer { tree, order, groups };
    // With every host named and saying nothing, what comes of groups and defaults is seen.
    let silent = vec![Said::default(); wanted.len()];
    let of_groups = read_back(&writer.text(&silent, &|_| true), tree)?;
    let own: Vec<Said> = wanted.iter().zip(&of_groups).map(|(wanted, there)| wanted.beyond(there)).collect();
    let is_grouped = |host: usize| {
        let groups = order.groups_of.get(host).into_iter().flatten();
        groups.filter_map(|group| tree.groups.get(*group)).any(|group| group.is_written())
    };
    let says = |host: usize| own.get(host).is_some_and(|said| !said.is_empty());
    let brief = writer.text(&own, &|host| says(host) || !is_grouped(host));
    let text = if is_in_order(&brief, tree) { brief } else { writer.text(&own, &|_| true) };
    let found = read_back(&text, tree)?;
    match wanted.iter().zip(&found).position(|(wanted, found)| wanted != found) {
        None => Ok(text),
        Some(host) => Err(differs(tree.hosts.get(host).map_or("", |host| host.name.as_str()))),
    }
}

fn differs(host: &str) -> Refusal {
    let nowhere = Span::new(Id::from_index(0), 0, 0);
    Refusal::new(
        nowhere,
        format!("nothing is written: opsc would read `{host}` differently, which is a mistake in opsc"),
    )
}

fn said_of_groups(tree: &Tree, order: &Order, wanted: &[Said], places: &Places) -> Vec<Said> {
    let said = |(index, group): (usize, &super::tree::Group)| {
        let mut said = Said::of(&group.level.own(), None, places);
        if index == ALL {
            said.settings.retain(|key, _| !NEVER_OF_ALL.contains(key));
        }
        let members = order.members.get(index).into_iter().flatten();
        said.keep_what_holds(&members.filter_map(|host| wanted.get(*host)).collect::<Vec<_>>());
        said
    };
    tree.groups.iter().enumerate().map(said).collect()
}

struct Writer<'a> {
    tree: &'a Tree,
    order: &'a Order,
    groups: Vec<Said>,
}

impl Writer<'_> {
    fn text(&self, hosts: &[Said], is_named: &dyn Fn(usize) -> bool) -> String {
        let mut document = Vec::new();
        let mut section = |name: &str, fields: Vec<(String, Value)>| {
            if !fields.is_empty() {
                document.push((name.to_string(), Value::Record(fields)));
            }
        };
        section("defaults", self.groups.first().map(Said::fields).unwrap_or_default());
        let groups = self.tree.groups.iter().enumerate().filter(|(_, group)| group.is_written());
        section("groups", groups.map(|(index, group)| (group.name.clone(), self.group(index))).collect());
        section("hosts", self.hosts(hosts, is_named));
        if document.is_empty() { String::new() } else { write_value(&Value::Record(document)) }
    }

    fn group(&self, index: usize) -> Value {
        let (mut hosts, mut groups) = (Vec::new(), Vec::new());
        self.collect(index, &mut hosts, &mut groups);
        let mut seen = std::collections::HashSet::new();
        hosts.retain(|host| seen.insert(*host));
        let names = hosts.iter().filter_map(|host| self.tree.hosts.get(*host)).map(|host| host.name.as_str());
        let texts = |names: Vec<String>| Value::List(names.into_iter().map(Value::String).collect());
        let mut fields = Vec::new();
        if !hosts.is_empty() {
            fields.push(("hosts".to_string(), texts(ranges(&names.collect::<Vec<_>>()))));
        }
        if !groups.is_empty() {
            fields.push(("groups".to_string(), texts(groups)));
        }
        fields.extend(self.groups.get(index).map(Said::fields).unwrap_or_default());
        Value::Record(fields)
    }

    /// Its hosts and groups; in the place of a group that is not written stand that one's.
    fn collect(&self, index: usize, hosts: &mut Vec<usize>, groups: &mut Vec<String>) {
        let Some(group) = self.tree.groups.get(index) else { return };
        hosts.extend(&group.hosts);
        for child in &group.children {
            match self.tree.groups.get(*child) {
                Some(inner) if inner.is_written() && !groups.contains(&inner.name) => groups.push(inner.name.clone()),
                Some(inner) if !inner.is_written() => {
                    hosts.extend(self.order.members.get(*child).into_iter().flatten());
                }
                _ => {}
            }
        }
    }

    /// Neighbours that say the same are one range.
    fn hosts(&self, said: &[Said], is_named: &dyn Fn(usize) -> bool) -> Vec<(String, Value)> {
        let mut entries: Vec<(Vec<&str>, &Said)> = Vec::new();
        for (index, (host, said)) in self.tree.hosts.iter().zip(said).enumerate() {
            if !is_named(index) {
                continue;
            }
            match entries.last_mut() {
                Some((names, last)) if *last == said => names.push(&host.name),
                _ => entries.push((vec![&host.name], said)),
            }
        }
        let written = |(names, said): (Vec<&str>, &Said)| {
            let fields = Value::Record(said.fields());
            ranges(&names).into_iter().map(move |name| (name, fields.clone())).collect::<Vec<_>>()
        };
        entries.into_iter().flat_map(written).collect()
    }
}

/// Names in their order, three and more that count up as `app[01:20]`.
fn ranges(names: &[&str]) -> Vec<String> {
    let mut written = Vec::new();
    let mut rest = names;
    while let Some((first, _)) = rest.split_first() {
        let length = rest.windows(2).take_while(|pair| matches!(pair, [one, two] if follows(one, two))).count() + 1;
        let (run, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        match (numbered(first), run.last().and_then(|last| numbered(last))) {
            (Some((head, from, tail)), Some((_, to, _))) if length > 2 => {
                written.push(format!("{head}[{from}:{to}]{tail}"));
            }
            _ => written.extend(run.iter().map(|name| (*name).to_string())),
        }
        rest = after;
    }
    written
}

/// A name as what stands before its last number, the number and what stands after.
fn numbered(name: &str) -> Option<(&str, &str, &str)> {
    let end = name.rfind(|letter: char| letter.is_ascii_digit())? + 1;
    let start = name.get(..end)?.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
    let number = name.get(start..end).filter(|number| number.len() <= 9)?;
    // An address of IPv6 has colons, and letters in its numbers.
    (!name.contains(':')).then_some((name.get(..start)?, number, name.get(end..)?))
}

fn follows(one: &str, two: &str) -> bool {
    let (Some((head, first, tail)), Some((next_head, next, next_tail))) = (numbered(one), numbered(two)) else {
        return false;
    };
    let Ok(number) = first.parse::<u32>() else { return false };
    let width = if first.starts_with('0') { first.len() } else { 0 };
    (head, tail) == (next_head, next_tail) && next == format!("{:0width$}", number + 1)
}

/// Every host as opsc reads it, in the tree's order.
fn read_back(text: &str, tree: &Tree) -> Result<Vec<Said>, Refusal> {
    let inventory = loaded(text)?;
    let by_name: HashMap<&str, &Host> = inventory.hosts.values().map(|host| (host.name.as_str(), host)).collect();
    let found = |name: &str| by_name.get(name).map(|host| said_of_host(host)).ok_or_else(|| differs(name));
    tree.hosts.iter().map(|host| found(&host.name)).collect()
}

fn loaded(text: &str) -> Result<Inventory, Refusal> {
    let mut sources = Sources::new();
    let file = sources.add("inventory.yaml", text);
    let (inventory, diagnostics) = crate::inventory::load(&sources, &[file]);
    match diagnostics.first() {
        None => Ok(inventory),
        Some(diagnostic) => {
            let nowhere = Span::new(Id::from_index(0), 0, 0);
            let what =
                format!("nothing is written: opsc would refuse it, which is a mistake in opsc: {}", diagnostic.message);
            Err(Refusal::new(nowhere, what))
        }
    }
}

fn is_in_order(text: &str, tree: &Tree) -> bool {
    let Ok(inventory) = loaded(text) else { return false };
    tree.hosts.iter().map(|host| host.name.as_str()).eq(inventory
        .hosts
        .values()
        .map(|host| host.name.as_str())
        .take(tree.hosts.len()))
}

fn said_of_host(host: &Host) -> Said {
    let connection = &host.connection;
    let text = |text: &Option<String>| text.clone().map(Value::String);
    let seconds = connection.connect_timeout.map(|milliseconds| milliseconds / 1000);
    let policy = connection.host_key.map(|policy| match policy {
        HostKeyPolicy::Strict => "strict",
        HostKeyPolicy::AcceptNew => "accept-new",
    });
    let settings = [
        ("address", Some(Value::string(host.address.clone()))),
        // What opsc knows of its own machine, nobody said.
        ("os", host.os.filter(|_| host.name != LOCALHOST).map(|os| Value::string(os.name()))),
        ("transport", Some(Value::string(connection.transport.name()))),
        ("port", connection.port.map(|port| Value::Int(i64::from(port)))),
        ("user", text(&connection.user)),
        ("key", text(&connection.key)),
        ("jump", text(&connection.jump)),
        ("admin", Some(Value::string(connection.admin.name()))),
        ("as", text(&connection.as_user)),
        ("known_hosts", text(&connection.known_hosts)),
        ("host_key", policy.map(Value::string)),
        ("connect_timeout", seconds.and_then(|seconds| i64::try_from(seconds).ok()).map(Value::Int)),
    ];
    Said {
        settings: settings.into_iter().filter_map(|(key, value)| Some((key, value?))).collect(),
        vars: host.vars.iter().cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_count_up_are_ranges() {
        assert_eq!(ranges(&["a08", "a09", "a10", "b", "c1", "c2"]), ["a[08:10]", "b", "c1", "c2"]);
        assert_eq!(ranges(&["n9.x", "n10.x", "n11.x", "n13.x"]), ["n[9:11].x", "n13.x"]);
        assert_eq!(ranges(&["a1b1", "a2b1", "a3b1"]), ["a1b1", "a2b1", "a3b1"]);
        assert_eq!(ranges(&["2001:db8::1", "2001:db8::2", "2001:db8::3"]).len(), 3);
    }
}
