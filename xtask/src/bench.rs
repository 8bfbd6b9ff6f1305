//! `cargo xtask bench`: builds what is measured and hands over to the bench program.

use crate::{
    apt, dist,
    engine::Engine,
    failure::Result,
    image,
    postgres::Postgres,
    program::Program,
    step::{step, warning},
    workspace::Workspace,
};

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let list = arguments.iter().any(|argument| argument == "--list");
    if !list {
        dist::run(workspace, &[])?;
    }
    step("build the bench and its peers (release)", || {
        // Named with the host and all plugins, so that Cargo chooses the features it has built them with.
        let mut packages = workspace.plugins()?;
        packages.extend(["switchyard", "switchyard-bench"].map(str::to_owned));
        let packages = packages.iter().flat_map(|package| ["--package", package]);
        Program::cargo().args(["build", "--release", "--locked"]).args(packages).folder(&workspace.root).run()
    })?;
    let engine = if list { None } else { container_engine(workspace) };
    let postgres = if list { None } else { postgres() };
    let mut program = Program::new(workspace.target.join("release/switchyard-bench"))
        .arg("--target")
        .arg(&workspace.target)
        .arg("--cache")
        .arg(&workspace.cache)
        .args(arguments)
        .folder(&workspace.root);
    if let Some(host) = engine.as_ref().and_then(|engine| engine.host.as_deref()) {
        program = program.env("DOCKER_HOST", host);
    }
    if let Some(postgres) = &postgres {
        program = program.env("SWITCHYARD_POSTGRES", &postgres.url);
    }
    program.run()
}

/// The row about PostgreSQL says itself that it was left out.
fn postgres() -> Option<Postgres> {
    let found = apt::install(apt::FOR_POSTGRES).and_then(|()| Postgres::start(true));
    found.map_err(|failure| warning(&failure.to_string())).ok()
}

/// The rows about containers say themselves that they were left out.
fn container_engine(workspace: &Workspace) -> Option<Engine> {
    let found = Engine::find_or_start(workspace).and_then(|engine| image::import(workspace, engine.host.as_deref()).map(|()| engine));
    found.map_err(|failure| warning(&failure.to_string())).ok()
}
