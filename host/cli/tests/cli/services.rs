//! What expressions and tasks reach from the command line: files, keys, secrets.

use crate::support::Home;

#[test]
fn a_folder_becomes_the_files_of_a_namespace() {
    let home = Home::new(&[]);
    std::fs::create_dir_all(home.folder.path().join("files/lib")).unwrap();
    home.file("files/lib/a.txt", "content");
    let flow = "id: t\nnamespace: a.b\ntasks:\n  - {id: x, type: io.kestra.plugin.core.log.Log, message: \"{{ read('lib/a.txt') }}\"}\n";
    assert_eq!(home.flow(flow, &["--namespace-files", "a.b=files"]).expect(0).said(), ["content"]);
    let none = home.flow(flow, &["--namespace-files", "a.c=files"]).expect(1);
    assert!(none.stdout().contains("lib/a.txt"), "{}", none.stdout());
    for (written, expected) in [("a.b", "cli::not_a_pair"), ("a.b=nowhere", "namespace::folder")] {
        let ran = home.flow(flow, &["--namespace-files", written]).expect(2);
        assert!(ran.stderr().contains(expected), "{}", ran.stderr());
    }
}

#[test]
fn expr_reaches_secrets_keys_and_files() {
    let home = Home::new(&[]);
    let flow = r#"id: t
namespace: a.b
tasks:
  - {id: k, type: io.kestra.plugin.core.kv.Set, key: k, value: "{{ [1, 2] }}"}
  - {id: f, type: io.kestra.plugin.core.namespace.UploadFiles, namespace: a.b, filesMap: {f.txt: text}}
"#;
    home.flow(flow, &["--data-dir", "data"]).expect(0);
    home.file("vars.json", r#"{"flow": {"namespace": "a.b"}}"#);
    for (template, more, expected) in [
        ("{{ kv('k')[1] }}", vec!["--data-dir", "data", "--namespace", "a.b"], "2"),
        ("{{ read('f.txt') }}", vec!["--data-dir", "data", "--vars", "vars.json"], "\"text\""),
        ("{{ kv('k') ?? 'none' }}", vec![], "\"none\""),
        ("{{ secret('PW') }}", vec![], "\"hidden\""),
    ] {
        let mut command = home.command(&[&["expr", template], more.as_slice()].concat());
        let output = command.env("SECRET_PW", "aGlkZGVu").output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected, "{template}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_secret_input_needs_a_key_where_it_is_kept_3_6() {
    let home = Home::new(&[]);
    let flow = "id: t\nnamespace: a.b\ninputs: [{id: pw, type: SECRET}]\ntasks:\n  - {id: x, type: io.kestra.plugin.core.log.Log, message: \"{{ inputs.pw }}!\"}\n";
    assert_eq!(home.flow(flow, &["-i", "pw=hidden"]).expect(0).said(), ["******!"]);
    let refused = home.flow(flow, &["-i", "pw=hidden", "--data-dir", "data"]).expect(2);
    assert!(refused.stderr().contains("encryption::not_configured"), "{}", refused.stderr());
    home.file("switchyard.yaml", "encryption: {secretKey: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}\n");
    assert_eq!(home.flow(flow, &["-i", "pw=hidden", "--data-dir", "data"]).expect(0).said(), ["******!"]);
    home.file("switchyard.yaml", "encryption: {secretKey: short}\n");
    let wrong = home.flow(flow, &["-i", "pw=hidden"]).expect(2);
    assert!(wrong.stderr().contains("encryption::failed"), "{}", wrong.stderr());
}

#[test]
fn the_configuration_alone_says_where_tasks_run() {
    let home = Home::new(&["scripts", "docker"]);
    home.file(
        "flow.yaml",
        "id: t\nnamespace: company.team\ntasks:\n  - {id: x, type: io.kestra.plugin.scripts.shell.Commands, commands: [echo hi]}\n",
    );
    let runner =
        |name: &str, rest: &str| format!("[{{type: io.kestra.plugin.scripts.shell, values: {{taskRunner: {{type: {name}{rest}}}}}}}]");
    let process = runner("io.kestra.plugin.core.runner.Process", "");
    let docker = runner("io.kestra.plugin.scripts.runner.docker.Docker", ", pullPolicy: NEVER");
    home.file("development.yaml", format!("pluginDefaults: {process}\n"));
    home.file("production.yaml", format!("pluginDefaults: {process}\nnamespaces: {{company: {{pluginDefaults: {docker}}}}}\n"));
    for (config, expected) in [("development.yaml", "core.runner.Process"), ("production.yaml", "docker.Docker")] {
        let shown = home.run(&["explain", "flow.yaml", "--task", "x", "--config", config]).expect(0).stdout();
        assert!(shown.lines().next().unwrap().contains(expected), "{shown}");
        assert!(shown.contains(config), "{shown}");
    }
}
