use std::path::Path;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use crate::error::{Error, Result};

/// `dlopen FOLDER`: opens every shared library of the folder and looks at nothing.
pub fn run(arguments: &[String]) -> Result<()> {
    let [folder] = arguments else {
        return Err(Error::Usage("dlopen FOLDER".to_owned()));
    };
    let folder = Path::new(folder);
    let entries = std::fs::read_dir(folder).map_err(|error| Error::file("list", folder, &error))?;
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|kind| kind == "so")) {
        open(&path)?;
    }
    Ok(())
}

#[allow(unsafe_code)]
fn open(path: &Path) -> Result<()> {
    // SAFETY: these are our own plugins, whose initializers do nothing; the process owns the library until it ends.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
    std::mem::forget(library.map_err(|error| Error::Run(format!("{}: {error}", path.display())))?);
    Ok(())
}
