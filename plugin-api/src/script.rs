//! What all script tasks share: their common properties, and how commands become one argument vector.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::TargetOs;

/// Properties that every task which runs a command has, and on which the host itself acts: where the command runs, its files and its
/// environment. Flatten it into the task's own struct, so that they are in its schema.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunProperties {
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
    /// Environment variables.
    #[serde(default)]
    pub env: Option<BTreeMap<String, Value>>,
    /// Files to place in the working directory before the run: a map of path to content, or an expression that renders to such a
    /// map. A content that is a `kestra://` URI is copied from internal storage, `nsfile:///path` from the files
    /// of the namespace, `file:///path` from the host where its administrator allows it.
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
}

/// Properties every script task has. Flatten it into the task's own struct. The host itself acts on the runner, files and
/// environment; a task reads `beforeCommands`, `interpreter` and `failFast`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScriptProperties {
    /// Where it runs.
    #[serde(flatten)]
    pub run: RunProperties,
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
    /// Places what expressions see (inputs, outputs, variables, labels and so on) into the working directory, as JSON in
    /// `.kestra-execution-context.json`. Inputs of type SECRET stand there in plain text; the file is never an output file.
    #[serde(default)]
    pub execution_context: bool,
    /// Accepted without effect: no receiver of OpenTelemetry data is placed beside the command.
    #[serde(default)]
    #[schemars(extend("type" = ["object", "null"]))]
    pub kotlp: Option<Value>,
}

/// Properties of a task around a command line tool. It has fewer than a script: its interpreter is its own, and a command that
/// fails does not keep the next one from running, unless the tool says otherwise.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToolProperties {
    /// The commands, given to one shell together: what one of them sets, the next ones see. The exit code is that of the last one;
    /// join commands with `&&` where a failure has to end the task.
    pub commands: Vec<String>,
    /// Commands that run before the others, in the same shell.
    #[serde(default)]
    pub before_commands: Option<Vec<String>>,
    /// Where it runs.
    #[serde(flatten)]
    pub run: RunProperties,
}

impl ToolProperties {
    /// The commands for `/bin/sh -c`.
    pub fn argv(&self) -> Vec<String> {
        self.lines().argv()
    }

    /// The commands, to be completed with what the tool needs.
    pub fn lines(&self) -> Lines<'_> {
        Lines { before: self.before_commands.as_deref().unwrap_or_default(), ..Lines::new(&self.commands) }
    }
}

/// Commands on their way to one interpreter.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a> {
    /// Program and leading arguments.
    pub interpreter: &'a [&'a str],
    /// The interpreter's own way to stop at the first failure, such as `set -e`.
    pub exit_on_error: Option<&'a str>,
    /// Commands before the others; what they print is logged at DEBUG.
    pub before: &'a [String],
    /// The commands.
    pub commands: &'a [String],
    /// Style of line ends.
    pub target_os: TargetOs,
}

impl<'a> Lines<'a> {
    /// For `/bin/sh -c`, going on after failures.
    pub fn new(commands: &'a [String]) -> Self {
        Self { interpreter: &SHELL, exit_on_error: None, before: &[], commands, target_os: TargetOs::Auto }
    }

    /// One argument vector.
    pub fn argv(&self) -> Vec<String> {
        // Lets the host log the output of the before-commands at DEBUG; only shells understand `echo` like this.
        let marks = !self.before.is_empty() && self.interpreter.first().is_some_and(|program| is_shell(program));
        let exit_on_error = self.exit_on_error.filter(|_| self.target_os != TargetOs::Windows);
        let mut lines: Vec<&str> = Vec::new();
        if marks {
            lines.push(DEBUG_MARK_COMMAND);
        }
        lines.extend(exit_on_error);
        lines.extend(self.before.iter().map(String::as_str));
        if marks {
            lines.push(INFO_MARK_COMMAND);
        }
        lines.extend(self.commands.iter().map(String::as_str));
        let newline = if self.target_os == TargetOs::Windows { "\r\n" } else { "\n" };
        self.interpreter.iter().map(|&part| part.to_owned()).chain([lines.join(newline)]).collect()
    }
}

/// A text as one word of a POSIX shell's command line.
pub fn quoted(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
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

    /// Whether the commands are read by a shell for POSIX scripts, given the task's own interpreter.
    pub fn has_shell(&self, own_interpreter: &[&str]) -> bool {
        let own = own_interpreter.first().copied();
        let first = match &self.interpreter {
            Some(interpreter) => interpreter.first().map(String::as_str),
            None => own,
        };
        first.is_some_and(|program| is_shell(program) && !program.ends_with("pwsh"))
    }

    /// Like [`ScriptProperties::argv`], for a task whose own interpreter is another one.
    pub fn argv_for(&self, own_interpreter: &[&str], exit_on_error: Option<&str>, commands: &[String]) -> Vec<String> {
        if self.exec_form() {
            return commands.to_vec();
        }
        let users: Vec<&str> = self.interpreter.iter().flatten().map(String::as_str).collect();
        Lines {
            interpreter: if self.interpreter.is_some() { &users } else { own_interpreter },
            exit_on_error: exit_on_error.filter(|_| self.fail_fast),
            before: self.before_commands.as_deref().unwrap_or_default(),
            commands,
            target_os: self.target_os(),
        }
        .argv()
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
    fn tool_table() {
        for (json, expected) in [
            (serde_json::json!({"commands": ["a", "b"]}), "a\nb"),
            (
                serde_json::json!({"commands": ["a"], "beforeCommands": ["x"]}),
                "echo '##kestra:log:debug##'\nx\necho '##kestra:log:info##'\na",
            ),
        ] {
            let tool: ToolProperties = serde_json::from_value(json).unwrap();
            assert_eq!(tool.argv(), ["/bin/sh", "-c", expected]);
        }
    }

    #[test]
    fn quoting() {
        for (text, expected) in [("a/b-c.d", "a/b-c.d"), ("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("$x", "'$x'"), ("~", "'~'")]
        {
            assert_eq!(quoted(text), expected);
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
