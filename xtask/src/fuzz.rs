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
        // Not optimized: checks of overflow and assertions find more than the speed would.
        Program::cargo()
            .folder(&workspace.root)
            .env("SWITCHYARD_FUZZ_SECONDS", seconds)
            .args(["test", "--locked", "-p", "switchyard-engine", "--test", "fuzz", "--", "--nocapture"])
            .run()
    })
}
