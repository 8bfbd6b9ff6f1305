//! Archives that tasks make once for later runs in the same namespace, such as a Python task's packages. None is needed: what goes wrong is
//! told and changes nothing.

use switchyard_model::Level;
use switchyard_plugin_api::Archive;
use switchyard_store::{
    storage::{self, Source, StorageUri},
    workdir::{Capture, FileMode, WorkDir},
};

use super::log::TaskLog;
use crate::{digest, engine::Shared, script::Prepared};

/// Puts those that are kept into the working directory.
pub(super) async fn place(shared: &Shared, prepared: &Prepared, directory: &WorkDir, log: &TaskLog) {
    for archive in &prepared.archives {
        let placed = async {
            let uri = uri(prepared, archive)?;
            match shared.storage.modified(&uri).await {
                Err(storage::Error::Missing { .. }) => return Ok(()),
                other => other.map_err(|e| e.to_string())?,
            };
            let file = directory.new_file(&archive.found, FileMode::Plain).map_err(|e| e.to_string())?;
            shared.storage.get_to_file(&uri, file).await.map(drop).map_err(|e| e.to_string())
        };
        if let Err(reason) = placed.await {
            log.message(Level::Warn, &format!("the archive `{}` of an earlier run cannot be used: {reason}", archive.name));
        }
    }
}

/// Keeps those that the task has made.
pub(super) async fn keep(shared: &Shared, prepared: &Prepared, directory: &WorkDir, log: &TaskLog) {
    for archive in &prepared.archives {
        let kept = async {
            let uri = uri(prepared, archive)?;
            let found = directory.capture(&Capture::new([archive.made.as_str()])).map_err(|e| e.to_string())?;
            let Some(file) = found.files.first() else { return Ok(()) };
            shared.storage.put_captured(&uri, directory, file, Source::Copy).await.map(drop).map_err(|e| e.to_string())
        };
        if let Err(reason) = kept.await {
            log.message(Level::Warn, &format!("the archive `{}` cannot be kept for later runs: {reason}", archive.name));
        }
    }
}

/// What was made in one image is not for another.
fn uri(prepared: &Prepared, archive: &Archive) -> Result<StorageUri, String> {
    let request = &prepared.request;
    let place = digest::short(request.command.image.as_deref().unwrap_or_default());
    let uri = switchyard_model::storage::archive_uri(&request.task.namespace, &format!("{}-{place}", archive.name));
    uri.parse().map_err(|error: storage::Error| error.to_string())
}
