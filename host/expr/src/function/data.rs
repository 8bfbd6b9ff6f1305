//! Functions that read texts, render again and look at the context.

use std::borrow::Cow;
use std::sync::Arc;

use indexmap::IndexMap;

use super::{Function, function};
use crate::error::{Code, Fault, Outcome};
use crate::eval::{Call, Param, Render, same};
use crate::raw;
use crate::val::Val;
use crate::{ion, print, yaml};

const RENDER: &[Param] = &[Param::required("toRender"), Param::optional("recursive")];

pub(super) static FUNCTIONS: &[Function] = &[
    function("json", &[Param::required("json")], "The value of a JSON text; the old name of `fromJson`.", from_json),
    function("fromJson", &[Param::required("json")], "The value of a JSON text.", from_json),
    function(
        "fromIon",
        &[Param::required("ion"), Param::optional("allRows")],
        "The first value of an Ion text, or the list of all with `allRows=true`.",
        |call| {
            let Some(text) = readable(call, "Ion")? else { return Ok(Val::Null) };
            let rows = ion::read(&text)?;
            if call.flag(1)?.unwrap_or(false) { Val::list(rows) } else { Ok(rows.into_iter().next().unwrap_or(Val::Null)) }
        },
    ),
    function("yaml", &[Param::required("yaml")], "The value of a YAML text.", |call| match readable(call, "YAML")? {
        Some(text) => yaml::read(&text),
        None => Ok(Val::Null),
    }),
    function("render", RENDER, "Renders a text, a list or a map until nothing changes any more.", |call| {
        let recursive = call.flag(1)?.unwrap_or(true);
        let value = call.arg(0);
        render(call.render, &value, recursive)
    }),
    function("renderOnce", &[Param::required("toRender")], "Renders a text, a list or a map once.", |call| {
        let value = call.arg(0);
        render(call.render, &value, false)
    }),
    function("printContext", &[], "All variables as JSON.", |call| Ok(Val::text(print::json(&context(call)?)))),
    function("fetchContext", &[], "All variables as a map.", context),
    function(
        "currentEachOutput",
        &[Param::required("outputs")],
        "The outputs of a sibling task in the same iteration of all loops around.",
        current_each_output,
    ),
    function(
        "iterationOutput",
        &[Param::required("outputs"), Param::required("iteration")],
        "The outputs of one iteration of a loop: by its number, or by its value.",
        |call| {
            let (outputs, iteration) = (call.arg(0), call.arg(1));
            let number = if let Val::Int(number) = iteration { usize::try_from(number).ok() } else { None };
            match number.zip(outputs.entries()).and_then(|(number, mut entries)| entries.nth(number)) {
                Some((_, found)) => Ok(found),
                None => call.render.index(&outputs, &iteration),
            }
        },
    ),
    function(
        "loopOutputs",
        &[Param::required("list"), Param::required("name")],
        "One output of every iteration of a loop, as a list.",
        |call| {
            let (list, name) = (call.arg(0), call.need_text(1)?);
            let Some(items) = list.items() else { return Err(call.wrong(0, "a list")) };
            Val::list(items.map(|item| call.render.attribute(&item, &name)).collect::<Outcome<_>>()?)
        },
    ),
];

/// The text to read; `None` for null.
fn readable(call: &Call<'_, '_>, format: &str) -> Outcome<Option<String>> {
    match call.arg(0) {
        Val::Null => Ok(None),
        value => match value.as_str() {
            Some(text) => {
                call.render.charge_bytes(text.len())?;
                Ok(Some(text.to_owned()))
            }
            None => Err(call.wrong(0, &format!("a string of {format}"))),
        },
    }
}

fn from_json<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let Some(text) = readable(call, "JSON")? else { return Ok(Val::Null) };
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| Fault::value(format!("the text is not JSON: {error}")))?;
    Ok(Val::owned(value))
}

fn render<'a>(render: &mut Render<'a>, value: &Val<'a>, recursive: bool) -> Outcome<Val<'a>> {
    if let Some(text) = value.as_str() {
        return Ok(Val::text(render_text(render, text, recursive)?));
    }
    if let Some(items) = value.items() {
        return Val::list(items.map(|item| self::render(render, &item, recursive)).collect::<Outcome<_>>()?);
    }
    if let Some(entries) = value.entries() {
        let mut rendered = IndexMap::new();
        for (key, item) in entries {
            let key = Cow::Owned(render_text(render, &key, recursive)?);
            rendered.insert(key, self::render(render, &item, recursive)?);
        }
        return Val::map(rendered);
    }
    Ok(value.clone())
}

fn render_text(render: &mut Render<'_>, text: &str, recursive: bool) -> Outcome<String> {
    let mut text = Cow::Borrowed(text);
    let rounds = if recursive { render.limits().renderings } else { 1 };
    for _ in 0..rounds {
        if !crate::needs_rendering(&text) {
            return Ok(raw::strip(text.into_owned()));
        }
        let rendered = render.deeper(|render| {
            let template: Arc<_> = render.engine.template(&text).map_err(Fault::foreign)?;
            let scope = render.inner_scope();
            render.engine.pass(&template, &scope, render.budget).map_err(Fault::foreign)
        })?;
        if rendered == *text || !recursive {
            return Ok(raw::strip(rendered));
        }
        text = Cow::Owned(rendered);
    }
    Err(Fault::new(Code::Rerender, format!("too many rendering attempts: the text still changes after {rounds} rounds"))
        .help("look for a variable that contains itself, or use `renderOnce()`"))
}

fn context<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let visible = call.render.visible().into_iter();
    let plain = visible.filter(|(_, value)| !matches!(value, Val::Lazy(_) | Val::Context(_)));
    Val::map(plain.map(|(name, value)| (Cow::Owned(name), value)).collect())
}

fn current_each_output<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let render = &*call.render;
    let mut outputs = call.arg(0);
    let value_of = |holder: Val<'a>| render.attribute(&holder, "taskrun").and_then(|taskrun| render.attribute(&taskrun, "value"));
    let parents: Vec<Val<'a>> = render.variable("parents").ok().and_then(|parents| parents.items()).into_iter().flatten().collect();
    let mut nearest = None;
    for parent in parents.into_iter().rev() {
        match value_of(parent) {
            Ok(value) => {
                outputs = render.index(&outputs, &value)?;
                nearest = Some(value);
            }
            Err(fault) if fault.code.is_missing() => {}
            Err(fault) => return Err(fault),
        }
    }
    let own = match render.attribute(&render.variable("taskrun")?, "value") {
        Err(fault) if fault.code.is_missing() && nearest.is_some() => return Ok(outputs),
        own => own?,
    };
    match render.index(&outputs, &own) {
        // A task deep inside a loop's body sees the value of its parent as its own, and that level is passed.
        Err(fault) if fault.code.is_missing() && nearest.is_some_and(|nearest| same(&nearest, &own)) => Ok(outputs),
        found => found,
    }
}
