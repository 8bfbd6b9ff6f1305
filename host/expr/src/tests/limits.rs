//! A runaway template is stopped.

use super::table;
use crate::{Engine, Limits};

#[test]
fn runaway_templates_end() {
    table(&[
        ("{% for a in 1..1000 %}{% for b in 1..1000 %}{% for c in 1..1000 %}{{ a }}{% endfor %}{% endfor %}{% endfor %}", "expr::limit"),
        ("{% set x = 'x' %}{% for i in 1..60 %}{% set x = x ~ x %}{% endfor %}", "expr::limit"),
        ("{% set x = 'x' %}{% for i in 1..60 %}{% set x = x + x %}{% endfor %}", "expr::limit"),
        ("{% set x = [] %}{% for i in 1..1000 %}{% set x = [x] %}{% endfor %}", "expr::limit"),
        ("{% set x = [1] %}{% for i in 1..60 %}{% set x = [x, x] %}{% endfor %}{{ x }}", "expr::limit"),
        ("{% set x = [1] %}{% for i in 1..60 %}{% set x = x + x %}{% endfor %}{{ x }}", "expr::limit"),
        ("{% set x = {'a': 1} %}{% for i in 1..60 %}{% set x = {'a': x, 'b': x} %}{% endfor %}", "expr::limit"),
        ("{% set x = [1] %}{% for i in 1..60 %}{% set x = x | merge(x) %}{% endfor %}", "expr::limit"),
        ("{% set x = 'xx' %}{% for i in 1..60 %}{% set x = x | replace({'x': 'xx'}) %}{% endfor %}", "expr::limit"),
        ("{{ 1..1000000000 }}", "expr::limit"),
        ("{{ range(-9223372036854775807, 9223372036854775807) }}", "expr::limit"),
        ("{{ 'a\n' | indent(1000000000000) }}", "expr::limit"),
        ("{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", "expr::limit"),
        ("{% block x %}{{ block('x') }}{% endblock %}", "expr::limit"),
        ("{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' | regexMatch('^(a|a?)+(?=b)$') }}", "expr::limit"),
    ]);
}

#[test]
fn a_template_that_renders_itself_ends() {
    let context = serde_json::json!({"self": "{{ render(self) }}"});
    let error = Engine::default().render("{{ render(self) }}", &context).unwrap_err();
    assert_eq!(error.code(), "expr::limit");
}

#[test]
fn deep_nesting_is_refused_not_crashed() {
    let wrap = |open: &str, close: &str, count: usize| format!("{{{{ {}1{} }}}}", open.repeat(count), close.repeat(count));
    let deep = [
        wrap("(", ")", 100_000),
        wrap("[", "]", 100_000),
        wrap("{'a':", "}", 100_000),
        wrap("-", "", 100_000),
        wrap("not ", "", 100_000),
        wrap("", " + 1", 100_000),
        wrap("", " | abs", 100_000),
        wrap("", " ? 1 : 1", 10_000),
        wrap("1 ~ ", "", 100_000),
        wrap("max(", ")", 100_000),
        format!("{{{{ a{} }}}}", ".b".repeat(100_000)),
        format!("{}{}", "{% if true %}".repeat(10_000), "{% endif %}".repeat(10_000)),
        format!("{{{{ {} }}}}", "\"#{".repeat(10_000)),
    ];
    for template in deep {
        let error = Engine::default().render(&template, &()).unwrap_err();
        assert!(["expr::limit", "expr::syntax"].contains(&error.code()), "{} for {:.40}", error.code(), template);
    }
}

/// The stack of a test is that of a worker thread.
#[test]
fn the_deepest_that_is_allowed_fits_the_stack() {
    let nested = |inner: &str| format!("{}{inner}{}", "[".repeat(70), "]".repeat(70));
    let template = format!(
        "{}{{% macro m(x) %}}{{{{ {} }}}}{{% endmacro %}}{{{{ {} }}}}{}",
        "{% if true %}".repeat(20),
        nested("x"),
        nested("m(1)"),
        "{% endif %}".repeat(20)
    );
    let rendered = Engine::default().render(&template, &()).unwrap();
    assert!(rendered.starts_with("[[[["), "{rendered}");
    let endless = format!("{{% macro m() %}}{{{{ {} }}}}{{% endmacro %}}{{{{ m() }}}}", nested("m()"));
    assert_eq!(Engine::default().render(&endless, &()).unwrap_err().code(), "expr::limit");
}

#[test]
fn limits_can_be_set() {
    let small = Engine::new(Limits { output: 10, range: 5, ..Limits::default() });
    assert_eq!(small.render("{{ '12345678901' }}", &()).unwrap_err().code(), "expr::limit");
    assert_eq!(small.render("{{ '1234567890' }}", &()).unwrap(), "1234567890");
    assert_eq!(small.render("{{ 1..6 }}", &()).unwrap_err().code(), "expr::limit");
    let few = Engine::new(Limits { steps: 10, ..Limits::default() });
    assert_eq!(few.render("{% for i in 1..9 %}{{ i }}{% endfor %}", &()).unwrap_err().code(), "expr::limit");
}
