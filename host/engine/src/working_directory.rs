//! The files of a WorkingDirectory task: what is there before its children, what is kept after them. Spec 4.3.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use switchyard_expr::{Engine, Scope};
use switchyard_model::{JsonMap, Level, task::WorkingDirectory};
use switchyard_plugin_api::{Error, TaskRef};
use switchyard_store::{
    storage::Source,
    workdir::{Capture, WorkDir},
};

use crate::{
    attempt::{TaskLog, place, store},
    core::Decision,
    engine::Shared,
    script::{self, Input},
    task::unrendered,
};

/// Rendered where the execution lives; done elsewhere.
pub enum Job {
    Open { id: String, inputs: Vec<Input> },
    Close { id: String, task: TaskRef, patterns: Vec<String> },
}

/// What opening needs.
pub fn open(kind: &WorkingDirectory, id: String, expr: &Engine, scope: &dyn Scope, log: &TaskLog) -> Result<Job, Error> {
    for (name, present) in [("namespaceFiles", kind.namespace_files.is_some()), ("cache", kind.cache.is_some())] {
        if present {
            return Err(Error::user("flow::unsupported_property", format!("`{name}` of a WorkingDirectory is not supported yet"))
                .with_help("place the files with `inputFiles`")
                .at(format!("/{name}")));
        }
    }
    let written = kind.input_files.as_ref().map_or(Json::Null, switchyard_model::Node::to_json);
    let mut warnings = Vec::new();
    let inputs = script::inputs(expr, &written, scope, &mut warnings)?;
    warnings.iter().for_each(|warning| log.message(Level::Warn, warning));
    Ok(Job::Open { id, inputs })
}

/// What closing needs.
pub fn close(kind: &WorkingDirectory, id: String, task: TaskRef, expr: &Engine, scope: &dyn Scope) -> Result<Job, Error> {
    let written = kind.output_files.as_ref().map_or(Json::Null, switchyard_model::Node::to_json);
    let rendered = expr.render_value(&written, scope).map_err(|error| unrendered(&error))?;
    let patterns = rendered.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect();
    Ok(Job::Close { id, task, patterns })
}

impl Job {
    /// Does it and answers the core.
    pub async fn run(self, shared: Arc<Shared>, log: TaskLog) -> Decision {
        match self {
            Self::Open { id, inputs } => match fill(&shared, &id, &inputs).await {
                Ok(()) => Decision::Go { limit: 1, outputs: JsonMap::new() },
                Err(error) => {
                    log.error(&error);
                    Decision::Fail
                }
            },
            Self::Close { id, task, patterns } => {
                let kept = keep(&shared, &id, &task, &patterns, &log).await;
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

async fn fill(shared: &Shared, id: &str, inputs: &[Input]) -> Result<(), Error> {
    let failed = |e: switchyard_store::workdir::Error| Error::environment(e.code(), e.to_string());
    if shared.durable {
        // Half of it may be there: filled by a host that ended meanwhile.
        let left = shared.work_dirs.at(id).map_err(failed)?;
        if left.path().exists() {
            left.remove().map_err(failed)?;
        }
    }
    let directory = shared.work_dirs.create(id).map_err(failed)?;
    for input in inputs {
        place(shared, &directory, input).await?;
    }
    Ok(())
}

async fn keep(shared: &Shared, id: &str, task: &TaskRef, patterns: &[String], log: &TaskLog) -> Result<Map<String, Json>, Error> {
    let mut files = Map::new();
    let directory = shared.work_dirs.at(id).map_err(|e| Error::environment(e.code(), e.to_string()))?;
    let found = directory.capture(&Capture::new(patterns.to_vec())).map_err(|e| Error::user(e.code(), e.to_string()))?;
    for warning in &found.warnings {
        log.message(Level::Warn, warning);
    }
    for file in found.files {
        let uri = store(shared, task, &directory, &file, &file.key, Source::Move).await?;
        files.insert(file.key, Json::String(uri));
    }
    // In a durable host it goes when the end of the execution is durable.
    if !shared.durable {
        remove(&directory);
    }
    Ok(files)
}

pub fn remove(directory: &WorkDir) {
    if let Err(error) = directory.remove() {
        tracing::warn!(path = %directory.path().display(), %error, "a working directory could not be removed");
    }
}
