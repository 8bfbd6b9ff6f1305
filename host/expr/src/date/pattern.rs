//! Java DateTimeFormatter patterns: cutting them up, and reading a text by one.

use jiff::civil::{Date, Time};

use super::name::{DAYS, MONTHS, find};
use super::{Parsed, offset, zone};
use crate::error::{Fault, Outcome};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Text(String),
    /// A pattern letter and how often it is repeated.
    Field(char, usize),
    /// `[…]`: may be missing when reading.
    Optional(Vec<Item>),
}

const LONGEST: usize = 200;

pub(super) fn items(pattern: &str) -> Outcome<Vec<Item>> {
    if pattern.len() > LONGEST {
        return Err(Fault::argument(format!("a date pattern has at most {LONGEST} characters")));
    }
    let mut open: Vec<Vec<Item>> = vec![Vec::new()];
    let mut chars = pattern.chars().peekable();
    let bracket = || Fault::argument(format!("the brackets of the date pattern `{pattern}` do not match"));
    while let Some(c) = chars.next() {
        let item = match c {
            '\'' if chars.next_if_eq(&'\'').is_some() => Item::Text("'".to_owned()),
            '\'' => {
                let mut text = String::new();
                loop {
                    match chars.next() {
                        None => return Err(Fault::argument(format!("a quote in the date pattern `{pattern}` is not closed"))),
                        Some('\'') if chars.next_if_eq(&'\'').is_some() => text.push('\''),
                        Some('\'') => break,
                        Some(c) => text.push(c),
                    }
                }
                Item::Text(text)
            }
            '[' => {
                open.push(Vec::new());
                continue;
            }
            ']' => {
                let inner = open.pop().unwrap_or_default();
                if open.is_empty() {
                    return Err(bracket());
                }
                Item::Optional(inner)
            }
            c if c.is_ascii_alphabetic() => {
                let mut count = 1;
                while chars.next_if_eq(&c).is_some() {
                    count += 1;
                }
                if !"GuyDMLdQqYwWEecFaBhKkHmsSAnNVvzOXxZ".contains(c) {
                    return Err(Fault::argument(format!("`{c}` in the date pattern `{pattern}` has no meaning"))
                        .help("put text in single quotes: `yyyy-MM-dd'T'HH:mm`"));
                }
                Item::Field(c, count)
            }
            c => Item::Text(c.to_string()),
        };
        if let Some(top) = open.last_mut() {
            top.push(item);
        }
    }
    let items = open.pop().unwrap_or_default();
    if open.is_empty() { Ok(items) } else { Err(bracket()) }
}

#[derive(Default, Clone)]
struct Fields {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    hour12: Option<i64>,
    afternoon: Option<bool>,
    minute: Option<i64>,
    second: Option<i64>,
    nanos: Option<i64>,
    offset: Option<jiff::tz::Offset>,
    zone: Option<jiff::tz::TimeZone>,
}

/// Reads `text` by a pattern.
pub(super) fn read(text: &str, pattern: &str) -> Outcome<Parsed> {
    let unreadable =
        || Fault::value(format!("`{text}` is not a date like `{pattern}`")).help("`existingFormat` must describe the text exactly");
    if pattern == "epoch" {
        return text.parse().map(|epoch| Parsed { epoch: Some(epoch), ..Parsed::default() }).map_err(|_| unreadable());
    }
    let items = items(pattern)?;
    let mut fields = Fields::default();
    let rest = follow(&items, text, &mut fields).ok_or_else(unreadable)?;
    if !rest.is_empty() {
        return Err(unreadable());
    }
    fields.parsed().ok_or_else(unreadable)
}

fn follow<'t>(items: &[Item], mut text: &'t str, fields: &mut Fields) -> Option<&'t str> {
    for (index, item) in items.iter().enumerate() {
        match item {
            Item::Text(literal) => text = text.strip_prefix(literal.as_str())?,
            Item::Optional(inner) => {
                let mut attempt = fields.clone();
                if let Some(rest) = follow(inner, text, &mut attempt) {
                    (*fields, text) = (attempt, rest);
                }
            }
            Item::Field(letter, count) => {
                // Fields that touch have fixed widths, like `yyyyMMdd`.
                let touching = matches!(items.get(index + 1), Some(Item::Field(next, _)) if "uyMdDHhkKmsSn".contains(*next));
                text = field(*letter, *count, touching, text, fields)?;
            }
        }
    }
    Some(text)
}

fn field<'t>(letter: char, count: usize, touching: bool, text: &'t str, fields: &mut Fields) -> Option<&'t str> {
    let most = match (touching, letter) {
        (true, _) => count,
        (false, 'S') => count,
        (false, 'u' | 'y' | 'Y') if count == 2 => 2,
        (false, 'u' | 'y' | 'Y') => 9,
        (false, _) => count.max(2).max(if letter == 'D' { 3 } else { 0 }),
    };
    let number = |text: &'t str| {
        let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if length == 0 || (count > 1 && length < count.min(most)) {
            return None;
        }
        Some((text[..length].parse::<i64>().ok()?, &text[length..]))
    };
    let slot = match letter {
        'u' | 'y' | 'Y' => {
            let (year, rest) = number(text)?;
            fields.year = Some(if count == 2 { 2000 + year } else { year });
            return Some(rest);
        }
        'M' | 'L' if count >= 3 => {
            let (month, length) = find(&MONTHS, text)?;
            fields.month = Some(month.into());
            return Some(&text[length..]);
        }
        'E' | 'e' | 'c' => {
            let (_, length) = find(&DAYS, text)?;
            return Some(&text[length..]);
        }
        'a' => {
            let half = text.get(..2)?;
            fields.afternoon = Some(match half.to_ascii_uppercase().as_str() {
                "AM" => false,
                "PM" => true,
                _ => return None,
            });
            return Some(&text[2..]);
        }
        'S' => {
            let length = text.bytes().take(count).take_while(u8::is_ascii_digit).count();
            if length != count || count > 9 {
                return None;
            }
            fields.nanos = Some(text[..length].parse::<i64>().ok()? * 10i64.pow(9 - u32::try_from(length).ok()?));
            return Some(&text[length..]);
        }
        'X' | 'x' | 'Z' | 'O' | 'V' | 'v' | 'z' => return place(text, fields),
        'G' => return text.strip_prefix("AD").or_else(|| text.strip_prefix("Anno Domini")),
        'M' | 'L' => &mut fields.month,
        'd' => &mut fields.day,
        'D' => &mut fields.day_of_year,
        'H' | 'k' => &mut fields.hour,
        'h' | 'K' => &mut fields.hour12,
        'm' => &mut fields.minute,
        's' => &mut fields.second,
        'n' => &mut fields.nanos,
        _ => return None,
    };
    let (value, rest) = number(text)?;
    *slot = Some(value);
    Some(rest)
}

/// An offset or the name of a zone.
fn place<'t>(text: &'t str, fields: &mut Fields) -> Option<&'t str> {
    let length = text.find(|c: char| !(c.is_ascii_alphanumeric() || "+-:/_".contains(c))).unwrap_or(text.len());
    let (word, rest) = text.split_at(length);
    if word.starts_with(['+', '-']) {
        fields.offset = Some(offset(word)?);
    } else if word == "Z" {
        fields.offset = Some(jiff::tz::Offset::UTC);
    } else {
        fields.zone = Some(zone(word).ok()?);
    }
    Some(rest)
}

impl Fields {
    fn parsed(self) -> Option<Parsed> {
        let small = |value: i64| i8::try_from(value).ok();
        let date = match (self.year, self.month, self.day, self.day_of_year) {
            (Some(year), None, None, Some(day)) => {
                let first = Date::new(i16::try_from(year).ok()?, 1, 1).ok()?;
                Some(first.with().day_of_year(i16::try_from(day).ok()?).build().ok()?)
            }
            (Some(year), month, day, _) => {
                Some(Date::new(i16::try_from(year).ok()?, small(month.unwrap_or(1))?, small(day.unwrap_or(1))?).ok()?)
            }
            _ => None,
        };
        let hour = match (self.hour, self.hour12) {
            (Some(24), _) => 0,
            (Some(hour), _) => hour,
            (None, Some(hour)) => hour % 12 + if self.afternoon == Some(true) { 12 } else { 0 },
            (None, None) => 0,
        };
        let nanos = i32::try_from(self.nanos.unwrap_or(0)).ok()?;
        let time = Time::new(small(hour)?, small(self.minute.unwrap_or(0))?, small(self.second.unwrap_or(0))?, nanos).ok()?;
        Some(Parsed { date, time: Some(time), offset: self.offset, zone: self.zone, epoch: None })
    }
}
