//! Java's DecimalFormat, as far as flows use it: `#,##0.00`, `0.#%`, `0.###E0`, prefixes, suffixes, a negative pattern.

use crate::error::{Fault, Outcome};
use crate::val::Val;

#[derive(Default, Clone)]
struct Part {
    prefix: String,
    suffix: String,
    min_integer: usize,
    min_fraction: usize,
    max_fraction: usize,
    grouping: usize,
    exponent: Option<usize>,
    scale: i32,
}

/// Longest pattern; more digits than this mean nothing.
const LONGEST: usize = 200;

pub(crate) fn format(number: &Val<'_>, pattern: &str) -> Outcome<String> {
    if pattern.len() > LONGEST {
        return Err(Fault::argument(format!("a number pattern has at most {LONGEST} characters")));
    }
    let (positive, negative) = split(pattern);
    let part = read(positive).ok_or_else(|| unreadable(pattern))?;
    let minus = match number {
        Val::Int(i) => *i < 0,
        Val::Float(f) => f.is_sign_negative() && *f != 0.0,
        _ => false,
    };
    let digits = digits(number, &part);
    // Java shows `-0` for what rounds to nothing.
    Ok(match (minus, negative.map(read)) {
        (false, _) => format!("{}{digits}{}", part.prefix, part.suffix),
        (true, None) => format!("-{}{digits}{}", part.prefix, part.suffix),
        (true, Some(other)) => {
            let other = other.ok_or_else(|| unreadable(pattern))?;
            format!("{}{digits}{}", other.prefix, other.suffix)
        }
    })
}

fn unreadable(pattern: &str) -> Box<Fault> {
    Fault::argument(format!("`{pattern}` is not a number pattern")).help("for example `#,##0.00`, `0.#%` or `00`")
}

/// The patterns for positive and negative numbers, at an unquoted `;`.
fn split(pattern: &str) -> (&str, Option<&str>) {
    let mut quoted = false;
    for (at, c) in pattern.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            ';' if !quoted => return (&pattern[..at], Some(&pattern[at + 1..])),
            _ => {}
        }
    }
    (pattern, None)
}

fn read(pattern: &str) -> Option<Part> {
    let mut part = Part::default();
    let mut chars = pattern.chars().peekable();
    let (mut started, mut ended, mut fraction) = (false, false, false);
    let mut since_comma = None;
    while let Some(c) = chars.next() {
        let digit = matches!(c, '#' | '0' | ',' | '.') || (c == 'E' && started);
        if digit && ended {
            return None;
        }
        match c {
            '#' | '0' if fraction => {
                part.max_fraction += 1;
                if c == '0' {
                    part.min_fraction = part.max_fraction;
                }
            }
            '#' | '0' => {
                started = true;
                if c == '0' {
                    part.min_integer += 1;
                } else if part.min_integer > 0 {
                    return None;
                }
                since_comma = since_comma.map(|count: usize| count + 1);
            }
            ',' => since_comma = Some(0),
            '.' if fraction => return None,
            '.' => (started, fraction) = (true, true),
            'E' if started => {
                let mut count = 0;
                while chars.next_if_eq(&'0').is_some() {
                    count += 1;
                }
                if count == 0 {
                    return None;
                }
                part.exponent = Some(count);
                ended = true;
            }
            c => {
                ended = started;
                let affix = if started { &mut part.suffix } else { &mut part.prefix };
                match c {
                    '\'' => {
                        if chars.next_if_eq(&'\'').is_some() {
                            affix.push('\'');
                        } else {
                            affix.extend(chars.by_ref().take_while(|c| *c != '\''));
                        }
                    }
                    '%' => {
                        part.scale = 2;
                        affix.push('%');
                    }
                    '‰' => {
                        part.scale = 3;
                        affix.push('‰');
                    }
                    '¤' => affix.push('$'),
                    c => affix.push(c),
                }
            }
        }
    }
    part.grouping = since_comma.unwrap_or(0);
    started.then_some(part)
}

/// The absolute value in the digits of the pattern; halves go to the even neighbour.
fn digits(number: &Val<'_>, part: &Part) -> String {
    let scale = 10f64.powi(part.scale);
    if let Some(width) = part.exponent {
        let value = float(number) * scale;
        let exponent = if value == 0.0 { 0 } else { value.log10().floor() as i32 - (part.min_integer.max(1) as i32 - 1) };
        let mantissa = fixed(&format!("{:.*}", part.max_fraction, value / 10f64.powi(exponent)), part);
        let sign = if exponent < 0 { "-" } else { "" };
        return format!("{mantissa}E{sign}{:0width$}", exponent.abs());
    }
    let text = match number {
        Val::Int(i) => i.unsigned_abs().saturating_mul(10u128.pow(part.scale.unsigned_abs())).to_string(),
        _ => format!("{:.*}", part.max_fraction, float(number) * scale),
    };
    fixed(&text, part)
}

fn float(number: &Val<'_>) -> f64 {
    match number {
        Val::Int(i) => (*i as f64).abs(),
        Val::Float(f) => f.abs(),
        _ => 0.0,
    }
}

/// Grouping, leading zeros, no more trailing zeros than the pattern wants.
fn fixed(text: &str, part: &Part) -> String {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = whole.trim_start_matches('0');
    let padded = format!("{}{whole}", "0".repeat(part.min_integer.saturating_sub(whole.len())));
    let fraction = format!("{fraction}{}", "0".repeat(part.min_fraction.saturating_sub(fraction.len())));
    let mut kept = fraction.len();
    while kept > part.min_fraction && fraction.as_bytes()[kept - 1] == b'0' {
        kept -= 1;
    }
    let mut out = String::with_capacity(text.len() * 2);
    for (index, digit) in padded.chars().enumerate() {
        let left = padded.len() - index;
        if index > 0 && part.grouping > 0 && left.is_multiple_of(part.grouping) {
            out.push(',');
        }
        out.push(digit);
    }
    if kept > 0 {
        out.push('.');
        out.push_str(&fraction[..kept]);
    }
    if out.is_empty() { "0".to_owned() } else { out }
}
