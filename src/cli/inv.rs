//! `opsc inv ls|status|trust`; `inv show`, `import`, `refresh`, `set`, `add` and `rm` have files of their own.

use super::args::Global;
use super::args_hosts::{InvCommand, InvWhat, TrustCommand};
use super::doctor;
use super::output::Output;
use super::plan::open_workspace;
use super::run::connect_options;
use super::{inv_edit, inv_import, inv_refresh, inv_show};
use crate::app;
use crate::app::auditing::Audit;
use crate::app::limits::parse_limit;
use crate::app::trusting::{HostKey, look};
use crate::app::workspace::Workspace;
use crate::diag::Diagnostic;

pub fn run(command: &InvCommand, global: &Global, output: &mut Output) -> i32 {
    // The project may have no inventory yet, or one that is to be replaced.
    if let InvWhat::Import(command) = &command.what {
        return inv_import::run(command, output);
    }
    if let InvWhat::Refresh(command) = &command.what {
        return inv_refresh::run(command, output);
    }
    let mut workspace = match open_with_inventory(global, output) {
        Ok(workspace) => workspace,
        Err(code) => return code,
    };
    match &command.what {
        InvWhat::Ls { limit } => list(&mut workspace, limit.as_deref(), output),
        InvWhat::Show(command) => inv_show::run(command, &workspace, output),
        InvWhat::Status(command) => doctor::status(&mut workspace, command, output),
        InvWhat::Trust(command) => trust(&mut workspace, command, output),
        InvWhat::Set(command) => inv_edit::set(command, &workspace, output),
        InvWhat::Add(command) => inv_edit::add(command, &workspace, output),
        InvWhat::Rm(command) => inv_edit::rm(command, &workspace, output),
        InvWhat::Import(command) => inv_import::run(command, output),
        InvWhat::Refresh(command) => inv_refresh::run(command, output),
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
    let audit = match Audit::open(&workspace.project) {
        Ok(audit) => audit,
        Err(error) => return output.fail(&error, None),
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
                } else if let Err(error) = app::trusting::trust(&inventory, host, &options, &key)
                    .and_then(|()| audit.trusted(name, &kind, &fingerprint))
                {
                    return output.fail(&error, None);
                } else {
                    output.say(&format!("{name}: added\n"));
                }
            }
        }
    }
    code
}
