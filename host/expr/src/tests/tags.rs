//! Tags, macros, blocks, raw.

use super::table;

#[test]
fn s5_4_if() {
    table(&[
        ("{% if inputs.n == 3 %}a{% elseif true %}b{% else %}c{% endif %}", "a"),
        ("{% if false %}a{% elseif 1 %}b{% else %}c{% endif %}", "b"),
        ("{% if '' %}a{% elseif 0 %}b{% else %}c{% endif %}", "c"),
        ("{% if 'false' %}a{% endif %}", "a"),
        ("{% if inputs.nothing %}a{% endif %}", "expr::type"),
        ("{% if inputs.list %}a{% endif %}", "expr::type"),
        ("{% if inputs.zz %}a{% endif %}", "expr::missing"),
        ("{% if true %}a", "expr::syntax"),
        ("{% endif %}", "expr::syntax"),
        ("{% if true %}{% endfor %}", "expr::syntax"),
        ("{% else %}", "expr::syntax"),
    ]);
}

#[test]
fn s5_4_for() {
    table(&[
        ("{% for x in inputs.list %}{{ x }},{% endfor %}", "1,2,3,"),
        ("{% for x in [] %}{{ x }}{% else %}none{% endfor %}", "none"),
        ("{% for x in null %}{{ x }}{% else %}none{% endfor %}", "none"),
        ("{% for e in inputs.map %}{{ e.key }}={{ e.value }};{% endfor %}", "a=1;b=x;"),
        (
            "{% for x in ['a', 'b'] %}{{ loop.index }}{{ loop.revindex }}{{ loop.length }}{{ loop.first }}{{ loop.last }} {% endfor %}",
            "012truefalse 102falsetrue ",
        ),
        ("{% for x in 'abc' %}{% endfor %}", "expr::type"),
        (
            "{% for x in [1, 2] %}{% for y in ['a', 'b'] %}{{ x }}{{ y }}{{ loop.index }} {% endfor %}{{ loop.index }};{% endfor %}",
            "1a0 1b1 0;2a0 2b1 1;",
        ),
        ("{% for x in [1] %}{% endfor %}{{ x }}", "expr::missing"),
        ("{% for x on [1] %}{% endfor %}", "expr::syntax"),
    ]);
}

#[test]
fn s5_4_set() {
    table(&[
        ("{% set x = 1 %}{{ x + 1 }}", "2"),
        ("{% set s = 0 %}{% for x in inputs.list %}{% set s = s + x %}{% endfor %}{{ s }}", "6"),
        ("{% for x in [1] %}{% set inner = 5 %}{{ inner }}{% endfor %}{{ inner is defined }}", "5false"),
        ("{% if true %}{% set x = 2 %}{% endif %}{{ x }}", "2"),
        ("{% set l = [] %}{% for x in inputs.list %}{% set l = l + [x * 2] %}{% endfor %}{{ l }}", "[2,4,6]"),
        ("{% set inputs = {'n': 9} %}{{ inputs.n }}", "9"),
    ]);
}

#[test]
fn s5_4_macro() {
    table(&[
        ("{{ hi('you') }}{% macro hi(name, mark='!') %}hi {{ name }}{{ mark }}{% endmacro %}", "hi you!"),
        ("{% macro hi(a, b='?') %}{{ a }}{{ b }}{% endmacro %}{{ hi(b='2', a='1') }}{{ hi('x') }}", "12x?"),
        ("{% macro m() %}{{ inputs.n }}{% endmacro %}{{ m() }}", "expr::missing"),
        ("{% macro m(_context) %}{{ _context.inputs.n }}{% endmacro %}{{ m(_context) }}", "3"),
        ("{% set x = 7 %}{% macro m(c) %}{{ c.x }}{{ c.inputs.name }}{% endmacro %}{{ m(_context) }}", "7Ada"),
        ("{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}deep{% endmacro %}{{ a() }}", "deep"),
        ("{% macro m(a) %}{{ a }}{% endmacro %}{{ m() }}|", "|"),
        ("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "expr::argument"),
        ("{% macro m(a) %}{% endmacro %}{{ m(z=2) }}", "expr::argument"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "expr::limit"),
        ("{% macro m() %}{% endmacro %}{% macro m() %}{% endmacro %}", "expr::syntax"),
    ]);
}

#[test]
fn s5_4_block_and_filter() {
    table(&[
        ("{% block \"n\" %}b{{ inputs.n }}{% endblock %} {{ block(\"n\") }}", "b3 b3"),
        ("{{ block('n') }}{% block n %}x{% endblock n %}", "xx"),
        ("{{ block('n') }}", "expr::argument"),
        ("{{ parent() }}|", "|"),
        ("{% filter upper | trim %} a{{ inputs.name }} {% endfilter %}", "AADA"),
        ("{% filter replace({'a': 'b'}) %}aa{% endfilter %}", "bb"),
    ]);
}

#[test]
fn s5_4_verbatim_and_raw() {
    table(&[
        ("{% verbatim %}{{ a }}\n{% if %}{% endverbatim %}!", "{{ a }}\n{% if %}!"),
        ("{% raw %}{{ a }}{% endraw %}", "{{ a }}"),
        ("{%- raw -%}{{ a }}{%- endraw -%}", "{{ a }}"),
        ("{% raw %}{{ a }}{% endraw %}-{% raw %}{% b %}{% endraw %}", "{{ a }}-{% b %}"),
        ("{% raw %}\n{% endraw %}", "expr::syntax"),
        ("{% raw %}", "expr::syntax"),
        // One level: what a variable brings is protected by its tags, which are gone afterwards.
        ("{{ vars.raw }}", "{{ x }}"),
        ("{{ render(vars.raw) }}", "{{ x }}"),
        ("{{ render('{% raw %}{{ y }}{% endraw %}{{ inputs.n }}') }}", "{{ y }}3"),
    ]);
}

#[test]
fn s5_1_removed_tags_are_named() {
    table(&[
        ("{% include 'x' %}", "expr::syntax"),
        ("{% extends 'x' %}", "expr::syntax"),
        ("{% autoescape %}", "expr::syntax"),
        ("{% whatever %}", "expr::syntax"),
        ("{{ 'a' | escape }}", "expr::unknown_filter"),
    ]);
}
