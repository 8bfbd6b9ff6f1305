//! Turns what a caller sends into an input's type and holds it against the validators; spec 3.2 and 3.3.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use fancy_regex::Regex;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use serde_json::Value as Json;

use super::{Input, InputRules, InputType};
use crate::duration;
use crate::output::Output;
use crate::path::Path;
use crate::source::{SourceKind, Sources};
use crate::violation::Violation;
use crate::yaml;

/// Why a value does not fit: the middle of "Invalid input for `x`, …, but received `y`".
type Reason = String;

/// A literal value, with the values that the input itself lists.
pub(crate) fn value(input: &Input, given: &Json) -> Result<Json, Reason> {
    value_among(input, given, input.rules.values.as_deref())
}

/// `allowed` are the values of a select whose expression was rendered.
pub(super) fn value_among(input: &Input, given: &Json, allowed: Option<&[Arc<str>]>) -> Result<Json, Reason> {
    let rules = &input.rules;
    match input.kind {
        InputType::Enum | InputType::Select => {
            let text = text(given, input.kind)?;
            among(&text, allowed, rules)?;
            Ok(text.into())
        }
        InputType::Multiselect => {
            let items = list(given, input.kind)?;
            for item in &items {
                among(&text(item, InputType::String)?, allowed, rules)?;
            }
            convert_items(items, rules.item_type.unwrap_or(InputType::String))
        }
        InputType::Array => convert_items(list(given, input.kind)?, rules.item_type.unwrap_or(InputType::String)),
        kind => typed(kind, given, rules),
    }
}

/// A flow's output in its declared type; spec 8.7.
pub fn convert_output(output: &Output, given: &Json) -> Result<Json, Violation> {
    let Some(kind) = output.kind else { return Ok(given.clone()) };
    let converted = match kind {
        InputType::Array | InputType::Multiselect => {
            list(given, kind).and_then(|items| convert_items(items, output.item_type.unwrap_or(InputType::String)))
        }
        InputType::Enum | InputType::Select => text(given, kind).map(Json::from),
        kind => typed(kind, given, &InputRules::default()),
    };
    converted.map_err(|reason| {
        let path = Path::Root.key("outputs");
        let message = format!("Invalid output for `{}`, {reason}, but received `{}`", output.id, shown(given));
        Violation::error("output::invalid", &path.key(&output.id), output.span, message)
    })
}

pub(super) fn shown(given: &Json) -> String {
    let text = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
    if text.chars().count() > 100 { format!("{}…", text.chars().take(100).collect::<String>()) } else { text }
}

fn expected(kind: InputType, detail: impl Display) -> Reason {
    let detail = detail.to_string();
    let separator = if detail.is_empty() { "" } else { ": " };
    format!("expected type {}{separator}{detail}", kind.name())
}

fn text(given: &Json, kind: InputType) -> Result<String, Reason> {
    match given {
        Json::String(text) => Ok(text.clone()),
        Json::Number(number) => Ok(number.to_string()),
        Json::Bool(flag) => Ok(flag.to_string()),
        _ => Err(expected(kind, "")),
    }
}

fn list(given: &Json, kind: InputType) -> Result<Vec<Json>, Reason> {
    match given {
        Json::Array(items) => Ok(items.clone()),
        Json::String(text) => serde_json::from_str(text).map_err(|error| expected(kind, format!("not a JSON array ({error})"))),
        _ => Err(expected(kind, "")),
    }
}

fn convert_items(items: Vec<Json>, kind: InputType) -> Result<Json, Reason> {
    let rules = InputRules::default();
    let convert = |(index, item): (usize, &Json)| typed(kind, item, &rules).map_err(|reason| format!("item {index}: {reason}"));
    items.iter().enumerate().map(convert).collect::<Result<Vec<_>, _>>().map(Json::Array)
}

fn among(text: &str, allowed: Option<&[Arc<str>]>, rules: &InputRules) -> Result<(), Reason> {
    match allowed {
        Some(values) if !rules.allow_custom_value && !values.iter().any(|value| **value == *text) => {
            Err(format!("it must be one of the values [{}]", values.join(", ")))
        }
        _ => Ok(()),
    }
}

fn typed(kind: InputType, given: &Json, rules: &InputRules) -> Result<Json, Reason> {
    let wrong = |detail: String| expected(kind, detail);
    match kind {
        InputType::String | InputType::Secret | InputType::Enum | InputType::Select => {
            let text = text(given, kind)?;
            matches(&text, rules)?;
            Ok(text.into())
        }
        InputType::Int => {
            let number: i32 = text(given, kind)?.trim().parse().map_err(|_| wrong("a whole number of 32 bits".to_owned()))?;
            range(&f64::from(number), rules, |bound| bound.parse::<f64>().ok())?;
            Ok(number.into())
        }
        InputType::Float => {
            let number: f64 = text(given, kind)?.trim().parse().map_err(|_| wrong(String::new()))?;
            if !number.is_finite() || number.abs() > f64::from(f32::MAX) {
                return Err(wrong("a number of 32 bits".to_owned()));
            }
            range(&number, rules, |bound| bound.parse().ok())?;
            Ok(number.into())
        }
        InputType::Boolean => Ok(text(given, kind)?.eq_ignore_ascii_case("true").into()),
        InputType::Bool => match text(given, kind)?.to_ascii_lowercase().as_str() {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            _ => Err(wrong("`true` or `false`".to_owned())),
        },
        InputType::Datetime => {
            let time: Timestamp = text(given, kind)?.parse().map_err(|_| wrong("an instant such as `2024-01-01T00:00:00Z`".to_owned()))?;
            between(&time, rules, |bound| bound.parse().ok())?;
            Ok(time.to_string().into())
        }
        InputType::Date => {
            let text = text(given, kind)?;
            let date: Date = text.parse().map_err(|_| wrong("a day such as `2024-01-31`".to_owned()))?;
            between(&date, rules, |bound| bound.parse().ok())?;
            Ok(date.to_string().into())
        }
        InputType::Time => {
            let time: Time = text(given, kind)?.parse().map_err(|_| wrong("a time of day such as `23:59` or `23:59:59`".to_owned()))?;
            between(&time, rules, |bound| bound.parse().ok())?;
            Ok(time.to_string().into())
        }
        InputType::Duration => {
            let length = duration::parse(&text(given, kind)?).map_err(|error| wrong(error.to_string()))?;
            range(&length, rules, |bound| duration::parse(bound).ok())?;
            Ok(duration::print(length).into())
        }
        InputType::File => file(&text(given, kind)?, rules),
        InputType::Json => match given {
            Json::String(text) => serde_json::from_str(text).map_err(|error| wrong(error.to_string())),
            other => Ok(other.clone()),
        },
        InputType::Yaml => match given {
            Json::String(text) => parse_yaml(text),
            other => Ok(other.clone()),
        },
        InputType::Uri => {
            let text = text(given, kind)?;
            if is_uri(&text) { Ok(text.into()) } else { Err(wrong("an address such as `https://example.com`".to_owned())) }
        }
        InputType::Email => {
            let text = text(given, kind)?;
            if is_email(&text) { Ok(text.into()) } else { Err("it is not a valid email address".to_owned()) }
        }
        InputType::Multiselect | InputType::Array => list(given, kind).map(Json::Array),
    }
}

fn matches(text: &str, rules: &InputRules) -> Result<(), Reason> {
    let Some(pattern) = &rules.validator else { return Ok(()) };
    let found = whole(pattern).and_then(|regex| regex.is_match(text));
    match found {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("it must match the pattern `{pattern}`")),
        Err(error) => Err(format!("it cannot be held against the pattern `{pattern}` ({error})")),
    }
}

/// The pattern has to fit the whole value.
fn whole(pattern: &str) -> Result<Regex, fancy_regex::Error> {
    Regex::new(&format!("^(?:{pattern})\\z"))
}

fn range<T: PartialOrd>(value: &T, rules: &InputRules, parse: impl Fn(&str) -> Option<T>) -> Result<(), Reason> {
    let bound = |bound: &Option<Arc<str>>| bound.as_deref().and_then(&parse);
    match (bound(&rules.min), bound(&rules.max), &rules.min, &rules.max) {
        (Some(min), _, Some(written), _) if *value < min => Err(format!("it must be more than or equal to `{written}`")),
        (_, Some(max), _, Some(written)) if *value > max => Err(format!("it must be less than or equal to `{written}`")),
        _ => Ok(()),
    }
}

fn between<T: PartialOrd>(value: &T, rules: &InputRules, parse: impl Fn(&str) -> Option<T>) -> Result<(), Reason> {
    let bound = |bound: &Option<Arc<str>>| bound.as_deref().and_then(&parse);
    match (bound(&rules.after), bound(&rules.before), &rules.after, &rules.before) {
        (Some(after), _, Some(written), _) if *value <= after => Err(format!("it must be after `{written}`")),
        (_, Some(before), _, Some(written)) if *value >= before => Err(format!("it must be before `{written}`")),
        _ => Ok(()),
    }
}

fn file(uri: &str, rules: &InputRules) -> Result<Json, Reason> {
    if !["kestra:///", "nsfile:///", "file:///"].iter().any(|scheme| uri.starts_with(scheme)) {
        return Err(expected(InputType::File, "the URI of a stored file, such as `kestra:///…`"));
    }
    let extensions = &rules.allowed_file_extensions;
    let fits = |extension: &Arc<str>| uri.to_lowercase().ends_with(&extension.to_lowercase());
    if extensions.is_empty() || extensions.iter().any(fits) {
        Ok(uri.into())
    } else {
        Err(format!("it must be a file with one of the extensions [{}]", extensions.join(", ")))
    }
}

fn parse_yaml(text: &str) -> Result<Json, Reason> {
    let mut sources = Sources::new();
    let source = sources.add_as(SourceKind::CommandLine, "input", text);
    match yaml::parse(&sources, source) {
        Ok(document) => Ok(document.root.to_json()),
        Err(found) => Err(expected(InputType::Yaml, found.to_string())),
    }
}

fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let scheme_fits = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-'));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let host_fits = host == "localhost" || host.split_once('.').is_some_and(|(name, rest)| !name.is_empty() && !rest.is_empty());
    scheme_fits && host_fits && !text.contains(char::is_whitespace)
}

fn is_email(text: &str) -> bool {
    let Some((name, domain)) = text.rsplit_once('@') else { return false };
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && !part.contains("..");
    let name_fits = plain(name) && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c));
    name_fits && plain(domain) && domain.contains('.') && domain.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'))
}

/// Validators that can never work: code, property and message.
pub(crate) fn check_rules(input: &Input) -> Vec<(&'static str, &'static str, String)> {
    let rules = &input.rules;
    let mut found = Vec::new();
    if let Some(Err(error)) = rules.validator.as_deref().map(whole) {
        found.push(("input::invalid_pattern", "validator", format!("the pattern of the input `{}` does not compile: {error}", input.id)));
    }
    let mut order = |small: (&'static str, &Option<Arc<str>>), large: (&'static str, &Option<Arc<str>>)| {
        for (name, bound) in [small, large] {
            if let Some(written) = bound.as_deref().filter(|bound| literal(input.kind, bound).is_none()) {
                let message = format!("`{name}` of the input `{}` is `{written}`, which is no {}", input.id, input.kind.name());
                found.push(("input::invalid_bound", name, message));
            }
        }
        let (Some(low), Some(high)) = (small.1.as_deref(), large.1.as_deref()) else { return };
        let (first, second) = (literal(input.kind, low), literal(input.kind, high));
        if first.is_some() && second.is_some() && first > second {
            let message = format!("`{}` of the input `{}` is `{low}`, more than `{}`, which is `{high}`", small.0, input.id, large.0);
            found.push(("input::min_above_max", small.0, message));
        }
    };
    match input.kind {
        InputType::Int | InputType::Float | InputType::Duration => order(("min", &rules.min), ("max", &rules.max)),
        InputType::Datetime | InputType::Date | InputType::Time => order(("after", &rules.after), ("before", &rules.before)),
        _ => {}
    }
    found
}

/// A bound in a form that can be compared.
#[derive(PartialEq, PartialOrd)]
enum Bound {
    Number(f64),
    Duration(Duration),
    Instant(Timestamp),
    Date(Date),
    Time(Time),
}

fn literal(kind: InputType, text: &str) -> Option<Bound> {
    match kind {
        InputType::Duration => duration::parse(text).ok().map(Bound::Duration),
        InputType::Datetime => text.parse().ok().map(Bound::Instant),
        InputType::Date => text.parse().ok().map(Bound::Date),
        InputType::Time => text.parse().ok().map(Bound::Time),
        _ => text.parse().ok().map(Bound::Number),
    }
}
