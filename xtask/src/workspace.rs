use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::failure::{Failure, Result};

/// The crate that commits crimes for the tests; it is never shipped.
const MISBEHAVE: &str = "switchyard-plugin-misbehave";

/// Where things are: the sources, what cargo builds, what is kept between runs.
pub struct Workspace {
    pub root: PathBuf,
    pub target: PathBuf,
    pub cache: PathBuf,
}

impl Workspace {
    pub fn find() -> Result<Self> {
        let here =
            env::current_dir().map_err(|error| Failure::new("xtask::no_directory", format!("the current directory is gone: {error}")))?;
        let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let start = manifest.as_deref().unwrap_or(&here);
        let Some(root) = start.ancestors().find(|folder| folder.join("plugins-dist").is_dir() && folder.join("Cargo.lock").is_file())
        else {
            return Err(Failure::new(
                "xtask::no_workspace",
                format!("{} is not inside the workspace; run `cargo xtask` there", start.display()),
            ));
        };
        // Cargo has put this program into <target>/<profile>/, wherever the user's configuration says that is.
        let target = env::current_exe().ok().and_then(|program| program.ancestors().nth(2).map(Path::to_path_buf));
        Ok(Self { root: root.to_path_buf(), target: target.unwrap_or_else(|| root.join("target")), cache: cache() })
    }

    /// The plugin crates, in order of their names. Beside them lies what several of them are compiled with, which is no plugin.
    pub fn plugins(&self) -> Result<Vec<String>> {
        let folder = self.root.join("plugins");
        let entries = fs::read_dir(&folder).map_err(|error| Failure::file("list", &folder, &error))?;
        let mut names: Vec<String> = entries
            .flatten()
            .filter(|entry| fs::read_to_string(entry.path().join("Cargo.toml")).is_ok_and(|text| text.contains("cdylib")))
            .map(|entry| format!("switchyard-plugin-{}", entry.file_name().to_string_lossy()))
            .collect();
        names.sort();
        Ok(names)
    }

    /// The plugin crates that users get.
    pub fn shipped_plugins(&self) -> Result<Vec<String>> {
        Ok(self.plugins()?.into_iter().filter(|name| name != MISBEHAVE).collect())
    }

    pub fn plugins_dist(&self) -> PathBuf {
        self.root.join("plugins-dist")
    }
}

/// The file name cargo gives to the shared library of a crate.
pub fn library_file(package: &str) -> String {
    format!("{}{}{}", env::consts::DLL_PREFIX, package.replace('-', "_"), env::consts::DLL_SUFFIX)
}

pub fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| Failure::file("create", path, &error))
}

/// True on a build server, where a missing part is an error and nobody can be asked.
pub fn is_ci() -> bool {
    env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

fn cache() -> PathBuf {
    let base = env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = base.or_else(|| env::home_dir().map(|home| home.join(".cache"))).unwrap_or_else(env::temp_dir);
    base.join("switchyard")
}
