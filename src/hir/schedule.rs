//! When a playbook is to run by itself, as written in `schedule:`. Knows no clock.

use std::fmt;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    pub every: Every,
    /// Minutes after midnight; of `hourly`, after the full hour.
    pub at: u16,
    /// A name of the time zone database, `Europe/Berlin`.
    pub zone: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Every {
    Hour,
    Day,
    Week(Weekday),
    /// Of the month, 1 to 28, so that every month has it.
    Month(u8),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    pub const ALL: [Weekday; 7] = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Weekday::Monday => "monday",
            Weekday::Tuesday => "tuesday",
            Weekday::Wednesday => "wednesday",
            Weekday::Thursday => "thursday",
            Weekday::Friday => "friday",
            Weekday::Saturday => "saturday",
            Weekday::Sunday => "sunday",
        }
    }
}

impl Schedule {
    /// `02:00`; of `hourly`, `:15`.
    pub fn time(&self) -> String {
        match self.every {
            Every::Hour => format!(":{:02}", self.at),
            _ => format!("{:02}:{:02}", self.at / 60, self.at % 60),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (time, zone) = (self.time(), &self.zone);
        match self.every {
            Every::Hour => write!(formatter, "every hour at {time}"),
            Every::Day => write!(formatter, "every day at {time} {zone}"),
            Every::Week(day) => write!(formatter, "every {} at {time} {zone}", day.name()),
            Every::Month(day) => write!(formatter, "on day {day} of every month at {time} {zone}"),
        }
    }
}
