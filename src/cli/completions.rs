//! `opsc completions SHELL`: the script that completes commands and flags.

use clap::CommandFactory;

use super::args::{Arguments, CompletionsCommand};
use super::output::Output;

pub fn run(command: &CompletionsCommand, output: &mut Output) -> i32 {
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut Arguments::command(), "opsc", &mut script);
    output.print(&String::from_utf8_lossy(&script));
    0
}
