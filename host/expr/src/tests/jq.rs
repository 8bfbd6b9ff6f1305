//! jq programs and their bounds.

use super::table;

#[test]
fn s5_10_jq() {
    table(&[
        ("{{ [1, 2, 3] | jq('map(. * 2) | add') }}", "[12]"),
        ("{{ inputs.map | jq('to_entries[] | .key') }}", "[\"a\",\"b\"]"),
        ("{{ {'a': [1, {'a': 2}]} | jq('[.. | numbers]') }}", "[[1,2]]"),
        ("{{ {'a': 1} | jq('.a += 1 | .b = \"x\"') | first }}", "{\"a\":2,\"b\":\"x\"}"),
        ("{{ {'a': 1} | jq('empty') }}", "[]"),
        ("{{ null | jq('.') }}", "[null]"),
        ("{{ '{\"date\": 0}' | jq('.date | todate') | first }}", "1970-01-01T00:00:00Z"),
        ("{{ 'abc' | jq('.') }}", "expr::value"),
        ("{{ [1] | jq('.[') }}", "expr::value"),
        ("{{ [1] | jq('nope') }}", "expr::value"),
        ("{{ [1] | jq('.a') }}", "expr::value"),
        ("{{ [3, 1] | jq('def f: if . > 10 then . else . + 1 | f end; map(f)') }}", "[[11,11]]"),
        (
            "{{ 10 | jq('[limit(3; repeat(1))]') }}{{ 3 | jq('[range(.)]') }}{{ 5 | jq('until(. > 100; . * 2)') }}",
            "[[1,1,1]][[0,1,2]][160]",
        ),
        ("{{ [[1, [2]]] | jq('walk(if type == \"number\" then . + 1 else . end)') }}", "[[[2,[3]]]]"),
        ("{{ 'null' | jq('env') }}", "expr::value"),
        ("{{ 'null' | jq('halt') }}", "expr::value"),
        ("{{ 'null' | jq('input') }}", "expr::value"),
    ]);
}

#[test]
fn s5_10_jq_without_an_end_is_stopped() {
    let programs = [
        "def f: f; f",
        "def f: 1 + f; f",
        "def f: [f]; f",
        "last(repeat(1))",
        "[range(0; infinite)]",
        "[recurse(.)] | length",
        "until(false; .)",
        "last(range(1; 2; 0))",
        "[limit(10000000; repeat(1))] | length",
        "\"x\" * 1000000000000",
        "reduce range(60) as $i (\"x\"; . + .)",
        "reduce range(60) as $i (\"x\"; . += .)",
        "reduce range(100000) as $i (0; [.])",
        "reduce range(100000) as $i (0; {a: .})",
        "def f: try f catch f; f",
    ];
    for program in programs {
        let template = format!("{{{{ 1 | jq('{program}') }}}}");
        table(&[(&template, "expr::limit")]);
    }
}

#[test]
fn s5_10_jq_of_deep_brackets_is_refused() {
    let deep = format!("{{{{ 1 | jq('{}1{}') }}}}", "[".repeat(500), "]".repeat(500));
    table(&[(&deep, "expr::limit")]);
}
