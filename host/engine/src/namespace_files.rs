//! `namespaceFiles` of script tasks and WorkingDirectory: files of namespaces in a working directory. Spec 9.1.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value as Json;
use switchyard_expr::{Engine, Scope, is_truthy};
use switchyard_model::Level;
use switchyard_plugin_api::Error;
use switchyard_store::{
    namespace_files::{self, NamespaceFiles, Selection},
    storage,
    workdir::{FileMode, WorkDir},
};

use crate::{
    attempt::TaskLog,
    engine::Shared,
    task::{plain, unrendered},
};

/// Which files go where, rendered.
#[derive(Debug, Clone)]
pub struct FilePlacement {
    selection: Selection,
    /// Files of later ones replace those of earlier ones.
    namespaces: Vec<String>,
    if_exists: IfExists,
    folder_per_namespace: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IfExists {
    Overwrite,
    Fail,
    Warn,
    Ignore,
}

/// Files on their way at the same time.
const AT_ONCE: usize = 8;

impl FilePlacement {
    /// From the written property; `None` when it is absent or not enabled.
    pub fn read(expr: &Engine, written: &Json, namespace: &str, scope: &dyn Scope) -> Result<Option<Self>, Error> {
        let rendered = expr.render_value(written, scope).map_err(|error| unrendered(&error).at("/namespaceFiles"))?;
        let rendered = match rendered {
            Json::Null => return Ok(None),
            Json::Bool(enabled) => serde_json::json!({ "enabled": enabled }),
            other => other,
        };
        let given = |name: &str| rendered.get(name).filter(|value| !value.is_null());
        if given("enabled").is_some_and(|enabled| !is_truthy(&plain(enabled))) {
            return Ok(None);
        }
        let texts = |name: &str| -> Result<Vec<String>, Error> {
            Ok(match given(name) {
                None => Vec::new(),
                Some(Json::String(text)) if text.trim_start().starts_with('[') => serde_json::from_str(text)
                    .map_err(|error| invalid(format!("`{name}` rendered to text that is not a list: {error}"), name))?,
                Some(Json::Array(items)) => items.iter().map(plain).collect(),
                Some(one) => vec![plain(one)],
            })
        };
        let (include, exclude) = (texts("include")?, texts("exclude")?);
        let selection = Selection::new(include.iter().map(String::as_str), exclude.iter().map(String::as_str));
        let mut namespaces = texts("namespaces")?;
        if namespaces.is_empty() {
            namespaces.push(namespace.to_owned());
        }
        let if_exists = match given("ifExists").map(plain).as_deref() {
            None | Some("OVERWRITE") => IfExists::Overwrite,
            Some("FAIL") => IfExists::Fail,
            Some("WARN") => IfExists::Warn,
            Some("IGNORE") => IfExists::Ignore,
            Some(other) => {
                return Err(invalid(format!("`ifExists` is `{other}`"), "ifExists").with_help("write one of OVERWRITE, FAIL, WARN, IGNORE"));
            }
        };
        Ok(Some(Self {
            selection: selection.map_err(|error| failed(&error).at("/namespaceFiles"))?,
            namespaces,
            if_exists,
            folder_per_namespace: given("folderPerNamespace").is_some_and(|value| is_truthy(&plain(value))),
        }))
    }

    /// Copies them.
    pub async fn place(&self, shared: &Shared, directory: &WorkDir, log: &TaskLog) -> Result<(), Error> {
        let files = NamespaceFiles::new(shared.storage.clone());
        let mut count = 0;
        for namespace in &self.namespaces {
            let mut wanted = Vec::new();
            for file in files.list(namespace, &self.selection).await.map_err(|error| failed(&error))? {
                let path = if self.folder_per_namespace { format!("{namespace}/{}", file.path) } else { file.path };
                if self.may_write(directory, &path, log)? {
                    wanted.push((path, file.uri));
                }
            }
            count += wanted.len();
            let placed = stream::iter(wanted).map(|(path, uri)| async move {
                let target = directory.new_file(&path, FileMode::Plain).map_err(|error| Error::user(error.code(), error.to_string()))?;
                shared.storage.get_to_file(&uri, target).await.map_err(|error| stored(&error))
            });
            placed.buffer_unordered(AT_ONCE).try_for_each(|_| std::future::ready(Ok(()))).await?;
        }
        if count == 0 {
            log.message(
                Level::Debug,
                &format!("`namespaceFiles` placed no file: the namespace {} has none that fit", self.namespaces.join(", ")),
            );
        }
        Ok(())
    }

    fn may_write(&self, directory: &WorkDir, path: &str, log: &TaskLog) -> Result<bool, Error> {
        if self.if_exists == IfExists::Overwrite || directory.open(path).is_err() {
            return Ok(true);
        }
        match self.if_exists {
            IfExists::Fail => Err(Error::user("namespace::exists", format!("the file `{path}` is in the working directory already"))
                .with_help("set `ifExists` to OVERWRITE, WARN or IGNORE")
                .at("/namespaceFiles/ifExists")),
            IfExists::Warn => {
                log.message(
                    Level::Warn,
                    &format!("the file `{path}` is in the working directory already; the namespace's one is left out"),
                );
                Ok(false)
            }
            _ => Ok(false),
        }
    }
}

fn invalid(message: String, name: &str) -> Error {
    Error::user("flow::invalid_property", message).at(format!("/namespaceFiles/{name}"))
}

fn failed(error: &namespace_files::Error) -> Error {
    Error::user(error.code(), error.to_string())
}

fn stored(error: &storage::Error) -> Error {
    Error::environment(error.code(), error.to_string())
}
