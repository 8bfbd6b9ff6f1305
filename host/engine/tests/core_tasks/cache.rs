//! `taskCache`; spec 2.

use serde_json::json;

use crate::support::Host;

const SHELL: &str = "type: io.kestra.plugin.scripts.shell.Commands, taskRunner: {type: io.kestra.plugin.core.runner.Process}";

#[tokio::test(flavor = "multi_thread")]
async fn equal_properties_give_the_earlier_outputs() {
    let host = Host { journal: true, ..Host::default() };
    let ran = host.path().join("ran");
    let count = || std::fs::read_to_string(&ran).unwrap_or_default().lines().count();
    let task = |command: &str, cache: &str| {
        let file = ran.display();
        format!(
            "  - {{id: x, {SHELL}, taskCache: {cache}, commands: ['echo r >> {file}; echo \"::{{\\\"outputs\\\":{{\\\"n\\\":$(wc -l < {file})}}}}::\"; {command}']}}\n"
        )
    };
    // What is run, how often anything has run then, what it answers.
    for (command, cache, times, answer) in [
        ("true", "{enabled: true, ttl: PT1H}", 1, 1),
        ("true", "{enabled: true, ttl: PT1H}", 1, 1),
        ("true", "{enabled: '{{ 1 == 2 }}'}", 2, 2),
        ("true", "{enabled: true}", 2, 1),
        ("true # other", "{enabled: true, ttl: PT0.001S}", 3, 3),
        ("true # other", "{enabled: true}", 4, 4),
        ("true # other", "{enabled: true}", 4, 4),
    ] {
        let got = host.run(&task(command, cache)).await.expect("SUCCESS");
        assert_eq!((count(), &got.outputs("x")["vars"]["n"]), (times, &json!(answer)), "{command} {cache}: {:#?}", got.log);
        assert_eq!(got.execution.task_run_list[0].attempts.len(), 1);
    }
    // A failure is no answer.
    for times in [5, 6] {
        host.run(&task("exit 1", "{enabled: true}")).await.expect("FAILED");
        assert_eq!(count(), times);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_the_host_is_cached_too_and_only_for_its_own_value() {
    let host = Host { journal: true, ..Host::default() };
    let flow = "  - id: each\n    type: io.kestra.plugin.core.flow.ForEach\n    values: [a, b]\n    tasks:\n      - {id: put, type: io.kestra.plugin.core.storage.Write, content: '{{ taskrun.value }}', taskCache: {enabled: true}}\n";
    let uris = |ran: &crate::support::Ran| -> Vec<String> {
        let runs = ran.execution.task_run_list.iter().filter(|run| &*run.task_id == "put");
        runs.map(|run| run.outputs["uri"].as_str().unwrap().to_owned()).collect()
    };
    let (first, second) = (host.run(flow).await.expect("SUCCESS"), host.run(flow).await.expect("SUCCESS"));
    assert_eq!(uris(&first), uris(&second));
    assert_ne!(uris(&first)[0], uris(&first)[1]);
    assert!(second.said("put").iter().all(|line| line.contains("taskCache")), "{:#?}", second.log);
}
