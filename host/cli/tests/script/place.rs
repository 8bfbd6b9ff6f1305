//! Where a row runs, and what came out.

use std::process::Command;

use serde_json::Value as Json;

use crate::stage::{PROCESS, Stage};

pub const DOCKER: &str = "io.kestra.plugin.scripts.runner.docker.Docker";
pub const IMAGE: &str = "busybox:switchyard-test";
/// The secret of every stage.
pub const SECRET: &str = "hunter2hunter2";

/// A runner that the same rows run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Process,
    Docker,
}

impl Place {
    pub fn stage(self) -> Stage {
        match self {
            Self::Process => Stage::new(),
            Self::Docker => Stage::with_docker(),
        }
    }

    /// The properties that choose it.
    pub fn properties(self) -> String {
        match self {
            Self::Process => format!("    taskRunner: {{type: {PROCESS}}}\n"),
            Self::Docker => format!("    containerImage: {IMAGE}\n    taskRunner: {{type: {DOCKER}, pullPolicy: NEVER}}\n"),
        }
    }

    /// A task `x` of this type with these properties, which are YAML lines without their indentation.
    pub fn task(self, type_name: &str, lines: &str) -> String {
        format!("  - id: x\n    type: io.kestra.plugin.scripts.{type_name}\n{}{}", self.properties(), indented(lines))
    }

    /// Runs a flow of one shell task.
    pub fn shell(self, lines: &str) -> Done {
        self.flow(&self.task("shell.Commands", lines))
    }

    /// Runs a flow of these tasks.
    pub fn flow(self, tasks: &str) -> Done {
        run(&self.stage(), tasks)
    }
}

fn indented(lines: &str) -> String {
    lines.lines().map(|line| format!("    {line}\n")).collect()
}

pub fn write_flow(stage: &Stage, tasks: &str) {
    stage.write("flow.yaml", format!("id: t\nnamespace: a.b\ntasks:\n{tasks}"));
}

/// The program on the flow of a stage, as a document and with every level of its log.
pub fn command(stage: &Stage) -> Command {
    let mut command = stage.command(["-v", "run", "flow.yaml", "--output", "json"]);
    command.env("SECRET_S", "aHVudGVyMmh1bnRlcjI=");
    command
}

pub fn run(stage: &Stage, tasks: &str) -> Done {
    write_flow(stage, tasks);
    let ran = stage.finish(&mut command(stage));
    let document = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("no document, but: {}", ran.stderr));
    Done { document, log: entries(&ran.stderr), stderr: ran.stderr }
}

/// The lines of the tasks' log: level and text.
pub fn entries(stderr: &str) -> Vec<(String, String)> {
    stderr
        .lines()
        .filter_map(|line| {
            let (head, text) = line.split_once(" | ")?;
            let mut words = head.split_whitespace();
            let (_, level, _) = (words.next()?, words.next()?, words.next()?);
            Some((level.to_owned(), text.to_owned()))
        })
        .collect()
}

/// A run that has ended.
pub struct Done {
    pub document: Json,
    pub log: Vec<(String, String)>,
    pub stderr: String,
}

impl Done {
    pub fn run(&self, task: &str) -> &Json {
        let runs = self.document["taskRunList"].as_array().unwrap();
        runs.iter().find(|run| run["taskId"] == task).unwrap_or_else(|| panic!("no run of {task}: {}", self.stderr))
    }

    pub fn state(&self) -> &str {
        self.run("x")["state"]["current"].as_str().unwrap()
    }

    #[track_caller]
    pub fn expect(self, state: &str) -> Self {
        assert_eq!(self.state(), state, "{}\n{:#}", self.stderr, self.run("x")["outputs"]);
        self
    }

    pub fn outputs(&self) -> &Json {
        &self.run("x")["outputs"]
    }

    /// What was said on standard output.
    pub fn said(&self) -> Vec<&str> {
        self.at("INFO")
    }

    /// What was said at a level.
    pub fn at(&self, level: &str) -> Vec<&str> {
        self.log.iter().filter(|(its, _)| its == level).map(|(_, text)| text.as_str()).collect()
    }

    pub fn has(&self, level: &str, part: &str) -> bool {
        self.at(level).iter().any(|text| text.contains(part))
    }

    /// The content of a kept file, by its key: a second flow cannot see the storage of the first, so flows print it themselves.
    pub fn keys(&self) -> Vec<&str> {
        self.outputs()["outputFiles"].as_object().unwrap().keys().map(String::as_str).collect()
    }
}

/// Makes two tests of a row: on a process, and in a container.
macro_rules! everywhere {
    ($($(#[$doc:meta])* $process:ident, $docker:ident: $row:ident;)*) => {
        $(
            #[test]
            fn $process() {
                $row(crate::place::Place::Process);
            }

            #[test]
            fn $docker() {
                $row(crate::place::Place::Docker);
            }
        )*
    };
}
pub(crate) use everywhere;
