//! Filters on numbers.

use super::{Filter, filter};
use crate::decimal_format;
use crate::error::{Fault, Outcome};
use crate::eval::{Call, Param};
use crate::val::Val;

pub(super) static FILTERS: &[Filter] = &[
    filter("abs", &[], "Absolute value.", |call| match &call.input {
        Val::Int(i) => Ok(Val::Int(i.saturating_abs())),
        Val::Float(f) => Ok(Val::Float(f.abs())),
        _ => Err(call.wrong_input("a number")),
    }),
    filter("className", &[], "The Java class name of a value.", |call| Ok(Val::Str(class_name(&call.input)))),
    filter(
        "number",
        &[Param::optional("type")],
        "A number from text: `INT`, `LONG`, `FLOAT`, `DOUBLE`, `BIGDECIMAL`, `BIGINTEGER`, or what fits.",
        number,
    ),
    filter("numberFormat", &[Param::optional("format")], "A number by a Java DecimalFormat pattern.", |call| {
        let pattern = call.text(0).unwrap_or_else(|| "#,##0.###".to_owned());
        if !matches!(call.input, Val::Int(_) | Val::Float(_)) {
            return Err(call.wrong_input("a number"));
        }
        decimal_format::format(&call.input, &pattern).map(Val::text)
    }),
];

fn class_name(value: &Val<'_>) -> &'static str {
    match value {
        Val::Null => "null",
        Val::Bool(_) => "java.lang.Boolean",
        Val::Int(i) if i32::try_from(*i).is_ok() => "java.lang.Integer",
        Val::Int(i) if i64::try_from(*i).is_ok() => "java.lang.Long",
        Val::Int(_) => "java.math.BigInteger",
        Val::Float(_) => "java.lang.Double",
        Val::Str(_) | Val::Text(_) => "java.lang.String",
        value if value.is_list() => "java.util.ArrayList",
        _ => "java.util.LinkedHashMap",
    }
}

fn number<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    if matches!(call.input, Val::Int(_) | Val::Float(_)) && !call.given(0) {
        return Ok(call.input.clone());
    }
    let text = call.input_text()?;
    let text = text.trim();
    let kind = call.text(0).unwrap_or_default();
    let unreadable = || {
        let kind = if kind.is_empty() { String::new() } else { format!(" of type {kind}") };
        Fault::value(format!("`{text}` is not a number{kind}"))
    };
    let integer = |fits: fn(i128) -> bool| text.parse::<i128>().ok().filter(|i| fits(*i)).map(Val::Int);
    let decimal = || {
        let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'));
        text.parse::<f64>().ok().filter(|f| numeric && f.is_finite()).map(Val::Float)
    };
    let found = match kind.as_str() {
        "" => integer(|_| true).or_else(decimal),
        "INT" => integer(|i| i32::try_from(i).is_ok()),
        "LONG" => integer(|i| i64::try_from(i).is_ok()),
        "BIGINTEGER" => integer(|_| true),
        "BIGDECIMAL" => integer(|_| true).or_else(decimal),
        "FLOAT" | "DOUBLE" => decimal(),
        _ => {
            return Err(Fault::argument(format!("`number` does not know the type `{kind}`"))
                .help("write INT, LONG, FLOAT, DOUBLE, BIGDECIMAL or BIGINTEGER"));
        }
    };
    found.ok_or_else(unreadable)
}
