//! Ion text, as the superset of JSON that flows meet: symbols, single quotes, comments, timestamps, blobs, annotations.

use std::borrow::Cow;

use indexmap::IndexMap;

use crate::error::{Fault, Outcome};
use crate::print;
use crate::val::Val;

/// Deepest nesting that is read.
const NESTING: usize = 100;

/// A value as one line of Ion text.
pub(crate) fn write(value: &Val<'_>) -> String {
    let mut out = String::new();
    write_into(value, &mut out);
    out
}

fn write_into(value: &Val<'_>, out: &mut String) {
    if let Some(items) = value.items() {
        out.push('[');
        for (index, item) in items.enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_into(&item, out);
        }
        out.push(']');
    } else if let Some(entries) = value.entries() {
        out.push('{');
        for (index, (key, item)) in entries.enumerate() {
            if index > 0 {
                out.push(',');
            }
            symbol(&key, out);
            out.push(':');
            write_into(&item, out);
        }
        out.push('}');
    } else if let Val::Float(f) = value {
        // Ion: a decimal without exponent is another type than a float.
        out.push_str(&format!("{f:e}"));
    } else {
        print::json_into(value, out);
    }
}

fn symbol(name: &str, out: &mut String) {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !matches!(name, "null" | "true" | "false" | "nan");
    if plain {
        out.push_str(name);
    } else {
        let mut quoted = String::new();
        print::quoted(name, &mut quoted);
        let inner = &quoted[1..quoted.len() - 1];
        out.push('\'');
        out.push_str(&inner.replace("\\\"", "\"").replace('\'', "\\'"));
        out.push('\'');
    }
}

/// All top-level values of an Ion text (JSON is Ion too), as JSON.
pub fn rows(text: &str) -> Result<Vec<serde_json::Value>, String> {
    read(text).map(|rows| rows.iter().map(Val::to_json).collect()).map_err(|fault| fault.message)
}

/// All top-level values of an Ion text.
pub(crate) fn read<'a>(text: &str) -> Outcome<Vec<Val<'a>>> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let mut rows = Vec::new();
    reader.space();
    while reader.at < text.len() {
        if reader.rest().starts_with("$ion_1_0") {
            reader.at += "$ion_1_0".len();
        } else {
            rows.push(reader.value()?);
        }
        reader.space();
    }
    Ok(rows)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn fail(&self, message: &str) -> Box<Fault> {
        let line = self.text[..self.at.min(self.text.len())].matches('\n').count() + 1;
        Fault::value(format!("the Ion text cannot be read: {message} at byte {} (line {line})", self.at))
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn space(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            let skipped = if self.rest().starts_with("//") {
                self.rest().find('\n').unwrap_or(self.rest().len())
            } else if self.rest().starts_with("/*") {
                self.rest().find("*/").map_or(self.rest().len(), |end| end + 2)
            } else {
                return;
            };
            self.at += skipped;
        }
    }

    fn value<'a>(&mut self) -> Outcome<Val<'a>> {
        self.depth += 1;
        if self.depth > NESTING {
            return Err(self.fail("it nests too deep"));
        }
        self.space();
        let value = match self.rest().chars().next() {
            None => Err(self.fail("a value is missing")),
            Some('{') if self.rest().starts_with("{{") => self.lob(),
            Some('{') => self.structure(),
            Some('[') => self.sequence("[", "]"),
            Some('(') => self.sequence("(", ")"),
            Some('"') => self.quoted('"').map(Val::text),
            Some('\'') if self.rest().starts_with("'''") => self.long_string(),
            Some('\'') => {
                let name = self.quoted('\'')?;
                self.annotated(name)
            }
            Some(c) if c.is_ascii_digit() || c == '-' || c == '+' => self.number(),
            Some(_) => self.word(),
        };
        self.depth -= 1;
        value
    }

    /// After a symbol: `::` makes it an annotation of the value that follows, which is dropped.
    fn annotated<'a>(&mut self, name: String) -> Outcome<Val<'a>> {
        if self.eat("::") { self.value() } else { Ok(Val::text(name)) }
    }

    fn sequence<'a>(&mut self, open: &str, close: &str) -> Outcome<Val<'a>> {
        self.eat(open);
        let mut items = Vec::new();
        loop {
            self.space();
            if self.eat(close) {
                return Val::list(items);
            }
            items.push(self.value()?);
            self.space();
            if !self.eat(",") && open == "[" && !self.rest().starts_with(close) {
                return Err(self.fail("expected `,` or `]`"));
            }
        }
    }

    fn structure<'a>(&mut self) -> Outcome<Val<'a>> {
        self.eat("{");
        let mut entries = IndexMap::new();
        loop {
            self.space();
            if self.eat("}") {
                return Val::map(entries);
            }
            let key = match self.rest().chars().next() {
                Some('"') => self.quoted('"')?,
                Some('\'') => self.quoted('\'')?,
                _ => self.take(|c| c.is_alphanumeric() || matches!(c, '_' | '$')).to_owned(),
            };
            if key.is_empty() && !self.rest().starts_with(':') {
                return Err(self.fail("expected a field name"));
            }
            self.space();
            if !self.eat(":") {
                return Err(self.fail("expected `:` after the field name"));
            }
            let value = self.value()?;
            entries.insert(Cow::Owned(key), value);
            self.space();
            if !self.eat(",") && !self.rest().starts_with('}') {
                return Err(self.fail("expected `,` or `}`"));
            }
        }
    }

    /// `{{ base64 }}` or `{{ "text" }}`.
    fn lob<'a>(&mut self) -> Outcome<Val<'a>> {
        let end = self.rest().find("}}").ok_or_else(|| self.fail("`{{` is not closed"))?;
        let inner = self.rest()[2..end].trim();
        self.at += end + 2;
        let inner = inner.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(inner);
        Ok(Val::text(inner))
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn number<'a>(&mut self) -> Outcome<Val<'a>> {
        let start = self.at;
        let word = self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.' | ':' | '_'));
        let is_time = word.len() > 4 && word.as_bytes()[0].is_ascii_digit() && matches!(word.as_bytes().get(4), Some(b'-' | b'T'));
        if is_time {
            return Ok(Val::text(word));
        }
        let plain = word.replace('_', "");
        if word == "+inf" || word == "-inf" {
            return Ok(Val::Null);
        }
        if let Some(hex) = plain.strip_prefix("0x") {
            return i128::from_str_radix(hex, 16).map(Val::Int).map_err(|_| self.fail("a number is malformed"));
        }
        if let Ok(int) = plain.parse::<i128>() {
            return Ok(Val::Int(int));
        }
        let decimal = plain.replace(['d', 'D'], "e");
        match decimal.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(Val::Float(float)),
            _ => {
                self.at = start;
                Err(self.fail("a number is malformed"))
            }
        }
    }

    fn word<'a>(&mut self) -> Outcome<Val<'a>> {
        let word = self.take(|c| c.is_alphanumeric() || matches!(c, '_' | '$'));
        if word.is_empty() {
            return Err(self.fail("an unexpected character"));
        }
        match word {
            "true" => Ok(Val::Bool(true)),
            "false" => Ok(Val::Bool(false)),
            "nan" => Ok(Val::Null),
            "null" => {
                if self.eat(".") {
                    self.take(|c| c.is_ascii_alphabetic());
                }
                Ok(Val::Null)
            }
            word => self.annotated(word.to_owned()),
        }
    }

    fn long_string<'a>(&mut self) -> Outcome<Val<'a>> {
        let mut text = String::new();
        while self.eat("'''") {
            let end = self.rest().find("'''").ok_or_else(|| self.fail("`'''` is not closed"))?;
            text.push_str(&self.rest()[..end]);
            self.at += end + 3;
            self.space();
        }
        Ok(Val::text(text))
    }

    fn quoted(&mut self, quote: char) -> Outcome<String> {
        let mut out = String::new();
        self.at += 1;
        loop {
            let Some(c) = self.rest().chars().next() else { return Err(self.fail("a string is not closed")) };
            self.at += c.len_utf8();
            match c {
                c if c == quote => return Ok(out),
                '\\' => {
                    let Some(escape) = self.rest().chars().next() else { return Err(self.fail("a string is not closed")) };
                    self.at += escape.len_utf8();
                    match escape {
                        'n' => out.push('\n'),
                        't' => out.push('\t'),
                        'r' => out.push('\r'),
                        'b' => out.push('\u{8}'),
                        'f' => out.push('\u{c}'),
                        'a' => out.push('\u{7}'),
                        'v' => out.push('\u{b}'),
                        '0' => out.push('\0'),
                        '\n' => {}
                        'x' => out.push(self.code(2)?),
                        'u' => out.push(self.unit()?),
                        'U' => out.push(self.code(8)?),
                        other => out.push(other),
                    }
                }
                c => out.push(c),
            }
        }
    }

    fn hex(&mut self, digits: usize) -> Outcome<u32> {
        let code = self.rest().get(..digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        self.at = (self.at + digits).min(self.text.len());
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
        code.ok_or_else(|| self.fail("an escape is malformed"))
    }

    fn code(&mut self, digits: usize) -> Outcome<char> {
        let code = self.hex(digits)?;
        char::from_u32(code).ok_or_else(|| self.fail("an escape is malformed"))
    }

    /// `\u` with its second half when it is a surrogate.
    fn unit(&mut self) -> Outcome<char> {
        let high = self.hex(4)?;
        if (0xD800..0xDC00).contains(&high) && self.eat("\\u") {
            let low = self.hex(4)?;
            let code = 0x10000 + ((high - 0xD800) << 10) + low.wrapping_sub(0xDC00) % 0x400;
            return char::from_u32(code).ok_or_else(|| self.fail("an escape is malformed"));
        }
        char::from_u32(high).ok_or_else(|| self.fail("an escape is malformed"))
    }
}
