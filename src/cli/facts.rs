//! `opsc facts HOSTS`.

use serde_json::json;

use super::args::{Format, Global};
use super::args_hosts::FactsCommand;
use super::inv::open_with_inventory;
use super::output::Output;
use super::run::connect_options;
use super::runs::broken;
use crate::app::execution::now;
use crate::app::host_facts::{HostFacts, Wish, host_facts};
use crate::app::limits::parse_limit;
use crate::hir::world::Inventory;
use crate::report::facts_text::facts_text;
use crate::state::Journal;

pub fn run(command: &FactsCommand, global: &Global, output: &mut Output) -> i32 {
    let mut workspace = match open_with_inventory(global, output) {
        Ok(workspace) => workspace,
        Err(code) => return code,
    };
    let options = match connect_options(&command.connection, &workspace, output) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let journal = match Journal::open(&workspace.project.journal()) {
        Ok(journal) => journal,
        Err(error) => return broken(&error, output),
    };
    let inventory = workspace.inventory();
    let wish = Wish {
        max_age: if command.refresh { 0 } else { command.max_age },
        forks: command.connection.forks.or(workspace.settings.count("forks")).unwrap_or(1),
    };
    let found = parse_limit(&command.hosts, &mut workspace)
        .and_then(|hosts| host_facts(&inventory, &hosts, &journal, &options, &wish));
    match found {
        Ok(found) => show(&found, &inventory, command.output, output),
        Err(error) => output.fail(&error, Some(&workspace.sources)),
    }
}

fn show(found: &[HostFacts], inventory: &Inventory, format: Format, output: &mut Output) -> i32 {
    let now = now();
    if format == Format::Json {
        let host = |each: &HostFacts| {
            let name = &inventory.hosts.at(each.host).name;
            match &each.found {
                Ok((facts, read)) => json!({ "host": name, "facts": facts, "read": read, "error": null }),
                Err(error) => json!({ "host": name, "facts": null, "read": null, "error": error }),
            }
        };
        output.print(&format!("{:#}\n", found.iter().map(host).collect::<serde_json::Value>()));
    }
    let mut code = 0;
    for each in found {
        let name = &inventory.hosts.at(each.host).name;
        match &each.found {
            Ok(_) if format == Format::Json => {}
            Ok((facts, read)) => output.print(&facts_text(name, facts, now.saturating_sub(*read))),
            Err(error) => {
                output.complain(&format!("error: {name}: {error}\n"));
                code = 20;
            }
        }
    }
    code
}
