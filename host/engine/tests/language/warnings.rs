//! Expressions that cannot work are warned of before a run, with their place.

use switchyard_engine::load;
use switchyard_model::Sources;

use crate::world::{World, flow};

fn warnings(world: &World, rest: &str) -> Vec<String> {
    let mut sources = Sources::new();
    let text = flow(rest);
    let loaded = load::bytes_of("flow.yaml", text.as_bytes(), world.engine.registry(), &Default::default(), &mut sources).unwrap();
    assert!(loaded.program.is_some(), "{}", loaded.violations.display(&sources));
    let shown = |violation: &switchyard_model::Violation| {
        let place = sources.locate(violation.span);
        format!("{}:{} {} {}", place.line, place.column, violation.code, violation.help.as_deref().unwrap_or_default())
    };
    loaded.violations.iter().filter(|violation| violation.code.starts_with("expr::")).map(shown).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn expressions_are_warned_of_with_their_place() {
    let world = World::new(&[]);
    let log = |message: &str| {
        format!(
            "inputs: [{{id: name, type: STRING, defaults: x}}]\nvariables: {{v: 1}}\ntasks:\n  - id: l\n    type: io.kestra.plugin.core.log.Log\n    message: {message}\n"
        )
    };
    for (message, expected) in [
        ("\"{{ inputs.name }} {{ vars.v }} {{ outputs.l ?? 1 }}\"", ""),
        ("\"a {{ inputs.nmae }}\"", "8:20 expr::unknown_reference did you mean `name`?"),
        ("\"{{ outputs.load.value }}\"", "8:18 expr::unknown_reference allowed are `l`"),
        ("\"{{ vars.w ?? vars.z }}\"", "8:28 expr::unknown_reference did you mean `v`?"),
        ("\"{{ inputs.zz is defined ? inputs.zz : 1 }}\"", ""),
        ("|\n      one\n      {{ inputs.name | uper }}", "10:24 expr::unknown_filter did you mean `upper`?"),
        ("\"{{ nwo() }}\"", "8:18 expr::unknown_function did you mean `now`?"),
        ("'{{ 1 + }}'", "8:22 expr::syntax write a value here, or take away the operator or comma before it"),
        ("'{% raw %}{{ inputs.no }}{% endraw %}'", ""),
    ] {
        assert_eq!(warnings(&world, &log(message)).join("; "), expected, "{message}");
    }
    let other_contexts = "tasks:\n  - {id: s, type: io.kestra.plugin.core.flow.Subflow, namespace: a.b, flowId: c, outputs: {x: '{{ outputs.there.value }}'}}\n  - {id: each, type: io.kestra.plugin.core.flow.ForEachItem, items: '{{ outputs.s.uri }}', namespace: a.b, flowId: c}\n  - {id: l, type: io.kestra.plugin.core.log.Log, message: '{{ outputs.each_items.numberOfBatches }}'}\n  - {id: v, type: io.kestra.plugin.core.execution.SetVariables, variables: {q: 1}}\n  - {id: w, type: io.kestra.plugin.core.log.Log, message: '{{ vars.q }}'}\n";
    assert_eq!(warnings(&world, other_contexts), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_of_a_later_task_are_warned_of() {
    let world = World::new(&[]);
    let log = |id: &str, of: &str| format!("{{id: {id}, type: io.kestra.plugin.core.log.Log, message: '{{{{ outputs.{of} }}}}'}}");
    let last = "{id: z, type: io.kestra.plugin.core.debug.Return, format: x}";
    let in_task =
        |kind: &str, more: &str, tasks: &str| format!("{{id: s, type: io.kestra.plugin.core.flow.{kind}, {more}tasks: [{tasks}]}}");
    for (tasks, warned) in [
        (format!("{}, {last}", log("a", "z.value")), true),
        (format!("{last}, {}", log("a", "z.value")), false),
        (format!("{}, {last}", log("a", "z.value ?? 1")), false),
        (format!("{}, {last}", log("a", "a ?? 1")), false),
        (format!("{}, {last}", in_task("Sequential", "", &log("a", "z.value"))), true),
        (in_task("Sequential", "", &format!("{}, {last}", log("a", "z.value"))), true),
        (in_task("Parallel", "", &format!("{}, {last}", log("a", "z.value"))), false),
        (in_task("ForEach", "values: [1], ", &format!("{}, {last}", log("a", "z.value"))), false),
        (in_task("LoopUntil", "condition: 'true', ", &format!("{}, {last}", log("a", "z.value"))), false),
        (format!("{}, {last}", in_task("ForEach", "values: [1], ", &log("a", "z.value"))), true),
    ] {
        let found = warnings(&world, &format!("tasks: [{tasks}]\n"));
        assert_eq!(found.iter().any(|found| found.contains("move that task before this one")), warned, "{tasks}: {found:?}");
    }
    let handled = warnings(&world, &format!("tasks: [{last}]\nerrors: [{}]\n", log("a", "z.value")));
    assert!(handled.is_empty(), "{handled:?}");
}
