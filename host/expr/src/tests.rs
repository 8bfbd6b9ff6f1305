//! Tables: one row, one behaviour.

mod language;

use serde_json::{Value, json};

use crate::Engine;

fn context() -> Value {
    json!({
        "inputs": {"n": 3, "name": "Ada", "empty": "", "nothing": null, "list": [1, 2, 3], "map": {"a": 1, "b": "x"}, "flag": false},
        "outputs": {"first": {"value": "v1"}, "my-task": {"value": "hyphen"}},
        "vars": {"template": "{{ inputs.name }}!", "twice": "{{ vars.template }}"},
    })
}

fn render(template: &str) -> String {
    Engine::default().render(template, &context()).unwrap_or_else(|error| format!("{}: {error}", error.code()))
}

fn typed(template: &str) -> Value {
    Engine::default().render_typed(template, &context()).unwrap_or_else(|error| json!({"error": error.code()}))
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
