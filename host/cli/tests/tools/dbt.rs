//! dbt with DuckDB.

use serde_json::{Value as Json, json};

use crate::{PROCESS, installed, run, support::Home, task};

const FILES: &str = "    inputFiles:
      p/dbt_project.yml: '{name: demo, version: \"1.0\", profile: demo, models: {+materialized: table}}'
      p/models/good.sql: select 1 as id
      p/models/bad.sql: select cast('x' as int) as id from {% raw %}{{ ref('good') }}{% endraw %}
      p/models/after.sql: select * from {% raw %}{{ ref('bad') }}{% endraw %}
      p/models/schema.yml: |
        models:
          - name: good
            columns:
              - name: id
                data_tests: [{unique: {config: {severity: warn}}}]
      p/seeds/colours.csv: |
        id,name
        1,red
        2,blue
";
const PROFILES: &str = "    profiles: |
      demo:
        target: dev
        outputs:
          dev: {type: duckdb, path: demo.duckdb}
";

fn flow(tasks: &[(&str, &str, &str)]) -> String {
    let path = installed::path_with(&installed::python("dbt"));
    let tasks: String = tasks
        .iter()
        .map(|(id, name, properties)| {
            format!("  - id: {id}\n    type: io.kestra.plugin.dbt.cli.{name}\n    {PROCESS}\n    env: {{PATH: \"{path}\", DBT_SEND_ANONYMOUS_USAGE_STATS: \"false\"}}\n    projectDir: p\n{PROFILES}{FILES}{properties}")
        })
        .collect();
    format!("id: t\nnamespace: a.b\ntasks:\n{tasks}")
}

fn nodes(execution: &Json, parent: &Json) -> Vec<(String, String)> {
    let runs = execution["taskRunList"].as_array().unwrap();
    let mut nodes: Vec<_> = runs
        .iter()
        .filter(|run| run["parentTaskRunId"] == parent["id"])
        .map(|run| (run["taskId"].as_str().unwrap().to_owned(), run["state"]["current"].as_str().unwrap().to_owned()))
        .collect();
    nodes.sort();
    nodes
}

#[test]
fn tool_dbt_nodes_become_task_runs_and_artifacts_are_kept_also_after_a_failure() {
    let home = Home::new(&["dbt"]);
    let (execution, ran) = run(&home, &flow(&[("cli", "DbtCLI", "    commands: [dbt build]\n")]), 1);
    let cli = task(&execution, "cli");
    let found = nodes(&execution, cli);
    let states: Vec<_> = found
        .iter()
        .map(|(id, state)| (id.rsplit_once(".demo.").unwrap_or((id, id)).1.split('.').next().unwrap(), state.as_str()))
        .collect();
    assert_eq!(
        states,
        [("after", "SKIPPED"), ("bad", "FAILED"), ("good", "SUCCESS"), ("colours", "SUCCESS"), ("unique_good_id", "SUCCESS")],
        "{found:?}"
    );
    let outputs = &cli["outputs"];
    assert!(outputs["outputFiles"]["manifest.json"].is_string() && outputs["outputFiles"]["run_results.json"].is_string(), "{outputs}");
    assert_eq!(outputs["exitCode"], 1);
    let said = ran.stderr();
    assert!(said.contains("[Type: MainReportVersion] Running with dbt="), "{said}");
    assert!(said.lines().any(|line| line.contains("ERROR") && line.contains("Conversion Error")), "{said}");
    let metrics = cli["attempts"][0]["metrics"].as_array().unwrap();
    assert!(metrics.iter().any(|metric| metric["name"] == "error" && metric["value"] == 1.0), "{metrics:?}");
}

#[test]
fn tool_dbt_words_share_a_working_directory_and_the_manifest_is_kept_in_the_kv_store() {
    let home = Home::new(&["dbt"]);
    let place = "{key: manifest, namespace: a.b}";
    let only = "    select: [good]\n";
    let (execution, ran) = run(
        &home,
        &flow(&[
            ("build", "Build", "    select: [good+, colours]\n    exclude: [bad+]\n    thread: 2\n"),
            ("off", "List", only),
            ("store", "DbtCLI", &format!("    commands: [dbt parse]\n    parseRunResults: false\n    storeManifest: {place}\n")),
            (
                "load",
                "DbtCLI",
                &format!("    commands: [cp p/target/manifest.json there]\n    outputFiles: [there]\n    loadManifest: {place}\n"),
            ),
        ]),
        0,
    );
    let build = task(&execution, "build");
    assert_eq!(nodes(&execution, build).len(), 3, "{:?}", nodes(&execution, build));
    assert!(nodes(&execution, task(&execution, "off")).is_empty() && nodes(&execution, task(&execution, "store")).is_empty());
    assert_eq!(task(&execution, "store")["outputs"]["outputFiles"].as_object().unwrap().keys().collect::<Vec<_>>(), ["manifest.json"]);
    assert_eq!(task(&execution, "off")["outputs"]["outputFiles"], json!({}));
    assert!(task(&execution, "load")["outputs"]["outputFiles"]["there"].is_string());
    assert!(!ran.stderr().contains("there is no manifest"), "{}", ran.stderr());
}
