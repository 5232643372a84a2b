//! The `opsc` binary: hands over to the command line front end.

fn main() {
    std::process::exit(opsc::cli::main());
}
