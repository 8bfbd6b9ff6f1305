//! Rows of a stored file: one Ion or JSON value per line.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    path::Path,
};

use serde_json::{Map, Value as Json};
use switchyard_expr::{Engine, Overlay, Val};
use switchyard_plugin_api::Error;

use super::{Given, storage};
use crate::task::unrendered;

/// One row.
pub struct Item {
    /// From 0.
    pub number: u64,
    /// As it stands in the file.
    text: String,
    value: Json,
}

/// The rows of a file, as they are needed.
pub struct Items {
    reader: BufReader<File>,
    number: u64,
}

impl Items {
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| storage::unreadable(&error))?;
        Ok(Self { reader: BufReader::new(file), number: 0 })
    }
}

impl Iterator for Items {
    type Item = Result<Item, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut text = String::new();
        loop {
            text.clear();
            match self.reader.read_line(&mut text) {
                Ok(0) => return None,
                Ok(_) if text.trim().is_empty() => {}
                Ok(_) => break,
                Err(error) => return Some(Err(storage::unreadable(&error))),
            }
        }
        let number = self.number;
        self.number += 1;
        Some(value(text.trim()).map(|value| Item { number, text, value }).map_err(|reason| {
            Error::user("storage::row", format!("row {} is neither JSON nor Ion: {reason}", number + 1))
                .with_help("the file needs one value per line, such as {\"name\": \"a\"}")
                .at("/from")
        }))
    }
}

fn value(text: &str) -> Result<Json, String> {
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    switchyard_expr::ion_rows(text)?.into_iter().next().ok_or_else(|| "it is empty".to_owned())
}

impl Item {
    pub fn write(&self, target: &mut impl Write) -> Result<(), Error> {
        let line = self.text.trim_end_matches(['\n', '\r']);
        writeln!(target, "{line}").map_err(|error| storage::unwritten(&error))
    }
}

/// Renders for rows, away from the execution.
pub struct Rendering {
    expr: Engine,
    variables: Map<String, Json>,
    services: std::sync::Arc<crate::services::Services>,
}

impl Given {
    pub fn rendering(&self) -> Rendering {
        Rendering {
            expr: self.site.shared.expr.clone(),
            variables: self.variables.clone(),
            services: std::sync::Arc::clone(&self.site.services),
        }
    }
}

impl Rendering {
    /// The fields of a row are variables of their own; the whole row is `item`.
    pub fn render(&self, template: &str, item: &Item) -> Result<String, Error> {
        let mut scope = Overlay::on(&self.variables).with_host(&*self.services).with("item", Val::from(&item.value));
        for (name, value) in item.value.as_object().into_iter().flatten() {
            scope = scope.with(name, Val::from(value));
        }
        self.expr.render(template, &scope).map_err(|error| unrendered(&error))
    }

    /// With one more variable.
    pub fn with(&self, template: &str, name: &str, value: &Json) -> Result<String, Error> {
        let scope = Overlay::on(&self.variables).with_host(&*self.services).with(name, Val::from(value));
        self.expr.render(template, &scope).map_err(|error| unrendered(&error))
    }
}
