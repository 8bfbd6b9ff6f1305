//! The host's working directory.

use std::path::{Path, PathBuf};

use reqwest::Response;
use switchyard_plugin_api::{Context, Error, Level, transfer};
use tokio::{fs, io::AsyncWriteExt};

use crate::http::reason;

/// Makes an error of what went wrong with a file of the host.
pub fn failed(code: &str, doing: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::environment(code, format!("{} cannot be {doing}: {error}", path.display())).with_help("check the host's disk and rights")
}

/// What lies below a directory, as relative paths.
#[derive(Debug, Default)]
pub struct Listing {
    pub files: Vec<PathBuf>,
    pub folders: Vec<PathBuf>,
}

/// Lists regular files and folders. A link could lead out of the directory. Before a run there may be none.
pub fn list(root: &Path, code: &str) -> Result<Listing, Error> {
    let mut found = Listing::default();
    if !root.exists() {
        return Ok(found);
    }
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        let unreadable = |error: std::io::Error| failed(code, "listed", &path, &error);
        for entry in std::fs::read_dir(&path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = folder.join(entry.file_name());
            match entry.file_type().map_err(unreadable)? {
                kind if kind.is_dir() => {
                    found.folders.push(name.clone());
                    folders.push(name);
                }
                kind if kind.is_file() => found.files.push(name),
                _ => {}
            }
        }
    }
    found.files.sort();
    found.folders.sort();
    Ok(found)
}

/// Whether there is anything in the directory.
pub fn has_files(root: &Path) -> bool {
    std::fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_some())
}

/// Whether there may be anything in it: before a run, when a preview asks, the directory is not there.
pub fn may_have_files(root: &Path) -> bool {
    !root.exists() || has_files(root)
}

/// Where a file that comes from outside is to be written; none, and a word in the task's log, when it would leave the directory.
pub fn place(root: &Path, name: &str, context: &Context) -> Option<PathBuf> {
    let inside = transfer::inside(Path::new(name)).filter(|inside| !inside.as_os_str().is_empty());
    if inside.is_none() {
        context.message(Level::Warn, format!("The file {name:?} would leave the working directory; it is left where it is."));
    }
    inside.map(|inside| root.join(inside))
}

/// Writes an answer into a file, as a whole or not at all, without holding it in memory.
pub async fn write(response: Response, path: &Path, code: &str, cut_off: impl Fn(&str) -> Error) -> Result<(), Error> {
    let unwritable = |error: std::io::Error| failed(code, "written", path, &error);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).await.map_err(unwritable)?;
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(".switchyard-part");
    let written = pour(response, Path::new(&draft), unwritable, cut_off).await;
    match written {
        Ok(()) => fs::rename(&draft, path).await.map_err(unwritable),
        Err(error) => {
            let _ = fs::remove_file(&draft).await;
            Err(error)
        }
    }
}

async fn pour(
    mut response: Response,
    path: &Path,
    unwritable: impl Fn(std::io::Error) -> Error,
    cut_off: impl Fn(&str) -> Error,
) -> Result<(), Error> {
    let mut file = fs::File::create(path).await.map_err(&unwritable)?;
    while let Some(chunk) = response.chunk().await.map_err(|error| cut_off(&reason(&error)))? {
        file.write_all(&chunk).await.map_err(&unwritable)?;
    }
    file.flush().await.map_err(&unwritable)
}
