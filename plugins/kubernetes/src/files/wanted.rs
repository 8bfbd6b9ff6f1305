//! Which files of the pod come back.

use std::path::Path;

use switchyard_plugin_api::Files;

use super::names;

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

/// Patterns travel in the query of a request, which proxies cut at some kilobytes.
const MOST_BYTES: usize = 3000;

impl Wanted {
    /// What these files ask for.
    pub fn of(files: &Files, everything: bool) -> Self {
        if files.shared || everything {
            return Self::Everything;
        }
        let mut patterns: Vec<Pattern> = files.output_dir.iter().map(|d| Pattern::Literal(d.clone())).collect();
        for glob in &files.outputs {
            // A climbing or absolute pattern matches nothing below the directory; the host says so.
            let Some(clean) = names::inside(Path::new(glob)) else { continue };
            let clean = clean.to_string_lossy().into_owned();
            if clean.is_empty() {
                return Self::Everything;
            }
            let pattern = Pattern::new(&clean);
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
        if patterns.is_empty() {
            return Self::Nothing;
        }
        Self::Matching(patterns)
    }

    /// Whether a path below the working directory is to be written.
    pub fn takes(&self, path: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Matching(patterns) => patterns.iter().any(|p| p.may_match(path)),
        }
    }

    /// Arguments of `find -path` that let through at least what is wanted; none for everything.
    pub fn find_arguments(&self) -> Vec<String> {
        let Self::Matching(patterns) = self else { return Vec::new() };
        let arguments: Vec<String> = patterns.iter().flat_map(Pattern::find_arguments).collect();
        let bytes: usize = arguments.iter().map(|a| a.len() * 3).sum();
        if bytes > MOST_BYTES { Vec::new() } else { arguments }
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

    fn find_arguments(&self) -> Vec<String> {
        match self {
            Self::Literal(literal) => vec![format!("./{}", plain(literal)), format!("./{}/*", plain(literal))],
            Self::Ends { prefix, suffix } => vec![format!("./{}*{}", plain(prefix), plain(suffix))],
        }
    }
}

/// Text that `fnmatch` takes literally.
fn plain(text: &str) -> String {
    text.chars().flat_map(|c| SPECIAL.contains(&c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(outputs: &[&str]) -> Files {
        Files { outputs: outputs.iter().map(|o| (*o).to_owned()).collect(), ..Files::default() }
    }

    #[test]
    fn kube_k2_what_is_asked_for() {
        for (outputs, arguments) in [
            (&["a.txt", "./d/b", "a.txt"][..], &["./a.txt", "./a.txt/*", "./d/b", "./d/b/*"][..]),
            (&["*.json"], &["./*.json"]),
            (&["out/**/x.csv"], &["./out*x.csv"]),
            (&["data_[0-9].txt"], &["./data_*.txt"]),
        ] {
            assert_eq!(Wanted::of(&files(outputs), false).find_arguments(), arguments, "{outputs:?}");
        }
        assert_eq!(Wanted::of(&files(&[]), false), Wanted::Nothing);
        assert_eq!(Wanted::of(&files(&["../x", "/etc/passwd"]), false), Wanted::Nothing);
        assert_eq!(Wanted::of(&files(&["a"]), true), Wanted::Everything);
        assert_eq!(Wanted::of(&Files { shared: true, ..Files::default() }, false), Wanted::Everything);
        let many: Vec<String> = (0..200).map(|n| format!("some/long/name/{n}.txt")).collect();
        let many = Wanted::of(&Files { outputs: many, ..Files::default() }, false);
        assert!(many.find_arguments().is_empty() && many.takes("some/long/name/7.txt") && !many.takes("other"));
    }

    #[test]
    fn kube_k2_everything_that_a_glob_matches_comes_back() {
        for (glob, path, taken) in [
            ("*.txt", "a.txt", true),
            ("*.txt", "a.csv", false),
            ("**/*.csv", "r.csv", true),
            ("**/q.csv", "q.csv", true),
            ("out/**", "out/a/b", true),
            ("out/**", "in/a", false),
            ("a/**/b.txt", "a/b.txt", true),
            ("{a,b}.json", "b.json", true),
            ("s/*.txt", "t/x.txt", false),
        ] {
            assert_eq!(Wanted::of(&files(&[glob]), false).takes(path), taken, "{glob} {path}");
        }
    }
}
