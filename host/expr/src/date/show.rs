//! A moment as text, by a named format or a Java pattern.

use jiff::ZonedDateTime;
use jiff::tz::Offset;

use super::name::{ENGLISH, Names};
use super::pattern::{Item, items};
use crate::error::{Fault, Outcome};

/// Formats that are a pattern with a name.
const NAMED: [(&str, &str); 10] = [
    ("iso", "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"),
    ("iso_sec", "yyyy-MM-dd'T'HH:mm:ssXXX"),
    ("sql", "yyyy-MM-dd HH:mm:ss.SSSSSS"),
    ("sql_seq", "yyyy-MM-dd HH:mm:ss"),
    ("iso_date", "yyyy-MM-ddXXX"),
    ("iso_local_date", "yyyy-MM-dd"),
    ("full", "EEEE, MMMM d, y 'at' h:mm:ss a VV"),
    ("long", "MMMM d, y 'at' h:mm:ss a z"),
    ("medium", "MMM d, y, h:mm:ss a"),
    ("short", "M/d/yy, h:mm a"),
];

/// The pattern of a named format, when it is one.
pub(super) fn pattern_of(format: &str) -> Option<&'static str> {
    NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(format)).map(|(_, pattern)| *pattern)
}

pub(super) fn show(date: &ZonedDateTime, format: &str, locale: Option<&str>) -> Outcome<String> {
    if let Some(text) = special(date, &format.to_ascii_lowercase()) {
        return Ok(text);
    }
    let items = items(pattern_of(format).unwrap_or(format))?;
    let names = Names::of(locale);
    let mut out = String::new();
    write(&items, date, names.unwrap_or(&ENGLISH), &mut out);
    // A pattern of numbers is the same everywhere; the order of the styles is English.
    let is_style = ["full", "long", "medium", "short"].iter().any(|style| style.eq_ignore_ascii_case(format));
    if names.is_none() && has_names(&items) || is_style && !names.is_some_and(Names::is_english) {
        return Err(Fault::argument(format!("the names of months and days in `{}` are not known", locale.unwrap_or_default()))
            .help(format!("use numbers in the pattern, or one of the languages {}", Names::languages())));
    }
    Ok(out)
}

/// Formats whose fraction or zone is only as long as it must be.
fn special(date: &ZonedDateTime, format: &str) -> Option<String> {
    let day = || date.strftime("%Y-%m-%d").to_string();
    let time = || {
        let nanos = date.subsec_nanosecond();
        let whole = date.strftime("%H:%M:%S").to_string();
        if nanos == 0 { whole } else { format!("{whole}.{}", format!("{nanos:09}").trim_end_matches('0')) }
    };
    let place = || offset(date.offset(), 'X', 3);
    let named = || date.time_zone().iana_name().filter(|name| *name != "UTC").map_or(String::new(), |name| format!("[{name}]"));
    Some(match format {
        "iso_local_time" => time(),
        "iso_time" | "iso_offset_time" => time() + &place(),
        "iso_local_date_time" => format!("{}T{}", day(), time()),
        "iso_offset_date_time" => format!("{}T{}{}", day(), time(), place()),
        "iso_date_time" | "iso_zoned_date_time" => format!("{}T{}{}{}", day(), time(), place(), named()),
        "iso_ordinal_date" => format!("{:04}-{:03}{}", date.year(), date.day_of_year(), place()),
        "iso_week_date" => {
            let week = date.date().iso_week_date();
            format!("{:04}-W{:02}-{}{}", week.year(), week.week(), week.weekday().to_monday_one_offset(), place())
        }
        "iso_instant" => {
            let utc = date.with_time_zone(jiff::tz::TimeZone::UTC);
            format!("{}T{}Z", utc.strftime("%Y-%m-%d"), special(&utc, "iso_local_time")?)
        }
        "rfc_1123_date_time" => {
            let zone = if date.offset().seconds() == 0 { "GMT".to_owned() } else { offset(date.offset(), 'x', 2) };
            format!(
                "{}, {} {} {:04} {} {zone}",
                ENGLISH.day(weekday(date), 3),
                date.day(),
                ENGLISH.month(month(date), 3),
                date.year(),
                date.strftime("%H:%M:%S")
            )
        }
        _ => return None,
    })
}

/// From 0.
fn month(date: &ZonedDateTime) -> usize {
    date.month().unsigned_abs() as usize - 1
}

/// From 0, which is Monday.
fn weekday(date: &ZonedDateTime) -> usize {
    date.weekday().to_monday_zero_offset().unsigned_abs() as usize
}

fn write(items: &[Item], date: &ZonedDateTime, names: &Names, out: &mut String) {
    for item in items {
        match item {
            Item::Text(text) => out.push_str(text),
            Item::Optional(inner) => write(inner, date, names, out),
            Item::Field(letter, count) => out.push_str(&field(*letter, *count, date, names)),
        }
    }
}

/// Whether something is written out that other languages name differently.
fn has_names(items: &[Item]) -> bool {
    items.iter().any(|item| match item {
        Item::Text(_) => false,
        Item::Optional(inner) => has_names(inner),
        Item::Field(letter, count) => matches!(letter, 'E' | 'a') || "MLec".contains(*letter) && *count >= 3,
    })
}

fn field(letter: char, count: usize, date: &ZonedDateTime, names: &Names) -> String {
    let padded = |number: i64| format!("{number:0count$}");
    let year = |year: i16| if count == 2 { format!("{:02}", year.rem_euclid(100)) } else { padded(year.into()) };
    let day_number = i64::from(date.weekday().to_monday_one_offset());
    let hour = i64::from(date.hour());
    let nanos = i64::from(date.subsec_nanosecond());
    let second_of_day = hour * 3600 + i64::from(date.minute()) * 60 + i64::from(date.second());
    let quarter = (i64::from(date.month()) - 1) / 3 + 1;
    match letter {
        'G' => if count == 4 { "Anno Domini" } else { "AD" }.to_owned(),
        'u' | 'y' => year(date.year()),
        'Y' => year(date.date().iso_week_date().year()),
        'D' => padded(date.day_of_year().into()),
        'M' | 'L' if count >= 3 => names.month(month(date), count),
        'M' | 'L' => padded(date.month().into()),
        'd' => padded(date.day().into()),
        'Q' | 'q' if count == 3 => format!("Q{quarter}"),
        'Q' | 'q' if count >= 4 => format!("{quarter}{} quarter", ["st", "nd", "rd", "th"][(quarter.unsigned_abs() as usize - 1) % 4]),
        'Q' | 'q' => padded(quarter),
        'w' => padded(date.date().iso_week_date().week().into()),
        'W' => padded((i64::from(date.day()) + 6 - i64::from(date.weekday().to_monday_zero_offset())) / 7 + 1),
        'F' => padded((i64::from(date.day()) - 1) / 7 + 1),
        'E' => names.day(weekday(date), count),
        'e' | 'c' if count >= 3 => names.day(weekday(date), count),
        'e' | 'c' => padded(day_number),
        'a' => names.halves[usize::from(hour >= 12)].to_owned(),
        'B' => match hour {
            0..6 => "at night",
            6..12 => "in the morning",
            12..18 => "in the afternoon",
            18..21 => "in the evening",
            _ => "at night",
        }
        .to_owned(),
        'h' => padded(if hour % 12 == 0 { 12 } else { hour % 12 }),
        'K' => padded(hour % 12),
        'k' => padded(if hour == 0 { 24 } else { hour }),
        'H' => padded(hour),
        'm' => padded(date.minute().into()),
        's' => padded(date.second().into()),
        'S' => format!("{nanos:09}").chars().chain(std::iter::repeat('0')).take(count).collect(),
        'A' => padded(second_of_day * 1000 + nanos / 1_000_000),
        'n' => padded(nanos),
        'N' => padded(second_of_day * 1_000_000_000 + nanos),
        'V' => match date.time_zone().iana_name() {
            Some(name) => name.to_owned(),
            None => offset(date.offset(), 'X', 3),
        },
        'z' | 'v' => {
            let info = date.time_zone().to_offset_info(date.timestamp());
            info.abbreviation().to_owned()
        }
        'O' => match date.offset().seconds() {
            0 => "GMT".to_owned(),
            _ => {
                let text = offset(date.offset(), 'x', 3);
                let text = if count == 1 { text.trim_end_matches(":00").replacen("+0", "+", 1).replacen("-0", "-", 1) } else { text };
                format!("GMT{text}")
            }
        },
        'X' | 'x' => offset(date.offset(), letter, count),
        'Z' => match count {
            4 => format!("GMT{}", if date.offset().seconds() == 0 { String::new() } else { offset(date.offset(), 'x', 3) }),
            5 => offset(date.offset(), 'X', 3),
            _ => offset(date.offset(), 'x', 2),
        },
        _ => String::new(),
    }
}

/// `X` shows `Z` for zero; 1 hours, 2 `+hhmm`, 3 `+hh:mm`, 4 and 5 with seconds.
fn offset(offset: Offset, letter: char, count: usize) -> String {
    let total = offset.seconds();
    if total == 0 && letter == 'X' {
        return "Z".to_owned();
    }
    let sign = if total < 0 { '-' } else { '+' };
    let (hours, minutes, seconds) = (total.abs() / 3600, total.abs() / 60 % 60, total.abs() % 60);
    match count {
        1 if minutes == 0 => format!("{sign}{hours:02}"),
        1 | 2 => format!("{sign}{hours:02}{minutes:02}"),
        4 if seconds != 0 => format!("{sign}{hours:02}{minutes:02}{seconds:02}"),
        4 => format!("{sign}{hours:02}{minutes:02}"),
        5 if seconds != 0 => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}"),
    }
}
