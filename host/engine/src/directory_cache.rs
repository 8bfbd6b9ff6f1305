//! The cache of a WorkingDirectory: files that are there again at the next run. Spec 4.3.

use std::{
    fs::File,
    time::{Duration, SystemTime},
};

use serde_json::Value as Json;
use switchyard_expr::{Engine, Scope};
use switchyard_model::{Level, TaskRun, task::Cache};
use switchyard_plugin_api::Error;
use switchyard_store::{
    storage::{self, Source, StorageUri},
    workdir::{Capture, FileMode, WorkDir},
};

use crate::{
    attempt::TaskLog,
    digest,
    engine::Shared,
    task::{duration, unrendered},
};

/// A cache, rendered.
#[derive(Debug, Clone)]
pub struct DirectoryCache {
    uri: StorageUri,
    patterns: Vec<String>,
    ttl: Option<Duration>,
}

/// The archive on its way; no pattern takes it.
const ARCHIVE: &str = ".switchyard-cache.zip";

impl DirectoryCache {
    /// `value` is the loop's one, when the task is inside a loop.
    pub fn read(written: &Cache, run: &TaskRun, value: Option<&str>, expr: &Engine, scope: &dyn Scope) -> Result<Self, Error> {
        let patterns: Json = written.patterns.iter().map(|pattern| Json::from(&**pattern)).collect();
        let patterns = expr.render_value(&patterns, scope).map_err(|error| unrendered(&error).at("/cache/patterns"))?;
        let hash = value.map(digest::short);
        let uri = switchyard_model::storage::cache_uri(&run.namespace, &run.flow_id, &run.task_id, hash.as_deref());
        Ok(Self {
            uri: uri.parse().map_err(|error: storage::Error| Error::user(error.code(), error.to_string()))?,
            patterns: patterns.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect(),
            ttl: written.ttl.as_ref().map(|ttl| duration(expr, ttl, scope)).transpose().map_err(|error| error.at("/cache/ttl"))?,
        })
    }

    /// Puts the kept files into the directory. A cache that cannot be used is left out: the task makes its files anew.
    pub async fn open(&self, shared: &Shared, directory: &WorkDir, log: &TaskLog) {
        match self.unpack(shared, directory).await {
            Ok(Some(count)) => log.message(Level::Debug, &format!("{count} files came from the cache")),
            Ok(None) => log.message(Level::Debug, "there is no cache yet, or it has expired"),
            Err(error) => log.message(Level::Warn, &format!("the cache cannot be used: {}", error.message)),
        }
    }

    async fn unpack(&self, shared: &Shared, directory: &WorkDir) -> Result<Option<usize>, Error> {
        let Some(stored) = self.stored(shared).await? else { return Ok(None) };
        if self.ttl.is_some_and(|ttl| stored.elapsed().unwrap_or_default() > ttl) {
            shared.storage.delete(&self.uri).await.map_err(|error| failed(&error))?;
            return Ok(None);
        }
        let archive = directory.new_file(ARCHIVE, FileMode::Private).map_err(|error| local(&error))?;
        let fetched = shared.storage.get_to_file(&self.uri, archive).await.map_err(|error| failed(&error));
        let path = directory.path().join(ARCHIVE);
        let inside = directory.clone();
        let unpacked = match fetched {
            Ok(_) => blocking(move || inside.unzip(File::open(inside.path().join(ARCHIVE)).map_err(unopened(&inside))?, stored)).await,
            Err(error) => Err(error),
        };
        let _ = std::fs::remove_file(path);
        unpacked.map(Some)
    }

    /// Keeps the files when one of them is newer than `since`, or nothing is kept yet. A failure is told and changes nothing.
    pub async fn close(&self, shared: &Shared, directory: &WorkDir, since: SystemTime, log: &TaskLog) {
        match self.pack(shared, directory, since).await {
            Ok(Some(count)) => log.message(Level::Debug, &format!("{count} files went into the cache")),
            Ok(None) => log.message(Level::Debug, "the cache stays as it is"),
            Err(error) => log.message(Level::Warn, &format!("the cache cannot be kept: {}", error.message)),
        }
    }

    async fn pack(&self, shared: &Shared, directory: &WorkDir, since: SystemTime) -> Result<Option<usize>, Error> {
        let found = directory.capture(&Capture::new(self.patterns.clone()).without([ARCHIVE])).map_err(|error| local(&error))?;
        let newer = |file: &switchyard_store::workdir::CapturedFile| {
            let modified = directory.open(&file.name).ok().and_then(|file| file.metadata().ok()?.modified().ok());
            modified.is_none_or(|modified| modified > since)
        };
        if found.files.is_empty() || self.stored(shared).await?.is_some() && !found.files.iter().any(newer) {
            return Ok(None);
        }
        let count = found.files.len();
        let archive = directory.new_file(ARCHIVE, FileMode::Private).map_err(|error| local(&error))?;
        let inside = directory.clone();
        blocking(move || inside.zip(&found.files, archive)).await?;
        shared.storage.put_file(&self.uri, &directory.path().join(ARCHIVE), Source::Move).await.map_err(|error| failed(&error))?;
        Ok(Some(count))
    }

    async fn stored(&self, shared: &Shared) -> Result<Option<SystemTime>, Error> {
        match shared.storage.modified(&self.uri).await {
            Ok(time) => Ok(Some(time)),
            Err(storage::Error::Missing { .. }) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }
}

fn unopened(directory: &WorkDir) -> impl Fn(std::io::Error) -> switchyard_store::workdir::Error {
    let directory = directory.path().to_owned();
    move |source| switchyard_store::workdir::Error::Read { path: directory.clone(), source }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, switchyard_store::workdir::Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| local(&error)),
        Err(error) => Err(Error::new(switchyard_plugin_api::ErrorKind::Internal, "task::cancelled", error.to_string())),
    }
}

fn local(error: &switchyard_store::workdir::Error) -> Error {
    Error::environment(error.code(), error.to_string())
}

fn failed(error: &storage::Error) -> Error {
    Error::environment(error.code(), error.to_string())
}
