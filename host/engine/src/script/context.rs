//! `executionContext`: what expressions see, as a file beside the script.

use serde_json::{Map, Value as Json};
use switchyard_expr::Scope;

/// Where it is placed. The name is reserved: no pattern of output files takes it.
pub const FILE: &str = ".kestra-execution-context.json";

/// Without `envs`, `globals` and the like: they are the host's.
const VARIABLES: &[&str] =
    &["inputs", "outputs", "labels", "vars", "trigger", "flow", "execution", "task", "taskrun", "parents", "tasks", "kestra"];

pub fn text(scope: &dyn Scope) -> String {
    let all: Map<String, Json> = VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), scope.get(name)?.to_json()))).collect();
    Json::Object(all).to_string()
}
