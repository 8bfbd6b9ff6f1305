//! Before the run: the working directory, the user's files, the task's own files.

use std::collections::HashMap;

use switchyard_plugin_api::{Error, Phase, PlanFile};
use switchyard_store::{
    storage::{self, StorageUri},
    workdir::{FileMode, WorkDir},
};

use super::{archives, log::TaskLog};
use crate::{
    engine::Shared,
    script::{CONTEXT_FILE, Content, Input, Prepared},
};

/// Makes the directory and fills it.
pub(super) async fn stage(shared: &Shared, prepared: &mut Prepared, log: &TaskLog) -> Result<WorkDir, Error> {
    let path = &prepared.request.files.working_dir;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let directory =
        if prepared.request.files.shared { shared.work_dirs.at(name) } else { shared.work_dirs.create(name) }.map_err(|e| plain(&e))?;
    if prepared.request.files.shared && !directory.path().exists() {
        let message = "the directory that the tasks of this WorkingDirectory share is not on this host";
        return Err(Error::environment("workdir::elsewhere", message)
            .with_help("restart the execution: all tasks of the WorkingDirectory run again, in a new directory"));
    }
    if !prepared.inputs.is_empty() {
        log.phase(Phase::StagingIn);
    }
    if let Some(files) = &prepared.namespace_files {
        log.phase(Phase::StagingIn);
        files.place(shared, &directory, log).await?;
    }
    for input in &prepared.inputs {
        place(shared, &directory, input).await?;
    }
    if let Some(output) = &prepared.request.files.output_dir {
        directory.make_directory(output).map_err(|e| plain(&e))?;
    }
    let mut fetched = Fetched { shared, directory: &directory, paths: HashMap::new() };
    let mut argv = Vec::with_capacity(prepared.request.command.argv.len());
    for argument in std::mem::take(&mut prepared.request.command.argv) {
        argv.push(fetched.replace(argument, &prepared.plan.paths.working_dir).await?);
    }
    prepared.request.command.argv = argv;
    for file in &prepared.files {
        let content = fetched.replace(file.content.clone(), &prepared.plan.paths.working_dir).await?;
        put(&directory, file, &content)?;
    }
    prepared.fetched = fetched.paths.into_values().collect();
    if let Some(text) = &prepared.context {
        directory.write(CONTEXT_FILE, text.as_bytes(), FileMode::Plain).map_err(|e| plain(&e))?;
    }
    archives::place(shared, prepared, &directory, log).await;
    Ok(directory)
}

/// Puts one of the user's files where it belongs.
pub(crate) async fn place(shared: &Shared, directory: &WorkDir, input: &Input) -> Result<(), Error> {
    match &input.content {
        Content::Text(text) => directory.write(&input.path, text.as_bytes(), FileMode::Plain).map_err(|e| plain(&e).at("/inputFiles")),
        Content::Stored(uri) => fetch(shared, directory, uri, &input.path).await,
        Content::Local(path) => local(shared, directory, path, &input.path).await.map_err(|e| e.at("/inputFiles")),
    }
}

pub(super) fn put(directory: &WorkDir, file: &PlanFile, content: &str) -> Result<(), Error> {
    let mode = if file.executable { FileMode::Executable } else { FileMode::Plain };
    directory.write(&file.path, content.as_bytes(), mode).map_err(|e| plain(&e))
}

async fn fetch(shared: &Shared, directory: &WorkDir, uri: &str, name: &str) -> Result<(), Error> {
    let file = directory.new_file(name, FileMode::Plain).map_err(|e| plain(&e))?;
    let failed = |error: storage::Error| Error::user(error.code(), format!("{uri} cannot be read: {error}"));
    let stored: StorageUri = uri.parse().map_err(failed)?;
    shared.storage.get_to_file(&stored, file).await.map(drop).map_err(failed)
}

/// Copies a file of this host, if the administrator lets flows read it.
async fn local(shared: &Shared, directory: &WorkDir, path: &str, name: &str) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::user("workdir::local_file", format!("file://{path} cannot be read: {error}"));
    // Where links lead to counts.
    let real = tokio::fs::canonicalize(path).await.map_err(failed)?;
    let mut allowed = shared.config.readable.iter().filter_map(|allowed| std::fs::canonicalize(allowed).ok());
    if !allowed.any(|allowed| real.starts_with(allowed)) {
        return Err(Error::user("workdir::local_file", format!("file://{path} may not be read by flows"))
            .with_help("the administrator allows directories by `localFiles: {allowedPaths: [DIR]}` of switchyard.yaml"));
    }
    let target = directory.new_file(name, FileMode::Plain).map_err(|e| plain(&e))?;
    let mut source = tokio::fs::File::open(&real).await.map_err(failed)?;
    tokio::io::copy(&mut source, &mut tokio::fs::File::from_std(target)).await.map_err(failed).map(drop)
}

/// Fetches what the arguments of a plan name; answers the names of the files.
pub(super) async fn fetch_named(
    shared: &Shared,
    directory: &WorkDir,
    argv: &mut [String],
    working_dir: &str,
) -> Result<Vec<String>, Error> {
    let mut fetched = Fetched { shared, directory, paths: HashMap::new() };
    for argument in argv {
        *argument = fetched.replace(std::mem::take(argument), working_dir).await?;
    }
    Ok(fetched.paths.into_values().collect())
}

/// `kestra://` URIs inside commands and scripts become paths; each is fetched once.
struct Fetched<'a> {
    shared: &'a Shared,
    directory: &'a WorkDir,
    paths: HashMap<String, String>,
}

impl Fetched<'_> {
    async fn replace(&mut self, text: String, working_dir: &str) -> Result<String, Error> {
        if !text.contains("kestra://") {
            return Ok(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(at) = rest.find("kestra://") {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let end = rest.char_indices().skip("kestra://".len()).find(|(_, c)| !in_uri(*c)).map_or(rest.len(), |(at, _)| at);
            let uri = &rest[..end];
            let name = match self.paths.get(uri) {
                Some(name) => name.clone(),
                None => {
                    // The extension stays, since tools look at it.
                    let base = uri.rsplit('/').next().unwrap_or("file");
                    let name = format!("kestra-file-{}-{base}", self.paths.len());
                    fetch(self.shared, self.directory, uri, &name).await?;
                    self.paths.insert(uri.to_owned(), name.clone());
                    name
                }
            };
            out.push_str(working_dir);
            out.push('/');
            out.push_str(&name);
            rest = &rest[end..];
        }
        out.push_str(rest);
        Ok(out)
    }
}

fn in_uri(c: char) -> bool {
    c.is_alphanumeric() || "-._~+#=/%:".contains(c)
}

pub(super) fn plain(error: &switchyard_store::workdir::Error) -> Error {
    Error::user(error.code(), error.to_string())
}
