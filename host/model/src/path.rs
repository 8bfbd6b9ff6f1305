//! Where in a document a node stands: `tasks[0].taskRunner.cpu`.

use std::fmt;

/// A path that lives on the stack while a tree is walked; `to_string` keeps it.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
    /// A path that was written out before.
    Written(&'a str),
}

impl<'a> Path<'a> {
    pub fn key(&'a self, key: &'a str) -> Path<'a> {
        Path::Key(self, key)
    }

    pub fn index(&'a self, index: usize) -> Path<'a> {
        Path::Index(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Written(path) => f.write_str(path),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Path::Key(parent, key) if !is_plain(key) => write!(f, "{parent}['{key}']"),
            Path::Key(Path::Root, key) => f.write_str(key),
            Path::Key(parent, key) => write!(f, "{parent}.{key}"),
        }
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && !key.contains(['.', '[', ']', '\'', ' '])
}

/// One step of a written path or JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Index(usize),
}

/// Reads `tasks[0].env['a.b']`; `None` when brackets do not match.
pub(crate) fn parse_path(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(bracketed) = rest.strip_prefix('[') {
            let quoted = bracketed.strip_prefix('\'').map(|inner| (inner, "']"));
            let (inner, close) = quoted.unwrap_or((bracketed, "]"));
            let end = inner.find(close)?;
            steps.push(match inner[..end].parse() {
                Ok(index) if quoted.is_none() => Step::Index(index),
                _ => Step::Key(inner[..end].to_owned()),
            });
            rest = &inner[end + close.len()..];
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 {
                return None;
            }
            steps.push(Step::Key(name[..end].to_owned()));
            rest = &name[end..];
        }
    }
    Some(steps)
}

/// Reads `/tasks/0/cpu` with the escapes `~0` and `~1`; whether a number is an index or a key depends on the node it meets.
pub(crate) fn parse_pointer(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let steps = pointer.strip_prefix('/')?.split('/');
    Some(steps.map(|step| step.replace("~1", "/").replace("~0", "~")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads_the_same_path() {
        let tasks = Path::Root.key("tasks");
        let first = tasks.index(0);
        let files = first.key("inputFiles");
        let path = files.key("main.py").to_string();
        assert_eq!(path, "tasks[0].inputFiles['main.py']");
        let key = |name: &str| Step::Key(name.to_owned());
        assert_eq!(parse_path(&path), Some(vec![key("tasks"), Step::Index(0), key("inputFiles"), key("main.py")]));
    }

    #[test]
    fn refuses_a_broken_path() {
        for path in ["tasks[0", "a..b", "tasks['x]"] {
            assert_eq!(parse_path(path), None, "{path}");
        }
        assert_eq!(parse_pointer("tasks"), None);
        assert_eq!(parse_pointer("/a~1b/~0"), Some(vec!["a/b".to_owned(), "~".to_owned()]));
    }
}
