use serde_json::json;

use crate::support::Host;

const FLOW: &str = r#"id: t
namespace: a.b
inputs: [{id: pw, type: SECRET}]
tasks:
  - {id: log, type: io.kestra.plugin.core.log.Log, message: "pw is {{ inputs.pw }}"}
  - {id: same, type: io.kestra.plugin.core.execution.Assert, conditions: ["{{ inputs.pw == 'correct' ~ ' horse' }}"]}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_input_is_clear_in_expressions_and_nowhere_else_3_6() {
    let mut host = Host { journal: true, ..Host::default() };
    host.config.encryption_key = Some("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned());
    let ran = host.flow(FLOW, json!({ "pw": "correct horse" })).await.expect("SUCCESS");
    assert_eq!(ran.said("log"), ["INFO pw is ******"]);
    assert_eq!(ran.execution.inputs["pw"]["type"], "io.kestra.datatype:aes_encrypted");
    for file in ["journal.db", "journal.db-wal"] {
        let bytes = std::fs::read(host.path().join(file)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&bytes).contains("correct horse"), "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_a_namespace_win_over_those_of_all_5_9() {
    let ran = Host::default()
        .run(
            r#"  - id: check
    type: io.kestra.plugin.core.execution.Assert
    conditions: ["{{ secret('S') == 'of-the-parent' }}", "{{ secret('S', 'elsewhere') == 'hunter2hunter2' }}", "{{ secrets.s == 'of-the-parent' }}", "{{ (secret('NO') ?? 'none') == 'none' }}"]
  - {id: missing, type: io.kestra.plugin.core.log.Log, message: "{{ secret('NO') }}"}
"#,
        )
        .await
        .expect("FAILED");
    assert_eq!(ran.outputs("check")["failed"], 0, "{:#?}", ran.log);
    assert!(ran.said("missing")[0].contains("SECRET_NO"), "{:#?}", ran.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_an_address_is_masked_in_its_errors_2_4() {
    let ran = Host::default()
        .run("  - {id: x, type: io.kestra.plugin.core.http.Request, uri: \"http://127.0.0.1:1/?token={{ secret('S', 'elsewhere') }}\"}\n")
        .await
        .expect("FAILED");
    assert!(ran.log.iter().all(|line| !line.contains("hunter2")), "{:#?}", ran.log);
    assert!(ran.said("x").concat().contains("token=******"), "{:#?}", ran.log);
}
