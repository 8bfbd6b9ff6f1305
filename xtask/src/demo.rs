//! `cargo xtask demo`: from sources to the output of a flow in one command.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use crate::{
    dist,
    failure::{Failure, Result},
    program::Program,
    step::{note, step},
    workspace::Workspace,
};

const FLOW: &str = "host/cli/examples/hello.yaml";

/// What the flow must have printed: its log line, and a value that went from one task's file to the next task.
const EXPECTED: &[&str] = &["Hello, World!", "the file says: made by the first task"];

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let check = arguments.iter().any(|argument| argument == "--check");
    dist::run(workspace, &[])?;
    note("");
    note(&format!("switchyard run {FLOW}"));
    let host = || Program::new(workspace.target.join("release/switchyard")).args(["run", FLOW]).folder(&workspace.root);
    if !check {
        return host().run();
    }
    step("check the demo", || {
        let mut child = host().output(Stdio::piped(), Stdio::inherit()).start()?;
        let mut lines = Vec::new();
        for line in child.stdout.take().into_iter().flat_map(|pipe| BufReader::new(pipe).lines()).map_while(std::result::Result::ok) {
            println!("{line}");
            lines.push(line);
        }
        let status = child.wait().map_err(|error| Failure::new("xtask::demo", format!("the demo was lost: {error}")))?;
        let missing: Vec<&str> = EXPECTED.iter().copied().filter(|text| !lines.iter().any(|line| line.contains(text))).collect();
        if status.success() && missing.is_empty() {
            return Ok(());
        }
        Err(Failure::new("xtask::demo", format!("the demo ended with {status}; missing from its output: {missing:?}")))
    })
}
