//! `plugins test` on finished libraries.

use serde_json::Value as Json;

use crate::support::Home;

fn report(home: &Home, plugin: &str, arguments: &[&str]) -> (i32, Json) {
    let file = format!("plugins/libswitchyard_plugin_{plugin}.so");
    let ran = home.run(&[&["plugins", "test", &file, "--json", "--no-report"], arguments].concat());
    let json = serde_json::from_str(&ran.stdout()).unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.stdout(), ran.stderr()));
    (ran.code(), json)
}

fn row<'a>(report: &'a Json, behaviour: &str) -> &'a Json {
    let rows = report["components"][0]["rows"].as_array().unwrap();
    rows.iter().find(|row| row["behaviour"] == behaviour).unwrap_or_else(|| panic!("{behaviour} is not in {report}"))
}

#[test]
fn a_plugin_that_ends_its_process_is_a_row_and_the_next_behaviour_is_checked() {
    let home = Home::new(&["misbehave"]);
    for (crime, says) in [("segfault", "SIGSEGV"), ("abort", "SIGABRT"), ("exit", "exit code 7"), ("panic-in-run", "run panics")] {
        home.file("crime.yaml", format!("crime: {crime}\n"));
        let only = ["--properties", "crime.yaml", "--only", "outcome.exit_codes", "--only", "outcome.phases", "--only", "paths.names"];
        let (code, report) = report(&home, "misbehave", &[&only[..], &["--type", "dev.switchyard.test.Misbehave"]].concat());
        assert_eq!(code, 1, "{crime}: {report}");
        assert_eq!(row(&report, "paths.names")["verdict"], "passed", "{crime}");
        for behaviour in ["outcome.exit_codes", "outcome.phases"] {
            let row = row(&report, behaviour);
            assert_eq!(row["verdict"], "failed", "{crime}: {row}");
            assert!(row["reason"].as_str().unwrap().contains(says), "{crime}: {row}");
        }
    }
    // Testing it is no reason to keep it away from a host.
    assert!(!home.run(&["plugins", "list"]).stdout().contains("quarantine"));
}

#[test]
fn the_examples_of_script_tasks_are_flows_and_run() {
    let home = Home::new(&["scripts"]);
    let file = "plugins/libswitchyard_plugin_scripts.so";
    let shell = "io.kestra.plugin.scripts.shell.Commands";
    let ran = home.run(&["plugins", "test", file, "--type", shell, "--report", "report.md", "--report", "report.json"]);
    assert_eq!(ran.code(), 0, "{}{}", ran.stdout(), ran.stderr());
    let markdown = std::fs::read_to_string(home.folder.path().join("report.md")).unwrap();
    assert!(markdown.starts_with("# Conformance of `scripts`") && markdown.contains("| `example.1.validate` |"), "{markdown}");
    let json: Json = serde_json::from_str(&std::fs::read_to_string(home.folder.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(json["plugin"]["id"], "scripts");
    assert_eq!(json["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(row(&json, "example.1.validate")["verdict"], "passed");
}

#[test]
fn wrong_questions_are_answered() {
    let home = Home::new(&["misbehave"]);
    let file = "plugins/libswitchyard_plugin_misbehave.so";
    home.file("text.so", "no library");
    for (arguments, code, says) in [
        (&["text.so"][..], 1, "plugin::not_elf"),
        (&["absent.so"], 2, "cli::unreadable"),
        (&[file, "--only", "logs.fload"], 2, "did you mean `logs.flood`?"),
        (&[file, "--skip", "logs.flood"], 2, "cli::not_a_pair"),
        (&[file, "--type", "a.B"], 2, "cli::no_component"),
    ] {
        let ran = home.run(&[&["plugins", "test", "--no-report"], arguments].concat());
        assert_eq!(ran.code(), code, "{arguments:?}: {}{}", ran.stdout(), ran.stderr());
        assert!(ran.stderr().contains(says), "{arguments:?}: {}", ran.stderr());
    }
    let listed = home.run(&["plugins", "test", "--list"]).stdout();
    assert!(listed.lines().count() > 30 && listed.contains("logs.flood"), "{listed}");
}

#[test]
fn our_task_plugins_pass_the_kit() {
    let open = "manifest.schema=a connector takes the settings of its program, which only that program knows";
    // Of families one each: the others are like it.
    for (plugin, type_name, skip) in [
        ("scripts", "io.kestra.plugin.scripts.shell.Commands", None),
        ("scripts", "io.kestra.plugin.scripts.python.Script", None),
        ("git", "io.kestra.plugin.git.Clone", None),
        ("dbt", "io.kestra.plugin.dbt.cli.DbtCLI", None),
        ("aws", "io.kestra.plugin.aws.cli.AwsCLI", None),
        ("terraform", "io.kestra.plugin.terraform.cli.TerraformCLI", None),
        ("sqlmesh", "io.kestra.plugin.sqlmesh.cli.SQLMeshCLI", None),
        ("singer", "io.kestra.plugin.singer.taps.GitHub", Some(open)),
    ] {
        let home = Home::new(&[plugin]);
        let mut arguments = vec!["--type", type_name, "--only", "manifest", "--only", "validate", "--only", "plan", "--only", "run"];
        arguments.extend(skip.iter().flat_map(|skip| ["--skip", skip]));
        let (code, report) = report(&home, plugin, &arguments);
        assert_eq!(code, 0, "{plugin}: {report:#}");
        assert_eq!(report["components"].as_array().unwrap().len(), 1, "{plugin}");
    }
}
