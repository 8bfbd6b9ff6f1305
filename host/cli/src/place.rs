//! Where things are: plugins, caches.

use std::{
    env,
    path::{Path, PathBuf},
};

use switchyard_registry::Directory;

/// How many folders above the program are searched for `plugins-dist`: `target/release/switchyard` finds the repository's.
const ABOVE: usize = 3;

/// The directories that are scanned. Somebody who names directories means these and no others: the same plugin in an old and a
/// new build would be a conflict.
pub fn plugin_directories(named: &[PathBuf], configured: &[PathBuf]) -> Vec<Directory> {
    let mut directories: Vec<Directory> =
        named.iter().filter(|path| !path.as_os_str().is_empty()).chain(configured).map(Directory::explicit).collect();
    if directories.len() == configured.len() {
        directories.extend(usual_directories(env::current_dir().ok().as_deref(), env::current_exe().ok().as_deref()));
    }
    let mut seen = Vec::new();
    directories.retain(|directory| {
        let path = directory.path.canonicalize().unwrap_or_else(|_| directory.path.clone());
        let new = !seen.contains(&path);
        seen.push(path);
        new
    });
    directories
}

fn usual_directories(current: Option<&Path>, program: Option<&Path>) -> Vec<Directory> {
    let beside = program.and_then(Path::parent);
    let mut places: Vec<PathBuf> = beside.map(|folder| folder.join("plugins")).into_iter().collect();
    let candidates = current.into_iter().chain(beside.into_iter().flat_map(|folder| folder.ancestors().take(ABOVE)));
    places.extend(candidates.map(|folder| folder.join("plugins-dist")).find(|path| path.is_dir()));
    places.into_iter().map(Directory::default_place).collect()
}

/// Where a server keeps everything when nobody says where.
pub fn data() -> PathBuf {
    let base = env::var_os("XDG_DATA_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = base.or_else(|| env::home_dir().map(|home| home.join(".local/share")));
    base.unwrap_or_else(env::temp_dir).join("switchyard")
}

/// What may be thrown away: copies of plugins, what is known about them, the files of runs that nobody keeps.
pub fn cache() -> PathBuf {
    let base = env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = base.or_else(|| env::home_dir().filter(|home| home.is_dir()).map(|home| home.join(".cache")));
    match base {
        Some(base) => base.join("switchyard"),
        // Without a home the directory is for this user alone, and the registry checks that it is.
        None => env::temp_dir().join(format!("switchyard-{}", rustix::process::getuid().as_raw())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_directories_replace_the_usual_ones() {
        let one = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let named = [one.path().to_owned(), PathBuf::new(), one.path().join(".")];
        let found = plugin_directories(&named, &[other.path().to_owned()]);
        assert_eq!(found, [Directory::explicit(one.path()), Directory::explicit(other.path())]);
    }

    #[test]
    fn the_repository_is_found_from_its_target_directory() {
        let root = tempfile::tempdir().unwrap();
        let dist = root.path().join("plugins-dist");
        std::fs::create_dir(&dist).unwrap();
        let program = root.path().join("target/release/switchyard");
        let found = usual_directories(Some(Path::new("/")), Some(&program));
        assert_eq!(found, [Directory::default_place(root.path().join("target/release/plugins")), Directory::default_place(dist)]);
    }
}
