//! `schedule:` of a playbook: `weekly(day: "sunday", at: "02:00", zone: "Europe/Berlin")` and its like. Whether the time
//! zone exists is not known here.

use super::checker::Checker;
use super::errors::control::ControlError;
use crate::base::near::nearest;
use crate::base::source::Span;
use crate::hir::schedule::{Every, Schedule, Weekday};
use crate::syntax::ast;

pub(super) const FORMS: [&str; 4] = ["hourly", "daily", "weekly", "monthly"];

/// What is wrong with a schedule, and where.
type Refused = (String, Span);

impl Checker<'_> {
    pub(super) fn check_schedule(&mut self, expr: &ast::Expr) -> Option<Schedule> {
        match schedule(expr) {
            Ok(schedule) => Some(schedule),
            Err((reason, span)) => {
                self.report(ControlError::BadSchedule { reason, span }.diagnostic());
                None
            }
        }
    }
}

fn schedule(expr: &ast::Expr) -> Result<Schedule, Refused> {
    let forms = "expected `hourly(…)`, `daily(…)`, `weekly(…)` or `monthly(…)`";
    let ast::ExprKind::Call { function, args } = &expr.kind else { return Err((forms.to_string(), expr.span)) };
    let form = function.text.as_str();
    if !FORMS.contains(&form) {
        let near = nearest(form, FORMS).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err((format!("{forms}{near}"), function.span));
    }
    let mut parts = Parts::default();
    for arg in args {
        parts.take(form, arg)?;
    }
    parts.finish(form, expr.span)
}

#[derive(Default)]
struct Parts {
    day: Option<Every>,
    at: Option<u16>,
    zone: Option<String>,
}

impl Parts {
    fn take(&mut self, form: &str, arg: &ast::Arg) -> Result<(), Refused> {
        let ast::Arg::Named(named) = arg else {
            let span = arg.span();
            return Err(("a schedule takes named arguments: `at: \"02:00\"`".to_string(), span));
        };
        let value = &named.value;
        match (named.label.text.as_str(), form) {
            ("minute", "hourly") => self.at = Some(minute(value)?),
            ("at", "daily" | "weekly" | "monthly") => self.at = Some(time(value)?),
            ("day", "weekly") => self.day = Some(Every::Week(weekday(value)?)),
            ("day", "monthly") => self.day = Some(Every::Month(day_of_month(value)?)),
            ("zone", "daily" | "weekly" | "monthly") => self.zone = Some(zone(value)?),
            (other, _) => return Err((format!("`{form}` has no `{other}`"), named.label.span)),
        }
        Ok(())
    }

    fn finish(self, form: &str, span: Span) -> Result<Schedule, Refused> {
        let missing = |name: &str| (format!("`{form}` needs `{name}`"), span);
        let every = match form {
            "hourly" => Every::Hour,
            "daily" => Every::Day,
            _ => self.day.ok_or_else(|| missing("day"))?,
        };
        let at = if every == Every::Hour { self.at.unwrap_or(0) } else { self.at.ok_or_else(|| missing("at"))? };
        Ok(Schedule { every, at, zone: self.zone.unwrap_or_else(|| "UTC".to_string()) })
    }
}

fn text(value: &ast::Expr) -> Option<String> {
    match &value.kind {
        ast::ExprKind::String(text) => text.constant(),
        _ => None,
    }
}

fn number(value: &ast::Expr, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    match &value.kind {
        ast::ExprKind::Int(number) if range.contains(number) => Some(*number),
        _ => None,
    }
}

fn minute(value: &ast::Expr) -> Result<u16, Refused> {
    let minute = number(value, 0..=59).and_then(|minute| u16::try_from(minute).ok());
    minute.ok_or_else(|| ("expected a minute, 0 to 59".to_string(), value.span))
}

fn time(value: &ast::Expr) -> Result<u16, Refused> {
    let refuse = || ("expected a time of day, such as \"02:30\"".to_string(), value.span);
    let written = text(value).ok_or_else(refuse)?;
    let (hours, minutes) = written.split_once(':').ok_or_else(refuse)?;
    let part = |part: &str, most: u16| {
        let number = if part.len() == 2 { part.parse::<u16>().ok() } else { None };
        number.filter(|number| *number <= most).ok_or_else(refuse)
    };
    Ok(part(hours, 23)? * 60 + part(minutes, 59)?)
}

fn weekday(value: &ast::Expr) -> Result<Weekday, Refused> {
    let written = text(value).unwrap_or_default();
    let names = Weekday::ALL.map(Weekday::name);
    Weekday::ALL.into_iter().find(|day| day.name() == written).ok_or_else(|| {
        let near = nearest(&written, names).map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
        (format!("expected a day of the week, such as \"sunday\"{near}"), value.span)
    })
}

fn day_of_month(value: &ast::Expr) -> Result<u8, Refused> {
    let day = number(value, 1..=28).and_then(|day| u8::try_from(day).ok());
    day.ok_or_else(|| ("expected a day that every month has, 1 to 28".to_string(), value.span))
}

fn zone(value: &ast::Expr) -> Result<String, Refused> {
    text(value).ok_or_else(|| ("expected the name of a time zone, such as \"Europe/Berlin\"".to_string(), value.span))
}
