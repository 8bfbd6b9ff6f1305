//! The words of cron expressions: whether each field can be read. What dates come of it is somebody else's business.

const NICKNAMES: &[&str] = &["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

pub(super) struct Fault {
    pub message: String,
    pub help: String,
}

struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const fn field(name: &'static str, least: u32, most: u32, names: &'static [&'static str]) -> Field {
    Field { name, least, most, names }
}

/// The first one only with `withSeconds`.
const FIELDS: [Field; 6] = [
    field("second", 0, 59, &[]),
    field("minute", 0, 59, &[]),
    field("hour", 0, 23, &[]),
    field("day of month", 1, 31, &[]),
    field("month", 1, 12, &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]),
    field("day of week", 0, 7, &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]),
];

/// Five fields, six with seconds, or a nickname.
pub(super) fn check(text: &str, with_seconds: bool) -> Result<(), Fault> {
    if text.starts_with('@') {
        if NICKNAMES.contains(&text) {
            return Ok(());
        }
        let help = format!("allowed are {}", NICKNAMES.join(", "));
        return Err(Fault { message: format!("`{text}` is no cron nickname"), help });
    }
    let written: Vec<&str> = text.split_whitespace().collect();
    let fields = if with_seconds { &FIELDS[..] } else { &FIELDS[1..] };
    if written.len() != fields.len() {
        let message = format!("the cron expression `{text}` has {} fields, expected {}", written.len(), fields.len());
        let help = "minute, hour, day of month, month, day of week; with `withSeconds: true` the seconds come first".to_owned();
        return Err(Fault { message, help });
    }
    for (field, written) in fields.iter().zip(written) {
        if !written.split(',').all(|part| field.reads(part)) {
            let message = format!("the {} of the cron expression `{text}` cannot be `{written}`", field.name);
            let names = match field.names {
                [] => String::new(),
                [first, .., last] => format!(" or names from {first} to {last}"),
                [only] => format!(" or {only}"),
            };
            let help = format!("write numbers from {} to {}{names}, such as `*`, `*/2`, `1-5` or `1,3`", field.least, field.most);
            return Err(Fault { message, help });
        }
    }
    Ok(())
}

impl Field {
    /// One part of a list: a value, a range, a step, or one of the words for the last and the nearest day.
    fn reads(&self, part: &str) -> bool {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        if step.is_some_and(|step| step.parse::<u32>().map_or(true, |step| step == 0)) {
            return false;
        }
        match range.split_once('-') {
            Some((from, to)) => self.reads_value(from) && self.reads_value(to),
            None => matches!(range, "*" | "?") || self.reads_value(range) || self.reads_day(range),
        }
    }

    fn reads_value(&self, value: &str) -> bool {
        self.names.contains(&value.to_ascii_uppercase().as_str())
            || value.parse::<u32>().is_ok_and(|number| (self.least..=self.most).contains(&number))
    }

    fn reads_day(&self, value: &str) -> bool {
        match self.name {
            "day of month" => matches!(value, "L" | "LW") || value.strip_suffix('W').is_some_and(|day| self.reads_value(day)),
            "day of week" => match value.split_once('#') {
                Some((day, number)) => self.reads_value(day) && matches!(number, "1" | "2" | "3" | "4" | "5"),
                None => value == "L" || value.strip_suffix('L').is_some_and(|day| self.reads_value(day)),
            },
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn s11_3_cron() {
        for (text, seconds, valid) in [
            ("* * * * *", false, true),
            ("*/15 0-6 1,15 JAN-mar MON-FRI", false, true),
            ("0 9 ? * 2#1", false, true),
            ("0 9 L * *", false, true),
            ("0 9 15W * 5L", false, true),
            ("0 0 * * 7", false, true),
            ("5/10 * * * *", false, true),
            ("*/5 * * * * *", true, true),
            ("@daily", false, true),
            ("@dayly", false, false),
            ("* * * *", false, false),
            ("* * * * * *", false, false),
            ("61 * * * *", false, false),
            ("* 24 * * *", false, false),
            ("* * 0 * *", false, false),
            ("* * * 13 *", false, false),
            ("* * * * 8", false, false),
            ("* * * * MOON", false, false),
            ("*/0 * * * *", false, false),
            ("1-60 * * * *", false, false),
            ("1, * * * *", false, false),
            ("L * * * *", false, false),
            ("a b c d e", false, false),
        ] {
            let found = check(text, seconds);
            assert_eq!(found.is_ok(), valid, "{text} {:?}", found.err().map(|fault| fault.message));
        }
    }
}
