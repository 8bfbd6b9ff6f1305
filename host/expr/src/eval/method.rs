//! The few Java methods that flows call on strings, lists and maps.

use std::borrow::Cow;

use indexmap::IndexMap;

use super::{Render, same};
use crate::ast::Expr;
use crate::error::{Code, Fault, Outcome};
use crate::filter::{self, regex};
use crate::nearest::did_you_mean;
use crate::print;
use crate::val::Val;

const METHODS: [&str; 20] = [
    "length",
    "size",
    "isEmpty",
    "contains",
    "startsWith",
    "endsWith",
    "split",
    "toUpperCase",
    "toLowerCase",
    "replace",
    "substring",
    "indexOf",
    "get",
    "toString",
    "trim",
    "containsKey",
    "keySet",
    "entrySet",
    "values",
    "equals",
];

impl<'a> Render<'a> {
    pub(super) fn method(&mut self, subject: &'a Expr, name: &'a str, args: &'a [Expr]) -> Outcome<Val<'a>> {
        let value = self.eval(subject)?;
        let args = args.iter().map(|arg| self.eval(arg)).collect::<Outcome<Vec<_>>>()?;
        if value.is_null() {
            return Err(Fault::missing(name).help(format!("`{name}()` is called on null")));
        }
        let found = match value.as_str() {
            Some(text) => self.on_text(text, name, &args)?,
            None => None,
        };
        let found = match found {
            Some(found) => Some(found),
            None => self.on_any(&value, name, &args)?,
        };
        found.ok_or_else(|| {
            let message = format!("{} has no method `{name}` with {} arguments", value.kind(), args.len());
            let help = match filter::find(name) {
                Some(_) => Some(format!("`{name}` is a filter: write `value | {name}`")),
                None => did_you_mean(name, METHODS),
            };
            Fault::new(Code::UnknownFunction, message).help_if(help)
        })
    }

    fn on_text(&self, text: &str, name: &str, args: &[Val<'a>]) -> Outcome<Option<Val<'a>>> {
        let strings: Vec<Option<&str>> = args.iter().map(Val::as_str).collect();
        Ok(Some(match (name, strings.as_slice(), args) {
            ("contains", [Some(part)], _) => Val::Bool(text.contains(part)),
            ("startsWith", [Some(part)], _) => Val::Bool(text.starts_with(part)),
            ("endsWith", [Some(part)], _) => Val::Bool(text.ends_with(part)),
            ("indexOf", [Some(part)], _) => Val::Int(text.find(part).map_or(-1, |at| text[..at].encode_utf16().count() as i128)),
            ("replace", [Some(from), Some(to)], _) => {
                self.charge_bytes(text.len().saturating_mul(to.len() / from.len().max(1) + 1))?;
                Val::text(text.replace(from, to))
            }
            ("split", [Some(pattern)], _) => regex::split(self, text, pattern, 0)?,
            ("toUpperCase", [], _) => self.text(text.to_uppercase())?,
            ("toLowerCase", [], _) => self.text(text.to_lowercase())?,
            ("trim", [], _) => self.text(text.trim().to_owned())?,
            ("substring", [None], [Val::Int(from)]) => self.substring(text, *from, None)?,
            ("substring", [None, None], [Val::Int(from), Val::Int(to)]) => self.substring(text, *from, Some(*to))?,
            _ => return Ok(None),
        }))
    }

    fn on_any(&self, value: &Val<'a>, name: &str, args: &[Val<'a>]) -> Outcome<Option<Val<'a>>> {
        Ok(Some(match (name, args) {
            ("length" | "size", []) => match value.len() {
                Some(length) => Val::Int(length as i128),
                None => return Ok(None),
            },
            ("isEmpty", []) if value.len().is_some() => Val::Bool(value.is_empty()),
            ("toString", []) => self.text(print::text(value))?,
            ("equals", [other]) => Val::Bool(same(value, other)),
            ("contains", [wanted]) if value.is_list() => Val::Bool(value.items().into_iter().flatten().any(|item| same(&item, wanted))),
            ("containsKey", [key]) if value.is_map() => Val::Bool(value.entry(&print::text(key)).is_some()),
            ("get", [key]) if value.is_list() => self.index(value, key)?,
            ("get", [key]) if value.is_map() => match self.index(value, key) {
                Err(fault) if fault.code.is_missing() => Val::Null,
                other => other?,
            },
            ("indexOf", [wanted]) if value.is_list() => {
                let at = value.items().into_iter().flatten().position(|item| same(&item, wanted));
                Val::Int(at.map_or(-1, |at| at as i128))
            }
            ("entrySet", []) if value.is_map() => {
                let entries = value.entries().into_iter().flatten().map(|(key, value)| {
                    Val::map(IndexMap::from_iter([(Cow::Borrowed("key"), Val::text(key)), (Cow::Borrowed("value"), value)]))
                });
                Val::list(entries.collect::<Outcome<_>>()?)?
            }
            ("keySet", []) if value.is_map() => Val::list(value.entries().into_iter().flatten().map(|(key, _)| Val::text(key)).collect())?,
            ("values", []) if value.is_map() => Val::list(value.entries().into_iter().flatten().map(|(_, value)| value).collect())?,
            _ => return Ok(None),
        }))
    }

    fn substring(&self, text: &str, from: i128, to: Option<i128>) -> Outcome<Val<'a>> {
        let length = text.chars().count() as i128;
        let to = to.unwrap_or(length);
        if from < 0 || to > length || from > to {
            return Err(Fault::argument(format!("substring({from}, {to}) is outside of a string of {length} characters")));
        }
        Ok(Val::text(text.chars().skip(from as usize).take((to - from) as usize).collect::<String>()))
    }
}
