//! Files that are placed into working directories and kept from them.

use serde_json::json;

use crate::support::Host;

fn shell(id: &str, rest: &str, command: &str) -> String {
    format!(
        "- id: {id}\n  type: io.kestra.plugin.scripts.shell.Commands\n  taskRunner: {{type: io.kestra.plugin.core.runner.Process}}\n  {rest}\n  commands: ['{command}']\n"
    )
}

fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect()
}

const UPLOAD: &str = r#"  - {id: up, type: io.kestra.plugin.core.namespace.UploadFiles, namespace: a.b, filesMap: {main.sh: "echo one", lib/x.txt: x, lib/y.csv: y}}
  - {id: other, type: io.kestra.plugin.core.namespace.UploadFiles, namespace: c, filesMap: {main.sh: "echo two"}}
"#;
const LIST: &str = "find . -type f | sort | tr \"\\n\" \" \"";

#[tokio::test(flavor = "multi_thread")]
async fn namespace_files_reach_a_script_9_1() {
    for (written, expected) in [
        ("namespaceFiles: {enabled: true}", "./lib/x.txt ./lib/y.csv ./main.sh "),
        ("namespaceFiles: {include: [\"*.txt\", lib/*.txt]}", "./lib/x.txt "),
        ("namespaceFiles: {exclude: [\"lib/**\"]}", "./main.sh "),
        ("namespaceFiles: {enabled: \"{{ flow.id != flow.id }}\"}", ""),
        ("namespaceFiles: {namespaces: [a.b, c], folderPerNamespace: true, include: main.sh}", "./a.b/main.sh ./c/main.sh "),
    ] {
        let host = Host::default();
        host.run(UPLOAD).await.expect("SUCCESS");
        let ran = host.run(&indented(&shell("x", written, LIST), 2)).await.expect("SUCCESS");
        let said: Vec<&str> = ran.said("x").into_iter().map(|line| line.trim_start_matches("INFO ")).collect();
        assert_eq!(said.concat().trim(), expected.trim(), "{written}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_later_namespace_wins_unless_told_otherwise_9_1() {
    let host = Host::default();
    host.run(UPLOAD).await.expect("SUCCESS");
    for (if_exists, state, expected) in
        [("OVERWRITE", "SUCCESS", "two"), ("IGNORE", "SUCCESS", "one"), ("WARN", "SUCCESS", "one"), ("FAIL", "FAILED", "namespace::exists")]
    {
        let written = format!("namespaceFiles: {{namespaces: [a.b, c], include: main.sh, ifExists: {if_exists}}}");
        let ran = host.run(&indented(&shell("x", &written, "sh main.sh"), 2)).await.expect(state);
        assert!(ran.said("x").concat().contains(expected), "{if_exists}: {:#?}", ran.log);
        assert_eq!(ran.said("x").iter().any(|line| line.starts_with("WARN")), if_exists == "WARN", "{:#?}", ran.log);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_working_directory_gets_namespace_files_before_its_own_4_3() {
    let host = Host::default();
    host.run(UPLOAD).await.expect("SUCCESS");
    let child = indented(&shell("x", "env: {}", "sh main.sh; cat own.txt nsfile.txt"), 6);
    let ran = host
        .run(&format!(
            "  - id: wd\n    type: io.kestra.plugin.core.flow.WorkingDirectory\n    namespaceFiles: {{enabled: true}}\n    inputFiles: {{main.sh: echo three, own.txt: \"own\\n\", nsfile.txt: \"nsfile:///lib/x.txt\"}}\n    tasks:\n{child}"
        ))
        .await
        .expect("SUCCESS");
    assert_eq!(ran.said("x").concat().replace("INFO ", "\n"), "\nthree\nown\nx", "{:#?}", ran.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_is_there_at_the_next_run_4_3() {
    let host = Host::default();
    let flow = |ttl: &str, command: &str| {
        format!(
            "  - id: wd\n    type: io.kestra.core.tasks.flows.Worker\n    cache: {{patterns: [\"deps/**\"]{ttl}}}\n    outputFiles: [\"deps/*\"]\n    tasks:\n{}",
            indented(&shell("x", "env: {}", command), 6)
        )
    };
    let install = "test -f deps/a || (mkdir -p deps; echo installing; echo 1 > deps/a); cat deps/a";
    let stored = host.path().join("storage/main/a/b/t/wd/cache/cache.zip");
    let first = host.run(&flow("", install)).await.expect("SUCCESS");
    assert_eq!(first.said("x"), ["INFO installing", "INFO 1"]);
    assert!(first.outputs("wd")["outputFiles"]["deps/a"].is_string());
    let time = |path: &std::path::Path| path.metadata().unwrap().modified().unwrap();
    let kept = time(&stored);
    // Nothing changed: it stays as it is.
    let second = host.run(&flow("", install)).await.expect("SUCCESS");
    assert_eq!(second.said("x"), ["INFO 1"], "{:#?}", second.log);
    assert_eq!(time(&stored), kept);
    // A newer file: it is kept anew, also after a failure.
    host.run(&flow("", "echo 2 > deps/b; exit 1")).await.expect("FAILED");
    let third = host.run(&flow("", "cat deps/a deps/b")).await.expect("SUCCESS");
    assert_eq!(third.said("x"), ["INFO 1", "INFO 2"]);
    // Older than its time to live.
    let expired = host.run(&flow(", ttl: PT0S", install)).await.expect("SUCCESS");
    assert_eq!(expired.said("x")[0], "INFO installing");
    // Damaged: the task makes its files anew.
    std::fs::write(&stored, "no archive").unwrap();
    let damaged = host.run(&flow("", install)).await.expect("SUCCESS");
    assert!(damaged.said("wd")[0].contains("the cache cannot be used"), "{:#?}", damaged.log);
    assert!(damaged.said("x").contains(&"INFO installing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_may_have_a_file_of_its_own_2() {
    let host = Host::default();
    let ran = host.run(&indented(&shell("x", "logToFile: true", "echo out; echo err >&2; printf rest"), 2)).await.expect("SUCCESS");
    let attempt = &ran.execution.task_run_list[0].attempts[0];
    let uri = attempt.log_file.as_ref().unwrap().to_string();
    let path = host.path().join("storage/main").join(uri.strip_prefix("kestra:///").unwrap());
    let text = std::fs::read_to_string(path).unwrap();
    for expected in [" INFO out\n", " ERROR err\n", "rest\n"] {
        assert!(text.contains(expected), "{expected:?} is not in {text}");
    }
    let log = switchyard_store::logs::Logs::new(host.path().join("logs")).execution(&ran.execution.id).unwrap();
    assert!(log.lines(100).unwrap().next_line().unwrap().is_none(), "the log store has the lines too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_input_may_be_a_namespace_file_ask_12() {
    let host = Host::default();
    host.run(UPLOAD).await.expect("SUCCESS");
    let yaml = "id: t\nnamespace: a.b\ninputs: [{id: f, type: FILE, defaults: \"nsfile:///lib/x.txt\"}]\ntasks:\n  - {id: r, type: io.kestra.plugin.core.debug.Return, format: \"{{ read(inputs.f) }}\"}\n";
    let ran = host.flow(yaml, json!({})).await.expect("SUCCESS");
    assert_eq!(ran.outputs("r")["value"], "x");
}
