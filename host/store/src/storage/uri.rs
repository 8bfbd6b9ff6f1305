//! Names of stored files.

use std::fmt;
use std::str::FromStr;

use super::{Error, Result};

/// A checked `kestra:///path`. The tenant is no part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StorageUri {
    /// Without the leading slash.
    path: String,
}

const SCHEME: &str = "kestra://";

impl StorageUri {
    /// A URI of `/`-separated segments, such as a namespace's path and a file name.
    pub fn from_path(path: &str) -> Result<Self> {
        let refuse = |reason| Error::Uri { text: path.to_owned(), reason };
        let path = path.trim_start_matches('/');
        if path.is_empty() || path.ends_with('/') {
            return Err(refuse("it names no file"));
        }
        if path.contains(['\0', '\n', '\r']) {
            return Err(refuse("it contains a control character"));
        }
        if path.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(refuse("empty, `.` and `..` segments are not allowed"));
        }
        Ok(Self { path: path.to_owned() })
    }

    /// A file or folder that belongs to a namespace.
    pub fn in_namespace(namespace: &str, path: &str) -> Result<Self> {
        if namespace.split('.').any(str::is_empty) || namespace.contains('/') {
            return Err(Error::Uri { text: namespace.to_owned(), reason: "it is no namespace" });
        }
        Self::from_path(&format!("{}/{path}", namespace_path(namespace)))
    }

    /// The file `file` of a task run.
    pub fn task_file(namespace: &str, flow: &str, execution: &str, task: &str, task_run: &str, file: &str) -> Result<Self> {
        Self::from_path(&format!(
            "{}/{}/executions/{execution}/tasks/{}/{task_run}/{}",
            namespace_path(namespace),
            slug(flow),
            slug(task),
            escaped(file)
        ))
    }

    /// The file of an input.
    pub fn input_file(namespace: &str, flow: &str, execution: &str, input: &str, file: &str) -> Result<Self> {
        Self::from_path(&format!("{}/{}/executions/{execution}/inputs/{input}/{}", namespace_path(namespace), slug(flow), escaped(file)))
    }

    /// Everything of an execution lies below; for [`delete_below`](super::Storage::delete_below).
    pub fn execution(namespace: &str, flow: &str, execution: &str) -> Result<Self> {
        Self::from_path(&format!("{}/{}/executions/{execution}", namespace_path(namespace), slug(flow)))
    }

    /// A file below this one, taken as a directory.
    pub fn join(&self, below: &str) -> Result<Self> {
        Self::from_path(&format!("{}/{below}", self.path))
    }

    /// The path with its leading slash.
    pub fn path(&self) -> String {
        format!("/{}", self.path)
    }

    /// The last segment.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    pub(super) fn key(&self) -> &str {
        &self.path
    }
}

impl FromStr for StorageUri {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |reason| Error::Uri { text: text.to_owned(), reason };
        let path = text.strip_prefix(SCHEME).ok_or_else(|| refuse("it does not begin with `kestra://`"))?;
        if !path.starts_with('/') {
            return Err(refuse("it has a host; write three slashes"));
        }
        Self::from_path(path).map_err(|error| match error {
            Error::Uri { reason, .. } => refuse(reason),
            other => other,
        })
    }
}

impl fmt::Display for StorageUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{SCHEME}/{}", self.path)
    }
}

/// A file's own name as part of a URI. A URI ends in the middle of a command at the first character that cannot be in one, so
/// blanks and the like are written as `%20`.
fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_alphanumeric() || "-._~+#=/:".contains(character) {
            escaped.push(character);
        } else {
            let mut bytes = [0; 4];
            escaped.extend(character.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")));
        }
    }
    escaped
}

/// A namespace as a path: `company.team` is `company/team`.
pub fn namespace_path(namespace: &str) -> String {
    namespace.replace('.', "/")
}

/// An id as a path segment: lower case, words joined by single `-`, accents and other signs dropped.
pub fn slug(id: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    let mut slug = String::with_capacity(id.len());
    for character in id.nfd() {
        if character.is_whitespace() || matches!(character, '_' | '-') {
            if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        } else if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        }
    }
    let length = slug.trim_end_matches('-').len();
    slug.truncate(length);
    slug
}
