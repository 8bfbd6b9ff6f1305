//! Tables: one row, one behaviour.

mod date;
mod engine;
mod errors;
mod fake;
mod filter;
mod function;
mod jq;
mod language;
mod limits;
mod property;
mod references;
mod tags;

use serde_json::{Value, json};

use self::fake::Fake;
use crate::{Engine, Limits, Overlay};

fn context() -> Value {
    json!({
        "inputs": {
            "n": 3, "half": 0.5, "name": "Ada", "empty": "", "blank": "  ", "nothing": null, "list": [1, 2, 3], "none": [], "map": {"a": 1, "b": "x"},
            "flag": false, "json": "{\"k\": [1, 2]}", "date": "2024-05-17T08:30:15.123456Z", "nested": [[1, 2], [3], 4]
        },
        "outputs": {"first": {"value": "v1"}, "my-task": {"value": "hyphen"}},
        "vars": {"template": "{{ inputs.name }}!", "twice": "{{ vars.template }}", "endless": "{{ vars.endless }}+", "raw": "{% raw %}{{ x }}{% endraw %}"},
        "taskrun": {"value": "own"},
        "parents": [{"taskrun": {"value": "near"}}, {"taskrun": {"value": "far"}}],
    })
}

fn render(template: &str) -> String {
    let (context, fake) = (context(), Fake::default());
    let scope = Overlay::on(&context).with_host(&fake);
    // Fewer than the usual steps: tests are not optimized.
    let engine = Engine::new(Limits { steps: 500_000, ..Limits::default() });
    engine.render(template, &scope).unwrap_or_else(|error| format!("{}: {error}", error.code()))
}

fn typed(template: &str) -> Value {
    let (context, fake) = (context(), Fake::default());
    let scope = Overlay::on(&context).with_host(&fake);
    Engine::default().render_typed(template, &scope).unwrap_or_else(|error| json!({"error": error.code()}))
}

/// Every row: a template and what it prints; errors print their code first.
#[track_caller]
fn table(rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(template, expected)| {
            let found = render(template);
            let matches = if expected.starts_with("expr::") { found.starts_with(&format!("{expected}:")) } else { found == *expected };
            (!matches).then(|| format!("{template}\n    expected {expected:?}\n    found    {found:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
