//! `cargo xtask ci`: exactly what the build server runs, because it is the same script.

use crate::{failure::Result, program::Program, workspace::Workspace};

pub fn run(workspace: &Workspace, _arguments: &[String]) -> Result<()> {
    Program::new("bash").arg(".ci/run").env("CARGO_TARGET_DIR", &workspace.target).folder(&workspace.root).run()
}
