//! Schedules against the clock and the time zone database of this machine.

use jiff::civil::{Date, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use crate::diag::Diagnostic;
use crate::hir::program::Playbook;
use crate::hir::schedule::{Every, Schedule, Weekday};

/// A zone that this machine does not know is found with the check, not when the time comes.
pub(super) fn check_zone(playbook: &Playbook) -> Option<Diagnostic> {
    let schedule = playbook.schedule.as_ref()?;
    let error = TimeZone::get(&schedule.zone).err()?;
    tracing::debug!(%error, "a time zone was not found");
    let message = format!("there is no time zone `{}`", schedule.zone);
    Some(Diagnostic::error("E0331", playbook.span, message).help("write a name such as \"Europe/Berlin\", or \"UTC\""))
}

/// The next times from now on.
pub fn upcoming(schedule: &Schedule, count: usize) -> Vec<String> {
    next_times(schedule, Timestamp::now(), count)
}

/// The next times after `now`, in the schedule's zone: `2026-11-22T02:00:00+01:00`.
fn next_times(schedule: &Schedule, now: Timestamp, count: usize) -> Vec<String> {
    let Ok(zone) = TimeZone::get(&schedule.zone) else { return Vec::new() };
    let start = now.to_zoned(zone);
    let mut found = Vec::new();
    // A month has its day once, so a little more than `count` months hold enough of them.
    for day in 0..(count as i64 + 1) * 31 {
        let Ok(date) = start.date().checked_add(day.days()) else { break };
        for candidate in times_on(schedule, date, &start) {
            if candidate > start && found.len() < count {
                found.push(candidate.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string());
            }
        }
    }
    found
}

/// The times of one day. Where a clock change leaves a time out, the next one that exists stands for it.
fn times_on(schedule: &Schedule, date: Date, like: &Zoned) -> Vec<Zoned> {
    let at = |hour: u16, minute: u16| {
        let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
        date.to_datetime(time(hour, minute, 0, 0)).to_zoned(like.time_zone().clone()).ok()
    };
    let (hour, minute) = (schedule.at / 60, schedule.at % 60);
    match schedule.every {
        Every::Hour => (0..24).filter_map(|hour| at(hour, schedule.at)).collect(),
        Every::Day => at(hour, minute).into_iter().collect(),
        Every::Week(day) if day == weekday_of(date) => at(hour, minute).into_iter().collect(),
        Every::Month(day) if i8::try_from(day) == Ok(date.day()) => at(hour, minute).into_iter().collect(),
        Every::Week(_) | Every::Month(_) => Vec::new(),
    }
}

fn weekday_of(date: Date) -> Weekday {
    let index = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
    Weekday::ALL.get(index).copied().unwrap_or(Weekday::Monday)
}

crate::diag::code_docs! {
    "E0331" "an unknown time zone"
    "`zone` names a time zone of the database that every system has. Names are those of the IANA database."
    "ops 1\n\nplaybook p() ! read {\n  schedule: daily(at: \"02:00\", zone: \"Europe/Brelin\")\n\n  require true else \"never\"\n}\n" => "ops 1\n\nplaybook p() ! read {\n  schedule: daily(at: \"02:00\", zone: \"Europe/Berlin\")\n\n  require true else \"never\"\n}\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(every: Every, at: u16, zone: &str, now: &str) -> String {
        let schedule = Schedule { every, at, zone: zone.to_string() };
        let now: Timestamp = now.parse().unwrap_or_else(|error| panic!("{error}"));
        next_times(&schedule, now, 2).join(" ")
    }

    #[test]
    fn times_follow_the_calendar_of_their_zone() {
        let night = 2 * 60 + 30;
        assert_eq!(
            next(Every::Week(Weekday::Sunday), 120, "Europe/Berlin", "2026-11-21T12:00:00Z"),
            "2026-11-22T02:00:00+01:00 2026-11-29T02:00:00+01:00"
        );
        // The night of the change to summer time has no half past two.
        assert_eq!(
            next(Every::Day, night, "Europe/Berlin", "2027-03-27T12:00:00Z"),
            "2027-03-28T03:30:00+02:00 2027-03-29T02:30:00+02:00"
        );
        assert_eq!(
            next(Every::Hour, 15, "UTC", "2026-01-01T10:15:00Z"),
            "2026-01-01T11:15:00+00:00 2026-01-01T12:15:00+00:00"
        );
        assert_eq!(
            next(Every::Month(28), 0, "UTC", "2026-01-28T00:00:00Z"),
            "2026-02-28T00:00:00+00:00 2026-03-28T00:00:00+00:00"
        );
    }
}
