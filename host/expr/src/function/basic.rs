//! Functions that need nothing but their arguments.

use std::cmp::Ordering;

use super::{Function, function};
use crate::error::{Fault, Outcome};
use crate::eval::{Call, Param, compare};
use crate::val::Val;

pub(super) static FUNCTIONS: &[Function] = &[
    function("block", &[Param::required("name")], "Prints a block of this template again.", |call| {
        let name = call.need_text(0)?;
        call.render.block(&name)
    }),
    function("parent", &[], "The block of a parent template: always empty, templates do not inherit.", |_| Ok(Val::Str(""))),
    function("max", &[], "The largest of its numbers.", |call| extreme(call, Ordering::Greater)).variadic(),
    function("min", &[], "The smallest of its numbers.", |call| extreme(call, Ordering::Less)).variadic(),
    function(
        "range",
        &[Param::required("start"), Param::required("end"), Param::optional("increment")],
        "The numbers (or characters) from start to end, both included.",
        |call| match (call.arg(0), call.arg(1)) {
            (from @ (Val::Str(_) | Val::Text(_)), to) => call.render.range(&from, &to),
            _ => {
                let (from, to, step) = (call.need_int(0)?, call.need_int(1)?, call.int(2)?.unwrap_or(1));
                call.render.sequence(from, to, step)
            }
        },
    ),
];

fn extreme<'a>(call: &mut Call<'_, 'a>, wanted: Ordering) -> Outcome<Val<'a>> {
    let mut found: Option<Val<'a>> = None;
    for value in call.all() {
        if match &found {
            Some(best) => compare(value, best)? == wanted,
            None => compare(value, value).is_ok(),
        } {
            found = Some(value.clone());
        } else if found.is_none() {
            return Err(call.wrong(0, "numbers"));
        }
    }
    found.ok_or_else(|| Fault::argument(format!("`{}` needs at least one number", call.name)))
}
