//! Filters on strings.

use indexmap::IndexMap;
use unicode_normalization::UnicodeNormalization;

use super::{Filter, filter};
use crate::error::{Fault, Outcome};
use crate::eval::{Call, Param};
use crate::print;
use crate::val::Val;

const SEPARATOR: &[Param] = &[Param::required("separator")];
const INDENT: &[Param] = &[Param::required("amount"), Param::optional("prefix")];

pub(super) static FILTERS: &[Filter] = &[
    filter("abbreviate", &[Param::required("length")], "Cuts to a length, `...` included.", abbreviate),
    filter("capitalize", &[], "First letter in upper case.", capitalize),
    filter("title", &[], "First letter of each word in upper case.", title),
    filter("lower", &[], "Lower case.", |call| text(call, str::to_lowercase)),
    filter("upper", &[], "Upper case.", |call| text(call, str::to_uppercase)),
    filter("trim", &[], "Without white space at both ends.", |call| text(call, |text| text.trim().to_owned())),
    filter("string", &[], "As text.", |call| Ok(Val::text(print::text(&call.input)))),
    filter("startsWith", &[Param::required("value")], "Whether the text starts with a value.", |call| {
        Ok(Val::Bool(call.input_text()?.starts_with(&call.need_text(0)?)))
    }),
    filter("endsWith", &[Param::required("value")], "Whether the text ends with a value.", |call| {
        Ok(Val::Bool(call.input_text()?.ends_with(&call.need_text(0)?)))
    }),
    filter("escapeChar", &[Param::required("type")], "Escapes quotes: `single`, `double` or `shell`; deep in lists and maps.", escape_char),
    filter("indent", INDENT, "Indents every line but the first.", |call| indent(call, false)),
    filter("nindent", INDENT, "A line break, then every line indented.", |call| indent(call, true)),
    filter("slugify", &[], "For paths and names: `Hello Wörld_1` becomes `hello-world-1`.", |call| text(call, slugify)),
    filter("substringBefore", SEPARATOR, "What is before the first separator; all when there is none.", |call| {
        cut(call, |text, separator| text.split_once(separator).map_or(text, |(before, _)| before))
    }),
    filter("substringAfter", SEPARATOR, "What is after the first separator; empty when there is none.", |call| {
        cut(call, |text, separator| text.split_once(separator).map_or("", |(_, after)| after))
    }),
    filter("substringBeforeLast", SEPARATOR, "What is before the last separator; all when there is none.", |call| {
        cut(call, |text, separator| text.rsplit_once(separator).map_or(text, |(before, _)| before))
    }),
    filter("substringAfterLast", SEPARATOR, "What is after the last separator; empty when there is none.", |call| {
        cut(call, |text, separator| text.rsplit_once(separator).map_or("", |(_, after)| after))
    }),
];

fn text<'a>(call: &mut Call<'_, 'a>, change: impl FnOnce(&str) -> String) -> Outcome<Val<'a>> {
    let text = call.input_text()?;
    Ok(Val::text(change(&text)))
}

fn cut<'a>(call: &mut Call<'_, 'a>, cut: for<'t> fn(&'t str, &str) -> &'t str) -> Outcome<Val<'a>> {
    let separator = call.need_text(0)?;
    text(call, |text| cut(text, &separator).to_owned())
}

fn abbreviate<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let Ok(length) = usize::try_from(call.need_int(0)?) else {
        return Err(Fault::argument("`abbreviate` needs a length that is not negative"));
    };
    text(call, |text| {
        if text.chars().nth(length).is_none() {
            return text.to_owned();
        }
        let dots = length.min(3);
        let kept: String = text.chars().take(length - dots).collect();
        kept + &"..."[..dots]
    })
}

fn capitalize<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    text(call, |text| {
        let mut done = false;
        let first = |c: &char| !c.is_whitespace() && !std::mem::replace(&mut done, true);
        let mut first = first;
        text.chars().map(|c| raised(c, first(&c))).collect()
    })
}

fn title<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    text(call, |text| {
        let mut inside = false;
        text.chars().map(|c| raised(c, !std::mem::replace(&mut inside, !c.is_whitespace()))).collect()
    })
}

fn raised(c: char, raise: bool) -> String {
    if raise { c.to_uppercase().collect() } else { c.to_string() }
}

/// White space to `-`, accents and everything but word characters dropped, `_` to `-`, folded, lower case.
pub(crate) fn slugify(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars().map(|c| if c.is_whitespace() { '-' } else { c }).nfd() {
        match c {
            '-' | '_' if slug.is_empty() || slug.ends_with('-') => {}
            '-' | '_' => slug.push('-'),
            c if c.is_ascii_alphanumeric() => slug.push(c.to_ascii_lowercase()),
            _ => {}
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

fn indent<'a>(call: &mut Call<'_, 'a>, first: bool) -> Outcome<Val<'a>> {
    let Ok(amount) = usize::try_from(call.need_int(0)?) else {
        return Err(Fault::argument(format!("`{}` needs an amount that is not negative", call.name)));
    };
    let prefix = call.text(1).unwrap_or_else(|| " ".to_owned());
    let text = call.input_text()?;
    let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    call.render.charge_bytes(prefix.len().saturating_mul(amount).saturating_mul(lines).saturating_add(text.len()))?;
    let pad = prefix.repeat(amount);
    let mut out = String::with_capacity(text.len() + lines * pad.len() + 1);
    if first {
        out.push('\n');
    }
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if index > 0 || first {
            out.push_str(&pad);
        }
        out.push_str(line);
    }
    Ok(Val::text(out))
}

fn escape_char<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let kind = call.need_text(0)?;
    let (from, to) = match kind.as_str() {
        "single" => ("'", "\\'"),
        "double" => ("\"", "\\\""),
        "shell" => ("'", "'\\''"),
        _ => return Err(Fault::argument(format!("`escapeChar` does not know `{kind}`")).help("write 'single', 'double' or 'shell'")),
    };
    deep(&call.input, &mut |text| Ok(text.replace(from, to)))
}

/// Changes every string inside a value.
pub(super) fn deep<'a>(value: &Val<'a>, change: &mut dyn FnMut(&str) -> Outcome<String>) -> Outcome<Val<'a>> {
    if let Some(text) = value.as_str() {
        return Ok(Val::text(change(text)?));
    }
    if let Some(items) = value.items() {
        return Val::list(items.map(|item| deep(&item, change)).collect::<Outcome<_>>()?);
    }
    if let Some(entries) = value.entries() {
        let entries = entries.map(|(key, value)| Ok((key, deep(&value, change)?)));
        return Val::map(entries.collect::<Outcome<IndexMap<_, _>>>()?);
    }
    Ok(value.clone())
}
