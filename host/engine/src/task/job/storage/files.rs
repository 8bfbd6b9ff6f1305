//! Whole files: Write, Size, Delete, Concat, PurgeCurrentExecutionFiles.

use std::{
    fs::File,
    io::{self, Write},
};

use serde_json::json;
use switchyard_model::JsonMap;
use switchyard_plugin_api::Error;
use switchyard_store::{
    storage::{self, StorageUri},
    workdir::FileMode,
};

use super::super::{
    Given,
    given::{blocking, failed},
    outputs,
};

pub async fn write(given: &Given) -> Result<JsonMap, Error> {
    let content = given.text("content").unwrap_or_default();
    let uri = given.site.file(&format!("content{}", extension(given)))?;
    given.site.shared.storage.put(&uri, content.into()).await.map_err(failed)?;
    Ok(outputs(json!({ "uri": uri.to_string() })))
}

pub async fn size(given: &Given) -> Result<JsonMap, Error> {
    let size = given.site.shared.storage.size(&given.stored("uri")?).await.map_err(failed)?;
    Ok(outputs(json!({ "size": size })))
}

pub async fn delete(given: &Given) -> Result<JsonMap, Error> {
    let uri = given.stored("uri")?;
    let deleted = given.site.shared.storage.delete(&uri).await.map_err(failed)?;
    if !deleted && given.flag("errorOnMissing", false) {
        return Err(failed(storage::Error::Missing { uri }).at("/uri"));
    }
    Ok(outputs(json!({ "uri": uri.to_string(), "deleted": deleted })))
}

pub async fn concat(given: &Given) -> Result<JsonMap, Error> {
    let mut paths = Vec::new();
    for (place, file) in given.texts("files")?.iter().enumerate() {
        let at = format!("/files/{place}");
        let uri: StorageUri = file.parse().map_err(|error| failed(error).at(at.clone()))?;
        paths.push(given.site.local(&uri, &format!("from-{place}")).await.map_err(|error| error.at(at))?);
    }
    let separator = given.text("separator").unwrap_or_default();
    let target = new_file(given)?;
    blocking(move || {
        let mut target = target;
        for (place, path) in paths.iter().enumerate() {
            let joined = if place > 0 { target.write_all(separator.as_bytes()) } else { Ok(()) };
            joined.and_then(|()| io::copy(&mut File::open(path)?, &mut target)).map_err(|error| written(&error))?;
        }
        Ok(())
    })
    .await?;
    let uri = given.site.keep(NEW, &format!("concat{}", extension(given))).await?;
    Ok(outputs(json!({ "uri": uri })))
}

pub async fn purge(given: &Given) -> Result<JsonMap, Error> {
    let task = &given.site.task;
    let folder = StorageUri::execution(&task.namespace, &task.flow_id, &task.execution_id).map_err(failed)?;
    let storage = &given.site.shared.storage;
    let files = storage.list(&folder).await.map_err(failed)?;
    storage.delete_below(&folder).await.map_err(failed)?;
    let uris: Vec<String> = files.into_iter().map(|file| file.uri.to_string()).collect();
    Ok(outputs(json!({ "uris": uris })))
}

/// The file that a task makes, before it is stored.
pub const NEW: &str = "new";

pub fn new_file(given: &Given) -> Result<File, Error> {
    given.site.scratch()?.new_file(NEW, FileMode::Plain).map_err(|error| Error::environment(error.code(), error.to_string()))
}

pub fn written(error: &io::Error) -> Error {
    Error::environment("storage::file", format!("a file of the task cannot be written: {error}"))
}

/// With its dot.
fn extension(given: &Given) -> String {
    match given.text("extension") {
        None => ".tmp".to_owned(),
        Some(text) if text.is_empty() || text.starts_with('.') => text,
        Some(text) => format!(".{text}"),
    }
}

pub fn unreadable(error: &io::Error) -> Error {
    Error::environment("storage::file", format!("a stored file cannot be read: {error}"))
}
