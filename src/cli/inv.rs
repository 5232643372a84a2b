//! `opsc inv ls|show|status|trust`; `inv import` has a file of its own.

use super::args::Global;
use super::args_hosts::{InvCommand, InvWhat, TrustCommand};
use super::doctor;
use super::inv_import;
use super::output::Output;
use super::plan::open_workspace;
use super::run::{connect_options, plain_options};
use crate::app::limits::parse_limit;
use crate::app::reaching::{Said, said_of};
use crate::app::trusting::{HostKey, look};
use crate::app::workspace::Workspace;
use crate::app::{self, AppError};
use crate::base::near::nearest;
use crate::diag::Diagnostic;
use crate::eval::text::value_shown;
use crate::hir::world::{Host, Inventory};

pub fn run(command: &InvCommand, global: &Global, output: &mut Output) -> i32 {
    // The project may have no inventory yet, or one that is to be replaced.
    if let InvWhat::Import(command) = &command.what {
        return inv_import::run(command, output);
    }
    let mut workspace = match open_with_inventory(global, output) {
        Ok(workspace) => workspace,
        Err(code) => return code,
    };
    let inventory = workspace.inventory();
    match &command.what {
        InvWhat::Ls { limit } => list(&mut workspace, limit.as_deref(), output),
        InvWhat::Show { host } => show(&inventory, host, &workspace, output),
        InvWhat::Status(command) => doctor::status(&mut workspace, command, output),
        InvWhat::Trust(command) => trust(&mut workspace, command, output),
        InvWhat::Import(command) => inv_import::run(command, output),
    }
}

/// The project with an inventory that has no errors.
pub(super) fn open_with_inventory(global: &Global, output: &mut Output) -> Result<Workspace, i32> {
    let workspace = open_workspace(global, output)?;
    output.diagnostics(&workspace.inventory_diagnostics, &workspace.sources);
    if workspace.inventory_diagnostics.iter().any(Diagnostic::is_error) { Err(11) } else { Ok(workspace) }
}

fn list(workspace: &mut Workspace, limit: Option<&str>, output: &mut Output) -> i32 {
    let inventory = workspace.inventory();
    let hosts = match limit.map(|limit| parse_limit(limit, workspace)).transpose() {
        Ok(hosts) => hosts.unwrap_or_else(|| inventory.hosts.ids().collect()),
        Err(error) => return output.fail(&error, Some(&workspace.sources)),
    };
    let width = hosts.iter().map(|id| inventory.hosts.at(*id).name.chars().count()).max().unwrap_or(0);
    for id in hosts {
        let host = inventory.hosts.at(id);
        let padding = " ".repeat(width.saturating_sub(host.name.chars().count()));
        let os = host.os.map_or("?", |os| os.name());
        output.print(&format!("{}{padding}  {os}  {}  {}\n", host.name, host.address, host.groups.join(",")));
    }
    0
}

fn trust(workspace: &mut Workspace, command: &TrustCommand, output: &mut Output) -> i32 {
    let options = match connect_options(&command.connection, workspace, output) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let inventory = workspace.inventory();
    let looked = parse_limit(&command.hosts, workspace).and_then(|hosts| look(&inventory, &hosts, &options));
    let keys = match looked {
        Ok(keys) => keys,
        Err(error) => return output.fail(&error, Some(&workspace.sources)),
    };
    let mut code = 0;
    for (host, seen) in keys {
        let name = &inventory.hosts.at(host).name;
        match seen {
            HostKey::Known => output.say(&format!("{name}: the key is known\n")),
            HostKey::Refused(error) => {
                output.complain(&format!("error: {error}\n"));
                if let Some(hint) = error.hint() {
                    output.complain(&format!("hint: {hint}\n"));
                }
                code = 20;
            }
            HostKey::Unknown { kind, fingerprint, key } => {
                output.print(&format!("{name}: {kind} {fingerprint}\n"));
                let approved = command.yes || (output.may_ask && output.confirm("is this the host's key?"));
                if !approved {
                    output.complain(&format!("{name}: the key was not added\nhint: compare it with `ssh-keygen -lf` on the host, then approve it, or add `-y`\n"));
                    code = code.max(3);
                } else if let Err(error) = app::trusting::trust(&inventory, host, &options, &key) {
                    return output.fail(&error, None);
                } else {
                    output.say(&format!("{name}: added\n"));
                }
            }
        }
    }
    code
}

fn show(inventory: &Inventory, name: &str, workspace: &Workspace, output: &mut Output) -> i32 {
    let Some(id) = inventory.host(name) else {
        let near = nearest(name, inventory.hosts.values().map(|host| host.name.as_str()));
        let reason = near.map_or_else(
            || "there is no such host".to_string(),
            |near| format!("there is no such host; did you mean `{near}`?"),
        );
        return output.fail(&AppError::BadLimit { text: name.to_string(), reason }, None);
    };
    let host = inventory.hosts.at(id);
    output.print(&host_text(host, inventory));
    match said_of(host, &plain_options(workspace)) {
        Ok(said) => output.print(&ssh_text(&said)),
        Err(error) => return output.fail(&error, None),
    }
    0
}

/// What ssh's configuration adds, with the line that says it; what the inventory says goes before.
fn ssh_text(said: &[Said]) -> String {
    said.iter().map(|said| format!("ssh.{}: {} ({})\n", said.name, said.value, said.place)).collect()
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
        ("port", connection.port.map_or("default".to_string(), |port| port.to_string())),
        ("user", connection.user.clone().unwrap_or_else(|| "the caller's".to_string())),
        ("admin", connection.admin.name().to_string()),
    ];
    for (label, value) in [("as", &connection.as_user), ("key", &connection.key), ("jump", &connection.jump)] {
        lines.extend(value.clone().map(|value| (label, value)));
    }
    let mut text: String = lines.iter().map(|(label, value)| format!("{label}: {value}\n")).collect();
    for (kind, values) in [("tags", &host.tags), ("vars", &host.vars)] {
        for (key, value) in values {
            text.push_str(&format!("{kind}.{key}: {}\n", value_shown(value, inventory)));
        }
    }
    text
}
