//! Where the program's own log goes: warnings to standard error, more by `OPSC_LOG`, such as `debug` or
//! `opsc::transport=trace`. Never a secret: what is logged is what events may show.

use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::fmt::time::uptime;

/// Starts the log; a filter that cannot be read is an error in words.
pub fn start(filter: Option<&str>) -> Result<(), String> {
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).with_timer(uptime());
    let Some(filter) = filter.filter(|filter| !filter.is_empty()) else {
        builder.with_max_level(LevelFilter::WARN).init();
        return Ok(());
    };
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("OPSC_LOG cannot be read: {error}"))?;
    builder.with_env_filter(filter).init();
    Ok(())
}
