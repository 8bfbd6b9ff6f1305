//! `switchyard expr`.

use std::{fs, io::Read, path::Path};

use serde_json::Value;
use switchyard_expr::Engine;
use switchyard_model::{Path as Place, SourceKind, Sources, Span, Violation};

use super::print_json;
use crate::{arguments::Expr, exit::Exit, failure::Failure};

pub fn run(command: &Expr) -> Result<Exit, Failure> {
    let variables = match &command.vars {
        Some(file) => variables(file)?,
        None => Value::Object(serde_json::Map::new()),
    };
    let value = Engine::default().render_typed(&command.template, &variables).map_err(|error| failure(&error))?;
    print_json(&value)?;
    Ok(Exit::Success)
}

fn variables(file: &Path) -> Result<Value, Failure> {
    let mut text = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut text).map(drop)
    } else {
        fs::read(file).map(|bytes| text = bytes)
    };
    read.map_err(|error| Failure::unreadable(file, &error))?;
    let value: Value = serde_json::from_slice(&text)
        .map_err(|error| Failure::usage("cli::bad_vars", format!("{} is no JSON: {error}", file.display())))?;
    if value.is_object() {
        return Ok(value);
    }
    Err(Failure::usage("cli::bad_vars", format!("{} holds no JSON object", file.display()))
        .with_help("write the variables by name, such as {\"inputs\": {\"name\": \"you\"}}"))
}

/// The error with its place in the template.
fn failure(error: &switchyard_expr::Error) -> Failure {
    let mut sources = Sources::new();
    let source = sources.add_as(SourceKind::CommandLine, "template", error.template());
    let place = error.place();
    let span = Span::new(source, place.offset, place.offset + place.len);
    let mut violation = Violation::error(error.code(), &Place::Root, span, error.to_string());
    violation.help = error.help().map(str::to_owned);
    Failure::findings(violation.into(), sources)
}
