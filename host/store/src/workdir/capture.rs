//! Taking output files by their globs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use regex::Regex;

use super::{Error, Glob, Result, WorkDir, tree};

/// Which files to take.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    patterns: Vec<String>,
    excluded: Vec<String>,
}

/// A file to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedFile {
    /// Its relative path as outputs show it; bytes that are no UTF-8 as `%FF`.
    pub key: String,
    /// Its relative path as it is; for [`WorkDir::open`] and [`WorkDir::take`].
    pub name: OsString,
    pub size: u64,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// By key; each file once, however many patterns match.
    pub files: Vec<CapturedFile>,
    /// What the author should know: named files that are missing or cannot be taken.
    pub warnings: Vec<String>,
}

/// One entry of `outputFiles`.
enum Pattern {
    /// A relative path without wildcards.
    Literal(String),
    Relative(Glob),
    /// `glob:`, against the absolute path.
    Absolute(Glob),
    /// `regex:`, against the absolute path.
    Expression(Regex),
}

impl Capture {
    /// Patterns in the dialect of `outputFiles`, checked by [`WorkDir::capture`].
    pub fn new(patterns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { patterns: patterns.into_iter().map(Into::into).collect(), excluded: Vec::new() }
    }

    /// Files of our own (scripts, credentials) that no pattern takes; a name ending in `/` stands for all below.
    #[must_use]
    pub fn without(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.excluded.extend(names.into_iter().map(Into::into));
        self
    }

    fn excludes(&self, key: &str) -> bool {
        self.excluded.iter().any(|name| key == name || (name.ends_with('/') && key.starts_with(name.as_str())))
    }
}

impl Pattern {
    fn parse(text: &str, root: &Path) -> Result<Self> {
        if let Some(expression) = text.strip_prefix("regex:") {
            let whole = format!("^(?:{expression})$");
            return Regex::new(&whole).map(Self::Expression).map_err(|error| Error::Glob {
                pattern: text.to_owned(),
                at: 0,
                reason: error.to_string(),
            });
        }
        if let Some(glob) = text.strip_prefix("glob:") {
            return Glob::parse(glob).map(Self::Absolute);
        }
        let below = root.to_str().and_then(|root| text.strip_prefix(root)?.strip_prefix('/'));
        let mut relative = below.unwrap_or_else(|| text.strip_prefix('/').unwrap_or(text));
        while let Some(rest) = relative.strip_prefix("./") {
            relative = rest;
        }
        let glob = Glob::parse(relative)?;
        Ok(match glob.literal() {
            Some(literal) => Self::Literal(literal.to_owned()),
            None => Self::Relative(glob),
        })
    }

    fn matches(&self, key: &str, absolute: &str) -> bool {
        match self {
            Self::Literal(literal) => literal == key,
            Self::Relative(glob) => glob.matches(key),
            Self::Absolute(glob) => glob.matches(absolute),
            Self::Expression(expression) => expression.is_match(absolute),
        }
    }

    /// How deep a match can lie; `None` when anywhere.
    fn depth(&self) -> Option<usize> {
        match self {
            Self::Literal(literal) => Some(literal.matches('/').count()),
            Self::Relative(glob) => glob.depth(),
            Self::Absolute(_) | Self::Expression(_) => None,
        }
    }
}

impl WorkDir {
    /// Finds the files to take. Symbolic links are not followed and not taken; directories match nothing.
    pub fn capture(&self, capture: &Capture) -> Result<Captured> {
        let patterns = capture.patterns.iter().map(|pattern| Pattern::parse(pattern, self.path())).collect::<Result<Vec<_>>>()?;
        let mut found = BTreeMap::new();
        let mut warnings = Vec::new();
        for pattern in &patterns {
            if let Pattern::Literal(name) = pattern {
                match self.literal(name) {
                    Ok(Some(file)) if !capture.excludes(&file.key) => {
                        found.insert(file.key.clone(), file);
                    }
                    Ok(_) => {}
                    Err(warning) => warnings.push(warning),
                }
            }
        }
        let globs: Vec<&Pattern> = patterns.iter().filter(|pattern| !matches!(pattern, Pattern::Literal(_))).collect();
        if !globs.is_empty() {
            // Nothing below the deepest possible match need be looked at.
            let depth = globs.iter().map(|pattern| pattern.depth()).try_fold(0, |deepest, depth| depth.map(|depth| deepest.max(depth)));
            let root = self.path().to_string_lossy();
            tree::files(self.path(), depth, &mut warnings, |name, size| {
                let key = key(name.as_bytes());
                let absolute = format!("{root}/{key}");
                let wanted = globs.iter().any(|glob| glob.matches(&key, &absolute));
                if wanted && !capture.excludes(&key) {
                    found.entry(key.clone()).or_insert(CapturedFile { key, name, size });
                }
            })?;
        }
        Ok(Captured { files: found.into_values().collect(), warnings })
    }

    /// A file that is asked for by name; a directory is nothing, other obstacles are told.
    fn literal(&self, name: &str) -> std::result::Result<Option<CapturedFile>, String> {
        let missing = || format!("outputFiles: `{name}` was not created by the task");
        let file = match self.open(name) {
            Ok(file) => file,
            Err(Error::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Err(missing());
            }
            Err(_) if is_directory(&self.path().join(name)) => return Ok(None),
            Err(error) => return Err(format!("outputFiles: {error}")),
        };
        let size = file.metadata().map_err(|_| missing())?.len();
        let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        let key = parts.join("/");
        Ok(Some(CapturedFile { name: key.clone().into(), key, size }))
    }
}

fn is_directory(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}

/// A name as text: what is no UTF-8 is written like in a URL, so that two names never become one.
fn key(name: &[u8]) -> String {
    let mut key = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        key.push_str(chunk.valid());
        for byte in chunk.invalid() {
            key.push_str(&format!("%{byte:02X}"));
        }
    }
    key
}
