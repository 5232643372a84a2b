//! The command line about the journal's file.

use std::path::PathBuf;

use clap::Subcommand;

use super::args::Format;

#[derive(Subcommand, Debug)]
pub enum DbCommand {
    /// Look through the journal: exit 1 where something is wrong, with its table and row
    ///
    /// What SQLite finds damaged, references between rows, and what opsc promises of them: a change has an intent before
    /// it, ends are whole, words are known. Nothing is changed.
    Check {
        /// Another file than the project's journal, such as a backup
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
        output: Format,
    },
    /// Copy the journal as it is at one moment, also while a run writes to it
    Backup {
        /// The copy; a file that is there is refused. Without it, one beside the journal that says when
        file: Option<PathBuf>,
    },
    /// Bring a backup back; what is there is kept under a name of its own
    ///
    /// The backup is looked through first. Refused (exit 26) while a run is under way.
    Restore {
        /// The backup
        file: PathBuf,
        /// Also where nothing is known of a run without an end, such as one on another machine, or where the backup is
        /// readable and yet not as `db check` wants it
        #[arg(short, long, env = "OPSC_YES", value_parser = clap::builder::BoolishValueParser::new())]
        yes: bool,
    },
}
