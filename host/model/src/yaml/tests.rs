//! The YAML dialect of spec 1.2, and texts that are none.

use std::fmt::Write as _;

use serde_json::json;

use super::*;
use crate::source::Sources;

fn read(text: &str) -> Result<Document, String> {
    let mut sources = Sources::new();
    let id = sources.add("flow.yaml", text);
    parse(&sources, id).map_err(|found| report(&sources, &found))
}

fn report(sources: &Sources, found: &Violations) -> String {
    let mut text = String::new();
    for violation in found {
        let _ = write!(text, "{}", violation.display(sources));
        if let Some(help) = &violation.help {
            let _ = write!(text, " ({help})");
        }
        text.push('\n');
    }
    text.trim_end().to_owned()
}

#[test]
fn values_1_2() {
    for (text, expected) in [
        ("a: yes", json!({"a": "yes"})),
        ("a: [no, on, off, y, n]", json!({"a": ["no", "on", "off", "y", "n"]})),
        ("a: [true, False, TRUE]", json!({"a": [true, false, true]})),
        ("a: [~, null, '']\nb:", json!({"a": [null, null, ""], "b": null})),
        ("a: [0, -7, +7, 0x1F, 0o17]", json!({"a": [0, -7, 7, 31, 15]})),
        ("a: [1.5, -.5, 1e3, 1., '1']", json!({"a": [1.5, -0.5, 1000.0, 1.0, "1"]})),
        ("a: [0755, 1_000, 12:30, 99999999999999999999]", json!({"a": ["0755", "1_000", "12:30", "99999999999999999999"]})),
        ("a: [18446744073709551615, 1.2.3, .inf, 0xZZ, -.]", json!({"a": [u64::MAX, "1.2.3", ".inf", "0xZZ", "-."]})),
        ("a: 2024-01-01T00:00:00Z", json!({"a": "2024-01-01T00:00:00Z"})),
        ("a: !!str 12", json!({"a": "12"})),
        ("true: x\n1: y\n~: z", json!({"true": "x", "1": "y", "~": "z"})),
        ("a: |\n  x\n   y\nb: >-\n  x\n  y", json!({"a": "x\n y\n", "b": "x y"})),
        ("\u{feff}a: é", json!({"a": "é"})),
        ("a: 1\r\nb: 2\r\n", json!({"a": 1, "b": 2})),
        ("# only a comment\na: x # y", json!({"a": "x"})),
    ] {
        assert_eq!(read(text).map(|document| document.root.to_json()), Ok(expected), "{text}");
    }
}

#[test]
fn anchors_and_merge_keys_1_2() {
    for (text, expected) in [
        ("a: &x {k: 1}\nb: *x", json!({"a": {"k": 1}, "b": {"k": 1}})),
        ("a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  k: 3", json!({"a": {"k": 1, "l": 2}, "b": {"k": 3, "l": 2}})),
        ("a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc:\n  <<: [*x, *y]", json!({"a": {"k": 1}, "b": {"k": 2, "m": 3}, "c": {"k": 1, "m": 3}})),
        ("'<<': 1", json!({"<<": 1})),
    ] {
        let value = read(text).map(|document| document.root.to_json());
        let expected = if text.starts_with('\'') { json!({"<<": 1}) } else { expected };
        assert_eq!(value, Ok(expected), "{text}");
    }
}

#[test]
fn faults_name_the_place_and_the_remedy() {
    let table = [
        "",
        "# nothing\n",
        "a: 1\na: 2\nb: {c: 1, c: 2}",
        "a:\n\tb: 1",
        "a: 1\n  b: 2",
        "a: b: c",
        "a: [1, 2",
        "a: \"open\n",
        "a: *nowhere",
        "a: &x [*x]",
        "a: x\0y",
        "a: {{ open\nb: 1",
        "a: @home",
        "{{ a }}: b",
        "? [a]\n: b",
        "a: !Ref b",
        "a:\n  <<: text",
        "---\na: 1\n---\nb: 2",
        "\u{7f}ELF\u{2}\u{1}",
        "]]]]",
        "- }",
    ];
    let mut lines = String::new();
    for text in table {
        let outcome = match read(text) {
            Ok(document) => format!("accepted: {}", document.root.to_json()),
            Err(report) => report,
        };
        let _ = writeln!(lines, "{text:?}\n    {}", outcome.replace('\n', "\n    "));
    }
    insta::assert_snapshot!(lines, @r##"
        ""
            flow.yaml: the document is empty (a flow needs at least `id`, `namespace` and `tasks`)
        "# nothing\n"
            flow.yaml:1:1: the document is empty (a flow needs at least `id`, `namespace` and `tasks`)
        "a: 1\na: 2\nb: {c: 1, c: 2}"
            flow.yaml:2:1: a: illegal flow yaml: the key `a` is here twice (keep one of the two)
            flow.yaml:3:11: b.c: illegal flow yaml: the key `c` is here twice (keep one of the two)
        "a:\n\tb: 1"
            flow.yaml:2:1: illegal flow yaml: a tab indents this line (indent with spaces)
        "a: 1\n  b: 2"
            flow.yaml:2:4: illegal flow yaml: mapping values are not allowed in this context (put a value that contains `: ` in quotes, and indent the keys of one map equally)
        "a: b: c"
            flow.yaml:1:5: illegal flow yaml: mapping values are not allowed in this context (put a value that contains `: ` in quotes, and indent the keys of one map equally)
        "a: [1, 2"
            flow.yaml:1:9: illegal flow yaml: while parsing a flow sequence, expected ',' or ']'
        "a: \"open\n"
            flow.yaml:1:4: illegal flow yaml: while scanning a quoted scalar, found unexpected end of stream (close the quotes that begin here)
        "a: *nowhere"
            flow.yaml:1:4: illegal flow yaml: while parsing node, found unknown anchor (put a value that begins with `*` in quotes)
        "a: &x [*x]"
            flow.yaml:1:8: a[0]: illegal flow yaml: this alias contains itself (write the value out)
        "a: x\0y"
            flow.yaml:1:5: illegal flow yaml: the character U+0000 is not text (remove it, or write it as an escape such as `"\x00"` in double quotes)
        "a: {{ open\nb: 1"
            flow.yaml:1:4: illegal flow yaml: this expression does not end on its line (close it with `}}`, or write a longer one in a block after `|`)
        "a: @home"
            flow.yaml:1:4: illegal flow yaml: unexpected character: `@' (put a value that begins with `@` in quotes)
        "{{ a }}: b"
            flow.yaml:1:2: illegal flow yaml: a key must be a text, found a map (put a value that begins with an expression in quotes: `"{{ … }}"`)
            flow.yaml:1:1: illegal flow yaml: a key must be a text, found a map (put a value that begins with an expression in quotes: `"{{ … }}"`)
        "? [a]\n: b"
            flow.yaml:1:3: illegal flow yaml: a key must be a text, found a list of 1 (put a value that begins with an expression in quotes: `"{{ … }}"`)
        "a: !Ref b"
            flow.yaml:1:4: a: illegal flow yaml: the tag `!Ref` has no meaning in a flow (remove the tag, or put the value in quotes)
        "a:\n  <<: text"
            flow.yaml:2:7: a.<<: illegal flow yaml: `<<` takes a map or a list of maps, found the string "text"
        "---\na: 1\n---\nb: 2"
            flow.yaml:4:1: there is a second document here, but this place takes one (put each flow in its own file, or use a command that takes several flows separated by `---`)
        "\u{7f}ELF\u{2}\u{1}"
            flow.yaml:1:1: illegal flow yaml: the character U+007F is not text (remove it, or write it as an escape such as `"\x00"` in double quotes)
        "]]]]"
            flow.yaml:1:1: illegal flow yaml: misplaced bracket
        "- }"
            flow.yaml:1:3: illegal flow yaml: misplaced bracket
        "##);
}

#[test]
fn bytes_that_are_no_text() {
    let mut sources = Sources::new();
    let (_, outcome) = parse_bytes(&mut sources, "flow.yaml", b"id: a\nname: \xff\xfe\n");
    insta::assert_snapshot!(report(&sources, &outcome.unwrap_err()), @r#"flow.yaml:2:7: illegal flow yaml: the byte 0xFF is not UTF-8 (save the file as UTF-8)"#);
}

#[test]
fn size_depth_and_aliases_are_bounded() {
    let laughs = (1..12).fold("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned(), |text, level| {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        format!("{text}a{level}: &a{level} [{aliases}]\n")
    });
    let ladder =
        (1..60).fold("a0: &a0 [[[[x]]]]\n".to_owned(), |text, level| format!("{text}a{level}: &a{level} [[[[*a{}]]]]\n", level - 1));
    let block = (0..300).fold(String::new(), |text, level| format!("{text}{}a:\n", " ".repeat(level)));
    for (name, text, code) in [
        ("brackets", "[".repeat(100_000), "yaml::too_deep"),
        ("braces", "{a: ".repeat(50_000), "yaml::too_deep"),
        ("dashes", "- ".repeat(10_000), "yaml::too_deep"),
        ("block", block, "yaml::too_deep"),
        ("ladder", ladder, "yaml::too_deep"),
        ("laughs", laughs, "yaml::too_many_nodes"),
        ("large", format!("a: {}", "x".repeat(9 << 20)), "yaml::too_large"),
        ("many", "- a\n".repeat(600_000), "yaml::too_many_nodes"),
    ] {
        let mut sources = Sources::new();
        let id = sources.add("flow.yaml", text);
        let found = parse(&sources, id).unwrap_err();
        assert_eq!(found[0].code(), code, "{name}: {found}");
    }
}

#[test]
fn several_documents() {
    let mut sources = Sources::new();
    let id = sources.add("flows.yaml", "a: 1\n---\nb: {{ x }}\n---\n# empty\n---\nc: 3\n");
    let documents = parse_all(&sources, id, Limits::default()).unwrap();
    let roots: Vec<_> = documents.iter().map(|document| document.root.to_json()).collect();
    assert_eq!(roots, [json!({"a": 1}), json!({"b": "{{ x }}"}), json!({"c": 3})]);
    let warnings: Vec<_> = documents.iter().map(|document| document.warnings.len()).collect();
    assert_eq!(warnings, [0, 1, 0]);
}

#[test]
fn unquoted_expressions_are_accepted_with_a_warning() {
    let text = r#"a: {{ secrets.key }}
b:   {{ x | default("é: #1") }}   # {{ comment }}
list:
  - {{ one }}
  - id: {{ two }}/path
  - - {{ three }}
  -
    {{ four }}
c:
  {{ five }}
"d e": {% if x %}1{% endif %}
f: !!str {{ six }}
"#;
    let mut sources = Sources::new();
    let id = sources.add("flow.yaml", text);
    let document = parse(&sources, id).unwrap();
    assert_eq!(
        document.root.to_json(),
        json!({
            "a": "{{ secrets.key }}",
            "b": "{{ x | default(\"é: #1\") }}",
            "list": ["{{ one }}", {"id": "{{ two }}/path"}, ["{{ three }}"], "{{ four }}"],
            "c": "{{ five }}",
            "d e": "{% if x %}1{% endif %}",
            "f": "{{ six }}",
        })
    );
    for warning in &document.warnings {
        let node = document.root.get_path(&warning.path).unwrap();
        assert_eq!(sources.text(node.span), node.as_str().unwrap(), "the span is in the original text");
        assert_eq!(sources.text(warning.span), sources.text(node.span));
    }
    insta::assert_snapshot!(report(&sources, &document.warnings), @r#"
        flow.yaml:1:4: a: an expression that is a whole value needs quotes; other YAML tools refuse this line (write "{{ secrets.key }}")
        flow.yaml:2:6: b: an expression that is a whole value needs quotes; other YAML tools refuse this line (write '{{ x | default("é: #1") }}')
        flow.yaml:4:5: list[0]: an expression that is a whole value needs quotes; other YAML tools refuse this line (write "{{ one }}")
        flow.yaml:5:9: list[1].id: an expression that is a whole value needs quotes; other YAML tools refuse this line (write "{{ two }}/path")
        flow.yaml:6:7: list[2][0]: an expression that is a whole value needs quotes; other YAML tools refuse this line (write "{{ three }}")
        flow.yaml:8:5: list[3]: an expression that is a whole value needs quotes; other YAML tools refuse this line (write "{{ four }}")
        flow.yaml:10:3: c: an expression that is a whole value needs quotes; other YAML tools refuse this line (write "{{ five }}")
        flow.yaml:11:8: ['d e']: an expression that is a whole value needs quotes; other YAML tools refuse this line (write "{% if x %}1{% endif %}")
        "#);
}

#[test]
fn text_that_only_looks_like_an_expression_is_left_alone() {
    let text = r#"a: "{{ x }}"
b: '{{ x }}'
c: |
  k: {{ x }}
  - {{ x }}

  k: {{ x }}
d: >-
  {{ x }}
e: echo {{ x }} # {{ y }}
f: [ "{{ x }}", 'y: {{ z }}',
  "k: {{ x }}" ]
# k: {{ x }}
g: "two
  k: {{ x }}
  lines"
list:
- |
  k: {{ x }}
- key: |
    k: {{ x }}
  other: plain
    {{ x }} goes on
h: {i: "{{ x }}"}
"#;
    let document = read(text).unwrap();
    assert_eq!(document.warnings, Violations::new());
    assert_eq!(document.root.get_path("c").unwrap().as_str(), Some("k: {{ x }}\n- {{ x }}\n\nk: {{ x }}\n"));
    assert_eq!(document.root.get_path("list[1].other").unwrap().as_str(), Some("plain {{ x }} goes on"));
    assert_eq!(document.root.get_path("f[2]").unwrap().as_str(), Some("k: {{ x }}"));
}

#[test]
fn spans_point_into_the_original_text() {
    let text = "é: {{ a }}\nlist:\n  - x: ü1\n    y: [1, {z: 2}]\n  - two\nlast: \"q\"\n";
    let mut sources = Sources::new();
    let id = sources.add("flow.yaml", text);
    let root = parse(&sources, id).unwrap().root;
    for (path, expected, place) in [
        ("é", "{{ a }}", "1:4"),
        ("list", "- x: ü1\n    y: [1, {z: 2}]\n  - two", "3:3"),
        ("list[0]", "x: ü1\n    y: [1, {z: 2}]", "3:5"),
        ("list[0].x", "ü1", "3:8"),
        ("list[0].y", "[1, {z: 2}]", "4:8"),
        ("list[0].y[1]", "{z: 2}", "4:12"),
        ("list[0].y[1].z", "2", "4:16"),
        ("list[1]", "two", "5:5"),
        ("last", "\"q\"", "6:7"),
    ] {
        let span = root.get_path(path).unwrap().span;
        assert_eq!(sources.text(span), expected, "{path}");
        assert_eq!(sources.locate(span).to_string(), format!("flow.yaml:{place}"), "{path}");
    }
    let key = root.pointer_key_span("/list/0/y").unwrap();
    assert_eq!(sources.text(key), "y");
}
