//! Logs of hosts that share a journal: each keeps what it logged itself, and leaves a copy in internal storage once it has nothing more to
//! do with an execution. Whoever shows the log puts the parts together.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use switchyard_store::{
    logs::Logs,
    storage::{self, Source, Storage, StorageUri},
};

use crate::{engine::Shared, instance};

/// Where the parts of an execution's log lie: one file for each host, named by its data directory.
fn place(execution: &str) -> storage::Result<StorageUri> {
    StorageUri::from_path(&format!("/_logs/{execution}"))
}

fn name(host: &str) -> String {
    format!("{host}.log")
}

/// Leaves this host's part, where others can find it.
pub(crate) async fn leave(shared: &Shared, execution: &str) {
    let Some(host) = &shared.leaves_logs else { return };
    let Ok(log) = shared.logs.execution(execution) else { return };
    if !log.path().exists() {
        return;
    }
    let left = async { shared.storage.put_file(&place(execution)?.join(&name(host))?, log.path(), Source::Copy).await };
    if let Err(error) = left.await {
        tracing::warn!(%execution, code = error.code(), %error, "other hosts will not see this host's part of a log");
    }
}

/// Removes all parts.
pub(crate) async fn remove(shared: &Shared, execution: &str) -> storage::Result<()> {
    if shared.leaves_logs.is_some() {
        shared.storage.delete_below(&place(execution)?).await?;
    }
    Ok(())
}

/// Copies the parts that other hosts than the one of this data directory left to a new directory; each is a directory of logs.
pub async fn fetch(storage: &Storage, data_dir: &Path, execution: &str, into: &Path) -> Result<Vec<PathBuf>, String> {
    let own = instance::of_directory(data_dir).map(|host| name(&host)).unwrap_or_default();
    let failed = |error: storage::Error| error.to_string();
    let mut found = Vec::new();
    for part in storage.list(&place(execution).map_err(failed)?).await.map_err(failed)? {
        if part.uri.file_name() == own {
            continue;
        }
        let directory = into.join(found.len().to_string());
        let log = Logs::new(&directory).execution(execution).map_err(|error| error.to_string())?;
        let target = fs::create_dir_all(log.path().parent().unwrap_or(&directory)).and_then(|()| File::create(log.path()));
        storage.get_to_file(&part.uri, target.map_err(|error| error.to_string())?).await.map_err(failed)?;
        found.push(directory);
    }
    Ok(found)
}
