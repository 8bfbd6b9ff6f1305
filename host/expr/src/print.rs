//! Values as text.

use std::fmt::Write as _;

use serde_json::Value;

use crate::val::Val;

/// Nothing larger is ever printed: a value that shares its parts can print as more than memory holds. Whoever prints pays
/// afterwards, and everything above the limit of the output is an error then.
pub(crate) const CAP: usize = 256 << 20;

/// Appends what `{{ value }}` prints: nothing for null, JSON for maps and lists.
pub(crate) fn print(value: &Val<'_>, out: &mut String) {
    match value {
        Val::Null => {}
        Val::Str(text) => out.push_str(text),
        Val::Text(text) => out.push_str(text),
        other => json_into(other, out),
    }
}

/// What `{{ value }}` prints.
pub(crate) fn text(value: &Val<'_>) -> String {
    let mut out = String::new();
    print(value, &mut out);
    out
}

/// The value as compact JSON.
pub(crate) fn json(value: &Val<'_>) -> String {
    let mut out = String::new();
    json_into(value, &mut out);
    out
}

pub(crate) fn json_into(value: &Val<'_>, out: &mut String) {
    if out.len() > CAP {
        return;
    }
    match value {
        Val::Null | Val::Lazy(_) | Val::Context(_) => out.push_str("null"),
        Val::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Val::Int(i) => push_fmt(out, format_args!("{i}")),
        Val::Float(f) => float(*f, out),
        Val::Str(text) => quoted(text, out),
        Val::Text(text) => quoted(text, out),
        Val::Json(value) => borrowed(value, out),
        Val::List(_) => {
            out.push('[');
            for (i, item) in value.items().into_iter().flatten().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                json_into(&item, out);
            }
            out.push(']');
        }
        Val::Map(_) => {
            out.push('{');
            for (i, (key, item)) in value.entries().into_iter().flatten().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                quoted(&key, out);
                out.push(':');
                json_into(&item, out);
            }
            out.push('}');
        }
    }
}

fn borrowed(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                borrowed(item, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            out.push('{');
            for (i, (key, item)) in entries.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                quoted(key, out);
                out.push(':');
                borrowed(item, out);
            }
            out.push('}');
        }
        scalar => json_into(&Val::from(scalar), out),
    }
}

/// A decimal always shows that it is one: `1.0`.
pub(crate) fn float(f: f64, out: &mut String) {
    push_fmt(out, format_args!("{f:?}"));
}

fn push_fmt(out: &mut String, args: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(args);
}

pub(crate) fn quoted(text: &str, out: &mut String) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        if escape.is_empty() {
            push_fmt(out, format_args!("\\u{byte:04x}"));
        } else {
            out.push_str(escape);
        }
        from = at + 1;
    }
    out.push_str(&text[from..]);
    out.push('"');
}
