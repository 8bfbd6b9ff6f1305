//! Where `cargo xtask test` has put the tools.

use std::{env, path::PathBuf};

/// The folder with the programs of a Python environment.
#[track_caller]
pub fn python(environment: &str) -> PathBuf {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| env::home_dir().map(|home| home.join(".cache")));
    let folder = cache.unwrap().join("switchyard/python").join(environment).join("bin");
    assert!(folder.is_dir(), "{} is missing; `cargo xtask test` makes it", folder.display());
    folder
}

/// `PATH` with a folder before the others.
pub fn path_with(folder: &std::path::Path) -> String {
    format!("{}:{}", folder.display(), env::var("PATH").unwrap_or_default())
}
