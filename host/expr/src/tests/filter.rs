//! Every filter.

use super::{render, table};
use crate::{EntryKind, entries};

const ROWS: &[(&str, &str)] = &[
    ("{{ -5 | abs }}{{ -1.5 | abs }}", "51.5"),
    ("{{ 'a' | abs }}", "expr::type"),
    ("{{ 'hello world' | abbreviate(8) }}|{{ 'short' | abbreviate(8) }}|{{ 'abcdef' | abbreviate(2) }}", "hello...|short|.."),
    ("{{ 'äb' | base64encode }}{{ 'w6Ri' | base64decode }}", "w6Riäb"),
    ("{{ '***' | base64decode }}", "expr::value"),
    ("{{ ' hello world' | capitalize }}|{{ 'hello big world' | title }}", " Hello world|Hello Big World"),
    ("{{ 'aB' | lower }}{{ 'aB' | upper }}{{ ' x ' | trim }}", "abABx"),
    ("{{ [1, 2, 3] | chunk(2) }}", "[[1,2],[3]]"),
    ("{{ [1] | chunk(0) }}", "expr::argument"),
    ("{{ 'a' | chunk(1) }}", "expr::type"),
    (
        "{{ 'a' | className }} {{ 1 | className }} {{ 1.5 | className }} {{ true | className }}",
        "java.lang.String java.lang.Integer java.lang.Double java.lang.Boolean",
    ),
    ("{{ 3000000000 | className }}", "java.lang.Long"),
    ("{{ inputs.date | date('yyyy/MM/dd') }}", "2024/05/17"),
    ("{{ inputs.date | dateAdd(-1, 'DAYS', format='iso_local_date') }}", "2024-05-16"),
    ("{{ zz | default('d') }}{{ 'v' | default('d') }}", "dv"),
    ("{{ [1, 1.0, 'a', 'a', 2] | distinct }}", "[1,\"a\",2]"),
    ("{{ 'abc' | endsWith('c') }}{{ 'abc' | startsWith('b') }}", "truefalse"),
    (
        "{{ \"it's\" | escapeChar('single') }} {{ 'a\"b' | escapeChar('double') }} {{ \"it's\" | escapeChar('shell') }}",
        "it\\'s a\\\"b it'\\''s",
    ),
    ("{{ {'k': [\"'\"]} | escapeChar('single') }}", "{\"k\":[\"\\\\'\"]}"),
    ("{{ 'a' | escapeChar('x') }}", "expr::argument"),
    ("{{ [1, 2] | first }}{{ [1, 2] | last }}{{ 'abc' | first }}{{ 'abc' | last }}|{{ [] | first }}", "12ac|"),
    ("{{ inputs.nested | flatten }}", "[1,2,3,4]"),
    ("{{ 'a\nb' | indent(2) }}|{{ 'a\nb' | nindent(1, '>') }}", "a\n  b|\n>a\n>b"),
    ("{{ [1, 2] | join('-') }}{{ ['a', null] | join }}", "1-2a"),
    ("{{ inputs.json | jq('.k[]') }}{{ inputs.map | jq('.b') | first }}", "[1,2]x"),
    ("{{ inputs.map | json }}{{ 'a' | toJson }}{{ null | toJson }}", "{\"a\":1,\"b\":\"x\"}\"a\"null"),
    ("{{ {'a': 1, 'b c': [true, 'x']} | toIon }}", "{a:1,'b c':[true,\"x\"]}"),
    ("{{ inputs.map | keys }}{{ ['x', 'y'] | keys }}{{ inputs.map | values }}", "[\"a\",\"b\"][0,1][1,\"x\"]"),
    ("{{ 1 | values }}", "expr::type"),
    ("{{ 'abc' | length }}{{ [1] | length }}{{ {} | length }}{{ null | length }}", "3100"),
    ("{{ 'a' | md5 }}", "0cc175b9c0f1b6a831c399e269772661"),
    ("{{ 'a' | sha1 }}", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
    ("{{ 'a' | sha256 }}", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
    ("{{ 'a' | sha512 | slice(0, 16) }}", "1f40fc92da241694"),
    ("{{ 1 | md5 }}", "expr::type"),
    (
        "{{ {'a': 1, 'b': 2} | merge({'b': 3}) }}{{ [1] | merge([2]) }}{{ {'a': 1} | merge(['z']) }}",
        "{\"a\":1,\"b\":3}[1,2]{\"a\":1,\"z\":\"z\"}",
    ),
    (
        "{{ '12' | number + 1 }} {{ '1.5' | number }} {{ '7' | number('DOUBLE') }} {{ '99999999999' | number('LONG') }}",
        "13 1.5 7.0 99999999999",
    ),
    ("{{ '99999999999' | number('INT') }}", "expr::value"),
    ("{{ '123456789012345678901234567890' | number('BIGINTEGER') }}", "123456789012345678901234567890"),
    ("{{ '1.25' | number('FLOAT') }}{{ '2' | number('BIGDECIMAL') }}", "1.252"),
    ("{{ 'x' | number }}", "expr::value"),
    ("{{ '1' | number('SHORT') }}", "expr::argument"),
    (
        "{{ 1234567.891 | numberFormat('#,##0.00') }} {{ 0.256 | numberFormat('0.#%') }} {{ 7 | numberFormat('000') }}",
        "1,234,567.89 25.6% 007",
    ),
    (
        "{{ -5 | numberFormat('0.0;(0.0)') }} {{ 1234 | numberFormat(\"'n'#\") }} {{ 12345 | numberFormat('0.##E0') }} {{ 0 | numberFormat('#') }}",
        "(5.0) n1234 1.23E4 0",
    ),
    ("{{ 1 | numberFormat('abc') }}", "expr::argument"),
    ("{{ 'a1b2' | regexMatch('[0-9]') }}{{ 'ab' | regexMatch('^b') }}", "truefalse"),
    ("{{ 'john smith' | regexReplace('(\\w+) (\\w+)', '$2 $1') }}", "smith john"),
    ("{{ 'a' | regexReplace('a', '$7') }}", "expr::argument"),
    ("{{ 'v1.2' | regexExtract('v(\\d+)', 1) }}{{ 'v1.2' | regexExtract('\\d\\.\\d') }}|{{ 'x' | regexExtract('y') }}", "11.2|"),
    ("{{ 'x' | regexMatch('(') }}", "expr::value"),
    ("{{ 'aXb' | replace({'a': 'b', 'b': 'c'}) }}{{ 'a1' | replace({'[0-9]': '#'}, regexp=true) }}", "cXca#"),
    ("{{ ['aa', {'k': 'a'}] | replace({'a': 'b'}) }}", "[\"bb\",{\"k\":\"b\"}]"),
    ("{{ 'a' | replace('a') }}", "expr::argument"),
    ("{{ [1, 3, 2] | reverse }}{{ [3, 1.5, 2] | sort }}{{ ['b', 'c', 'a'] | rsort }}", "[2,3,1][1.5,2,3][\"c\",\"b\",\"a\"]"),
    ("{{ [1, 'a'] | sort }}", "expr::type"),
    ("{{ [1, 2, 3] | slice(1) }}{{ 'abc' | slice(0, 2) }}{{ [1, 2, 3] | slice(1, 2) }}", "[2,3]ab[2]"),
    ("{{ [1] | slice(2) }}", "expr::argument"),
    ("{{ [1] | slice(-1) }}", "expr::argument"),
    ("{{ ' Héllo  Wörld_1! ' | slugify }}", "hello-world-1"),
    (
        "{{ 'a,b,,' | split(',') }}{{ 'a1b2c' | split('[0-9]', 2) }}{{ 'a,b,' | split(',', -1) }}{{ 'abc' | split('') }}",
        "[\"a\",\"b\"][\"a\",\"b2c\"][\"a\",\"b\",\"\"][\"a\",\"b\",\"c\"]",
    ),
    ("{{ 1 | string + 1 }}", "11"),
    (
        "{{ 'a.b.c' | substringBefore('.') }} {{ 'a.b.c' | substringAfter('.') }} {{ 'a.b.c' | substringBeforeLast('.') }} {{ 'a.b.c' | substringAfterLast('.') }}",
        "a b.c a.b c",
    ),
    (
        "{{ 'abc' | substringBefore('x') }}|{{ 'abc' | substringAfter('x') }}|{{ 'abc' | substringAfterLast('x') }}|{{ 'abc' | substringBeforeLast('x') }}",
        "abc|||abc",
    ),
    ("{{ inputs.date | timestamp }} {{ inputs.date | timestampMilli }}", "1715934615 1715934615123"),
    ("{{ inputs.date | timestampMicro }} {{ inputs.date | timestampNano }}", "1715934615123456 1715934615123456000"),
    ("{{ inputs.date | timestampMicro | className }}", "java.lang.String"),
    ("{{ 'a b&ä' | urlencode }} {{ 'a+b%26%C3%A4' | urldecode }}", "a+b%26%C3%A4 a b&ä"),
    ("{{ '%zz' | urldecode }}", "expr::value"),
    (
        "{{ {'a': 1, 'l': ['x', {'y': null}], 's': 'true', 'm': {'k': 'two\nlines'}, 'e': []} | yaml }}",
        "a: 1\nl:\n- x\n- y: null\ns: \"true\"\nm:\n  k: |-\n    two\n    lines\ne: []\n",
    ),
    ("{{ null | yaml }}", "null"),
];

#[test]
fn s5_10_filters() {
    table(ROWS);
}

#[test]
fn s5_10_every_filter_has_a_row() {
    for entry in entries().into_iter().filter(|entry| entry.kind == EntryKind::Filter) {
        let used = |template: &str| {
            template.split('|').skip(1).any(|piece| {
                let piece = piece.trim_start();
                piece.starts_with(entry.name) && !piece[entry.name.len()..].starts_with(|c: char| c.is_alphanumeric())
            })
        };
        assert!(ROWS.iter().any(|(template, expected)| used(template) && !expected.starts_with("expr::")), "{}", entry.name);
    }
}

#[test]
fn s5_10_null_stays_null() {
    for entry in entries().into_iter().filter(|entry| entry.kind == EntryKind::Filter) {
        let expected = match entry.name {
            "default" => "1",
            "length" => "0",
            "json" | "toJson" | "toIon" | "yaml" => "null",
            "jq" => continue,
            _ => "",
        };
        let count = entry.signature.matches(", ").count() + usize::from(entry.signature.contains('('));
        let optional = entry.signature.matches('?').count();
        let args = vec!["1"; count - optional].join(", ");
        let call = if args.is_empty() { String::new() } else { format!("({args})") };
        assert_eq!(render(&format!("{{{{ null | {}{call} }}}}", entry.name)), expected, "{}", entry.name);
    }
}

#[test]
fn arguments_are_checked() {
    table(&[
        ("{{ 'a' | upper(1) }}", "expr::argument"),
        ("{{ 'a' | substringBefore }}", "expr::argument"),
        ("{{ 'a' | substringBefore(sep='x') }}", "expr::argument"),
        ("{{ 'a-b' | substringBefore(separator='-') }}", "a"),
        ("{{ 'a' | substringBefore('x', separator='x') }}", "expr::argument"),
        ("{{ 'a' | date(format='x', 'y') }}", "expr::syntax"),
    ]);
}
