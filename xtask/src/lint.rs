//! `cargo xtask lint`: form, mistakes, dependencies.

use crate::{
    failure::{Failure, Result},
    program::Program,
    step::{step, warning},
    tool::{DENY, MACHETE},
    workspace::Workspace,
};

pub fn run(workspace: &Workspace, _arguments: &[String]) -> Result<()> {
    let cargo = || Program::cargo().folder(&workspace.root);
    let mut failed = Vec::new();
    // Every lint runs, so that one round shows all there is to mend.
    let mut lint = |title: &str, work: &dyn Fn() -> Result<()>| {
        if let Err(failure) = step(title, work) {
            failed.push(failure.to_string());
        }
    };
    lint("rustfmt", &|| cargo().args(["fmt", "--all", "--", "--check"]).run());
    lint("clippy", &|| cargo().args(["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]).run());
    lint("cargo deny: bans, licenses, sources", &|| DENY.program(workspace)?.args(["check", "bans", "licenses", "sources"]).run());
    lint("cargo deny: advisories", &|| advisories(workspace));
    lint("cargo machete", &|| MACHETE.program(workspace)?.run());
    if failed.is_empty() { Ok(()) } else { Err(Failure::new("xtask::lint", failed.join("\n"))) }
}

/// The advisory database is a git repository elsewhere; without it there is nothing to check against.
fn advisories(workspace: &Workspace) -> Result<()> {
    if let Err(failure) = DENY.program(workspace)?.args(["fetch", "db"]).text() {
        let reason = failure.to_string();
        let last = reason.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned();
        warning(&format!("SKIPPED: security advisories, the database cannot be fetched: {last}"));
        return Ok(());
    }
    DENY.program(workspace)?.args(["check", "--disable-fetch", "advisories"]).run()
}
