//! What a program or a server says of hosts (JSON) → the text of an inventory. Reads the form of Ansible's dynamic
//! inventories, opsc's own, and a plain list of hosts. What it reads is untrusted: names, characters and keys are
//! checked, and what decides whom to trust (keys, jump hosts, host keys) is not taken from it.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::ansible::{self, Role};
use super::errors::InventoryError;
use super::raw::{SOURCE_SETTINGS, is_name};
use super::{Layers, read_layers};
use crate::base::source::Sources;
use crate::base::words;
use crate::hir::world::LOCALHOST;

/// Variables of Ansible that say where a host is and who logs in; others that begin alike are its own, or decide trust.
const WHERE: &[&str] = &[
    "ansible_host",
    "ansible_ssh_host",
    "ansible_port",
    "ansible_ssh_port",
    "ansible_user",
    "ansible_ssh_user",
    "ansible_connection",
];
const CONNECTIONS: &[&str] = &["ssh", "smart", "paramiko", "paramiko_ssh", "winrm", "psrp"];

/// An answer that can be read as an inventory.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    pub text: String,
    pub hosts: Vec<String>,
    pub groups: usize,
    /// What is not in the text, and why.
    pub warnings: Vec<String>,
}

/// Reads an answer; else why it is none, in one line.
pub fn answer(answer: &str) -> Result<Answer, String> {
    let said: Json = serde_json::from_str(answer).map_err(|error| format!("it is no JSON: {error}"))?;
    expect_printable(&said, false)?;
    let (text, warnings) = match &said {
        Json::Array(hosts) => (written(&listed(hosts)?), Vec::new()),
        Json::Object(keys) if is_own(keys) => (written(&own(keys)?), Vec::new()),
        Json::Object(keys) => of_ansible(keys)?,
        other => return Err(format!("expected a list of hosts or a mapping, found {}", form(other))),
    };
    let mut sources = Sources::new();
    let file = sources.add("answer", text.as_str());
    let (inventory, errors) = read_layers(&sources, &Layers { answers: &[file], files: &[] });
    // What else there is stands in other texts.
    let own = |error: &&InventoryError| !error.may_stand_elsewhere();
    if let Some(error) = errors.iter().find(own) {
        let finding = error.diagnostic();
        let place = sources.place(finding.primary.span);
        let line = text.lines().nth(place.line.saturating_sub(1)).unwrap_or_default().trim();
        return Err(format!("{}, in `{line}`", finding.message));
    }
    let names = inventory.hosts.values().map(|host| host.name.clone());
    let hosts = names.filter(|name| name != LOCALHOST).collect();
    Ok(Answer { text, hosts, groups: inventory.groups.len(), warnings })
}

fn written(inventory: &Json) -> String {
    format!("{inventory:#}\n")
}

fn form(value: &Json) -> &'static str {
    match value {
        Json::Null => "nothing",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a mapping",
    }
}

/// No text of it moves a terminal's cursor or turns letters around; values may have several lines.
fn expect_printable(value: &Json, is_key: bool) -> Result<(), String> {
    match value {
        Json::String(text) => match text.chars().find(|letter| is_hostile(*letter, is_key)) {
            Some(letter) => {
                let shown: String = text.escape_debug().take(60).collect();
                Err(format!("a text of it holds the character {}: `{shown}`", letter.escape_unicode()))
            }
            None => Ok(()),
        },
        Json::Array(items) => items.iter().try_for_each(|item| expect_printable(item, false)),
        Json::Object(entries) => entries.iter().try_for_each(|(key, value)| {
            expect_printable(&Json::String(key.clone()), true)?;
            expect_printable(value, false)
        }),
        _ => Ok(()),
    }
}

fn is_hostile(letter: char, is_key: bool) -> bool {
    let is_break = matches!(letter, '\n' | '\t' | '\r') && !is_key;
    (letter.is_control() && !is_break)
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_own(keys: &Map<String, Json>) -> bool {
    !keys.is_empty() && keys.keys().all(|key| matches!(key.as_str(), "hosts" | "groups"))
}

fn mapping<'j>(what: &str, value: &'j Json) -> Result<&'j Map<String, Json>, String> {
    value.as_object().ok_or_else(|| format!("{what} is a mapping, found {}", form(value)))
}

/// `{"hosts": {…}, "groups": {…}}`, as in `inventory.yaml`.
fn own(keys: &Map<String, Json>) -> Result<Json, String> {
    for (section, kind) in [("hosts", "host"), ("groups", "group")] {
        let Some(entries) = keys.get(section).filter(|entries| !entries.is_null()) else { continue };
        for (name, settings) in mapping(&format!("`{section}`"), entries)? {
            expect_name(kind, name)?;
            let members: &[&str] = if kind == "group" { &["hosts", "groups"] } else { &[] };
            expect_settings((kind, name), settings, members)?;
        }
    }
    Ok(Json::Object(keys.clone()))
}

fn expect_name(kind: &str, name: &str) -> Result<(), String> {
    if !is_name(name) {
        return Err(format!("the {kind} `{}` has no name that opsc reads", name.escape_debug()));
    }
    if kind == "host" && name == LOCALHOST {
        return Err(format!("it names `{LOCALHOST}`, which is the machine that opsc runs on"));
    }
    Ok(())
}

fn expect_settings((kind, name): (&str, &str), settings: &Json, members: &[&str]) -> Result<(), String> {
    if settings.is_null() {
        return Ok(());
    }
    for (key, value) in mapping(&format!("the {kind} `{name}`"), settings)? {
        let is_place = matches!(key.as_str(), "address" | "user");
        if key == "hosts" {
            let hosts = value.as_array().into_iter().flatten().filter_map(Json::as_str);
            hosts.into_iter().try_for_each(|host| expect_name("host", host))?;
        }
        if is_place && value.as_str().is_some_and(|text| !is_word(text)) {
            return Err(format!("`{key}` of the {kind} `{name}` is {value}, which is none"));
        }
        if key == "transport" && value == "local" {
            return Err(format!("the {kind} `{name}` has the transport `local`, which no source decides"));
        }
        if !SOURCE_SETTINGS.contains(&key.as_str()) && !members.contains(&key.as_str()) {
            return Err(format!("the {kind} `{name}` says `{key}`, which no source decides"));
        }
    }
    Ok(())
}

/// Addresses and users.
fn is_word(text: &str) -> bool {
    let fine =
        |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':' | '%' | '@' | '\\' | '$');
    !text.is_empty() && !text.starts_with('-') && text.chars().all(fine)
}

/// `["web1", {"name": "web2", "address": "10.0.0.2", "groups": ["web"], …}]`.
fn listed(items: &[Json]) -> Result<Json, String> {
    let mut hosts = Map::new();
    let mut groups: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for item in items {
        let (name, settings) = match item {
            Json::String(name) => (name.clone(), Map::new()),
            Json::Object(settings) => {
                let mut settings = settings.clone();
                let Some(Json::String(name)) = settings.shift_remove("name") else {
                    return Err("a host of the list has no `name`".to_string());
                };
                for group in settings.shift_remove("groups").iter().filter_map(Json::as_array).flatten() {
                    let group = group.as_str().ok_or_else(|| format!("`groups` of `{name}` is a list of names"))?;
                    expect_name("group", group)?;
                    groups.entry(group.to_string()).or_default().push(json!(name));
                }
                (name, settings)
            }
            other => return Err(format!("a host is a name or a mapping with `name`, found {}", form(other))),
        };
        expect_name("host", &name)?;
        let settings = Json::Object(settings);
        expect_settings(("host", &name), &settings, &[])?;
        if hosts.insert(name.clone(), settings).is_some() {
            return Err(format!("the host `{name}` stands twice"));
        }
    }
    let groups: Map<String, Json> = groups.into_iter().map(|(name, hosts)| (name, json!({ "hosts": hosts }))).collect();
    Ok(json!({ "hosts": hosts, "groups": groups }))
}

/// `{"web": {"hosts": […], "children": […], "vars": {…}}, "_meta": {"hostvars": {…}}}`, or a list of hosts for a group.
fn of_ansible(keys: &Map<String, Json>) -> Result<(String, Vec<String>), String> {
    let mut filter = Filter::default();
    let mut hosts = Map::new();
    let meta = keys.get("_meta").map(|meta| mapping("`_meta`", meta)).transpose()?;
    match meta.and_then(|meta| meta.get("hostvars")) {
        Some(vars) => {
            for (name, vars) in mapping("`_meta.hostvars`", vars)? {
                expect_name("host", name)?;
                hosts.insert(name.clone(), filter.vars(&format!("the host `{name}`"), vars)?);
            }
        }
        None => filter.warnings.push(
            "it has no `_meta.hostvars`, and nobody is asked for each host by itself: hosts have no variables"
                .to_string(),
        ),
    }
    let mut all = json!({});
    let mut children = Map::new();
    for (name, group) in keys.iter().filter(|(name, _)| *name != "_meta") {
        expect_name("group", name)?;
        let found = ansible_group(name, group, &mut filter)?;
        if name == "all" {
            // Groups below `all` are those that the answer has anyway.
            all = found;
        } else {
            children.insert(name.clone(), found);
        }
    }
    if let Some(members) = all.get_mut("hosts").map(Json::take).as_ref().and_then(Json::as_object) {
        for name in members.keys() {
            hosts.entry(name.clone()).or_insert(Json::Null);
        }
    }
    for inner in all.get("children").and_then(Json::as_object).into_iter().flat_map(Map::keys) {
        children.entry(inner.clone()).or_insert(Json::Null);
    }
    let vars = all.get("vars").cloned().unwrap_or(json!({}));
    let tree = json!({ "all": { "hosts": hosts, "vars": vars, "children": children } });
    let mut sources = Sources::new();
    let file = sources.add("answer", written(&tree));
    let imported = ansible::import(&sources, &[(file, Role::Yaml)]).map_err(|refusals| refusals.join("; "))?;
    Ok((imported.text, filter.warnings().chain(imported.warnings).collect()))
}

fn ansible_group(name: &str, group: &Json, filter: &mut Filter) -> Result<Json, String> {
    let names = |what: &str, list: &Json| -> Result<Json, String> {
        let items = list.as_array().ok_or_else(|| format!("`{what}` of the group `{name}` is a list of names"))?;
        let mut found = Map::new();
        for item in items {
            let text = item.as_str().ok_or_else(|| format!("`{what}` of the group `{name}` is a list of names"))?;
            expect_name(if what == "hosts" { "host" } else { "group" }, text)?;
            found.insert(text.to_string(), Json::Null);
        }
        Ok(Json::Object(found))
    };
    if group.is_array() {
        return Ok(json!({ "hosts": names("hosts", group)? }));
    }
    let mut found = Map::new();
    for (key, value) in mapping(&format!("the group `{name}`"), group)?.iter().filter(|(_, value)| !value.is_null()) {
        let read = match key.as_str() {
            "hosts" | "children" => names(key, value)?,
            "vars" => filter.vars(&format!("the group `{name}`"), value)?,
            other => return Err(format!("the group `{name}` has `{other}`; it may have hosts, children and vars")),
        };
        found.insert(key.clone(), read);
    }
    Ok(Json::Object(found))
}

/// Takes out of variables what no source decides, and counts where.
#[derive(Default)]
struct Filter {
    left_out: BTreeMap<String, usize>,
    warnings: Vec<String>,
}

impl Filter {
    fn vars(&mut self, of: &str, vars: &Json) -> Result<Json, String> {
        if vars.is_null() {
            return Ok(json!({}));
        }
        let mut kept = Map::new();
        for (name, value) in mapping(&format!("what is said of {of}"), vars)? {
            let is_refused_way =
                name == "ansible_connection" && !value.as_str().is_some_and(|way| CONNECTIONS.contains(&way));
            if name.starts_with("ansible_") && (!WHERE.contains(&name.as_str()) || is_refused_way) {
                *self.left_out.entry(name.clone()).or_default() += 1;
                continue;
            }
            let is_place = name.ends_with("_host") || name.ends_with("_user");
            if name.starts_with("ansible_") && is_place && value.as_str().is_some_and(|text| !is_word(text)) {
                return Err(format!("`{name}` of {of} is {value}, which is none"));
            }
            kept.insert(name.clone(), value.clone());
        }
        Ok(Json::Object(kept))
    }

    fn warnings(&self) -> impl Iterator<Item = String> {
        let left_out = self.left_out.iter().map(|(name, places)| {
            format!("`{name}` is taken from no source; left out in {}", words::count(*places, "place"))
        });
        self.warnings.iter().cloned().chain(left_out)
    }
}
