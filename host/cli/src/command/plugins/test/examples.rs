//! Examples as the host sees them: each is a valid flow, and those that can run do.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

use switchyard_plugin_api::{
    Component, Example,
    testkit::{Options, Row, Verdict},
};

use super::parent::Stage;
use crate::arguments::Globals;

pub fn check(stage: &Stage, component: &Component, globals: &Globals, options: &Options) -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, example) in component.description.examples.iter().enumerate() {
        for (verb, title) in [("validate", "is a valid flow"), ("run", "runs to its end")] {
            let started = Instant::now();
            let behaviour = format!("example.{}.{verb}", number + 1);
            let verdict = if verb == "run" && !example.runnable {
                Verdict::NotApplicable { reason: "its author says that it needs something that only he has".to_owned() }
            } else {
                ask(stage, example, &behaviour, verb, globals, options)
            };
            let title = format!("the example {:?} {title}", example.title);
            rows.push(Row { behaviour, title, verdict, millis: started.elapsed().as_millis() as u64 });
        }
    }
    rows
}

fn ask(stage: &Stage, example: &Example, behaviour: &str, verb: &str, globals: &Globals, options: &Options) -> Verdict {
    let file = match stage.write(&format!("{behaviour}.yaml"), &example.flow) {
        Ok(file) => file,
        Err(failure) => return Verdict::Failed { reason: failure.message },
    };
    let program = env::current_exe().unwrap_or_else(|_| PathBuf::from("switchyard"));
    let mut command = Command::new("timeout");
    // An example that waits for ever is no example.
    command.arg(format!("{}", options.patience)).arg(program).arg(verb).arg(&file).args(["--color", "never"]);
    for directory in [&stage.directory, &stage.others] {
        command.arg("--plugins").arg(directory);
    }
    if let Some(config) = &globals.config {
        command.arg("--config").arg(config);
    }
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Verdict::Passed,
        Ok(output) => {
            let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            if said.contains("registry::unknown_type") && said.contains("io.kestra.plugin.scripts") {
                let reason = "the plugin of the script tasks is not installed; name its directory with --plugins";
                return Verdict::NotApplicable { reason: reason.to_owned() };
            }
            let lines: Vec<&str> = said.lines().collect();
            let last = lines[lines.len().saturating_sub(12)..].join("\n");
            Verdict::Failed { reason: format!("{}\n{last}", output.status) }
        }
        Err(error) => Verdict::Failed { reason: format!("it cannot be asked: {error}") },
    }
}
