//! `switchyard expr`.

use std::{fs, io::Read, path::Path, sync::Arc};

use serde_json::Value;
use switchyard_engine::Services;
use switchyard_expr::{Engine, Overlay};
use switchyard_model::{Path as Place, SourceKind, Sources, Span, Violation};
use switchyard_store::storage::Storage;

use super::print_json;
use crate::{
    arguments::{Expr, Globals},
    exit::Exit,
    failure::Failure,
    host,
};

pub fn run(globals: &Globals, command: &Expr) -> Result<Exit, Failure> {
    let variables = match &command.vars {
        Some(file) => variables(file)?,
        None => Value::Object(serde_json::Map::new()),
    };
    let services = services(globals, command, &variables)?;
    let scope = Overlay::on(&variables).with_host(&services);
    let value = Engine::default().render_typed(&command.template, &scope).map_err(|error| failure(&error))?;
    print_json(&value)?;
    Ok(Exit::Success)
}

/// What functions such as `secret()`, `kv()` and `read()` ask.
fn services(globals: &Globals, command: &Expr, variables: &Value) -> Result<Services, Failure> {
    let config = host::configuration(globals, &mut Sources::new())?;
    let secrets = super::run::secrets(config.secrets_file.as_deref())?;
    let storage = match (&config.storage, command.data_dir.as_ref().or(config.data_dir.as_ref())) {
        (Some(place), _) => place.open().map_err(|error| Failure::usage(error.code(), error.to_string()))?,
        (None, Some(data)) => Storage::local(data.join("storage")),
        (None, None) => Storage::memory(),
    };
    let of_flow = || variables["flow"]["namespace"].as_str().unwrap_or("default");
    let namespace = command.namespace.as_deref().unwrap_or_else(of_flow);
    Ok(Services::over(storage, Arc::new(secrets), namespace.into()))
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
