//! What a template reads.

use crate::Template;

#[test]
fn references_of_a_template() {
    for (template, expected) in [
        ("text {{ 1 + 2 }} {{ 'a' }}", ""),
        ("{{ inputs.name }}", "inputs.name"),
        ("{{ outputs['my-task'].vars.x[0].y }}", "outputs.my-task.vars.x"),
        ("{{ outputs.t[taskrun.value].value }}", "outputs.t taskrun.value"),
        ("{{ a ?? b.c ?? d }}", "a? b.c? d"),
        ("{{ a.b | default(c) | upper }}", "a.b? c"),
        ("{{ x is defined ? x.y : z }}", "x? x.y? z"),
        ("{% if inputs.a is not defined %}{% else %}{{ inputs.a }}{% endif %}", "inputs.a? inputs.a?"),
        ("{% for u in outputs.users %}{{ loop.index }}{{ u.name }}{{ vars.z }}{% endfor %}", "outputs.users vars.z"),
        ("{% set x = inputs.n %}{{ x }}", "inputs.n"),
        ("{% macro m(a) %}{{ a.b }}{% endmacro %}{{ m(inputs.q) }}", "inputs.q"),
        ("{{ json(outputs.api.body).items[0] }}", "outputs.api.body"),
        ("{{ inputs.s.toUpperCase() }}", "inputs.s"),
        ("{{ \"a #{inputs.b} c\" ~ {'k': inputs.v}['k'] }}", "inputs.b inputs.v"),
        ("{% raw %}{{ inputs.no }}{% endraw %}", ""),
    ] {
        let found = Template::parse(template).unwrap().references();
        let shown: Vec<String> =
            found.iter().map(|reference| reference.path.join(".") + if reference.guarded { "?" } else { "" }).collect();
        assert_eq!(shown.join(" "), expected, "{template}");
    }
    let calls = Template::parse("{% macro m() %}x{% endmacro %}{{ m() }}{{ now() }}{{ nwo(1) }}").unwrap().unknown_functions();
    assert_eq!(calls.len(), 1);
    assert_eq!((&*calls[0].0, calls[0].1.start), ("nwo", 53));
    let found = Template::parse("a {{ inputs.b }}").unwrap().references();
    assert_eq!(found[0].place, 5..13);
}
