//! The script tasks from before there was one for each language: `Bash`, `Python` and `Node`; spec script-tasks 1.8. They have words
//! of their own for what `Commands` do; the host reads those that are its business (`files`, `outputsFiles`, `dockerOptions`, and a
//! process as the default).

use std::{collections::BTreeMap, marker::PhantomData};

use switchyard_plugin_api::{
    PlanFile,
    prelude::*,
    script::{Lines, RunProperties, quoted},
    serde_json::Value,
};

/// Properties of all three.
#[expect(dead_code, reason = "the host acts on most of them")]
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Legacy", extend("additionalProperties" = false, "x-switchyard" = "legacy-script"))]
pub struct LegacyTask<E> {
    /// Where it runs; a process of the host unless something else is said.
    #[serde(flatten)]
    run: RunProperties,
    /// Options of the container when `runner: DOCKER`.
    #[serde(default)]
    docker_options: Option<BTreeMap<String, Value>>,
    /// The program that gets the commands.
    #[serde(default = "shell")]
    interpreter: String,
    /// Its arguments before the commands.
    #[serde(default = "argument")]
    interpreter_args: Vec<String>,
    /// Stop at the first failing command.
    #[serde(default = "yes")]
    exit_on_failed: bool,
    /// Names of files to keep, another word for `outputFiles`.
    #[serde(default)]
    files: Option<Vec<String>>,
    /// Names of files to keep, another word for `outputFiles`.
    #[serde(default)]
    outputs_files: Option<Vec<String>>,
    /// Names of directories; they are made before the run, are at `{{ outputDirs.name }}`, and all their files are kept.
    #[serde(default)]
    output_dirs: Option<Vec<String>>,
    /// Accepted for old flows; output on standard error does not change the state of a task.
    #[serde(default)]
    warning_on_std_err: Option<bool>,
    #[serde(flatten)]
    own: E,
}

fn shell() -> String {
    "/bin/sh".into()
}

fn argument() -> Vec<String> {
    vec!["-c".into()]
}

fn yes() -> bool {
    true
}

/// What only one of them has.
pub trait Own: serde::de::DeserializeOwned + JsonSchema + Default + Send + Sync + 'static {
    /// Its type name.
    const TYPE: &'static str;
    /// The type to use instead.
    const INSTEAD: &'static str;
    /// Image of its container.
    const IMAGE: &'static str;

    /// All commands, with those that prepare the directory.
    fn commands(&self, working_dir: &str) -> Vec<String>;

    /// A module that speaks to the host.
    fn module() -> Option<PlanFile> {
        None
    }
}

/// What only `Bash` has.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Bash {
    /// The commands, given to one interpreter together.
    commands: Vec<String>,
}

impl Own for Bash {
    const TYPE: &'static str = "io.kestra.core.tasks.scripts.Bash";
    const INSTEAD: &'static str = "io.kestra.plugin.scripts.shell.Commands";
    const IMAGE: &'static str = "ubuntu";

    fn commands(&self, _: &str) -> Vec<String> {
        self.commands.clone()
    }
}

/// What only `Python` has.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Python {
    /// The commands; without them `main.py` of `inputFiles` is run.
    commands: Option<Vec<String>>,
    /// Make a virtual environment in the working directory, so that `./bin/python` is there.
    virtual_env: bool,
    /// The Python that makes it.
    python_path: String,
    /// Packages to install in it.
    requirements: Option<Vec<String>>,
    /// Arguments of `main.py`.
    args: Option<Vec<String>>,
}

impl Default for Python {
    fn default() -> Self {
        Self { commands: None, virtual_env: true, python_path: "python".into(), requirements: None, args: None }
    }
}

impl Own for Python {
    const TYPE: &'static str = "io.kestra.core.tasks.scripts.Python";
    const INSTEAD: &'static str = "io.kestra.plugin.scripts.python.Commands";
    const IMAGE: &'static str = "python";

    fn commands(&self, working_dir: &str) -> Vec<String> {
        let mut all = Vec::new();
        let python = match self.python_path.as_str() {
            "python" => "\"$(command -v python || command -v python3)\"".to_owned(),
            path => quoted(path).into_owned(),
        };
        if self.virtual_env {
            all.push(format!("{python} -m venv --system-site-packages {} > /dev/null", quoted(working_dir)));
        }
        let packages: Vec<_> = self.requirements.iter().flatten().map(|package| quoted(package)).collect();
        let program = if self.virtual_env { "./bin/python" } else { python.as_str() };
        if !packages.is_empty() {
            all.push(format!("{program} -m pip install {} > /dev/null", packages.join(" ")));
        }
        match &self.commands {
            Some(commands) => all.extend(commands.iter().cloned()),
            None => all.push(with_arguments(&format!("{program} main.py"), self.args.as_deref())),
        }
        all
    }

    fn module() -> Option<PlanFile> {
        Some(PlanFile { path: "kestra.py".into(), content: include_str!("legacy/kestra.py").into(), executable: false })
    }
}

/// What only `Node` has.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Node {
    /// The program that runs `main.js` of `inputFiles`.
    node_path: String,
    /// The program that installs what `package.json` of `inputFiles` asks for.
    npm_path: String,
    /// Arguments of `main.js`.
    args: Option<Vec<String>>,
}

impl Default for Node {
    fn default() -> Self {
        Self { node_path: "node".into(), npm_path: "npm".into(), args: None }
    }
}

impl Own for Node {
    const TYPE: &'static str = "io.kestra.core.tasks.scripts.Node";
    const INSTEAD: &'static str = "io.kestra.plugin.scripts.node.Commands";
    const IMAGE: &'static str = "node";

    fn commands(&self, _: &str) -> Vec<String> {
        let install = format!("if [ -e package.json ]; then {} i > /dev/null; fi", quoted(&self.npm_path));
        vec![install, with_arguments(&format!("{} main.js", quoted(&self.node_path)), self.args.as_deref())]
    }

    fn module() -> Option<PlanFile> {
        Some(PlanFile { path: "kestra.js".into(), content: include_str!("legacy/kestra.js").into(), executable: false })
    }
}

fn with_arguments(command: &str, arguments: Option<&[String]>) -> String {
    let words = arguments.unwrap_or_default().iter().map(|word| quoted(word));
    std::iter::once(command.into()).chain(words).collect::<Vec<_>>().join(" ")
}

/// One of the three.
#[derive(Debug, Default)]
pub struct Legacy<E>(PhantomData<E>);

impl<E: Own> Task for Legacy<E> {
    type Properties = LegacyTask<E>;
    const TYPE: &'static str = E::TYPE;

    fn describe(&self) -> Description {
        let docs = format!(
            "For flows from before version 0.11. Without `runner` it is a process of the host. `files`, `outputsFiles` and `outputFiles` \
             name files to write to `{{{{ outputFiles.NAME }}}}`; they are kept. Use `{}` in new flows.",
            E::INSTEAD
        );
        let mut description = Description::new(format!("The old {} task.", E::TYPE.rsplit('.').next().unwrap_or_default())).docs(docs);
        description.deprecated = Some(format!("use `{}`", E::INSTEAD));
        description
    }

    fn plan(&self, properties: &Self::Properties, context: &PlanContext) -> Result<Plan, Error> {
        let made: Vec<_> = properties.output_dirs.iter().flatten().map(|name| quoted(name)).collect();
        let mut commands = Vec::new();
        if !made.is_empty() {
            commands.push(format!("mkdir -p {}", made.join(" ")));
        }
        commands.extend(properties.own.commands(&context.paths.working_dir));
        let words = std::iter::once(&properties.interpreter).chain(&properties.interpreter_args);
        let interpreter: Vec<&str> = words.map(String::as_str).collect();
        let exit_on_error = properties.exit_on_failed.then_some("set -o errexit");
        let lines = Lines { interpreter: &interpreter, exit_on_error, target_os: context.target_os, ..Lines::new(&commands) };
        Ok(Plan { argv: lines.argv(), image: Some(E::IMAGE.into()), files: E::module().into_iter().collect(), ..Plan::default() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use switchyard_plugin_api::Paths;

    use super::*;

    fn script(task: &str, properties: &Value) -> String {
        let context = PlanContext { paths: Paths { working_dir: "/wd".into(), ..Paths::default() }, ..PlanContext::default() };
        let task = crate::plugin().find_task(&format!("io.kestra.core.tasks.scripts.{task}")).unwrap();
        task.plan(properties, &context).unwrap().argv.join("|")
    }

    #[test]
    fn s1_8_plans() {
        for (task, properties, expected) in [
            ("Bash", json!({"commands": ["a", "b"]}), "/bin/sh|-c|set -o errexit\na\nb"),
            (
                "Bash",
                json!({"commands": ["a"], "interpreter": "/bin/bash", "interpreterArgs": ["-x", "-c"], "exitOnFailed": false, "outputDirs": ["d"]}),
                "/bin/bash|-x|-c|mkdir -p d\na",
            ),
            (
                "Python",
                json!({"virtualEnv": false, "pythonPath": "python3", "args": ["a b"]}),
                "/bin/sh|-c|set -o errexit\npython3 main.py 'a b'",
            ),
            (
                "Python",
                json!({"pythonPath": "python3", "requirements": ["x>=1"]}),
                "/bin/sh|-c|set -o errexit\npython3 -m venv --system-site-packages /wd > /dev/null\n./bin/python -m pip install 'x>=1' > /dev/null\n./bin/python main.py",
            ),
            (
                "Node",
                json!({"args": ["1"]}),
                "/bin/sh|-c|set -o errexit\nif [ -e package.json ]; then npm i > /dev/null; fi\nnode main.js 1",
            ),
        ] {
            assert_eq!(script(task, &properties), expected, "{task}");
        }
    }
}
