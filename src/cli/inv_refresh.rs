//! `opsc inv refresh [SOURCE…]`: sources of hosts asked anew, and what they say otherwise than before.

use std::path::Path;

use super::args_hosts::RefreshCommand;
use super::config::{find_project, load_settings};
use super::output::Output;
use crate::app::sources_read::{Refreshed, refresh};
use crate::base::words;
use crate::report::paint::harmless;

/// Names in a line beyond these are counted.
const MOST_NAMES: usize = 8;

pub(super) fn run(command: &RefreshCommand, output: &mut Output) -> i32 {
    let project = find_project(Path::new("."));
    let settings = match load_settings(&project) {
        Ok(settings) => settings,
        Err(error) => return output.fail(&error, None),
    };
    if settings.sources().is_empty() && command.names.is_empty() {
        output
            .complain("error: there is no source of hosts\nhint: a table `[sources.NAME]` of opsc.toml declares one\n");
        return 10;
    }
    match refresh(&project, settings.sources(), &command.names) {
        Ok(found) => {
            for source in &found {
                for warning in &source.now.warnings {
                    output.complain(&format!("warning: {}: {}\n", source.name, harmless(warning)));
                }
                output.print(&line(source));
            }
            0
        }
        Err(error) => output.fail(&error, None),
    }
}

fn line(source: &Refreshed) -> String {
    let (hosts, groups) = (words::count(source.now.hosts.len(), "host"), words::count(source.now.groups, "group"));
    let said = format!("{}: {hosts} in {groups}", source.name);
    let Some(before) = &source.before else { return format!("{said}\n") };
    if before.sha256 == source.now.sha256 {
        return format!("{said}, as before\n");
    }
    let without = |these: &[String], those: &[String]| -> Vec<String> {
        let those: std::collections::HashSet<&String> = those.iter().collect();
        these.iter().filter(|name| !those.contains(name)).cloned().collect()
    };
    let came = without(&source.now.hosts, &before.hosts);
    let went = without(&before.hosts, &source.now.hosts);
    let part = |word: &str, names: &[String]| match names {
        [] => String::new(),
        names => format!("; {word} {}", words::join_some(names, MOST_NAMES)),
    };
    match (came.is_empty(), went.is_empty()) {
        (true, true) => format!("{said}; the same hosts, other settings\n"),
        _ => format!("{said}{}{}\n", part("new:", &came), part("gone:", &went)),
    }
}
