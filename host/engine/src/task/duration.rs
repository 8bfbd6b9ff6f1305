//! Properties that are written out or rendered first.

use std::time::Duration;

use switchyard_expr::{Engine, Scope, is_truthy};
use switchyard_model::Dynamic;
use switchyard_plugin_api::Error;

fn text(expr: &Engine, template: &str, scope: &dyn Scope) -> Result<String, Error> {
    expr.render(template, scope).map_err(|error| super::decide::unrendered(&error))
}

/// A duration, in ISO-8601 when it was an expression.
pub fn duration(expr: &Engine, value: &Dynamic<Duration>, scope: &dyn Scope) -> Result<Duration, Error> {
    match value {
        Dynamic::Literal(value) => Ok(*value),
        Dynamic::Template(template) => {
            let text = text(expr, template, scope)?;
            switchyard_model::duration::parse(text.trim()).map_err(|_| {
                Error::user("flow::not_a_duration", format!("`{template}` rendered to `{text}`, which is not an ISO-8601 duration"))
                    .with_help("write durations like PT30S, PT5M or P1D")
            })
        }
    }
}

/// A count.
pub fn number(expr: &Engine, value: &Dynamic<u64>, scope: &dyn Scope) -> Result<u64, Error> {
    match value {
        Dynamic::Literal(value) => Ok(*value),
        Dynamic::Template(template) => {
            let text = text(expr, template, scope)?;
            text.trim()
                .parse()
                .map_err(|_| Error::user("flow::not_a_number", format!("`{template}` rendered to `{text}`, which is not a whole number")))
        }
    }
}

/// A flag, by the rule of `runIf`.
pub fn flag(expr: &Engine, value: &Dynamic<bool>, scope: &dyn Scope) -> Result<bool, Error> {
    match value {
        Dynamic::Literal(value) => Ok(*value),
        Dynamic::Template(template) => text(expr, template, scope).map(|text| is_truthy(&text)),
    }
}
