//! Since when: a time on the command line, a while ago or a day.

use crate::eval::parse::parse_duration;

/// A moment that is known, or one so many milliseconds before now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Since {
    Ago(u64),
    /// Milliseconds since 1970, UTC.
    At(u64),
}

impl Since {
    pub fn moment(self, now: u64) -> u64 {
        match self {
            Since::Ago(while_ago) => now.saturating_sub(while_ago),
            Since::At(moment) => moment,
        }
    }
}

/// `90m`, `7d`, `2026-11-01` (where its UTC day begins, as runs are listed), `2026-11-01T06:00:00Z`.
pub fn since(text: &str) -> Result<Since, String> {
    let day = || {
        let date: jiff::civil::Date = text.parse().ok()?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    let moment = || text.parse::<jiff::Timestamp>().ok().or_else(day);
    parse_duration(text)
        .map(Since::Ago)
        .or_else(|| u64::try_from(moment()?.as_millisecond()).ok().map(Since::At))
        .ok_or_else(|| "expected how long ago, such as 90m or 7d, or a date such as 2026-11-01".to_string())
}

#[cfg(test)]
mod tests {
    use super::{Since, since};

    #[test]
    fn a_time_is_a_while_ago_or_a_date() {
        assert_eq!(since("90m").map(|since| since.moment(6_000_000)), Ok(600_000));
        assert_eq!(since("1970-01-02"), Ok(Since::At(86_400_000)));
        assert_eq!(since("1970-01-01T01:00:00+01:00"), Ok(Since::At(0)));
        assert!(since("yesterday").is_err());
    }
}
