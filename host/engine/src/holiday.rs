//! Public holidays that a whole country has.

use jiff::{
    ToSpan,
    civil::{Date, Weekday},
};

/// When a holiday is.
#[derive(Debug, Clone, Copy)]
enum Day {
    /// Month and day.
    Fixed(i8, i8),
    /// Month and day; the next working day instead of a Saturday or Sunday is one too.
    Moved(i8, i8),
    /// Month and day; the Friday before or the Monday after is one too.
    Near(i8, i8),
    /// Month and day; the day before when that is a Sunday.
    Before(i8, i8),
    /// Days after Easter Sunday.
    Easter(i32),
    /// Month, day of the week, and which of them; -1 is the last.
    Nth(i8, Weekday, i8),
    /// The last such day up to a month's day.
    UpTo(i8, i8, Weekday),
}

use Day::{Before, Easter, Fixed, Moved, Near, Nth, UpTo};
use Weekday::{Monday, Thursday};

/// ISO 3166 codes.
const COUNTRIES: &[(&str, &[Day])] = &[
    (
        "AT",
        &[
            Fixed(1, 1),
            Fixed(1, 6),
            Easter(1),
            Fixed(5, 1),
            Easter(39),
            Easter(50),
            Easter(60),
            Fixed(8, 15),
            Fixed(10, 26),
            Fixed(11, 1),
            Fixed(12, 8),
            Fixed(12, 25),
            Fixed(12, 26),
        ],
    ),
    (
        "BE",
        &[
            Fixed(1, 1),
            Easter(1),
            Fixed(5, 1),
            Easter(39),
            Easter(50),
            Fixed(7, 21),
            Fixed(8, 15),
            Fixed(11, 1),
            Fixed(11, 11),
            Fixed(12, 25),
        ],
    ),
    (
        "CA",
        &[
            Fixed(1, 1),
            Easter(-2),
            UpTo(5, 24, Monday),
            Fixed(7, 1),
            Nth(9, Monday, 1),
            Fixed(9, 30),
            Nth(10, Monday, 2),
            Fixed(11, 11),
            Fixed(12, 25),
        ],
    ),
    ("DE", &[Fixed(1, 1), Easter(-2), Easter(1), Fixed(5, 1), Easter(39), Easter(50), Fixed(10, 3), Fixed(12, 25), Fixed(12, 26)]),
    (
        "ES",
        &[
            Fixed(1, 1),
            Fixed(1, 6),
            Easter(-2),
            Fixed(5, 1),
            Fixed(8, 15),
            Fixed(10, 12),
            Fixed(11, 1),
            Fixed(12, 6),
            Fixed(12, 8),
            Fixed(12, 25),
        ],
    ),
    (
        "FR",
        &[
            Fixed(1, 1),
            Easter(1),
            Fixed(5, 1),
            Fixed(5, 8),
            Easter(39),
            Easter(50),
            Fixed(7, 14),
            Fixed(8, 15),
            Fixed(11, 1),
            Fixed(11, 11),
            Fixed(12, 25),
        ],
    ),
    ("GB", &[Moved(1, 1), Easter(-2), Easter(1), Nth(5, Monday, 1), Nth(5, Monday, -1), Nth(8, Monday, -1), Moved(12, 25), Moved(12, 26)]),
    (
        "IT",
        &[
            Fixed(1, 1),
            Fixed(1, 6),
            Easter(0),
            Easter(1),
            Fixed(4, 25),
            Fixed(5, 1),
            Fixed(6, 2),
            Fixed(8, 15),
            Fixed(11, 1),
            Fixed(12, 8),
            Fixed(12, 25),
            Fixed(12, 26),
        ],
    ),
    ("NL", &[Fixed(1, 1), Easter(0), Easter(1), Before(4, 27), Easter(39), Easter(49), Easter(50), Fixed(12, 25), Fixed(12, 26)]),
    (
        "PL",
        &[
            Fixed(1, 1),
            Fixed(1, 6),
            Easter(0),
            Easter(1),
            Fixed(5, 1),
            Fixed(5, 3),
            Easter(49),
            Easter(60),
            Fixed(8, 15),
            Fixed(11, 1),
            Fixed(11, 11),
            Fixed(12, 25),
            Fixed(12, 26),
        ],
    ),
    (
        "PT",
        &[
            Fixed(1, 1),
            Easter(-2),
            Easter(0),
            Fixed(4, 25),
            Fixed(5, 1),
            Easter(60),
            Fixed(6, 10),
            Fixed(8, 15),
            Fixed(10, 5),
            Fixed(11, 1),
            Fixed(12, 1),
            Fixed(12, 8),
            Fixed(12, 25),
        ],
    ),
    (
        "US",
        &[
            Near(1, 1),
            Nth(1, Monday, 3),
            Nth(2, Monday, 3),
            Nth(5, Monday, -1),
            Near(6, 19),
            Near(7, 4),
            Nth(9, Monday, 1),
            Nth(10, Monday, 2),
            Near(11, 11),
            Nth(11, Thursday, 4),
            Near(12, 25),
        ],
    ),
];

/// Whether the whole country has a holiday; the error says what to write.
pub fn is_holiday(date: Date, country: Option<&str>) -> Result<bool, String> {
    let known = || COUNTRIES.iter().map(|(code, _)| *code).collect::<Vec<_>>().join(", ");
    let Some(country) = country.filter(|country| !country.is_empty()) else {
        return Err(format!("whose holidays? give a `country`: {}", known()));
    };
    let Some((_, days)) = COUNTRIES.iter().find(|(code, _)| code.eq_ignore_ascii_case(country)) else {
        return Err(format!("the holidays of `{country}` are not known; known are {}", known()));
    };
    Ok(days.iter().any(|day| day.is(date).unwrap_or(false)))
}

impl Day {
    fn is(self, date: Date) -> Result<bool, jiff::Error> {
        let year = date.year();
        Ok(match self {
            Fixed(month, day) => date == Date::new(year, month, day)?,
            Before(month, day) => {
                let on = Date::new(year, month, day)?;
                date == if on.weekday() == Weekday::Sunday { on.yesterday()? } else { on }
            }
            Easter(days) => date == easter(year)?.checked_add(days.days())?,
            Nth(month, weekday, number) => date == Date::new(year, month, 1)?.nth_weekday_of_month(number, weekday)?,
            UpTo(month, day, weekday) => {
                let last = Date::new(year, month, day)?;
                date == if last.weekday() == weekday { last } else { last.nth_weekday(-1, weekday)? }
            }
            Moved(month, day) => {
                let on = Date::new(year, month, day)?;
                // Boxing Day gives way to what Christmas has taken.
                let taken = i32::from((month, day) == (12, 26));
                let later = match on.weekday() {
                    Weekday::Saturday => 2,
                    Weekday::Sunday => 1 + taken,
                    Weekday::Monday if taken == 1 => 1,
                    _ => 0,
                };
                date == on || date == on.checked_add(later.days())?
            }
            Near(month, day) => {
                let on = Date::new(year, month, day)?;
                let days = match on.weekday() {
                    Weekday::Saturday => -1,
                    Weekday::Sunday => 1,
                    _ => 0,
                };
                date == on || date == on.checked_add(days.days())?
            }
        })
    }
}

/// Easter Sunday in the Gregorian calendar.
fn easter(year: i16) -> Result<Date, jiff::Error> {
    let number = i32::from(year);
    let (golden, century) = (number % 19, number / 100);
    let shift = century - century / 4 - (8 * century + 13) / 25;
    let moon = (19 * golden + shift + 15) % 30;
    let moon = moon - i32::from(moon == 29 || moon == 28 && golden > 10);
    // The Sunday after the full moon, which is that many days after the 21st of March.
    Date::new(year, 3, 21)?.checked_add(moon.days())?.nth_weekday(1, Weekday::Sunday)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_sundays() {
        for (year, month, day) in [
            (1961, 4, 2),
            (2000, 4, 23),
            (2019, 4, 21),
            (2024, 3, 31),
            (2025, 4, 20),
            (2026, 4, 5),
            (2038, 4, 25),
            (2049, 4, 18),
            (2076, 4, 19),
        ] {
            assert_eq!(easter(year).unwrap(), Date::constant(year, month, day));
        }
    }

    #[test]
    fn holidays_of_countries_11_2() {
        for (country, date, expected) in [
            ("FR", "2024-07-14", true),
            ("fr", "2024-05-20", true),
            ("FR", "2024-07-15", false),
            ("DE", "2024-03-29", true),
            ("DE", "2024-05-09", true),
            ("US", "2024-11-28", true),
            ("US", "2021-12-24", true),
            ("US", "2024-05-27", true),
            ("US", "2024-05-20", false),
            ("GB", "2021-12-27", true),
            ("GB", "2021-12-28", true),
            ("GB", "2022-12-27", true),
            ("GB", "2024-08-26", true),
            ("CA", "2024-05-20", true),
            ("AT", "2024-05-30", true),
            ("NL", "2025-04-26", true),
            ("NL", "2025-04-27", false),
        ] {
            assert_eq!(is_holiday(date.parse().unwrap(), Some(country)), Ok(expected), "{country} {date}");
        }
        for country in [None, Some("XX")] {
            assert!(is_holiday(Date::constant(2024, 1, 1), country).unwrap_err().contains("AT, BE"));
        }
    }
}
