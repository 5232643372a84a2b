//! Who says each setting of a host, from the command line down to opsc's own defaults, in the order in which a run asks.

use super::errors::AppError;
use super::reaching::said_of;
use super::running::{ConnectOptions, login_name};
use super::settings::Origin;
use super::workspace::Workspace;
use crate::base::words;
use crate::hir::value::Value;
use crate::hir::world::{Host, TransportKind};
use crate::inventory::explain::{Level, Saying, explain, settings};

/// What the command line itself says.
#[derive(Default, Debug)]
pub struct Asked {
    pub user: Option<String>,
    pub key: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    CommandLine,
    /// `opsc.toml`, the user's file or the environment.
    Setting,
    Host,
    Group(String),
    Defaults,
    Ssh,
    BuiltIn,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Voice {
    pub value: Value,
    pub source: Source,
    /// File and line, or a variable.
    pub place: Option<String>,
}

/// A setting with all that say it; the first counts.
#[derive(Clone, PartialEq, Debug)]
pub struct Explained {
    pub key: String,
    pub said: Vec<Voice>,
}

/// Every setting, tag and variable of a host that somebody says.
pub fn explained(
    workspace: &Workspace,
    host: &Host,
    asked: &Asked,
    options: &ConnectOptions,
) -> Result<Vec<Explained>, AppError> {
    let inventory = explain(&workspace.sources, &workspace.inventory_texts(), host);
    let is_local = host.connection.transport == TransportKind::Local;
    let ssh = said_of(host, options)?;
    let ssh = || ssh.iter().map(|said| (key_of_ssh(said.name), said));
    let mut keys: Vec<String> = settings().map(str::to_string).collect();
    let mut others: Vec<String> = inventory.iter().map(|said| said.key.clone()).collect();
    others.extend(ssh().map(|(key, _)| key));
    others.sort();
    for key in others {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let all = keys.into_iter().map(|key| {
        // Who stays on this machine logs in nowhere.
        let mut said = if is_local { Vec::new() } else { above(&key, asked, workspace) };
        said.extend(inventory.iter().rev().filter(|said| said.key == key).map(|said| voice(said, workspace)));
        said.extend(ssh().filter(|(name, _)| *name == key).map(|(_, said)| Voice {
            value: Value::string(said.value.as_str()),
            source: Source::Ssh,
            place: Some(said.place.clone()),
        }));
        if said.is_empty() {
            said.extend(built_in(&key, host).map(|value| Voice { value, source: Source::BuiltIn, place: None }));
        }
        Explained { key, said }
    });
    Ok(all.filter(|setting| !setting.said.is_empty()).collect())
}

/// What goes before the inventory: the command line, then settings.
fn above(key: &str, asked: &Asked, workspace: &Workspace) -> Vec<Voice> {
    let (given, setting) = match key {
        "user" => (asked.user.clone(), "user"),
        "key" => (asked.key.clone(), "private_key"),
        "connect_timeout" => (None, "timeout"),
        _ => return Vec::new(),
    };
    let given = given.map(|text| Voice { value: Value::String(text), source: Source::CommandLine, place: None });
    let setting = workspace.settings.get(setting).filter(|setting| setting.origin != Origin::Default);
    let setting = setting.map(|setting| Voice {
        value: Value::String(if key == "connect_timeout" {
            format!("{}s", setting.text)
        } else {
            setting.text.clone()
        }),
        source: Source::Setting,
        place: match &setting.origin {
            Origin::Default => None,
            Origin::File(path, line) => Some(format!("{}:{line}", path.display())),
            Origin::Environment(variable) => Some((*variable).to_string()),
        },
    });
    given.into_iter().chain(setting).collect()
}

fn voice(said: &Saying, workspace: &Workspace) -> Voice {
    let source = match &said.level {
        Level::Defaults => Source::Defaults,
        Level::Group(name) => Source::Group(name.clone()),
        Level::Host => Source::Host,
    };
    let (file, place) = (workspace.sources.get(said.span.file), workspace.sources.place(said.span));
    Voice { value: said.value.clone(), source, place: Some(format!("{}:{}", file.path, place.line)) }
}

/// The inventory's name for an option of ssh; others keep theirs.
fn key_of_ssh(name: &str) -> String {
    let key = match name.to_ascii_lowercase().as_str() {
        "user" => "user",
        "port" => "port",
        "identityfile" => "key",
        "proxyjump" => "jump",
        "userknownhostsfile" => "known_hosts",
        "stricthostkeychecking" => "host_key",
        "connecttimeout" => "connect_timeout",
        other => return format!("ssh.{other}"),
    };
    key.to_string()
}

/// What holds where nobody says anything.
fn built_in(key: &str, host: &Host) -> Option<Value> {
    let is_local = host.connection.transport == TransportKind::Local;
    let value = match key {
        "address" => host.address.clone(),
        "os" => host.os?.name().to_string(),
        "transport" => host.connection.transport.name().to_string(),
        "user" => login_name(),
        "admin" => host.connection.admin.name().to_string(),
        "state" => host.state.name().to_string(),
        "lane" if host.connection.transport == TransportKind::Ssh => host.connection.lane.name().to_string(),
        "port" => return host.connection.port_or_usual().map(|port| Value::Int(i64::from(port))),
        "tls" if host.connection.transport == TransportKind::Winrm => host.connection.tls_or_usual().text(),
        "host_key" if host.connection.transport == TransportKind::Ssh => "strict".to_string(),
        "connect_timeout" if !is_local => words::duration(10_000),
        _ => return None,
    };
    Some(Value::String(value))
}
