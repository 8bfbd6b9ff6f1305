//! After the run: files that the task declared go into internal storage.

use serde_json::{Map, Value as Json};
use switchyard_model::Level;
use switchyard_plugin_api::{Error, TaskRef};
use switchyard_store::{
    storage::{self, Source, StorageUri},
    workdir::{Capture, CapturedFile, WorkDir},
};

use super::{log::TaskLog, staging::plain};
use crate::{
    engine::Shared,
    script::{CONTEXT_FILE, Prepared},
};

/// Packages of a Python task that keeps none of them for others.
const PYTHON_LIBRARY: &str = ".kestra_additional_python_lib/";

/// Stores them; answers `outputFiles`. What the task brought itself is left out.
pub(super) async fn collect(
    shared: &Shared,
    prepared: &Prepared,
    own: &[String],
    directory: &WorkDir,
    log: &TaskLog,
) -> Result<Map<String, Json>, Error> {
    let mut files = Map::new();
    let request = &prepared.request;
    // A file of a shared directory stays, since siblings want to see it.
    let source = if request.files.shared { Source::Copy } else { Source::Move };
    if let Some(output) = &request.files.output_dir {
        let found = directory.capture(&Capture::new([format!("{output}/**")])).map_err(|e| plain(&e))?;
        for file in found.files {
            let key = file.key.strip_prefix(&format!("{output}/")).unwrap_or(&file.key).to_owned();
            let uri = store(shared, &request.task, directory, &file, &key, source).await?;
            files.insert(key, Json::String(uri));
        }
    }
    if !request.files.outputs.is_empty() {
        let own = prepared
            .files
            .iter()
            .map(|file| &file.path)
            .chain(&prepared.fetched)
            .chain(own)
            .cloned()
            .chain(request.files.output_dir.iter().map(|dir| format!("{dir}/")))
            .chain(prepared.archives.iter().flat_map(|archive| [archive.found.clone(), archive.made.clone()]))
            .chain([PYTHON_LIBRARY, CONTEXT_FILE].map(str::to_owned));
        let made = |pattern: &&String| prepared.archives.iter().any(|archive| archive.made == **pattern);
        let patterns = request.files.outputs.iter().filter(|pattern| !made(pattern)).cloned();
        let found = directory.capture(&Capture::new(patterns).without(own)).map_err(|e| plain(&e))?;
        for warning in found.warnings {
            log.message(Level::Warn, &warning);
        }
        for file in found.files {
            let uri = store(shared, &request.task, directory, &file, &file.key, source).await?;
            files.insert(file.key, Json::String(uri));
        }
    }
    if request.files.shared && prepared.context.is_some() {
        // For this task, not for those that come after it. It may have removed it itself.
        let _ = std::fs::remove_file(directory.path().join(CONTEXT_FILE));
    }
    Ok(files)
}

/// Puts one file into internal storage; answers its URI.
pub(crate) async fn store(
    shared: &Shared,
    task: &TaskRef,
    directory: &WorkDir,
    file: &CapturedFile,
    key: &str,
    source: Source,
) -> Result<String, Error> {
    let failed = |error: storage::Error| Error::environment(error.code(), format!("the output file `{key}` cannot be stored: {error}"));
    let uri =
        StorageUri::task_file(&task.namespace, &task.flow_id, &task.execution_id, &task.task_id, &task.taskrun_id, key).map_err(failed)?;
    // A host that ends before this is in the journal leaves it to the next one, which has to find the files where they were.
    let source = if shared.durable && source == Source::Move { Source::Link } else { source };
    shared.storage.put_captured(&uri, directory, file, source).await.map_err(failed)?;
    Ok(uri.to_string())
}
