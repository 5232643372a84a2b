//! Variables by which Ansible reaches a host → settings of `inventory.yaml`; the other `ansible_…` are of no use to opsc.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::findings::{Notes, Reason};
use super::levels::Merged;
use super::ssh_options::{SshOptions, host_of_jump};
use super::tree::{Tree, Var};
use crate::hir::value::Value;

/// By the key of `inventory.yaml`.
pub(super) type Settings = BTreeMap<&'static str, Value>;

/// What an import reads, whatever the connection.
const READ: &[&str] = &[
    "ansible_host",
    "ansible_ssh_host",
    "ansible_winrm_host",
    "ansible_psrp_host",
    "ansible_user",
    "ansible_ssh_user",
    "ansible_winrm_user",
    "ansible_psrp_user",
    "ansible_port",
    "ansible_ssh_port",
    "ansible_winrm_port",
    "ansible_psrp_port",
    "ansible_private_key_file",
    "ansible_ssh_private_key_file",
    "ansible_connection",
    "ansible_shell_type",
    "ansible_become",
    "ansible_become_user",
    "ansible_become_method",
    "ansible_timeout",
    "ansible_ssh_timeout",
];

const SSH_OPTIONS: [&str; 3] = ["ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Connection {
    Ssh,
    Winrm,
    Psrp,
    Local,
}

/// Hosts by name and, where no host has that name, by address.
pub(super) struct Places(HashMap<String, String>);

impl Places {
    pub(super) fn of(tree: &Tree, hosts: &[Merged<'_>]) -> Places {
        let address = |(host, merged): (&super::tree::Host, &Merged<'_>)| {
            Some((text(merged, &["ansible_host", "ansible_ssh_host"])?, host.name.clone()))
        };
        let mut places: HashMap<String, String> = tree.hosts.iter().zip(hosts).rev().filter_map(address).collect();
        places.extend(tree.hosts.iter().map(|host| (host.name.clone(), host.name.clone())));
        Places(places)
    }
}

/// What these variables say. `owner` is the host whose they are: it is no jump host to itself.
pub(super) fn of(vars: &Merged<'_>, owner: Option<&str>, places: &Places) -> Settings {
    let mut settings = Settings::new();
    let connection = connection(vars).ok().flatten();
    let mut say = |key: &'static str, value: Option<Value>| settings.extend(value.map(|value| (key, value)));
    let named = |last: &str| -> Vec<String> {
        let own = match connection {
            Some(Connection::Winrm) => "winrm_",
            Some(Connection::Psrp) => "psrp_",
            _ => "ssh_",
        };
        vec![format!("ansible_{last}"), format!("ansible_{own}{last}")]
    };
    let of = |last: &str| text(vars, &named(last).iter().map(String::as_str).collect::<Vec<_>>());
    say("address", of("host").map(Value::String));
    say("transport", connection.map(|connection| Value::string(transport(connection))));
    let is_windows = matches!(connection, Some(Connection::Winrm | Connection::Psrp)) || has_windows_shell(vars);
    say("os", is_windows.then(|| Value::string("windows")));
    say("port", of("port").and_then(|port| port_of(&port)));
    say("user", of("user").map(Value::String));
    say("key", of("private_key_file").map(Value::String));
    say("admin", text(vars, &["ansible_become_method"]).and_then(|method| admin(&method)).map(Value::string));
    let becomes = vars.get("ansible_become").is_some_and(|var| is_true(var));
    say(
        "as",
        becomes.then(|| Value::string(text(vars, &["ansible_become_user"]).unwrap_or_else(|| "root".to_string()))),
    );
    let options = ssh_options(vars);
    let timeout = text(vars, &["ansible_timeout", "ansible_ssh_timeout"]).and_then(|seconds| seconds.parse().ok());
    say("connect_timeout", timeout.filter(|seconds| *seconds > 0).or(options.connect_timeout).map(Value::Int));
    say("host_key", options.host_key.map(Value::string));
    say("known_hosts", options.known_hosts.map(Value::String));
    let jump = options.jump.as_deref().and_then(host_of_jump).and_then(|jump| places.0.get(jump));
    say("jump", jump.filter(|jump| Some(jump.as_str()) != owner).map(|jump| Value::string(jump.clone())));
    settings
}

fn transport(connection: Connection) -> &'static str {
    match connection {
        Connection::Ssh => "ssh",
        Connection::Winrm | Connection::Psrp => "winrm",
        Connection::Local => "local",
    }
}

/// The error is a connection that opsc does not have.
fn connection(vars: &Merged<'_>) -> Result<Option<Connection>, String> {
    let Some(name) = text(vars, &["ansible_connection"]) else { return Ok(None) };
    match name.rsplit('.').next().unwrap_or(&name) {
        "ssh" | "smart" | "paramiko" | "paramiko_ssh" | "libssh" => Ok(Some(Connection::Ssh)),
        "winrm" => Ok(Some(Connection::Winrm)),
        "psrp" => Ok(Some(Connection::Psrp)),
        "local" => Ok(Some(Connection::Local)),
        _ => Err(name),
    }
}

/// The last that is said counts; nothing where that one was left out.
fn text(vars: &Merged<'_>, names: &[&str]) -> Option<String> {
    let said = names.iter().rev().find_map(|name| vars.get(name).filter(|var| var.value != Ok(Value::None)))?;
    match &said.value {
        Ok(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Ok(Value::Int(number)) => Some(number.to_string()),
        _ => None,
    }
}

fn port_of(text: &str) -> Option<Value> {
    text.parse::<u16>().ok().filter(|port| *port > 0).map(|port| Value::Int(i64::from(port)))
}

fn admin(method: &str) -> Option<&'static str> {
    let known = ["sudo", "su", "doas"];
    known.into_iter().find(|known| Some(*known) == method.rsplit('.').next())
}

fn is_true(var: &Var) -> bool {
    match &var.value {
        Ok(Value::Bool(value)) => *value,
        Ok(Value::Int(number)) => *number == 1,
        Ok(Value::String(text)) => {
            matches!(text.to_ascii_lowercase().as_str(), "y" | "yes" | "on" | "1" | "true" | "t")
        }
        _ => false,
    }
}

fn has_windows_shell(vars: &Merged<'_>) -> bool {
    let shell = text(vars, &["ansible_shell_type"]);
    shell.is_some_and(|shell| matches!(shell.rsplit('.').next(), Some("powershell" | "cmd")))
}

fn ssh_options(vars: &Merged<'_>) -> SshOptions {
    let mut options = SshOptions::default();
    for name in SSH_OPTIONS {
        if let Some(Ok(Value::String(text))) = vars.get(name).map(|var| &var.value) {
            options.read(text);
        }
    }
    options
}

/// Whether a variable is one of Ansible's own.
pub(super) fn is_of_ansible(name: &str) -> bool {
    name.starts_with("ansible_")
}

/// Says of every variable of Ansible's own what is not taken from it.
pub(super) fn look_through(tree: &mut Tree, places: &Places) {
    let mut notes = Notes::default();
    let hosts = tree.hosts.iter().map(|host| (host.name.as_str(), &host.level));
    let groups = tree.groups.iter().map(|group| (group.name.as_str(), &group.level));
    let levels: Vec<(&str, Merged<'_>)> = groups.chain(hosts).map(|(name, level)| (name, level.own())).collect();
    let named: BTreeSet<&str> = levels.iter().flat_map(|(_, vars)| vars.keys().copied()).collect();
    for (owner, vars) in &levels {
        for (name, var) in vars.iter().filter(|(name, var)| is_of_ansible(name) && var.value.is_ok()) {
            if SSH_OPTIONS.contains(name) {
                let options = ssh_options(&Merged::from([(*name, *var)]));
                for (option, reason) in left_of_options(&options, places) {
                    notes.leave_out(&option, reason, owner, var.span);
                }
            } else if let Some(reason) = reason(name, var, &named) {
                notes.leave_out(name, reason, owner, var.span);
            }
        }
    }
    tree.notes.append(notes);
}

/// Why a variable of Ansible's own is not taken; `named` are all that anybody has.
fn reason(name: &str, var: &Var, named: &BTreeSet<&str>) -> Option<Reason> {
    let only = Merged::from([(name, var)]);
    let text = text(&only, &[name]);
    match (name, text.as_deref()) {
        _ if !READ.contains(&name) => Some(Reason::NotRead),
        ("ansible_become", _) => None,
        ("ansible_become_user", Some(_)) => (!named.contains("ansible_become")).then_some(Reason::NotRead),
        ("ansible_become_method", Some(method)) if admin(method).is_none() => Some(Reason::Not("sudo, su or doas")),
        ("ansible_connection", Some(_)) => connection(&only).err().map(Reason::Connection),
        ("ansible_shell_type", _) => (!has_windows_shell(&only)).then_some(Reason::NotRead),
        ("ansible_timeout" | "ansible_ssh_timeout", Some(text))
            if text.parse().is_ok_and(|seconds: i64| seconds > 0) =>
        {
            None
        }
        ("ansible_timeout" | "ansible_ssh_timeout", _) => Some(Reason::Not("seconds")),
        (name, text) if name.ends_with("_port") && text.and_then(port_of).is_none() => {
            Some(Reason::Not("a port from 1 to 65535"))
        }
        (_, None) if var.value != Ok(Value::None) => Some(Reason::Not("a text")),
        _ => None,
    }
}

/// What is said of options, each by its own words.
fn left_of_options(options: &SshOptions, places: &Places) -> Vec<(String, Reason)> {
    let mut left = Vec::new();
    if let Some(jump) = &options.jump {
        match host_of_jump(jump) {
            None => left.push((format!("ProxyJump={jump}"), Reason::SeveralJumps)),
            Some(host) if !places.0.contains_key(host) => left.push((format!("ProxyJump={jump}"), Reason::UnknownJump)),
            Some(_) => {}
        }
    }
    left.extend(options.others.iter().map(|option| (option.clone(), Reason::SshOptions)));
    left
}
