//! Floor 11: the command line. One subcommand, one file: flags → one function of `app` → `report` → print.
//! Knows nothing of how things are done.
#![expect(clippy::disallowed_methods, reason = "the front end reads the environment and standard input")]

pub mod actions;
pub mod approve;
pub mod args;
pub mod args_adhoc;
pub mod args_audit;
pub mod args_db;
pub mod args_history;
pub mod args_hosts;
pub mod args_runs;
pub mod args_secret;
pub mod args_test;
pub mod asked;
pub mod audit;
pub mod check;
pub mod compile;
pub mod completions;
pub mod config;
pub mod db;
pub mod diff;
pub mod doctor;
pub mod explain;
pub mod facts;
pub mod fmt;
pub mod init;
pub mod inv;
mod inv_edit;
mod inv_import;
mod inv_refresh;
mod inv_show;
pub mod lock;
pub mod log;
pub mod output;
pub mod plan;
pub mod replay;
pub mod report;
pub mod resume;
pub mod retry;
pub mod run;
pub mod runs;
mod saved;
pub mod secret;
mod secret_diff;
mod secret_git;
mod secret_import;
pub mod stats;
pub mod test;
mod test_hosts;
pub mod tour;
pub mod vendor;
pub mod watch;
pub mod why;

use clap::Parser;
use clap::error::ErrorKind;

use args::{Arguments, Command};
use output::Output;

/// Parses the command line and carries it out; the exit code of `cli.md`.
pub fn main() -> i32 {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let is_answer = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return match error.print() {
                Ok(()) if is_answer => 0,
                // A closed pipe behind `--help` is no failure.
                Err(failed) if is_answer => i32::from(failed.kind() != std::io::ErrorKind::BrokenPipe),
                _ => 10,
            };
        }
    };
    let mut output = Output::new(&arguments.global);
    if let Err(reason) = log::start(std::env::var("OPSC_LOG").ok().as_deref()) {
        output.complain(&format!("error: {reason}\nhint: such as `debug`, or `opsc::transport=trace`\n"));
        return 10;
    }
    let code = dispatch(arguments, &mut output);
    output.finish(code)
}

fn dispatch(arguments: Arguments, output: &mut Output) -> i32 {
    let global = &arguments.global;
    match arguments.command {
        Command::Check(command) => check::run(&command, global, output),
        Command::Compile(command) => compile::run(&command, global, output),
        Command::Fmt(command) => fmt::run(&command, output),
        Command::Diff(command) => diff::run(&command, global, output),
        Command::Explain(command) => explain::run(&command, global, output),
        Command::Why(command) => why::run(&command, global, output),
        Command::Plan(command) => plan::run(&command, global, output),
        Command::Graph(command) => plan::run_graph(&command, global, output),
        Command::Run(command) => run::run(&command, global, output),
        Command::Do(command) => run::run_do(&command, global, output),
        Command::Exec(command) => run::run_exec(&command, global, output),
        Command::Resume(command) => resume::run_resume(&command, global, output),
        Command::Retry(command) => retry::run(&command, global, output),
        Command::Cancel(command) => retry::run_cancel(&command, global, output),
        Command::Rollback(command) => resume::run_rollback(&command, global, output),
        Command::Approve(command) => approve::run(&command, true, global, output),
        Command::Reject(command) => approve::run(&command, false, global, output),
        Command::Resolve(command) => resume::run_resolve(&command, global, output),
        Command::Runs(command) => runs::run_list(&command, global, output),
        Command::Audit(command) => audit::run(&command, output),
        Command::Db(command) => db::run(&command, output),
        Command::Lock(command) => lock::run(&command, global, output),
        Command::Show(command) => runs::run_show(&command, global, output),
        Command::Report(command) => report::run(&command, global, output),
        Command::Replay(command) => replay::run(&command, global, output),
        Command::Logs(command) => runs::run_logs(&command, global, output),
        Command::Inv(command) => inv::run(&command, global, output),
        Command::Doctor(command) => doctor::run(&command, global, output),
        Command::Facts(command) => facts::run(&command, global, output),
        Command::Actions(command) => actions::run(&command, global, output),
        Command::Secret(command) => secret::run(&command, output),
        Command::Completions(command) => completions::run(&command, output),
        Command::Config(command) => config::run(&command, output),
        Command::Test(command) => test::run(&command, global, output),
        Command::Tour => tour::run(output),
        Command::Vendor => vendor::run(output),
        Command::Init(command) => init::run(&command, output),
    }
}
