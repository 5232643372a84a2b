//! `opsc vendor`: modules of other repositories into `vendor/`, pinned by `opsc.lock`.

use std::path::Path;

use super::config::find_project;
use super::output::Output;
use crate::app::vendoring::vendor;
use crate::base::words;

pub fn run(output: &mut Output) -> i32 {
    match vendor(&find_project(Path::new("."))) {
        Ok(locked) => {
            for module in &locked {
                let commit = module.commit.get(..10).unwrap_or(&module.commit);
                output.print(&format!("{} at {commit}\n", module.source));
            }
            output.say(&format!("{} in vendor/, opsc.lock is written\n", words::count(locked.len(), "module")));
            0
        }
        Err(error) => output.fail(&error, None),
    }
}
