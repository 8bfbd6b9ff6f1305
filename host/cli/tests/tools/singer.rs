//! A Singer tap for CSV, and a target for JSON lines.

use std::fs;

use crate::{PROCESS, installed, run, support::Home, task};

#[test]
fn tool_singer_csv_tap_to_jsonl_target() {
    let home = Home::new(&["singer", "scripts"]);
    fs::create_dir(home.folder.path().join("data")).unwrap();
    home.file("data/users.csv", "id,name\n1,Ada\n2,Grace\n");
    let path = |environment: &str| installed::path_with(&installed::python(environment));
    let wheels = installed::python("aws").join("../../wheels");
    let bin = home.folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    // The image of these tasks has a `python`; this machine may only have `python3`.
    fs::write(bin.join("python"), "#!/bin/sh\nexec python3 \"$@\"\n").unwrap();
    fs::set_permissions(bin.join("python"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let flow = format!(
        r#"id: t
namespace: a.b
tasks:
  - id: tap
    type: io.kestra.plugin.singer.taps.GenericTap
    {PROCESS}
    env: {{PATH: "{tap}"}}
    pipPackages: []
    command: tap-spreadsheets
    features: [CATALOG, DISCOVER, STATE]
    configs: {{files: [{{path: "{data}/users.csv", format: csv, table_name: users, primary_keys: [id]}}]}}
    streamsConfigurations: [{{selected: true}}]
  - id: there
    type: io.kestra.plugin.singer.targets.GenericTarget
    {PROCESS}
    env: {{PATH: "{target}"}}
    from: "{{{{ outputs.tap.raw }}}}"
    pipPackages: []
    command: target-jsonl
    configs: {{destination_path: "."}}
    outputFiles: ["*.jsonl"]
  - id: installed
    type: io.kestra.plugin.singer.targets.Json
    {PROCESS}
    env: {{PATH: "{python}", PIP_NO_INDEX: "1", PIP_FIND_LINKS: "{wheels}"}}
    from: "{{{{ outputs.tap.raw }}}}"
  - id: look
    type: io.kestra.plugin.scripts.shell.Commands
    {PROCESS}
    commands: ["cat {{{{ outputs.installed.uris | values | first }}}}"]
"#,
        tap = path("singer-tap"),
        target = path("singer-target"),
        python = installed::path_with(&bin),
        data = home.folder.path().join("data").display(),
        wheels = wheels.display(),
    );
    let (execution, ran) = run(&home, &flow, 0);
    assert_eq!(task(&execution, "tap")["outputs"]["count"], 2, "{}", ran.stderr());
    let metrics = task(&execution, "tap")["attempts"][0]["metrics"].to_string();
    assert!(metrics.contains("\"records\""), "{metrics}");
    assert_eq!(task(&execution, "there")["outputs"]["outputFiles"].as_object().unwrap().len(), 1);
    assert!(ran.stderr().contains("Grace"), "{}", ran.stderr());
}
