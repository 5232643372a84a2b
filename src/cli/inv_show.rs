//! `opsc inv show HOST`: what holds of one host, and with `--explain` who says so.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::args::Format;
use super::args_hosts::ShowCommand;
use super::output::Output;
use super::run::plain_options;
use crate::app::AppError;
use crate::app::explaining::{Asked, Explained, Source, Voice, explained};
use crate::app::reaching::{Said, said_of};
use crate::app::running::ConnectOptions;
use crate::app::workspace::Workspace;
use crate::base::near::nearest;
use crate::eval::text::value_shown;
use crate::eval::yaml;
use crate::hir::world::{Host, Inventory, LaneKind, Relation};

pub(super) fn run(command: &ShowCommand, workspace: &Workspace, output: &mut Output) -> i32 {
    let inventory = workspace.inventory();
    let name = &command.host;
    let Some(id) = inventory.host(name) else {
        let near = nearest(name, inventory.hosts.values().map(|host| host.name.as_str()));
        let reason = near.map_or_else(
            || "there is no such host".to_string(),
            |near| format!("there is no such host; did you mean `{near}`?"),
        );
        return output.fail(&AppError::BadLimit { text: name.to_string(), reason }, None);
    };
    let host = inventory.hosts.at(id);
    let plain = plain_options(workspace);
    let options = ConnectOptions {
        user: command.user.clone().or(plain.user),
        key: command.private_key.clone().or(plain.key),
        ssh_config: command.ssh_config.clone().or(plain.ssh_config),
        ..plain
    };
    if command.explain || command.output == Format::Json {
        return explain(command, host, &options, workspace, output);
    }
    output.print(&host_text(host, &inventory));
    match said_of(host, &options) {
        Ok(said) => output.print(&ssh_text(&said)),
        Err(error) => return output.fail(&error, None),
    }
    0
}

fn explain(
    command: &ShowCommand,
    host: &Host,
    options: &ConnectOptions,
    workspace: &Workspace,
    output: &mut Output,
) -> i32 {
    let key = command.private_key.as_deref().and_then(Path::to_str).map(str::to_string);
    let asked = Asked { user: command.user.clone(), key };
    let settings = match explained(workspace, host, &asked, options) {
        Ok(settings) => settings,
        Err(error) => return output.fail(&error, None),
    };
    match command.output {
        Format::Json => output.print(&format!("{:#}\n", explained_json(host, &settings))),
        Format::Text => output.print(&explained_text(host, &settings, &workspace.inventory())),
    }
    0
}

/// A line for what counts, and one below it for each level that it was said over.
fn explained_text(host: &Host, settings: &[Explained], inventory: &Inventory) -> String {
    let mut text = format!("name: {}\ngroups: {}\n", host.name, host.groups.join(", "));
    for setting in settings {
        let is_data = setting.key.starts_with("tags.") || setting.key.starts_with("vars.");
        let shown = |voice: &Voice| match voice.value.as_str() {
            Some(value) if !is_data => value.to_string(),
            _ => value_shown(&voice.value, inventory),
        };
        for (number, voice) in setting.said.iter().enumerate() {
            let label = if number == 0 { format!("{}:", setting.key) } else { "  not".to_string() };
            text.push_str(&format!("{label} {} ({})\n", shown(voice), from_text(voice)));
        }
    }
    text
}

fn from_text(voice: &Voice) -> String {
    let source = match &voice.source {
        Source::CommandLine => "command line".to_string(),
        Source::Setting => "setting".to_string(),
        Source::Host => "host".to_string(),
        Source::Group(name) => format!("group {name}"),
        Source::Defaults => "defaults".to_string(),
        Source::Ssh => "ssh".to_string(),
        Source::BuiltIn => "built-in default".to_string(),
    };
    voice.place.as_ref().map_or(source.clone(), |place| format!("{source}, {place}"))
}

fn explained_json(host: &Host, settings: &[Explained]) -> Json {
    let settings: Vec<Json> = settings
        .iter()
        .map(|setting| {
            let voices: Vec<Json> = setting.said.iter().map(voice_json).collect();
            let (counts, over) = voices.split_first().map_or((&Json::Null, [].as_slice()), |split| split);
            json!({ "key": setting.key, "value": counts.get("value"), "from": counts.get("from"), "over": over })
        })
        .collect();
    json!({ "host": host.name, "groups": host.groups, "settings": settings })
}

fn voice_json(voice: &Voice) -> Json {
    let (level, group) = match &voice.source {
        Source::CommandLine => ("command_line", None),
        Source::Setting => ("setting", None),
        Source::Host => ("host", None),
        Source::Group(name) => ("group", Some(name)),
        Source::Defaults => ("defaults", None),
        Source::Ssh => ("ssh", None),
        Source::BuiltIn => ("built_in", None),
    };
    let value = yaml::json(&voice.value);
    json!({ "value": value, "from": { "level": level, "group": group, "place": voice.place } })
}

/// What ssh's configuration adds, with the line that says it; what the inventory says goes before.
fn ssh_text(said: &[Said]) -> String {
    said.iter().map(|said| format!("ssh.{}: {} ({})\n", said.name, said.value, said.place)).collect()
}

/// What the host stands on, and what stands on it.
fn related(host: &Host, inventory: &Inventory) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let me = inventory.host(&host.name);
    for relation in Relation::ALL {
        let below = host.relations.iter().filter(|(kind, _)| *kind == relation);
        let below: Vec<&str> = below.map(|(_, other)| inventory.hosts.at(*other).name.as_str()).collect();
        let stands = |other: &&Host| other.relations.iter().any(|(kind, on)| *kind == relation && Some(*on) == me);
        let above: Vec<&str> = inventory.hosts.values().filter(stands).map(|other| other.name.as_str()).collect();
        for (label, names) in [(relation.name(), below), (relation.reverse(), above)] {
            if !names.is_empty() {
                lines.push((label, names.join(", ")));
            }
        }
    }
    lines
}

fn host_text(host: &Host, inventory: &Inventory) -> String {
    let connection = &host.connection;
    let mut lines = vec![
        ("name", host.name.clone()),
        ("address", host.address.clone()),
        ("os", host.os.map_or("not said", |os| os.name()).to_string()),
        ("state", host.state.name().to_string()),
        ("groups", host.groups.join(", ")),
        ("transport", connection.transport.name().to_string()),
        ("port", connection.port_or_usual().map_or("none".to_string(), |port| port.to_string())),
        ("user", connection.user.clone().unwrap_or_else(|| "the caller's".to_string())),
        ("admin", connection.admin.name().to_string()),
    ];
    if connection.lane != LaneKind::Auto {
        lines.push(("lane", connection.lane.name().to_string()));
    }
    let said = [
        ("as", &connection.as_user),
        ("key", &connection.key),
        ("jump", &connection.jump),
        ("certificate", &connection.certificate),
        ("kdc", &connection.kdc),
        ("password", &connection.password),
        ("passphrase", &connection.passphrase),
        ("admin_password", &connection.admin_password),
    ];
    for (label, value) in said {
        lines.extend(value.clone().map(|value| (label, value)));
    }
    lines.extend(related(host, inventory));
    let mut text: String = lines.iter().map(|(label, value)| format!("{label}: {value}\n")).collect();
    for (kind, values) in [("tags", &host.tags), ("vars", &host.vars)] {
        for (key, value) in values {
            text.push_str(&format!("{kind}.{key}: {}\n", value_shown(value, inventory)));
        }
    }
    text
}
