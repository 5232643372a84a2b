//! The command line about the audit.

use clap::{Args, Subcommand};

use super::args::Format;
use crate::app::auditing::since;

#[derive(Subcommand, Debug)]
pub enum AuditCommand {
    /// Rows of the audit, the oldest first
    Query {
        #[command(flatten)]
        wanted: AuditWanted,
        #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
        output: Format,
    },
    /// Whether the rows are those that were written: exit 1 names each that was changed, removed, inserted or moved
    ///
    /// The chain is followed from its first row, and the runs of the journal are held against it. Whoever can write the
    /// file can write the whole chain anew, and that no look at the file alone can find: keep the head that is printed
    /// somewhere else, and give it with `--head`.
    Verify {
        /// A head that was kept elsewhere: its row must still be there
        #[arg(long, value_name = "HASH", value_parser = hash)]
        head: Option<String>,
        #[arg(short, long, value_enum, default_value = "text", env = "OPSC_OUTPUT")]
        output: Format,
    },
    /// Rows with all that their hashes are made of, one JSON object a line
    Export {
        #[command(flatten)]
        wanted: AuditWanted,
    },
}

#[derive(Args, Debug)]
pub struct AuditWanted {
    /// Of this run
    #[arg(long)]
    pub run: Option<i64>,
    /// By this login name
    #[arg(long, value_name = "USER")]
    pub who: Option<String>,
    /// About this host
    #[arg(long)]
    pub host: Option<String>,
    /// Of this kind, such as `run.started`, or `approval` for both answers
    #[arg(long)]
    pub kind: Option<String>,
    /// From then on: a duration such as 2h or 7d, a date, or a time of RFC 3339
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub since: Option<u64>,
}

/// A SHA-256 in hex, as it is printed.
fn hash(text: &str) -> Result<String, String> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash {
        Ok(text.to_lowercase())
    } else {
        Err("expected 64 hex digits, as `opsc audit verify` prints".to_string())
    }
}

/// Milliseconds since 1970.
fn moment(text: &str) -> Result<u64, String> {
    since(text)
        .ok_or_else(|| "expected a duration such as 2h, a date such as 2026-01-31, or a time of RFC 3339".to_string())
}
