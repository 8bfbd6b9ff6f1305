//! The task.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use switchyard_plugin_api::{
    Level, LogStream, PlanFile,
    prelude::*,
    script::{Lines, RunProperties, quoted},
};

use crate::{
    event,
    report::{Outputs, Report},
};

const IMAGE: &str = "cytopia/ansible:latest-tools";
const LOG: &str = "log";
const CONFIG: &str = "ansible.cfg";

/// Properties of `io.kestra.plugin.ansible.cli.AnsibleCLI`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false), transform = raw_input_files)]
pub struct Properties {
    /// The commands, such as `ansible-playbook -i inventory.ini playbook.yml`. The first one that fails ends the task.
    commands: Vec<String>,
    /// Commands that run before the others, in the same shell.
    #[serde(default)]
    before_commands: Option<Vec<String>>,
    /// Content of `ansible.cfg`. Without it one that is there already is used, or else one that makes outputs and task runs of what the
    /// playbooks do.
    #[serde(default)]
    ansible_config: Option<String>,
    /// Keep Ansible's own log as the output file `log`.
    #[serde(default)]
    output_log_file: bool,
    /// `ALL` results become outputs, or only those that playbooks publish with the module `kestra` (`EXPLICIT`).
    #[serde(default)]
    outputs_mode: OutputsMode,
    /// Install the Python packages of a `requirements.txt` that is there.
    #[serde(default = "yes")]
    auto_install_python_requirements: bool,
    /// Install the roles and collections of a `requirements.yml` that is there.
    #[serde(default = "yes")]
    auto_install_galaxy_requirements: bool,
    #[serde(flatten)]
    #[allow(dead_code, reason = "the host acts on them")]
    run: RunProperties,
}

/// Which results become outputs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum OutputsMode {
    #[default]
    All,
    Explicit,
}

/// Playbooks have templates of the same form as flows.
fn raw_input_files(schema: &mut schemars::Schema) {
    if let Some(files) = schema.pointer_mut("/properties/inputFiles").and_then(Value::as_object_mut) {
        files.insert("x-switchyard".into(), "raw".into());
        let text = "Files to place in the working directory before the run: a map of path to content. Contents are not rendered, since playbooks \
                    have templates of the same form, except for one that is a single expression such as `{{ inputs.file }}`.";
        files.insert("description".into(), text.into());
    }
}

fn yes() -> bool {
    true
}

/// Runs Ansible.
#[derive(Debug, Default)]
pub struct AnsibleCli;

impl Task for AnsibleCli {
    type Properties = Properties;
    const TYPE: &'static str = "io.kestra.plugin.ansible.cli.AnsibleCLI";
    const PLANNED: bool = false;

    fn describe(&self) -> Description {
        Description::new("Run Ansible commands.")
            .docs(include_str!("docs.md"))
            .icon(include_str!("icon.svg"))
            .example("Run a playbook on the machine itself.", include_str!("../examples/playbook.yaml"))
    }

    fn plan(&self, properties: &Properties, context: &PlanContext) -> Result<Plan, Error> {
        let root = context.paths.working_dir.trim_end_matches('/');
        let below = |name: &str| if root.is_empty() { name.to_owned() } else { format!("{root}/{name}") };
        let mut before = properties.before_commands.clone().unwrap_or_default();
        if properties.auto_install_python_requirements {
            before.push("if test -f requirements.txt; then pip install --no-cache-dir -r requirements.txt || exit $?; fi".into());
        }
        if properties.auto_install_galaxy_requirements {
            before.push("if test -f requirements.yml; then ansible-galaxy install -r requirements.yml || exit $?; fi".into());
        }
        let mut commands = Vec::new();
        let several = properties.commands.len() > 1;
        for (number, command) in properties.commands.iter().enumerate() {
            if several {
                commands.push(format!("export ANSIBLE_LOG_PATH={}", quoted(&below(&format!("{LOG}-{number}")))));
            }
            commands.push(command.clone());
            if number + 1 < properties.commands.len() {
                // On lines of its own: a command may end in a comment.
                commands.push("switchyard_code=$?; test $switchyard_code = 0 || exit $switchyard_code".into());
            }
        }
        let file = |path: &str, content: &str| PlanFile { path: path.into(), content: content.into(), executable: false };
        let mode = if properties.outputs_mode == OutputsMode::All { "ALL" } else { "EXPLICIT" };
        let mut plan = Plan {
            argv: Lines { interpreter: &["/bin/bash", "-c"], before: &before, ..Lines::new(&commands) }.argv(),
            env: BTreeMap::from([("KESTRA_OUTPUTS_MODE".to_owned(), mode.to_owned())]),
            image: Some(IMAGE.into()),
            files: vec![
                file("callback_plugins/kestra_logger.py", include_str!("kestra_logger.py")),
                file("callback_plugins/kestra_silent.py", include_str!("kestra_silent.py")),
                file("library/kestra.py", include_str!("kestra_module.py")),
                file(CONFIG, properties.ansible_config.as_deref().unwrap_or(&default_config(&below(LOG)))),
            ],
            ..Plan::default()
        };
        if properties.output_log_file {
            plan.wanted = if several { vec![format!("{LOG}-*")] } else { vec![LOG.into()] };
        }
        Ok(plan)
    }

    async fn run(&self, request: TaskRequest<Properties>, context: Context) -> Result<TaskOutcome, Error> {
        let properties = &request.properties;
        let mut plan = self.plan(properties, &request.plan)?;
        if properties.ansible_config.is_none() && context.read_file(CONFIG).await?.is_some() {
            // It came with the playbooks.
            plan.files.retain(|file| file.path != CONFIG);
        }
        let mut report = Report::default();
        let mut followed = context.follow_plan(&plan);
        while let Some(line) = followed.line().await {
            if let Some(event) = event::read(&line.text) {
                if let Some((level, message)) = report.take(event) {
                    context.message(level, message);
                }
            } else if line.text.starts_with("[WARNING]") || line.text.starts_with("[DEPRECATION WARNING]") {
                context.message(Level::Warn, line.text);
            } else {
                context.write_log(line.stream, format!("{}\n", line.text).as_bytes()).await;
            }
        }
        let ended = followed.end().await?;
        let mode = if properties.outputs_mode == OutputsMode::All { Outputs::All } else { Outputs::Explicit };
        let mut outcome = TaskOutcome { task_runs: report.task_runs(), ..TaskOutcome::default() };
        if !report.is_empty() {
            let playbooks = report.playbooks(mode);
            // As if a program had printed them, so that they stand beside what programs print themselves.
            let frame = format!("::{}::\n", json!({ "outputs": { "outputs": report.outputs(mode), "playbooks": playbooks } }));
            context.write_log(LogStream::Stdout, frame.as_bytes()).await;
            outcome.outputs.insert("playbooks".into(), playbooks);
        }
        if properties.output_log_file && context.cancellation().is_none() {
            keep_log(properties.commands.len(), &mut outcome, &context).await?;
        }
        if ended.exit_code != 0 {
            let why = ended.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
            outcome.failure = Some(format!("Command failed with exit code {}{why}", ended.exit_code));
        }
        Ok(outcome)
    }
}

/// The logs of several commands become one.
async fn keep_log(commands: usize, outcome: &mut TaskOutcome, context: &Context) -> Result<(), Error> {
    if commands > 1 {
        let mut all = String::new();
        for number in 0..commands {
            all.push_str(&context.read_file(&format!("{LOG}-{number}")).await?.unwrap_or_default());
        }
        context.write_file(LOG, &all, false).await?;
    }
    match context.store_file(LOG, LOG).await? {
        Some(uri) => drop(outcome.outputs.insert("outputFiles".into(), json!({ LOG: uri }))),
        None => context.message(Level::Warn, "Ansible left no log: its configuration names no `log_path`"),
    }
    Ok(())
}

fn default_config(log: &str) -> String {
    format!(
        "[defaults]\nlog_path={log}\ncallback_plugins=./callback_plugins\ncallbacks_enabled=kestra_logger\nstdout_callback=kestra_silent\n\
         result_format=json\npretty_results=true\nlibrary=./library\n"
    )
}
