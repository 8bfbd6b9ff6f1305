//! Processors and sizes, as people write them and as Batch counts them.

/// Thousandths of a processor: `2000`, or processors when there is a dot: `1.5`.
pub fn milli_cpu(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let wrong =
        || format!("{text:?} is no number of processors: write thousandths such as \"2000\", or processors with a dot such as \"1.5\"");
    let count = match text.strip_suffix('m') {
        Some(thousandths) => thousandths.parse::<u64>().ok(),
        None if text.contains('.') => {
            text.parse::<f64>().ok().filter(|count| (0.0..1e6).contains(count)).map(|count| (count * 1000.0).round() as u64)
        }
        None => text.parse::<u64>().ok(),
    };
    count.filter(|count| *count > 0).ok_or_else(wrong)
}

/// Mebibytes: `2048`, or with a unit: `2GiB`, `512MB`. Every unit counts in steps of 1024.
pub fn mebibytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let wrong = || format!("{text:?} is no size: write mebibytes such as \"2048\", or a unit such as \"2GiB\"");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let unit = unit.trim().to_ascii_lowercase();
    let mebibytes = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" if unit.is_empty() => number,
        "k" => number / 1024.0,
        "m" => number,
        "g" => number * 1024.0,
        "t" => number * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    // Half a mebibyte asked for is a whole one given.
    let mebibytes = mebibytes.ceil();
    if (1.0..1e12).contains(&mebibytes) { Ok(mebibytes as u64) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g4_sizes_are_mebibytes_unless_they_have_a_unit() {
        for (text, expected) in [
            ("2048", Some(2048)),
            ("2GiB", Some(2048)),
            ("2GB", Some(2048)),
            ("2 gb", Some(2048)),
            ("2G", Some(2048)),
            ("1.5Gi", Some(1536)),
            ("512MB", Some(512)),
            ("1KB", Some(1)),
            ("1T", Some(1 << 20)),
            ("", None),
            ("b", None),
            ("5x", None),
            ("0", None),
            ("-1", None),
            ("1.2.3", None),
            ("5bi", None),
        ] {
            assert_eq!(mebibytes(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn g4_processors_are_thousandths_unless_there_is_a_dot() {
        for (text, expected) in [
            ("2000", Some(2000)),
            ("1.5", Some(1500)),
            ("2.0", Some(2000)),
            ("500m", Some(500)),
            ("0", None),
            ("two", None),
            ("", None),
            ("-1.0", None),
        ] {
            assert_eq!(milli_cpu(text).ok(), expected, "{text}");
        }
    }
}
