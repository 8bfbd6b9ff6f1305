//! ForEachItem; spec 4.2.

use serde_json::json;

use crate::world::{World, flow};

const CHILD: &str = r#"
id: batch
namespace: a.b
inputs: [{id: file, type: FILE}, {id: n, type: INT}]
tasks:
  - {id: fail, when: "{{ inputs.n == 1 and trigger.taskRunId is null }}", type: io.kestra.plugin.core.execution.Fail}
  - id: count
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner: {type: io.kestra.plugin.core.runner.Process}
    inputFiles: {in.txt: "{{ inputs.file }}"}
    commands: ["echo \"::{\\\"outputs\\\":{\\\"lines\\\":$(wc -l < in.txt)}}::\""]
outputs: [{id: lines, type: INT, value: "{{ outputs.count.vars.lines }}"}, {id: n, type: INT, value: "{{ inputs.n }}"}]
"#;

fn each(rest: &str) -> String {
    flow(&format!(
        r#"tasks:
  - id: make
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner: {{type: io.kestra.plugin.core.runner.Process}}
    outputFiles: [rows.txt]
    commands: ["seq 5 > rows.txt"]
  - id: each
    type: io.kestra.plugin.core.flow.ForEachItem
    items: "{{{{ outputs.make.outputFiles['rows.txt'] }}}}"
    namespace: a.b
    {rest}
  - {{id: after, type: io.kestra.plugin.core.debug.Return, format: "{{{{ outputs.each_items.numberOfBatches ?? outputs.each_items }}}}"}}
"#
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_split_each_batch_runs_and_outputs_are_merged_4_2() {
    let world = World::new(&[CHILD]);
    let text = each("flowId: batch\n    batch: {rows: 2}\n    inputs: {file: \"{{ taskrun.items }}\", n: \"{{ taskrun.iteration }}\"}");
    let ran = world.run(&text).await;
    assert_eq!(ran.state(), "SUCCESS", "{:#?}", ran.log);
    assert_eq!(
        ran.states(),
        ["make SUCCESS", "each SUCCESS", "each_split SUCCESS", "each_items SUCCESS", "each_merge SUCCESS", "after SUCCESS"]
    );
    let items = ran.outputs("each_items");
    assert_eq!((&items["numberOfBatches"], &items["iterations"]), (&json!(3), &json!({ "SUCCESS": 3 })));
    assert_eq!(ran.outputs("after")["value"], "3");
    let stored = |uri: &serde_json::Value| {
        let path = uri.as_str().unwrap().strip_prefix("kestra:///").unwrap().to_owned();
        std::fs::read_to_string(world.data.path().join("storage/main").join(path)).unwrap()
    };
    assert_eq!(stored(&ran.outputs("each_split")["splits"]).lines().count(), 3);
    let merged = stored(&ran.outputs("each_merge")["subflowOutputs"]);
    assert_eq!(merged, "{\"lines\":2,\"n\":0}\n{\"lines\":2,\"n\":1}\n{\"lines\":1,\"n\":2}\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_batch_fails_the_whole_unless_told_otherwise_4_2() {
    let bad = "id: bad\nnamespace: a.b\ninputs: [{id: n, type: INT}]\ntasks: [{id: f, type: io.kestra.plugin.core.execution.Fail, condition: \"{{ inputs.n == 1 }}\"}]";
    let world = World::new(&[bad]);
    let rest = "flowId: bad\n    batch: {partitions: 2}\n    inputs: {n: \"{{ taskrun.iteration }}\"}";
    let ran = world.run(&each(rest)).await;
    assert_eq!(
        (ran.state(), &ran.outputs("each_items")["iterations"]),
        ("FAILED", &json!({ "FAILED": 1, "SUCCESS": 1 })),
        "{:#?}",
        ran.log
    );
    let ran = world.run(&each(&format!("{rest}\n    transmitFailed: false"))).await;
    assert_eq!(ran.state(), "SUCCESS");
    let ran = world.run(&each(&format!("{rest}\n    wait: false"))).await;
    assert_eq!(ran.state(), "SUCCESS");
    let ran = world.run(&each("flowId: nowhere")).await;
    assert_eq!(ran.state(), "FAILED");
}

#[tokio::test(flavor = "multi_thread")]
async fn items_have_to_be_a_stored_file() {
    let text = flow("tasks: [{id: e, type: io.kestra.plugin.core.flow.ForEachItem, items: 'a,b', namespace: a.b, flowId: x}]");
    let ran = World::new(&[]).run(&text).await;
    assert!(ran.state() == "FAILED" && ran.logged("no stored file"), "{:#?}", ran.log);
}
