//! The flows that are measured, as the YAML a user would write.

use std::fmt::Write as _;

/// The id that every measured task begins with: runs are counted by it.
pub const WORK: &str = "work";

const RUNNER: &str = "taskRunner: {type: io.kestra.plugin.core.runner.Process}";

/// How a task starts its command.
#[derive(Clone, Copy)]
pub enum Form {
    /// Through `/bin/sh -c`, as by default.
    Shell,
    /// The program itself.
    Exec,
}

/// A flow of `count` tasks, one after the other.
pub fn sequence(id: &str, count: usize, form: Form, command: &str) -> String {
    let mut flow = head(id);
    for number in 0..count {
        flow.push_str(&task(2, &format!("{WORK}{number}"), form, command));
    }
    flow
}

/// A loop over `count` values, `width` at a time.
pub fn each(id: &str, count: usize, width: usize, form: Form, command: &str) -> String {
    looped(id, count, width, &task(6, WORK, form, command))
}

/// A loop whose body starts nothing: what remains is the engine.
pub fn each_return(id: &str, count: usize) -> String {
    looped(
        id,
        count,
        1,
        &format!("      - id: {WORK}\n        type: io.kestra.plugin.core.debug.Return\n        format: \"{{{{ taskrun.value }}}}\"\n"),
    )
}

/// One task on the Docker runner.
pub fn container(id: &str, image: &str, command: &str) -> String {
    let runner = "taskRunner: {type: io.kestra.plugin.scripts.runner.docker.Docker, pullPolicy: NEVER}";
    format!("{}{}    containerImage: {image}\n", head(id), task(2, WORK, Form::Shell, command).replace(RUNNER, runner))
}

/// A loop over `count` containers, `width` at a time.
pub fn containers(id: &str, count: usize, width: usize, image: &str, command: &str) -> String {
    let runner = "taskRunner: {type: io.kestra.plugin.scripts.runner.docker.Docker, pullPolicy: NEVER}";
    let body = format!("{}        containerImage: {image}\n", task(6, WORK, Form::Exec, command).replace(RUNNER, runner));
    looped(id, count, width, &body)
}

/// One task on the Kubernetes runner.
pub fn pod(id: &str, image: &str, command: &str) -> String {
    let runner = "taskRunner: {type: io.kestra.plugin.kubernetes.runner.Kubernetes}";
    format!("{}{}    containerImage: {image}\n", head(id), task(2, WORK, Form::Shell, command).replace(RUNNER, runner))
}

fn looped(id: &str, count: usize, width: usize, body: &str) -> String {
    let values: Vec<String> = (0..count).map(|value| value.to_string()).collect();
    let mut flow = head(id);
    let _ = write!(
        flow,
        "  - id: all\n    type: io.kestra.plugin.core.flow.ForEach\n    concurrencyLimit: {width}\n    values: [{}]\n    tasks:\n{body}",
        values.join(", ")
    );
    flow
}

fn head(id: &str) -> String {
    format!("id: {id}\nnamespace: bench\ntasks:\n")
}

fn task(indent: usize, id: &str, form: Form, command: &str) -> String {
    let space = " ".repeat(indent);
    let interpreter = match form {
        Form::Shell => String::new(),
        Form::Exec => format!("{space}  interpreter: []\n"),
    };
    // JSON strings are YAML strings, whatever the command contains.
    let command = serde_json::Value::from(command);
    format!(
        "{space}- id: {id}\n{space}  type: io.kestra.plugin.scripts.shell.Commands\n{space}  {RUNNER}\n{interpreter}{space}  commands: [{command}]\n"
    )
}
