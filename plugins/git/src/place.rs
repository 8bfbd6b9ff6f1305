//! Where the work tree goes: below the working directory, by real directories all the way.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use switchyard_plugin_api::prelude::Error;

/// Whether a name can be a place below the working directory.
pub fn check(directory: &str) -> Result<(), &'static str> {
    let mut parts = Path::new(directory).components();
    match parts.find(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        Some(Component::ParentDir) => Err("it leads out of the working directory"),
        Some(_) => Err("it is absolute"),
        None if Path::new(directory).components().any(|part| part.as_os_str().eq_ignore_ascii_case(".git")) => {
            Err("`.git` belongs to git itself")
        }
        None => Ok(()),
    }
}

/// The place of a clone.
#[derive(Debug)]
pub struct Place {
    /// The work tree.
    pub tree: PathBuf,
    /// Something is there already, which a clone has to leave alone.
    pub occupied: bool,
}

impl Place {
    /// Makes the directories above it.
    pub fn make(working_dir: &Path, directory: Option<&str>) -> Result<Self, Error> {
        let failed = |path: &Path, source: &io::Error| {
            Error::environment("git::directory", format!("`{}` cannot be used for the clone: {source}", path.display()))
        };
        let mut tree = working_dir.to_owned();
        for part in Path::new(directory.unwrap_or_default()).components() {
            tree.push(part);
            match fs::symlink_metadata(&tree) {
                Ok(found) if found.is_dir() => {}
                // A task before this one may have put a link there that leads out.
                Ok(_) => return Err(in_the_way(&tree, "is no directory")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(&tree).map_err(|error| failed(&tree, &error))?,
                Err(error) => return Err(failed(&tree, &error)),
            }
        }
        let mut entries = fs::read_dir(&tree).map_err(|error| failed(&tree, &error))?;
        let occupied = entries.next().is_some();
        if fs::symlink_metadata(tree.join(".git")).is_ok() {
            // Its settings and hooks may come from anybody, and git would obey them.
            return Err(in_the_way(&tree, "has a repository already"));
        }
        Ok(Self { tree, occupied })
    }
}

fn in_the_way(path: &Path, what: &str) -> Error {
    Error::user("git::in_the_way", format!("`{}` {what}", path.display()))
        .with_help("choose another `directory`, or let the clone come first")
        .at("/directory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (directory, expected) in [
            ("a", true),
            ("a/b", true),
            ("./a", true),
            (".", true),
            ("/a", false),
            ("..", false),
            ("a/../../b", false),
            ("a/.git", false),
            (".GIT/hooks", false),
        ] {
            assert_eq!(check(directory).is_ok(), expected, "{directory}");
        }
    }

    #[test]
    fn a_link_is_no_place() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(outside.path(), inside.path().join("link")).unwrap();
        let error = Place::make(inside.path(), Some("link/a")).unwrap_err();
        assert_eq!(error.code, "git::in_the_way");
        assert!(fs::read_dir(outside.path()).unwrap().next().is_none());
    }

    #[test]
    fn occupied_or_not() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!Place::make(folder.path(), None).unwrap().occupied);
        assert!(!Place::make(folder.path(), Some("a/b")).unwrap().occupied);
        assert!(Place::make(folder.path(), None).unwrap().occupied);
        fs::create_dir(folder.path().join(".git")).unwrap();
        assert_eq!(Place::make(folder.path(), None).unwrap_err().code, "git::in_the_way");
    }
}
