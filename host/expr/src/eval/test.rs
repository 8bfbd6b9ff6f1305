//! `is …` and `is not …`.

use super::Render;
use crate::ast::{Expr, Test};
use crate::error::{Fault, Outcome};
use crate::val::Val;

impl<'a> Render<'a> {
    pub(super) fn test(&mut self, subject: &'a Expr, test: Test) -> Outcome<bool> {
        if test == Test::Defined {
            return match self.eval(subject) {
                Ok(value) => Ok(!value.is_null()),
                Err(fault) if fault.code.is_missing() => Ok(false),
                Err(fault) => Err(fault),
            };
        }
        let value = self.eval(subject)?;
        Ok(match test {
            Test::Defined | Test::Null => value.is_null(),
            Test::Empty => is_empty(&value),
            Test::Even => integer(&value, "even")? % 2 == 0,
            Test::Odd => integer(&value, "odd")? % 2 != 0,
            Test::Iterable => value.is_list() || value.is_map(),
            Test::Map => value.is_map(),
            Test::Json => value.as_str().is_some_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()),
        })
    }
}

fn integer(value: &Val<'_>, test: &str) -> Outcome<i128> {
    match value {
        Val::Int(i) => Ok(*i),
        other => Err(Fault::kind(format!("`is {test}` needs an integer, not {}", other.kind()))),
    }
}

/// Null, blank text, an empty list or map.
pub(crate) fn is_empty(value: &Val<'_>) -> bool {
    match value.as_str() {
        Some(text) => text.trim().is_empty(),
        None => value.is_null() || value.is_empty(),
    }
}
