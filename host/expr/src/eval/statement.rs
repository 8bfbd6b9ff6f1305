//! Text, tags and their bodies.

use std::borrow::Cow;
use std::sync::Arc;

use indexmap::IndexMap;

use super::{Render, Sink, truth};
use crate::ast::{Expr, Node};
use crate::error::{Fault, Outcome};
use crate::val::Val;

impl<'a> Render<'a> {
    pub(crate) fn nodes(&mut self, nodes: &'a [Node], out: &mut Sink<'a>) -> Outcome<()> {
        for node in nodes {
            self.nested(|render| render.node(node, out))?;
            if out.len() > self.limits().output {
                self.charge_bytes(out.len())?;
            }
        }
        Ok(())
    }

    fn node(&mut self, node: &'a Node, out: &mut Sink<'a>) -> Outcome<()> {
        let source = self.template.source();
        match node {
            Node::Text(span) => {
                self.charge(span.len() / 64)?;
                out.push_str(&source[span.clone()]);
            }
            Node::Raw { inner, whole } => {
                self.charge(whole.len() / 64)?;
                let span = if self.keep_raw { whole } else { inner };
                out.push_str(&source[span.clone()]);
            }
            Node::Print(expr) => {
                let value = self.eval(expr)?;
                let before = out.len();
                out.push(value).map_err(|fault| fault.at(&expr.span))?;
                self.charge(out.len().saturating_sub(before) / 64)?;
            }
            Node::If { branches, otherwise } => {
                for (condition, body) in branches {
                    let value = self.eval(condition)?;
                    let chosen = truth(&value).and_then(|chosen| {
                        chosen.ok_or_else(|| {
                            Fault::kind("the condition of `if` is null")
                                .help("give it a value for that case: `{% if x ?? false %}`, or ask `x is defined`")
                        })
                    });
                    if chosen.map_err(|fault| fault.at(&condition.span))? {
                        return self.nodes(body, out);
                    }
                }
                self.nodes(otherwise, out)?;
            }
            Node::For { name, items, body, otherwise } => self.for_loop(name, items, body, otherwise, out)?,
            Node::Set { name, value } => {
                let value = self.eval(value)?;
                self.assign(name, value);
            }
            Node::Filter { uses, body } => {
                let mut value = Val::text(self.captured(body)?);
                for filter in uses {
                    value = self.apply(value, filter).map_err(|fault| fault.at(&filter.span))?;
                }
                out.push(value)?;
            }
            Node::Block { name, span } => {
                let Some(body) = self.template.definitions().blocks.get(name) else { return Ok(()) };
                self.deeper(|render| render.scoped(|render| render.nodes(body, out))).map_err(|fault| fault.at(span))?;
            }
        }
        Ok(())
    }

    /// The text that `nodes` print.
    pub(crate) fn captured(&mut self, nodes: &'a [Node]) -> Outcome<String> {
        let mut out = Sink::text(0);
        self.nodes(nodes, &mut out)?;
        Ok(out.into_text())
    }

    /// Forgets the variables that `run` adds.
    pub(crate) fn scoped<T>(&mut self, run: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        let mark = self.locals.len();
        let result = run(self);
        self.locals.truncate(mark);
        result
    }

    pub(crate) fn declare(&mut self, name: &Arc<str>, value: Val<'a>) {
        self.locals.push((Arc::clone(name), value));
    }

    /// Changes the visible variable of this name, or makes one here.
    fn assign(&mut self, name: &Arc<str>, value: Val<'a>) {
        let base = self.base;
        match self.locals[base..].iter_mut().rev().find(|(known, _)| known == name) {
            Some((_, held)) => *held = value,
            None => self.declare(name, value),
        }
    }

    fn for_loop(
        &mut self,
        name: &'a Arc<str>,
        items: &'a Expr,
        body: &'a [Node],
        otherwise: &'a [Node],
        out: &mut Sink<'a>,
    ) -> Outcome<()> {
        let value = self.eval(items)?;
        let rounds: Box<dyn Iterator<Item = Outcome<Val<'a>>>> = if value.is_null() {
            Box::new(std::iter::empty())
        } else if let Some(items) = value.items() {
            Box::new(items.map(Ok))
        } else if let Some(entries) = value.entries() {
            Box::new(entries.map(|(key, value)| {
                let key = match key {
                    Cow::Borrowed(key) => Val::Str(key),
                    Cow::Owned(key) => Val::text(key),
                };
                Val::map(IndexMap::from_iter([(Cow::Borrowed("key"), key), (Cow::Borrowed("value"), value)]))
            }))
        } else {
            return Err(Fault::kind(format!("`for` needs a list or a map, not {}", value.kind()))
                .help("a string that holds JSON becomes a list with `fromJson(x)`")
                .at(&items.span));
        };
        let length = value.len().unwrap_or(0);
        if length == 0 {
            return self.nodes(otherwise, out);
        }
        let counter: Option<Arc<str>> = self.template.uses_loop().then(|| Arc::from("loop"));
        for (index, item) in rounds.enumerate() {
            self.charge(1)?;
            let item = item?;
            self.scoped(|render| {
                render.declare(name, item);
                if let Some(counter) = &counter {
                    let state = progress(index, length)?;
                    render.declare(counter, state);
                }
                render.nodes(body, out)
            })?;
        }
        Ok(())
    }
}

fn progress<'a>(index: usize, length: usize) -> Outcome<Val<'a>> {
    let number = |n: usize| Val::Int(n as i128);
    Val::map(IndexMap::from_iter([
        (Cow::Borrowed("index"), number(index)),
        (Cow::Borrowed("length"), number(length)),
        (Cow::Borrowed("first"), Val::Bool(index == 0)),
        (Cow::Borrowed("last"), Val::Bool(index + 1 == length)),
        (Cow::Borrowed("revindex"), number(length - index - 1)),
    ]))
}
