//! Which variables a template reads, as far as its text tells: for checks before a run.

use std::ops::Range;
use std::sync::Arc;

use crate::ast::{Args, Binary, Expr, Kind, Node, Test};
use crate::function;
use crate::template::Template;

/// A variable that is read by names alone, such as `outputs.load.vars['rows']`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `["outputs", "load", "vars", "rows"]`; it ends where a name is computed.
    pub path: Vec<Arc<str>>,
    /// Where it is written, in bytes of the template.
    pub place: Range<usize>,
    /// The template has an answer for the case that it is missing: `??`, `default` or `is defined`.
    pub guarded: bool,
}

impl Template {
    /// Every variable that is not the template's own. Macros see their arguments only and are left out.
    pub fn references(&self) -> Vec<Reference> {
        let mut walk = Walk::default();
        walk.nodes(self.nodes());
        for block in self.definitions().blocks.values() {
            walk.nodes(block);
        }
        let Walk { mut found, own, tested, .. } = walk;
        found.retain(|reference| !reference.path.first().is_some_and(|root| own.contains(root)));
        for reference in &mut found {
            // Whoever asks `x is defined` anywhere knows that `x` may be missing.
            reference.guarded |= tested.iter().any(|path| reference.path.starts_with(path) || path.starts_with(&reference.path));
        }
        found
    }

    /// Functions that it calls and nobody has, with the places of the calls.
    pub fn unknown_functions(&self) -> Vec<(Arc<str>, Range<usize>)> {
        let mut walk = Walk::default();
        walk.nodes(self.nodes());
        walk.called.retain(|(name, _)| function::find(name).is_none() && !self.definitions().macros.contains_key(name));
        walk.called
    }
}

#[derive(Default)]
struct Walk {
    found: Vec<Reference>,
    /// Names that the template itself sets.
    own: Vec<Arc<str>>,
    /// Variables after which it is asked whether they are there.
    tested: Vec<Vec<Arc<str>>>,
    called: Vec<(Arc<str>, Range<usize>)>,
    guarded: bool,
}

impl Walk {
    fn nodes(&mut self, nodes: &[Node]) {
        nodes.iter().for_each(|node| self.node(node));
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Text(_) | Node::Raw { .. } | Node::Block { .. } => {}
            Node::Print(expr) => self.expr(expr),
            Node::If { branches, otherwise } => {
                for (condition, body) in branches {
                    self.expr(condition);
                    self.nodes(body);
                }
                self.nodes(otherwise);
            }
            Node::For { name, items, body, otherwise } => {
                self.own.extend([Arc::clone(name), Arc::from("loop")]);
                self.expr(items);
                self.nodes(body);
                self.nodes(otherwise);
            }
            Node::Set { name, value } => {
                self.own.push(Arc::clone(name));
                self.expr(value);
            }
            Node::Filter { uses, body } => {
                uses.iter().for_each(|used| self.args(&used.args));
                self.nodes(body);
            }
        }
    }

    fn args(&mut self, args: &Args) {
        args.positional.iter().chain(args.named.iter().map(|(_, value)| value)).for_each(|arg| self.expr(arg));
    }

    fn may_be_missing(&mut self, expr: &Expr) {
        let before = std::mem::replace(&mut self.guarded, true);
        self.expr(expr);
        self.guarded = before;
    }

    fn expr(&mut self, expr: &Expr) {
        if let Some(path) = path(expr) {
            self.found.push(Reference { path, place: expr.span.clone(), guarded: self.guarded });
        }
        match &expr.kind {
            Kind::Null | Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::Str(_) | Kind::Name(_) => {}
            Kind::Interpolated(parts) | Kind::List(parts) => parts.iter().for_each(|part| self.expr(part)),
            Kind::Map(entries) => entries.iter().for_each(|(key, value)| {
                self.expr(key);
                self.expr(value);
            }),
            Kind::Attribute(subject, _) => self.inside(subject),
            Kind::Index(subject, index) => {
                self.inside(subject);
                self.expr(index);
            }
            Kind::Method(subject, _, args) => {
                self.expr(subject);
                args.iter().for_each(|arg| self.expr(arg));
            }
            Kind::Call(name, args) => {
                self.called.push((Arc::clone(name), expr.span.clone()));
                self.args(args);
            }
            Kind::Filter(subject, used) => {
                if used.filter.name == "default" {
                    self.may_be_missing(subject);
                } else {
                    self.expr(subject);
                }
                self.args(&used.args);
            }
            Kind::Test { subject, test, .. } => {
                if *test == Test::Defined {
                    self.tested.extend(path(subject));
                    self.may_be_missing(subject);
                } else {
                    self.expr(subject);
                }
            }
            Kind::Not(inner) | Kind::Negate(inner) | Kind::Plus(inner) => self.expr(inner),
            Kind::Binary(Binary::Coalesce | Binary::CoalesceUndefined, left, right) => {
                self.may_be_missing(left);
                self.expr(right);
            }
            Kind::Binary(_, left, right) => {
                self.expr(left);
                self.expr(right);
            }
            Kind::Choice(condition, yes, no) => [condition, yes, no].into_iter().for_each(|part| self.expr(part)),
        }
    }

    /// What an attribute or index is taken of. The whole path is noted already, so its beginning is not.
    fn inside(&mut self, subject: &Expr) {
        match &subject.kind {
            Kind::Name(_) => {}
            Kind::Attribute(subject, _) => self.inside(subject),
            Kind::Index(subject, index) => {
                self.inside(subject);
                self.expr(index);
            }
            _ => self.expr(subject),
        }
    }
}

/// Names from a variable on, up to the first one that is computed.
fn path(expr: &Expr) -> Option<Vec<Arc<str>>> {
    fn collect(expr: &Expr, path: &mut Vec<Arc<str>>) -> Option<bool> {
        match &expr.kind {
            Kind::Name(name) => {
                path.push(Arc::clone(name));
                Some(true)
            }
            Kind::Attribute(subject, name) => {
                let whole = collect(subject, path)?;
                if whole {
                    path.push(Arc::from(&**name));
                }
                Some(whole)
            }
            Kind::Index(subject, index) => {
                let whole = collect(subject, path)?;
                match &index.kind {
                    Kind::Str(name) if whole => path.push(Arc::from(&**name)),
                    _ => return Some(false),
                }
                Some(whole)
            }
            _ => None,
        }
    }
    let mut names = Vec::new();
    collect(expr, &mut names).map(|_| names)
}
