//! Functions on dates.

use jiff::ZonedDateTime;
use jiff::civil::Weekday;

use super::{Function, function};
use crate::date::{self, Options};
use crate::error::{Fault, Outcome};
use crate::eval::{Call, Param, from_host};
use crate::val::Val;

const DATE: &[Param] = &[Param::required("date"), Param::optional("timeZone")];
const DAYS: [&str; 7] = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];

pub(super) static FUNCTIONS: &[Function] = &[
    function(
        "now",
        &[Param::optional("format"), Param::optional("timeZone"), Param::optional("existingFormat"), Param::optional("locale")],
        "The present, in a format and a time zone.",
        |call| {
            let options = Options::of(call, 0);
            let now = date::now(&options, call.render.host)?;
            options.show(&now).map(Val::text)
        },
    ),
    function("isWeekend", DATE, "Whether a date is a Saturday or a Sunday.", |call| {
        Ok(Val::Bool(matches!(read(call, 0)?.weekday(), Weekday::Saturday | Weekday::Sunday)))
    }),
    function(
        "isPublicHoliday",
        &[Param::required("date"), Param::optional("country"), Param::optional("subdivision")],
        "Whether a date is a public holiday of a country.",
        |call| {
            let day = plain(call, 0)?.strftime("%Y-%m-%d").to_string();
            let found = call.render.host.public_holiday(&day, call.text(1).as_deref(), call.text(2).as_deref());
            from_host(found).map(Val::Bool)
        },
    ),
    function(
        "isDayWeekInMonth",
        &[Param::required("date"), Param::required("dayOfWeek"), Param::required("position")],
        "Whether a date is the `FIRST`, `SECOND`, `THIRD`, `FOURTH` or `LAST` of a weekday in its month.",
        day_week_in_month,
    ),
    function(
        "isLastWorkingDay",
        &[Param::required("date"), Param::optional("days")],
        "Whether a date is the last working day of its month; `days` lists the weekdays that are worked.",
        last_working_day,
    ),
    function("dayOfWeek", DATE, "The weekday of a date, like `MONDAY`.", |call| {
        let index = usize::try_from(read(call, 0)?.weekday().to_monday_zero_offset()).unwrap_or(0);
        Ok(Val::Str(DAYS[index % 7]))
    }),
    function("dayOfMonth", DATE, "The day of a date in its month, from 1.", |call| Ok(Val::Int(read(call, 0)?.day().into()))),
    function("monthOfYear", DATE, "The month of a date, from 1.", |call| Ok(Val::Int(read(call, 0)?.month().into()))),
    function("hourOfDay", DATE, "The hour of a date, from 0.", |call| Ok(Val::Int(read(call, 0)?.hour().into()))),
    function(
        "isDateBetween",
        &[Param::required("date"), Param::required("after"), Param::required("before")],
        "Whether a date is after one date and before another.",
        |call| {
            let date = plain(call, 0)?;
            Ok(Val::Bool(plain(call, 1)? < date && date < plain(call, 2)?))
        },
    ),
];

/// The date argument in the zone of the argument after it.
fn read(call: &Call<'_, '_>, index: usize) -> Outcome<ZonedDateTime> {
    let options = Options { time_zone: call.text(index + 1), ..Options::default() };
    date::read(&call.arg(index), &options, call.render.host)
}

fn plain(call: &Call<'_, '_>, index: usize) -> Outcome<ZonedDateTime> {
    date::read(&call.arg(index), &Options::default(), call.render.host)
}

fn weekday(name: &str) -> Outcome<i8> {
    let wanted = name.trim().to_uppercase();
    let index = DAYS.iter().position(|day| *day == wanted);
    index
        .and_then(|index| i8::try_from(index).ok())
        .ok_or_else(|| Fault::argument(format!("there is no weekday `{name}`")).help(format!("the weekdays are {}", DAYS.join(", "))))
}

fn day_week_in_month<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let date = plain(call, 0)?;
    if date.weekday().to_monday_zero_offset() != weekday(&call.need_text(1)?)? {
        return Ok(Val::Bool(false));
    }
    let position = call.need_text(2)?.to_uppercase();
    let nth = (date.day() - 1) / 7 + 1;
    Ok(Val::Bool(match position.as_str() {
        "FIRST" => nth == 1,
        "SECOND" => nth == 2,
        "THIRD" => nth == 3,
        "FOURTH" => nth == 4,
        "LAST" => date.day() + 7 > date.days_in_month(),
        _ => return Err(Fault::argument(format!("there is no position `{position}`")).help("write FIRST, SECOND, THIRD, FOURTH or LAST")),
    }))
}

fn last_working_day<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let worked: Vec<i8> = match call.arg(1) {
        Val::Null => vec![0, 1, 2, 3, 4],
        days => match days.items() {
            Some(days) => days.map(|day| weekday(&crate::print::text(&day))).collect::<Outcome<_>>()?,
            None => return Err(call.wrong(1, "a list of weekdays")),
        },
    };
    let date = plain(call, 0)?;
    let today = date.weekday().to_monday_zero_offset();
    let later = date.days_in_month() - date.day();
    let worked_later = (1..=later).any(|ahead| worked.contains(&((today + ahead) % 7)));
    Ok(Val::Bool(worked.contains(&today) && !worked_later))
}
