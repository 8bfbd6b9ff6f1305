//! Files that belong to a namespace: `/<namespace path>/_files/<path>` in internal storage. Spec 9.1.

#[cfg(test)]
mod tests;

use std::path::Path;

use regex::Regex;

use crate::{
    storage::{self, Source, Storage, StorageUri, Stored},
    workdir::{self, Glob},
};

/// The files of all namespaces. Clones share them.
#[derive(Clone)]
pub struct NamespaceFiles {
    storage: Storage,
}

/// A file of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceFile {
    /// Relative, with its folders.
    pub path: String,
    pub uri: StorageUri,
    pub size: u64,
}

/// Which files of a namespace: globs, or expressions, against `/path`.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

#[derive(Clone, Debug)]
enum Pattern {
    Glob(Glob),
    /// `regex:`, of the whole path.
    Expression(Regex),
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{path}` cannot be a namespace file: {reason}; use a relative path such as `scripts/main.py`")]
    Path { path: String, reason: &'static str },
    #[error(transparent)]
    Glob(workdir::Error),
    #[error("`{}` cannot be read: {source}", path.display())]
    Folder { path: std::path::PathBuf, source: std::io::Error },
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl Error {
    /// A stable name, the same in every release.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Path { .. } => "namespace::path",
            Self::Glob(error) => error.code(),
            Self::Folder { .. } => "namespace::folder",
            Self::Storage(error) => error.code(),
        }
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Old versions kept flows there.
const RESERVED: &str = "_flows";
const FILES: &str = "_files";

impl Selection {
    /// No `include` means all files.
    pub fn new<'p>(include: impl IntoIterator<Item = &'p str>, exclude: impl IntoIterator<Item = &'p str>) -> Result<Self> {
        let patterns = |list: &mut dyn Iterator<Item = &'p str>| list.map(Pattern::parse).collect::<Result<Vec<_>>>();
        Ok(Self { include: patterns(&mut include.into_iter())?, exclude: patterns(&mut exclude.into_iter())? })
    }

    pub fn matches(&self, path: &str) -> bool {
        let path = format!("/{path}");
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(&path));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

impl Pattern {
    /// Paths have a slash in front of them. A pattern that begins with a word, or names no folder, is for any folder.
    fn parse(text: &str) -> Result<Self> {
        if let Some(expression) = text.strip_prefix("regex:") {
            let whole = Regex::new(&format!("^(?:{expression})$"));
            let wrong = |error: regex::Error| workdir::Error::Glob { pattern: text.to_owned(), at: 0, reason: error.to_string() };
            return whole.map(Self::Expression).map_err(|error| Error::Glob(wrong(error)));
        }
        let rooted = match text.strip_prefix("./").unwrap_or(text) {
            glob if glob.starts_with("glob:") => glob["glob:".len()..].to_owned(),
            rooted if rooted.is_empty() || rooted.starts_with('/') || rooted.starts_with("**/") => rooted.to_owned(),
            named if named.starts_with(|c: char| c.is_alphanumeric() || c == '_') || !named.contains('/') => format!("**/{named}"),
            below => format!("/{below}"),
        };
        Glob::parse(&rooted).map(Self::Glob).map_err(Error::Glob)
    }

    fn matches(&self, path: &str) -> bool {
        match self {
            Self::Glob(glob) => glob.matches(path),
            Self::Expression(expression) => expression.is_match(path),
        }
    }
}

impl NamespaceFiles {
    pub fn new(storage: Storage) -> Self {
        Self { storage }
    }

    /// Where a file of a namespace is or would be. A leading `/` means nothing.
    pub fn uri(&self, namespace: &str, path: &str) -> Result<StorageUri> {
        let refuse = |reason| Error::Path { path: path.to_owned(), reason };
        let relative = path.trim_start_matches('/');
        if relative.is_empty() || relative.ends_with('/') {
            return Err(refuse("it names no file"));
        }
        if relative.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(refuse("empty, `.` and `..` segments are not allowed"));
        }
        if relative.split('/').next() == Some(RESERVED) {
            return Err(refuse("`_flows` is reserved"));
        }
        Ok(StorageUri::in_namespace(namespace, &format!("{FILES}/{relative}"))?)
    }

    /// The files of a namespace that a selection wants, by path.
    pub async fn list(&self, namespace: &str, selection: &Selection) -> Result<Vec<NamespaceFile>> {
        let folder = StorageUri::in_namespace(namespace, FILES)?;
        let prefix = format!("{}/", folder.path());
        let found = self.storage.list(&folder).await?.into_iter().filter_map(|Stored { uri, size }| {
            let path = uri.path().strip_prefix(&prefix)?.to_owned();
            (!path.starts_with(RESERVED) && selection.matches(&path)).then_some(NamespaceFile { path, uri, size })
        });
        Ok(found.collect())
    }

    /// Copies every file below a folder of this machine into a namespace; gives how many. What begins with a dot stays out.
    pub async fn add_folder(&self, namespace: &str, folder: &Path) -> Result<usize> {
        let mut open = vec![(folder.to_path_buf(), String::new())];
        let mut count = 0;
        while let Some((path, prefix)) = open.pop() {
            let failed = |source| Error::Folder { path: path.clone(), source };
            for entry in std::fs::read_dir(&path).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                let kind = entry.file_type().map_err(failed)?;
                if name.starts_with('.') {
                    continue;
                }
                let below = format!("{prefix}{name}");
                if kind.is_dir() {
                    open.push((entry.path(), format!("{below}/")));
                } else if entry.path().is_file() {
                    self.storage.put_file(&self.uri(namespace, &below)?, &entry.path(), Source::Copy).await?;
                    count += 1;
                }
            }
        }
        Ok(count)
    }
}
