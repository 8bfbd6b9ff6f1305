//! Values of properties that arrive as text or as what they are.

use std::time::Duration;

use jiff::{Timestamp, civil, tz::TimeZone};
use switchyard_plugin_api::Error;

/// An ISO-8601 duration.
pub fn duration(text: &str, name: &str) -> Result<Duration, Error> {
    switchyard_model::duration::parse(text.trim()).map_err(|_| {
        Error::user("flow::not_a_duration", format!("`{name}` is `{text}`, which is not an ISO-8601 duration"))
            .with_help("write durations like PT30S, PT5M or P1D")
            .at(pointer(name))
    })
}

/// A whole number.
pub fn count(text: &str, name: &str) -> Result<u64, Error> {
    text.trim()
        .parse()
        .map_err(|_| Error::user("flow::not_a_number", format!("`{name}` is `{text}`, which is not a whole number")).at(pointer(name)))
}

/// A point in time, or the beginning of a day in UTC.
pub fn date(text: &str, name: &str) -> Result<Timestamp, Error> {
    let text = text.trim();
    // A date alone is the beginning of its day.
    let local = || TimeZone::UTC.to_timestamp(text.parse::<civil::DateTime>().ok()?).ok();
    text.parse::<Timestamp>().ok().or_else(local).ok_or_else(|| {
        Error::user("flow::invalid_property", format!("`{name}` is `{text}`, which is no date"))
            .with_help("write 2026-01-31 or 2026-01-31T12:00:00Z, or an expression such as {{ now() | dateAdd(-7, 'DAYS') }}")
            .at(pointer(name))
    })
}

/// A number of bytes such as `10MB`; a kilobyte has 1024.
pub fn size(text: &str, name: &str) -> Result<u64, Error> {
    let upper = text.trim().to_ascii_uppercase();
    let digits = upper.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(upper.len());
    let (number, unit) = upper.split_at(digits);
    let power = match unit.trim().trim_end_matches('B').trim_end_matches('I') {
        "" => Some(0),
        "K" => Some(1),
        "M" => Some(2),
        "G" => Some(3),
        "T" => Some(4),
        _ => None,
    };
    let bytes = power.zip(number.parse::<f64>().ok()).map(|(power, number)| number * 1024f64.powi(power));
    match bytes {
        Some(bytes) if bytes >= 1.0 && bytes < 2f64.powi(53) => Ok(bytes as u64),
        _ => Err(Error::user("flow::invalid_property", format!("`{name}` is `{text}`, which is no size"))
            .with_help("write for example 500KB, 10MB or 1GB")
            .at(pointer(name))),
    }
}

/// `options.timeout` as `/options/timeout`.
fn pointer(name: &str) -> String {
    format!("/{}", name.replace('.', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_4_4() {
        for (text, expected) in [("10", 10), ("1KB", 1024), ("1 kb", 1024), ("10MB", 10 << 20), ("1.5GiB", 3 << 29), ("2T", 2 << 40)] {
            assert_eq!(size(text, "bytes").unwrap(), expected, "{text}");
        }
        for text in ["", "MB", "0", "-1", "1XB", "ten"] {
            assert!(size(text, "bytes").is_err(), "{text}");
        }
    }

    #[test]
    fn dates_4_4() {
        for (text, expected) in [
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026-01-31T12:00:00", "2026-01-31T12:00:00Z"),
            ("2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00Z"),
        ] {
            assert_eq!(date(text, "endDate").unwrap().to_string(), expected);
        }
        assert!(date("yesterday", "endDate").is_err());
    }
}
