//! Other Rust compilers for the plugins of the tests: Debian's `rustc-web` packages, unpacked without being installed.
//!
//! The promise under test is that a plugin built by another compiler than the host's loads and runs.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, path::PathBuf};

use crate::{
    apt,
    failure::{Failure, Result},
    program::{Program, find_program},
    step::step,
    workspace::{Workspace, create_folder},
};

/// Finds the compiler's own libraries beside it, wherever the tree was unpacked.
const LAUNCHER: &str = r#"#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
libraries=$(echo "$here"/usr/lib/*-linux-gnu*)
LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" exec "$here/usr/bin/rustc" "$@"
"#;

/// The `rustc` of every version that Debian offers here, oldest first.
pub fn unpack(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    if find_program("apt-get").is_none() {
        return Err(Failure::new("xtask::no_apt", "the other compilers come from Debian's `rustc-web`, and this machine has no apt-get"));
    }
    let mut versions = offered()?;
    if versions.is_empty() {
        apt::update_lists()?;
        versions = offered()?;
    }
    if versions.is_empty() {
        return Err(Failure::new("xtask::no_compilers", "the package lists of this machine have no `rustc-web`"));
    }
    versions.iter().map(|version| compiler(workspace, version)).collect()
}

fn offered() -> Result<Vec<String>> {
    let table = Program::new("apt-cache").args(["madison", "rustc-web"]).text()?;
    let mut versions: Vec<String> = table.lines().filter_map(|line| Some(line.split('|').nth(1)?.trim().to_owned())).collect();
    versions.sort();
    versions.dedup();
    Ok(versions)
}

fn compiler(workspace: &Workspace, version: &str) -> Result<PathBuf> {
    let folder = workspace.cache.join("compilers").join(version.split('+').next().unwrap_or(version));
    let launcher = folder.join("rustc");
    if works(&launcher) {
        return Ok(launcher);
    }
    step(&format!("unpack rustc {version}"), || {
        // A download that was cut short leaves no half compiler behind: the folder gets its name when it is whole.
        let fresh = folder.with_extension("new");
        if fresh.exists() {
            fs::remove_dir_all(&fresh).map_err(|error| Failure::file("clear", &fresh, &error))?;
        }
        create_folder(&fresh)?;
        let standard = format!("libstd-rust-web-{}", release(version));
        let llvm = llvm(&standard, version)?;
        let packages = ["rustc-web", "libstd-rust-web-dev", &standard].map(|name| format!("{name}={version}"));
        download(&fresh, packages.iter().map(String::as_str).chain([llvm.as_str()]))?;
        write_launcher(&fresh)?;
        if !works(&fresh.join("rustc")) {
            let libraries = libraries_of(&llvm)?;
            download(&fresh, libraries.iter().map(String::as_str))?;
        }
        if !works(&fresh.join("rustc")) {
            return Err(Failure::new("xtask::compiler", format!("rustc {version} was unpacked to {} but does not run", fresh.display())));
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| Failure::file("clear", &folder, &error))?;
        }
        fs::rename(&fresh, &folder).map_err(|error| Failure::file("rename", &fresh, &error))
    })?;
    Ok(launcher)
}

/// `1.85` of `1.85.0+dfsg3-1~deb12u3`: the part that Debian puts into package names.
fn release(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

fn llvm(standard: &str, version: &str) -> Result<String> {
    let about = Program::new("apt-cache").args(["show", &format!("{standard}={version}")]).text()?;
    let dependencies = about.lines().filter_map(|line| line.strip_prefix("Depends: ")).flat_map(|list| list.split([',', ' ']));
    let found = dependencies.map(str::trim).find(|name| name.starts_with("libllvm")).map(str::to_owned);
    found.ok_or_else(|| Failure::new("xtask::compiler", format!("{standard} {version} does not name the LLVM library it needs")))
}

/// What LLVM stands on, for machines that have none of it; the C library is always the machine's own.
fn libraries_of(llvm: &str) -> Result<Vec<String>> {
    let only = ["--recurse", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances"];
    let tree = Program::new("apt-cache").arg("depends").args(only).arg(llvm).text()?;
    let names = tree.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_alphanumeric()));
    Ok(names
        .filter(|name| !["libc6", "libgcc-s1", "debconf"].contains(name) && name.starts_with("lib") || *name == "zlib1g")
        .map(str::to_owned)
        .collect())
}

fn download<'a>(folder: &Path, packages: impl Iterator<Item = &'a str>) -> Result<()> {
    Program::new("apt-get").args(["download", "-q"]).args(packages).folder(folder).text()?;
    let files = fs::read_dir(folder).map_err(|error| Failure::file("list", folder, &error))?;
    for file in files.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|kind| kind == "deb")) {
        Program::new("dpkg-deb").arg("-x").arg(&file).arg(folder).run()?;
        fs::remove_file(&file).map_err(|error| Failure::file("remove", &file, &error))?;
    }
    Ok(())
}

fn write_launcher(folder: &Path) -> Result<()> {
    let path = folder.join("rustc");
    fs::write(&path, LAUNCHER).map_err(|error| Failure::file("write", &path, &error))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(|error| Failure::file("make executable", &path, &error))
}

fn works(rustc: &Path) -> bool {
    rustc.is_file() && Program::new(rustc).arg("-vV").succeeds()
}
