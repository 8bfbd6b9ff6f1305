//! Where the project lies, and what dbt leaves in it.

use switchyard_plugin_api::prelude::PlanContext;

/// The project's directory: relative to the working directory wherever that can be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Without slashes at its ends; empty for the working directory itself.
    relative: Option<String>,
    /// As the command is told.
    pub argument: String,
}

impl Project {
    /// `directory` as written: relative, below the working directory, or elsewhere.
    pub fn new(directory: Option<&str>, context: &PlanContext) -> Self {
        let written = directory.unwrap_or_default().trim();
        let root = context.paths.working_dir.trim_end_matches('/');
        let below = if root.is_empty() { None } else { written.strip_prefix(root).filter(|rest| rest.is_empty() || rest.starts_with('/')) };
        // Older flows write `/sub` for a directory of the project: the slash once had to be there.
        let relative = below.unwrap_or(written).trim_start_matches("./").trim_matches('/');
        let relative = if relative == "." { "" } else { relative };
        let inside = !relative.split('/').any(|part| part == "..");
        let argument = match (root, relative) {
            ("", "") => ".".to_owned(),
            ("", relative) => relative.to_owned(),
            (root, "") => root.to_owned(),
            (root, relative) => format!("{root}/{relative}"),
        };
        Self { relative: inside.then(|| relative.to_owned()), argument }
    }

    /// A file that dbt writes, relative to the working directory.
    pub fn target(&self, name: &str) -> Option<String> {
        let relative = self.relative.as_deref()?;
        Some(if relative.is_empty() { format!("target/{name}") } else { format!("{relative}/target/{name}") })
    }
}

/// A path as a glob that means exactly it.
pub fn literal(path: &str) -> String {
    path.chars().flat_map(|c| "*?[]{}\\".contains(c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use switchyard_plugin_api::Paths;

    use super::*;

    #[test]
    fn places() {
        for (root, written, argument, target) in [
            ("/wd", None, "/wd", Some("target/x")),
            ("/wd", Some("sub"), "/wd/sub", Some("sub/target/x")),
            ("/wd", Some("/sub"), "/wd/sub", Some("sub/target/x")),
            ("/wd", Some("./sub/deep/"), "/wd/sub/deep", Some("sub/deep/target/x")),
            ("/wd", Some("/wd/sub"), "/wd/sub", Some("sub/target/x")),
            ("/wd", Some("."), "/wd", Some("target/x")),
            ("/wd", Some("../other"), "/wd/../other", None),
            ("", Some("sub"), "sub", Some("sub/target/x")),
            ("", None, ".", Some("target/x")),
        ] {
            let context = PlanContext { paths: Paths { working_dir: root.into(), ..Paths::default() }, ..PlanContext::default() };
            let project = Project::new(written, &context);
            assert_eq!((project.argument.as_str(), project.target("x").as_deref()), (argument, target), "{root} {written:?}");
        }
    }
}
