//! Expressions, by precedence climbing.

use std::sync::Arc;

use super::lexer::{self, Part, TokenKind};
use super::{EXPRESSION_DEPTH, Parser};
use crate::ast::{Args, Binary, Expr, FilterUse, Kind, Span, Test};
use crate::error::{Code, Fault, Outcome};
use crate::filter;
use crate::function;
use crate::nearest::{did_you_mean, elsewhere};

/// What stands between two operands.
#[derive(Clone, Copy)]
enum Infix {
    Binary(Binary),
    Test { negated: bool },
    Filter,
}

const UNARY: u16 = 500;

impl Parser<'_> {
    /// A whole expression, with `c ? a : b`.
    pub(super) fn expression(&mut self) -> Outcome<Expr> {
        self.deeper(|parser| {
            let condition = parser.climb(0)?;
            if !parser.eat("?") {
                return Ok(condition);
            }
            let yes = parser.expression()?;
            parser.expect(":", "between the two results of `?`")?;
            let no = parser.expression()?;
            let span = condition.span.start..no.span.end;
            node(Kind::Choice(Box::new(condition), Box::new(yes), Box::new(no)), span)
        })
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        self.nesting += 1;
        if self.nesting > EXPRESSION_DEPTH {
            return Err(too_deep(&self.span()));
        }
        let result = read(self);
        self.nesting -= 1;
        result
    }

    fn infix(&self) -> Option<(u16, Infix, usize)> {
        use Binary as B;
        let binary = |precedence, operator| Some((precedence, Infix::Binary(operator), 1));
        match self.peek() {
            TokenKind::Symbol(symbol) => match *symbol {
                "==" => binary(30, B::Equal),
                "!=" => binary(30, B::Unequal),
                "<" => binary(30, B::Less),
                ">" => binary(30, B::Greater),
                "<=" => binary(30, B::LessOrEqual),
                ">=" => binary(30, B::GreaterOrEqual),
                "+" => binary(40, B::Add),
                "-" => binary(40, B::Subtract),
                "*" => binary(60, B::Multiply),
                "/" => binary(60, B::Divide),
                "%" => binary(60, B::Modulo),
                "|" => Some((100, Infix::Filter, 1)),
                "~" => binary(110, B::Join),
                ".." => binary(120, B::Range),
                "??" => binary(120, B::Coalesce),
                "???" => binary(120, B::CoalesceUndefined),
                _ => None,
            },
            TokenKind::Name => match self.word()? {
                "or" => binary(10, B::Or),
                "and" => binary(15, B::And),
                "is" => {
                    let next = &self.tokens[(self.at + 1).min(self.tokens.len() - 1)];
                    let negated = matches!(next.kind, TokenKind::Name) && self.slice(&next.span) == "not";
                    Some((20, Infix::Test { negated }, 1 + usize::from(negated)))
                }
                "contains" => binary(20, B::Contains),
                "isIn" | "in" => binary(20, B::IsIn),
                "equals" => binary(30, B::Equal),
                _ => None,
            },
            _ => None,
        }
    }

    fn climb(&mut self, minimum: u16) -> Outcome<Expr> {
        let mut left = self.unary()?;
        while let Some((precedence, infix, tokens)) = self.infix()
            && precedence >= minimum
        {
            for _ in 0..tokens {
                self.advance();
            }
            let start = left.span.start;
            let kind = match infix {
                Infix::Filter => {
                    let filter = self.filter_use()?;
                    Kind::Filter(Box::new(left), Box::new(filter))
                }
                Infix::Test { negated } => {
                    let test = self.test()?;
                    Kind::Test { subject: Box::new(left), test, negated }
                }
                Infix::Binary(operator) => {
                    let right = self.deeper(|parser| parser.climb(precedence + 1))?;
                    Kind::Binary(operator, Box::new(left), Box::new(right))
                }
            };
            left = node(kind, start..self.before())?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Outcome<Expr> {
        let start = self.span().start;
        let wrap: fn(Box<Expr>) -> Kind = if self.eat("-") {
            Kind::Negate
        } else if self.eat("+") {
            Kind::Plus
        } else if self.eat_word("not") {
            Kind::Not
        } else {
            return self.postfix();
        };
        let operand = self.deeper(|parser| parser.climb(UNARY))?;
        node(wrap(Box::new(operand)), start..self.before())
    }

    fn postfix(&mut self) -> Outcome<Expr> {
        let mut subject = self.primary()?;
        loop {
            let start = subject.span.start;
            let kind = if self.eat(".") {
                let (name, _) = self.name("the name of a property")?;
                if self.eat("(") {
                    let args = self.args(")")?;
                    if let Some((name, value)) = args.named.first() {
                        return Err(Fault::new(Code::Syntax, format!("a method takes no named argument (`{name}`)")).at(&value.span));
                    }
                    Kind::Method(Box::new(subject), (&*name).into(), args.positional)
                } else {
                    Kind::Attribute(Box::new(subject), (&*name).into())
                }
            } else if self.eat("[") {
                let index = self.expression()?;
                self.expect("]", "after the key")?;
                Kind::Index(Box::new(subject), Box::new(index))
            } else {
                return Ok(subject);
            };
            subject = node(kind, start..self.before())?;
        }
    }

    fn primary(&mut self) -> Outcome<Expr> {
        let span = self.span();
        let kind = match self.peek().clone() {
            TokenKind::Int(value) => Kind::Int(value),
            TokenKind::Float(value) => Kind::Float(value),
            TokenKind::Str(text) => Kind::Str(text.into()),
            TokenKind::Parts(parts) => {
                self.advance();
                return self.interpolated(parts, span);
            }
            TokenKind::Name => return self.name_or_call(span),
            TokenKind::Symbol("(") => {
                self.advance();
                let inner = self.expression()?;
                self.expect(")", "to close the parenthesis")?;
                return Ok(Expr { span: span.start..self.before(), ..inner });
            }
            TokenKind::Symbol("[") => {
                self.advance();
                let mut items = Vec::new();
                while !self.eat("]") {
                    items.push(self.expression()?);
                    if !self.eat(",") {
                        self.expect("]", "after the items of the list")?;
                        break;
                    }
                }
                return node(Kind::List(items), span.start..self.before());
            }
            TokenKind::Symbol("{") => {
                self.advance();
                let mut entries = Vec::new();
                while !self.eat("}") {
                    let key = self.deeper(|parser| parser.climb(0))?;
                    self.expect(":", "after the key")?;
                    entries.push((key, self.expression()?));
                    if !self.eat(",") {
                        self.expect("}", "after the entries of the map")?;
                        break;
                    }
                }
                return node(Kind::Map(entries), span.start..self.before());
            }
            _ => return Err(self.unexpected("a value").help("write a value here, or take away the operator or comma before it")),
        };
        self.advance();
        node(kind, span)
    }

    fn name_or_call(&mut self, span: Span) -> Outcome<Expr> {
        let name = self.slice(&span);
        self.advance();
        if self.eat("(") {
            let args = self.args(")")?;
            return node(Kind::Call(Arc::from(name), args), span.start..self.before());
        }
        let kind = match name {
            "true" | "TRUE" => Kind::Bool(true),
            "false" | "FALSE" => Kind::Bool(false),
            "null" | "NULL" | "none" | "NONE" => Kind::Null,
            _ => Kind::Name(Arc::from(name)),
        };
        node(kind, span)
    }

    fn interpolated(&mut self, parts: Vec<Part>, span: Span) -> Outcome<Expr> {
        let mut pieces = Vec::new();
        for part in parts {
            match part {
                Part::Text(text) if text.is_empty() => {}
                Part::Text(text) => pieces.push(node(Kind::Str(text.into()), span.clone())?),
                Part::Expr(range) => {
                    let tokens = lexer::expression(self.source, range)?;
                    let outer = std::mem::replace(&mut self.tokens, tokens);
                    let at = std::mem::replace(&mut self.at, 0);
                    let expr = self.expression()?;
                    if !matches!(self.peek(), TokenKind::End) {
                        return Err(self.unexpected("`}`"));
                    }
                    self.tokens = outer;
                    self.at = at;
                    pieces.push(expr);
                }
            }
        }
        node(Kind::Interpolated(pieces), span)
    }

    /// `name` or `name(args)` after a `|`.
    pub(super) fn filter_use(&mut self) -> Outcome<FilterUse> {
        let (name, span) =
            self.name("the name of a filter").map_err(|fault| fault.help("write a filter after the `|`, or take the `|` away"))?;
        let Some(filter) = filter::find(&name) else {
            return Err(Fault::new(Code::UnknownFilter, format!("there is no filter `{name}`"))
                .help_if(match function::find(&name) {
                    Some(_) => Some(format!("`{name}` is a function: write `{name}(…)` around the value")),
                    None => elsewhere(&name).map(str::to_owned).or_else(|| did_you_mean(&name, filter::all().map(|filter| filter.name))),
                })
                .at(&span));
        };
        let args = if self.eat("(") { self.args(")")? } else { Args::default() };
        Ok(FilterUse { filter, args, span: span.start..self.before() })
    }

    fn test(&mut self) -> Outcome<Test> {
        let (name, span) = self.name("the name of a test")?;
        let test = Test::ALL.into_iter().find(|(known, _)| *known == &*name).map(|(_, test)| test);
        let Some(test) = test else {
            let names = Test::ALL.map(|(name, _)| name);
            return Err(Fault::new(Code::UnknownTest, format!("there is no test `{name}`"))
                .help(did_you_mean(&name, names).unwrap_or_else(|| format!("the tests are {}", names.join(", "))))
                .at(&span));
        };
        if self.eat("(") {
            self.expect(")", "since a test takes no arguments")?;
        }
        Ok(test)
    }

    /// Arguments up to `close`: positional ones first, then named ones.
    fn args(&mut self, close: &str) -> Outcome<Args> {
        let mut args = Args::default();
        while !self.eat(close) {
            let named = matches!(self.peek(), TokenKind::Name) && matches!(self.peek_at(1), TokenKind::Symbol("="));
            if named {
                let (name, span) = self.name("the name of an argument")?;
                self.advance();
                if args.named.iter().any(|(known, _)| *known == name) {
                    return Err(Fault::new(Code::Syntax, format!("the argument `{name}` is given twice")).at(&span));
                }
                args.named.push((name, self.expression()?));
            } else {
                let value = self.expression()?;
                if !args.named.is_empty() {
                    return Err(Fault::new(Code::Syntax, "an argument without a name follows one with a name")
                        .help("put the arguments without names first")
                        .at(&value.span));
                }
                args.positional.push(value);
            }
            if !self.eat(",") {
                self.expect(close, "after the arguments")?;
                break;
            }
        }
        Ok(args)
    }
}

fn too_deep(span: &Span) -> Box<Fault> {
    Fault::limit(format!("the expression nests deeper than {EXPRESSION_DEPTH} levels")).help("split it with `{% set %}`").at(span)
}

fn node(kind: Kind, span: Span) -> Outcome<Expr> {
    let depth = below(&kind).saturating_add(1);
    if depth > EXPRESSION_DEPTH {
        // Dropping recurses too, and what is here is at most one level too deep.
        return Err(too_deep(&span));
    }
    Ok(Expr { kind, span, depth })
}

fn below(kind: &Kind) -> u16 {
    let args = |args: &Args| {
        let named = args.named.iter().map(|(_, value)| value.depth);
        args.positional.iter().map(|value| value.depth).chain(named).max().unwrap_or(0)
    };
    match kind {
        Kind::Null | Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::Str(_) | Kind::Name(_) => 0,
        Kind::Interpolated(items) | Kind::List(items) => items.iter().map(|item| item.depth).max().unwrap_or(0),
        Kind::Map(entries) => entries.iter().map(|(key, value)| key.depth.max(value.depth)).max().unwrap_or(0),
        Kind::Attribute(inner, _) | Kind::Not(inner) | Kind::Negate(inner) | Kind::Plus(inner) => inner.depth,
        Kind::Test { subject, .. } => subject.depth,
        Kind::Index(left, right) | Kind::Binary(_, left, right) => left.depth.max(right.depth),
        Kind::Method(subject, _, items) => items.iter().map(|item| item.depth).max().unwrap_or(0).max(subject.depth),
        Kind::Call(_, call) => args(call),
        Kind::Filter(input, filter) => input.depth.max(args(&filter.args)),
        Kind::Choice(a, b, c) => a.depth.max(b.depth).max(c.depth),
    }
}
