//! Cargo tools: the machine's own when it has them, else built once from crates.io into the cache.

use std::path::PathBuf;

use crate::{
    failure::Result,
    program::{Program, find_program},
    step::step,
    workspace::Workspace,
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
    /// The program, installed by now.
    pub fn program(&self, workspace: &Workspace) -> Result<Program> {
        let path = self.path(workspace)?;
        // Called as cargo would call it: with its own name as the first argument.
        Ok(Program::new(path).arg(self.name).folder(&workspace.root))
    }

    fn path(&self, workspace: &Workspace) -> Result<PathBuf> {
        let file = format!("cargo-{}", self.name);
        let root = workspace.cache.join("tools");
        let kept = root.join("bin").join(&file);
        if let Some(path) = find_program(&file).or_else(|| kept.is_file().then(|| kept.clone())) {
            return Ok(path);
        }
        step(&format!("install {file} (built once, from crates.io)"), || {
            let program = Program::cargo().args(["install", "--locked", "--quiet", "--version", self.version, &file, "--root"]).arg(&root);
            // Not into the workspace's target directory, and not with its configuration.
            program.folder(&workspace.cache).env("CARGO_TARGET_DIR", workspace.cache.join("tools-target")).run()
        })?;
        Ok(kept)
    }
}
