//! The files of a WorkingDirectory task: what is there before its children, what is kept after them. Spec 4.3.

use std::{sync::Arc, time::SystemTime};

use serde_json::{Map, Value as Json};
use switchyard_expr::{Engine, Scope};
use switchyard_model::{JsonMap, Level, Node, TaskRun, task::WorkingDirectory};
use switchyard_plugin_api::{Error, TaskRef};
use switchyard_store::{
    storage::Source,
    workdir::{Capture, WorkDir},
};

use crate::{
    attempt::{TaskLog, place, store},
    core::Decision,
    directory_cache::DirectoryCache,
    engine::Shared,
    namespace_files::FilePlacement,
    script::{self, Input},
    task::unrendered,
};

/// Rendered where the execution lives; done elsewhere.
pub enum Job {
    Open { id: String, inputs: Vec<Input>, cache: Option<DirectoryCache>, namespace_files: Option<FilePlacement> },
    Close { id: String, task: TaskRef, patterns: Vec<String>, cache: Option<DirectoryCache>, since: SystemTime },
}

/// The task run, and what is at hand for rendering.
pub struct About<'a> {
    pub run: &'a TaskRun,
    /// The loop's value.
    pub value: Option<&'a str>,
    pub expr: &'a Engine,
    pub scope: &'a dyn Scope,
}

impl About<'_> {
    fn cache(&self, kind: &WorkingDirectory) -> Result<Option<DirectoryCache>, Error> {
        kind.cache.as_ref().map(|cache| DirectoryCache::read(cache, self.run, self.value, self.expr, self.scope)).transpose()
    }
}

/// What opening needs.
pub fn open(kind: &WorkingDirectory, id: String, about: &About<'_>, log: &TaskLog) -> Result<Job, Error> {
    let written = |node: &Option<Node>| node.as_ref().map_or(Json::Null, Node::to_json);
    let mut warnings = Vec::new();
    let inputs = script::inputs(about.expr, &written(&kind.input_files), about.scope, false, &mut warnings)?;
    warnings.iter().for_each(|warning| log.message(Level::Warn, warning));
    let namespace_files = FilePlacement::read(about.expr, &written(&kind.namespace_files), &about.run.namespace, about.scope)?;
    Ok(Job::Open { id, inputs, cache: about.cache(kind)?, namespace_files })
}

/// What closing needs.
pub fn close(kind: &WorkingDirectory, id: String, task: TaskRef, about: &About<'_>) -> Result<Job, Error> {
    let written = kind.output_files.as_ref().map_or(Json::Null, Node::to_json);
    let rendered = about.expr.render_value(&written, about.scope).map_err(|error| unrendered(&error))?;
    let patterns = rendered.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect();
    let since = SystemTime::UNIX_EPOCH
        + std::time::Duration::from_micros(u64::try_from(about.run.state.start_date().as_microsecond()).unwrap_or_default());
    Ok(Job::Close { id, task, patterns, cache: about.cache(kind)?, since })
}

impl Job {
    /// Does it and answers the core.
    pub async fn run(self, shared: Arc<Shared>, log: TaskLog) -> Decision {
        match self {
            Self::Open { id, inputs, cache, namespace_files } => match fill(&shared, &id, cache, namespace_files, &inputs, &log).await {
                Ok(()) => Decision::Go { limit: 1, outputs: JsonMap::new() },
                Err(error) => {
                    log.error(&error);
                    Decision::Fail
                }
            },
            Self::Close { id, task, patterns, cache, since } => {
                // The cache wants to see the files as well, and so does a host that has to do this again.
                let source = if cache.is_some() || shared.durable { Source::Copy } else { Source::Move };
                let kept = keep(&shared, &id, &task, &patterns, source, &log).await;
                if let Ok(directory) = shared.work_dirs.at(&id) {
                    if let Some(cache) = cache {
                        cache.close(&shared, &directory, since, &log).await;
                    }
                    // In a durable host it goes when the end of the execution is durable.
                    if !shared.durable {
                        remove(&directory);
                    }
                }
                let (files, failed) = kept.map_or_else(
                    |error| {
                        log.error(&error);
                        (Map::new(), true)
                    },
                    |files| (files, false),
                );
                let outputs = [("outputFiles".to_owned(), Json::Object(files))].into_iter().collect();
                Decision::Closed { outputs, failed }
            }
        }
    }
}

async fn fill(
    shared: &Shared,
    id: &str,
    cache: Option<DirectoryCache>,
    namespace_files: Option<FilePlacement>,
    inputs: &[Input],
    log: &TaskLog,
) -> Result<(), Error> {
    let failed = |e: switchyard_store::workdir::Error| Error::environment(e.code(), e.to_string());
    if shared.durable {
        // Half of it may be there: filled by a host that ended meanwhile.
        let left = shared.work_dirs.at(id).map_err(failed)?;
        if left.path().exists() {
            left.remove().map_err(failed)?;
        }
    }
    let directory = shared.work_dirs.create(id).map_err(failed)?;
    if let Some(cache) = cache {
        cache.open(shared, &directory, log).await;
    }
    if let Some(files) = namespace_files {
        files.place(shared, &directory, log).await?;
    }
    for input in inputs {
        place(shared, &directory, input).await?;
    }
    Ok(())
}

async fn keep(
    shared: &Shared,
    id: &str,
    task: &TaskRef,
    patterns: &[String],
    source: Source,
    log: &TaskLog,
) -> Result<Map<String, Json>, Error> {
    let mut files = Map::new();
    let directory = shared.work_dirs.at(id).map_err(|e| Error::environment(e.code(), e.to_string()))?;
    let found = directory.capture(&Capture::new(patterns.to_vec())).map_err(|e| Error::user(e.code(), e.to_string()))?;
    for warning in &found.warnings {
        log.message(Level::Warn, warning);
    }
    for file in found.files {
        let uri = store(shared, task, &directory, &file, &file.key, source).await?;
        files.insert(file.key, Json::String(uri));
    }
    Ok(files)
}

pub fn remove(directory: &WorkDir) {
    if let Err(error) = directory.remove() {
        tracing::warn!(path = %directory.path().display(), %error, "a working directory could not be removed");
    }
}
