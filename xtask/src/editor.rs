//! The YAML language server that editors use, from npm: what it makes of our schema is tested.

use std::path::PathBuf;

use crate::{
    apt::{self, Need},
    failure::{Failure, Result},
    program::Program,
    step::step,
    workspace::{Workspace, create_folder},
};

const NEEDS: &[Need] = &[Need { command: "node", package: "nodejs" }, Need { command: "npm", package: "npm" }];
const PACKAGE: &str = "yaml-language-server@1";
const SERVER: &str = "node_modules/yaml-language-server/out/server/src/server.js";

/// The server's program; installed once into the cache.
pub fn server(workspace: &Workspace) -> Result<PathBuf> {
    apt::install(NEEDS)?;
    let folder = workspace.cache.join("npm");
    let server = folder.join(SERVER);
    if !server.is_file() {
        step("install the YAML language server", || {
            create_folder(&folder)?;
            Program::new("npm").args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(&folder).arg(PACKAGE).run()
        })?;
    }
    if server.is_file() {
        return Ok(server);
    }
    Err(Failure::new("xtask::no_language_server", format!("npm was content, yet {} is missing", server.display())))
}
