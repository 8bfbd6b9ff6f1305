//! Puts texts into the binary: every page of `docs/errors` for `switchyard explain`, and the sources of the plugin API for
//! `switchyard plugins new`, so that whoever has the program can write a plugin for it.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    api()?;
    pages()
}

/// Path below the package and content of each of its files.
fn api() -> Result<(), Box<dyn Error>> {
    let package = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../plugin-api");
    let mut files = Vec::new();
    for name in ["Cargo.toml", "README.md", "build.rs", "docs", "src"] {
        collect(&package.join(name), &mut files)?;
    }
    let mut table = String::from("&[\n");
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file.strip_prefix(&package)?;
        writeln!(table, "    ({:?}, include_str!({:?})),", name.display().to_string(), file.canonicalize()?)?;
    }
    table.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("api.rs"), table)?;
    Ok(())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    // Files that come or go change their folder.
    println!("cargo::rerun-if-changed={}", path.display());
    let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    entries.iter().try_for_each(|entry| collect(&entry.path(), files))
}

fn pages() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("docs/errors");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<_> = fs::read_dir(&folder)?.collect::<Result<_, _>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    let mut table = String::from("&[\n");
    for file in files {
        let path = file.path();
        let (Some(stem), Some("md")) = (path.file_stem().and_then(|stem| stem.to_str()), path.extension().and_then(|end| end.to_str()))
        else {
            continue;
        };
        println!("cargo::rerun-if-changed={}", path.display());
        writeln!(table, "    ({:?}, include_str!({:?})),", stem.replacen('.', "::", 1), path)?;
    }
    table.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("pages.rs"), table)?;
    Ok(())
}
