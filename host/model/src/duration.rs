//! ISO-8601 durations of fixed length: `PT1H30M`, `P1DT2S`, `PT0.5S`. A day is 24 hours; months and years are refused.

use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("`{0}` is not an ISO-8601 duration such as `PT30S`, `PT1H30M` or `P1D`")]
    Malformed(String),
    #[error("`{0}` is negative; a duration counts from zero")]
    Negative(String),
    #[error("`{0}` counts months or years, which have no fixed length; write days, such as `P30D`")]
    Calendar(String),
    #[error("`{0}` is longer than a duration can be")]
    TooLong(String),
}

impl Error {
    pub fn code(&self) -> &'static str {
        "duration::invalid"
    }
}

const NANOS: u128 = 1_000_000_000;

/// Reads a duration; upper and lower case are the same.
pub fn parse(text: &str) -> Result<Duration, Error> {
    let malformed = || Error::Malformed(text.to_owned());
    let upper = text.trim().to_ascii_uppercase();
    if upper.starts_with('-') || upper.contains("-") {
        return Err(Error::Negative(text.to_owned()));
    }
    let body = upper.trim_start_matches('+').strip_prefix('P').ok_or_else(malformed)?;
    let (date, time) = match body.split_once('T') {
        Some((date, time)) if !time.is_empty() => (date, time),
        Some(_) => return Err(malformed()),
        None => (body, ""),
    };
    if date.is_empty() && time.is_empty() {
        return Err(malformed());
    }
    if date.contains(['Y', 'M']) {
        return Err(Error::Calendar(text.to_owned()));
    }
    let date = total(date, &[('W', 604_800), ('D', 86_400)]).ok_or_else(malformed)?;
    let time = total(time, &[('H', 3_600), ('M', 60), ('S', 1)]).ok_or_else(malformed)?;
    let nanos = date.checked_add(time).ok_or_else(|| Error::TooLong(text.to_owned()))?;
    let seconds = u64::try_from(nanos / NANOS).map_err(|_| Error::TooLong(text.to_owned()))?;
    let rest = u32::try_from(nanos % NANOS).unwrap_or_default();
    Ok(Duration::new(seconds, rest))
}

/// Nanoseconds of `1H30M`: each unit at most once, in the given order, only the last one with a fraction.
fn total(text: &str, units: &[(char, u128)]) -> Option<u128> {
    let mut rest = text;
    let mut nanos: u128 = 0;
    for (unit, seconds) in units {
        let Some((number, after)) = rest.split_once(*unit) else {
            continue;
        };
        let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
        if number.contains(['.', ',']) && (!after.is_empty() || fraction.is_empty()) {
            return None;
        }
        if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) || whole.is_empty() {
            return None;
        }
        let scale: u128 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
        let here = whole.parse::<u128>().ok()?.checked_mul(NANOS)?.checked_add(scale)?;
        nanos = nanos.checked_add(here.checked_mul(*seconds)?)?;
        rest = after;
    }
    rest.is_empty().then_some(nanos)
}

/// Hours, minutes and seconds: `PT26H3M0.5S`; nothing is `PT0S`.
pub fn print(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let nanos = duration.subsec_nanos();
    let mut text = "PT".to_owned();
    for (amount, unit) in [(seconds / 3600, 'H'), (seconds / 60 % 60, 'M')] {
        if amount > 0 {
            text.push_str(&format!("{amount}{unit}"));
        }
    }
    if nanos > 0 {
        let fraction = format!("{nanos:09}");
        text.push_str(&format!("{}.{}S", seconds % 60, fraction.trim_end_matches('0')));
    } else if !seconds.is_multiple_of(60) || seconds == 0 {
        text.push_str(&format!("{}S", seconds % 60));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, millis, printed) in [
            ("PT1S", 1_000, "PT1S"),
            ("PT0S", 0, "PT0S"),
            ("pt0.25s", 250, "PT0.25S"),
            ("P1D", 86_400_000, "PT24H"),
            ("P1DT2H3M4.5S", 93_784_500, "PT26H3M4.5S"),
            ("P2W", 1_209_600_000, "PT336H"),
            ("PT90M", 5_400_000, "PT1H30M"),
            ("PT0.5H", 1_800_000, "PT30M"),
        ] {
            let duration = parse(text).unwrap();
            assert_eq!(duration, Duration::from_millis(millis), "{text}");
            assert_eq!(print(duration), printed, "{text}");
            assert_eq!(parse(printed).unwrap(), duration);
        }
    }

    #[test]
    fn refuses_with_the_reason() {
        for (text, reason) in [
            ("", "is not an ISO-8601 duration"),
            ("10s", "is not an ISO-8601 duration"),
            ("P", "is not an ISO-8601 duration"),
            ("PT", "is not an ISO-8601 duration"),
            ("PT1M1H", "is not an ISO-8601 duration"),
            ("PT1.5M3S", "is not an ISO-8601 duration"),
            ("PT.S", "is not an ISO-8601 duration"),
            ("PTéS", "is not an ISO-8601 duration"),
            ("P1M", "months or years"),
            ("P1Y", "months or years"),
            ("PT-5S", "negative"),
            ("PT99999999999999999999999S", "longer"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(reason), "{text}: {message}");
        }
    }
}
