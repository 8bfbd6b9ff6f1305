//! `switchyard plugins new`: a complete crate for a task runner, outside of any workspace.

mod api;
mod template;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use api::Api;
use template::Names;

use crate::{arguments::NewPlugin, command::print, exit::Exit, failure::Failure};

/// Where the bundled sources of the plugin API go.
const VENDORED: &str = "vendor/switchyard-plugin-api";

pub fn run(command: &NewPlugin) -> Result<Exit, Failure> {
    let names = Names::new(&command.name, command.type_name.as_deref())?;
    let api = Api::find(&command.api)?;
    let folder = command.dir.clone().unwrap_or_else(|| PathBuf::from(&command.name));
    if fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
        let message = format!("{} exists and is not empty", folder.display());
        return Err(Failure::usage("cli::exists", message).with_help("choose another name, or another directory with `--dir`"));
    }
    for (path, text) in template::files(&names, &api) {
        write(&folder.join(path), &text)?;
    }
    if let Api::Bundled = api {
        for (path, text) in api::SOURCES {
            write(&folder.join(VENDORED).join(path), text)?;
        }
    }
    let locked = lock(&folder);
    let shown = folder.display();
    let mut said = format!("{shown} holds a task runner of type {}\n", names.type_name);
    if !locked {
        said.push_str("cargo could not write its lock file; `cargo build` will, once it reaches the registry\n");
    }
    let library = names.library();
    said.push_str(&format!(
        "\nNext:\n  cd {shown}\n  cargo test              unit tests and the conformance kit\n  cargo build --release\n  \
         switchyard plugins test target/release/lib{library}.so    the kit on the finished library\n\nThen copy the library into a directory of plugins and restart the host.\n"
    ));
    print(said.as_bytes())?;
    Ok(Exit::Success)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
    parent.and_then(|()| fs::write(path, text)).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage("cli::unwritable", format!("{} cannot be written: {error}", path.display()))
        .with_help("check the path and that this user may write there")
}

/// Lets cargo resolve the dependencies, from what it has at hand when it cannot reach the registry.
fn lock(folder: &Path) -> bool {
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    cargo(&["generate-lockfile"]) || cargo(&["generate-lockfile", "--offline"])
}
