//! `run --output json`: one document, the execution; and what goes into a flow.

use serde_json::{Value as Json, json};

use crate::stage::{PROCESS, SHELL, Stage};

const TWO: &str = "\
id: two
namespace: tests
labels: {team: data}
inputs:
  - {id: who, type: STRING, defaults: World}
outputs:
  - {id: count, type: INT, value: \"{{ outputs.first.vars.answer }}\"}
  - {id: said, type: STRING, value: \"{{ outputs.first.vars.answer }}\"}
tasks:
  - id: first
    type: SHELL
    taskRunner: {type: PROCESS}
    outputFiles: [note.txt]
    commands:
      - echo \"Hello, {{ inputs.who }}\"
      - echo kept > note.txt
      - |
        echo '::{\"outputs\":{\"answer\":42}}::'
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: [a]
    tasks:
      - {id: inner, type: io.kestra.plugin.core.debug.Return, format: \"{{ taskrun.value }}\"}
";

fn two() -> String {
    TWO.replace("SHELL", SHELL).replace("PROCESS", PROCESS)
}

#[test]
fn standard_output_is_one_document_and_the_log_goes_to_standard_error() {
    let stage = Stage::new();
    stage.write("two.yaml", two());
    let ran = stage.switchyard(&["run", "two.yaml", "-i", "who=you", "-l", "run=once", "--output", "json"]).expect(0);
    assert!(ran.stderr.contains("Hello, you"), "{}", ran.stderr);
    let document = ran.json();
    let names: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    for name in ["id", "namespace", "flowId", "flowRevision", "labels", "inputs", "outputs", "taskRunList", "state", "deleted", "metadata"]
    {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
    assert_eq!(document["namespace"], "tests");
    assert_eq!(document["flowId"], "two");
    assert_eq!(document["inputs"], json!({"who": "you"}));
    assert_eq!(document["outputs"], json!({"count": 42, "said": "42"}));
    for label in [json!({"key": "team", "value": "data"}), json!({"key": "run", "value": "once"})] {
        assert!(document["labels"].as_array().unwrap().contains(&label), "{}", document["labels"]);
    }
    assert_eq!(document["state"]["current"], "SUCCESS");
    let states: Vec<&Json> = document["state"]["histories"].as_array().unwrap().iter().map(|entry| &entry["state"]).collect();
    assert_eq!(states, ["CREATED", "RUNNING", "SUCCESS"]);

    let runs = document["taskRunList"].as_array().unwrap();
    let rows: Vec<(&str, &Json, &str)> =
        runs.iter().map(|run| (run["taskId"].as_str().unwrap(), &run["value"], run["state"]["current"].as_str().unwrap())).collect();
    let (null, a) = (Json::Null, json!("a"));
    assert_eq!(rows, [("first", &null, "SUCCESS"), ("each", &null, "SUCCESS"), ("inner", &a, "SUCCESS")]);
    assert_eq!(runs[0]["outputs"]["exitCode"], 0);
    assert_eq!(runs[0]["outputs"]["vars"], json!({"answer": 42}));
    assert!(runs[0]["outputs"]["outputFiles"]["note.txt"].as_str().unwrap().starts_with("kestra:///tests/two/"));
    assert_eq!(runs[0]["attempts"][0]["state"]["current"], "SUCCESS");
    assert_eq!(runs[2]["parentTaskRunId"], runs[1]["id"]);
}

#[test]
fn a_failed_execution_is_a_document_too() {
    let stage = Stage::new();
    stage.shell(&["exit 7"]);
    let document = stage.switchyard(&["run", "flow.yaml", "--output", "json"]).expect(1).json();
    assert_eq!(document["state"]["current"], "FAILED");
    assert_eq!(document["taskRunList"][0]["outputs"]["exitCode"], 7);
}

#[test]
fn without_logs_nothing_is_on_standard_output() {
    let stage = Stage::new();
    stage.shell(&["echo hello"]);
    let ran = stage.switchyard(&["run", "flow.yaml", "--no-logs"]).expect(0);
    assert_eq!(ran.text(), "");
    assert!(ran.stderr.contains("tests.flow SUCCESS 1 task"), "{}", ran.stderr);
}

#[test]
fn a_file_input_is_the_file_and_other_inputs_take_its_text() {
    let stage = Stage::new();
    let flow = format!(
        "id: f\nnamespace: tests\ninputs:\n  - {{id: data, type: FILE}}\n  - {{id: note, type: STRING}}\ntasks:\n  - id: a\n    type: {SHELL}\n    \
         taskRunner: {{type: {PROCESS}}}\n    inputFiles:\n      rows.csv: \"{{{{ inputs.data }}}}\"\n    commands:\n      - wc -c < rows.csv\n      - echo \"{{{{ inputs.note }}}}\"\n"
    );
    stage.write("flow.yaml", flow);
    // No text in any encoding: a file is passed on as it is.
    stage.write("rows.bin", [0xff, 0, 0xfe, b'\n', 7]);
    stage.write("note.txt", "from a file");
    let ran = stage.switchyard(&["run", "flow.yaml", "-i", "data=@rows.bin", "-i", "note=@note.txt"]).expect(0);
    assert_eq!(ran.log(), ["5", "from a file"]);
}

#[test]
fn inputs_that_do_not_fit_are_all_told() {
    let stage = Stage::bare();
    stage.write(
        "flow.yaml",
        "id: f\nnamespace: tests\ninputs:\n  - {id: count, type: INT}\n  - {id: day, type: DATE}\n  - {id: needed, type: STRING}\ntasks:\n  - {id: a, type: io.kestra.plugin.core.log.Log, message: x}\n",
    );
    let ran = stage.switchyard(&["run", "flow.yaml", "-i", "count=many", "-i", "day=tomorrow"]).expect(2);
    insta::assert_snapshot!(ran.errors_shown());
}

#[test]
fn a_flow_is_read_from_standard_input() {
    let stage = Stage::bare();
    let flow = "id: f\nnamespace: tests\ntasks:\n  - {id: a, type: io.kestra.plugin.core.log.Log, message: piped}\n";
    assert_eq!(stage.with_input(&["run", "-"], flow.as_bytes()).expect(0).log(), ["piped"]);
}
