//! Dates as flows write them: read anything, add, show in a zone by a Java pattern.

mod name;
mod pattern;
mod show;

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::temporal::Pieces;
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp, ZonedDateTime};

use crate::error::{Fault, Outcome};
use crate::eval::Call;
use crate::host::Host;
use crate::val::Val;

/// The arguments that all date filters and functions share.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) format: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) existing_format: Option<String>,
    pub(crate) locale: Option<String>,
}

impl Options {
    /// From the parameters `format, timeZone, existingFormat, locale`, the first of which is at `first`.
    pub(crate) fn of(call: &Call<'_, '_>, first: usize) -> Self {
        Self {
            format: call.text(first),
            time_zone: call.text(first + 1),
            existing_format: call.text(first + 2),
            locale: call.text(first + 3),
        }
    }

    pub(crate) fn zone(&self, host: &dyn Host) -> Outcome<TimeZone> {
        match self.time_zone.as_deref().or_else(|| host.time_zone()) {
            Some(name) => zone(name),
            None => Ok(TimeZone::try_system().unwrap_or(TimeZone::UTC)),
        }
    }

    pub(crate) fn show(&self, date: &ZonedDateTime) -> Outcome<String> {
        show::show(date, self.format.as_deref().unwrap_or("iso"), self.locale.as_deref())
    }
}

/// The zone of a name or an offset; the error says what can be written.
pub fn time_zone(name: &str) -> Result<TimeZone, String> {
    zone(name).map_err(|fault| fault.message)
}

/// `Europe/Paris`, `UTC`, `Z`, `+02:00`, `GMT+2`.
pub(crate) fn zone(name: &str) -> Outcome<TimeZone> {
    let trimmed = name.trim();
    if matches!(trimmed, "Z" | "z" | "UTC" | "GMT" | "UT") {
        return Ok(TimeZone::UTC);
    }
    let bare = ["UTC", "GMT", "UT"].iter().find_map(|prefix| trimmed.strip_prefix(prefix)).unwrap_or(trimmed);
    if bare.starts_with(['+', '-'])
        && let Some(offset) = offset(bare)
    {
        return Ok(TimeZone::fixed(offset));
    }
    TimeZone::get(trimmed).map_err(|_| {
        Fault::argument(format!("there is no time zone `{name}`")).help("write a name like `Europe/Paris`, or an offset like `+02:00`")
    })
}

/// `+2`, `+02`, `+0230`, `+02:30`, `+02:30:15`.
fn offset(text: &str) -> Option<Offset> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let plain: String = digits.chars().filter(|c| *c != ':').collect();
    if plain.is_empty() || plain.len() > 6 || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded = if plain.len() % 2 == 1 { format!("0{plain}") } else { plain };
    let field = |at: usize| padded.get(at..at + 2).map_or(Some(0), |field| field.parse::<i32>().ok());
    let (hours, minutes, seconds) = (field(0)?, field(2)?, field(4)?);
    if minutes > 59 || seconds > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60 + seconds)).ok()
}

/// The present, in the zone that is shown.
pub(crate) fn now(options: &Options, host: &dyn Host) -> Outcome<ZonedDateTime> {
    let stamp = Timestamp::from_nanosecond(host.now()).map_err(|error| out_of_range(&error))?;
    Ok(stamp.to_zoned_datetime(options.zone(host)?))
}

/// The moment that a value means, in the zone that is shown.
pub(crate) fn read(value: &Val<'_>, options: &Options, host: &dyn Host) -> Outcome<ZonedDateTime> {
    let zone = options.zone(host)?;
    match value {
        Val::Int(seconds) => {
            let seconds = i64::try_from(*seconds).map_err(|error| out_of_range(&error))?;
            let stamp = Timestamp::from_second(seconds).map_err(|error| out_of_range(&error))?;
            Ok(stamp.to_zoned_datetime(zone))
        }
        Val::Float(seconds) => {
            let nanos = (seconds * 1e9) as i128;
            let stamp = Timestamp::from_nanosecond(nanos).map_err(|error| out_of_range(&error))?;
            Ok(stamp.to_zoned_datetime(zone))
        }
        other => match other.as_str() {
            Some(text) => match &options.existing_format {
                Some(format) => pattern::read(text, show::pattern_of(format).unwrap_or(format))?.resolve(text, &zone),
                None => iso(text.trim(), &zone),
            },
            None => Err(Fault::kind(format!("a date is a string or a number of seconds, not {}", other.kind()))),
        },
    }
}

fn iso(text: &str, zone: &TimeZone) -> Outcome<ZonedDateTime> {
    let unreadable = || {
        Fault::value(format!("`{text}` is not a date"))
            .help("write it like 2024-05-17T08:30:00Z, 2024-05-17T08:30:00 or 2024-05-17, or give `existingFormat`")
    };
    let pieces = Pieces::parse(text).map_err(|_| unreadable())?;
    let named = match pieces.time_zone_annotation() {
        Some(_) => pieces.to_time_zone().map_err(|_| unreadable())?,
        None => None,
    };
    let parsed = Parsed { date: Some(pieces.date()), time: pieces.time(), offset: pieces.to_numeric_offset(), zone: named, epoch: None };
    parsed.resolve(text, zone)
}

/// What a text says about a moment.
#[derive(Default)]
pub(crate) struct Parsed {
    pub(crate) date: Option<Date>,
    pub(crate) time: Option<Time>,
    pub(crate) offset: Option<Offset>,
    pub(crate) zone: Option<TimeZone>,
    pub(crate) epoch: Option<i64>,
}

impl Parsed {
    fn resolve(self, text: &str, zone: &TimeZone) -> Outcome<ZonedDateTime> {
        if let Some(epoch) = self.epoch {
            let stamp = Timestamp::from_second(epoch).map_err(|error| out_of_range(&error))?;
            return Ok(stamp.to_zoned_datetime(zone.clone()));
        }
        let Some(date) = self.date else {
            return Err(Fault::value(format!("`{text}` has no date")).help("`existingFormat` must name a year, a month and a day"));
        };
        let local = DateTime::from_parts(date, self.time.unwrap_or(Time::midnight()));
        let own = match (self.offset, self.zone) {
            (Some(offset), _) => TimeZone::fixed(offset),
            (None, Some(zone)) => zone,
            (None, None) => zone.clone(),
        };
        let zoned = local.to_zoned_datetime(own).map_err(|error| out_of_range(&error))?;
        Ok(zoned.with_time_zone(zone.clone()))
    }
}

fn out_of_range(error: &dyn std::fmt::Display) -> Box<Fault> {
    Fault::value(format!("the date is out of range: {error}"))
}

const UNITS: [&str; 14] = [
    "NANOS",
    "MICROS",
    "MILLIS",
    "SECONDS",
    "MINUTES",
    "HOURS",
    "HALF_DAYS",
    "DAYS",
    "WEEKS",
    "MONTHS",
    "YEARS",
    "DECADES",
    "CENTURIES",
    "MILLENNIA",
];

/// Adds an amount of a Java ChronoUnit.
pub(crate) fn add(date: &ZonedDateTime, amount: i128, unit: &str) -> Outcome<ZonedDateTime> {
    let amount = i64::try_from(amount).map_err(|error| out_of_range(&error))?;
    let times = |factor: i64| amount.checked_mul(factor).ok_or_else(|| out_of_range(&"the amount is too large"));
    let span = Span::new();
    let span = match unit {
        "NANOS" => span.try_nanoseconds(amount),
        "MICROS" => span.try_microseconds(amount),
        "MILLIS" => span.try_milliseconds(amount),
        "SECONDS" => span.try_seconds(amount),
        "MINUTES" => span.try_minutes(amount),
        "HOURS" => span.try_hours(amount),
        "HALF_DAYS" => span.try_hours(times(12)?),
        "DAYS" => span.try_days(amount),
        "WEEKS" => span.try_weeks(amount),
        "MONTHS" => span.try_months(amount),
        "YEARS" => span.try_years(amount),
        "DECADES" => span.try_years(times(10)?),
        "CENTURIES" => span.try_years(times(100)?),
        "MILLENNIA" => span.try_years(times(1000)?),
        _ => {
            let help = crate::nearest::did_you_mean(&unit.to_uppercase(), UNITS);
            return Err(Fault::argument(format!("there is no unit `{unit}`"))
                .help(help.unwrap_or_else(|| format!("the units are {}", UNITS.join(", ")))));
        }
    };
    let span = span.map_err(|error| out_of_range(&error))?;
    date.checked_add(span).map_err(|error| out_of_range(&error))
}
