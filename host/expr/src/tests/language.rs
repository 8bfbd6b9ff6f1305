//! Lexical rules, operators, values as text, missing and null.

use serde_json::json;

use super::{render, table, typed};

#[test]
fn s5_2_lexical_rules() {
    table(&[
        ("no expression", "no expression"),
        ("{ single } {a} }}", "{ single } {a} }}"),
        ("{{ 'it\\'s' }}", "it's"),
        ("{{ \"say \\\"x\\\"\" }}", "say \"x\""),
        ("{{ 'a\\nb' }}", "a\\nb"),
        ("{{ '\\\\' }}|", "\\\\|"),
        ("{{ \"n=#{inputs.n + 1} #{'}'}!\" }}", "n=4 }!"),
        ("{{ '#{inputs.n}' }}", "#{inputs.n}"),
        ("{{ 10l + 1L }}", "11"),
        ("{{ 9223372036854775807 }}", "9223372036854775807"),
        ("{{ 9223372036854775808 }}", "expr::syntax"),
        ("{{ 1.50 }}", "1.5"),
        ("{{ true }} {{ false }} {{ null }}{{ none }}", "true false "),
        ("{{ [1, 'a', [true],] }}", "[1,\"a\",[true]]"),
        ("{{ {'a': 1, \"b\" ~ 1: {'c': null}} }}", "{\"a\":1,\"b1\":{\"c\":null}}"),
        ("{{ {} }}{{ [] }}", "{}[]"),
        ("{{ inputs.map.a }}{{ inputs['map']['b'] }}", "1x"),
        ("{{ inputs.list[0] }}{{ inputs.list[inputs.n - 1] }}", "13"),
        ("{{ {'a': {'b': 2}}.a['b'] }}", "2"),
        ("{{ outputs['my-task'].value }}", "hyphen"),
        ("a  {{- 1 -}}  b", "a1b"),
        ("a \n {%- if true -%} \n x \n {%- endif -%} \n b", "axb"),
        ("a {#- hidden {{ x }} -#} b{# c #}", "ab"),
        ("{% if true %}\nx\n{% endif %}\n", "\nx\n\n"),
        ("{{ '}}' }}{{ {'a': {'b': 1}} }}", "}}{\"a\":{\"b\":1}}"),
        ("{{ inputs.n", "expr::syntax"),
        ("{{ }}", "expr::syntax"),
        ("{{ 1 2 }}", "expr::syntax"),
        ("{{ 'open }}", "expr::syntax"),
        ("{{ (1 }}", "expr::syntax"),
        ("{{ 1) }}", "expr::syntax"),
        ("{{ a || b }}", "expr::syntax"),
        ("{# open", "expr::syntax"),
        ("{{ § }}", "expr::syntax"),
    ]);
}

#[test]
fn s5_2_java_methods() {
    table(&[
        ("{{ 'a,b,,'.split(',') }}", "[\"a\",\"b\"]"),
        ("{{ inputs.list.size() }}{{ 'abc'.length() }}{{ inputs.map.size() }}", "332"),
        ("{{ inputs.none.isEmpty() }}{{ ''.isEmpty() }}{{ 'a'.isEmpty() }}", "truetruefalse"),
        ("{{ inputs.list.contains(2) }}{{ 'abc'.contains('bc') }}", "truetrue"),
        ("{{ 'abc'.startsWith('a') }}{{ 'abc'.endsWith('a') }}", "truefalse"),
        ("{{ 'aB'.toUpperCase() }}{{ 'aB'.toLowerCase() }}{{ ' a '.trim() }}", "ABaba"),
        ("{{ 'a.b.c'.replace('.', '-') }}", "a-b-c"),
        ("{{ 'abcdef'.substring(2) }} {{ 'abcdef'.substring(1, 3) }}", "cdef bc"),
        ("{{ 'abc'.substring(9) }}", "expr::argument"),
        ("{{ 'abc'.indexOf('c') }}{{ 'abc'.indexOf('x') }}", "2-1"),
        ("{{ inputs.list.get(1) }}{{ inputs.map.get('b') }}{{ inputs.map.get('zz') }}", "2x"),
        ("{{ inputs.n.toString() ~ 1 }}", "31"),
        ("{{ inputs.map.containsKey('a') }}{{ inputs.map.keySet() }}{{ inputs.map.values() }}", "true[\"a\",\"b\"][1,\"x\"]"),
        ("{{ 'a'.equals('a') }}", "true"),
        ("{{ 'abc'.getClass() }}", "expr::unknown_function"),
        ("{{ inputs.nothing.size() }}", "expr::missing"),
    ]);
}

#[test]
fn s5_3_operators() {
    table(&[
        ("{{ true ? 'a' : 'b' }}{{ null ? 'a' : 'b' }}{{ 0 ? 1 : 2 }}{{ '' ? 1 : 2 }}", "ab22"),
        ("{{ false ? 1 : true ? 2 : 3 }}", "2"),
        ("{{ true or inputs.missing }}{{ false and inputs.missing }}{{ false or 1 }}", "truefalsetrue"),
        ("{{ true or false and false }}", "true"),
        ("{{ [1, 2] contains 1 }}{{ [1, 2] contains [1, 2] }}{{ [1] contains [1, 2] }}", "truetruefalse"),
        ("{{ [1, 2] contains inputs.n }}{{ inputs.list contains 3.0 }}", "falsetrue"),
        ("{{ 'abc' contains 'b' }}{{ inputs.map contains 'a' }}{{ null contains 1 }}", "truetruefalse"),
        ("{{ 5 contains 1 }}", "expr::type"),
        ("{{ 2 isIn [1, 2] }}{{ 'z' isIn 'abc' }}", "truefalse"),
        ("{{ 1 == 1.0 }}{{ 'a' == 'a' }}{{ 1 == '1' }}{{ null == null }}{{ 2 equals 2 }}{{ 1 != 2 }}", "truetruefalsetruetruetrue"),
        ("{{ [1, {'a': 1}] == [1.0, {'a': 1}] }}", "true"),
        ("{{ 1 < 2 }}{{ 2 > 2.5 }}{{ 2 <= 2 }}{{ 3 >= 4 }}", "truefalsetruefalse"),
        ("{{ 'a' < 'b' }}", "expr::type"),
        ("{{ 1 + 2 * 3 }}{{ (1 + 2) * 3 }}", "79"),
        ("{{ 1 + 'a' }}{{ 'a' + 1 + 2 }}{{ 'a' + null }}", "1aa12a"),
        ("{{ [1] + 2 }}{{ [1] + [2, 3] }}{{ [1, 2, 1] - 1 }}{{ [1, 2, 3] - [1, 3] }}", "[1,2][1,2,3][2][2]"),
        ("{{ 1 + 0.5 }}{{ 1 - 3 }}{{ 1.0 + 1 }}", "1.5-22.0"),
        ("{{ 1 + null }}", "expr::type"),
        ("{{ 7 / 2 }} {{ 7 / 2.0 }} {{ 7 % 4 }} {{ -7 / 2 }}", "3 3.5 3 -3"),
        ("{{ 1 / 0 }}", "expr::arithmetic"),
        ("{{ 1 % 0.0 }}", "expr::arithmetic"),
        ("{{ 1 + -2 | abs }}", "3"),
        ("{{ 'a' ~ 'b' | upper }}", "AB"),
        ("{{ inputs.name ~ '-' ~ inputs.nothing }}", "Ada-"),
        ("{{ 1..4 }}{{ 'a'..'c' }}{{ 3..1 }}", "[1,2,3,4][\"a\",\"b\",\"c\"][]"),
        ("{{ 'ab'..'c' }}", "expr::type"),
        ("{{ inputs.x ?? inputs.y ?? 'z' | upper }}", "Z"),
        ("{{ not true }}{{ not 0 }}{{ -inputs.n }}{{ +1 }}{{ not inputs.nothing }}", "falsetrue-31true"),
        ("{{ not 1 == 2 }}", "false"),
        ("{{ -'a' }}", "expr::type"),
    ]);
}

#[test]
fn s5_4_tests() {
    table(&[
        ("{{ inputs.n is defined }}{{ inputs.zz is defined }}{{ zz.y is defined }}{{ inputs.nothing is defined }}", "truefalsefalsefalse"),
        ("{{ inputs.zz is not defined }}", "true"),
        ("{{ inputs.nothing is null }}{{ inputs.n is not null }}{{ null is none }}", "truetruetrue"),
        ("{{ inputs.zz is null }}", "expr::missing"),
        ("{{ inputs.blank is empty }}{{ [] is empty }}{{ {} is empty }}{{ null is empty }}{{ 0 is empty }}", "truetruetruetruefalse"),
        ("{{ 2 is even }}{{ 2 is odd }}{{ -3 is odd }}", "truefalsetrue"),
        ("{{ 'a' is even }}", "expr::type"),
        ("{{ inputs.list is iterable }}{{ inputs.map is iterable }}{{ 'a' is iterable }}", "truetruefalse"),
        ("{{ inputs.map is map }}{{ inputs.list is map }}", "truefalse"),
        ("{{ inputs.json is json }}{{ 'x' is json }}{{ 1 is json }}", "truefalsefalse"),
        ("{{ 1 is evn }}", "expr::unknown_test"),
    ]);
}

#[test]
fn s5_5_values_printed() {
    table(&[
        ("{{ null }}|{{ true }}|{{ 1 }}|{{ 1.0 }}|{{ inputs.half }}", "|true|1|1.0|0.5"),
        ("body {{ inputs.map }}", "body {\"a\":1,\"b\":\"x\"}"),
        ("{{ ['\"', null, 1.0] }}", "[\"\\\"\",null,1.0]"),
    ]);
}

#[test]
fn s5_5_typed_rendering() {
    let rows = [
        ("text", json!("text")),
        ("{{ 1 }}", json!(1)),
        ("{{ 1.5 }}", json!(1.5)),
        ("{{ inputs.list }}", json!([1, 2, 3])),
        ("{{ inputs.map }}", json!({"a": 1, "b": "x"})),
        ("{{ inputs.flag }}", json!(false)),
        ("{{ null }}", json!(null)),
        ("{{ 'x' }}", json!("x")),
        ("n={{ 1 }}", json!("n=1")),
        ("{{ 1 }} ", json!("1 ")),
        ("{{ 1 }}{{ 'a' }}", json!("1a")),
        ("{{ 1 }}{{ 2 }}", json!({"error": "expr::type"})),
        ("{{ [1] }}{{ {} }}", json!({"error": "expr::type"})),
        ("{% if true %}{{ 2 }}{% endif %}", json!(2)),
        ("{% set x = 1 %}", json!("")),
    ];
    for (template, expected) in rows {
        assert_eq!(typed(template), expected, "{template}");
    }
}

#[test]
fn s5_6_missing_and_null() {
    // undefined, null, a value
    let rows = [
        ("{{ # }}", ["expr::missing", "", "Ada"]),
        ("{{ # ?? 'x' }}", ["x", "x", "Ada"]),
        ("{{ # ??? 'x' }}", ["x", "", "Ada"]),
        ("{{ # | default('x') }}", ["x", "x", "Ada"]),
        ("{{ # is defined }}", ["false", "false", "true"]),
        ("{{ # is null }}", ["expr::missing", "true", "false"]),
        ("{{ # ~ '' }}", ["expr::missing", "", "Ada"]),
        ("{{ # | upper }}", ["expr::missing", "", "ADA"]),
    ];
    for (template, expected) in rows {
        for (variable, expected) in ["inputs.zz", "inputs.nothing", "inputs.name"].into_iter().zip(expected) {
            let template = template.replace('#', variable);
            let found = render(&template);
            let found = if found.starts_with("expr::missing:") { "expr::missing" } else { &found };
            assert_eq!(found, expected, "{template}");
        }
    }
    table(&[
        ("{{ a ?? b ?? raise }}", "expr::missing"),
        ("{{ a.b.c.d ?? 'x' }}", "x"),
        ("{{ (1 + a.b) ?? 'x' }}", "x"),
        ("{{ inputs.nothing.deep ?? 'x' }}", "x"),
        ("{{ (1 / 0) ?? 'x' }}", "expr::arithmetic"),
        ("{{ inputs.list[7] ?? 'x' }}{{ inputs.list[-1] ?? 'y' }}", "xy"),
        ("{{ inputs.empty | default('x') }}{{ inputs.none | default('y') }}{{ {} | default('z') }}{{ 0 | default(1) }}", "xyz0"),
    ]);
}
