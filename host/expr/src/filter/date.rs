//! Filters on dates.

use super::{Filter, filter};
use crate::date::{self, Options};
use crate::error::{Fault, Outcome};
use crate::eval::{Call, Param};
use crate::val::Val;

const DATE: &[Param] =
    &[Param::optional("format"), Param::optional("timeZone"), Param::optional("existingFormat"), Param::optional("locale")];
const DATE_ADD: &[Param] = &[
    Param::required("amount"),
    Param::required("unit"),
    Param::optional("format"),
    Param::optional("timeZone"),
    Param::optional("existingFormat"),
    Param::optional("locale"),
];
const STAMP: &[Param] = &[Param::optional("existingFormat"), Param::optional("timeZone")];

pub(super) static FILTERS: &[Filter] = &[
    filter("date", DATE, "A date in a format and a time zone.", |call| {
        let options = Options::of(call, 0);
        let date = date::read(&call.input, &options, call.render.host)?;
        options.show(&date).map(Val::text)
    }),
    filter("dateAdd", DATE_ADD, "A date plus an amount of a unit like `DAYS`.", |call| {
        let options = Options::of(call, 2);
        let date = date::read(&call.input, &options, call.render.host)?;
        let date = date::add(&date, call.need_int(0)?, &call.need_text(1)?)?;
        options.show(&date).map(Val::text)
    }),
    filter("timestamp", STAMP, "Seconds since 1970.", |call| Ok(Val::Int(nanos(call)?.div_euclid(1_000_000_000)))),
    filter("timestampMilli", STAMP, "Milliseconds since 1970.", |call| Ok(Val::Int(nanos(call)?.div_euclid(1_000_000)))),
    filter("timestampMicro", STAMP, "Microseconds since 1970, as text.", |call| Ok(Val::text(nanos(call)?.div_euclid(1000).to_string()))),
    filter("timestampNano", STAMP, "Nanoseconds since 1970, as text.", |call| Ok(Val::text(nanos(call)?.to_string()))),
];

fn nanos(call: &Call<'_, '_>) -> Outcome<i128> {
    if call.input.is_null() {
        return Err(Fault::kind("null is not a date"));
    }
    let options = Options { existing_format: call.text(0), time_zone: call.text(1), ..Options::default() };
    Ok(date::read(&call.input, &options, call.render.host)?.timestamp().as_nanosecond())
}
