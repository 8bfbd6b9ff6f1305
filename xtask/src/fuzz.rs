//! `cargo xtask fuzz`: changed texts for the readers of flows and expressions, for as long as somebody likes.

use crate::{
    failure::{Failure, Result},
    program::Program,
    step::step,
    workspace::Workspace,
};

const MINUTE: &str = "60";

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let seconds = arguments.first().map_or(MINUTE, String::as_str);
    if seconds.parse::<u64>().is_err() {
        return Err(Failure::new("xtask::usage", format!("`{seconds}` is no number of seconds for each target")));
    }
    step(&format!("{seconds} s for each target"), || {
        // Optimized, because every text counts; with checks of overflow, because they find something.
        Program::cargo()
            .folder(&workspace.root)
            .env("SWITCHYARD_FUZZ_SECONDS", seconds)
            .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true")
            .args(["test", "--locked", "--release", "-p", "switchyard-engine", "--test", "fuzz", "--", "--nocapture"])
            .run()
    })
}
