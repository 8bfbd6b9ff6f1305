//! The lines `::{}::`, logs, secrets, what a failed task leaves: rows 6, 7 and 23 to 25.

use serde_json::json;

use crate::{
    place::{Place, SECRET, everywhere},
    stage::PROCESS,
};

everywhere! {
    script_s6_a_failed_task_keeps_its_outputs, docker_script_s6_a_failed_task_keeps_its_outputs: s6;
    script_s7_an_allowed_failure_is_a_warning, docker_script_s7_an_allowed_failure_is_a_warning: s7;
    script_s23_frames, docker_script_s23_frames: s23;
    script_s24_no_line_is_changed, docker_script_s24_no_line_is_changed: s24;
    script_s25_secrets_are_masked_and_raw_text_stays, docker_script_s25_secrets_are_masked_and_raw_text_stays: s25;
    script_extra_metrics_are_kept_and_added_up, docker_script_extra_metrics_are_kept_and_added_up: metrics;
}

const SIX: &str = "outputFiles: [\"a.txt\"]\ncommands: [\"echo '::{\\\"outputs\\\":{\\\"k\\\":1}}::'\", \"echo hi > a.txt\", \"exit 3\"]";

fn s6(place: Place) {
    let done = place.shell(SIX).expect("FAILED");
    let outputs = done.outputs();
    assert_eq!((&outputs["exitCode"], &outputs["vars"], done.keys()), (&json!(3), &json!({"k": 1}), vec!["a.txt"]));
    if place == Place::Docker {
        assert_eq!(outputs["taskRunner"]["containerId"].as_str().unwrap().len(), 64);
    }
}

fn s7(place: Place) {
    // The next task reads what the failed one left.
    let reader = format!(
        "  - id: after\n    type: io.kestra.plugin.scripts.shell.Commands\n    taskRunner: {{type: {PROCESS}}}\n    commands: [\"echo {{{{ outputs.x.exitCode }}}} {{{{ outputs.x.vars.k }}}}\", \"cat {{{{ outputs.x.outputFiles['a.txt'] }}}}\"]\n"
    );
    let done = place.flow(&format!("{}{reader}", place.task("shell.Commands", &format!("allowFailure: true\n{SIX}")))).expect("WARNING");
    assert_eq!(done.said(), ["3 1", "hi"]);
    assert_eq!(done.document["state"]["current"], "WARNING");
}

fn s23(place: Place) {
    let lines = r#"commands:
  - echo '::{"outputs":{"a":1,"b":1}}::'
  - echo '::{"outputs":{"a":2}}::' >&2
  - echo ' ::{"outputs":{"c":1}}::'
  - echo '::{"outputs":{"d":1}}::::{"outputs":{"e":1}}::'
  - echo '::{bad}::'
  - echo '::{"foo":1,"outputs":{"f":null}}::'
  - echo '::{"logs":[{"level":"WARN","message":"from a frame"}]}::'"#;
    let done = place.shell(lines).expect("SUCCESS");
    let mut vars = done.outputs()["vars"].as_object().unwrap().clone();
    assert!(vars.remove("a").is_some_and(|a| a == 1 || a == 2));
    assert_eq!(json!(vars), json!({"b": 1, "d": 1, "f": null}));
    // A blank in front makes it text; everything else is not in the log.
    assert_eq!(done.said(), [" ::{\"outputs\":{\"c\":1}}::"]);
    let warnings = done.at("WARN");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].starts_with("Invalid outputs") && warnings[0].contains("{bad}"), "{warnings:?}");
    assert_eq!(warnings[1], "from a frame");
}

fn s24(place: Place) {
    let lines = "commands:\n  - head -c 100000 /dev/zero | tr '\\0' x; echo\n  - printf '\\377\\n1\\r2\\r3\\n\\nlast'";
    let done = place.shell(lines).expect("SUCCESS");
    let said = done.said();
    assert_eq!(said[0].len(), 100_000);
    assert!(said[0].bytes().all(|byte| byte == b'x'));
    assert_eq!(said[1..], ["\u{fffd}", "1", "2", "3", "", "last"]);
}

fn s25(place: Place) {
    let lines = "commands: [\"echo {{ secret('S') }}; echo {{ secret('S') }} >&2\", \"echo '{% raw %}{{ x }}{% endraw %}'\"]";
    let done = place.shell(lines).expect("SUCCESS");
    assert!(!done.stderr.contains(SECRET), "{}", done.stderr);
    assert_eq!((done.said(), done.at("ERROR")), (vec!["******", "{{ x }}"], vec!["******"]));
    // A file keeps its raw text too.
    if place == Place::Process {
        let script =
            place.task("python.Script", "script: |\n  print('{% raw %}{{ x }}{% endraw %}')\n  print(\"{{ secret('S') }}\"[::-1])");
        let done = place.flow(&script).expect("SUCCESS");
        assert_eq!(done.said()[0], "{{ x }}");
        assert!(!done.stderr.contains(SECRET), "{}", done.stderr);
    }
}

fn metrics(place: Place) {
    let lines = r#"commands:
  - echo '::{"metrics":[{"name":"rows","type":"counter","value":2,"tags":{"t":"a"}},{"name":"rows","type":"counter","value":5}]}::'
  - echo '::{"metrics":[{"name":"rows","type":"counter","value":3,"tags":{"t":"a"}},{"name":"g","type":"gauge","value":1}]}::'
  - echo '::{"metrics":[{"name":"took","type":"timer","value":"PT1.5S"},{"name":"g","type":"gauge","value":7}]}::'
  - exit 4"#;
    let done = place.shell(lines).expect("FAILED");
    assert_eq!(
        done.run("x")["attempts"][0]["metrics"],
        json!([
            {"name": "rows", "type": "counter", "value": 5.0, "tags": {"t": "a"}},
            {"name": "rows", "type": "counter", "value": 5.0, "tags": {}},
            {"name": "g", "type": "gauge", "value": 7.0, "tags": {}},
            {"name": "took", "type": "timer", "value": 1.5, "tags": {}},
        ])
    );
}
