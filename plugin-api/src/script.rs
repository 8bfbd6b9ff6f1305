//! What all script tasks share: their common properties, and how commands become one argument vector.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::TargetOs;

/// Properties every script task has. Flatten it into the task's own struct. The host itself acts on the runner, files and
/// environment; a task reads `beforeCommands`, `interpreter` and `failFast`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScriptProperties {
    /// Where the script runs: an object with the `type` of a task runner and that runner's own properties. Without it the script
    /// runs in a container on a Docker-compatible engine.
    #[serde(default)]
    #[schemars(extend("x-switchyard" = "task-runner"))]
    pub task_runner: Option<BTreeMap<String, Value>>,
    /// Image of the container, for runners that use one.
    #[serde(default)]
    pub container_image: Option<String>,
    /// Deprecated: use `taskRunner`. `PROCESS` or `DOCKER`.
    #[serde(default)]
    #[schemars(extend("deprecated" = true, "enum" = ["PROCESS", "DOCKER", null]))]
    pub runner: Option<String>,
    /// Deprecated: use `taskRunner` and `containerImage`. Options of the Docker runner, with `image`.
    #[serde(default)]
    #[schemars(extend("deprecated" = true))]
    pub docker: Option<BTreeMap<String, Value>>,
    /// Program and leading arguments that get all commands, joined by newlines, as one last argument. An empty list executes the
    /// commands themselves as program and arguments, without a shell. Without it the task's own interpreter is taken: `/bin/sh -c`
    /// for most.
    #[serde(default)]
    pub interpreter: Option<Vec<String>>,
    /// Commands that run before the others, in the same shell.
    #[serde(default)]
    pub before_commands: Option<Vec<String>>,
    /// Stop at the first failing command (`set -e`).
    #[serde(default = "default_true")]
    pub fail_fast: bool,
    /// Environment variables.
    #[serde(default)]
    pub env: Option<BTreeMap<String, Value>>,
    /// Files to place in the working directory before the run: a map of path to content, or an expression that renders to such a
    /// map. A content that is a `kestra://` URI is copied from internal storage.
    #[serde(default)]
    #[schemars(extend("type" = ["object", "string", "null"]))]
    pub input_files: Option<Value>,
    /// Glob patterns of files to keep after the run; they become `outputs.<task>.outputFiles['path']`.
    #[serde(default)]
    pub output_files: Option<Vec<String>>,
    /// Which namespace files to place in the working directory.
    #[serde(default)]
    #[schemars(extend("type" = ["object", "null"]))]
    pub namespace_files: Option<Value>,
    /// Deprecated: use `outputFiles`. Creates a directory, `{{ outputDir }}`, all of whose files are kept.
    #[serde(default)]
    #[schemars(extend("deprecated" = true))]
    pub output_directory: Option<bool>,
    /// Accepted for old flows; output on standard error no longer changes the state of a task.
    #[serde(default)]
    #[schemars(extend("deprecated" = true))]
    pub warning_on_std_err: Option<bool>,
    /// Style of paths and line ends where the command runs.
    #[serde(default, rename = "targetOS")]
    #[schemars(extend("enum" = ["LINUX", "WINDOWS", "AUTO", null]))]
    pub target_os: Option<String>,
}

impl ScriptProperties {
    /// The style of paths and line ends asked for.
    pub fn target_os(&self) -> TargetOs {
        match self.target_os.as_deref() {
            Some("LINUX") => TargetOs::Linux,
            Some("WINDOWS") => TargetOs::Windows,
            _ => TargetOs::Auto,
        }
    }

    /// Joins the task's commands with these properties into one argument vector, for `/bin/sh -c` unless the user chose another
    /// interpreter. `exit_on_error` is the interpreter's own way to stop at the first failure, such as `set -e`.
    pub fn argv(&self, exit_on_error: Option<&str>, commands: &[String]) -> Vec<String> {
        self.argv_for(&SHELL, exit_on_error, commands)
    }

    /// Whether the commands are program and arguments themselves, without an interpreter.
    pub fn exec_form(&self) -> bool {
        self.interpreter.as_ref().is_some_and(Vec::is_empty) && self.before_commands.as_ref().is_none_or(Vec::is_empty)
    }

    /// Like [`ScriptProperties::argv`], for a task whose own interpreter is another one.
    pub fn argv_for(&self, own_interpreter: &[&str], exit_on_error: Option<&str>, commands: &[String]) -> Vec<String> {
        if self.exec_form() {
            return commands.to_vec();
        }
        let interpreter = self.interpreter.clone().unwrap_or_else(|| own_interpreter.iter().map(|&part| part.to_owned()).collect());
        let before = self.before_commands.as_deref().unwrap_or_default();
        let exit_on_error = exit_on_error.filter(|_| self.fail_fast && self.target_os() != TargetOs::Windows);
        // Lets the host log the output of the user's own before-commands at DEBUG; only shells understand `echo` like this.
        let marks = !before.is_empty() && interpreter.first().is_some_and(|program| is_shell(program));
        let mut lines: Vec<&str> = Vec::new();
        if marks {
            lines.push(DEBUG_MARK_COMMAND);
        }
        lines.extend(exit_on_error);
        lines.extend(before.iter().map(String::as_str));
        if marks {
            lines.push(INFO_MARK_COMMAND);
        }
        lines.extend(commands.iter().map(String::as_str));
        let newline = if self.target_os() == TargetOs::Windows { "\r\n" } else { "\n" };
        let mut argv = interpreter;
        argv.push(lines.join(newline));
        argv
    }
}

/// A line that switches the level of following standard output to DEBUG; it is not logged itself.
pub const DEBUG_MARK: &str = "##kestra:log:debug##";
/// A line that switches the level of following standard output back to INFO; it is not logged itself.
pub const INFO_MARK: &str = "##kestra:log:info##";
const DEBUG_MARK_COMMAND: &str = "echo '##kestra:log:debug##'";
const INFO_MARK_COMMAND: &str = "echo '##kestra:log:info##'";

const SHELL: [&str; 2] = ["/bin/sh", "-c"];

fn is_shell(program: &str) -> bool {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    matches!(name, "sh" | "bash" | "dash" | "zsh" | "ash" | "ksh" | "pwsh")
}

fn default_true() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(json: Value) -> ScriptProperties {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn argv_table() {
        let commands = ["a".to_owned(), "b".to_owned()];
        for (json, expected) in [
            (serde_json::json!({}), vec!["/bin/sh", "-c", "set -e\na\nb"]),
            (serde_json::json!({"failFast": false}), vec!["/bin/sh", "-c", "a\nb"]),
            (serde_json::json!({"interpreter": []}), vec!["a", "b"]),
            (serde_json::json!({"interpreter": [], "beforeCommands": ["x"]}), vec!["set -e\nx\na\nb"]),
            (
                serde_json::json!({"interpreter": ["python", "-c"], "beforeCommands": ["x"], "failFast": false}),
                vec!["python", "-c", "x\na\nb"],
            ),
            (
                serde_json::json!({"beforeCommands": ["x"]}),
                vec!["/bin/sh", "-c", "echo '##kestra:log:debug##'\nset -e\nx\necho '##kestra:log:info##'\na\nb"],
            ),
            (serde_json::json!({"targetOS": "WINDOWS", "interpreter": ["cmd", "/c"]}), vec!["cmd", "/c", "a\r\nb"]),
        ] {
            assert_eq!(properties(json.clone()).argv(Some("set -e"), &commands), expected, "{json}");
        }
    }

    #[test]
    fn a_task_may_have_an_interpreter_of_its_own() {
        let commands = ["a".to_owned()];
        for (json, expected) in [
            (serde_json::json!({}), vec!["pwsh", "-Command", "stop\na"]),
            (serde_json::json!({"interpreter": ["/bin/sh", "-c"]}), vec!["/bin/sh", "-c", "stop\na"]),
            (serde_json::json!({"interpreter": []}), vec!["a"]),
        ] {
            assert_eq!(properties(json.clone()).argv_for(&["pwsh", "-Command"], Some("stop"), &commands), expected, "{json}");
        }
    }
}
