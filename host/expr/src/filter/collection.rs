//! Filters on lists and maps.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use indexmap::IndexMap;

use super::{Filter, filter};
use crate::error::{Fault, Outcome};
use crate::eval::{Call, Param, compare, is_empty};
use crate::print;
use crate::val::Val;

pub(super) static FILTERS: &[Filter] = &[
    filter("chunk", &[Param::required("size")], "Cuts a list into lists of at most a size.", chunk),
    filter("default", &[Param::required("default")], "Another value when this one is undefined, null or empty.", |call| {
        Ok(if is_empty(&call.input) { call.arg(0) } else { call.input.clone() })
    })
    .missing(),
    filter("distinct", &[], "A list without repetitions, in order.", distinct),
    filter("first", &[], "The first item or character; null when there is none.", |call| end(call, false)),
    filter("last", &[], "The last item or character; null when there is none.", |call| end(call, true)),
    filter("flatten", &[], "A list of lists becomes one list (one level).", flatten),
    filter("join", &[Param::optional("separator")], "The items as one text.", join),
    filter("keys", &[], "The keys of a map, the indexes of a list.", keys),
    filter("values", &[], "The values of a map.", |call| {
        let entries = call.input.entries().ok_or_else(|| call.wrong_input("a map"))?;
        Val::list(entries.map(|(_, value)| value).collect())
    }),
    filter("length", &[], "Number of items, entries or characters; 0 for null.", |call| match call.input.len() {
        Some(length) => Ok(Val::Int(length as i128)),
        None if call.input.is_null() => Ok(Val::Int(0)),
        None => Err(call.wrong_input("a string, a list or a map")),
    })
    .nulls(),
    filter("merge", &[Param::required("items")], "Two maps (the right one wins), a map with a list of keys, or two lists.", merge),
    filter("reverse", &[], "A list backwards.", |call| {
        let mut items = call.input_items()?;
        items.reverse();
        Val::list(items)
    }),
    filter("sort", &[], "A list of numbers or of strings, ascending.", |call| sort(call, false)),
    filter("rsort", &[], "A list of numbers or of strings, descending.", |call| sort(call, true)),
    filter(
        "slice",
        &[Param::optional("fromIndex"), Param::optional("toIndex")],
        "Part of a list or a string; the end is not included.",
        slice,
    ),
];

fn chunk<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let size = usize::try_from(call.need_int(0)?).ok().filter(|size| *size > 0);
    let Some(size) = size else { return Err(Fault::argument("`chunk` needs a size of at least 1")) };
    let items = call.input_items()?;
    Val::list(items.chunks(size).map(|chunk| Val::list(chunk.to_vec())).collect::<Outcome<_>>()?)
}

fn distinct<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for item in call.input_items()? {
        let key = match &item {
            Val::Float(f) if f.fract() == 0.0 && f.abs() < 1e15 => (*f as i128).to_string(),
            other => print::json(other),
        };
        call.render.charge_bytes(key.len())?;
        if seen.insert(key) {
            kept.push(item);
        }
    }
    Val::list(kept)
}

fn end<'a>(call: &mut Call<'_, 'a>, last: bool) -> Outcome<Val<'a>> {
    if let Some(text) = call.input.as_str() {
        let found = if last { text.chars().next_back() } else { text.chars().next() };
        return Ok(found.map_or(Val::Null, Val::text));
    }
    let length = call.input.len().filter(|_| call.input.is_list()).ok_or_else(|| call.wrong_input("a list or a string"))?;
    Ok(call.input.item(if last { length.saturating_sub(1) } else { 0 }).unwrap_or(Val::Null))
}

fn flatten<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let mut flat = Vec::new();
    for item in call.input_items()? {
        match item.items() {
            Some(inner) => flat.extend(inner),
            None => flat.push(item),
        }
    }
    call.render.charge(flat.len())?;
    Val::list(flat)
}

fn join<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let separator = call.text(0).unwrap_or_default();
    let mut text = String::new();
    for (index, item) in call.input_items()?.iter().enumerate() {
        if index > 0 {
            text.push_str(&separator);
        }
        print::print(item, &mut text);
        if text.len() > call.render.limits().output {
            call.render.charge_bytes(text.len())?;
        }
    }
    Ok(Val::text(text))
}

fn keys<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    if call.input.is_list() {
        let length = call.input.len().unwrap_or(0);
        call.render.charge(length)?;
        return Val::list((0..length).map(|index| Val::Int(index as i128)).collect());
    }
    if let Val::Lazy(map) = &call.input {
        return Val::list(map.keys().into_iter().map(Val::text).collect());
    }
    let entries = call.input.entries().ok_or_else(|| call.wrong_input("a map or a list"))?;
    let key = |key: Cow<'a, str>| match key {
        Cow::Borrowed(key) => Val::Str(key),
        Cow::Owned(key) => Val::text(key),
    };
    Val::list(entries.map(|(name, _)| key(name)).collect())
}

fn merge<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let other = call.arg(0);
    if other.is_null() {
        return Ok(call.input.clone());
    }
    if let Some(entries) = call.input.entries() {
        let mut merged: IndexMap<Cow<'a, str>, Val<'a>> = entries.collect();
        if let Some(more) = other.entries() {
            merged.extend(more);
        } else if let Some(items) = other.items() {
            merged.extend(items.map(|item| (Cow::Owned(print::text(&item)), item)));
        } else {
            return Err(call.wrong(0, "a map or a list"));
        }
        call.render.charge(merged.len())?;
        return Val::map(merged);
    }
    if !call.input.is_list() {
        return Err(call.wrong_input("a map or a list"));
    }
    let Some(more) = other.items() else { return Err(call.wrong(0, "a list")) };
    let mut merged = call.input_items()?;
    merged.extend(more);
    call.render.charge(merged.len())?;
    Val::list(merged)
}

fn sort<'a>(call: &mut Call<'_, 'a>, descending: bool) -> Outcome<Val<'a>> {
    let mut items = call.input_items()?;
    let text = items.iter().all(|item| item.as_str().is_some());
    let number = items.iter().all(|item| matches!(item, Val::Int(_)) || matches!(item, Val::Float(f) if !f.is_nan()));
    let flag = items.iter().all(|item| matches!(item, Val::Bool(_)));
    if !text && !number && !flag {
        return Err(call.wrong_input("a list of numbers only, of strings only or of booleans only"));
    }
    call.render.charge(items.len().saturating_mul(4))?;
    items.sort_by(|left, right| match (left, right) {
        (Val::Bool(left), Val::Bool(right)) => left.cmp(right),
        _ if text => left.as_str().cmp(&right.as_str()),
        _ => compare(left, right).unwrap_or(Ordering::Equal),
    });
    if descending {
        items.reverse();
    }
    Val::list(items)
}

fn slice<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let length = match call.input.as_str() {
        Some(text) => text.chars().count(),
        None if call.input.is_list() => call.input.len().unwrap_or(0),
        None => return Err(call.wrong_input("a list or a string")),
    };
    let from = call.int(0)?.unwrap_or(0);
    let to = call.int(1)?.unwrap_or(length as i128);
    let bounds = (usize::try_from(from), usize::try_from(to));
    let (Ok(start), Ok(end)) = bounds else {
        return Err(Fault::argument(format!("`slice({from}, {to})` has a negative index")));
    };
    if end > length || start >= end {
        return Err(Fault::argument(format!("`slice({from}, {to})` is outside of {length} items"))
            .help("the end is not included, and must be after the start"));
    }
    match call.input.as_str() {
        Some(text) => Ok(Val::text(text.chars().skip(start).take(end - start).collect::<String>())),
        None => Val::list(call.input_items()?.drain(start..end).collect()),
    }
}
