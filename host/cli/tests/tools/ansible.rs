//! Ansible on this very machine.

use serde_json::json;

use crate::{PROCESS, installed, run, support::Home, task};

const PLAYBOOK: &str = r#"    inputFiles:
      inventory.ini: localhost ansible_connection=local ansible_python_interpreter=python3
      playbook.yml: |
        - name: demo
          hosts: localhost
          gather_facts: false
          vars: {greeting: "hello {{ inventory_hostname }}"}
          tasks:
            - name: greet
              ansible.builtin.debug: {msg: "{{ greeting }} from {{ who }}"}
            - name: never
              ansible.builtin.debug: {msg: no}
              when: false
            - name: publish
              kestra: {outputs: {answer: 42}}
            - name: break
              ansible.builtin.command: "false"
              ignore_errors: "{{ lenient | bool }}"
"#;

fn flow(properties: &str) -> String {
    let path = installed::path_with(&installed::python("ansible"));
    format!(
        "id: t\nnamespace: a.b\ntasks:\n  - id: play\n    type: io.kestra.plugin.ansible.cli.AnsibleCLI\n    {PROCESS}\n    env: {{PATH: \"{path}\", ANSIBLE_LOCALHOST_WARNING: \"false\"}}\n{PLAYBOOK}{properties}"
    )
}

#[test]
fn tool_ansible_tasks_become_task_runs_and_results_outputs() {
    let home = Home::new(&["ansible"]);
    let command = "ansible-playbook -i inventory.ini playbook.yml -e who={{ flow.id }} -e lenient=";
    let (execution, ran) =
        run(&home, &flow(&format!("    outputLogFile: true\n    outputFiles: [\"**\", \"*\"]\n    commands: [\"{command}true\"]\n")), 0);
    let play = task(&execution, "play");
    let runs = execution["taskRunList"].as_array().unwrap();
    let states: Vec<_> = runs[1..].iter().map(|run| (run["taskId"].as_str().unwrap(), run["state"]["current"].as_str().unwrap())).collect();
    assert_eq!(
        states,
        [("demo | greet", "SUCCESS"), ("demo | never", "SKIPPED"), ("demo | publish", "SUCCESS"), ("demo | break", "WARNING")]
    );
    assert!(runs[1..].iter().all(|run| run["parentTaskRunId"] == play["id"]));
    let said = ran.stderr();
    assert!(said.contains("ok: [localhost] hello localhost from t") && said.contains("TASK [greet]"), "{said}");
    let outputs = &play["outputs"];
    assert_eq!(outputs["vars"]["outputs"].as_array().unwrap().len(), 4, "{outputs:#}");
    assert_eq!(outputs["playbooks"][0]["plays"][0]["tasks"][0]["hosts"][0]["result"]["msg"], "hello localhost from t");
    let files: Vec<_> = outputs["outputFiles"].as_object().unwrap().keys().collect();
    assert_eq!(files, ["log", "inventory.ini", "playbook.yml"], "the files of the task itself are none of the user's");

    let two = format!(
        "    outputLogFile: true\n    outputsMode: EXPLICIT\n    commands: [\"{command}true\", \"{command}false\", \"echo never\"]\n"
    );
    let (execution, ran) = run(&home, &flow(&two), 1);
    let play = task(&execution, "play");
    assert_eq!(play["outputs"]["vars"]["outputs"], json!({"answer": 42}));
    assert_eq!(play["outputs"]["exitCode"], 2);
    assert!(play["outputs"]["outputFiles"]["log"].is_string());
    assert_eq!(execution["taskRunList"].as_array().unwrap().last().unwrap()["state"]["current"], "FAILED");
    assert!(!ran.stderr().contains("never\n"), "{}", ran.stderr());
}
