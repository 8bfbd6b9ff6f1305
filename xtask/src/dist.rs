//! `cargo xtask dist`: the release build, and the plugins where the host looks for them.

use std::fs;

use crate::{
    failure::{Failure, Result},
    program::Program,
    step::{note, step},
    workspace::{Workspace, create_folder, library_file},
};

pub fn run(workspace: &Workspace, _arguments: &[String]) -> Result<()> {
    let plugins = workspace.shipped_plugins()?;
    step("build the host and its plugins (release)", || build(&workspace.root, &plugins))?;
    step("fill plugins-dist/", || {
        create_folder(&workspace.plugins_dist())?;
        plugins.iter().try_for_each(|plugin| place(workspace, plugin))
    })
}

fn build(root: &std::path::Path, plugins: &[String]) -> Result<()> {
    let packages = plugins.iter().flat_map(|plugin| ["--package", plugin]);
    Program::cargo().args(["build", "--release", "--locked", "--package", "switchyard"]).args(packages).folder(root).run()
}

/// A running host may have the old file mapped: the new one is written beside it and takes its name in one move.
fn place(workspace: &Workspace, plugin: &str) -> Result<()> {
    let file = library_file(plugin);
    let built = workspace.target.join("release").join(&file);
    let placed = workspace.plugins_dist().join(&file);
    let fresh = placed.with_extension("new");
    let bytes = fs::copy(&built, &fresh).map_err(|error| Failure::file("copy", &built, &error))?;
    fs::rename(&fresh, &placed).map_err(|error| Failure::file("replace", &placed, &error))?;
    note(&format!("plugins-dist/{file} ({:.1} MB)", bytes as f64 / 1e6));
    Ok(())
}
