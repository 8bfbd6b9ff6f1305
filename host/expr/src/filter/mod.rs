//! The filters: `value | name(args)`.

mod collection;
mod date;
mod encode;
mod number;
pub(crate) mod regex;
mod text;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::error::Outcome;
use crate::eval::{Call, Param};
use crate::val::Val;

type Run = for<'r, 'a> fn(&mut Call<'r, 'a>) -> Outcome<Val<'a>>;

pub(crate) struct Filter {
    pub(crate) name: &'static str,
    pub(crate) params: &'static [Param],
    pub(crate) doc: &'static str,
    pub(crate) run: Run,
    /// Runs for null too; the others give null back.
    pub(crate) takes_null: bool,
    /// An undefined input counts as null.
    pub(crate) takes_missing: bool,
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const fn filter(name: &'static str, params: &'static [Param], doc: &'static str, run: Run) -> Filter {
    Filter { name, params, doc, run, takes_null: false, takes_missing: false }
}

impl Filter {
    const fn nulls(mut self) -> Self {
        self.takes_null = true;
        self
    }
    const fn missing(mut self) -> Self {
        self.takes_null = true;
        self.takes_missing = true;
        self
    }
}

static TABLES: [&[Filter]; 6] = [text::FILTERS, regex::FILTERS, collection::FILTERS, encode::FILTERS, number::FILTERS, date::FILTERS];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Filter>> = LazyLock::new(|| all().map(|filter| (filter.name, filter)).collect());

pub(crate) fn all() -> impl Iterator<Item = &'static Filter> {
    TABLES.iter().flat_map(|table| table.iter())
}

pub(crate) fn find(name: &str) -> Option<&'static Filter> {
    BY_NAME.get(name).copied()
}
