//! Cargo tools: the machine's own when it has them, else built once from crates.io into the cache.

use crate::{
    failure::Result,
    program::{Program, find_program},
    step::step,
    workspace::{Workspace, create_folder},
};

/// A cargo subcommand, such as `nextest`, and the versions of it that we can work with.
pub struct Tool {
    pub name: &'static str,
    pub version: &'static str,
}

pub const NEXTEST: Tool = Tool { name: "nextest", version: "^0.9" };
pub const DENY: Tool = Tool { name: "deny", version: "^0.20" };
pub const MACHETE: Tool = Tool { name: "machete", version: "^0.9" };

impl Tool {
    /// `cargo NAME`, installed by now.
    pub fn program(&self, workspace: &Workspace) -> Result<Program> {
        let folder = workspace.cache.join("tools").join("bin");
        let file = format!("cargo-{}", self.name);
        if find_program(&file).is_none() && !folder.join(&file).is_file() {
            step(&format!("install {file} (built once, from crates.io)"), || self.install(workspace, &file))?;
        }
        // `cargo run`, which started us, sets it; machete then takes its own name for a folder.
        Ok(Program::cargo().and_look_in(&folder).without_env("CARGO_PKG_NAME").arg(self.name).folder(&workspace.root))
    }

    fn install(&self, workspace: &Workspace, file: &str) -> Result<()> {
        create_folder(&workspace.cache)?;
        let program =
            Program::cargo().args(["install", "--locked", "--version", self.version, file, "--root"]).arg(workspace.cache.join("tools"));
        // In the cache, so that neither the workspace's configuration nor its target directory has a part in it.
        program.folder(&workspace.cache).env("CARGO_TARGET_DIR", workspace.cache.join("tools-target")).run()
    }
}
