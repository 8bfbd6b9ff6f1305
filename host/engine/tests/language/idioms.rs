//! Flows as people write them, in `flows/`. The comments at the top of each say what has to come of it:
//!
//! * `#! state: FAILED` (SUCCESS when absent), `#! input: name=value`, `#! needs: python3` (not run where it is missing);
//! * `#! log: text` is somewhere in the log; what a task logs as NEVER must not be;
//! * `#! outputs: {…}` the flow's outputs, `#! attempts: task n`, `#! states: …` all task runs in their order.
//!
//! Flows of `flows/called/` are there to be called by the others.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use serde_json::{Map, Value as Json};

use crate::world::World;

/// Each has an engine of its own.
const AT_ONCE: usize = 6;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language").join(folder);
    let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    found.sort();
    found
}

/// The `#!` comments: key and text.
fn expectations(text: &str) -> Vec<(&str, &str)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("#!"));
    lines.map(|line| line.split_once(':').unwrap_or_else(|| panic!("{line}"))).map(|(key, text)| (key.trim(), text.trim())).collect()
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// All that is not as expected.
async fn check(text: &str, called: &[String]) -> Vec<String> {
    let expected = expectations(text);
    let all = |key: &'static str| expected.iter().filter(move |(other, _)| *other == key).map(|(_, text)| *text);
    let inputs: Map<String, Json> =
        all("input").map(|input| input.split_once('=').unwrap()).map(|(name, value)| (name.to_owned(), value.into())).collect();
    let world = World::new(&called.iter().map(String::as_str).collect::<Vec<_>>());
    let ran = world.run_with(text, Json::Object(inputs)).await;
    let mut wrong = Vec::new();
    let mut same = |what: &str, found: String, wanted: &str| {
        if found != wanted {
            wrong.push(format!("{what} is {found}, not {wanted}"));
        }
    };
    same("state", ran.state().to_owned(), all("state").next().unwrap_or("SUCCESS"));
    for line in all("log") {
        same("log", if ran.logged(line) { line.to_owned() } else { format!("without `{line}`") }, line);
    }
    same("NEVER in the log", ran.logged("NEVER").to_string(), "false");
    for outputs in all("outputs") {
        let wanted: Json = serde_json::from_str(outputs).unwrap();
        let found = ran.execution.outputs.as_deref().cloned().map(Json::Object).unwrap_or_default();
        same("outputs", found.to_string(), &wanted.to_string());
    }
    for attempts in all("attempts") {
        let (task, _) = attempts.split_once(' ').unwrap();
        let run = ran.execution.task_run_list.iter().find(|run| &*run.task_id == task);
        same("attempts", format!("{task} {}", run.map_or(0, |run| run.attempts.len())), attempts);
    }
    for states in all("states") {
        same("states", ran.states().join(", "), states);
    }
    if !wrong.is_empty() {
        wrong.push(format!("{:#?}", ran.log));
    }
    wrong
}

async fn all(choose: impl Fn(&str) -> bool) {
    let called: Arc<Vec<String>> = Arc::new(files("flows/called").iter().map(|path| fs::read_to_string(path).unwrap()).collect());
    let (mut running, mut wrong) = (tokio::task::JoinSet::new(), String::new());
    let mut tell = |(path, found): (PathBuf, Vec<String>)| {
        if !found.is_empty() {
            wrong.push_str(&format!("{}: {}\n", path.file_name().unwrap().display(), found.join("\n  ")));
        }
    };
    for path in files("flows") {
        let text = fs::read_to_string(&path).unwrap();
        if choose(&text) {
            if running.len() == AT_ONCE {
                tell(running.join_next().await.unwrap().unwrap());
            }
            let called = Arc::clone(&called);
            running.spawn(async move { (path, check(&text, &called).await) });
        }
    }
    while let Some(ended) = running.join_next().await {
        tell(ended.unwrap());
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn needed(text: &str) -> Vec<&str> {
    expectations(text).into_iter().filter(|(key, _)| *key == "needs").flat_map(|(_, names)| names.split_whitespace()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_as_people_write_them() {
    all(|text| needed(text).is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tool_flows_that_need_an_interpreter() {
    all(|text| !needed(text).is_empty() && needed(text).into_iter().all(is_there)).await;
}
