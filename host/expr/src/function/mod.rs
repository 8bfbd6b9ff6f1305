//! The functions: `name(args)`.

mod basic;
mod data;
mod date;
mod random;
mod service;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::error::Outcome;
use crate::eval::{Call, Param};
use crate::val::Val;

type Run = for<'r, 'a> fn(&mut Call<'r, 'a>) -> Outcome<Val<'a>>;

pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) params: &'static [Param],
    pub(crate) doc: &'static str,
    pub(crate) run: Run,
    /// Takes any number of arguments.
    pub(crate) variadic: bool,
}

const fn function(name: &'static str, params: &'static [Param], doc: &'static str, run: Run) -> Function {
    Function { name, params, doc, run, variadic: false }
}

impl Function {
    const fn variadic(mut self) -> Self {
        self.variadic = true;
        self
    }
}

static TABLES: [&[Function]; 5] = [basic::FUNCTIONS, data::FUNCTIONS, date::FUNCTIONS, random::FUNCTIONS, service::FUNCTIONS];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Function>> =
    LazyLock::new(|| all().map(|function| (function.name, function)).collect());

pub(crate) fn all() -> impl Iterator<Item = &'static Function> {
    TABLES.iter().flat_map(|table| table.iter())
}

pub(crate) fn find(name: &str) -> Option<&'static Function> {
    BY_NAME.get(name).copied()
}
