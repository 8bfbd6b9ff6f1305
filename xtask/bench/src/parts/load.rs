use std::{path::Path, process::ExitCode};

use switchyard_registry::{Directory, Options, Registry, State, preflight_main};

use crate::error::{Error, Result};

/// `load FOLDER CACHE`: finds, checks and opens every plugin of the folder, as a host does that needs all of them.
pub fn run(arguments: &[String]) -> Result<()> {
    let [folder, cache] = arguments else {
        return Err(Error::Usage("load FOLDER CACHE".to_owned()));
    };
    let registry = registry(folder, cache)?;
    if let Some((file, error)) = registry.load_all().into_iter().next() {
        return Err(Error::Run(format!("{}: {error}", file.display())));
    }
    match registry.plugins().into_iter().find(|row| row.state != State::Loaded) {
        Some(row) => Err(Error::Run(format!("{:?} is {:?}: {}", row.file, row.state, row.reason.unwrap_or_default()))),
        None => Ok(()),
    }
}

pub fn registry(folder: &str, cache: &str) -> Result<Registry> {
    let program = std::env::current_exe().map_err(|error| Error::Run(format!("this program cannot be found: {error}")))?;
    let options = Options::new(cache, vec![program.into(), "part".into(), "preflight".into()]).directory(Directory::explicit(folder));
    Ok(Registry::open(options, Vec::new()))
}

/// The throw-away process that loads a new library first.
pub fn preflight(arguments: &[String]) -> Result<ExitCode> {
    let [library] = arguments else {
        return Err(Error::Usage("preflight LIBRARY".to_owned()));
    };
    Ok(preflight_main(Path::new(library)))
}
