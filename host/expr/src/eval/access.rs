//! Variables, properties and items.

use serde_json::Value;

use super::Render;
use crate::ast::{Binary, Expr};
use crate::error::{Code, Fault, Outcome};
use crate::host::HostError;
use crate::nearest::did_you_mean;
use crate::scope::{Context, Lazy, Scope};
use crate::val::Val;

/// Variables that are there only when there is something in them.
fn absent(name: &str) -> Option<&'static str> {
    Some(match name {
        "inputs" => "there are no inputs: declare them below `inputs`, or give an answer with `??`",
        "vars" => "there are no variables: declare them below `variables`, or give an answer with `??`",
        "labels" => "there are no labels: give an answer with `??`",
        "trigger" | "schedule" => "no trigger began this execution: give an answer with `??`",
        "parent" | "parents" => "no task is around this one: give an answer with `??`",
        _ => return None,
    })
}

impl<'a> Render<'a> {
    pub(crate) fn variable(&self, name: &str) -> Outcome<Val<'a>> {
        let here = Context { base: self.base, end: self.locals.len() };
        if let Some(value) = self.lookup(name, here, self.open) {
            return Ok(value);
        }
        match name {
            "_context" => Ok(Val::Context(here)),
            "secrets" if self.open => Ok(Val::Lazy(self.secrets)),
            _ => {
                let locals = self.locals[self.base..].iter().map(|(name, _)| &**name);
                let roots = if self.open { self.scope.names() } else { Vec::new() };
                let help = absent(name)
                    .filter(|_| self.open)
                    .map(str::to_owned)
                    .or_else(|| did_you_mean(name, locals.chain(roots.iter().copied())));
                let help = help.or_else(|| (!self.open).then(|| "a macro sees its arguments only; pass `_context` to it".to_owned()));
                Err(Fault::missing(name).help_if(help))
            }
        }
    }

    fn lookup(&self, name: &str, context: Context, open: bool) -> Option<Val<'a>> {
        let end = context.end.min(self.locals.len());
        let visible = self.locals.get(context.base..end).unwrap_or_default();
        if let Some((_, value)) = visible.iter().rev().find(|(known, _)| &**known == name) {
            return Some(value.clone());
        }
        if open { self.scope.get(name) } else { None }
    }

    /// Every visible variable with its value.
    pub(crate) fn visible(&self) -> Vec<(String, Val<'a>)> {
        let mut all: Vec<(String, Val<'a>)> = Vec::new();
        if self.open {
            let names = self.scope.names();
            all.extend(names.into_iter().filter_map(|name| Some((name.to_owned(), self.scope.get(name)?))));
        }
        for (name, value) in &self.locals[self.base..] {
            match all.iter_mut().find(|(known, _)| known == &**name) {
                Some((_, held)) => *held = value.clone(),
                None => all.push((name.to_string(), value.clone())),
            }
        }
        all
    }

    /// The variables for a template inside this one.
    pub(crate) fn inner_scope(&self) -> Inner<'_, 'a> {
        Inner { locals: &self.locals[self.base..], scope: self.open.then_some(self.scope), host: self.host }
    }

    pub(crate) fn attribute(&self, value: &Val<'a>, name: &str) -> Outcome<Val<'a>> {
        match value {
            Val::Lazy(map) => from_host(map.entry(name).map(Val::owned)).map_err(|fault| lazy_hint(fault, *map, name)),
            Val::Context(context) => self.lookup(name, *context, true).ok_or_else(|| Fault::missing(name)),
            Val::Map(_) | Val::Json(Value::Object(_)) => match value.entry(name) {
                Some(found) => Ok(found),
                None => Err(missing_key(value, name)),
            },
            Val::Null => Err(Fault::missing(name).help(format!("what `{name}` is looked up in is null"))),
            _ => match (name, value.len()) {
                ("size" | "length", Some(length)) => Ok(Val::Int(length as i128)),
                ("empty", Some(length)) => Ok(Val::Bool(length == 0)),
                _ => Err(Fault::missing(name).help(format!("what `{name}` is looked up in is {}", value.kind()))),
            },
        }
    }

    pub(crate) fn index(&self, value: &Val<'a>, index: &Val<'a>) -> Outcome<Val<'a>> {
        if value.is_list() {
            let at = match index {
                Val::Int(i) => Some(*i),
                other => other.as_str().and_then(|text| text.parse().ok()),
            };
            let Some(at) = at else {
                return Err(Fault::kind(format!("a list is indexed by an integer, not by {}", index.kind())));
            };
            let found = usize::try_from(at).ok().and_then(|at| value.item(at));
            let length = value.len().unwrap_or(0);
            return found.ok_or_else(|| {
                Fault::missing(at.to_string()).help(match length {
                    0 => "the list is empty".to_owned(),
                    _ => format!("the list has {length} items: indexes go from 0 to {}", length - 1),
                })
            });
        }
        match index {
            Val::Str(key) => self.attribute(value, key),
            Val::Text(key) => self.attribute(value, key),
            other => self.attribute(value, &crate::print::text(other)),
        }
    }

    /// `outputs.my-task` is a subtraction; whoever wrote it meant a key.
    pub(super) fn hyphen(&self, fault: Box<Fault>, operator: Binary, expr: &Expr) -> Box<Fault> {
        if operator != Binary::Subtract || fault.code != Code::Missing {
            return fault;
        }
        let text = &self.template.source()[expr.span.clone()];
        let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let Some((before, _)) = text.split_once('-') else { return fault };
        let Some((parent, _)) = before.rsplit_once('.') else { return fault };
        if !text.chars().all(|c| word(c) || "[]'\"".contains(c)) {
            return fault;
        }
        let key = &text[parent.len() + 1..];
        let end = key.find(['.', '[']).unwrap_or(key.len());
        let (key, rest) = key.split_at(end);
        fault.help(format!("`-` subtracts; write {parent}['{key}']{rest}"))
    }
}

fn missing_key(value: &Val<'_>, name: &str) -> Box<Fault> {
    let keys: Vec<_> = value.entries().into_iter().flatten().map(|(key, _)| key).take(2000).collect();
    let help = did_you_mean(name, keys.iter().map(|key| &**key)).or_else(|| match keys.len() {
        0 => Some("the map is empty".to_owned()),
        1..=8 => Some(format!("the keys are {}", keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", "))),
        _ => None,
    });
    Fault::missing(name).help_if(help)
}

fn lazy_hint(fault: Box<Fault>, map: &dyn Lazy, name: &str) -> Box<Fault> {
    let keys = map.keys();
    fault.help_if(did_you_mean(name, keys.iter().map(String::as_str)))
}

/// An answer of the host as an outcome.
pub(crate) fn from_host<T>(answer: Result<T, HostError>) -> Outcome<T> {
    answer.map_err(|error| match error {
        HostError::Unavailable(name) => Fault::new(Code::Unavailable, format!("{name} is not available here")),
        HostError::Missing(message) => Fault::new(Code::NotFound, message),
        HostError::Failed(message) => Fault::new(Code::Host, message),
    })
}

/// The scope of a template that is rendered by `render()`.
pub(crate) struct Inner<'r, 'a> {
    locals: &'r [(std::sync::Arc<str>, Val<'a>)],
    scope: Option<&'a dyn Scope>,
    host: &'a dyn crate::host::Host,
}

impl Scope for Inner<'_, '_> {
    fn get(&self, name: &str) -> Option<Val<'_>> {
        let local = self.locals.iter().rev().find(|(known, _)| &**known == name);
        local.map(|(_, value)| value.clone()).or_else(|| self.scope?.get(name))
    }
    fn names(&self) -> Vec<&str> {
        let mut names = self.scope.map(Scope::names).unwrap_or_default();
        names.extend(self.locals.iter().map(|(name, _)| &**name));
        names
    }
    fn host(&self) -> &dyn crate::host::Host {
        self.host
    }
}
