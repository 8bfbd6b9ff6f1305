//! Filters with regular expressions, by Java's rules where they show.

use fancy_regex::Regex;

use super::text::deep;
use super::{Filter, filter};
use crate::error::{Fault, Outcome};
use crate::eval::{Call, Param, Render};
use crate::print;
use crate::val::Val;

pub(super) static FILTERS: &[Filter] = &[
    filter("split", &[Param::required("regex"), Param::optional("limit")], "Cuts at a regular expression into a list.", |call| {
        let limit = call.int(1)?.unwrap_or(0);
        let (text, pattern) = (call.input_text()?, call.need_text(0)?);
        split(call.render, &text, &pattern, limit)
    }),
    filter(
        "replace",
        &[Param::required("replace_pairs"), Param::optional("regexp")],
        "Replaces each key of a map by its value; deep in lists and maps; keys are regular expressions when `regexp` is true.",
        replace,
    ),
    filter("regexMatch", &[Param::required("regex")], "Whether a regular expression is found in the text.", |call| {
        let regex = compile(&call.need_text(0)?)?;
        Ok(Val::Bool(regex.is_match(&call.input_text()?).map_err(gave_up)?))
    }),
    filter(
        "regexReplace",
        &[Param::required("regex"), Param::required("replacement")],
        "Replaces what a regular expression finds; `$1` is the first group.",
        |call| {
            let regex = compile(&call.need_text(0)?)?;
            let replacement = call.need_text(1)?;
            let text = call.input_text()?;
            replace_all(call.render, &regex, &text, &replacement).map(Val::text)
        },
    ),
    filter(
        "regexExtract",
        &[Param::required("regex"), Param::optional("group")],
        "The first match of a regular expression, or one of its groups; null when there is none.",
        |call| {
            let regex = compile(&call.need_text(0)?)?;
            let text = call.input_text()?;
            let Some(found) = regex.captures(&text).map_err(gave_up)? else { return Ok(Val::Null) };
            let group = match (call.arg(1).as_str(), call.int(1)) {
                (None, Ok(index)) => found.get(usize::try_from(index.unwrap_or(0)).unwrap_or(usize::MAX)),
                (Some(index), Ok(Some(_))) if index.parse::<usize>().is_ok() => found.get(index.parse().unwrap_or(usize::MAX)),
                (Some(name), _) => found.name(name),
                _ => None,
            };
            Ok(group.map_or(Val::Null, |group| Val::text(group.as_str())))
        },
    ),
];

pub(crate) fn compile(pattern: &str) -> Outcome<Regex> {
    fancy_regex::RegexBuilder::new(pattern)
        .backtrack_limit(1_000_000)
        .delegate_size_limit(4 << 20)
        .build()
        .map_err(|error| Fault::value(format!("`{pattern}` is not a regular expression: {error}")))
}

fn gave_up(error: fancy_regex::Error) -> Box<Fault> {
    Fault::limit(format!("the regular expression took too long: {error}"))
}

/// Java's `String.split`: trailing empty pieces are dropped when `limit` is 0, kept when negative.
pub(crate) fn split<'a>(render: &Render<'a>, text: &str, pattern: &str, limit: i128) -> Outcome<Val<'a>> {
    let most = usize::try_from(limit).unwrap_or(0);
    let mut pieces: Vec<Val<'a>> = Vec::new();
    let mut from = 0;
    let push = |pieces: &mut Vec<Val<'a>>, piece: &str| {
        render.charge(1 + piece.len() / 64)?;
        pieces.push(Val::text(piece));
        Ok::<_, Box<Fault>>(())
    };
    for found in compile(pattern)?.find_iter(text) {
        let found = found.map_err(gave_up)?;
        if most > 0 && pieces.len() + 1 >= most {
            break;
        }
        // A match of nothing at the start or the end cuts nothing off.
        if found.end() == 0 || (found.start() == found.end() && found.start() == text.len()) {
            continue;
        }
        push(&mut pieces, &text[from..found.start()])?;
        from = found.end();
    }
    push(&mut pieces, &text[from..])?;
    if limit == 0 {
        while pieces.len() > 1 && pieces.last().and_then(Val::as_str) == Some("") {
            pieces.pop();
        }
        if pieces.len() == 1 && from > 0 && pieces[0].as_str() == Some("") {
            pieces.pop();
        }
    }
    Val::list(pieces)
}

fn replace_all(render: &Render<'_>, regex: &Regex, text: &str, replacement: &str) -> Outcome<String> {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for found in regex.captures_iter(text) {
        let found = found.map_err(gave_up)?;
        let Some(whole) = found.get(0) else { continue };
        out.push_str(&text[from..whole.start()]);
        expand(replacement, &found, &mut out)?;
        from = whole.end();
        render.charge(1)?;
        if out.len() > render.limits().output {
            render.charge_bytes(out.len())?;
        }
    }
    out.push_str(&text[from..]);
    Ok(out)
}

/// Java's replacement text: `$1`, `${name}`, a backslash takes the next character literally.
fn expand(replacement: &str, found: &fancy_regex::Captures<'_, str>, out: &mut String) -> Outcome<()> {
    let unknown = |group: &str| Fault::argument(format!("the regular expression has no group `{group}`"));
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            '$' if chars.peek() == Some(&'{') => {
                chars.next();
                let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                out.push_str(found.name(&name).map(|group| group.as_str()).ok_or_else(|| unknown(&name))?);
            }
            '$' if chars.peek().is_some_and(char::is_ascii_digit) => {
                let mut index = 0usize;
                let mut first = true;
                while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                    let longer = index * 10 + digit as usize;
                    if !first && longer >= found.len() {
                        break;
                    }
                    (index, first) = (longer, false);
                    chars.next();
                }
                if index >= found.len() {
                    return Err(unknown(&index.to_string()));
                }
                out.push_str(found.get(index).map_or("", |group| group.as_str()));
            }
            c => out.push(c),
        }
    }
    Ok(())
}

fn replace<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let pairs = call.arg(0);
    let Some(pairs) = pairs.entries() else { return Err(call.wrong(0, "a map like `{'from': 'to'}`")) };
    let regexp = call.flag(1)?.unwrap_or(false);
    let pairs: Vec<(String, String)> = pairs.map(|(from, to)| (from.into_owned(), print::text(&to))).collect();
    let regexes = if regexp { pairs.iter().map(|(from, _)| compile(from)).collect::<Outcome<Vec<_>>>()? } else { Vec::new() };
    let render = &*call.render;
    deep(&call.input, &mut |text| {
        let mut text = text.to_owned();
        for (index, (from, to)) in pairs.iter().enumerate() {
            text = match regexes.get(index) {
                Some(regex) => replace_all(render, regex, &text, to)?,
                None => {
                    let hits = memchr::memmem::find_iter(text.as_bytes(), from.as_bytes()).count();
                    render.charge_bytes(text.len().saturating_add(hits.saturating_mul(to.len())))?;
                    text.replace(from.as_str(), to)
                }
            };
        }
        Ok(text)
    })
}
