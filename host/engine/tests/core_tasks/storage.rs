use serde_json::json;

use crate::support::Host;

#[tokio::test(flavor = "multi_thread")]
async fn stored_files_are_made_measured_joined_and_deleted_4_4() {
    let ran = Host::default()
        .run(
            r#"  - {id: one, type: io.kestra.plugin.core.storage.Write, content: "ä1\n", extension: txt}
  - {id: two, type: io.kestra.plugin.core.storage.Write, content: two}
  - {id: size, type: io.kestra.core.tasks.storages.Size, uri: "{{ outputs.one.uri }}"}
  - {id: cat, type: io.kestra.plugin.core.storage.Concat, files: ["{{ outputs.one.uri }}", "{{ outputs.two.uri }}"], separator: "--", extension: .csv}
  - {id: json, type: io.kestra.plugin.core.storage.Concat, files: "{{ [outputs.two.uri, outputs.two.uri] | toJson }}"}
  - {id: read, type: io.kestra.plugin.core.debug.Return, format: "{{ read(outputs.cat.uri) }}|{{ read(outputs.json.uri) }}"}
  - {id: del, type: io.kestra.plugin.core.storage.Delete, uri: "{{ outputs.one.uri }}"}
  - {id: again, type: io.kestra.plugin.core.storage.Delete, uri: "{{ outputs.one.uri }}"}
  - {id: purge, type: io.kestra.core.tasks.storages.PurgeExecution}
  - {id: outside, type: io.kestra.plugin.core.storage.Size, uri: "kestra:///../../etc/passwd", allowFailure: true}
"#,
        )
        .await
        .expect("WARNING");
    assert_eq!(ran.outputs("size"), json!({ "size": 4 }));
    assert!(ran.outputs("cat")["uri"].as_str().unwrap().ends_with(".csv"));
    assert_eq!(ran.outputs("read")["value"], "ä1\n--two|twotwo");
    assert_eq!((&ran.outputs("del")["deleted"], &ran.outputs("again")["deleted"]), (&json!(true), &json!(false)));
    assert_eq!(ran.outputs("purge")["uris"].as_array().unwrap().len(), 3);
    assert!(ran.said("outside")[0].contains("storage::uri"), "{:#?}", ran.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_filtered_and_made_unique_4_4() {
    let rows = r#"{"id": 1, "v": "a"}\n{id: 2, v: "b"}\n{"id": 1, "v": null}\n"#;
    let ran = Host::default()
        .run(&format!(
            r#"  - {{id: w, type: io.kestra.plugin.core.storage.Write, content: "{}"}}
  - {{id: dedup, type: io.kestra.plugin.core.storage.DeduplicateItems, from: "{{{{ outputs.w.uri }}}}", expr: "{{{{ id }}}}"}}
  - {{id: keep, type: io.kestra.plugin.core.storage.FilterItems, from: "{{{{ outputs.w.uri }}}}", filterCondition: "{{{{ id == 2 or flow.id == 'x' }}}}"}}
  - {{id: drop, type: io.kestra.plugin.core.storage.FilterItems, from: "{{{{ outputs.w.uri }}}}", filterCondition: "{{{{ item.id == 2 }}}}", filterType: EXCLUDE}}
  - {{id: fail, type: io.kestra.plugin.core.storage.FilterItems, from: "{{{{ outputs.w.uri }}}}", filterCondition: "{{{{ v }}}}", allowFailure: true}}
  - {{id: doubt, type: io.kestra.plugin.core.storage.FilterItems, from: "{{{{ outputs.w.uri }}}}", filterCondition: "{{{{ v }}}}", errorOrNullBehavior: EXCLUDE}}
  - {{id: read, type: io.kestra.plugin.core.debug.Return, format: "{{{{ read(outputs.dedup.uri) }}}}{{{{ read(outputs.keep.uri) }}}}"}}
"#,
            rows.replace('"', "\\\"")
        ))
        .await
        .expect("WARNING");
    let counts = |task: &str| {
        let outputs = ran.outputs(task);
        (outputs["processedItemsTotal"].as_u64().unwrap(), outputs["droppedItemsTotal"].as_u64().unwrap())
    };
    assert_eq!(ran.outputs("dedup")["numKeys"], 2);
    assert_eq!((counts("dedup"), counts("keep"), counts("drop"), counts("doubt")), ((3, 1), (3, 2), (3, 1), (3, 1)));
    assert!(ran.said("fail")[0].contains("row 3"), "{:#?}", ran.log);
    assert_eq!(ran.outputs("read")["value"], "{id: 2, v: \"b\"}\n{\"id\": 1, \"v\": null}\n{id: 2, v: \"b\"}\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_ends_a_core_task_2() {
    let ran = Host::default()
        .run("  - {id: slow, type: io.kestra.plugin.core.flow.Sleep, duration: PT1H, timeout: PT0.05S}\n")
        .await
        .expect("FAILED");
    assert_eq!(ran.said("slow"), ["ERROR Timeout after 00:00:00.050"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn local_files_go_into_the_working_directory_4_4() {
    let ran = Host::default()
        .run(
            r#"  - id: wd
    type: io.kestra.plugin.core.flow.WorkingDirectory
    tasks:
      - {id: in, type: io.kestra.core.tasks.storages.LocalFiles, inputs: {a.txt: "from {{ flow.id }}"}}
      - id: sh
        type: io.kestra.plugin.scripts.shell.Commands
        taskRunner: {type: io.kestra.plugin.core.runner.Process}
        commands: ["cat a.txt > b.txt; echo ! >> b.txt"]
      - {id: out, type: io.kestra.core.tasks.storages.LocalFiles, outputs: ["b.*"]}
      - {id: up, type: io.kestra.plugin.core.namespace.UploadFiles, namespace: a.b, files: ["*.txt"], destination: /kept}
  - {id: read, type: io.kestra.plugin.core.debug.Return, format: "{{ read(outputs.out.uris['b.txt']) }}{{ read('kept/a.txt') }}"}
"#,
        )
        .await
        .expect("SUCCESS");
    assert_eq!(ran.outputs("read")["value"], "from t!\nfrom t");
}
