//! What counts as true in `if`, `and`, `or`, `not` and `? :`.

use crate::error::{Fault, Outcome};
use crate::val::Val;

/// `None` for null; an error for values that are neither true nor false.
pub(crate) fn truth(value: &Val<'_>) -> Outcome<Option<bool>> {
    Ok(Some(match value {
        Val::Null => return Ok(None),
        Val::Bool(b) => *b,
        Val::Int(i) => *i != 0,
        Val::Float(f) => *f != 0.0,
        Val::Str(text) => !text.is_empty(),
        Val::Text(text) => !text.is_empty(),
        other => {
            return Err(Fault::kind(format!("a condition must be a boolean, a number or a string, not {}", other.kind()))
                .help("write `is not empty` to ask whether there is something in it"));
        }
    }))
}
