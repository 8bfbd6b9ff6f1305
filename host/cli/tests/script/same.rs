//! One flow, two runners: what comes out is the same to the byte.

use serde_json::Value as Json;

use crate::{
    place::{Done, Place},
    stage::PROCESS,
};

const LINES: &str = r#"env: {NAME: "ä b"}
beforeCommands: ["echo before"]
inputFiles: {in.txt: "a\nb\n", d/run.sh: "echo from a file: $NAME"}
outputFiles: ["**.txt", "mode"]
commands:
  - sh d/run.sh; cat in.txt
  - echo oops >&2
  - printf 'no end\r\nünï\377\n\n'
  - echo '::{"outputs":{"n":1.5,"t":"ä","l":[1,null]},"metrics":[{"name":"m","type":"counter","value":2}]}::'
  - mkdir -p s; printf '\000\377' > s/bytes.txt; echo x >> in.txt; echo y > mode; chmod 750 mode
  - test "$WORKING_DIR" = "$(pwd)"; test "{{ workingDir }}" = "$(pwd)"; test "{{ outputFiles['mode'] }}" = "$(pwd)/mode"
  - exit 5"#;

fn run(place: Place) -> Done {
    let reader = format!(
        "  - id: after\n    type: io.kestra.plugin.scripts.shell.Commands\n    taskRunner: {{type: {PROCESS}}}\n    inputFiles: {{a: \"{{{{ outputs.x.outputFiles['s/bytes.txt'] }}}}\", b: \"{{{{ outputs.x.outputFiles['in.txt'] }}}}\"}}\n    commands: [cat a b | od -c]\n"
    );
    place.flow(&(place.task("shell.Commands", &format!("allowFailure: true\n{LINES}")) + &reader))
}

#[test]
fn docker_script_one_flow_is_the_same_on_both_runners() {
    let (process, docker) = (run(Place::Process), run(Place::Docker));
    for level in ["DEBUG", "INFO", "WARN", "ERROR"] {
        assert_eq!(process.at(level), docker.at(level), "{level}");
    }
    assert!(process.said().contains(&"from a file: ä b"), "{}", process.stderr);
    let outputs = |done: &Done| {
        let mut outputs = done.outputs().clone();
        outputs.as_object_mut().unwrap().remove("taskRunner");
        // The address of a file names its execution.
        let files: Vec<String> = outputs["outputFiles"].as_object().unwrap().keys().cloned().collect();
        outputs["outputFiles"] = files.into();
        (outputs, done.run("x")["attempts"][0]["metrics"].clone())
    };
    assert_eq!(outputs(&process), outputs(&docker));
    assert_eq!(process.outputs()["exitCode"], Json::from(5));
}
