//! Which files of the container come back.

use std::path::Path;

use switchyard_plugin_api::Files;

use super::names;

/// What to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing.
    Nothing,
    /// These paths below the working directory; each may be absent.
    Paths(Vec<String>),
    /// The whole directory is read, and what may match one of these is kept.
    Matching(Vec<Pattern>),
    /// The whole directory.
    Everything,
}

/// A request of its own for each path is cheaper than reading the whole directory only for a few.
const MOST_PATHS: usize = 4;

impl Wanted {
    /// What these files ask for.
    pub fn of(files: &Files) -> Self {
        if files.shared {
            return Self::Everything;
        }
        let mut literal: Vec<String> = files.output_dir.iter().cloned().collect();
        let mut patterns = Vec::new();
        for glob in &files.outputs {
            // A climbing or absolute pattern matches nothing below the directory; the host says so.
            let Some(clean) = names::inside(Path::new(glob)) else { continue };
            let clean = clean.to_string_lossy().into_owned();
            if clean.is_empty() {
                return Self::Everything;
            }
            match Pattern::new(&clean) {
                Pattern::Literal(path) if !literal.contains(&path) => literal.push(path),
                Pattern::Literal(_) => {}
                pattern => patterns.push(pattern),
            }
        }
        match (literal.is_empty(), patterns.is_empty()) {
            (true, true) => Self::Nothing,
            (false, true) if literal.len() <= MOST_PATHS => Self::Paths(literal),
            _ => Self::Matching(patterns.into_iter().chain(literal.into_iter().map(Pattern::Literal)).collect()),
        }
    }

    /// Whether a path below the working directory is to be written.
    pub fn takes(&self, path: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything | Self::Paths(_) => true,
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

const SPECIAL: &[char] = &['*', '?', '[', ']', '{', '}', '\\', '!'];

impl Pattern {
    fn new(glob: &str) -> Self {
        let (Some(first), Some(last)) = (glob.find(SPECIAL), glob.rfind(SPECIAL)) else { return Self::Literal(glob.to_owned()) };
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

    fn may_match(&self, path: &str) -> bool {
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
        Files { outputs: outputs.iter().map(|o| (*o).to_owned()).collect(), ..Files::default() }
    }

    #[test]
    fn few_paths_are_asked_for_one_by_one() {
        assert_eq!(Wanted::of(&files(&[])), Wanted::Nothing);
        assert_eq!(Wanted::of(&files(&["a.txt", "./d/b", "a.txt"])), Wanted::Paths(vec!["a.txt".into(), "d/b".into()]));
        assert_eq!(Wanted::of(&Files { shared: true, ..Files::default() }), Wanted::Everything);
        assert_eq!(Wanted::of(&Files { output_dir: Some("o".into()), ..Files::default() }), Wanted::Paths(vec!["o".into()]));
        assert_eq!(Wanted::of(&files(&["../x", "/etc/passwd"])), Wanted::Nothing);
        assert!(matches!(Wanted::of(&files(&["a", "b", "c", "d", "e"])), Wanted::Matching(_)));
    }

    #[test]
    fn everything_that_a_glob_matches_comes_back() {
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
