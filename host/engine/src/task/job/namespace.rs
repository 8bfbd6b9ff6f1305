//! `namespace.UploadFiles`, `namespace.DownloadFiles`, `namespace.DeleteFiles`.

use serde_json::{Map, Value as Json, json};
use switchyard_model::JsonMap;
use switchyard_plugin_api::Error;
use switchyard_store::{
    namespace_files::{NamespaceFile, NamespaceFiles, Selection},
    storage::{Source, StorageUri},
    workdir::Capture,
};

use super::{
    Given, JobTask,
    given::{failed, namespace_failed},
    outputs, task,
};
use crate::task::plain;

pub const TASKS: &[JobTask] = &[
    task("io.kestra.plugin.core.namespace.UploadFiles", |given| Box::pin(upload(given))),
    task("io.kestra.plugin.core.namespace.DownloadFiles", |given| Box::pin(download(given))),
    task("io.kestra.plugin.core.namespace.DeleteFiles", |given| Box::pin(delete(given))),
];

fn store(given: &Given) -> NamespaceFiles {
    NamespaceFiles::new(given.site.shared.storage.clone())
}

/// `destination` and a name as one path.
fn below(given: &Given, name: &str) -> String {
    let folder = given.text("destination").unwrap_or_default();
    let folder = folder.trim_matches('/');
    if folder.is_empty() { name.trim_start_matches('/').to_owned() } else { format!("{folder}/{}", name.trim_start_matches('/')) }
}

async fn upload(given: &Given) -> Result<JsonMap, Error> {
    let (files, namespace) = (store(given), given.namespace());
    let conflict = given.choice("conflict", &["OVERWRITE", "ERROR", "SKIP"])?;
    let storage = &given.site.shared.storage;
    let mut done = Map::new();
    // A map in `files` is what newer versions call `filesMap`.
    let mut mapped = given.map("filesMap")?;
    if let Some(Json::Object(map)) = given.json("files") {
        mapped.extend(map.clone());
    }
    for (name, content) in mapped {
        let path = below(given, &name);
        let uri = files.uri(&namespace, &path).map_err(namespace_failed)?;
        if free(given, &uri, &path, conflict).await? {
            let content = plain(&content);
            match content.strip_prefix("kestra://") {
                Some(_) => {
                    let from: StorageUri = content.parse().map_err(|error| failed(error).at("/filesMap"))?;
                    let local = given.site.local(&from, "upload").await.map_err(|error| error.at("/filesMap"))?;
                    storage.put_file(&uri, &local, Source::Copy).await.map_err(failed)?;
                }
                None => storage.put(&uri, content.into()).await.map_err(failed)?,
            }
        }
        done.insert(path, uri.to_string().into());
    }
    if !given.json("files").is_some_and(Json::is_object) {
        let patterns = given.texts("files")?;
        let directory = given.site.working_dir()?;
        let found =
            directory.capture(&Capture::new(patterns)).map_err(|error| Error::user(error.code(), error.to_string()).at("/files"))?;
        for file in found.files {
            let path = below(given, &file.key);
            let uri = files.uri(&namespace, &path).map_err(namespace_failed)?;
            if free(given, &uri, &path, conflict).await? {
                storage.put_captured(&uri, &directory, &file, Source::Copy).await.map_err(failed)?;
            }
            done.insert(path, uri.to_string().into());
        }
    }
    Ok(outputs(json!({ "files": done })))
}

/// Whether a file may be written where one may be already.
async fn free(given: &Given, uri: &StorageUri, path: &str, conflict: &str) -> Result<bool, Error> {
    if conflict == "OVERWRITE" || !given.site.shared.storage.exists(uri).await.map_err(failed)? {
        return Ok(true);
    }
    if conflict == "SKIP" {
        return Ok(false);
    }
    Err(Error::user("namespace::exists", format!("the namespace file `{path}` exists"))
        .with_help("set `conflict` to OVERWRITE or SKIP")
        .at("/conflict"))
}

async fn chosen(given: &Given) -> Result<Vec<NamespaceFile>, Error> {
    let patterns = given.texts("files")?;
    let selection = Selection::new(patterns.iter().map(String::as_str), []).map_err(|error| namespace_failed(error).at("/files"))?;
    store(given).list(&given.namespace(), &selection).await.map_err(namespace_failed)
}

async fn download(given: &Given) -> Result<JsonMap, Error> {
    let mut done = Map::new();
    for file in chosen(given).await? {
        let name = below(given, &file.path);
        let uri = given.site.file(&name)?;
        let local = given.site.local(&file.uri, "download").await?;
        given.site.shared.storage.put_file(&uri, &local, Source::Copy).await.map_err(failed)?;
        done.insert(name, uri.to_string().into());
    }
    Ok(outputs(json!({ "files": done })))
}

async fn delete(given: &Given) -> Result<JsonMap, Error> {
    let mut count = 0;
    for file in chosen(given).await? {
        count += u64::from(given.site.shared.storage.delete(&file.uri).await.map_err(failed)?);
    }
    Ok(outputs(json!({ "count": count })))
}
