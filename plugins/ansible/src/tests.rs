use serde_json::{Value, json};
use switchyard_plugin_api::{DynamicState, Paths, Plan, PlanContext};

use crate::{
    event, plugin,
    report::{Outputs, Report},
};

const TYPE: &str = "io.kestra.plugin.ansible.cli.AnsibleCLI";

fn plan(properties: &Value) -> Plan {
    let context = PlanContext { paths: Paths { working_dir: "/wd".into(), ..Paths::default() }, ..PlanContext::default() };
    plugin().find_task(TYPE).unwrap().plan(properties, &context).unwrap()
}

#[test]
fn plans() {
    let mut table = String::new();
    for properties in [
        json!({"commands": ["ansible-playbook p.yml"]}),
        json!({"commands": ["one # and why", "two"], "outputLogFile": true, "beforeCommands": ["x"], "outputsMode": "EXPLICIT"}),
        json!({"commands": ["a"], "autoInstallPythonRequirements": false, "autoInstallGalaxyRequirements": false, "ansibleConfig": "[defaults]", "outputLogFile": true}),
    ] {
        let plan = plan(&properties);
        let config = &plan.files.iter().find(|file| file.path == "ansible.cfg").unwrap().content;
        let files: Vec<&str> = plan.files.iter().map(|file| file.path.as_str()).collect();
        table.push_str(&format!(
            "{properties}\n{:?}\n{}\n{:?} {:?} {files:?}\n{config}\n\n",
            &plan.argv[..2],
            plan.argv[2],
            plan.env,
            plan.wanted
        ));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn events_become_outputs_and_task_runs() {
    let mut report = Report::default();
    assert!(report.is_empty());
    let mut said = Vec::new();
    for line in [
        json!({"event": "playbook", "name": "p.yml"}),
        json!({"event": "play", "name": "web"}),
        json!({"event": "task", "task": "1", "name": "ping", "at": "2026-01-01T00:00:00Z"}),
        json!({"event": "result", "task": "1", "action": "ping", "host": "a", "status": "ok", "at": "2026-01-01T00:00:01Z", "result": {"changed": true, "msg": "pong"}}),
        json!({"event": "result", "task": "1", "action": "ping", "host": "b", "status": "unreachable", "at": "2026-01-01T00:00:02Z", "result": {"msg": "no route"}}),
        json!({"event": "task", "task": "2", "name": "maybe", "at": "2026-01-01T00:00:03Z"}),
        json!({"event": "result", "task": "2", "action": "x", "host": "a", "status": "failed", "ignored": true, "at": "2026-01-01T00:00:04Z", "result": {"rc": 1}}),
        json!({"event": "task", "task": "3", "name": "publish", "at": "2026-01-01T00:00:05Z"}),
        json!({"event": "result", "task": "3", "action": "kestra", "host": "a", "status": "ok", "at": "2026-01-01T00:00:06Z", "result": {"kestra_outputs": {"v": 1}}}),
        json!({"event": "task", "task": "4", "name": "never", "at": "2026-01-01T00:00:07Z"}),
        json!({"event": "result", "task": "4", "action": "x", "host": "a", "status": "skipped", "at": "2026-01-01T00:00:08Z", "result": {}}),
    ] {
        let event = event::read(&format!("::{{\"ansible\":{line}}}::")).unwrap();
        said.extend(report.take(event));
    }
    let states: Vec<_> = report.task_runs().into_iter().map(|run| (run.id, run.state)).collect();
    let expected = [
        ("web | ping", DynamicState::Failed),
        ("web | maybe", DynamicState::Warning),
        ("web | publish", DynamicState::Success),
        ("web | never", DynamicState::Skipped),
    ];
    assert_eq!(states, expected.map(|(id, state)| (id.to_owned(), state)));
    assert_eq!(report.outputs(Outputs::Explicit), json!({"v": 1}));
    assert_eq!(report.outputs(Outputs::All).as_array().unwrap().len(), 5);
    insta::assert_json_snapshot!((said, report.playbooks(Outputs::Explicit)));
}

#[test]
fn other_lines_are_no_events() {
    for line in ["", "::{\"outputs\":{}}::", "::{\"ansible\":{}}::", "::{\"ansible\":{\"event\":\"dance\"}}::", "PLAY [x]"] {
        assert_eq!(event::read(line), None, "{line}");
    }
}

#[test]
fn the_schema_is_closed_and_described() {
    let component = &plugin().manifest().components[0];
    assert_eq!(component.schema["required"], json!(["commands"]));
    assert_eq!(component.schema["additionalProperties"], json!(false));
    assert_eq!(component.schema["properties"]["inputFiles"]["x-switchyard"], "raw");
    for (name, property) in component.schema["properties"].as_object().unwrap() {
        assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
}
