//! After the run: files that the task declared go into internal storage.

use serde_json::{Map, Value as Json};
use switchyard_model::Level;
use switchyard_plugin_api::{Error, TaskRef};
use switchyard_store::{
    storage::{self, Source, StorageUri},
    workdir::{Capture, CapturedFile, WorkDir},
};

use super::{log::TaskLog, staging::plain};
use crate::{engine::Shared, script::Prepared};

/// Stores them; answers `outputFiles`.
pub(super) async fn collect(shared: &Shared, prepared: &Prepared, directory: &WorkDir, log: &TaskLog) -> Result<Map<String, Json>, Error> {
    let mut files = Map::new();
    let request = &prepared.request;
    if let Some(output) = &request.files.output_dir {
        let found = directory.capture(&Capture::new([format!("{output}/**")])).map_err(|e| plain(&e))?;
        for file in found.files {
            let key = file.key.strip_prefix(&format!("{output}/")).unwrap_or(&file.key).to_owned();
            let uri = store(shared, &request.task, directory, &file, &key, request.files.shared).await?;
            files.insert(key, Json::String(uri));
        }
    }
    if !request.files.outputs.is_empty() {
        let own = prepared.files.iter().map(|file| file.path.clone()).chain(request.files.output_dir.iter().map(|dir| format!("{dir}/")));
        let found = directory.capture(&Capture::new(request.files.outputs.clone()).without(own)).map_err(|e| plain(&e))?;
        for warning in found.warnings {
            log.message(Level::Warn, &warning);
        }
        for file in found.files {
            let uri = store(shared, &request.task, directory, &file, &file.key, request.files.shared).await?;
            files.insert(file.key, Json::String(uri));
        }
    }
    Ok(files)
}

/// Puts one file into internal storage; answers its URI. A file of a shared directory stays, since siblings want to see it.
pub(crate) async fn store(
    shared: &Shared,
    task: &TaskRef,
    directory: &WorkDir,
    file: &CapturedFile,
    key: &str,
    stays: bool,
) -> Result<String, Error> {
    let failed = |error: storage::Error| Error::environment(error.code(), format!("the output file `{key}` cannot be stored: {error}"));
    let uri =
        StorageUri::task_file(&task.namespace, &task.flow_id, &task.execution_id, &task.task_id, &task.taskrun_id, key).map_err(failed)?;
    let source = if stays { Source::Copy } else { Source::Move };
    shared.storage.put_captured(&uri, directory, file, source).await.map_err(failed)?;
    Ok(uri.to_string())
}
