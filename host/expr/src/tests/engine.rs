//! The entry points: text, typed, deep, conditions, cache, scopes.

use serde_json::{Value, json};

use super::context;
use crate::cache::Cache;
use crate::{Engine, EntryKind, HostError, Lazy, Limits, Overlay, Template, entries, is_truthy, needs_rendering};

#[test]
fn values_are_rendered_deep_with_their_keys() {
    let value = json!({"{{ inputs.name }}": ["{{ inputs.n }}", 1, null, true], "plain": {"k": "{{ inputs.list }}"}});
    let engine = Engine::default();
    assert_eq!(engine.render_value(&value, &context()).unwrap(), json!({"Ada": ["3", 1, null, true], "plain": {"k": "[1,2,3]"}}));
    assert_eq!(engine.render_value_typed(&value, &context()).unwrap(), json!({"Ada": [3, 1, null, true], "plain": {"k": [1, 2, 3]}}));
}

#[test]
fn s2_1_truthiness_of_conditions() {
    for (text, expected) in [
        ("", false),
        ("false", false),
        ("0", false),
        ("-0", false),
        ("False", true),
        (" ", true),
        ("true", true),
        ("no", true),
        ("0.0", true),
    ] {
        assert_eq!(is_truthy(text), expected, "{text:?}");
    }
    let engine = Engine::default();
    assert!(!engine.render_condition("{{ inputs.nothing }}", &context()).unwrap());
    assert!(engine.render_condition("{{ inputs.n == 3 }}", &context()).unwrap());
}

#[test]
fn s5_1_text_without_braces_is_untouched() {
    assert!(!needs_rendering("plain % } #"));
    assert!(needs_rendering("{"));
    assert!(Template::parse("a { b").unwrap().is_literal());
    assert!(!Template::parse("{{ 1 }}").unwrap().is_literal());
}

#[test]
fn overlays_hide_and_add() {
    let context = context();
    let extra = json!([9]);
    let scope = Overlay::on(&context).with("inputs", &extra).with("extra", json!({"a": 1}));
    let engine = Engine::default();
    assert_eq!(engine.render("{{ inputs[0] }}{{ extra.a }}{{ outputs.first.value }}", &scope).unwrap(), "91v1");
    let over = Overlay::on(&scope).with("extra", "top");
    assert_eq!(engine.render("{{ extra }}{{ inputs[0] }}", &over).unwrap(), "top9");
}

struct Squares;

impl Lazy for Squares {
    fn entry(&self, key: &str) -> Result<Value, HostError> {
        let number: i64 = key.parse().map_err(|_| HostError::Missing(format!("`{key}` is not a number")))?;
        Ok(json!(number * number))
    }
    fn keys(&self) -> Vec<String> {
        vec!["1".to_owned(), "2".to_owned()]
    }
}

#[test]
fn lazy_maps_are_asked_for_what_is_used() {
    let scope = Overlay::on(&()).with_lazy("squares", &Squares);
    let engine = Engine::default();
    assert_eq!(engine.render("{{ squares['7'] }} {{ squares.x ?? '-' }} {{ squares | keys }}", &scope).unwrap(), "49 - [\"1\",\"2\"]");
}

#[test]
fn the_cache_is_bounded_and_shared() {
    let cache = Cache::new(10);
    for n in 0..1000 {
        cache.get(&format!("{{{{ {n} }}}}")).unwrap();
    }
    assert!(cache.len() <= 10, "{}", cache.len());
    let engine = Engine::new(Limits::default());
    let first = engine.template("{{ 1 }}").unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &engine.clone().template("{{ 1 }}").unwrap()));
    assert!(engine.template("{{ ").is_err());
}

#[test]
fn a_template_used_all_the_time_stays_in_the_cache() {
    let cache = Cache::new(10);
    let hot = cache.get("{{ 'hot' }}").unwrap();
    for n in 0..1000 {
        cache.get(&format!("{{{{ {n} }}}}")).unwrap();
        assert!(std::sync::Arc::ptr_eq(&hot, &cache.get("{{ 'hot' }}").unwrap()), "lost after {n}");
    }
}

#[test]
fn the_catalog_describes_everything() {
    let entries = entries();
    assert!(entries.iter().all(|entry| entry.doc.ends_with('.') && !entry.doc.contains('\n') && entry.doc.len() < 140));
    let signature =
        |kind, name| entries.iter().find(|entry| entry.kind == kind && entry.name == name).map(|entry| entry.signature.as_str());
    assert_eq!(signature(EntryKind::Filter, "dateAdd"), Some("dateAdd(amount, unit, format?, timeZone?, existingFormat?, locale?)"));
    assert_eq!(signature(EntryKind::Filter, "upper"), Some("upper"));
    assert_eq!(signature(EntryKind::Function, "max"), Some("max(…)"));
    assert_eq!(signature(EntryKind::Function, "errorLogs"), Some("errorLogs()"));
    let mut names: Vec<_> = entries.iter().map(|entry| (entry.kind == EntryKind::Filter, entry.name)).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name is listed twice");
}

#[test]
fn s5_5_a_loop_prints_text_also_where_types_are_kept() {
    let context = context();
    assert_eq!(Engine::default().render_typed("{% for i in 1..3 %}{{ i }}{% endfor %}", &context).unwrap(), "123");
    assert!(Engine::default().render_typed("{{ 1 }}{{ 2 }}", &context).is_err());
}
