//! Calling functions, macros and filters.

use std::sync::Arc;

use super::Render;
use crate::ast::{Args, Expr, FilterUse, Macro};
use crate::error::{Code, Fault, Outcome};
use crate::filter::{self, Filter};
use crate::function;
use crate::nearest::{did_you_mean, elsewhere};
use crate::print;
use crate::val::Val;

/// A parameter of a filter or a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param {
    pub name: &'static str,
    pub required: bool,
}

impl Param {
    pub(crate) const fn required(name: &'static str) -> Self {
        Self { name, required: true }
    }
    pub(crate) const fn optional(name: &'static str) -> Self {
        Self { name, required: false }
    }
}

/// One use of a filter or a function: its input and its arguments in the order of the parameters.
pub(crate) struct Call<'r, 'a> {
    pub(crate) render: &'r mut Render<'a>,
    pub(crate) name: &'static str,
    /// Null for functions.
    pub(crate) input: Val<'a>,
    params: &'static [Param],
    args: Vec<Val<'a>>,
    given: Vec<bool>,
}

impl<'a> Call<'_, 'a> {
    /// The argument, or null.
    pub(crate) fn arg(&self, index: usize) -> Val<'a> {
        self.args.get(index).cloned().unwrap_or(Val::Null)
    }

    pub(crate) fn given(&self, index: usize) -> bool {
        self.given.get(index).copied().unwrap_or(false)
    }

    /// All arguments of a function that takes any number.
    pub(crate) fn all(&self) -> &[Val<'a>] {
        &self.args
    }

    /// The argument as text; `None` when it is null or not given.
    pub(crate) fn text(&self, index: usize) -> Option<String> {
        self.args.get(index).filter(|value| !value.is_null()).map(print::text)
    }

    /// The argument as text, which must be there.
    pub(crate) fn need_text(&self, index: usize) -> Outcome<String> {
        self.text(index).ok_or_else(|| self.wrong(index, "a string"))
    }

    pub(crate) fn int(&self, index: usize) -> Outcome<Option<i128>> {
        match self.args.get(index) {
            None | Some(Val::Null) => Ok(None),
            Some(Val::Int(i)) => Ok(Some(*i)),
            Some(Val::Float(f)) if f.fract() == 0.0 => Ok(Some(*f as i128)),
            Some(other) => {
                other.as_str().and_then(|text| text.trim().parse().ok()).map(Some).ok_or_else(|| self.wrong(index, "an integer"))
            }
        }
    }

    pub(crate) fn need_int(&self, index: usize) -> Outcome<i128> {
        self.int(index)?.ok_or_else(|| self.wrong(index, "an integer"))
    }

    pub(crate) fn flag(&self, index: usize) -> Outcome<Option<bool>> {
        match self.args.get(index) {
            None | Some(Val::Null) => Ok(None),
            Some(Val::Bool(b)) => Ok(Some(*b)),
            Some(other) => match other.as_str() {
                Some("true") => Ok(Some(true)),
                Some("false") => Ok(Some(false)),
                _ => Err(self.wrong(index, "true or false")),
            },
        }
    }

    pub(crate) fn wrong(&self, index: usize, wanted: &str) -> Box<Fault> {
        let name = self.params.get(index).map_or("argument", |param| param.name);
        let found = self.args.get(index).map_or("nothing", Val::kind);
        Fault::argument(format!("`{}` needs {wanted} as `{name}`, not {found}", self.name))
    }

    /// The input as text: a list or a map is none.
    pub(crate) fn input_text(&self) -> Outcome<String> {
        if self.input.is_list() || self.input.is_map() {
            return Err(self.wrong_input("a string"));
        }
        Ok(print::text(&self.input))
    }

    pub(crate) fn wrong_input(&self, wanted: &str) -> Box<Fault> {
        Fault::kind(format!("the filter `{}` needs {wanted}, not {}", self.name, self.input.kind()))
    }

    /// The items of the input list.
    pub(crate) fn input_items(&self) -> Outcome<Vec<Val<'a>>> {
        let items = self.input.items().ok_or_else(|| self.wrong_input("a list"))?;
        self.render.charge(items.size_hint().0)?;
        Ok(items.collect())
    }
}

impl<'a> Render<'a> {
    pub(super) fn call(&mut self, name: &'a Arc<str>, args: &'a Args) -> Outcome<Val<'a>> {
        if let Some(definition) = self.template.definitions().macros.get(name) {
            return self.call_macro(name, definition, args);
        }
        let Some(function) = function::find(name) else {
            let macros = self.template.definitions().macros.keys().map(|name| &**name);
            let known = function::all().map(|function| function.name).chain(macros);
            let message = format!("there is no function or macro `{name}`");
            let help = match filter::find(name) {
                Some(_) => Some(format!("`{name}` is a filter: write `value | {name}`")),
                None => did_you_mean(name, known).or_else(|| elsewhere(name).map(str::to_owned)),
            };
            return Err(Fault::new(Code::UnknownFunction, message).help_if(help));
        };
        let (args, given) = self.bind(function.name, function.params, function.variadic, args)?;
        let mut call = Call { render: self, name: function.name, input: Val::Null, params: function.params, args, given };
        (function.run)(&mut call)
    }

    pub(super) fn filter(&mut self, input: &'a Expr, filter: &'a FilterUse) -> Outcome<Val<'a>> {
        let value = match self.eval(input) {
            Err(fault) if filter.filter.takes_missing && fault.code.is_missing() => Val::Null,
            other => other?,
        };
        self.apply(value, filter).map_err(|fault| fault.at(&filter.span))
    }

    pub(crate) fn apply(&mut self, input: Val<'a>, filter: &'a FilterUse) -> Outcome<Val<'a>> {
        let definition: &'static Filter = filter.filter;
        let (args, given) = self.bind(definition.name, definition.params, false, &filter.args)?;
        if input.is_null() && !definition.takes_null {
            return Ok(Val::Null);
        }
        let mut call = Call { render: self, name: definition.name, input, params: definition.params, args, given };
        let result = (definition.run)(&mut call)?;
        if let Some(text) = result.as_str() {
            self.charge_bytes(text.len())?;
        }
        Ok(result)
    }

    /// Puts the arguments in the order of the parameters.
    fn bind(&mut self, name: &str, params: &[Param], variadic: bool, args: &'a Args) -> Outcome<(Vec<Val<'a>>, Vec<bool>)> {
        let mut bound = Vec::with_capacity(params.len());
        for expr in &args.positional {
            if bound.len() >= params.len() && !variadic {
                let allowed = params.iter().map(|param| param.name).collect::<Vec<_>>().join(", ");
                let help = if params.is_empty() { "it takes none".to_owned() } else { format!("it takes ({allowed})") };
                return Err(Fault::argument(format!("`{name}` has too many arguments")).help(help).at(&expr.span));
            }
            bound.push(self.eval(expr)?);
        }
        let mut given = vec![true; bound.len()];
        if !variadic {
            bound.resize(params.len(), Val::Null);
            given.resize(params.len(), false);
        }
        for (key, expr) in &args.named {
            let Some(index) = params.iter().position(|param| param.name == &**key) else {
                let names = params.iter().map(|param| param.name);
                let help = did_you_mean(key, names.clone()).or_else(|| {
                    let names = names.collect::<Vec<_>>().join(", ");
                    Some(if names.is_empty() { "it takes none".to_owned() } else { format!("it takes ({names})") })
                });
                return Err(Fault::argument(format!("`{name}` has no argument `{key}`")).help_if(help).at(&expr.span));
            };
            if index >= bound.len() {
                bound.resize(index + 1, Val::Null);
                given.resize(index + 1, false);
            }
            if given[index] {
                return Err(Fault::argument(format!("`{name}` gets its argument `{key}` twice")).at(&expr.span));
            }
            bound[index] = self.eval(expr)?;
            given[index] = true;
        }
        for (index, param) in params.iter().enumerate() {
            if param.required && !given.get(index).copied().unwrap_or(false) {
                return Err(Fault::argument(format!("`{name}` needs its argument `{}`", param.name)));
            }
        }
        Ok((bound, given))
    }

    fn call_macro(&mut self, name: &str, definition: &'a Macro, args: &'a Args) -> Outcome<Val<'a>> {
        let mut values: Vec<Option<Val<'a>>> = Vec::new();
        values.resize_with(definition.params.len(), || None);
        for (index, expr) in args.positional.iter().enumerate() {
            let Some(slot) = values.get_mut(index) else {
                return Err(Fault::argument(format!("the macro `{name}` takes {} arguments", definition.params.len())).at(&expr.span));
            };
            *slot = Some(self.eval(expr)?);
        }
        for (key, expr) in &args.named {
            let Some(index) = definition.params.iter().position(|(param, _)| param == key) else {
                let params = definition.params.iter().map(|(param, _)| &**param);
                return Err(Fault::argument(format!("the macro `{name}` has no argument `{key}`"))
                    .help_if(did_you_mean(key, params))
                    .at(&expr.span));
            };
            values[index] = Some(self.eval(expr)?);
        }
        for (index, (_, default)) in definition.params.iter().enumerate() {
            if let (None, Some(default)) = (&values[index], default) {
                values[index] = Some(self.eval(default)?);
            }
        }
        let text = self.deeper(|render| {
            let mark = render.locals.len();
            let base = std::mem::replace(&mut render.base, mark);
            let open = std::mem::replace(&mut render.open, false);
            for ((param, _), value) in definition.params.iter().zip(values) {
                render.declare(param, value.unwrap_or(Val::Null));
            }
            let text = render.captured(&definition.body);
            render.locals.truncate(mark);
            render.base = base;
            render.open = open;
            text
        })?;
        self.text(text)
    }

    /// Prints the block of this name again.
    pub(crate) fn block(&mut self, name: &str) -> Outcome<Val<'a>> {
        let Some(body) = self.template.definitions().blocks.get(name) else {
            let known = self.template.definitions().blocks.keys().map(|name| &**name);
            return Err(Fault::argument(format!("there is no block `{name}` in this template")).help_if(did_you_mean(name, known)));
        };
        let text = self.deeper(|render| render.scoped(|render| render.captured(body)))?;
        self.text(text)
    }
}
