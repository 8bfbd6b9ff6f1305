//! Conversion, validators and resolution of inputs; spec 3.

use std::cell::RefCell;
use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::*;
use crate::execution::JsonMap;
use crate::source::Sources;
use crate::violation::Violations;
use crate::yaml;

fn inputs(text: &str) -> Vec<Input> {
    let mut sources = Sources::new();
    let source = sources.add("inputs.yaml", text);
    Input::read_all(yaml::parse(&sources, source).unwrap().root.as_seq().unwrap())
}

fn map(value: &Json) -> JsonMap {
    value.as_object().unwrap().clone()
}

/// Understands `{{ inputs.a.b }}`, `{{ list }}`, `{{ true }}` and fails for everything else.
fn evaluate(template: &str, context: &JsonMap) -> Result<Json, String> {
    let expression = template.trim_start_matches("{{").trim_end_matches("}}").trim();
    match expression {
        "list" => Ok(json!(["a", "b", 3])),
        "true" => Ok(json!(true)),
        "text" => Ok(json!("[\"x\"]")),
        _ => {
            let path = format!("/{}", expression.replace('.', "/"));
            Json::Object(context.clone()).pointer(&path).cloned().ok_or_else(|| format!("nothing at {expression}"))
        }
    }
}

fn resolved(text: &str, given: &Json) -> Result<Json, Violations> {
    resolve(&inputs(text), &map(given), &evaluate).map(Json::Object)
}

#[test]
fn every_type_converts_or_says_why_3_2() {
    let table: &[(&str, &str, Json)] = &[
        ("STRING", "", json!("as is")),
        ("STRING", "", json!(5)),
        ("STRING", "", json!([1])),
        ("STRING", "validator: '[a-z]+'", json!("abc")),
        ("STRING", "validator: '[a-z]+'", json!("abc1")),
        ("STRING", "validator: '(?!x).+'", json!("xyz")),
        ("INT", "", json!("42")),
        ("INT", "", json!(" -7 ")),
        ("INT", "", json!(2_147_483_648_i64)),
        ("INT", "", json!("1.5")),
        ("INT", "min: 1\n  max: 5", json!(5)),
        ("INT", "min: 1\n  max: 5", json!(0)),
        ("INT", "min: 1\n  max: 5", json!(6)),
        ("FLOAT", "max: 1.5", json!("1.25")),
        ("FLOAT", "max: 1.5", json!(1.75)),
        ("FLOAT", "", json!("NaN")),
        ("BOOLEAN", "", json!("TRUE")),
        ("BOOLEAN", "", json!("anything")),
        ("BOOL", "", json!("False")),
        ("BOOL", "", json!("anything")),
        ("DATETIME", "", json!("2024-01-01T02:00:00+02:00")),
        ("DATETIME", "", json!("2024-01-01")),
        ("DATETIME", "after: '2024-06-01T00:00:00Z'", json!("2024-01-01T00:00:00Z")),
        ("DATE", "before: '2024-06-01'", json!("2024-05-31")),
        ("DATE", "before: '2024-06-01'", json!("2024-06-01")),
        ("DATE", "", json!("31.05.2024")),
        ("TIME", "", json!("12:30")),
        ("TIME", "after: '12:00'", json!("11:59:59")),
        ("TIME", "", json!("noon")),
        ("DURATION", "min: PT1S", json!("PT90S")),
        ("DURATION", "min: PT1M", json!("PT1S")),
        ("DURATION", "", json!("1 hour")),
        ("FILE", "", json!("kestra:///n/f/executions/e/inputs/i/a.csv")),
        ("FILE", "", json!("/etc/passwd")),
        ("FILE", "allowedFileExtensions: [.csv]", json!("kestra:///a.CSV")),
        ("FILE", "allowedFileExtensions: [.csv]", json!("kestra:///a.exe")),
        ("JSON", "", json!("{\"a\": [1]}")),
        ("JSON", "", json!({"a": 1})),
        ("JSON", "", json!("{a}")),
        ("YAML", "", json!("a: [1, yes]")),
        ("YAML", "", json!("a: b: c")),
        ("URI", "", json!("https://user@example.com:8080/path?q=1")),
        ("URI", "", json!("example.com")),
        ("URI", "", json!("https://nowhere/")),
        ("EMAIL", "", json!("jo.doe+x@example.co.uk")),
        ("EMAIL", "", json!("jo@example")),
        ("SECRET", "validator: '.{8,}'", json!("long enough")),
        ("SECRET", "validator: '.{8,}'", json!("short")),
        ("ENUM", "values: [a, b]", json!("a")),
        ("SELECT", "values: [a, {label: Bee, value: b}]", json!("b")),
        ("SELECT", "values: [a, b]", json!("c")),
        ("SELECT", "values: [a, b]\n  allowCustomValue: true", json!("c")),
        ("SELECT", "expression: '{{ list }}'", json!("3")),
        ("SELECT", "expression: '{{ list }}'", json!("4")),
        ("SELECT", "expression: '{{ text }}'", json!("x")),
        ("SELECT", "expression: '{{ true }}'", json!("x")),
        ("SELECT", "expression: '{{ nowhere }}'", json!("x")),
        ("MULTISELECT", "values: [a, b]", json!("[\"a\", \"b\"]")),
        ("MULTISELECT", "values: ['1', '2']\n  itemType: INT", json!(["2"])),
        ("MULTISELECT", "values: [a, b]", json!(["a", "c"])),
        ("MULTISELECT", "values: [a, b]", json!("a")),
        ("ARRAY", "itemType: INT", json!("[1, \"2\"]")),
        ("ARRAY", "itemType: INT", json!([1, "x"])),
        ("ARRAY", "itemType: DATE", json!(["2024-01-01"])),
    ];
    let mut report = String::new();
    for (kind, own, given) in table {
        let text = format!("- id: i\n  type: {kind}\n  {own}\n");
        let outcome = match resolved(&text, &json!({"i": given})) {
            Ok(values) => values["i"].to_string(),
            Err(found) => found.to_string(),
        };
        let _ = writeln!(report, "{kind} {} {given} => {outcome}", own.replace("\n  ", ", "));
    }
    insta::assert_snapshot!(report, @r#"
        STRING  "as is" => "as is"
        STRING  5 => "5"
        STRING  [1] => inputs.i: Invalid input for `i`, expected type STRING, but received `[1]`
        STRING validator: '[a-z]+' "abc" => "abc"
        STRING validator: '[a-z]+' "abc1" => inputs.i: Invalid input for `i`, it must match the pattern `[a-z]+`, but received `abc1`
        STRING validator: '(?!x).+' "xyz" => inputs.i: Invalid input for `i`, it must match the pattern `(?!x).+`, but received `xyz`
        INT  "42" => 42
        INT  " -7 " => -7
        INT  2147483648 => inputs.i: Invalid input for `i`, expected type INT: a whole number of 32 bits, but received `2147483648`
        INT  "1.5" => inputs.i: Invalid input for `i`, expected type INT: a whole number of 32 bits, but received `1.5`
        INT min: 1, max: 5 5 => 5
        INT min: 1, max: 5 0 => inputs.i: Invalid input for `i`, it must be more than or equal to `1`, but received `0`
        INT min: 1, max: 5 6 => inputs.i: Invalid input for `i`, it must be less than or equal to `5`, but received `6`
        FLOAT max: 1.5 "1.25" => 1.25
        FLOAT max: 1.5 1.75 => inputs.i: Invalid input for `i`, it must be less than or equal to `1.5`, but received `1.75`
        FLOAT  "NaN" => inputs.i: Invalid input for `i`, expected type FLOAT: a number of 32 bits, but received `NaN`
        BOOLEAN  "TRUE" => true
        BOOLEAN  "anything" => false
        BOOL  "False" => false
        BOOL  "anything" => inputs.i: Invalid input for `i`, expected type BOOL: `true` or `false`, but received `anything`
        DATETIME  "2024-01-01T02:00:00+02:00" => "2024-01-01T00:00:00Z"
        DATETIME  "2024-01-01" => inputs.i: Invalid input for `i`, expected type DATETIME: an instant such as `2024-01-01T00:00:00Z`, but received `2024-01-01`
        DATETIME after: '2024-06-01T00:00:00Z' "2024-01-01T00:00:00Z" => inputs.i: Invalid input for `i`, it must be after `2024-06-01T00:00:00Z`, but received `2024-01-01T00:00:00Z`
        DATE before: '2024-06-01' "2024-05-31" => "2024-05-31"
        DATE before: '2024-06-01' "2024-06-01" => inputs.i: Invalid input for `i`, it must be before `2024-06-01`, but received `2024-06-01`
        DATE  "31.05.2024" => inputs.i: Invalid input for `i`, expected type DATE: a day such as `2024-01-31`, but received `31.05.2024`
        TIME  "12:30" => "12:30:00"
        TIME after: '12:00' "11:59:59" => inputs.i: Invalid input for `i`, it must be after `12:00`, but received `11:59:59`
        TIME  "noon" => inputs.i: Invalid input for `i`, expected type TIME: a time of day such as `23:59` or `23:59:59`, but received `noon`
        DURATION min: PT1S "PT90S" => "PT1M30S"
        DURATION min: PT1M "PT1S" => inputs.i: Invalid input for `i`, it must be more than or equal to `PT1M`, but received `PT1S`
        DURATION  "1 hour" => inputs.i: Invalid input for `i`, expected type DURATION: `1 hour` is not an ISO-8601 duration such as `PT30S`, `PT1H30M` or `P1D`, but received `1 hour`
        FILE  "kestra:///n/f/executions/e/inputs/i/a.csv" => "kestra:///n/f/executions/e/inputs/i/a.csv"
        FILE  "/etc/passwd" => inputs.i: Invalid input for `i`, expected type FILE: the URI of a stored file, such as `kestra:///…`, but received `/etc/passwd`
        FILE allowedFileExtensions: [.csv] "kestra:///a.CSV" => "kestra:///a.CSV"
        FILE allowedFileExtensions: [.csv] "kestra:///a.exe" => inputs.i: Invalid input for `i`, it must be a file with one of the extensions [.csv], but received `kestra:///a.exe`
        JSON  "{\"a\": [1]}" => {"a":[1]}
        JSON  {"a":1} => {"a":1}
        JSON  "{a}" => inputs.i: Invalid input for `i`, expected type JSON: key must be a string at line 1 column 2, but received `{a}`
        YAML  "a: [1, yes]" => {"a":[1,"yes"]}
        YAML  "a: b: c" => inputs.i: Invalid input for `i`, expected type YAML: illegal flow yaml: mapping values are not allowed in this context, but received `a: b: c`
        URI  "https://user@example.com:8080/path?q=1" => "https://user@example.com:8080/path?q=1"
        URI  "example.com" => inputs.i: Invalid input for `i`, expected type URI: an address such as `https://example.com`, but received `example.com`
        URI  "https://nowhere/" => inputs.i: Invalid input for `i`, expected type URI: an address such as `https://example.com`, but received `https://nowhere/`
        EMAIL  "jo.doe+x@example.co.uk" => "jo.doe+x@example.co.uk"
        EMAIL  "jo@example" => inputs.i: Invalid input for `i`, it is not a valid email address, but received `jo@example`
        SECRET validator: '.{8,}' "long enough" => "long enough"
        SECRET validator: '.{8,}' "short" => inputs.i: Invalid input for `i`, it must match the pattern `.{8,}`, but received `******`
        ENUM values: [a, b] "a" => "a"
        SELECT values: [a, {label: Bee, value: b}] "b" => "b"
        SELECT values: [a, b] "c" => inputs.i: Invalid input for `i`, it must be one of the values [a, b], but received `c`
        SELECT values: [a, b], allowCustomValue: true "c" => "c"
        SELECT expression: '{{ list }}' "3" => "3"
        SELECT expression: '{{ list }}' "4" => inputs.i: Invalid input for `i`, it must be one of the values [a, b, 3], but received `4`
        SELECT expression: '{{ text }}' "x" => "x"
        SELECT expression: '{{ true }}' "x" => inputs.i: Invalid input for `i`, its `expression` must render to a list, it gave `true`
        SELECT expression: '{{ nowhere }}' "x" => inputs.i: Invalid input for `i`, its values cannot be rendered (nothing at nowhere)
        MULTISELECT values: [a, b] "[\"a\", \"b\"]" => ["a","b"]
        MULTISELECT values: ['1', '2'], itemType: INT ["2"] => [2]
        MULTISELECT values: [a, b] ["a","c"] => inputs.i: Invalid input for `i`, it must be one of the values [a, b], but received `["a","c"]`
        MULTISELECT values: [a, b] "a" => inputs.i: Invalid input for `i`, expected type MULTISELECT: not a JSON array (expected value at line 1 column 1), but received `a`
        ARRAY itemType: INT "[1, \"2\"]" => [1,2]
        ARRAY itemType: INT [1,"x"] => inputs.i: Invalid input for `i`, item 1: expected type INT: a whole number of 32 bits, but received `[1,"x"]`
        ARRAY itemType: DATE ["2024-01-01"] => ["2024-01-01"]
        "#);
}

#[test]
fn defaults_prefill_and_missing_values_3_1() {
    for (text, given, expected) in [
        ("[{id: a, type: INT, defaults: 3}]", json!({}), json!({"a": 3})),
        ("[{id: a, type: INT, defaults: 3}]", json!({"a": null}), json!({"a": 3})),
        ("[{id: a, type: INT, defaults: 3}]", json!({"a": 4}), json!({"a": 4})),
        ("[{id: a, type: INT, required: false}]", json!({}), json!({"a": null})),
        ("[{id: a, type: INT, required: false, prefill: 3}]", json!({}), json!({"a": null})),
        ("[{id: a, type: INT}, {id: b, type: STRING, defaults: '{{ inputs.a }}'}]", json!({"a": 1}), json!({"a": 1, "b": "1"})),
        ("[{id: a, type: SELECT, values: [x, y], autoSelectFirst: true}]", json!({}), json!({"a": "x"})),
        ("[{id: a, type: MULTISELECT, values: [x, y], autoSelectFirst: true}]", json!({}), json!({"a": ["x"]})),
        ("[{id: a, type: ARRAY, itemType: INT, defaults: [1, 2]}]", json!({}), json!({"a": [1, 2]})),
        ("[{id: a, type: INT}]", json!({"a": 1, "unknown": 2}), json!({"a": 1})),
    ] {
        assert_eq!(resolved(text, &given), Ok(expected), "{text} {given}");
    }
}

#[test]
fn all_problems_at_once_and_secrets_stay_hidden_3_3() {
    let text =
        "[{id: a, type: INT}, {id: b, type: INT}, {id: s, type: SECRET, validator: x+}, {id: d, type: INT, defaults: '{{ nowhere }}'}]";
    let found = resolved(text, &json!({"b": "x", "s": "hunter2"})).unwrap_err();
    insta::assert_snapshot!(found.to_string(), @r#"
        inputs.a: Invalid input for `a`, missing required input, but received `null`
        inputs.b: Invalid input for `b`, expected type INT: a whole number of 32 bits, but received `x`
        inputs.s: Invalid input for `s`, it must match the pattern `x+`, but received `******`
        inputs.d: Invalid input for `d`, its default cannot be rendered (nothing at nowhere)
        "#);
}

#[test]
fn conditions_disable_inputs_3_1() {
    let text = "\
- {id: detail, type: STRING, dependsOn: {inputs: [ask], condition: '{{ inputs.ask }}'}}
- {id: more, type: STRING, dependsOn: {inputs: [detail]}}
- {id: ask, type: BOOL}
";
    for (given, expected) in [
        (json!({"ask": false}), Ok(json!({"ask": false}))),
        (json!({"ask": false, "detail": "ignored"}), Ok(json!({"ask": false}))),
        (json!({"ask": true, "detail": "x", "more": "y"}), Ok(json!({"ask": true, "detail": "x", "more": "y"}))),
        (
            json!({"ask": true, "more": "y"}),
            Err("inputs.detail: Invalid input for `detail`, missing required input, but received `null`".to_owned()),
        ),
    ] {
        assert_eq!(resolved(text, &given).map_err(|found| found.to_string()), expected, "{given}");
    }
    // A text that merely looks true is no boolean.
    let (strict, text_only) = ("[{id: a, type: INT, dependsOn: {condition: '{{ text }}'}}]", json!({}));
    assert_eq!(resolved(strict, &text_only), Ok(json!({})));
}

#[test]
fn expressions_see_earlier_inputs_only() {
    let seen = RefCell::new(Vec::new());
    let watch = |_: &str, context: &JsonMap| {
        seen.borrow_mut().push(Json::Object(context.clone()).to_string());
        Ok(json!(1))
    };
    let inputs = inputs("[{id: a, type: INT, defaults: '{{ x }}'}, {id: b, type: INT, defaults: '{{ x }}'}]");
    resolve(&inputs, &JsonMap::new(), &watch).unwrap();
    assert_eq!(seen.into_inner(), [r#"{"inputs":{}}"#, r#"{"inputs":{"a":1}}"#]);
}

#[test]
fn dotted_ids_build_maps_3_5() {
    let text = "[{id: request.name, type: STRING}, {id: request.date.day, type: INT}]";
    let expected = json!({"request": {"name": "x", "date": {"day": 1}}});
    for given in [json!({"request.name": "x", "request.date.day": "1"}), expected.clone()] {
        assert_eq!(resolved(text, &given), Ok(expected.clone()), "{given}");
    }
}

#[test]
fn outputs_are_typed_like_inputs_8_7() {
    let read = |text: &str| {
        let mut sources = Sources::new();
        let source = sources.add("outputs.yaml", text);
        crate::output::Output::read_all(yaml::parse(&sources, source).unwrap().root.as_seq().unwrap()).remove(0)
    };
    for (text, value, expected) in [
        ("[{id: o, value: v}]", json!({"a": 1}), Ok(json!({"a": 1}))),
        ("[{id: o, type: INT, value: v}]", json!("5"), Ok(json!(5))),
        ("[{id: o, type: ARRAY, itemType: INT, value: v}]", json!("[1]"), Ok(json!([1]))),
        (
            "[{id: o, type: FILE, value: v}]",
            json!("x"),
            Err("outputs.o: Invalid output for `o`, expected type FILE: the URI of a stored file, such as `kestra:///…`, but received `x`"),
        ),
    ] {
        let outcome = convert_output(&read(text), &value).map_err(|violation| violation.to_string());
        assert_eq!(outcome, expected.map_err(str::to_owned), "{text}");
    }
}
