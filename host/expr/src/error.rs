//! What went wrong, where in the template, and what to do about it.

use std::ops::Range;

/// The place of an error inside a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Byte offset of the first byte concerned.
    pub offset: usize,
    /// Number of bytes concerned; 0 for a point.
    pub len: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Place {
    pub(crate) fn of(source: &str, span: &Range<usize>) -> Self {
        let mut offset = span.start.min(source.len());
        while !source.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &source[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            offset,
            len: span.end.min(source.len()).saturating_sub(offset),
            line: memchr::memchr_iter(b'\n', before.as_bytes()).count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// An expression that cannot be read or evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    code: Code,
    message: String,
    help: Option<String>,
    place: Place,
    source_text: String,
}

impl Error {
    /// The stable code, for `switchyard explain`.
    pub fn code(&self) -> &'static str {
        self.code.as_str()
    }
    /// What to do about it.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
    /// Where in the template.
    pub fn place(&self) -> Place {
        self.place
    }
    /// The template that the place refers to. Inside `render()` it is the inner text.
    pub fn template(&self) -> &str {
        &self.source_text
    }
    /// True when a variable, a key, a property, a secret or a file does not exist.
    pub fn is_missing(&self) -> bool {
        self.code.is_missing()
    }
    /// True when the template itself cannot be read.
    pub fn is_syntax(&self) -> bool {
        matches!(self.code, Code::Syntax | Code::UnknownFilter | Code::UnknownTest)
    }
    /// True when a host service (secret, kv, read, http …) failed or is not there.
    pub fn is_host(&self) -> bool {
        matches!(self.code, Code::Host | Code::Unavailable)
    }

    pub(crate) fn new(fault: Fault, source: &str) -> Self {
        let Fault { code, mut message, help, span, foreign } = fault;
        if let Some(inner) = foreign {
            return *inner;
        }
        let place = Place::of(source, &span.unwrap_or(0..0));
        if code == Code::Missing {
            message = format!("Unable to find `{message}` used in the expression `{}` at line {}", excerpt(source), place.line);
        } else {
            message = format!("{message} (line {}, column {} of `{}`)", place.line, place.column, excerpt(source));
        }
        Self { code, message, help, place, source_text: source.to_owned() }
    }
}

/// Templates can be whole scripts; a message shows at most this much of one.
fn excerpt(source: &str) -> String {
    const SHOWN: usize = 400;
    match source.char_indices().nth(SHOWN) {
        None => source.to_owned(),
        Some((end, _)) => format!("{}…", &source[..end]),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Syntax,
    Missing,
    /// A secret, a key or a file that does not exist.
    NotFound,
    UnknownFilter,
    UnknownFunction,
    UnknownTest,
    Argument,
    Type,
    Arithmetic,
    Value,
    Limit,
    Rerender,
    Unavailable,
    Host,
}

impl Code {
    /// What `??`, `default` and `is defined` swallow.
    pub(crate) const fn is_missing(self) -> bool {
        matches!(self, Self::Missing | Self::NotFound)
    }

    pub(crate) const ALL: [Self; 14] = [
        Self::Syntax,
        Self::Missing,
        Self::NotFound,
        Self::UnknownFilter,
        Self::UnknownFunction,
        Self::UnknownTest,
        Self::Argument,
        Self::Type,
        Self::Arithmetic,
        Self::Value,
        Self::Limit,
        Self::Rerender,
        Self::Unavailable,
        Self::Host,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "expr::syntax",
            Self::Missing => "expr::missing",
            Self::NotFound => "expr::not_found",
            Self::UnknownFilter => "expr::unknown_filter",
            Self::UnknownFunction => "expr::unknown_function",
            Self::UnknownTest => "expr::unknown_test",
            Self::Argument => "expr::argument",
            Self::Type => "expr::type",
            Self::Arithmetic => "expr::arithmetic",
            Self::Value => "expr::value",
            Self::Limit => "expr::limit",
            Self::Rerender => "expr::too_many_renderings",
            Self::Unavailable => "expr::unavailable",
            Self::Host => "expr::host",
        }
    }
}

/// Every code an [`Error`] can carry.
pub fn codes() -> impl Iterator<Item = &'static str> {
    Code::ALL.into_iter().map(Code::as_str)
}

/// An error on its way up: it gets its place from the innermost node that has one.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    pub(crate) span: Option<Range<usize>>,
    /// Already placed in another template (the argument of `render()`).
    pub(crate) foreign: Option<Box<Error>>,
}

pub(crate) type Outcome<T> = Result<T, Box<Fault>>;

impl Fault {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Box<Self> {
        Box::new(Self { code, message: message.into(), help: None, span: None, foreign: None })
    }
    pub(crate) fn missing(name: impl Into<String>) -> Box<Self> {
        Self::new(Code::Missing, name)
    }
    pub(crate) fn argument(message: impl Into<String>) -> Box<Self> {
        Self::new(Code::Argument, message)
    }
    pub(crate) fn kind(message: impl Into<String>) -> Box<Self> {
        Self::new(Code::Type, message)
    }
    pub(crate) fn value(message: impl Into<String>) -> Box<Self> {
        Self::new(Code::Value, message)
    }
    pub(crate) fn limit(message: impl Into<String>) -> Box<Self> {
        Self::new(Code::Limit, message)
    }
    pub(crate) fn foreign(error: Error) -> Box<Self> {
        let mut fault = Self::new(error.code, error.message.clone());
        fault.foreign = Some(Box::new(error));
        fault
    }
    pub(crate) fn help(mut self: Box<Self>, help: impl Into<String>) -> Box<Self> {
        self.help = Some(help.into());
        self
    }
    pub(crate) fn help_if(mut self: Box<Self>, help: Option<String>) -> Box<Self> {
        if help.is_some() {
            self.help = help;
        }
        self
    }
    pub(crate) fn at(mut self: Box<Self>, span: &Range<usize>) -> Box<Self> {
        if self.span.is_none() {
            self.span = Some(span.clone());
        }
        self
    }
}
