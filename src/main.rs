//! The `opsc` binary: hands over to the command line front end.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(u8::try_from(opsc::cli::main()).unwrap_or(1))
}
