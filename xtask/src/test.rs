//! `cargo xtask test`: every test there is, with everything it needs.
//!
//! A test that needs a container engine has `docker_` in its name, one that needs Podman `podman_`, one that needs
//! PostgreSQL `postgres_`, one that needs the other compilers `compilers_`. Without the system they are left out with a warning that nobody can miss; on a build server a missing system is an error.
//! Tests with `cluster_` in their name run with `--kube KUBECONFIG`, and nothing but them with `--kube-only` besides.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{
    apt, compilers, editor,
    engine::Engine,
    failure::{Failure, Result},
    image,
    podman::Podman,
    postgres::Postgres,
    program::Program,
    python,
    step::{note, step, warning},
    tool::NEXTEST,
    workspace::{Workspace, is_ci},
};

/// Names the image for the flows of the manual that are in Python: a cluster has only what it can pull.
const PYTHON_IMAGE: &str = "SWITCHYARD_KUBE_PYTHON_IMAGE";

/// A system outside of Cargo's reach, and the tests that stand on it.
struct Gap {
    tests: &'static str,
    reason: Failure,
}

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let (kubeconfig, arguments) = kubeconfig(arguments)?;
    if let Some(position) = arguments.iter().position(|argument| argument == "--kube-only") {
        let Some(kubeconfig) = &kubeconfig else { return Err(Failure::new("xtask::usage", "--kube-only needs --kube KUBECONFIG")) };
        return clustered_only(workspace, kubeconfig, &[&arguments[..position], &arguments[position + 1..]].concat());
    }
    let mut gaps = Vec::new();
    let mut or_gap = |tests, result: Result<()>| match result {
        Ok(()) => Ok(()),
        Err(reason) if is_ci() => Err(reason),
        Err(reason) => {
            gaps.push(Gap { tests, reason });
            Ok(())
        }
    };

    let mut engine = None;
    or_gap("docker_", apt::install(apt::FOR_TESTS).and_then(|()| container_engine(workspace).map(|found| engine = Some(found))))?;
    let mut podman = None;
    let engines = engine.as_ref().and_then(|engine: &Engine| engine.host.clone());
    or_gap(
        "podman_",
        apt::install(apt::FOR_PODMAN).and_then(|()| Podman::start(workspace, engines.as_deref()).map(|found| podman = Some(found))),
    )?;
    let mut postgres = None;
    or_gap("postgres_", apt::install(apt::FOR_POSTGRES).and_then(|()| Postgres::start(false).map(|found| postgres = Some(found))))?;
    let mut rustcs = Vec::new();
    or_gap("compilers_", compilers::unpack(workspace).map(|found| rustcs = found))?;
    or_gap("tool_", python::install(workspace))?;
    let mut server = None;
    or_gap("editor_", editor::server(workspace).map(|found| server = Some(found)))?;
    NEXTEST.program(workspace)?;

    step("build everything once", || {
        Program::cargo()
            .args(["build", "--locked", "--workspace", "--lib", "--bins", "--tests", "--examples"])
            .folder(&workspace.root)
            .run()
    })?;
    let result = step("run the tests", || {
        let filter = gaps.iter().map(|gap| format!("not test(/(^|::){}/)", gap.tests)).collect::<Vec<_>>().join(" and ");
        let mut program = NEXTEST.program(workspace)?.args(["run", "--locked", "--workspace"]);
        if !filter.is_empty() {
            program = program.args(["--filterset", &filter]);
        }
        if let Some(server) = &server {
            program = program.env("SWITCHYARD_YAML_LANGUAGE_SERVER", server);
        }
        with_systems(program, engine.as_ref(), podman.as_ref(), postgres.as_ref(), &rustcs)?.args(arguments).run()
    });
    let clustered = match &kubeconfig {
        Some(kubeconfig) => step("run the tests of the cluster", || clustered(workspace, kubeconfig, engine.as_ref(), &[])),
        None => Ok(()),
    };
    let documented = step("run the examples in plugin-api's documentation", || {
        Program::cargo()
            .args(["test", "--locked", "--doc", "--package", "switchyard-plugin-api", "--features", "testkit,transfer"])
            .folder(&workspace.root)
            .run()
    });
    for gap in &gaps {
        let left_out = count(workspace, gap.tests)?;
        warning(&format!("LEFT OUT: {left_out} tests with `{}` in their name: {} [{}]", gap.tests, gap.reason, gap.reason.code()));
    }
    if kubeconfig.is_none() {
        warning("LEFT OUT: the tests with `cluster_` in their name: they need a cluster, `cargo xtask test --kube KUBECONFIG`");
    }
    result.and(clustered).and(documented)
}

/// The value of `--kube`, and the other arguments.
fn kubeconfig(arguments: &[String]) -> Result<(Option<PathBuf>, Vec<String>)> {
    let Some(at) = arguments.iter().position(|argument| argument == "--kube") else { return Ok((None, arguments.to_vec())) };
    let file = arguments.get(at + 1).ok_or_else(|| Failure::new("xtask::usage", "--kube needs the path of a kubeconfig"))?;
    let file = Path::new(file).canonicalize().map_err(|error| Failure::new("xtask::usage", format!("--kube {file}: {error}")))?;
    Ok((Some(file), [&arguments[..at], &arguments[at + 2..]].concat()))
}

/// The tests of a cluster and no others: for somebody who has another cluster, or another version of it.
fn clustered_only(workspace: &Workspace, kubeconfig: &Path, arguments: &[String]) -> Result<()> {
    let engine = apt::install(apt::FOR_TESTS).and_then(|()| container_engine(workspace));
    if let Err(reason) = &engine {
        warning(&format!("LEFT OUT: tests with `cluster_docker_` in their name: {reason} [{}]", reason.code()));
    }
    NEXTEST.program(workspace)?;
    step("build the program and its plugins", || {
        let program = Program::cargo().args(["build", "--locked", "--lib", "--bins"]).folder(&workspace.root);
        let packages = ["switchyard", "switchyard-plugin-scripts", "switchyard-plugin-docker", "switchyard-plugin-kubernetes"];
        packages.into_iter().fold(program, |program, package| program.args(["--package", package])).run()
    })?;
    step("run the tests of the cluster", || clustered(workspace, kubeconfig, engine.as_ref().ok(), arguments))
}

/// On a cluster of the caller's choice, most of them in namespaces of their own.
fn clustered(workspace: &Workspace, kubeconfig: &Path, engine: Option<&Engine>, arguments: &[String]) -> Result<()> {
    apt::install(apt::FOR_CLUSTERS)?;
    let mut filter = "test(/(^|::)cluster_/)".to_owned();
    if engine.is_none() {
        filter.push_str(" and not test(/(^|::)cluster_docker_/)");
    }
    if env::var_os(PYTHON_IMAGE).is_none() {
        warning(&format!("LEFT OUT: tests with `cluster_python_` in their name: {PYTHON_IMAGE} names no image with Python and kestra"));
        filter.push_str(" and not test(/(^|::)cluster_python_/)");
    }
    // Named one by one: linking the other tests of the program takes longer than these run.
    let packages = ["--package", "switchyard-plugin-kubernetes", "--package", "switchyard", "--lib", "--test", "pods", "--test", "cluster"];
    let only = ["--run-ignored", "ignored-only", "--filterset", &filter, "--test-threads", "4"];
    let program = NEXTEST.program(workspace)?.args(["run", "--locked"]).args(packages).args(only);
    with_systems(program, engine, None, None, &[])?.env("KUBECONFIG", kubeconfig).args(arguments).run()
}

fn container_engine(workspace: &Workspace) -> Result<Engine> {
    let engine = Engine::find_or_start(workspace)?;
    image::import(workspace, engine.host.as_deref())?;
    Ok(engine)
}

fn with_systems(
    program: Program,
    engine: Option<&Engine>,
    podman: Option<&Podman>,
    postgres: Option<&Postgres>,
    rustcs: &[PathBuf],
) -> Result<Program> {
    let mut program = program;
    if let Some(host) = engine.and_then(|engine| engine.host.as_deref()) {
        program = program.env("DOCKER_HOST", host);
    }
    if let Some(podman) = podman {
        program = program.env("SWITCHYARD_PODMAN", &podman.host);
    }
    if let Some(postgres) = postgres {
        program = program.env("SWITCHYARD_POSTGRES", &postgres.url);
    }
    if !rustcs.is_empty() {
        let list = env::join_paths(rustcs)
            .map_err(|error| Failure::new("xtask::compilers", format!("a compiler's path cannot be listed: {error}")))?;
        note(&format!("other compilers: {}", list.display()));
        program = program.env("SWITCHYARD_COMPILERS", list);
    }
    Ok(program)
}

fn count(workspace: &Workspace, tests: &str) -> Result<usize> {
    let filter = format!("test(/(^|::){tests}/)");
    let list = NEXTEST.program(workspace)?.args(["list", "--locked", "--workspace", "--message-format", "oneline", "--filterset", &filter]);
    Ok(list.text()?.lines().filter(|line| !line.is_empty()).count())
}
