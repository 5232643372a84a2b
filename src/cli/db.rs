//! `opsc db check`, `db backup` and `db restore`: the journal's file. The inventory may be broken.

use std::path::Path;

use super::args::Format;
use super::args_db::DbCommand;
use super::config::find_project;
use super::output::Output;
use crate::app::keeping;
use crate::report::db_text::{examined_json, examined_text, restored_text};
use crate::state::Examined;

pub fn run(command: &DbCommand, output: &mut Output) -> i32 {
    let project = find_project(Path::new("."));
    match command {
        DbCommand::Check { file, output: format } => match keeping::check(&project, file.as_deref()) {
            Ok(examined) => show(&examined, *format, output),
            Err(error) => output.fail(&error, None),
        },
        DbCommand::Backup { file } => match keeping::back_up(&project, file.as_deref()) {
            Ok(copy) => {
                output.print(&format!("{}\n", copy.display()));
                0
            }
            Err(error) => output.fail(&error, None),
        },
        DbCommand::Restore { file, yes } => match keeping::restore(&project, file, *yes) {
            Ok(restored) => {
                output.print(&restored_text(&restored));
                0
            }
            Err(error) => output.fail(&error, None),
        },
    }
}

fn show(examined: &Examined, format: Format, output: &mut Output) -> i32 {
    match format {
        Format::Json => output.print_json(&examined_json(examined)),
        Format::Text => output.print(&examined_text(examined)),
    }
    i32::from(!examined.findings.is_empty())
}
