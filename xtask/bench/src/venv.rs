use std::{fs, path::PathBuf};

use crate::{
    error::{Error, Result},
    program::Program,
    stage::Stage,
};

/// A Python environment of its own in the cache, with one peer installed from PyPI.
pub struct Venv {
    python: PathBuf,
}

impl Venv {
    /// `requirements` as pip takes them, the peer's own first. Installed once.
    pub fn with(stage: &Stage, requirements: &[&str]) -> Result<Self> {
        let requirement = requirements.first().copied().unwrap_or_default();
        let folder = stage.cache().join("venv").join(requirement.replace("==", "-"));
        let python = folder.join("bin/python");
        let complete = folder.join("complete");
        if !complete.exists() {
            let missing = |error: Error| Error::Missing(format!("{requirement} cannot be installed: {error}"));
            eprintln!("    installing {requirement} for Python (once)");
            Program::new("python3").args(["-m", "venv", "--clear"]).arg(&folder).text().map_err(missing)?;
            Program::new(&python).args(["-m", "pip", "install", "--quiet"]).args(requirements).text().map_err(missing)?;
            fs::write(&complete, requirement).map_err(|error| Error::file("write", &complete, &error))?;
        }
        Ok(Self { python })
    }

    pub fn script(&self, name: &str) -> Program {
        let bin = self.python.parent().map(PathBuf::from).unwrap_or_default();
        let path = std::env::var_os("PATH").unwrap_or_default();
        // Some of them start programs of theirs by name.
        let path = format!("{}:{}", bin.display(), path.display());
        Program::new(&self.python).arg(PathBuf::from("xtask/bench/python").join(name)).env("PATH", path)
    }

    pub fn version(&self, package: &str) -> String {
        Program::new(&self.python).args(["-c", &format!("import importlib.metadata as m; print(m.version('{package}'))")]).version()
    }
}
