//! Internal storage in a bucket that several hosts share.

use crate::{PROCESS, run, server, support::Home, task};

#[test]
fn tool_s3_storage_is_shared_by_hosts_10() {
    let home = Home::new(&["scripts"]);
    let moto = server::moto();
    let endpoint = format!("http://127.0.0.1:{}", moto.port);
    let bucket = format!(
        "id: b\nnamespace: a.b\ntasks:\n  - {{id: make, type: io.kestra.plugin.core.http.Request, uri: \"{endpoint}/files\", method: PUT}}\n"
    );
    run(&home, &bucket, 0);
    home.file(
        "switchyard.yaml",
        format!(
            "storage:\n  url: s3://files/some/prefix\n  options: {{endpoint: \"{endpoint}\", region: us-east-1, access_key_id: AK, secret_access_key: SK, allow_http: true}}\n"
        ),
    );
    // More than one part of an upload.
    let first = format!(
        r#"id: one
namespace: a.b
tasks:
  - {{id: set, type: io.kestra.plugin.core.kv.Set, key: k, value: "{{{{ [1, 2] }}}}"}}
  - {{id: once, type: io.kestra.plugin.core.kv.Set, key: k, value: x, overwrite: false, allowFailure: true}}
  - {{id: up, type: io.kestra.plugin.core.namespace.UploadFiles, namespace: a.b, filesMap: {{"lib/ä #1.txt": from the bucket}}}}
  - id: big
    type: io.kestra.plugin.scripts.shell.Commands
    {PROCESS}
    outputFiles: ["*.bin"]
    commands: ["head -c 9000000 /dev/zero > big.bin"]
  - {{id: size, type: io.kestra.plugin.core.storage.Size, uri: "{{{{ outputs.big.outputFiles['big.bin'] }}}}"}}
  - {{id: split, type: io.kestra.plugin.core.storage.Split, from: "{{{{ outputs.big.outputFiles['big.bin'] }}}}", rows: 1}}
  - id: wd
    type: io.kestra.plugin.core.flow.WorkingDirectory
    cache: {{patterns: ["*.txt"]}}
    tasks:
      - {{id: in, type: io.kestra.plugin.core.storage.LocalFiles, inputs: {{a.txt: cached}}}}
"#
    );
    let (execution, _) = run(&home, &first, 0);
    assert_eq!(task(&execution, "size")["outputs"]["size"], 9_000_000, "{execution}");
    assert_eq!(task(&execution, "once")["state"]["current"], "WARNING", "{execution}");
    let second = format!(
        r#"id: one
namespace: a.b
tasks:
  - {{id: get, type: io.kestra.plugin.core.debug.Return, format: "{{{{ kv('k')[1] }}}} {{{{ read('lib/ä #1.txt') }}}}"}}
  - id: wd
    type: io.kestra.plugin.core.flow.WorkingDirectory
    cache: {{patterns: ["*.txt"]}}
    namespaceFiles: {{enabled: true}}
    tasks:
      - id: see
        type: io.kestra.plugin.scripts.shell.Commands
        {PROCESS}
        commands: ["cat a.txt lib/*"]
  - {{id: del, type: io.kestra.plugin.core.namespace.DeleteFiles, namespace: a.b, files: ["**.txt"]}}
"#
    );
    let (execution, ran) = run(&home, &second, 0);
    assert_eq!(task(&execution, "get")["outputs"]["value"], "2 from the bucket");
    assert_eq!(task(&execution, "del")["outputs"]["count"], 1);
    assert!(ran.stderr().contains("cachedfrom the bucket"), "{}", ran.stderr());
}
