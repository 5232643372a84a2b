//! Hosts that were read elsewhere → the text of an `inventory.yaml`. Knows no format; names and settings are checked as
//! those of every inventory.

use std::collections::{BTreeMap, HashSet};

use super::ansible::{Imported, secrecy};
use super::errors::InventoryError;
use super::raw::is_name;
use super::{Layers, read_layers};
use crate::base::reference::is_reference;
use crate::base::source::Sources;
use crate::eval::yaml::write_value;
use crate::hir::value::Value;

/// One host as another tool has it.
#[derive(Clone, Default, PartialEq, Debug)]
pub(super) struct Found {
    pub(super) name: String,
    /// Where it was read: `hosts.csv:3`, `aws_instance.web[0]`.
    pub(super) place: String,
    /// `address`, `port` and the like, in the order in which they are written.
    pub(super) settings: Vec<(&'static str, Value)>,
    pub(super) groups: Vec<String>,
    pub(super) tags: BTreeMap<String, Value>,
    pub(super) vars: BTreeMap<String, Value>,
}

/// The text, or all that is wrong with it.
pub(super) fn inventory(mut hosts: Vec<Found>, mut warnings: Vec<String>) -> Result<Imported, Vec<String>> {
    let mut refusals = Vec::new();
    let mut seen: HashSet<String> = HashSet::new();
    for host in &mut hosts {
        let Found { name, place, tags, vars, .. } = host;
        if !is_name(name) {
            refusals.push(format!("{place}: `{}` cannot be the name of a host", name.escape_debug()));
        } else if !seen.insert(name.clone()) {
            refusals.push(format!("{place}: there is another host `{name}`"));
        }
        for (kind, values) in [("tag", tags), ("variable", vars)] {
            values.retain(|key, value| {
                let is_secret = secrecy::is_secret(key, value);
                if is_secret {
                    let key = key.escape_debug();
                    warnings.push(format!("{place}: the {kind} `{key}` looks like a secret and is left out"));
                }
                !is_secret
            });
        }
        host.settings.retain(|(key, value)| {
            let is_place = value.as_str().is_some_and(is_reference);
            let is_secret = secrecy::is_secret_name(key) && !is_place;
            if is_secret {
                warnings.push(format!("{place}: the setting `{key}` looks like a secret and is left out"));
            }
            !is_secret
        });
        for group in host.groups.iter().filter(|group| !is_name(group)) {
            refusals.push(format!("{place}: `{}` cannot be the name of a group", group.escape_debug()));
        }
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let mut groups: BTreeMap<&String, Vec<Value>> = BTreeMap::new();
    for host in &hosts {
        for group in &host.groups {
            let members = groups.entry(group).or_default();
            let name = Value::string(host.name.as_str());
            if !members.contains(&name) {
                members.push(name);
            }
        }
    }
    let count = groups.len();
    let members = |members: Vec<Value>| Value::Record(vec![("hosts".to_string(), Value::List(members))]);
    let groups: Vec<(String, Value)> = groups.into_iter().map(|(name, hosts)| (name.clone(), members(hosts))).collect();
    let entries: Vec<(String, Value)> = hosts.iter().map(|host| (host.name.clone(), entry(host))).collect();
    let sections = [("groups", groups), ("hosts", entries)].into_iter().filter(|(_, entries)| !entries.is_empty());
    let whole = sections.map(|(name, entries)| (name.to_string(), Value::Record(entries))).collect();
    let text = write_value(&Value::Record(whole));
    expect_loads(&text)?;
    Ok(Imported { text, hosts: hosts.len(), groups: count, warnings })
}

fn entry(host: &Found) -> Value {
    let mut fields: Vec<(String, Value)> =
        host.settings.iter().map(|(key, value)| ((*key).to_string(), value.clone())).collect();
    for (key, values) in [("tags", &host.tags), ("vars", &host.vars)] {
        if !values.is_empty() {
            let values = values.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            fields.push((key.to_string(), Value::Record(values)));
        }
    }
    if fields.is_empty() { Value::None } else { Value::Record(fields) }
}

/// Of what would be written; hosts that others stand on may be in another file.
fn expect_loads(text: &str) -> Result<(), Vec<String>> {
    let mut sources = Sources::new();
    let file = sources.add("import", text);
    let (_, errors) = read_layers(&sources, &Layers { answers: &[], files: &[file] });
    let wrong = errors.iter().filter(|error| !InventoryError::may_stand_elsewhere(error));
    let refusals: Vec<String> = wrong
        .map(|error| {
            let finding = error.diagnostic();
            if finding.line_is_hidden {
                return finding.message;
            }
            let place = sources.place(finding.primary.span);
            let line = text.lines().nth(place.line.saturating_sub(1)).unwrap_or_default().trim();
            format!("{}, in `{line}`", finding.message)
        })
        .collect();
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}
