use std::{hint::black_box, path::Path, process::ExitCode, time::Instant};

use serde_json::json;
use switchyard_registry::{Directory, Isolation, Options, Registry, process_main};

use crate::error::{Error, Result};

const TYPE: &str = "io.kestra.plugin.scripts.shell.Commands";

/// `call FOLDER CACHE PLACEMENT COUNT`: calls a plugin's `validate` one after the other, in the host's process or in one of its own.
/// Prints the seconds of all calls.
pub fn run(arguments: &[String]) -> Result<()> {
    let [folder, cache, placement, count] = arguments else {
        return Err(Error::Usage("call FOLDER CACHE PLACEMENT COUNT".to_owned()));
    };
    let count: u32 = count.parse().map_err(|_| Error::Usage(format!("`{count}` is not a number")))?;
    let isolation = Isolation::from_name(placement).ok_or_else(|| Error::Usage(format!("`{placement}` is no placement")))?;
    let program = std::env::current_exe().map_err(|error| Error::Run(format!("this program cannot be found: {error}")))?;
    let preflight = vec![program.clone().into(), "part".into(), "preflight".into()];
    let mut options = Options::new(cache, preflight).directory(Directory::explicit(folder));
    options.process = vec![program.into(), "part".into(), "plugin".into()];
    options.isolation.default.isolation = isolation;
    let registry = Registry::open(options, Vec::new());
    let task = registry.task(TYPE).map_err(|error| Error::Run(error.to_string()))?;
    let properties = json!({ "commands": ["echo hello"] });
    let call = || task.validate(black_box(&properties)).map_err(|error| Error::Run(error.to_string()));
    // The first call opens the library.
    call()?;
    let begin = Instant::now();
    for _ in 0..count {
        black_box(call()?);
    }
    println!("{}", begin.elapsed().as_secs_f64());
    Ok(())
}

/// The plugin's process.
pub fn plugin(arguments: &[String]) -> Result<ExitCode> {
    let [library, id] = arguments else {
        return Err(Error::Usage("plugin LIBRARY ID".to_owned()));
    };
    Ok(process_main(Path::new(library), id))
}
