//! The working directory, for tasks that do their work themselves: they name files, the host opens them.

use std::{io::Read, sync::Arc};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};
use switchyard_plugin_api::{BoxFuture, Error};
use switchyard_store::{
    storage::Source,
    workdir::{self, Capture, FileMode},
};

use super::{context::AttemptContext, outputs, staging::plain};

/// Largest file that is handed to a task as a whole.
const LARGEST: u64 = 256 << 20;

#[derive(Deserialize)]
struct Named {
    path: String,
}

#[derive(Deserialize)]
struct Written {
    path: String,
    content: String,
    #[serde(default)]
    private: bool,
}

#[derive(Deserialize)]
struct Stored {
    path: String,
    name: String,
}

/// Answers one of the services.
pub(super) fn serve(context: Arc<AttemptContext>, service: String, payload: Json) -> BoxFuture<Result<Json, Error>> {
    Box::pin(async move {
        match service.as_str() {
            "read_file" => read(&context, &decode::<Named>(payload)?.path),
            "write_file" => write(&context, decode(payload)?),
            _ => store(&context, decode(payload)?).await,
        }
    })
}

pub(super) fn decode<T: DeserializeOwned>(payload: Json) -> Result<T, Error> {
    serde_json::from_value(payload).map_err(|error| Error::plugin("plugin::protocol", format!("a request has another shape: {error}")))
}

fn read(context: &AttemptContext, path: &str) -> Result<Json, Error> {
    let directory = context.plans().directory();
    let file = match directory.open(path) {
        Ok(file) => file,
        Err(error) if absent(&error) => return Ok(Json::Null),
        Err(error) => return Err(plain(&error)),
    };
    let mut bytes = Vec::new();
    let failed = |source: std::io::Error| Error::environment("workdir::read", format!("`{path}` cannot be read: {source}"));
    let read = file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if read as u64 > LARGEST {
        return Err(Error::task("task::file_too_large", format!("`{path}` has more than {} MiB", LARGEST >> 20)));
    }
    Ok(String::from_utf8_lossy(&bytes).into())
}

fn write(context: &AttemptContext, file: Written) -> Result<Json, Error> {
    let mode = if file.private { FileMode::Private } else { FileMode::Plain };
    context.plans().directory().write(&file.path, file.content.as_bytes(), mode).map_err(|e| plain(&e))?;
    context.plans().own(file.path);
    Ok(Json::Null)
}

async fn store(context: &AttemptContext, file: Stored) -> Result<Json, Error> {
    workdir::check_name(&file.path).map_err(|e| plain(&e))?;
    let directory = context.plans().directory();
    // A name is no pattern here, whatever characters it has.
    let pattern: String = file.path.chars().flat_map(|c| "*?[]{}\\".contains(c).then_some('\\').into_iter().chain([c])).collect();
    let found = directory.capture(&Capture::new([pattern])).map_err(|e| plain(&e))?;
    let Some(captured) = found.files.into_iter().next() else { return Ok(Json::Null) };
    let request = context.plans().request();
    // It stays: the user's patterns may name it as well.
    let uri = outputs::store(context.shared(), &request.task, directory, &captured, &file.name, Source::Copy).await?;
    Ok(json!(uri))
}

fn absent(error: &workdir::Error) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}
