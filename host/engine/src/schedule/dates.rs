//! The dates of a trigger: those of a cron expression, or a list.

use std::cmp::Ordering;

use croner::{
    Cron,
    errors::CronError,
    parser::{CronParser, Seconds, Year},
    time::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday},
};
use jiff::{
    SignedDuration, ZonedDateTime,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};
use switchyard_plugin_api::Error;

/// When a trigger fires.
#[derive(Debug, Clone)]
pub enum Dates {
    Cron(Box<Cron>, TimeZone),
    /// In order.
    List(Vec<ZonedDateTime>),
}

impl Dates {
    /// Of a cron expression, whose dates are those of clocks in this zone. A day fits when the day of the month or the day of the
    /// week does, where both are given: the rule of Unix.
    pub fn cron(text: &str, with_seconds: bool, zone: TimeZone) -> Result<Self, Error> {
        // A nickname has no seconds, and one of them is not known to the library.
        let text = if text == "@midnight" { "@daily" } else { text };
        let seconds = if with_seconds && !text.starts_with('@') { Seconds::Required } else { Seconds::Disallowed };
        let parser = CronParser::builder().seconds(seconds).year(Year::Disallowed).sloppy_ranges(true).build();
        let cron = parser.parse(text).map_err(|error| {
            Error::user("trigger::invalid_cron", format!("the cron expression `{text}` cannot be read: {error}")).at("/cron")
        })?;
        Ok(Self::Cron(Box::new(cron), zone))
    }

    pub fn list(mut dates: Vec<ZonedDateTime>) -> Self {
        dates.sort_by_key(ZonedDateTime::timestamp);
        Self::List(dates)
    }

    /// The first date after this one.
    pub fn after(&self, date: &ZonedDateTime) -> Option<ZonedDateTime> {
        match self {
            Self::Cron(cron, zone) => cron.find_next_occurrence(&Moment::of(date, zone), false).ok().map(|moment| moment.0),
            Self::List(dates) => dates.iter().find(|listed| listed.timestamp() > date.timestamp()).cloned(),
        }
    }

    /// The last date before this one.
    pub fn before(&self, date: &ZonedDateTime) -> Option<ZonedDateTime> {
        match self {
            Self::Cron(cron, zone) => cron.find_previous_occurrence(&Moment::of(date, zone), false).ok().map(|moment| moment.0),
            Self::List(dates) => dates.iter().rfind(|listed| listed.timestamp() < date.timestamp()).cloned(),
        }
    }
}

/// A date as the cron library wants to see it.
#[derive(Clone)]
struct Moment(ZonedDateTime);

impl Moment {
    fn of(date: &ZonedDateTime, zone: &TimeZone) -> Self {
        Self(date.timestamp().to_zoned_datetime(zone.clone()))
    }
}

impl CronDateTime for Moment {
    fn to_civil(&self) -> CivilDateTime {
        let at = self.0.datetime();
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(i32::from(at.year()), at.month().unsigned_abs().into(), at.day().unsigned_abs().into()),
            CivilTime::from_parts_unchecked(
                at.hour().unsigned_abs().into(),
                at.minute().unsigned_abs().into(),
                at.second().unsigned_abs().into(),
            ),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(self.0.weekday().to_sunday_zero_offset().unsigned_abs().into())
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let part = |part: u32| i8::try_from(part).map_err(|_| CronError::InvalidDate);
        let year = i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?;
        let at = DateTime::new(
            year,
            part(civil.month())?,
            part(civil.day())?,
            part(civil.hour())?,
            part(civil.minute())?,
            part(civil.second())?,
            0,
        )
        .map_err(|_| CronError::InvalidDate)?;
        let found = self.0.time_zone().to_ambiguous_zoned_datetime(at);
        let moment = |date: Result<ZonedDateTime, jiff::Error>| date.map(Moment).map_err(|_| CronError::InvalidTime);
        Ok(match found.offset() {
            AmbiguousOffset::Unambiguous { .. } => Resolution::Single(moment(found.unambiguous())?),
            AmbiguousOffset::Fold { .. } => Resolution::Ambiguous(moment(found.clone().earlier())?, moment(found.later())?),
            AmbiguousOffset::Gap { .. } => Resolution::Gap,
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(SignedDuration::from_secs(seconds)).ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.timestamp().cmp(&other.0.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, with_seconds: bool, from: &str, count: usize) -> Vec<String> {
        let from: ZonedDateTime = from.parse().unwrap();
        let dates = Dates::cron(cron, with_seconds, from.time_zone().clone()).unwrap();
        std::iter::successors(dates.after(&from), |date| dates.after(date))
            .take(count)
            .map(|date| date.strftime("%F %T%:z").to_string())
            .collect()
    }

    #[test]
    fn s11_3_dates_of_cron_expressions() {
        let monday = "2026-03-02T10:07:30+00:00[UTC]";
        for (cron, with_seconds, expected) in [
            ("*/15 * * * *", false, ["2026-03-02 10:15:00+00:00", "2026-03-02 10:30:00+00:00"]),
            ("5/20 * * * *", false, ["2026-03-02 10:25:00+00:00", "2026-03-02 10:45:00+00:00"]),
            ("0 9 * * MON-FRI", false, ["2026-03-03 09:00:00+00:00", "2026-03-04 09:00:00+00:00"]),
            ("0 0 * * 7", false, ["2026-03-08 00:00:00+00:00", "2026-03-15 00:00:00+00:00"]),
            ("0 0 * * 0", false, ["2026-03-08 00:00:00+00:00", "2026-03-15 00:00:00+00:00"]),
            ("0 9 L * *", false, ["2026-03-31 09:00:00+00:00", "2026-04-30 09:00:00+00:00"]),
            ("0 9 LW * *", false, ["2026-03-31 09:00:00+00:00", "2026-04-30 09:00:00+00:00"]),
            ("0 9 15W * *", false, ["2026-03-16 09:00:00+00:00", "2026-04-15 09:00:00+00:00"]),
            ("0 9 ? * 2#1", false, ["2026-03-03 09:00:00+00:00", "2026-04-07 09:00:00+00:00"]),
            ("0 9 * * 5L", false, ["2026-03-27 09:00:00+00:00", "2026-04-24 09:00:00+00:00"]),
            ("0 0 13 * FRI", false, ["2026-03-06 00:00:00+00:00", "2026-03-13 00:00:00+00:00"]),
            ("0 0 29 2 *", false, ["2028-02-29 00:00:00+00:00", "2032-02-29 00:00:00+00:00"]),
            ("0 0 1 jan,JUL *", false, ["2026-07-01 00:00:00+00:00", "2027-01-01 00:00:00+00:00"]),
            ("*/20 * * * * *", true, ["2026-03-02 10:07:40+00:00", "2026-03-02 10:08:00+00:00"]),
            ("@hourly", false, ["2026-03-02 11:00:00+00:00", "2026-03-02 12:00:00+00:00"]),
            ("@daily", false, ["2026-03-03 00:00:00+00:00", "2026-03-04 00:00:00+00:00"]),
            ("@midnight", false, ["2026-03-03 00:00:00+00:00", "2026-03-04 00:00:00+00:00"]),
            ("@daily", true, ["2026-03-03 00:00:00+00:00", "2026-03-04 00:00:00+00:00"]),
            ("@weekly", false, ["2026-03-08 00:00:00+00:00", "2026-03-15 00:00:00+00:00"]),
            ("@monthly", false, ["2026-04-01 00:00:00+00:00", "2026-05-01 00:00:00+00:00"]),
            ("@yearly", false, ["2027-01-01 00:00:00+00:00", "2028-01-01 00:00:00+00:00"]),
            ("@annually", false, ["2027-01-01 00:00:00+00:00", "2028-01-01 00:00:00+00:00"]),
        ] {
            assert_eq!(next(cron, with_seconds, monday, 2), expected, "{cron}");
        }
    }

    /// An hour that does not exist is not lost, one that comes twice is not fired twice.
    #[test]
    fn s11_3_dates_when_clocks_change() {
        let spring = next("30 2 * * *", false, "2026-03-28T12:00:00[Europe/Paris]", 2);
        assert_eq!(spring, ["2026-03-29 03:00:00+02:00", "2026-03-30 02:30:00+02:00"]);
        let autumn = next("30 2 * * *", false, "2026-10-24T12:00:00[Europe/Paris]", 2);
        assert_eq!(autumn, ["2026-10-25 02:30:00+02:00", "2026-10-26 02:30:00+01:00"]);
    }

    #[test]
    fn before_and_after_agree() {
        let from: ZonedDateTime = "2026-03-02T10:07:30+00:00[UTC]".parse().unwrap();
        for cron in ["*/15 * * * *", "0 9 L * *", "0 0 13 * FRI", "0 9 ? * 2#1"] {
            let dates = Dates::cron(cron, false, TimeZone::UTC).unwrap();
            let next = dates.after(&from).unwrap();
            assert_eq!(dates.before(&dates.after(&next).unwrap()), Some(next), "{cron}");
        }
    }
}
