use serde_json::json;

use crate::support::Host;

#[tokio::test(flavor = "multi_thread")]
async fn namespace_files_go_up_down_and_away_4_4() {
    let ran = Host::default()
        .run(
            r#"  - {id: up, type: io.kestra.plugin.core.namespace.UploadFiles, namespace: a.b, filesMap: {x/a.py: "print(1)", b.txt: two}}
  - {id: skip, type: io.kestra.plugin.core.namespace.UploadFiles, namespace: a.b, filesMap: {b.txt: other}, conflict: SKIP}
  - {id: error, type: io.kestra.plugin.core.namespace.UploadFiles, namespace: a.b, filesMap: {b.txt: other}, conflict: ERROR, allowFailure: true}
  - {id: read, type: io.kestra.plugin.core.debug.Return, format: "{{ read('b.txt') }} {{ fileURI('/x/a.py') }} {{ fileSize('x/a.py') }} {{ fileExists('x/a.py') }}{{ fileExists('no') }} {{ isFileEmpty('b.txt') }}"}
  - {id: down, type: io.kestra.plugin.core.namespace.DownloadFiles, namespace: a.b, files: ["**.py"], destination: here}
  - {id: climb, type: io.kestra.plugin.core.debug.Return, format: "{{ read('../../../etc/passwd') }}", allowFailure: true}
  - {id: del, type: io.kestra.plugin.core.namespace.DeleteFiles, namespace: a.b, files: ["x/**"]}
"#,
        )
        .await
        .expect("WARNING");
    assert_eq!(ran.outputs("up")["files"]["x/a.py"], "kestra:///a/b/_files/x/a.py");
    assert!(ran.said("error")[0].contains("namespace::exists"), "{:#?}", ran.log);
    assert_eq!(ran.outputs("read")["value"], "two kestra:///a/b/_files/x/a.py 8 truefalse false");
    assert_eq!(ran.outputs("down")["files"].as_object().unwrap().keys().collect::<Vec<_>>(), ["here/x/a.py"]);
    assert!(!ran.said("climb").is_empty(), "{:#?}", ran.log);
    assert_eq!(ran.outputs("del"), json!({ "count": 1 }));
}
