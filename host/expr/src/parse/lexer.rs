//! Cuts a template into tokens.

use std::ops::Range;

use crate::error::{Code, Fault, Outcome};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    /// Literal text; the range is already trimmed.
    Text,
    /// A raw block: the range inside the tags.
    Raw(Range<usize>),
    PrintStart,
    PrintEnd,
    TagStart,
    TagEnd,
    Name,
    Int(i128),
    Float(f64),
    /// A string without interpolation, unescaped.
    Str(String),
    /// A string with `#{…}`.
    Parts(Vec<Part>),
    Symbol(&'static str),
    End,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    Text(String),
    Expr(Range<usize>),
}

/// Longest first.
const SYMBOLS: [&str; 29] = [
    "???", "==", "!=", "<=", ">=", "??", "..", "||", "&&", "(", ")", "[", "]", "{", "}", "<", ">", "+", "-", "*", "/", "%", "|", "~", "?",
    ":", ",", ".", "=",
];

pub(crate) struct Lexer<'s> {
    source: &'s str,
    at: usize,
    end: usize,
    tokens: Vec<Token>,
    trim_next: bool,
}

/// All tokens of a template.
pub(crate) fn template(source: &str) -> Outcome<Vec<Token>> {
    let mut lexer = Lexer { source, at: 0, end: source.len(), tokens: Vec::new(), trim_next: false };
    lexer.text()?;
    lexer.finish()
}

/// All tokens of the expression inside `range` (string interpolation).
pub(crate) fn expression(source: &str, range: Range<usize>) -> Outcome<Vec<Token>> {
    let mut lexer = Lexer { source, at: range.start, end: range.end, tokens: Vec::new(), trim_next: false };
    lexer.inside(None)?;
    lexer.finish()
}

fn syntax(message: impl Into<String>, span: Range<usize>) -> Box<Fault> {
    Fault::new(Code::Syntax, message).at(&span)
}

impl<'s> Lexer<'s> {
    fn finish(mut self) -> Outcome<Vec<Token>> {
        self.push(TokenKind::End, self.end..self.end);
        Ok(self.tokens)
    }

    fn rest(&self) -> &'s str {
        &self.source[self.at..self.end]
    }

    fn push(&mut self, kind: TokenKind, span: Range<usize>) {
        self.tokens.push(Token { kind, span });
    }

    /// Text up to the end, with everything in delimiters.
    fn text(&mut self) -> Outcome<()> {
        let mut from = self.at;
        while let Some(found) = memchr::memchr(b'{', &self.source.as_bytes()[self.at..self.end]) {
            let open = self.at + found;
            let Some(second @ (b'{' | b'%' | b'#')) = self.source.as_bytes().get(open + 1).copied() else {
                self.at = open + 1;
                continue;
            };
            let trim = self.source.as_bytes().get(open + 2) == Some(&b'-');
            self.literal(from..open, trim);
            self.at = open + 2 + usize::from(trim);
            match second {
                b'#' => self.comment(open)?,
                b'{' => {
                    self.push(TokenKind::PrintStart, open..open + 2);
                    self.inside(Some(("}}", open)))?;
                }
                _ => {
                    if !self.verbatim(open)? {
                        self.push(TokenKind::TagStart, open..open + 2);
                        self.inside(Some(("%}", open)))?;
                    }
                }
            }
            from = self.at;
        }
        self.literal(from..self.end, false);
        self.at = self.end;
        Ok(())
    }

    fn literal(&mut self, mut range: Range<usize>, trim_end: bool) {
        if std::mem::take(&mut self.trim_next) {
            let text = &self.source[range.clone()];
            range.start += text.len() - text.trim_start().len();
        }
        if trim_end {
            range.end = range.start + self.source[range.clone()].trim_end().len();
        }
        if !range.is_empty() {
            self.push(TokenKind::Text, range);
        }
    }

    fn comment(&mut self, open: usize) -> Outcome<()> {
        let Some(length) = self.rest().find("#}") else {
            return Err(syntax("a comment `{#` is not closed", open..open + 2).help("write `#}` where the comment ends"));
        };
        self.trim_next = self.rest()[..length].ends_with('-');
        self.at += length + 2;
        Ok(())
    }

    /// `{% verbatim %}` and `{% raw %}`: their contents are never looked at. False when this is another tag.
    fn verbatim(&mut self, open: usize) -> Outcome<bool> {
        let inner = self.rest().trim_start();
        for name in ["verbatim", "raw"] {
            let Some(after) = inner.strip_prefix(name).map(str::trim_start) else { continue };
            let (after, trim_start) = after.strip_prefix('-').map_or((after, false), |after| (after, true));
            let Some(body) = after.strip_prefix("%}") else { continue };
            let start = self.end - body.len();
            let Some((close, after_close, trim_end, trim_after)) = closing(body, name) else {
                return Err(syntax(format!("`{{% {name} %}}` is not closed"), open..start)
                    .help(format!("write `{{% end{name} %}}` where the literal text ends")));
            };
            let mut range = start..start + close;
            let whole = open..start + after_close;
            if name == "raw" {
                if self.source[range.clone()].contains('\n') {
                    return Err(syntax("`{% raw %}` and `{% endraw %}` must be on one line", open..start)
                        .help("use `{% verbatim %}` … `{% endverbatim %}` for several lines"));
                }
                self.push(TokenKind::Raw(range), whole.clone());
            } else {
                self.trim_next = trim_start;
                if trim_end {
                    range.end = range.start + self.source[range.clone()].trim_end().len();
                }
                self.literal(range, false);
            }
            self.trim_next = trim_after;
            self.at = whole.end;
            return Ok(true);
        }
        Ok(false)
    }

    /// Tokens up to the closing delimiter, which only counts outside of brackets.
    fn inside(&mut self, delimiter: Option<(&'static str, usize)>) -> Outcome<()> {
        let mut brackets: Vec<(&'static str, usize)> = Vec::new();
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if trimmed.is_empty() {
                if let Some((bracket, at)) = brackets.last() {
                    return Err(syntax(format!("`{bracket}` is not closed"), *at..at + 1));
                }
                return match delimiter {
                    None => Ok(()),
                    Some((close, open)) => {
                        let what = if close == "}}" { "{{" } else { "{%" };
                        Err(syntax(format!("`{what}` is not closed"), open..open + 2)
                            .help(format!("write `{close}` where it ends, or `{{% raw %}}{what}{{% endraw %}}` to print it")))
                    }
                };
            }
            if let Some((close, _)) = delimiter
                && brackets.is_empty()
            {
                let (after, trim) = trimmed.strip_prefix('-').map_or((trimmed, false), |after| (after, true));
                if after.starts_with(close) {
                    let end = self.at + usize::from(trim) + 2;
                    self.push(if close == "}}" { TokenKind::PrintEnd } else { TokenKind::TagEnd }, self.at..end);
                    self.trim_next = trim;
                    self.at = end;
                    return Ok(());
                }
            }
            self.token(trimmed, &mut brackets)?;
        }
    }

    fn token(&mut self, text: &str, brackets: &mut Vec<(&'static str, usize)>) -> Outcome<()> {
        let start = self.at;
        let Some(first) = text.chars().next() else { return Ok(()) };
        if first.is_alphabetic() || first == '_' || first == '$' {
            let len = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(text.len());
            self.at += len;
            self.push(TokenKind::Name, start..start + len);
            return Ok(());
        }
        if first.is_ascii_digit() {
            return self.number(text);
        }
        if first == '"' || first == '\'' {
            return self.string(text, first);
        }
        let Some(symbol) = SYMBOLS.into_iter().find(|symbol| text.starts_with(symbol)) else {
            return Err(syntax(format!("`{first}` has no meaning in an expression"), start..start + first.len_utf8()));
        };
        match symbol {
            "||" => return Err(syntax("`||` is not an operator", start..start + 2).help("write `or`")),
            "&&" => return Err(syntax("`&&` is not an operator", start..start + 2).help("write `and`")),
            "(" => brackets.push((symbol, start)),
            "[" => brackets.push((symbol, start)),
            "{" if text.starts_with("{{") => {
                let fault = syntax("an expression inside of an expression", start..start + 2);
                return Err(fault.help("inside of `{{ }}` names need no further braces: `outputs[flow.id]`"));
            }
            "{" => brackets.push((symbol, start)),
            ")" | "]" | "}" => {
                let expected = match symbol {
                    ")" => "(",
                    "]" => "[",
                    _ => "{",
                };
                match brackets.pop() {
                    Some((open, _)) if open == expected => {}
                    Some((open, place)) => return Err(syntax(format!("`{open}` is not closed before this `{symbol}`"), place..place + 1)),
                    None => {
                        let fault = syntax(format!("`{symbol}` closes nothing"), start..start + 1);
                        return Err(if symbol == "}" { fault.help("an expression ends with two braces: `}}`") } else { fault });
                    }
                }
            }
            _ => {}
        }
        self.at += symbol.len();
        self.push(TokenKind::Symbol(symbol), start..start + symbol.len());
        Ok(())
    }

    fn number(&mut self, text: &str) -> Outcome<()> {
        let start = self.at;
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let whole = digits(text);
        let fraction = text[whole..].strip_prefix('.').map_or(0, digits);
        let length = if fraction > 0 { whole + 1 + fraction } else { whole };
        let literal = &text[..length];
        let unreadable = || syntax(format!("`{literal}` is not a number"), start..start + length);
        let kind = if fraction > 0 {
            TokenKind::Float(literal.parse().map_err(|_| unreadable())?)
        } else {
            let value: i64 =
                literal.parse().map_err(|_| syntax(format!("`{literal}` does not fit a 64-bit integer"), start..start + length))?;
            TokenKind::Int(value.into())
        };
        self.at += length;
        if fraction == 0 && matches!(text.as_bytes().get(length), Some(b'l' | b'L')) {
            self.at += 1;
        }
        if self.rest().starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return Err(syntax(format!("`{literal}` runs into a name"), start..self.at + 1)
                .help("names start with a letter; put other keys in brackets: `a['1b']`"));
        }
        self.push(kind, start..self.at);
        Ok(())
    }

    /// A backslash escapes the quote only; before anything else it is itself, so regular expressions survive.
    fn string(&mut self, text: &str, quote: char) -> Outcome<()> {
        let start = self.at;
        let mut parts = Vec::new();
        let mut current = String::new();
        let mut chars = text.char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.peek() {
                    Some(&(_, next)) if next == quote => {
                        current.push(quote);
                        chars.next();
                    }
                    Some(&(_, '\\')) => {
                        current.push_str("\\\\");
                        chars.next();
                    }
                    _ => current.push('\\'),
                },
                '#' if quote == '"' && matches!(chars.peek(), Some((_, '{'))) => {
                    let inner = at + 2;
                    let Some(length) = interpolation(&text[inner..]) else {
                        return Err(syntax("`#{` inside the string is not closed", start + at..start + inner));
                    };
                    parts.push(Part::Text(std::mem::take(&mut current)));
                    parts.push(Part::Expr(start + inner..start + inner + length));
                    while chars.peek().is_some_and(|(at, _)| *at <= inner + length) {
                        chars.next();
                    }
                }
                c if c == quote => {
                    self.at = start + at + 1;
                    let kind = if parts.is_empty() {
                        TokenKind::Str(current)
                    } else {
                        parts.push(Part::Text(current));
                        TokenKind::Parts(parts)
                    };
                    self.push(kind, start..self.at);
                    return Ok(());
                }
                c => current.push(c),
            }
        }
        Err(syntax("the string is not closed", start..start + 1).help(format!("write {quote} where it ends")))
    }
}

/// Where `end<name>` starts in `body`, where it ends, and the trimming before and after it.
fn closing(body: &str, name: &str) -> Option<(usize, usize, bool, bool)> {
    let mut from = 0;
    loop {
        let open = from + body[from..].find("{%")?;
        let tag = &body[open + 2..];
        let (inner, trim) = tag.strip_prefix('-').map_or((tag, false), |inner| (inner, true));
        let after = inner.trim_start().strip_prefix("end").and_then(|rest| rest.strip_prefix(name)).map(str::trim_start);
        if let Some(after) = after {
            let (after, trim_after) = after.strip_prefix('-').map_or((after, false), |after| (after, true));
            if let Some(rest) = after.strip_prefix("%}") {
                return Some((open, body.len() - rest.len(), trim, trim_after));
            }
        }
        from = open + 2;
    }
}

/// Length of the expression before the `}` that ends an interpolation.
fn interpolation(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth == 0 => return Some(at),
            (None, '}') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}
