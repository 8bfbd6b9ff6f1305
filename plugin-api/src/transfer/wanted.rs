//! Which files come back.

use std::path::Path;

use super::names;
use crate::Files;

/// What to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing.
    Nothing,
    /// What may match one of these.
    Matching(Vec<Pattern>),
    /// The whole directory.
    Everything,
}

impl Wanted {
    /// What a task's files ask for: its output directory, its globs, and everything in a directory that other tasks share.
    pub fn of(files: &Files) -> Self {
        if files.shared {
            return Self::Everything;
        }
        let mut patterns: Vec<Pattern> = files.output_dir.iter().map(|d| Pattern::Literal(d.clone())).collect();
        for glob in &files.outputs {
            // The host reads these against absolute paths.
            if glob.starts_with("glob:") || glob.starts_with("regex:") {
                return Self::Everything;
            }
            // To the host `/a` and `a` mean the same. A pattern that climbs matches nothing; the host says so.
            let below = Path::new(glob).strip_prefix(&files.working_dir).unwrap_or(Path::new(glob.strip_prefix('/').unwrap_or(glob)));
            let Some(clean) = names::inside(below) else { continue };
            let clean = clean.to_string_lossy().into_owned();
            if clean.is_empty() {
                return Self::Everything;
            }
            let pattern = Pattern::new(&clean);
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
        if patterns.is_empty() { Self::Nothing } else { Self::Matching(patterns) }
    }

    /// The paths, when there is no glob among them: a runner may then ask for each instead of reading the whole directory.
    pub fn paths(&self) -> Option<Vec<&str>> {
        let Self::Matching(patterns) = self else { return None };
        patterns.iter().map(|pattern| if let Pattern::Literal(path) = pattern { Some(path.as_str()) } else { None }).collect()
    }

    /// Whether a path below the working directory is to be fetched.
    pub fn takes(&self, path: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Matching(patterns) => patterns.iter().any(|p| p.may_match(path)),
        }
    }
}

/// A glob, known by its two ends. It lets through a little more than the glob does: the host applies the glob itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// No special character: this path and what is below it.
    Literal(String),
    /// Text before the first and after the last special character.
    Ends {
        /// At the beginning.
        prefix: String,
        /// At the end.
        suffix: String,
    },
}

impl Pattern {
    /// Characters that are special somewhere in a glob.
    pub const SPECIAL: &[char] = &['*', '?', '[', ']', '{', '}', '\\', '!'];

    /// Reads a glob of the task.
    pub fn new(glob: &str) -> Self {
        let (Some(first), Some(last)) = (glob.find(Self::SPECIAL), glob.rfind(Self::SPECIAL)) else {
            return Self::Literal(glob.to_owned());
        };
        let mut suffix = &glob[last + 1..];
        if glob[..=last].ends_with("**") {
            // `**/x` also means `x`.
            suffix = suffix.strip_prefix('/').unwrap_or(suffix);
        }
        let mut prefix = &glob[..first];
        if glob[first..].starts_with("**") {
            // `a/**` also means `a`.
            prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        }
        Self::Ends { prefix: prefix.to_owned(), suffix: suffix.to_owned() }
    }

    /// Whether the glob may match a path, or one above it.
    pub fn may_match(&self, path: &str) -> bool {
        match self {
            Self::Literal(literal) => path.strip_prefix(literal.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            Self::Ends { prefix, suffix } => path.starts_with(prefix.as_str()) && path.ends_with(suffix.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(outputs: &[&str]) -> Files {
        Files { working_dir: "/wd".into(), outputs: outputs.iter().map(|o| (*o).to_owned()).collect(), ..Files::default() }
    }

    #[test]
    fn d2_k2_what_is_asked_for() {
        let paths = |outputs: &[&str]| Wanted::of(&files(outputs)).paths().map(|paths| paths.join(" "));
        for (outputs, expected) in [
            (&["a.txt", "./d/b", "a.txt"][..], Some("a.txt d/b")),
            (&["a.txt", "*.csv"], None),
            (&["../x", "a"], Some("a")),
            (&["."], None),
            (&["/a", "/wd/b"], Some("a b")),
        ] {
            assert_eq!(paths(outputs).as_deref(), expected, "{outputs:?}");
        }
        assert_eq!(Wanted::of(&files(&[])), Wanted::Nothing);
        assert_eq!(Wanted::of(&files(&["../x", "/../x"])), Wanted::Nothing);
        assert_eq!(Wanted::of(&files(&["regex:/wd/.*"])), Wanted::Everything);
        assert_eq!(Wanted::of(&files(&["."])), Wanted::Everything);
        assert_eq!(Wanted::of(&Files { shared: true, ..Files::default() }), Wanted::Everything);
        assert_eq!(Wanted::of(&Files { output_dir: Some("o".into()), ..Files::default() }).paths(), Some(vec!["o"]));
    }

    #[test]
    fn d2_k2_everything_that_a_glob_matches_comes_back() {
        for (glob, path, taken) in [
            ("*.txt", "a.txt", true),
            ("*.txt", "a.csv", false),
            ("**/*.csv", "r.csv", true),
            ("**/*.csv", "s/t/q.csv", true),
            ("**/q.csv", "q.csv", true),
            ("out/**", "out/a/b", true),
            ("out/**", "in/a", false),
            ("a/**/b.txt", "a/b.txt", true),
            ("data_[0-9].json", "data_7.json", true),
            ("{a,b}.json", "b.json", true),
            ("{a,b}.json", "b.jsonl", false),
            ("s/*.txt", "t/x.txt", false),
        ] {
            assert_eq!(Wanted::of(&files(&[glob])).takes(path), taken, "{glob} {path}");
        }
    }
}
