//! The container image of the tests, made from this machine's busybox: no registry is asked.

use std::{fs, os::unix::fs::symlink, process::Stdio};

use crate::{
    engine::docker,
    failure::{Failure, Result},
    program::{Program, find_program},
    step::step,
    workspace::{Workspace, create_folder},
};

pub const NAME: &str = "busybox:switchyard-test";

/// Copies the image from the engine that has it to another one, under the very same name.
pub fn import_to(workspace: &Workspace, host: &str, engine: Option<&str>) -> Result<()> {
    let full = format!("docker.io/library/{NAME}");
    if docker(Some(host)).args(["image", "inspect", &full]).succeeds() {
        return Ok(());
    }
    let file = workspace.cache.join("image.tar");
    let path = file.display().to_string();
    docker(engine).args(["save", "-o", &path, NAME]).run()?;
    docker(Some(host)).args(["load", "-i", &path]).output(Stdio::null(), Stdio::inherit()).run()?;
    // What has no registry gets another one there.
    let _ = docker(Some(host)).args(["tag", &format!("localhost/{NAME}"), &full]).succeeds();
    fs::remove_file(&file).map_err(|error| Failure::file("remove", &file, &error))
}

pub fn import(workspace: &Workspace, host: Option<&str>) -> Result<()> {
    if docker(host).args(["image", "inspect", NAME]).succeeds() {
        return Ok(());
    }
    step(&format!("import the image {NAME}"), || {
        let tree = workspace.cache.join("image");
        if tree.exists() {
            fs::remove_dir_all(&tree).map_err(|error| Failure::file("clear", &tree, &error))?;
        }
        for folder in ["bin", "etc", "root", "tmp"] {
            create_folder(&tree.join(folder))?;
        }
        let busybox =
            find_program("busybox").ok_or_else(|| Failure::new("xtask::no_busybox", "there is no busybox; install busybox-static"))?;
        fs::copy(&busybox, tree.join("bin/busybox")).map_err(|error| Failure::file("copy", &busybox, &error))?;
        for applet in Program::new(&busybox).arg("--list").text()?.lines().filter(|name| *name != "busybox") {
            let link = tree.join("bin").join(applet);
            symlink("busybox", &link).map_err(|error| Failure::file("link", &link, &error))?;
        }
        let mut archive = Program::new("tar")
            .args(["--owner=0", "--group=0", "-c", "."])
            .folder(&tree)
            .output(Stdio::piped(), Stdio::inherit())
            .start()?;
        let Some(bytes) = archive.stdout.take() else {
            return Err(Failure::new("xtask::image", "tar has no output"));
        };
        let settings = ["import", "--change", "ENV PATH=/bin", "--change", "CMD [\"/bin/sh\"]", "-", NAME];
        docker(host).args(settings).input(bytes).output(Stdio::null(), Stdio::inherit()).run()?;
        archive.wait().map(drop).map_err(|error| Failure::new("xtask::image", format!("tar was lost: {error}")))
    })
}
