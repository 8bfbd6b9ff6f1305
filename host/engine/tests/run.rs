//! Flows run by the engine with the compiled-in runner and core tasks: the whole path but for plugins from files.

#![allow(clippy::unwrap_used)]

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value as Json, json};
use switchyard_engine::{Engine, Loaded, Notice, Observer, Options, Submission, built_in, load};
use switchyard_model::{Execution, Sources};
use switchyard_registry::Registry;
use switchyard_store::secrets::Secrets;

/// Collects logs; pieces of one line may come apart.
#[derive(Default)]
struct Seen(Mutex<Vec<(String, String)>>);

impl Observer for Seen {
    fn notice(&self, notice: &Notice<'_>) {
        if let Notice::Log { task, level, text, .. } = notice {
            let (who, text) = (format!("{} {level}", task.task_id), String::from_utf8_lossy(text).into_owned());
            let mut seen = self.0.lock().unwrap();
            match seen.last_mut() {
                Some((last, before)) if *last == who => {
                    // Messages have no line end of their own.
                    if who.ends_with("ERROR") || who.ends_with("WARN") {
                        before.push('\n');
                    }
                    before.push_str(&text);
                }
                _ => seen.push((who, text)),
            }
        }
    }
}

impl Seen {
    fn lines(&self) -> Vec<String> {
        let seen = self.0.lock().unwrap();
        seen.iter().flat_map(|(who, text)| text.lines().map(move |line| format!("{who} {line}"))).collect()
    }
}

struct Ran {
    execution: Arc<Execution>,
    log: Vec<String>,
    _data: tempfile::TempDir,
}

fn engine(data: PathBuf, observer: Arc<dyn Observer>, plugins: switchyard_plugin_api::PluginSet) -> Engine {
    let registry = Registry::open(switchyard_registry::Options::new(data.join("cache"), Vec::new()), vec![built_in(None), plugins]);
    let mut secrets = Secrets::default();
    secrets.insert("S", "hunter2hunter2".to_owned());
    let options = Options {
        work_dir: data.join("work"),
        data_dir: data,
        journal: true,
        durable: false,
        keeper: None,
        patience: Duration::from_secs(2),
        slots: 8,
        grace: Duration::from_secs(5),
        config: Arc::default(),
        secrets: Arc::new(secrets),
    };
    Engine::start(options, registry, observer).unwrap()
}

fn loaded(engine: &Engine, yaml: &str) -> Loaded {
    let mut sources = Sources::new();
    let loaded = load::bytes_of("flow.yaml", yaml.as_bytes(), engine.registry(), &Default::default(), &mut sources)
        .unwrap_or_else(|e| panic!("{}", e.display(&sources)));
    if loaded.program.is_none() {
        panic!("{}", loaded.violations.display(&sources));
    }
    loaded
}

async fn run_with(yaml: &str, inputs: Json) -> Ran {
    let data = tempfile::tempdir().unwrap();
    let seen = Arc::new(Seen::default());
    let engine = engine(data.path().to_owned(), Arc::clone(&seen) as _, switchyard_plugin_scripts::plugin());
    let loaded = loaded(&engine, yaml);
    let submission = Submission { inputs: inputs.as_object().unwrap().clone(), ..Submission::default() };
    let handle = engine.submit(loaded.program.unwrap(), submission).await.unwrap_or_else(|e| panic!("{e:?}"));
    let execution = handle.wait().await;
    engine.stop().await;
    let log = seen.lines();
    Ran { execution, log, _data: data }
}

async fn run(yaml: &str) -> Ran {
    run_with(yaml, json!({})).await
}

impl Ran {
    fn state(&self) -> &'static str {
        self.execution.state.current().name()
    }

    fn outputs(&self, task: &str) -> Json {
        let run = self.execution.task_run_list.iter().find(|run| &*run.task_id == task).unwrap_or_else(|| panic!("no run of {task}"));
        Json::Object((*run.outputs).clone())
    }
}

fn shell(id: &str, rest: &str) -> String {
    format!(
        "  - id: {id}\n    type: io.kestra.plugin.scripts.shell.Commands\n    taskRunner: {{type: io.kestra.plugin.core.runner.Process}}\n    {rest}\n"
    )
}

fn flow(tasks: &str) -> String {
    format!("id: t\nnamespace: a.b\ntasks:\n{tasks}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_prints_reports_values_and_leaves_files() {
    let first = shell(
        "first",
        r#"outputFiles: ["*.txt"]
    commands: ["echo hello", "echo '::{\"outputs\":{\"k\":41}}::'", "printf data > a.txt"]"#,
    );
    let second = shell(
        "second",
        r#"inputFiles: {in.txt: "{{ outputs.first.outputFiles['a.txt'] }}"}
    env: {N: "{{ outputs.first.vars.k + 1 }}"}
    commands: ["cat in.txt", "echo", "echo $N", "test \"$(cat {{ outputs.first.outputFiles['a.txt'] }})\" = data"]"#,
    );
    let ran = run(&flow(&(first + &second))).await;
    assert_eq!(ran.state(), "SUCCESS", "{:#?}", ran.log);
    assert_eq!(ran.outputs("first")["exitCode"], 0);
    assert_eq!(ran.outputs("first")["vars"]["k"], 41);
    assert_eq!(ran.log, ["first INFO hello", "second INFO data", "second INFO 42"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn c6_a_failed_task_keeps_its_outputs() {
    let task = shell(
        "x",
        r#"outputFiles: [a.txt]
    commands: ["echo '::{\"outputs\":{\"k\":1}}::'", "echo hi > a.txt", "exit 3"]"#,
    );
    let ran = run(&flow(&task)).await;
    assert_eq!(ran.state(), "FAILED");
    let outputs = ran.outputs("x");
    assert_eq!((&outputs["exitCode"], &outputs["vars"]["k"]), (&json!(3), &json!(1)));
    assert!(outputs["outputFiles"]["a.txt"].as_str().unwrap().starts_with("kestra:///a/b/t/executions/"));
    assert!(ran.log.contains(&"x ERROR Command failed with exit code 3".to_owned()), "{:#?}", ran.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn c8_a_timeout_kills_the_tree() {
    let ran = run(&flow(&shell("x", "timeout: PT1S\n    commands: [\"sleep 300 & sleep 300\"]"))).await;
    assert_eq!(ran.state(), "FAILED");
    assert!(ran.log.contains(&"x ERROR Timeout after 00:00:01.000".to_owned()), "{:#?}", ran.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn c15_no_file_leaves_the_working_directory() {
    // A literal name is found when the flow is read.
    let ran = run(&flow(&shell("x", "inputFiles: {\"{{ '../' ~ 'evil' }}\": x}\n    commands: [\"true\"]"))).await;
    assert_eq!(ran.state(), "FAILED");
    assert!(ran.log.iter().any(|line| line.contains("../evil")), "{:#?}", ran.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn c25_secrets_are_masked_and_raw_text_survives() {
    let task = shell("x", r#"commands: ["echo {{ secret('S') }}", "echo '{% raw %}{{ x }}{% endraw %}'"]"#);
    let ran = run(&flow(&task)).await;
    assert_eq!(ran.state(), "SUCCESS", "{:#?}", ran.log);
    let all = ran.log.join("\n");
    assert!(all.contains("******") && all.contains("{{ x }}") && !all.contains("hunter2"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_reach_core_tasks_and_scripts() {
    let tasks = "  - {id: log, type: io.kestra.plugin.core.log.Log, message: \"hi {{ inputs.who }}\"}\n  - {id: ret, type: io.kestra.core.tasks.debugs.Return, format: \"{{ inputs.n + 1 }}\"}\n";
    let yaml = format!("inputs: [{{id: who, type: STRING}}, {{id: n, type: INT, defaults: 1}}]\n{}", flow(tasks));
    let ran = run_with(&yaml, json!({ "who": "you" })).await;
    assert_eq!(ran.state(), "SUCCESS", "{:#?}", ran.log);
    assert_eq!(ran.outputs("ret")["value"], "2");
    assert_eq!(ran.log, ["log INFO hi you"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn loops_branches_and_their_outputs() {
    let tasks = r#"  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: [a, b]
    concurrencyLimit: 0
    tasks:
      - {id: ret, type: io.kestra.plugin.core.debug.Return, format: "{{ taskrun.value }}{{ taskrun.iteration }}"}
      - {id: again, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.ret[taskrun.value].value }}!"}
  - id: if
    type: io.kestra.plugin.core.flow.If
    condition: "{{ outputs.again.b.value == 'b1!' }}"
    then: [{id: yes, type: io.kestra.plugin.core.log.Log, message: "yes"}]
    else: [{id: no, type: io.kestra.plugin.core.log.Log, message: "no"}]
"#;
    let ran = run(&flow(tasks)).await;
    assert_eq!(ran.state(), "SUCCESS", "{:#?}", ran.log);
    assert_eq!(ran.log, ["yes INFO yes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expression_that_cannot_be_rendered_fails_its_task_and_says_where() {
    let ran = run(&flow(&shell("x", r#"commands: ["echo {{ outputs.nope.value }}"]"#))).await;
    assert_eq!(ran.state(), "FAILED");
    assert!(ran.log.iter().any(|line| line.contains("nope")), "{:#?}", ran.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn children_of_a_working_directory_share_their_files_4_3() {
    let child = |id: &str, command: &str| shell(id, &format!("commands: [\"{command}\"]")).replace("\n", "\n    ").trim_end().to_owned();
    let tasks = format!(
        "  - id: wd\n    type: io.kestra.core.tasks.flows.WorkingDirectory\n    inputFiles: {{in.txt: \"{{{{ flow.id }}}}\"}}\n    outputFiles: [\"*.txt\"]\n    tasks:\n    {}\n    {}\n",
        child("first", "cp in.txt mid.txt"),
        child("second", "cat mid.txt > out.txt; echo >> out.txt; cat out.txt")
    );
    let after = shell("after", r#"commands: ["cat {{ outputs.wd.outputFiles['out.txt'] }}"]"#);
    let ran = run(&flow(&(tasks + &after))).await;
    assert_eq!(ran.state(), "SUCCESS", "{:#?}", ran.log);
    assert_eq!(ran.log, ["second INFO t", "after INFO t"]);
    let files = ran.outputs("wd")["outputFiles"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(files, ["in.txt", "mid.txt", "out.txt"]);
}
