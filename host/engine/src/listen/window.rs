//! In which time everything must have happened.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, civil::Time, tz::TimeZone};
use switchyard_model::{Node, duration};

/// Spec 11.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Windows one after the other, each of this length, moved by so much.
    Tumbling { length: Duration, advance: Duration },
    /// This long until now.
    Sliding { length: Duration },
    /// Today between two times.
    Daily { from: Time, until: Time },
}

const DAY: Duration = Duration::from_secs(86_400);

impl Default for Window {
    fn default() -> Self {
        Self::Tumbling { length: DAY, advance: Duration::ZERO }
    }
}

impl Window {
    pub fn read(node: Option<&Node>) -> Self {
        let Some(node) = node else { return Self::default() };
        let text = |name: &str| node.get(name).and_then(Node::as_str);
        let span = |name: &str| text(name).and_then(|text| duration::parse(text).ok());
        // A time may be written with an offset; what counts is the host's clock.
        let time = |name: &str| text(name).and_then(|text| text.split(['+', 'Z']).next()?.parse::<Time>().ok());
        let length = span("window").or_else(|| span("every")).filter(|length| !length.is_zero()).unwrap_or(DAY);
        match text("type") {
            Some("SLIDING_WINDOW") => Self::Sliding { length },
            Some("DAILY_TIME_DEADLINE") => Self::Daily { from: Time::midnight(), until: time("deadline").unwrap_or(Time::MAX) },
            Some("DAILY_TIME_WINDOW") => {
                Self::Daily { from: time("startTime").unwrap_or(Time::midnight()), until: time("endTime").unwrap_or(Time::MAX) }
            }
            _ => Self::Tumbling { length, advance: span("windowAdvance").unwrap_or_default() },
        }
    }

    /// Whether what happened `at` counts `now`.
    pub fn contains(self, at: Timestamp, now: Timestamp) -> bool {
        match self {
            Self::Sliding { length } => now.duration_since(at) <= SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX),
            Self::Tumbling { length, advance } => {
                let number = |time: Timestamp| {
                    let length = i128::try_from(length.as_nanos()).unwrap_or(i128::MAX).max(1);
                    (time.as_nanosecond() - i128::try_from(advance.as_nanos()).unwrap_or_default()).div_euclid(length)
                };
                number(at) == number(now)
            }
            Self::Daily { from, until } => {
                let (at, now) = (at.to_zoned_datetime(TimeZone::system()), now.to_zoned_datetime(TimeZone::system()));
                at.date() == now.date() && at.time() >= from && at.time() <= until
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use switchyard_model::Span;

    use super::*;

    #[test]
    fn what_counts_in_each_window_11_5() {
        let at = |seconds: i64| Timestamp::from_second(86_400 * 20_000 + seconds).unwrap();
        let read = |value| Window::read(Some(&Node::from_json(&value, Span::default())));
        for (window, before, now, expected) in [
            (json!({}), 0, 86_399, true),
            (json!({}), -1, 0, false),
            (json!({ "window": "PT1H", "windowAdvance": "PT30M" }), 1_799, 1_801, false),
            (json!({ "window": "PT1H", "windowAdvance": "PT30M" }), 1_800, 5_399, true),
            (json!({ "type": "SLIDING_WINDOW", "window": "PT1H" }), 0, 3_600, true),
            (json!({ "type": "SLIDING_WINDOW", "window": "PT1H" }), 0, 3_601, false),
        ] {
            assert_eq!(read(window.clone()).contains(at(before), at(now)), expected, "{window} {before} {now}");
        }
        let deadline = read(json!({ "type": "DAILY_TIME_DEADLINE", "deadline": "09:00:00Z" }));
        assert_eq!(deadline, Window::Daily { from: Time::midnight(), until: Time::constant(9, 0, 0, 0) });
    }
}
