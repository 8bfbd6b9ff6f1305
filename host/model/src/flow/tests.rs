//! From a text to a flow, and everything that can be wrong on the way.

use std::fmt::Write as _;
use std::time::Duration;

use super::*;
use crate::dynamic::Dynamic;
use crate::source::Sources;
use crate::task::TaskKind;
use crate::violation::Severity;
use crate::yaml;

/// The flow, and every finding as `severity line:column: path: message (help)`.
fn read(text: &str) -> (Option<Flow>, String) {
    let mut sources = Sources::new();
    let source = sources.add("flow.yaml", text);
    let document = match yaml::parse(&sources, source) {
        Ok(document) => document,
        Err(found) => return (None, found.display(&sources).to_string()),
    };
    let (flow, found) = Flow::from_node(&document.root);
    let mut report = String::new();
    for violation in document.warnings.iter().chain(&found) {
        let place = sources.locate(violation.span).to_string();
        let place = place.strip_prefix("flow.yaml:").unwrap_or(&place).to_owned();
        let severity = format!("{:?}", violation.severity).to_lowercase();
        let help = violation.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        let _ = writeln!(report, "{severity} {place}: {violation}{help}");
    }
    (flow, report)
}

/// A valid flow around the given lines.
fn with(lines: &str) -> String {
    let tasks = if lines.contains("\ntasks:") || lines.starts_with("tasks:") { "" } else { "tasks: [{id: t, type: x.Y}]\n" };
    format!("id: f\nnamespace: n\n{tasks}{lines}\n")
}

fn errors(lines: &str) -> String {
    let (flow, report) = read(&with(lines));
    assert_eq!(flow.is_none(), report.lines().any(|line| line.starts_with("error")), "{report}");
    report
}

const SEED: [(&str, &str); 8] = [
    ("process", include_str!("../../tests/flows/process_script_runner.yaml")),
    ("docker", include_str!("../../tests/flows/docker_script_runner.yaml")),
    ("kubernetes", include_str!("../../tests/flows/kubernetes_script_runner.yaml")),
    ("kubernetes python", include_str!("../../tests/flows/kubernetes_python_runner.yaml")),
    ("aws", include_str!("../../tests/flows/aws_batch_runner.yaml")),
    ("gcp", include_str!("../../tests/flows/gcp_batch_runner.yaml")),
    ("azure", include_str!("../../tests/flows/azure_batch_runner.yaml")),
    ("before 0.16", include_str!("../../tests/flows/python_in_container.yaml")),
];

#[test]
fn the_example_flows_are_accepted_verbatim() {
    let mut summary = String::new();
    for (name, text) in SEED {
        let (flow, report) = read(text);
        let flow = flow.unwrap_or_else(|| panic!("{name}: {report}"));
        let task = flow.all_tasks().into_iter().rfind(|task| task.is_runnable()).unwrap();
        let runner = task.node.get_path("taskRunner.type").and_then(Node::as_str).unwrap_or("none");
        let _ = writeln!(summary, "{name}: {}.{} task {} on {runner}\n{report}", flow.namespace, flow.id, task.id);
    }
    insta::assert_snapshot!(summary, @r#"
        process: myteam.process_script_runner task shell on io.kestra.core.models.script.types.ProcessTaskRunner
        info 8:13: tasks[0].taskRunner.type: io.kestra.core.models.script.types.ProcessTaskRunner is replaced by io.kestra.plugin.core.runner.Process

        docker: myteam.docker_script_runner task shell on io.kestra.plugin.scripts.runner.docker.DockerTaskRunner
        info 9:13: tasks[0].taskRunner.type: io.kestra.plugin.scripts.runner.docker.DockerTaskRunner is replaced by io.kestra.plugin.scripts.runner.docker.Docker

        kubernetes: myteam.kubernetes_script_runner task shell on io.kestra.plugin.kubernetes.runner.KubernetesTaskRunner
        info 27:13: tasks[0].taskRunner.type: io.kestra.plugin.kubernetes.runner.KubernetesTaskRunner is replaced by io.kestra.plugin.kubernetes.runner.Kubernetes

        kubernetes python: dev.kubernetes_script_runner task send_data on io.kestra.plugin.kubernetes.runner.KubernetesTaskRunner
        info 9:13: tasks[0].taskRunner.type: io.kestra.plugin.kubernetes.runner.KubernetesTaskRunner is replaced by io.kestra.plugin.kubernetes.runner.Kubernetes

        aws: dev.aws_batch_runner task scrape_environment_info on io.kestra.plugin.aws.runner.AwsBatchTaskRunner
        warning 11:20: tasks[0].taskRunner.accessKeyId: an expression that is a whole value needs quotes; other YAML tools refuse this line (write "{{ secrets.awsAccessKey }}")
        warning 12:20: tasks[0].taskRunner.secretKeyId: an expression that is a whole value needs quotes; other YAML tools refuse this line (write "{{ secrets.awsSecretKey }}")
        info 9:13: tasks[0].taskRunner.type: io.kestra.plugin.aws.runner.AwsBatchTaskRunner is replaced by io.kestra.plugin.aws.runner.Batch

        gcp: dev.gcp_batch_runner task scrape_environment_info on io.kestra.plugin.gcp.runner.GcpBatchTaskRunner
        warning 10:18: tasks[0].taskRunner.projectId: an expression that is a whole value needs quotes; other YAML tools refuse this line (write "{{ secrets.projectId }}")
        info 9:13: tasks[0].taskRunner.type: io.kestra.plugin.gcp.runner.GcpBatchTaskRunner is replaced by io.kestra.plugin.gcp.runner.Batch

        azure: dev.azure_batch_runner task scrape_environment_info on io.kestra.plugin.azure.runner.AzureBatchTaskRunner
        info 9:13: tasks[0].taskRunner.type: io.kestra.plugin.azure.runner.AzureBatchTaskRunner is replaced by io.kestra.plugin.azure.runner.Batch

        before 0.16: dev.python_in_container task get_users on none
        info 6:11: tasks[0].type: io.kestra.core.tasks.flows.WorkingDirectory is replaced by io.kestra.plugin.core.flow.WorkingDirectory
        "#);
}

#[test]
fn every_violation_at_once_with_its_place() {
    let text = "\
id: -bad
namespace: My.Team
taks: []
tasks:
  - id: one
    type: io.kestra.plugin.core.log.Log
    mesage: hello
    timeout: 10 minutes
  - type: io.kestra.plugin.scripts.shell.Commands
    allowFailure: perhaps
    anything: goes
  - id: one
    type: io.kestra.core.tasks.flows.Sequential
    concurrent: 2
    tasks:
      - id: a.b
        type: x.Y
        retry: {type: constant, maxAttempt: 0}
";
    insta::assert_snapshot!(read(text).1, @r#"
        error 1:5: id: `-bad` is no id (allowed are letters, digits, `.`, `_` and `-`, beginning with a letter or digit)
        error 2:12: namespace: `My.Team` is no id (allowed are lower-case letters, digits, `.`, `_` and `-`, beginning with a letter or digit)
        error 3:1: taks: unknown property `taks` of the flow (did you mean `tasks`?)
        error 5:5: tasks[0].message: the task `one` (Log) needs `message` (One line or several.)
        error 7:5: tasks[0].mesage: unknown property `mesage` of the task `one` (Log) (did you mean `message`?)
        error 8:14: tasks[0].timeout: `10 minutes` is not an ISO-8601 duration such as `PT30S`, `PT1H30M` or `P1D` (write it like `PT30S`, `PT1H30M` or `P1D`)
        error 9:5: tasks[1].id: a task needs `id` (The task's name, once in a flow; read its results with `outputs.<id>`.)
        error 10:19: tasks[1].allowFailure: expected `true` or `false`, found the string "perhaps"
        error 12:9: tasks: Duplicate task id with name [one] (give each its own id, nested ones included)
        info 13:11: tasks[2].type: io.kestra.core.tasks.flows.Sequential is replaced by io.kestra.plugin.core.flow.Sequential
        error 14:5: tasks[2].concurrent: unknown property `concurrent` of the task `one` (Sequential) (allowed are `allowFailure`, `allowWarning`, `assets`, `description`, `disabled`, `errors`, `finally`, `id`, `logLevel`, `logToFile`, `pluginDefaultsRef`, `retry`, `runIf`, `taskCache`, `tasks`, `timeout`, `type`, `version`, `workerGroup`)
        error 16:13: tasks[2].tasks[0].id: `a.b` is no id (allowed are letters, digits, `_` and `-`, beginning with a letter or digit)
        error 18:16: tasks[2].tasks[0].retry.interval: a retry needs `interval` (The wait between attempts.)
        deprecation 18:33: tasks[2].tasks[0].retry.maxAttempt: `maxAttempt` is now called `maxAttempts`
        error 18:45: tasks[2].tasks[0].retry.maxAttempt: expected a whole number from 1, found the number 0
        "#);
}

/// Each rule of spec 1.3 with a flow that breaks it.
#[test]
fn rules_1_3() {
    const LOG: &str = "type: io.kestra.plugin.core.log.Log, message: m";
    const FLOW: &str = "type: io.kestra.plugin.core.flow";
    let table = [
        ("duplicate task ids, nested", format!("tasks: [{{id: a, {LOG}}}, {{id: s, {FLOW}.Sequential, tasks: [{{id: a, {LOG}}}], errors: [{{id: b, {LOG}}}]}}]\nerrors: [{{id: b, {LOG}}}]")),
        ("duplicate trigger ids", "triggers:\n- {id: t, type: io.kestra.plugin.core.trigger.Webhook, key: k}\n- {id: t, type: io.kestra.plugin.core.trigger.Webhook, key: k}".to_owned()),
        ("duplicate input ids", "inputs: [{id: i, type: INT}, {id: i, type: INT}]".to_owned()),
        ("duplicate output ids", "outputs: [{id: o, type: STRING, value: v}, {id: o, type: STRING, value: w}]".to_owned()),
        ("recursive call", format!("tasks: [{{id: s, {FLOW}.Subflow, namespace: n, flowId: f}}]")),
        ("recursive call by batches", format!("tasks: [{{id: s, {FLOW}.ForEachItem, items: u, namespace: n, flowId: f}}]")),
        ("dependsOn an unknown input", "inputs: [{id: first, type: INT}, {id: b, type: INT, dependsOn: {inputs: [frist]}}]".to_owned()),
        ("dependsOn in a circle", "inputs: [{id: a, type: INT, dependsOn: {inputs: [b]}}, {id: b, type: INT, dependsOn: {inputs: [a]}}]".to_owned()),
        ("system labels", "labels: {system.correlationId: x, system.readOnly: true, team: t}".to_owned()),
        ("worker group with an unknown fallback", "workerGroup: {fallback: SOMETIMES}".to_owned()),
        ("WorkingDirectory empty", format!("tasks: [{{id: w, {FLOW}.WorkingDirectory, tasks: []}}]")),
        ("WorkingDirectory with a flowable", format!("tasks: [{{id: w, {FLOW}.WorkingDirectory, tasks: [{{id: s, {FLOW}.Sequential, tasks: [{{id: l, {LOG}}}]}}]}}]")),
        ("WorkingDirectory with a worker group", format!("tasks: [{{id: w, {FLOW}.WorkingDirectory, tasks: [{{id: l, {LOG}, workerGroup: {{key: k}}}}]}}]")),
        ("Dag empty", format!("tasks: [{{id: d, {FLOW}.Dag, tasks: []}}]")),
        ("Dag with an unknown task", format!("tasks: [{{id: d, {FLOW}.Dag, tasks: [{{task: {{id: alpha, {LOG}}}, dependsOn: [alhpa]}}]}}]")),
        ("Dag in a circle", format!("tasks: [{{id: d, {FLOW}.Dag, tasks: [{{task: {{id: a, {LOG}}}, dependsOn: [c]}}, {{task: {{id: b, {LOG}}}, dependsOn: [a]}}, {{task: {{id: c, {LOG}}}, dependsOn: [b]}}]}}]")),
        ("Switch without tasks", format!("tasks: [{{id: s, {FLOW}.Switch, value: v, cases: {{a: []}}}}]")),
        ("retry above maxDuration", "retry: {type: constant, interval: PT1H, maxDuration: PT1M}".to_owned()),
        ("retry above maxInterval", format!("tasks: [{{id: a, {LOG}, retry: {{type: random, minInterval: PT5S, maxInterval: PT1S}}}}]")),
        ("retry with an unknown type", "retry: {type: constnat, interval: PT1S}".to_owned()),
        ("retry with another type's field", "retry: {type: constant, interval: PT1S, maxInterval: PT2S}".to_owned()),
        ("Schedule with a broken cron", "triggers: [{id: t, type: io.kestra.plugin.core.trigger.Schedule, cron: '* * *'}]".to_owned()),
        ("Schedule with an unknown nickname", "triggers: [{id: t, type: io.kestra.plugin.core.trigger.Schedule, cron: '@often'}]".to_owned()),
        ("Webhook with a long key", format!("triggers: [{{id: t, type: io.kestra.plugin.core.trigger.Webhook, key: {}}}]", "k".repeat(257))),
        ("Webhook with MultipleCondition", "triggers: [{id: t, type: io.kestra.plugin.core.trigger.Webhook, key: k, conditions: [{type: io.kestra.plugin.core.condition.MultipleCondition}]}]".to_owned()),
        ("Flow trigger without a condition", "triggers: [{id: t, type: io.kestra.plugin.core.trigger.Flow}]".to_owned()),
        ("input with a broken pattern", "inputs: [{id: i, type: STRING, validator: '[a-'}]".to_owned()),
        ("input with min above max", "inputs: [{id: i, type: INT, min: 5, max: 2}]".to_owned()),
        ("input with a bound of another type", "inputs: [{id: i, type: DATE, after: soon}]".to_owned()),
        ("input with an unfit default", "inputs: [{id: i, type: INT, max: 5, defaults: 9}]".to_owned()),
        ("input with an unfit default of a select", "inputs: [{id: i, type: SELECT, values: [a, b], defaults: c}]".to_owned()),
        ("input with both defaults and prefill", "inputs: [{id: i, type: INT, defaults: 1, prefill: 2}]".to_owned()),
        ("input with another type's validator", "inputs: [{id: i, type: INT, validator: x}]".to_owned()),
        ("input with an unknown type", "inputs: [{id: i, type: STRNG}]".to_owned()),
        ("select without values", "inputs: [{id: i, type: SELECT}]".to_owned()),
        ("ARRAY of ARRAY", "inputs: [{id: i, type: ARRAY, itemType: ARRAY}]".to_owned()),
        ("FILE default", "inputs: [{id: i, type: FILE, defaults: /etc/passwd}]".to_owned()),
        ("dotted ids in conflict", "inputs: [{id: request, type: JSON}, {id: request.name, type: STRING}]".to_owned()),
        ("unknown top-level property", "id2: x\ntriggers: []".to_owned()),
        ("concurrency", "concurrency: {limit: 0, behavior: WAIT}".to_owned()),
        ("SLA without its field", "sla: [{id: s, type: MAX_DURATION, behavior: FAIL}]".to_owned()),
        ("check without condition", "checks: [{message: m}]".to_owned()),
        ("template", format!("tasks: [{{id: t, {FLOW}.Template, namespace: n, templateId: x}}]")),
        ("empty tasks", "tasks: []".to_owned()),
        ("deprecated spellings", format!("taskDefaults: []\nlisteners: []\ntasks: [{{id: p, {FLOW}.Pause, delay: PT1S}}, {{id: e, type: io.kestra.core.tasks.flows.EachSequential, value: [1], tasks: [{{id: l, {LOG}}}]}}]\nchecks: [{{condition: c, message: m}}]\ninputs: [{{name: i, type: BOOLEAN}}]")),
    ];
    let mut report = String::new();
    for (rule, lines) in table {
        let _ = writeln!(report, "{rule}\n    {}", errors(&lines).trim_end().replace('\n', "\n    "));
    }
    insta::assert_snapshot!(report, @r#"
        duplicate task ids, nested
            error 3:133: tasks: Duplicate task id with name [a, b] (give each its own id, nested ones included)
        duplicate trigger ids
            error 6:8: triggers: Duplicate trigger id with name [t] (give each its own id, nested ones included)
        duplicate input ids
            error 4:35: inputs: Duplicate input id with name [i] (give each its own id, nested ones included)
        duplicate output ids
            error 4:49: outputs: Duplicate output id with name [o] (give each its own id, nested ones included)
        recursive call
            error 3:81: tasks[0].flowId: Recursive call to flow [n.f] (call another flow)
        recursive call by batches
            error 3:95: tasks[0].flowId: Recursive call to flow [n.f] (call another flow)
        dependsOn an unknown input
            error 4:34: inputs[1].dependsOn: the input `b` depends on `frist`, which is no input of the flow (did you mean `first`?)
        dependsOn in a circle
            error 4:10: inputs: the inputs depend on each other in a circle: a → b → a (remove one of these dependencies)
        system labels
            error 4:10: labels: only the system may set labels that begin with `system.`, found `system.correlationId=x` (choose a key without that prefix)
        worker group with an unknown fallback
            error 4:25: workerGroup.fallback: the string "SOMETIMES" is none of the allowed values (allowed are `CANCEL`, `FAIL`, `WAIT`)
        WorkingDirectory empty
            error 3:75: tasks[0].tasks: the task `w` has no child tasks (add a task or remove this one)
        WorkingDirectory with a flowable
            error 3:76: tasks[0]: the task `s` inside WorkingDirectory `w` is not runnable (put flowable tasks outside of the WorkingDirectory)
        WorkingDirectory with a worker group
            error 3:146: tasks[0]: the task `l` inside WorkingDirectory `w` cannot have a worker group (set it on the WorkingDirectory)
        Dag empty
            error 3:62: tasks[0].tasks: the task `d` has no child tasks (add a task or remove this one)
        Dag with an unknown task
            error 3:70: tasks[0]: the task `alpha` depends on `alhpa`, which is no task of the Dag `d` (did you mean `alpha`?)
        Dag in a circle
            error 3:9: tasks[0]: the tasks of the Dag `d` depend on each other in a circle: a → c → b → a (remove one of these dependencies)
        Switch without tasks
            error 3:9: tasks[0]: neither `cases` nor `defaults` has a task (add a case, or tasks in `defaults`)
        retry above maxDuration
            error 4:35: retry.interval: `interval` (PT1H) must be less than `maxDuration` (PT1M) (lower `interval` or raise `maxDuration`)
        retry above maxInterval
            error 3:101: tasks[0].retry.minInterval: `minInterval` (PT5S) must be less than `maxInterval` (PT1S) (lower `minInterval` or raise `maxInterval`)
        retry with an unknown type
            error 4:15: retry.type: the string "constnat" is none of the allowed values (did you mean `constant`?)
        retry with another type's field
            error 4:41: retry.maxInterval: unknown property `maxInterval` of a retry (did you mean `interval`?)
        Schedule with a broken cron
            error 4:72: triggers[0].cron: the cron expression `* * *` has 3 fields, expected 5 (minute, hour, day of month, month, day of week; with `withSeconds: true` the seconds come first)
        Schedule with an unknown nickname
            error 4:72: triggers[0].cron: `@often` is no cron nickname (allowed are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly)
        Webhook with a long key
            error 4:70: triggers[0].key: the key has more than 256 characters
        Webhook with MultipleCondition
            error 4:86: triggers[0].conditions: a webhook cannot have a MultipleCondition
        Flow trigger without a condition
            warning 4:12: triggers[0]: a flow trigger without conditions reacts to every execution of every flow (add `preconditions` with the flows to listen to)
        input with a broken pattern
            error 4:43: inputs[0].validator: the pattern of the input `i` does not compile: Parsing error at position 10: Invalid character class
        input with min above max
            error 4:34: inputs[0].min: `min` of the input `i` is `5`, more than `max`, which is `2`
        input with a bound of another type
            error 4:37: inputs[0].after: `after` of the input `i` is `soon`, which is no DATE
        input with an unfit default
            error 4:47: inputs[0].defaults: the default of the input `i` does not fit: it must be less than or equal to `5`
        input with an unfit default of a select
            error 4:58: inputs[0].defaults: the default of the input `i` does not fit: it must be one of the values [a, b]
        input with both defaults and prefill
            error 4:51: inputs[0].prefill: the input `i` has both `prefill` and `defaults` (keep one)
        input with another type's validator
            error 4:29: inputs[0].validator: unknown property `validator` of the input `i` (allowed are `defaults`, `dependsOn`, `description`, `displayName`, `id`, `max`, `min`, `prefill`, `required`, `type`)
        input with an unknown type
            error 4:24: inputs[0].type: the string "STRNG" is none of the allowed values (did you mean `STRING`?)
        select without values
            error 4:10: inputs[0].values: the input `i` needs `values` (list the allowed values, or give an `expression` that renders to them)
        ARRAY of ARRAY
            error 4:41: inputs[0].itemType: the input `i` is an ARRAY of ARRAY (use the type JSON)
        FILE default
            error 4:40: inputs[0].defaults: the default of the input `i` does not fit: expected type FILE: the URI of a stored file, such as `kestra:///…`
        dotted ids in conflict
            error 4:42: inputs: the input `request.name` would be a part of the input `request` (rename one of the two)
        unknown top-level property
            error 4:1: id2: unknown property `id2` of the flow (did you mean `id`?)
        concurrency
            error 4:22: concurrency.limit: expected a whole number from 1, found the number 0
            error 4:35: concurrency.behavior: the string "WAIT" is none of the allowed values (allowed are `CANCEL`, `FAIL`, `QUEUE`)
        SLA without its field
            error 4:7: sla[0].duration: an SLA of this type needs `duration`
        check without condition
            error 4:10: checks[0].when: `checks[0]` needs `when` (The check fails when it renders to something falsy.)
        template
            error 3:23: tasks[0].type: tasks of type Template cannot be run (move the template's tasks into a flow and call it with `io.kestra.plugin.core.flow.Subflow`)
        empty tasks
            error 3:8: tasks: a flow needs at least one task
        deprecated spellings
            deprecation 3:1: taskDefaults: `taskDefaults` is now called `pluginDefaults`
            deprecation 4:1: listeners: `listeners` is deprecated (use `afterExecution`, or a flow trigger in another flow)
            deprecation 5:57: tasks[0].delay: `delay` is now called `pauseDuration`
            deprecation 5:85: tasks[1].type: the type EachSequential is deprecated (use `io.kestra.plugin.core.flow.ForEach` with `values`)
            info 5:85: tasks[1].type: io.kestra.core.tasks.flows.EachSequential is replaced by io.kestra.plugin.core.flow.EachSequential
            deprecation 6:11: checks[0].condition: `condition` is now called `when`
            deprecation 7:11: inputs[0].name: `name` is now called `id`
            deprecation 7:26: inputs[0].type: the input type is deprecated, use `BOOL`
        "#);
}

#[test]
fn documents_that_are_no_flow() {
    for (text, expected) in [
        ("just text", "expected the flow as a map, found the string \"just text\""),
        ("- a\n- b", "expected the flow as a map, found a list of 2"),
        ("id: f", "the flow needs `tasks`"),
        ("id: f\nnamespace: n\ntasks: {a: b}", "expected a list of tasks, found a map"),
        ("id: f\nnamespace: n\ntasks: [text]", "expected a task as a map, found the string"),
        ("id: f\nnamespace: n\ntasks:\n", "the flow needs `tasks`"),
        ("id: executions\nnamespace: n\ntasks: [{id: a, type: x.Y}]", "the id `executions` is reserved"),
        ("id: [f]\nnamespace: n\ntasks: [{id: a, type: x.Y}]", "expected a text, found a list of 1"),
    ] {
        let (flow, report) = read(text);
        assert!(flow.is_none() && report.contains(expected), "{text}\n{report}");
    }
    let (_, report) = read(&format!("id: {}\nnamespace: n\ntasks: [{{id: a, type: x.Y}}]", "f".repeat(101)));
    assert!(report.contains("has 101 characters, the limit is 100"), "{report}");
}

#[test]
fn a_stored_flow_with_unknown_properties_stays_readable_1_2() {
    let mut sources = Sources::new();
    let source = sources.add("stored", with("future: 1\nconcurrency: {limit: 1, colour: red}"));
    let root = yaml::parse(&sources, source).unwrap().root;
    assert!(Flow::from_node(&root).0.is_none());
    let (flow, found) = Flow::from_node_with(&root, Strictness::Lenient);
    assert!(flow.is_some() && found.is_empty(), "{found}");
}

#[test]
fn an_update_keeps_id_and_namespace_1_3() {
    let flow = |text: &str| read(text).0.unwrap();
    let stored = flow("id: f\nnamespace: n\ntasks: [{id: a, type: x.Y}]");
    let updated = flow("id: g\nnamespace: m\ntasks: [{id: a, type: x.Y}]");
    assert!(crate::check_update(&stored, &stored).is_empty());
    assert_eq!(
        crate::check_update(&stored, &updated).to_string(),
        "id: Illegal flow id update: `f` cannot become `g`\nnamespace: Illegal flow namespace update: `n` cannot become `m`"
    );
}

const FLOWABLES: &str = include_str!("../../tests/flows/flowables.yaml");

#[test]
fn every_flowable_is_read_4_2() {
    let (flow, report) = read(FLOWABLES);
    let flow = flow.unwrap_or_else(|| panic!("{report}"));
    let mut lines = String::new();
    for task in flow.all_tasks() {
        let children: Vec<_> = task.children().map(|child| &*child.id).collect();
        let kind = format!("{:?}", task.kind);
        let kind = kind.split(['(', ' ']).next().unwrap_or_default();
        let _ = writeln!(lines, "{} {kind} [{}]", task.id, children.join(" "));
    }
    insta::assert_snapshot!(lines, @r#"
        sequential Sequential [s1 s2 s3]
        s1 Runnable []
        s2 Runnable []
        s3 Runnable []
        parallel Parallel [p1 p2]
        p1 Runnable []
        p2 Runnable []
        dag Dag [d1 d2]
        d1 Runnable []
        d2 Runnable []
        if If [i1 i2]
        i1 Runnable []
        i2 Runnable []
        switch Switch [c1 c2 c3]
        c1 Runnable []
        c2 Runnable []
        c3 Runnable []
        allow AllowFailure [a1]
        a1 Runnable []
        each_sequential EachSequential [e1]
        e1 Runnable []
        each_parallel EachParallel [e2]
        e2 Runnable []
        for_each ForEach [f1]
        f1 Runnable []
        loop Loop [l1]
        l1 Runnable []
        items ForEachItem []
        subflow Subflow []
        until LoopUntil [u1]
        u1 Runnable []
        pause Pause [n1]
        n1 Runnable []
        directory WorkingDirectory [w1]
        w1 Runnable []
        sleep Runnable []
        "#);
    insta::assert_snapshot!(report, @r#"
        deprecation 35:11: tasks[6].type: the type EachSequential is deprecated (use `io.kestra.plugin.core.flow.ForEach` with `values`)
        info 35:11: tasks[6].type: io.kestra.core.tasks.flows.EachSequential is replaced by io.kestra.plugin.core.flow.EachSequential
        deprecation 39:11: tasks[7].type: the type EachParallel is deprecated (use `io.kestra.plugin.core.flow.ForEach` with `values`)
        info 60:11: tasks[11].type: io.kestra.core.tasks.flows.Flow is replaced by io.kestra.plugin.core.flow.Subflow
        info 65:11: tasks[12].type: io.kestra.plugin.core.flow.WaitFor is replaced by io.kestra.plugin.core.flow.LoopUntil
        info 76:11: tasks[14].type: io.kestra.core.tasks.flows.Worker is replaced by io.kestra.plugin.core.flow.WorkingDirectory
        "#);
    let kind = |id: &str| flow.task(id).unwrap().kind.clone();
    let TaskKind::LoopUntil(until) = kind("until") else { panic!() };
    assert_eq!((until.interval, until.max_iterations), (Dynamic::Literal(Duration::from_secs(5)), Some(Dynamic::Literal(100))));
    let TaskKind::Switch(switch) = kind("switch") else { panic!() };
    assert_eq!(switch.cases.iter().map(|(key, _)| &**key).collect::<Vec<_>>(), ["true", "b"]);
    let TaskKind::ForEachItem(each) = kind("items") else { panic!() };
    assert_eq!((each.batch.rows, each.call.wait), (Some(Dynamic::Literal(10)), Dynamic::Template("{{ inputs.wait }}".into())));
}

#[test]
fn the_whole_document_is_read_1_1() {
    let (flow, report) = read(
        r#"id: whole
namespace: company.team
revision: 3
description: All of it
labels: [{key: a, value: 1}]
inputs: [{id: i, type: INT, required: false}]
variables: {v: {w: [1]}}
tasks:
  - id: t
    type: io.kestra.plugin.core.log.Log
    message: hello
    when: "{{ inputs.i }}"
    timeout: "{{ vars.t }}"
    retry: {type: exponential, interval: PT1S, maxInterval: PT1M, maxAttempts: 3, behavior: CREATE_NEW_EXECUTION}
    logLevel: WARN
errors: [{id: e, type: x.Y}]
finally: [{id: f, type: x.Y}]
afterExecution: [{id: x, type: x.Y}]
triggers: [{id: s, type: io.kestra.plugin.core.trigger.Schedule, cron: "@daily", stopAfter: [FAILED], interval: PT5S}]
concurrency: {limit: 2, behavior: CANCEL}
outputs: [{id: o, type: JSON, value: "{{ outputs.t }}"}]
retry: {type: constant, interval: 5}
sla: [{id: s, type: EXECUTION_ASSERTION, assert: "{{ x }}", behavior: NONE, labels: {late: yes}}]
checks: [{when: "{{ y }}", message: no, behavior: FAIL_EXECUTION}]
disabled: true
"#,
    );
    assert_eq!(report, "");
    let flow = flow.unwrap();
    let task = &flow.tasks[0];
    assert_eq!(task.common.run_if.as_deref(), Some("{{ inputs.i }}"));
    assert_eq!(task.common.timeout, Some(Dynamic::Template("{{ vars.t }}".into())));
    assert_eq!(task.common.retry.as_ref().and_then(|retry| retry.max_attempts), Some(3));
    assert_eq!(flow.retry.unwrap().policy, crate::retry::RetryPolicy::Constant { interval: Duration::from_secs(5) });
    assert_eq!((flow.revision, flow.disabled, flow.labels.len(), flow.inputs[0].required), (Some(3), true, 1, false));
    assert_eq!([flow.errors.len(), flow.finally.len(), flow.after_execution.len(), flow.triggers.len()], [1; 4]);
    assert_eq!((flow.sla.len(), flow.checks.len(), flow.outputs.len()), (1, 1, 1));
    assert_eq!(flow.concurrency.unwrap().limit, 2);
}

#[test]
fn defaults_are_read_before_the_flow_6_1() {
    let mut sources = Sources::new();
    let text = "taskDefaults:\n- {type: a, values: {x: 1}}\npluginDefaults:\n- {type: b, forced: true, values: {y: }}\n- {values: {}}\n- {type: c}\n";
    let source = sources.add("flow.yaml", text);
    let root = yaml::parse(&sources, source).unwrap().root;
    let (entries, found) = crate::read_defaults(&root);
    let read: Vec<_> = entries.iter().map(|entry| (&*entry.type_name, entry.forced)).collect();
    assert_eq!(read, [("a", false), ("b", true)]);
    insta::assert_snapshot!(found.display(&sources).to_string(), @r#"
        flow.yaml:5:3: pluginDefaults[1].type: `pluginDefaults[1]` needs `type`
        flow.yaml:6:3: pluginDefaults[2].values: `pluginDefaults[2]` needs `values`
        flow.yaml:4:36: pluginDefaults[0].values.y: the default of `y` is empty
        "#);
}

#[test]
fn a_broken_default_is_told_once_when_both_readers_find_it_1_3() {
    let mut sources = Sources::new();
    let source = sources.add("flow.yaml", with("pluginDefaults: [{values: {x: }}]"));
    let root = yaml::parse(&sources, source).unwrap().root;
    let (_, mut found) = crate::read_defaults(&root);
    found.extend(Flow::from_node(&root).1);
    found.sort();
    insta::assert_snapshot!(found.display(&sources).to_string(), @r#"
        flow.yaml:4:18: pluginDefaults[0].type: `pluginDefaults[0]` needs `type`
        flow.yaml:4:28: pluginDefaults[0].values.x: the default of `x` is empty
        "#);
}

#[test]
fn old_names_are_notices_not_errors_1_3() {
    let (flow, _) = read(&with("taskDefaults: []"));
    assert!(flow.is_some());
    let (_, found) = Flow::from_node(&flow.unwrap().node);
    assert_eq!(found.of(Severity::Deprecation).count(), 1);
}

#[test]
fn scripts_15_names_that_leave_the_working_directory_are_found_before_a_run() {
    let of = |task: &str| errors(&format!("tasks: [{{id: a, type: io.kestra.plugin.scripts.shell.Commands, {task}}}]"));
    for (task, expected) in [
        ("inputFiles: {a.txt: x, ./b/c.txt: y, ..d: z, '/gone': null, '{{ x }}/../y': z}", ""),
        ("inputFiles: \"{{ outputs.a.files }}\", outputFiles: ['*.csv', 'regex:.*/../x', '{{ x }}/../y']", ""),
        ("inputFiles: {../evil: x}", "inputFiles['../evil']: `../evil` cannot name a file of a working directory: `..` leads out of it"),
        ("inputFiles: {a/../b: x}", "`a/../b` cannot name a file of a working directory: `..` leads out of it"),
        ("inputFiles: {/etc/passwd: x}", "`/etc/passwd` cannot name a file of a working directory: it is absolute"),
        ("inputFiles: {data/: x}", "`data/` cannot name a file of a working directory: it ends in `/` like a directory"),
        ("outputFiles: [a.txt, ../*.csv]", "warning 3:85: tasks[0].outputFiles: `../*.csv` matches nothing"),
        ("outputFiles: ../x", "`../x` matches nothing: `..` leads out of the working directory"),
    ] {
        let report = of(task);
        assert!(if expected.is_empty() { report.is_empty() } else { report.contains(expected) }, "{task}: {report}");
    }
    let below = "tasks: [{id: w, type: io.kestra.plugin.core.flow.WorkingDirectory, inputFiles: {../x: y}, tasks: [{id: l, type: io.kestra.plugin.core.log.Log, message: m}]}]";
    assert!(errors(below).contains("tasks[0].inputFiles['../x']"), "{}", errors(below));
}

#[test]
fn triggers_that_run_scripts_have_a_schema() {
    let of = |trigger: &str| errors(&format!("triggers: [{{id: t, type: io.kestra.plugin.scripts.{trigger}}}]"));
    for (trigger, expected) in [
        ("shell.ScriptTrigger, script: exit 1, exitCondition: exit 1, interval: PT10S, edge: false", ""),
        (
            "python.CommandsTrigger, commands: [python a.py], exitCondition: ready, dependencies: [requests], containerImage: 'python:3.13'",
            "",
        ),
        ("go.ScriptTrigger, script: x", "needs `exitCondition`"),
        ("node.CommandsTrigger, script: x, exitCondition: exit 0", "needs `commands`"),
        ("ruby.ScriptTrigger, script: x, exitCondition: exit 0, taskRunner: {type: x}", "unknown property `taskRunner`"),
        ("shell.ScriptTrigger, script: x, exitCondition: exit 0, dependencies: [x]", "unknown property `dependencies`"),
        ("shell.ScripTrigger, script: x, exitCondition: exit 0", "did you mean `io.kestra.plugin.scripts.shell.ScriptTrigger`?"),
    ] {
        let report = of(trigger);
        assert!(if expected.is_empty() { report.is_empty() } else { report.contains(expected) }, "{trigger}: {report}");
    }
}
