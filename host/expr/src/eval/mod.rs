//! Evaluates a template against a scope.

mod access;
mod call;
mod method;
mod operator;
mod sink;
mod statement;
mod test;
mod truth;

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use indexmap::IndexMap;

pub(crate) use self::access::from_host;
pub(crate) use self::call::{Call, Param};
pub(crate) use self::operator::{compare, same};
pub(crate) use self::sink::Sink;
pub(crate) use self::test::is_empty;
pub(crate) use self::truth::truth;

use crate::ast::{Expr, Kind};
use crate::engine::Engine;
use crate::error::{Fault, Outcome};
use crate::host::Host;
use crate::limits::Limits;
use crate::print;
use crate::scope::{Lazy, Scope};
use crate::template::Template;
use crate::val::Val;

/// Deepest nesting of everything together. With it the stack of a worker thread (2 MiB) is never exhausted.
const LEVELS: usize = 250;

/// What one top-level rendering may still spend; shared with the renderings inside it.
pub(crate) struct Budget {
    steps: Cell<u64>,
    pub(crate) depth: Cell<usize>,
    /// Nested evaluations: what really fills the stack.
    level: Cell<usize>,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { steps: Cell::new(limits.steps), depth: Cell::new(0), level: Cell::new(0) }
    }
}

pub(crate) struct Render<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) template: &'a Template,
    pub(crate) scope: &'a dyn Scope,
    pub(crate) host: &'a dyn Host,
    pub(crate) budget: &'a Budget,
    pub(crate) secrets: &'a dyn Lazy,
    /// Keep `{% raw %}` tags in the output, for another pass over it.
    pub(crate) keep_raw: bool,
    locals: Vec<(Arc<str>, Val<'a>)>,
    /// First visible local.
    base: usize,
    /// Whether the scope is visible (not inside a macro).
    open: bool,
}

impl<'a> Render<'a> {
    pub(crate) fn new(engine: &'a Engine, template: &'a Template, scope: &'a dyn Scope, budget: &'a Budget, secrets: &'a dyn Lazy) -> Self {
        let host = scope.host();
        Self { engine, template, scope, host, budget, secrets, keep_raw: false, locals: Vec::new(), base: 0, open: true }
    }

    pub(crate) fn limits(&self) -> &'a Limits {
        self.engine.limits()
    }

    /// Pays for work before it is done.
    pub(crate) fn charge(&self, steps: usize) -> Outcome<()> {
        let left = self.budget.steps.get();
        match left.checked_sub(steps as u64) {
            Some(left) => {
                self.budget.steps.set(left);
                Ok(())
            }
            None => {
                self.budget.steps.set(0);
                Err(Fault::limit(format!("the expression takes more than {} steps", self.limits().steps))
                    .help("look for a loop over too many items; move heavy work into a task"))
            }
        }
    }

    /// Pays for a text or value of `bytes`.
    pub(crate) fn charge_bytes(&self, bytes: usize) -> Outcome<()> {
        if bytes > self.limits().output {
            return Err(Fault::limit(format!("the result is larger than {} bytes", self.limits().output))
                .help("write large data to a file and pass its URI"));
        }
        self.charge(bytes / 64)
    }

    pub(crate) fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        let depth = self.budget.depth.get() + 1;
        if depth > self.limits().depth {
            return Err(Fault::limit(format!("macros, blocks and render() nest deeper than {} levels", self.limits().depth))
                .help("look for a macro that calls itself without an end"));
        }
        self.budget.depth.set(depth);
        let result = run(self);
        self.budget.depth.set(depth - 1);
        result
    }

    /// One more level on the stack.
    pub(crate) fn nested<T>(&mut self, run: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        let level = self.budget.level.get();
        if level >= LEVELS {
            return Err(Fault::limit(format!("expressions, tags and macros nest deeper than {LEVELS} levels in all")));
        }
        self.budget.level.set(level + 1);
        let result = run(self);
        self.budget.level.set(level);
        result
    }

    /// A text value, paid for.
    pub(crate) fn text(&self, text: String) -> Outcome<Val<'a>> {
        self.charge_bytes(text.len())?;
        Ok(Val::text(text))
    }

    pub(crate) fn eval(&mut self, expr: &'a Expr) -> Outcome<Val<'a>> {
        self.charge(1)?;
        self.nested(|render| render.kind(&expr.kind, expr)).map_err(|fault| fault.at(&expr.span))
    }

    fn kind(&mut self, kind: &'a Kind, expr: &'a Expr) -> Outcome<Val<'a>> {
        Ok(match kind {
            Kind::Null => Val::Null,
            Kind::Bool(b) => Val::Bool(*b),
            Kind::Int(i) => Val::Int(*i),
            Kind::Float(f) => Val::Float(*f),
            Kind::Str(text) => Val::Str(text),
            Kind::Interpolated(pieces) => return self.interpolated(pieces),
            Kind::Name(name) => return self.variable(name),
            Kind::List(items) => return self.list(items),
            Kind::Map(entries) => return self.map(entries),
            Kind::Attribute(subject, name) => {
                let value = self.eval(subject)?;
                return self.attribute(&value, name);
            }
            Kind::Index(subject, index) => {
                let value = self.eval(subject)?;
                let index = self.eval(index)?;
                return self.index(&value, &index);
            }
            Kind::Method(subject, name, args) => return self.method(subject, name, args),
            Kind::Call(name, args) => return self.call(name, args),
            Kind::Filter(input, filter) => return self.filter(input, filter),
            Kind::Test { subject, test, negated } => Val::Bool(self.test(subject, *test)? != *negated),
            Kind::Not(inner) => Val::Bool(!truth(&self.eval(inner)?)?.unwrap_or(false)),
            Kind::Negate(inner) => operator::negate(&self.eval(inner)?)?,
            Kind::Plus(inner) => operator::plus(self.eval(inner)?)?,
            Kind::Binary(operator, left, right) => {
                return self.binary(*operator, left, right).map_err(|fault| self.hyphen(fault, *operator, expr));
            }
            Kind::Choice(condition, yes, no) => {
                let chosen = truth(&self.eval(condition)?)?.unwrap_or(false);
                return self.eval(if chosen { yes } else { no });
            }
        })
    }

    fn interpolated(&mut self, pieces: &'a [Expr]) -> Outcome<Val<'a>> {
        let mut text = String::new();
        for piece in pieces {
            let value = self.eval(piece)?;
            print::print(&value, &mut text);
            self.charge_bytes(text.len())?;
        }
        Ok(Val::text(text))
    }

    fn list(&mut self, items: &'a [Expr]) -> Outcome<Val<'a>> {
        let items = items.iter().map(|item| self.eval(item)).collect::<Outcome<Vec<_>>>()?;
        Val::list(items)
    }

    fn map(&mut self, entries: &'a [(Expr, Expr)]) -> Outcome<Val<'a>> {
        let mut map = IndexMap::with_capacity(entries.len());
        for (key, value) in entries {
            let key: Cow<'a, str> = match self.eval(key)? {
                Val::Str(key) => Cow::Borrowed(key),
                other => Cow::Owned(print::text(&other)),
            };
            map.insert(key, self.eval(value)?);
        }
        Val::map(map)
    }
}
