use serde_json::json;

use crate::support::Host;

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_fetched_and_errors_are_at_hand_4_4() {
    let ran = Host { journal: true, ..Host::default() }
        .run(
            r#"  - {id: one, type: io.kestra.plugin.core.log.Log, message: [a, b], level: WARN}
  - {id: two, type: io.kestra.plugin.core.log.Log, message: c}
  - {id: bad, type: io.kestra.plugin.core.execution.Fail, errorMessage: broken, allowFailure: true}
  - {id: fetch, type: io.kestra.plugin.core.log.Fetch, level: WARN, tasksId: [one]}
  - {id: read, type: io.kestra.plugin.core.debug.Return, format: "{{ read(outputs.fetch.uri) }}"}
  - {id: errors, type: io.kestra.plugin.core.debug.Return, format: "{{ errorLogs()[0].taskId }}: {{ errorLogs()[0].message }}, {{ tasksWithState('WARNING')[0].taskId }}"}
  - {id: count, type: io.kestra.core.tasks.executions.Counts, flows: [{namespace: a.b, flowId: t}, {namespace: a.b, flowId: none}], expression: "{{ count > 0 }}"}
"#,
        )
        .await
        .expect("WARNING");
    assert_eq!(ran.outputs("fetch")["size"], 2);
    let lines = ran.outputs("read")["value"].as_str().unwrap().to_owned();
    assert!(lines.lines().all(|line| line.contains("\"taskId\":\"one\"")), "{lines}");
    assert_eq!(ran.outputs("errors")["value"], "bad: broken, bad");
    assert_eq!(ran.outputs("count"), json!({ "results": [{ "namespace": "a.b", "flowId": "t", "count": 1 }], "total": 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn purges_take_what_is_over_4_4() {
    let host = Host { journal: true, ..Host::default() };
    host.run("  - {id: w, type: io.kestra.plugin.core.storage.Write, content: x}\n  - {id: l, type: io.kestra.plugin.core.log.Log, message: [a, b]}\n").await.expect("SUCCESS");
    let ran = host
        .run(
            r#"  - {id: early, type: io.kestra.core.tasks.storages.Purge, namespace: a, endDate: "2020-01-01"}
  - {id: states, type: io.kestra.plugin.core.execution.PurgeExecutions, states: [FAILED], endDate: "{{ now() }}"}
  - {id: logs, type: io.kestra.plugin.core.log.PurgeLogs, flowId: t, endDate: "{{ now() }}"}
  - {id: all, type: io.kestra.plugin.core.execution.PurgeExecutions, namespace: a, endDate: "{{ now() }}"}
"#,
        )
        .await
        .expect("SUCCESS");
    assert_eq!(ran.outputs("early")["executionsCount"], 0);
    assert_eq!(ran.outputs("states")["executionsCount"], 0);
    assert_eq!(ran.outputs("logs")["count"], 2);
    assert_eq!(ran.outputs("all"), json!({ "executionsCount": 1, "logsCount": 0, "metricsCount": 0, "storagesCount": 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_resumed_by_a_task_4_4() {
    let ran = Host::default()
        .run(
            r#"  - id: both
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {id: pause, type: io.kestra.plugin.core.flow.Pause}
      - {id: go, type: io.kestra.core.tasks.executions.Resume, retry: {type: constant, interval: PT0.05S, maxAttempt: 100}}
  - {id: after, type: io.kestra.plugin.core.log.Log, message: went on}
"#,
        )
        .await
        .expect("SUCCESS");
    assert_eq!(ran.said("after"), ["INFO went on"]);
    let unknown =
        Host::default().run("  - {id: x, type: io.kestra.plugin.core.execution.Resume, executionId: nobody}\n").await.expect("FAILED");
    assert!(unknown.said("x")[0].contains("execution::unknown"), "{:#?}", unknown.log);
}
