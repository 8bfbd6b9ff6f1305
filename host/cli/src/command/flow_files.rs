//! Where flows are found.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use switchyard_engine::{Engine, Loaded, load::Prepared};
use switchyard_plugin_api::Error;

use crate::{arguments::Globals, failure::Failure, host::Host, screen::Screen};

/// The files themselves, and the flows in the directories, sorted.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = files.len();
            collect(path, &mut files).map_err(|error| Failure::unreadable(path, &error))?;
            if files.len() == before {
                let message = format!("{} holds no `.yaml` or `.yml` file", path.display());
                return Err(Failure::usage("cli::no_flows", message).with_help("name a directory with flows, or a file"));
            }
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        // A link to a directory may lead back here; it is not followed.
        if entry.file_type()?.is_dir() && !hidden {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") && path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

/// A flow of `--flows`.
pub enum Other {
    Flow(Arc<Prepared>),
    Broken { namespace: String, id: String, error: Error },
}

impl Other {
    /// Makes it known to the engine.
    pub fn tell(self, engine: &Engine) {
        match self {
            Self::Flow(flow) => engine.flows().insert(flow, 1),
            Self::Broken { namespace, id, error } => engine.flows().insert_broken(&namespace, &id, error),
        }
    }
}

/// The flows that others may call. A broken one is named, and is an error only where it is called.
pub fn load(paths: &[PathBuf], host: &mut Host, globals: &Globals) -> Result<Vec<Other>, Failure> {
    let screen = Screen::stderr(globals.color);
    let mut others = Vec::new();
    for file in files(paths)? {
        let (name, violations) = match host.load(&file) {
            Ok(Loaded { program: Some(flow), .. }) => {
                others.push(Other::Flow(flow));
                continue;
            }
            Ok(loaded) => {
                let text = |key: &str| loaded.node.get(key).and_then(|node| node.as_str()).unwrap_or_default().to_owned();
                (Some((text("namespace"), text("id"))), loaded.violations)
            }
            Err(violations) => (None, violations),
        };
        let Some(first) = violations.iter().find(|violation| violation.is_error()) else { continue };
        eprintln!("{} {} cannot run: {}", screen.palette.doubtful("warning:"), file.display(), first.message);
        if let Some((namespace, id)) = name {
            let message = format!("the flow `{namespace}.{id}` has errors: {}", first.message);
            let error = Error::user("flow::broken", message);
            let help = format!("see all of them with `switchyard validate {}`", file.display());
            others.push(Other::Broken { namespace, id, error: error.with_help(help) });
        }
    }
    Ok(others)
}
