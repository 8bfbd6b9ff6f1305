//! Tools as users run them: the built program, the built plugins, and the real tool wherever there is one.
//!
//! `cargo xtask test` installs the tools into its cache.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

mod ansible;
mod aws_batch;
mod clouds;
mod dbt;
mod git;
mod installed;
mod server;
mod singer;
mod sqlmesh;
mod storage;

use serde_json::Value as Json;
use support::{Home, Ran};

/// The task runner of these tests.
pub const PROCESS: &str = "taskRunner: {type: io.kestra.plugin.core.runner.Process}";

/// Runs a flow and answers the execution, with all that was said.
#[track_caller]
pub fn run(home: &Home, flow: &str, code: i32) -> (Json, Ran) {
    let ran = home.flow(flow, &["-o", "json"]).expect(code);
    (serde_json::from_str(&ran.stdout()).unwrap_or_else(|error| panic!("{error}: {}", ran.stderr())), ran)
}

/// The one task run of a task.
#[track_caller]
pub fn task<'a>(execution: &'a Json, id: &str) -> &'a Json {
    let found: Vec<&Json> = execution["taskRunList"].as_array().unwrap().iter().filter(|run| run["taskId"] == id).collect();
    assert_eq!(found.len(), 1, "{id}: {execution:#}");
    found[0]
}

/// Plugins whose examples are files.
const WITH_EXAMPLES: &[&str] = &["git", "dbt", "ansible", "aws", "gcp", "azure", "terraform", "sqlmesh", "modal"];

#[test]
fn examples_of_tools_are_valid_flows() {
    let home = Home::new(&[WITH_EXAMPLES, &["scripts"]].concat());
    for plugin in WITH_EXAMPLES {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(plugin).join("examples");
        home.run(&["validate", folder.to_str().unwrap()]).expect(0);
    }
}
