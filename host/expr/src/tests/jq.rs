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
fn s5_10_jq_has_what_1_6_has() {
    table(&[
        (r#"{{ [['a', 1, true, null, 'b"c']] | jq('.[] | @csv') | first }}"#, r#""a",1,true,,"b""c""#),
        (r"{{ ['a', 1.5, null] | jq('@tsv') | first }}", "a\t1.5\t"),
        ("{{ [[[]]] | jq('.[] | @csv') }}", "expr::value"),
        ("{{ 'null' | jq('@csv') }}", "expr::value"),
        ("{{ [{'i': 1, 'n': 'a'}, {'i': 2, 'n': 'b'}] | jq('INDEX(.i) | map_values(.n)') | first }}", r#"{"1":"a","2":"b"}"#),
        ("{{ [1, 2] | jq('map(IN(2, 3))') | first }}", "[false,true]"),
        ("{{ {'a': [1, {'b': 2}]} | jq('[tostream]') | first }}", r#"[[["a",0],1],[["a",1,"b"],2],[["a",1,"b"]],[["a",1]],[["a"]]]"#),
        ("{{ {'a': [1, {'b': 2}], 'c': []} | jq('fromstream(tostream)') | first }}", r#"{"a":[1,{"b":2}],"c":[]}"#),
        ("{{ {'a': [1, {'b': 2}]} | jq('[leaf_paths]') | first }}", r#"[["a",0],["a",1,"b"]]"#),
        ("{{ 1 | jq('[1 | truncate_stream([[0], 1], [[1, 0], 2], [[1, 0]], [[1]])]') | first }}", "[[[0],2],[[0]]]"),
        (
            "{{ 'null' | jq('65 | ascii, (debug), (0 | date), ([1] | toarray), isvalid(error)') }}",
            r#"["A",65,"1970-01-01T00:00:00Z",[1],false]"#,
        ),
    ]);
}

#[test]
fn s5_10_jq_assigns_where_nothing_is() {
    table(&[
        ("{{ {} | jq('.a.b = 1 | .a.c |= 2 | .x[1].y += 3 | .n //= 4') | first }}", r#"{"a":{"b":1,"c":2},"x":[null,{"y":3}],"n":4}"#),
        ("{{ null | jq('.a[0] = 1') }}{{ [] | jq('.[1] = 5') }}", r#"[{"a":[1]}][[null,5]]"#),
        ("{{ {'a': [1, 2]} | jq('.a[] |= . + 1 | .a[0] -= 2 | .a |= map(. * 2)') | first }}", r#"{"a":[0,6]}"#),
        ("{{ {'k': 'z'} | jq('.[.k] = 1') | first }}", r#"{"k":"z","z":1}"#),
        ("{{ {} | jq('setpath([\"a\", 0, \"b\"]; 1)') | first }}", r#"{"a":[{"b":1}]}"#),
        ("{{ {'a': 1} | jq('.a.b = 1') }}", "expr::value"),
        ("{{ [] | jq('.[100000000] = 1') }}", "expr::limit"),
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

#[test]
fn s5_10_jq_has_one_kind_of_number() {
    table(&[
        ("{{ [1, 2, 3] | jq('add / length') | first }}", "2"),
        ("{{ [1, 2] | jq('add / length') | first }}", "1.5"),
        ("{{ 4 | jq('pow(.; 2), sqrt, trunc') }}", "[16,2,4]"),
        (
            r#"{{ 8 | jq('"\(. / 2) of \([. / 4])", (. / 2 | tostring), ([. / 2] | tojson), ({a: (. / 2)} | @json)') }}"#,
            r#"["4 of [2]","4","[4]","{\"a\":4}"]"#,
        ),
        ("{{ '[1.0, 2.50]' | jq('.') | first }}", "[1.0,2.5]"),
    ]);
}

#[test]
fn s5_10_jq_leaves_alone_what_is_no_text() {
    table(&[
        (r#"{{ [1, 'a', null, true] | jq('join("-")') | first }}"#, "1-a--true"),
        (r#"{{ [] | jq('join("-")') | first }}"#, ""),
        (r#"{{ [1] | jq('ltrimstr("x"), rtrimstr(1)') }}"#, "[[1],[1]]"),
        (r#"{{ 'null' | jq('"xax" | ltrimstr("x"), rtrimstr("x"), trimstr("x"), rtrimstr("")') }}"#, r#"["ax","xa","a","xax"]"#),
        ("{{ [3, 1, 2] | jq('pick(.[1])') | first }}", "[null,1]"),
        ("{{ {'a': {'b': 1, 'c': 2}} | jq('pick(.a.b)') | first }}", r#"{"a":{"b":1}}"#),
        (r#"{{ 'null' | jq('"hello" | @base32, (@base32 | @base32d)') }}"#, r#"["NBSWY3DP","hello"]"#),
        (r#"{{ 'null' | jq('("", "f", "fo", "foo", "foob") | @base32') | join(' ') }}"#, " MY====== MZXQ==== MZXW6=== MZXW6YQ="),
        (r#"{{ 'null' | jq('"a!" | @base32d') }}"#, "expr::value"),
        ("{{ [1] | jq('[., inputs], input_filename') }}", "[[[1]],null]"),
    ]);
}
