//! Files in and out: rows 12 to 16 and 20 to 22, and names that nobody thinks of.

use serde_json::json;

use crate::{
    place::{Place, everywhere},
    stage::PROCESS,
};

everywhere! {
    script_s12_input_files_of_a_map, docker_script_s12_input_files_of_a_map: s12;
    script_s13_input_files_of_a_json_text, docker_script_s13_input_files_of_a_json_text: s13;
    script_s14_stored_files_and_other_texts, docker_script_s14_stored_files_and_other_texts: s14;
    script_s16_a_uri_in_a_command_is_a_path, docker_script_s16_a_uri_in_a_command_is_a_path: s16;
    script_s20_globs, docker_script_s20_globs: s20;
    script_s21_output_files_have_paths, docker_script_s21_output_files_have_paths: s21;
    script_s22_namespace_files, docker_script_s22_namespace_files: s22;
    script_2_15_the_execution_context_is_a_file, docker_script_2_15_the_execution_context_is_a_file: execution_context;
    script_extra_odd_names, docker_script_extra_odd_names: odd_names;
    script_extra_ten_thousand_files, docker_script_extra_ten_thousand_files: ten_thousand;
    script_extra_an_output_directory, docker_script_extra_an_output_directory: output_directory;
    script_extra_a_shared_directory, docker_script_extra_a_shared_directory: shared_directory;
}

/// A task that leaves a file of three lines.
fn previous() -> String {
    format!(
        "  - id: prev\n    type: io.kestra.plugin.scripts.shell.Commands\n    taskRunner: {{type: {PROCESS}}}\n    outputFiles: [three.txt]\n    commands: [\"printf '1\\\\n2\\\\n3\\\\n' > three.txt\"]\n"
    )
}

fn s12(place: Place) {
    let done = place.shell(
        "inputFiles: {\"{{ flow.id }}.txt\": \"v={{ 1 + 1 }}\", d/e.txt: \"\", n.txt: null}\ncommands: [cat t.txt; echo, ls d, \"test ! -e n.txt\"]",
    );
    assert_eq!(done.expect("SUCCESS").said(), ["v=2", "e.txt"]);
}

fn s13(place: Place) {
    let done = place.shell("inputFiles: '{\"a.json\": \"{\\\"x\\\": 1}\"}'\ncommands: [cat a.json]").expect("SUCCESS");
    assert_eq!(done.said(), ["{\"x\": 1}"]);
}

fn s14(place: Place) {
    let task = place.task(
        "shell.Commands",
        "inputFiles: {u: \"{{ outputs.prev.outputFiles['three.txt'] }}\", v: \"http://h/f\"}\ncommands: [cat u, cat v]",
    );
    assert_eq!(place.flow(&(previous() + &task)).expect("SUCCESS").said(), ["1", "2", "3", "http://h/f"]);
}

#[test]
fn script_s15_no_input_file_leaves_the_directory() {
    for name in ["../evil", "/tmp/evil", "a/../../evil"] {
        let stage = Place::Process.stage();
        let lines = format!("inputFiles: {{\"{name}\": x}}\ncommands: [echo ran]");
        stage.write("flow.yaml", format!("id: t\nnamespace: a.b\ntasks:\n{}", Place::Process.task("shell.Commands", &lines)));
        let ran = stage.switchyard(&["run", "flow.yaml"]);
        assert_ne!(ran.code, 0, "{name}");
        let told = format!("{}{}", ran.text(), ran.stderr);
        assert!(told.contains(name) && !told.contains("| ran"), "{name}: {told}");
    }
}

#[test]
fn script_extra_a_list_of_input_files_is_explained() {
    let stage = Place::Process.stage();
    let task = Place::Process.task("shell.Commands", "inputFiles: [a.txt]\ncommands: [echo ran]");
    stage.write("flow.yaml", format!("id: t\nnamespace: a.b\ntasks:\n{task}"));
    let ran = stage.switchyard(&["run", "flow.yaml"]);
    let told = format!("{}{}", ran.text(), ran.stderr);
    assert_ne!(ran.code, 0);
    assert!(told.contains("inputFiles") && told.contains("map") && !told.contains("| ran"), "{told}");
}

fn s16(place: Place) {
    let task = place.task("shell.Commands", "commands: [\"wc -l < {{ outputs.prev.outputFiles['three.txt'] }}\"]");
    let done = place.flow(&(previous() + &task)).expect("SUCCESS");
    assert_eq!(done.said()[0].trim(), "3");
}

fn s20(place: Place) {
    let lines = "outputFiles: [\"*.txt\", \"**/*.csv\", \"./z.dat\", missing.bin]\ncommands:\n  - mkdir -p s/t; touch a.txt .h.txt z.dat r.csv s/b.txt; echo 1 > s/q.csv; echo 2 > s/t/q.csv";
    let reader = format!(
        "  - id: after\n    type: io.kestra.plugin.scripts.shell.Commands\n    taskRunner: {{type: {PROCESS}}}\n    inputFiles: {{one: \"{{{{ outputs.x.outputFiles['s/q.csv'] }}}}\", two: \"{{{{ outputs.x.outputFiles['s/t/q.csv'] }}}}\"}}\n    commands: [cat one two]\n"
    );
    let done = place.flow(&(place.task("shell.Commands", lines) + &reader)).expect("SUCCESS");
    let mut keys = done.keys();
    keys.sort_unstable();
    assert_eq!(keys, [".h.txt", "a.txt", "s/q.csv", "s/t/q.csv", "z.dat"]);
    assert_eq!(done.said(), ["1", "2"]);
    assert!(done.has("WARN", "missing.bin"), "{}", done.stderr);
}

fn s21(place: Place) {
    let lines = "outputFiles: [out.txt]\ncommands: [\"echo 5 > {{ outputFiles['out.txt'] }}\"]";
    assert_eq!(place.shell(lines).expect("SUCCESS").keys(), ["out.txt"]);
    let done = place.shell(&lines.replace("outputFiles: [out.txt]", "outputFiles: [\"o*.txt\"]"));
    assert!(done.expect("FAILED").has("ERROR", "outputFiles"));
}

fn s22(place: Place) {
    let upload = "  - id: up\n    type: io.kestra.plugin.core.namespace.UploadFiles\n    namespace: a.b\n    filesMap: {a.py: theirs, lib/b.py: b, lib/c.md: c}\n";
    for chosen in ["include: [\"**/*.py\"], exclude: [\"lib/**\"]", "include: [\"*.py\"], exclude: [\"lib/**\"]"] {
        let lines = format!(
            "namespaceFiles: {{enabled: true, {chosen}}}\ninputFiles: {{a.py: mine}}\ncommands: [\"find . -type f | sort\", \"cat a.py\"]"
        );
        let done = place.flow(&(upload.to_owned() + &place.task("shell.Commands", &lines))).expect("SUCCESS");
        assert_eq!(done.said(), ["./a.py", "mine"], "{chosen}");
    }
}

/// Blanks, line breaks, quotes, letters of all alphabets, several dots: nothing of a name is lost, and equal names stay apart.
fn odd_names(place: Place) {
    let lines = r#"outputFiles: ["**"]
commands:
  - 'mkdir -p a b "with blank"'
  - 'echo 1 > a/same; echo 2 > b/same; echo 3 > "with blank/and  two.tar.gz"'
  - 'echo 4 > "$(printf "line\nbreak")"; echo 5 > "$(printf "\377\376")"; echo 6 > "ünï çødé#1?.txt"; echo 7 > "-q"'
  - "echo 8 > \"it's\"""#;
    let done = place.shell(lines).expect("SUCCESS");
    let files = done.outputs()["outputFiles"].as_object().unwrap();
    let mut keys = done.keys();
    keys.sort_unstable();
    assert_eq!(keys, ["%FF%FE", "-q", "a/same", "b/same", "it's", "line\nbreak", "with blank/and  two.tar.gz", "ünï çødé#1?.txt"]);
    let mut uris: Vec<&str> = files.values().map(|uri| uri.as_str().unwrap()).collect();
    uris.sort_unstable();
    uris.dedup();
    assert_eq!(uris.len(), keys.len(), "{uris:?}");
    assert!(uris.iter().all(|uri| !uri.contains(char::is_whitespace)), "{uris:?}");
}

fn ten_thousand(place: Place) {
    let lines = "outputFiles: [\"many/*\"]\ncommands: [mkdir many, \"i=0; while [ $i -lt 10000 ]; do : > many/$i; i=$((i+1)); done\"]";
    assert_eq!(place.shell(lines).expect("SUCCESS").keys().len(), 10_000);
}

fn output_directory(place: Place) {
    let lines =
        "outputDirectory: true\ncommands: [\"mkdir {{ outputDir }}/d; echo 1 > $OUTPUT_DIR/d/a.txt; echo 2 > {{ outputDir }}/b.txt\"]";
    let done = place.shell(lines).expect("SUCCESS");
    let mut keys = done.keys();
    keys.sort_unstable();
    assert_eq!(keys, ["b.txt", "d/a.txt"]);
    let undefined = place.shell("commands: [\"echo {{ outputDir }}\"]").expect("FAILED");
    assert!(undefined.has("ERROR", "outputDir"), "{}", undefined.stderr);
}

/// As those of virtual environments of Python, which dbt's `Setup` makes.
#[test]
fn docker_script_6_links_to_programs_reach_the_next_container() {
    let child = |id: &str, command: &str| {
        let lines = format!("commands: [\"{command}\"]");
        let task = Place::Docker.task("shell.Commands", &lines).replace("id: x", &format!("id: {id}"));
        task.lines().map(|line| format!("    {line}\n")).collect::<String>()
    };
    let tasks = format!(
        "  - id: x\n    type: io.kestra.plugin.core.flow.WorkingDirectory\n    tasks:\n{}{}",
        child("first", "mkdir bin; ln -s /bin/busybox bin/echo; ln -s $PWD/bin own; ln -s /etc/passwd refused"),
        child("second", "bin/echo linked; own/echo again; test ! -e refused")
    );
    let done = Place::Docker.flow(&tasks).expect("SUCCESS");
    assert_eq!(done.said(), ["linked", "again"]);
    assert!(done.has("WARN", "refused is a symlink to /etc/passwd"), "{}", done.stderr);
}

/// For the task that asks for it only, and never an output file.
fn execution_context(place: Place) {
    let lines = "executionContext: true\noutputFiles: [\"**\"]\ncommands: [cat .kestra-execution-context.json, \"echo 1 > a.txt\"]";
    let tasks = format!("{}{}", previous(), place.task("shell.Commands", lines));
    let done = place.flow(&tasks).expect("SUCCESS");
    assert_eq!(done.keys(), ["a.txt"]);
    let context: serde_json::Value = serde_json::from_str(done.said()[0]).unwrap();
    assert_eq!((&context["flow"]["namespace"], &context["task"]["id"]), (&json!("a.b"), &json!("x")));
    assert!(context["outputs"]["prev"]["outputFiles"]["three.txt"].as_str().unwrap().starts_with("kestra://"), "{context}");
    assert_eq!((context.get("envs"), context.get("globals")), (None, None));
    let child = |id: &str, lines: &str| {
        let task = place.task("shell.Commands", lines).replace("id: x", &format!("id: {id}"));
        task.lines().map(|line| format!("    {line}\n")).collect::<String>()
    };
    let tasks = format!(
        "  - id: x\n    type: io.kestra.plugin.core.flow.WorkingDirectory\n    tasks:\n{}{}",
        child("first", "executionContext: \"{{ true }}\"\ncommands: [test -s .kestra-execution-context.json]"),
        child("second", "commands: [\"test ! -e .kestra-execution-context.json\"]")
    );
    place.flow(&tasks).expect("SUCCESS");
}

#[test]
fn script_2_8_files_of_the_host_are_read_where_the_administrator_allows_it() {
    let stage = Place::Process.stage();
    for directory in ["allowed", "secret"] {
        std::fs::create_dir(stage.path(directory)).unwrap();
    }
    stage.write("allowed/a.txt", "from the host\n");
    stage.write("secret/b.txt", "not for flows\n");
    std::os::unix::fs::symlink("../secret/b.txt", stage.path("allowed/link.txt")).unwrap();
    stage.write("switchyard.yaml", "localFiles: {allowedPaths: [allowed]}\n");
    let run = |file: &str| {
        let lines = format!("inputFiles: {{in.txt: \"file://{}\"}}\ncommands: [cat in.txt]", stage.path(file).display());
        stage.write("flow.yaml", format!("id: t\nnamespace: a.b\ntasks:\n{}", Place::Process.task("shell.Commands", &lines)));
        let ran = stage.switchyard(&["run", "flow.yaml"]);
        format!("{}{}", ran.text(), ran.stderr)
    };
    assert!(run("allowed/a.txt").contains("| from the host"), "{}", run("allowed/a.txt"));
    for refused in ["secret/b.txt", "allowed/../secret/b.txt", "allowed/link.txt"] {
        let told = run(refused);
        assert!(
            told.contains("workdir::local_file") && told.contains("allowedPaths") && !told.contains("not for flows"),
            "{refused}: {told}"
        );
    }
    assert!(run("allowed/absent.txt").contains("cannot be read"));
}

/// Files of one child are there for the next, on either runner, and so are those that were kept.
fn shared_directory(place: Place) {
    let child = |id: &str, lines: &str| {
        let task = place.task("shell.Commands", lines).replace("id: x", &format!("id: {id}"));
        task.lines().map(|line| format!("    {line}\n")).collect::<String>()
    };
    let tasks = format!(
        "  - id: x\n    type: io.kestra.plugin.core.flow.WorkingDirectory\n    tasks:\n{}{}",
        child("first", "outputFiles: [kept.txt]\ncommands: [\"echo 1 > kept.txt; mkdir d; echo 2 > d/other.txt; chmod 755 kept.txt\"]"),
        child("second", "commands: [\"cat kept.txt d/other.txt\", \"test -x kept.txt\"]")
    );
    let done = place.flow(&tasks).expect("SUCCESS");
    assert_eq!(done.said(), ["1", "2"]);
    assert_eq!(done.run("first")["outputs"]["exitCode"], json!(0));
}
