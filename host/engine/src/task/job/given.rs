//! What a job is given: its rendered properties, and the place where it works.

use std::{path::PathBuf, sync::Arc};

use serde_json::{Map, Value as Json};
use switchyard_expr::is_truthy;
use switchyard_plugin_api::{Error, TaskRef};
use switchyard_store::{
    kv, namespace_files,
    storage::{self, Source, StorageUri},
    workdir::{FileMode, WorkDir},
};

use super::Shared;
use crate::{
    attempt::TaskLog,
    services::Services,
    task::{plain, property},
};

/// Everything a job has.
pub struct Given {
    pub properties: Map<String, Json>,
    /// What expressions see; only for tasks that render for each item.
    pub variables: Map<String, Json>,
    pub site: Site,
}

/// Where a job works.
pub struct Site {
    pub shared: Shared,
    pub services: Arc<Services>,
    pub log: TaskLog,
    pub task: TaskRef,
    /// The loop's value.
    pub value: Option<Arc<str>>,
    /// The execution so far, for tasks that look back.
    pub execution: Option<Arc<switchyard_model::Execution>>,
    /// The directory of the WorkingDirectory around the task.
    pub directory: Option<String>,
    /// The name of a directory for files on their way, made when it is needed.
    pub scratch: String,
    /// How long ago an earlier host began it, which has left it.
    pub left: Option<std::time::Duration>,
}

impl Given {
    pub fn json(&self, name: &str) -> Option<&Json> {
        self.properties.get(name).filter(|value| !value.is_null())
    }

    pub fn text(&self, name: &str) -> Option<String> {
        self.json(name).map(plain)
    }

    /// A text that must be there and not be empty.
    pub fn need(&self, name: &str) -> Result<String, Error> {
        self.text(name).filter(|text| !text.is_empty()).ok_or_else(|| {
            let state = if self.json(name).is_some() { "is empty" } else { "is missing" };
            Error::user("flow::missing_property", format!("`{name}` {state}")).at(format!("/{name}"))
        })
    }

    pub fn flag(&self, name: &str, usual: bool) -> bool {
        self.text(name).map_or(usual, |text| is_truthy(&text))
    }

    pub fn count(&self, name: &str) -> Result<Option<u64>, Error> {
        self.text(name).map(|text| property::count(&text, name)).transpose()
    }

    /// One of some names; the first is the usual one.
    pub fn choice<'c>(&self, name: &str, choices: &'c [&'c str]) -> Result<&'c str, Error> {
        let Some(text) = self.text(name) else { return Ok(choices.first().copied().unwrap_or_default()) };
        choices.iter().copied().find(|choice| *choice == text).ok_or_else(|| {
            Error::user("flow::invalid_property", format!("`{name}` is `{text}`"))
                .with_help(format!("write one of {}", choices.join(", ")))
                .at(format!("/{name}"))
        })
    }

    /// A list of texts: as it is, as JSON, or one text alone.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, Error> {
        let list = match self.json(name) {
            None => return Ok(Vec::new()),
            Some(Json::String(text)) if text.trim_start().starts_with('[') => {
                serde_json::from_str(text).map_err(|error| self.not_json(name, &error))?
            }
            Some(Json::String(text)) if text.trim().is_empty() => return Ok(Vec::new()),
            Some(value) => value.clone(),
        };
        Ok(match list {
            Json::Array(items) => items.iter().filter(|item| !item.is_null()).map(plain).collect(),
            one => vec![plain(&one)],
        })
    }

    /// A map, or a text that is one in JSON.
    pub fn map(&self, name: &str) -> Result<Map<String, Json>, Error> {
        match self.json(name) {
            None => Ok(Map::new()),
            Some(Json::Object(map)) => Ok(map.clone()),
            Some(Json::String(text)) if text.trim().is_empty() => Ok(Map::new()),
            Some(Json::String(text)) => serde_json::from_str(text).map_err(|error| self.not_json(name, &error)),
            Some(other) => Err(Error::user("flow::invalid_property", format!("`{name}` is {other}, not a map")).at(format!("/{name}"))),
        }
    }

    fn not_json(&self, name: &str, error: &serde_json::Error) -> Error {
        Error::user("flow::invalid_property", format!("`{name}` rendered to text that is not JSON: {error}"))
            .with_help("let the expression end with `| toJson`")
            .at(format!("/{name}"))
    }

    /// The namespace that is named, or the flow's.
    pub fn namespace(&self) -> String {
        self.text("namespace").filter(|name| !name.is_empty()).unwrap_or_else(|| self.site.task.namespace.clone())
    }

    /// The stored file that a property names.
    pub fn stored(&self, name: &str) -> Result<StorageUri, Error> {
        self.need(name)?.parse().map_err(|error| failed(error).at(format!("/{name}")))
    }
}

impl Site {
    /// The file of this task run with that name.
    pub fn file(&self, name: &str) -> Result<StorageUri, Error> {
        let task = &self.task;
        StorageUri::task_file(&task.namespace, &task.flow_id, &task.execution_id, &task.task_id, &task.taskrun_id, name).map_err(failed)
    }

    /// A directory of this run alone.
    pub fn scratch(&self) -> Result<WorkDir, Error> {
        let directory = self.shared.work_dirs.at(&self.scratch).map_err(|e| Error::environment(e.code(), e.to_string()))?;
        if !directory.path().is_dir() {
            return self.shared.work_dirs.create(&self.scratch).map_err(|e| Error::environment(e.code(), e.to_string()));
        }
        Ok(directory)
    }

    /// The directory that the task shares with its siblings, or one of its own.
    pub fn working_dir(&self) -> Result<WorkDir, Error> {
        match &self.directory {
            Some(name) => self.shared.work_dirs.at(name).map_err(|e| Error::environment(e.code(), e.to_string())),
            None => self.scratch(),
        }
    }

    /// Removes what was on its way.
    pub fn sweep(&self) {
        if let Ok(directory) = self.shared.work_dirs.at(&self.scratch)
            && directory.path().is_dir()
            && let Err(error) = directory.remove()
        {
            tracing::warn!(path = %directory.path().display(), %error, "a working directory could not be removed");
        }
    }

    /// A stored file on this machine's disk; fetched when it lies elsewhere.
    pub async fn local(&self, uri: &StorageUri, name: &str) -> Result<PathBuf, Error> {
        if let Some(path) = self.shared.storage.local_path(uri) {
            self.shared.storage.size(uri).await.map_err(failed)?;
            return Ok(path);
        }
        let directory = self.scratch()?;
        let file = directory.new_file(name, FileMode::Plain).map_err(|e| Error::environment(e.code(), e.to_string()))?;
        self.shared.storage.get_to_file(uri, file).await.map_err(failed)?;
        Ok(directory.path().join(name))
    }

    /// Moves a finished file of the scratch directory into storage; answers its URI.
    pub async fn keep(&self, name: &str, stored_as: &str) -> Result<String, Error> {
        let uri = self.file(stored_as)?;
        let path = self.scratch()?.path().join(name);
        self.shared.storage.put_file(&uri, &path, Source::Move).await.map_err(failed)?;
        Ok(uri.to_string())
    }
}

/// Work that blocks, such as going through a file.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::new(switchyard_plugin_api::ErrorKind::Internal, "task::cancelled", error.to_string())),
    }
}

pub fn failed(error: storage::Error) -> Error {
    match error {
        storage::Error::Uri { .. } | storage::Error::Missing { .. } => Error::user(error.code(), error.to_string()),
        other => Error::environment(other.code(), other.to_string()),
    }
}

pub fn kv_failed(error: kv::Error) -> Error {
    match error {
        kv::Error::Storage(error) => failed(error),
        other => Error::user(other.code(), other.to_string()),
    }
}

pub fn namespace_failed(error: namespace_files::Error) -> Error {
    match error {
        namespace_files::Error::Storage(error) => failed(error),
        other => Error::user(other.code(), other.to_string()),
    }
}
