//! A template, read.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::filter::Filter;

pub(crate) type Span = Range<usize>;

/// A piece of a template, in the order it is written.
#[derive(Debug)]
pub(crate) enum Node {
    /// Text that is printed as it stands: a range of the source.
    Text(Span),
    /// `{% raw %}…{% endraw %}`: the range inside, and the whole with its tags.
    Raw {
        inner: Span,
        whole: Span,
    },
    Print(Expr),
    If {
        branches: Vec<(Expr, Vec<Node>)>,
        otherwise: Vec<Node>,
    },
    For {
        name: Arc<str>,
        items: Expr,
        body: Vec<Node>,
        otherwise: Vec<Node>,
    },
    Set {
        name: Arc<str>,
        value: Expr,
    },
    Filter {
        uses: Vec<FilterUse>,
        body: Vec<Node>,
    },
    /// Prints the block of this name.
    Block {
        name: Arc<str>,
        span: Span,
    },
}

/// A filter tag's `| name(args)`.
#[derive(Debug)]
pub(crate) struct FilterUse {
    pub(crate) filter: &'static Filter,
    pub(crate) args: Args,
    pub(crate) span: Span,
}

#[derive(Debug, Default)]
pub(crate) struct Args {
    pub(crate) positional: Vec<Expr>,
    pub(crate) named: Vec<(Arc<str>, Expr)>,
}

#[derive(Debug)]
pub(crate) struct Macro {
    pub(crate) params: Vec<(Arc<str>, Option<Expr>)>,
    pub(crate) body: Vec<Node>,
}

/// Macros and blocks can be used before the place they are written at.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    pub(crate) macros: HashMap<Arc<str>, Macro>,
    pub(crate) blocks: HashMap<Arc<str>, Vec<Node>>,
}

#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    /// Levels below this one; bounded, so that evaluation cannot overflow the stack.
    pub(crate) depth: u16,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(Box<str>),
    /// `"a #{b} c"`
    Interpolated(Vec<Expr>),
    Name(Arc<str>),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    Attribute(Box<Expr>, Box<str>),
    Index(Box<Expr>, Box<Expr>),
    Method(Box<Expr>, Box<str>, Vec<Expr>),
    Call(Arc<str>, Args),
    Filter(Box<Expr>, Box<FilterUse>),
    Test {
        subject: Box<Expr>,
        test: Test,
        negated: bool,
    },
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Plus(Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Or,
    And,
    Contains,
    IsIn,
    Equal,
    Unequal,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Join,
    Range,
    /// `??`
    Coalesce,
    /// `???`
    CoalesceUndefined,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    Defined,
    Null,
    Empty,
    Even,
    Odd,
    Iterable,
    Map,
    Json,
}

impl Test {
    pub(crate) const ALL: [(&'static str, Self); 9] = [
        ("defined", Self::Defined),
        ("null", Self::Null),
        ("none", Self::Null),
        ("empty", Self::Empty),
        ("even", Self::Even),
        ("odd", Self::Odd),
        ("iterable", Self::Iterable),
        ("map", Self::Map),
        ("json", Self::Json),
    ];
}
