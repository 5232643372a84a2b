//! `opsc audit query`, `audit verify` and `audit export`: who did what, and whether that is still what was written.

use std::path::Path;

use super::args::Format;
use super::args_audit::{AuditCommand, AuditWanted};
use super::config::find_project;
use super::output::Output;
use crate::app::AppError;
use crate::app::auditing::{Wanted, query, verify};
use crate::report::audit_text::{LIMIT, audit_json, audit_line, verified_json, verified_text};
use crate::state::{AuditRow, Verified};

pub fn run(command: &AuditCommand, output: &mut Output) -> i32 {
    let done = match command {
        AuditCommand::Query { wanted, output: format } => rows(wanted).map(|rows| list(&rows, *format, output)),
        AuditCommand::Export { wanted } => rows(wanted).map(|rows| {
            rows.iter().for_each(|(previous, row)| output.print(&format!("{}\n", audit_json(previous, row))));
            0
        }),
        AuditCommand::Verify { head, output: format } => {
            verify(&find_project(Path::new(".")), head.as_deref()).map(|verified| show(&verified, *format, output))
        }
    };
    done.unwrap_or_else(|error| output.fail(&error, None))
}

fn rows(wanted: &AuditWanted) -> Result<Vec<(String, AuditRow)>, AppError> {
    let AuditWanted { run, who, host, kind, since } = wanted;
    let (who, host, kind) = (who.as_deref(), host.as_deref(), kind.as_deref());
    query(&find_project(Path::new(".")), &Wanted { run: *run, who, host, kind, since: *since })
}

fn list(rows: &[(String, AuditRow)], format: Format, output: &mut Output) -> i32 {
    match format {
        Format::Json => {
            let rows: Vec<serde_json::Value> = rows.iter().map(|(previous, row)| audit_json(previous, row)).collect();
            output.print_json(&rows);
        }
        Format::Text => rows.iter().for_each(|(_, row)| output.print(&audit_line(row))),
    }
    if rows.is_empty() {
        output.say("no row is about that\n");
    }
    0
}

fn show(verified: &Verified, format: Format, output: &mut Output) -> i32 {
    match format {
        Format::Json => output.print_json(&verified_json(verified)),
        Format::Text => output.print(&verified_text(verified)),
    }
    if format == Format::Text {
        output.say(LIMIT);
    }
    i32::from(!verified.findings.is_empty())
}
