//! The plans of all languages, side by side.

use serde_json::{Value, json};
use switchyard_plugin_api::{Paths, Plan, PlanContext, TargetOs};

use crate::plugin;

fn context(containerized: bool) -> PlanContext {
    PlanContext {
        paths: Paths { working_dir: "/wd".into(), ..Paths::default() },
        containerized,
        target_os: TargetOs::Linux,
        ..PlanContext::default()
    }
}

fn plan_in(context: &PlanContext, task: &str, properties: &Value) -> Plan {
    plugin().find_task(&format!("io.kestra.plugin.scripts.{task}")).unwrap().plan(properties, context).unwrap()
}

fn plan(task: &str, properties: &Value) -> Plan {
    plan_in(&context(true), task, properties)
}

/// The last argument: what the interpreter is given.
fn last(task: &str, properties: &Value) -> String {
    plan(task, properties).argv.pop().unwrap()
}

#[test]
fn every_language() {
    let mut table = String::new();
    for (_, type_name) in plugin().types() {
        let Some(task) = type_name.strip_prefix("io.kestra.plugin.scripts.") else { continue };
        let property = if task.ends_with("Script") { json!({"script": "text"}) } else { json!({"commands": ["one", "two"]}) };
        let plan = plan(task, &property);
        assert!(plan.files.iter().all(|file| file.content == "text" && !file.executable && plan.argv.last().unwrap().contains(&file.path)));
        table.push_str(&format!("{task}: {} {:?}\n", plan.image.unwrap(), plan.argv));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn environment_of_each_language() {
    for (_, type_name) in plugin().types() {
        let Some(task) = type_name.strip_prefix("io.kestra.plugin.scripts.") else { continue };
        let plan = plan(task, &json!({"script": "", "commands": []}));
        let expected: &[(&str, &str)] = if task.starts_with("python.") {
            &[("PIP_DISABLE_PIP_VERSION_CHECK", "1"), ("PIP_ROOT_USER_ACTION", "ignore"), ("PYTHONUNBUFFERED", "true")]
        } else {
            &[]
        };
        assert_eq!(plan.env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(), expected, "{task}");
        assert!(!plan.user_env_wins, "{task}");
    }
}

#[test]
fn conformance_1_fail_fast_and_marks() {
    assert_eq!(
        last("shell.Commands", &json!({"beforeCommands": ["echo pre"], "commands": ["false", "echo never"]})),
        "echo '##kestra:log:debug##'\nset -e\necho pre\necho '##kestra:log:info##'\nfalse\necho never"
    );
    assert_eq!(
        last("powershell.Commands", &json!({"beforeCommands": ["a"], "commands": ["b"]})),
        "echo '##kestra:log:debug##'\n$ErrorActionPreference = 'Stop'\na\necho '##kestra:log:info##'\nb"
    );
}

#[test]
fn conformance_2_no_fail_fast() {
    assert_eq!(last("shell.Commands", &json!({"commands": ["false", "echo last"], "failFast": false})), "false\necho last");
    assert_eq!(last("powershell.Script", &json!({"script": "x", "failFast": false})), "/wd/kestra-script-fd0c5087.ps1");
    assert_eq!(last("perl.Commands", &json!({"commands": ["false", "echo last"]})), "false\necho last");
}

#[test]
fn shell_script_is_one_argument_with_its_guard() {
    let plan = plan("shell.Script", &json!({"script": "echo 1\necho 2\n"}));
    assert_eq!(plan.argv, ["/bin/sh", "-c", "set -e\necho 1\necho 2\n"]);
    assert!(plan.files.is_empty());
}

#[test]
fn conformance_extra_exec_form() {
    for (task, properties, argv) in [
        ("shell.Commands", json!({"interpreter": [], "commands": ["printenv", "HOME"]}), vec!["printenv", "HOME"]),
        ("node.Script", json!({"interpreter": [], "script": "x"}), vec!["node", "/wd/kestra-script-fd0c5087.js"]),
        (
            "powershell.Script",
            json!({"interpreter": [], "script": "x"}),
            vec!["pwsh", "-NoProfile", "-NonInteractive", "-Command", "/wd/kestra-script-fd0c5087.ps1"],
        ),
        ("go.Commands", json!({"interpreter": ["/bin/bash", "-c"], "commands": ["a"]}), vec!["/bin/bash", "-c", "set -e\na"]),
    ] {
        assert_eq!(plan(task, &properties).argv, argv, "{task}");
    }
}

#[test]
fn python_on_the_host_takes_the_interpreter_that_is_there() {
    let properties = json!({"script": "print(1)"});
    let on_host = plan_in(&context(false), "python.Script", &properties);
    let file = &on_host.files[0].path;
    assert_eq!(on_host.argv[2], format!("set -e\nif command -v python3 >/dev/null; then python3 /wd/{file}; else python /wd/{file}; fi"));
    assert_eq!(plan("python.Script", &properties).argv[2], format!("set -e\npython /wd/{file}"));
    let exec = plan_in(&context(false), "python.Script", &json!({"script": "print(1)", "interpreter": []}));
    assert_eq!(exec.argv, ["python3".to_owned(), format!("/wd/{file}")]);
}

#[test]
fn python_brings_its_packages_and_its_version_first() {
    let properties = json!({"script": "import x", "dependencies": ["x==1", "y"], "pythonVersion": "3.12", "beforeCommands": ["mine"]});
    for containerized in [false, true] {
        let plan = plan_in(&context(containerized), "python.Script", &properties);
        let [script, list, program] = plan.files.as_slice() else { panic!("{:?}", plan.files) };
        assert_eq!(list.content, "x==1\ny\n");
        let archives: Vec<&str> = plan.archives.iter().map(|archive| archive.made.as_str()).collect();
        assert_eq!(archives.len(), usize::from(containerized), "on the host the cache directory serves");
        assert!(archives.iter().all(|made| program.content.contains(&format!(" ARCHIVE_MADE=/wd/{made}\n"))), "{}", program.content);
        assert!(program.content.contains(" CACHE=true MANAGER=UV VERSION=3.12 INSTALL_UV=true "), "{}", program.content);
        let expected = format!(
            "echo '##kestra:log:debug##'\nset -e\n. /wd/{}\nmine\necho '##kestra:log:info##'\n\"$KESTRA_PYTHON\" /wd/{}",
            program.path, script.path
        );
        assert_eq!(plan.argv[2], expected);
    }
    let commands = plan("python.Commands", &json!({"commands": ["python x.py"], "dependencies": ["x"]}));
    assert!(commands.argv[2].contains("\n. /wd/kestra-script-") && commands.argv[2].ends_with("\npython x.py"), "{:?}", commands.argv);
    let none = plan("python.Script", &json!({"script": "1", "dependencies": []}));
    assert_eq!(none.files.len(), 1);
}

#[test]
fn python_refuses_what_it_cannot_install() {
    for (properties, part) in [
        (json!({"dependencies": ["x"], "interpreter": []}), "POSIX shell"),
        (json!({"dependencies": ["x"], "interpreter": ["python", "-c"]}), "POSIX shell"),
        (json!({"dependencies": ["x\ny"]}), "one line"),
        (json!({"pythonVersion": "3; rm"}), "pythonVersion"),
        (json!({"dependencies": ["x"], "uvInstallerSha256": "$(x)"}), "uvInstallerSha256"),
    ] {
        let mut properties = properties;
        properties["script"] = json!("1");
        let task = plugin().find_task("io.kestra.plugin.scripts.python.Script").unwrap();
        let error = task.plan(&properties, &context(false)).unwrap_err();
        assert!(error.message.contains(part), "{part}: {error}");
    }
}

#[test]
fn a_path_with_blanks_is_one_word() {
    for (directory, target_os, task, expected) in [
        ("/my dir", TargetOs::Linux, "node.Script", "set -e\nnode '/my dir/kestra-script-fd0c5087.js'"),
        (
            "/it's",
            TargetOs::Linux,
            "node.Script",
            r"set -e
node '/it'\''s/kestra-script-fd0c5087.js'",
        ),
        ("", TargetOs::Linux, "node.Script", "set -e\nnode kestra-script-fd0c5087.js"),
        ("C:\\a", TargetOs::Windows, "node.Script", "set -e\nnode C:\\a\\kestra-script-fd0c5087.js"),
        ("/my dir", TargetOs::Linux, "powershell.Script", "$ErrorActionPreference = 'Stop'\n& '/my dir/kestra-script-fd0c5087.ps1'"),
    ] {
        let paths = Paths { working_dir: directory.into(), ..Paths::default() };
        let context = PlanContext { paths, containerized: true, target_os, ..PlanContext::default() };
        assert_eq!(plan_in(&context, task, &json!({"script": "x"})).argv.last().unwrap(), expected, "{directory}");
    }
}

#[test]
fn jbang_has_properties_of_its_own() {
    for (properties, expected) in [
        (json!({"script": "x"}), "set -e\njbang --quiet /wd/kestra-script-fd0c5087.java"),
        (json!({"script": "x", "extension": ".jsh", "quiet": false}), "set -e\njbang /wd/kestra-script-fd0c5087.jsh"),
    ] {
        assert_eq!(last("jbang.Script", &properties), expected);
    }
    assert_eq!(last("jbang.Commands", &json!({"commands": ["x"], "quiet": false})), "set -e\nx");
}

#[test]
fn dotnet_prepares_itself_before_the_users_commands() {
    assert_eq!(
        last("dotnet.Script", &json!({"script": "x", "beforeCommands": ["mine"]})),
        "echo '##kestra:log:debug##'\nset -e\ndotnet tool install -g dotnet-script --ignore-failed-sources || true\n\
         export PATH=\"$PATH:$HOME/.dotnet/tools\"\nmine\necho '##kestra:log:info##'\ndotnet-script /wd/kestra-script-fd0c5087.csx"
    );
    assert_eq!(last("dotnet.Commands", &json!({"commands": ["x"]})), "set -e\nx");
}

#[test]
fn a_plan_is_the_same_each_time_and_follows_its_text() {
    let script = |text: &str| plan("ruby.Script", &json!({"script": text}));
    assert_eq!(script("puts 1"), script("puts 1"));
    assert_ne!(script("puts 1").files[0].path, script("puts 2").files[0].path);
}

#[test]
fn conformance_25_templates_in_the_text_survive() {
    let plan = plan("python.Script", &json!({"script": "print('{{ x }}')"}));
    assert_eq!(plan.files[0].content, "print('{{ x }}')");
}

#[test]
fn schema_knows_every_property_and_no_other() {
    for component in plugin().manifest().components.iter().filter(|component| component.type_name.starts_with("io.kestra.plugin.")) {
        let name = &component.type_name;
        let schema = &component.schema;
        let own = if name.ends_with("Script") { "script" } else { "commands" };
        assert_eq!(schema["required"], json!([own]), "{name}");
        assert_eq!(schema["additionalProperties"], json!(false), "{name}");
        let properties = schema["properties"].as_object().unwrap();
        for property in [own, "taskRunner", "containerImage", "env", "beforeCommands", "targetOS", "outputFiles"] {
            assert!(properties.contains_key(property), "{name} {property}");
            let described = properties[property].get("description").and_then(Value::as_str);
            assert!(described.is_some_and(|text| !text.is_empty()), "{name} {property}");
        }
        assert_eq!(properties.contains_key("quiet"), name.contains(".jbang."), "{name}");
        assert!(component.planned, "{name}");
    }
}

#[test]
fn a_missing_or_mistyped_property_is_an_error_that_names_it() {
    for (properties, part) in [
        (json!({}), "missing field `commands`"),
        (json!({"commands": "ls"}), "expected a sequence"),
        (json!({"commands": ["ls"], "failFast": "often"}), "expected a boolean"),
    ] {
        let task = plugin().find_task("io.kestra.plugin.scripts.shell.Commands").unwrap();
        let error = task.plan(&properties, &context(true)).unwrap_err();
        assert!(error.message.contains(part) && error.message.contains("shell.Commands"), "{error}");
    }
}

#[test]
fn descriptions_are_complete() {
    let components = plugin().manifest().components;
    assert_eq!(components.len(), 35);
    for component in components.iter().filter(|component| component.type_name.starts_with("io.kestra.plugin.")) {
        let description = &component.description;
        assert!(description.title.ends_with('.') && description.docs.contains("::{\"outputs\""), "{}", component.type_name);
        assert!(description.icon.as_ref().unwrap().ends_with("</svg>"));
        let example = &description.examples[0];
        assert!(example.flow.contains(&format!("type: {}\n", component.type_name)), "{}", example.flow);
        assert_eq!(example.runnable, example.flow.contains("core.runner.Process"));
    }
    insta::assert_snapshot!(plugin().manifest().components[2].description.examples[0].flow);
}
