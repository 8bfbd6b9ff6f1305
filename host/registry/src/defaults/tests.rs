use switchyard_model::{Node, Sources, yaml};

use super::{Defaults, Types};

const DOCKER: &str = "io.kestra.plugin.scripts.runner.docker.Docker";

/// The types of these tests, without any plugin.
struct Known;

impl Types for Known {
    fn current<'a>(&'a self, written: &'a str) -> &'a str {
        switchyard_model::canonical_type(written)
    }

    fn is_runner(&self, type_name: &str) -> bool {
        self.current(type_name).contains(".runner.")
    }

    fn has_property(&self, type_name: &str, property: &str) -> Option<bool> {
        (self.current(type_name) == DOCKER).then(|| ["cpu", "pullPolicy", "volumes"].contains(&property))
    }
}

struct Case {
    sources: Sources,
    defaults: Defaults,
    flow: Node,
}

fn parse(sources: &mut Sources, name: &str, text: &str) -> Node {
    let id = sources.add(name, text);
    yaml::parse(sources, id).unwrap().root
}

fn case(flow: &str, namespace: &str, server: &str) -> Case {
    let mut sources = Sources::new();
    let mut entries = |name: &str, text: &str| {
        let list = parse(&mut sources, name, if text.is_empty() { "[]" } else { text });
        switchyard_model::DefaultEntry::read_list(&list, &switchyard_model::Path::Root, &mut Default::default())
    };
    let defaults = Defaults { namespaces: vec![entries("namespace", namespace)], server: entries("server", server) };
    let flow = parse(&mut sources, "flow", flow);
    Case { sources, defaults, flow }
}

/// The merged first task as JSON, and what lost.
fn merged(flow: &str, namespace: &str, server: &str) -> (String, Vec<String>) {
    let case = case(flow, namespace, server);
    let merged = case.defaults.apply(&case.flow, &Known);
    let place = |span| case.sources.locate(span).to_string();
    let overrides = merged.overrides.iter().map(|o| format!("{}: {} over {}", o.path, place(o.winner), place(o.loser))).collect();
    (merged.node.get_path("tasks[0]").unwrap().to_json().to_string(), overrides)
}

fn task(flow: &str, server: &str) -> String {
    merged(flow, "", server).0
}

#[test]
fn precedence_6_2() {
    let flow = "
tasks: [{type: a.B, own: task}]
pluginDefaults: [{type: a.B, values: {own: flow, x: flow}}]";
    let namespace = "[{type: a.B, values: {own: namespace, x: namespace, y: namespace}}]";
    let server = "[{type: a.B, values: {x: server, y: server, z: server}}]";
    let (json, overrides) = merged(flow, namespace, server);
    assert_eq!(json, r#"{"type":"a.B","own":"task","x":"flow","y":"namespace","z":"server"}"#);
    assert_eq!(
        overrides,
        [
            "tasks[0].own: flow:2:26 over flow:3:44",
            "tasks[0].own: flow:2:26 over namespace:1:28",
            "tasks[0].x: flow:3:53 over namespace:1:42",
            "tasks[0].x: flow:3:53 over server:1:26",
            "tasks[0].y: namespace:1:56 over server:1:37",
        ]
    );
}

#[test]
fn forced_defaults_win_from_the_inside_out_6_2() {
    let flow = "
tasks: [{type: a.B, x: task, y: task, z: task}]
pluginDefaults: [{type: a.B, forced: true, values: {x: flow, y: flow, z: flow}}]";
    let namespace = "[{type: a.B, forced: true, values: {x: namespace, y: namespace}}]";
    let server = "[{type: a.B, forced: true, values: {x: server}}]";
    let (json, overrides) = merged(flow, namespace, server);
    assert_eq!(json, r#"{"type":"a.B","x":"server","y":"namespace","z":"flow"}"#);
    assert_eq!(overrides.len(), 6);
    assert!(overrides.contains(&"tasks[0].x: server:1:40 over namespace:1:40".to_owned()), "{overrides:?}");
}

#[test]
fn matching_6_2() {
    for (entry, type_name, matches) in [
        ("io.kestra.plugin.aws", "io.kestra.plugin.aws.cli.AwsCLI", true),
        ("io.kestra.plugin.aws.", "io.kestra.plugin.aws.cli.AwsCLI", true),
        ("io.kestra.plugin.aws", "io.kestra.plugin.awsome.Task", false),
        ("io.kestra.plugin.scripts.sh", "io.kestra.plugin.scripts.shell.Script", false),
        ("io.kestra.plugin.scripts.shell.Script", "io.kestra.plugin.scripts.shell.Script", true),
        // Aliases, both ways.
        ("io.kestra.core.tasks.log.Log", "io.kestra.plugin.core.log.Log", true),
        ("io.kestra.plugin.core.log.Log", "io.kestra.core.tasks.log.Log", true),
        ("io.kestra.plugin.core", "io.kestra.core.tasks.log.Log", true),
        ("io.kestra.core.tasks", "io.kestra.core.tasks.log.Log", true),
        ("STRING", "STRING", true),
        ("STRING", "INT", false),
    ] {
        let json = task(&format!("tasks: [{{type: {type_name}}}]"), &format!("[{{type: {entry}, values: {{x: 1}}}}]"));
        assert_eq!(json.contains("\"x\""), matches, "{entry} for {type_name}");
    }
}

#[test]
fn a_longer_match_wins_whatever_the_order_6_2() {
    let entries = ["{type: a.b.C, values: {x: 3}}", "{type: a, values: {x: 1, z: 1}}", "{type: a.b, values: {x: 2, y: 2}}"];
    for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1]] {
        let list = order.map(|at| entries[at]).join(", ");
        assert_eq!(task("tasks: [{type: a.b.C}]", &format!("[{list}]")), r#"{"type":"a.b.C","x":3,"y":2,"z":1}"#, "{order:?}");
        let forced = list.replace(", values", ", forced: true, values");
        let json: serde_json::Value = serde_json::from_str(&task("tasks: [{type: a.b.C, x: 0}]", &format!("[{forced}]"))).unwrap();
        assert_eq!(json, serde_json::json!({"type": "a.b.C", "x": 3, "y": 2, "z": 1}), "{order:?} forced");
    }
}

#[test]
fn deep_merge_6_2() {
    for (own, default, expected) in [
        ("m: {a: 1}", "m: {a: 2, b: 3}", r#""m":{"a":1,"b":3}"#),
        ("l: [c]", "l: [a, b]", r#""l":["a","b","c"]"#),
        ("x: null", "x: 1", r#""x":1"#),
        ("x: ''", "x: 1", r#""x":"""#),
        ("x: false", "x: true", r#""x":false"#),
        ("x: [1]", "x: 2", r#""x":[1]"#),
        ("x: 2", "x: {a: 1}", r#""x":2"#),
    ] {
        let json = task(&format!("tasks: [{{type: a.B, {own}}}]"), &format!("[{{type: a.B, values: {{{default}}}}}]"));
        assert_eq!(json, format!(r#"{{"type":"a.B",{expected}}}"#), "{own} with {default}");
    }
}

#[test]
fn every_typed_map_at_any_depth_6_2() {
    let flow = "
tasks: [{type: f.If, then: [{type: f.Each, tasks: [{type: a.B}]}], auth: {type: a.B}}]
triggers: [{type: a.B}]
inputs: [{type: a.B}]
pluginDefaults: [{type: a.B, values: {x: 1, type: c.D}}]";
    let case = case(flow, "", "");
    let merged = case.defaults.apply(&case.flow, &Known).node;
    for path in ["tasks[0].then[0].tasks[0].x", "tasks[0].auth.x", "triggers[0].x", "inputs[0].x"] {
        assert!(merged.get_path(path).is_some(), "{path}");
    }
    assert_eq!(merged.get_path("pluginDefaults[0]"), case.flow.get_path("pluginDefaults[0]"), "the defaults themselves are left alone");
    assert_eq!(merged.get_path("tasks[0].auth.type").and_then(Node::as_str), Some("a.B"), "a default cannot change a type");
}

const RUNNER_DEFAULTS: &str = "
- type: io.kestra.plugin.scripts.shell
  values: {taskRunner: {type: io.kestra.plugin.scripts.runner.docker.Docker, pullPolicy: NEVER}}
- type: io.kestra.plugin.scripts.runner.docker.Docker
  values: {cpu: {cpus: 2}, pullPolicy: ALWAYS}";

#[test]
fn runners_6_3() {
    let shell = "type: io.kestra.plugin.scripts.shell.Script";
    for (name, own, expected) in [
        (
            "same runner: its own defaults, then what the task's default adds",
            "taskRunner: {type: io.kestra.core.models.script.types.DockerTaskRunner}",
            r#"{"type":"io.kestra.core.models.script.types.DockerTaskRunner","cpu":{"cpus":2},"pullPolicy":"ALWAYS"}"#,
        ),
        (
            "another runner: nothing of the default's",
            "taskRunner: {type: io.kestra.plugin.core.runner.Process}",
            r#"{"type":"io.kestra.plugin.core.runner.Process"}"#,
        ),
        (
            "no runner: injected and decorated in one pass (ask 40)",
            "id: x",
            r#"{"type":"io.kestra.plugin.scripts.runner.docker.Docker","pullPolicy":"NEVER","cpu":{"cpus":2}}"#,
        ),
        (
            "a runner without a type: completed and decorated",
            "taskRunner: {pullPolicy: IF_NOT_PRESENT}",
            r#"{"pullPolicy":"IF_NOT_PRESENT","type":"io.kestra.plugin.scripts.runner.docker.Docker","cpu":{"cpus":2}}"#,
        ),
    ] {
        let json: serde_json::Value = serde_json::from_str(&task(&format!("tasks: [{{{shell}, {own}}}]"), RUNNER_DEFAULTS)).unwrap();
        assert_eq!(json["taskRunner"].to_string(), expected, "{name}");
    }
}

#[test]
fn a_package_default_puts_no_runner_into_a_runner_6_3() {
    let defaults = "
- type: io.kestra.plugin.scripts
  values: {taskRunner: {type: io.kestra.plugin.scripts.runner.docker.Docker}, containerImage: alpine, pullPolicy: NEVER}";
    let own = "taskRunner: {type: io.kestra.plugin.scripts.runner.docker.Docker, volumes: [a]}";
    let json = task(&format!("tasks: [{{type: io.kestra.plugin.scripts.shell.Script, {own}}}]"), defaults);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["taskRunner"].to_string(),
        r#"{"type":"io.kestra.plugin.scripts.runner.docker.Docker","volumes":["a"],"pullPolicy":"NEVER"}"#,
        "what the runner has is merged, the rest is for tasks"
    );
    assert_eq!(json["containerImage"], "alpine");
}

#[test]
fn explicit_runner_and_legacy_runner_ask_41() {
    let shell = "type: io.kestra.plugin.scripts.shell.Script";
    for (own, default, expected) in [
        ("taskRunner: {type: r.P}", "runner: DOCKER, docker: {image: x}", r#"{"taskRunner":{"type":"r.P"}}"#),
        ("runner: PROCESS", "taskRunner: {type: r.P}", r#"{"runner":"PROCESS"}"#),
        ("docker: {image: y}", "runner: DOCKER, docker: {image: x, user: u}", r#"{"docker":{"image":"y","user":"u"},"runner":"DOCKER"}"#),
        ("runner: PROCESS", "taskRunner: {type: r.P}}, forced: true, values: {taskRunner: {type: r.P}", r#"{"taskRunner":{"type":"r.P"}}"#),
    ] {
        let defaults = match default.split_once("}, forced: true, values: {") {
            Some((_, values)) => format!("[{{type: io.kestra.plugin.scripts.shell, forced: true, values: {{{values}}}}}]"),
            None => format!("[{{type: io.kestra.plugin.scripts.shell, values: {{{default}}}}}]"),
        };
        let mut json: serde_json::Value = serde_json::from_str(&task(&format!("tasks: [{{{shell}, {own}}}]"), &defaults)).unwrap();
        json.as_object_mut().unwrap().shift_remove("type");
        assert_eq!(json.to_string(), expected, "{own} with {default}");
    }
}

#[test]
fn values_know_where_they_came_from_ask_39() {
    let case = case("tasks: [{type: a.B, x: 1, l: [own]}]", "", "[{type: a.B, values: {y: 2, l: [default]}}]");
    let merged = case.defaults.apply(&case.flow, &Known).node;
    for (path, place) in
        [("tasks[0].x", "flow:1:24"), ("tasks[0].y", "server:1:26"), ("tasks[0].l[0]", "server:1:33"), ("tasks[0].l[1]", "flow:1:31")]
    {
        assert_eq!(case.sources.locate(merged.get_path(path).unwrap().span).to_string(), place, "{path}");
    }
}

#[test]
fn named_defaults_are_for_those_who_ask_43() {
    let flow = |task: &str| {
        format!(
            "pluginDefaults:\n  - {{type: a.Task, values: {{x: general, y: general}}}}\n  - {{type: a.Task, ref: big, values: {{x: big}}}}\n  - {{type: b, ref: other, values: {{x: other}}}}\ntasks:\n  - {task}\n"
        )
    };
    assert_eq!(task(&flow("{type: a.Task}"), ""), r#"{"type":"a.Task","x":"general","y":"general"}"#);
    let asked = task(&flow("{type: a.Task, pluginDefaultsRef: big}"), "[{type: a.Task, values: {z: server}}]");
    assert_eq!(asked, r#"{"type":"a.Task","pluginDefaultsRef":"big","x":"big","y":"general","z":"server"}"#);
    for unknown in ["nobody", "other"] {
        let case = case(&flow(&format!("{{type: a.Task, pluginDefaultsRef: {unknown}}}")), "", "");
        let found = case.defaults.apply(&case.flow, &Known).unresolved;
        assert_eq!(found.iter().map(|found| (&*found.path, &*found.name)).collect::<Vec<_>>(), [("tasks[0].pluginDefaultsRef", unknown)]);
    }
    let runner = format!("[{{type: {DOCKER}, ref: big, values: {{cpu: 4}}}}]");
    let asked = task(&format!("tasks:\n  - type: a.Task\n    taskRunner: {{type: {DOCKER}, pluginDefaultsRef: big}}\n"), &runner);
    assert_eq!(asked, format!(r#"{{"type":"a.Task","taskRunner":{{"type":"{DOCKER}","cpu":4}}}}"#));
}

#[test]
fn tasks_made_from_text_ask_42() {
    let case = case("tasks: []", "", "[{type: a.B, values: {x: 1}}]");
    let mut sources = case.sources.clone();
    let task = parse(&mut sources, "rendered", "type: a.B");
    let merged = case.defaults.apply_to(&task, &[], &Known).node;
    assert_eq!(merged.to_json().to_string(), r#"{"type":"a.B","x":1}"#);
}

#[test]
fn a_default_that_matches_what_it_injects_ends() {
    let json = task(
        "tasks: [{type: a.B}]",
        "[{type: a, values: {child: {type: a.C}}}, {type: a, values: {child: {type: a.C, twin: {type: a.D}}}}]",
    );
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["child"]["type"], "a.C");
}
