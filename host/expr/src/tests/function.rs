//! Every function.

use serde_json::json;

use super::fake::Fake;
use super::{context, table, typed};
use crate::{Engine, EntryKind, Overlay, entries};

const ROWS: &[(&str, &str)] = &[
    ("{{ now() }}", "2024-05-17T08:30:15.123456Z"),
    ("{{ now(format='yyyy-MM-dd HH:mm', timeZone='Europe/Paris') }}", "2024-05-17 10:30"),
    ("{{ json('[1]')[0] }}{{ fromJson(inputs.json).k[1] }}|{{ fromJson(null) }}", "12|"),
    ("{{ fromJson('{') }}", "expr::value"),
    ("{{ fromJson(1) }}", "expr::argument"),
    (
        "{{ fromIon(\"{a: 1, b: 'x y', c: [2d0, \\\"s\\\"], t: 2024-01-01T00:00Z, n: null.int, d: ann::5}\") }}",
        "{\"a\":1,\"b\":\"x y\",\"c\":[2.0,\"s\"],\"t\":\"2024-01-01T00:00Z\",\"n\":null,\"d\":5}",
    ),
    ("{{ fromIon('{a:1} {a:2}').a }}{{ fromIon('{a:1} {a:2}', allRows=true) }}", "1[{\"a\":1},{\"a\":2}]"),
    ("{{ fromIon('{a') }}", "expr::value"),
    ("{{ yaml('a: [1, x, \"2\"]\nb: &r {c: ~}\nd: *r') }}", "{\"a\":[1,\"x\",\"2\"],\"b\":{\"c\":null},\"d\":{\"c\":null}}"),
    ("{{ yaml('a: [') }}", "expr::value"),
    ("{{ read('kestra:///x.txt') }}", "<kestra:///x.txt>"),
    (
        "{{ render(vars.twice) }} {{ renderOnce(vars.twice) }} {{ render(vars.twice, recursive=false) }}",
        "Ada! {{ inputs.name }}! {{ inputs.name }}!",
    ),
    ("{{ render({'{{ inputs.n }}': ['{{ inputs.name }}', 1]}) }}", "{\"3\":[\"Ada\",1]}"),
    ("{% set local = 5 %}{{ render('{{ local }}') }}", "5"),
    ("{{ render(vars.endless) }}", "expr::too_many_renderings"),
    ("{{ render('{{ zz }}') ?? 'x' }}", "x"),
    ("{{ secret('AWS_ACCESS_KEY') }} {{ secret('DB', subkey='password') }} {{ secret('DB', full=true).user }}", "hidden p u"),
    ("{{ secret('NONE') }}", "expr::not_found"),
    ("{{ secret('NONE') ?? 'fallback' }}", "fallback"),
    ("{{ secrets.awsAccessKey }}{{ secrets['AWS_ACCESS_KEY'] }}{{ secrets.none ?? '-' }}", "hiddenhidden-"),
    ("{{ kv('known').n }}{{ kv('known', 'other').in }}|{{ kv('zz', errorOnMissing=false) }}", "1other|"),
    ("{{ kv('zz') }}", "expr::not_found"),
    ("{{ kv('broken') ?? 1 }}", "expr::host"),
    ("{{ decrypt('MDEyMzQ1Njc4OWFiY2RlZg==', encrypt('MDEyMzQ1Njc4OWFiY2RlZg==', 'plain')) }}", "plain"),
    ("{{ decrypt('MDEyMzQ1Njc4OWFiY2RlZg==', 'AAAA') }}", "expr::value"),
    ("{{ encrypt('c2hvcnQ=', 'x') }}", "expr::argument"),
    ("{{ currentEachOutput({'far': {'near': {'own': 'found'}}}) }}", "found"),
    ("{{ printContext() | jq('.inputs.n') | first }}{{ fetchContext().inputs.n }}", "33"),
    (
        "{{ fileURI('a.txt') }} {{ fileSize('abc') }} {{ fileExists('there') }} {{ isFileEmpty('abc') }}",
        "kestra:///ns/_files/a.txt 3 true false",
    ),
    ("{{ errorLogs()[0].message }}{{ tasksWithState('FAILED')[0].state }}", "boomFAILED"),
    (
        "{{ iterationOutput({'x': {'a': 1}, 'y': {'a': 2}}, 1).a }}{{ iterationOutput({'7': 'seven'}, 7) }}{{ iterationOutput({'7': 'seven'}, '7') }}",
        "2sevenseven",
    ),
    ("{{ iterationOutput({'0': {'a': 1}}, 0).a }}{{ loopOutputs([{'a': 1}, {'a': 2}], 'a') }}", "1[1,2]"),
    ("{{ id() | length }} {{ uuid() }} {{ ksuid() | length }} {{ nanoId() | length }}", "22 01020304-0506-4708-890a-0b0c0d0e0f10 27 21"),
    ("{{ nanoId(length=5, alphabet='a') }}{{ nanoId(0) }}", "expr::argument"),
    ("{{ randomInt(5, 6) }}{{ randomPort() }}", "54242"),
    ("{{ randomInt(5, 5) }}", "expr::argument"),
    ("{{ http('https://x', method='POST').method }}", "POST"),
    ("{{ env('HOME') }}{{ env('NONE', 'd') }}{{ env('NONE', default='e') }}", "/homede"),
    ("{{ range(1, 4) }}{{ range(0, 10, 5) }}{{ range(3, 1, -1) }}{{ range('a', 'c') }}", "[1,2,3,4][0,5,10][3,2,1][\"a\",\"b\",\"c\"]"),
    ("{{ range(1, 2, 0) }}", "expr::argument"),
    ("{{ max(1, 3.5, 2) }}{{ min(4, 2) }}", "3.52"),
    ("{{ max('a') }}", "expr::argument"),
    ("{{ block('b') }}{% block b %}{% endblock %}{{ parent() }}", ""),
    ("{{ isWeekend('2024-05-18') }}{{ isWeekend('2024-05-17') }}", "truefalse"),
    ("{{ isPublicHoliday('2024-12-25', 'DE') }}", "true"),
    (
        "{{ isDayWeekInMonth('2024-05-17', 'FRIDAY', 'THIRD') }}{{ isDayWeekInMonth('2024-05-31', 'friday', 'LAST') }}{{ isDayWeekInMonth('2024-05-17', 'MONDAY', 'THIRD') }}",
        "truetruefalse",
    ),
    ("{{ isLastWorkingDay('2024-05-31') }}{{ isLastWorkingDay('2024-06-28') }}{{ isLastWorkingDay('2024-06-27') }}", "truetruefalse"),
    (
        "{{ dayOfWeek('2024-05-17') }} {{ dayOfMonth('2024-05-17') }} {{ monthOfYear('2024-05-17') }} {{ hourOfDay(inputs.date) }}",
        "FRIDAY 17 5 8",
    ),
    (
        "{{ isDateBetween('2024-05-17', '2024-05-01', '2024-06-01') }}{{ isDateBetween('2025-05-17', '2024-05-01', '2024-06-01') }}",
        "truefalse",
    ),
    ("{{ subflow('ns', 'id') }}", "expr::unavailable"),
    ("{{ nothing() }}", "expr::unknown_function"),
];

#[test]
fn s5_9_functions() {
    table(ROWS);
}

#[test]
fn s5_9_every_function_has_a_row() {
    for entry in entries().into_iter().filter(|entry| entry.kind == EntryKind::Function) {
        let call = format!("{}(", entry.name);
        assert!(ROWS.iter().any(|(template, _)| template.contains(&call)), "{}", entry.name);
    }
}

#[test]
fn s5_9_services_need_a_host() {
    let calls = [
        "secret('x')",
        "kv('x')",
        "read('x')",
        "fileURI('x')",
        "fileSize('x')",
        "fileExists('x')",
        "isFileEmpty('x')",
        "errorLogs()",
        "tasksWithState('x')",
        "http('x')",
        "env('x')",
        "randomPort()",
        "subflow('a', 'b')",
        "secrets.x",
    ];
    for call in calls {
        let error = Engine::default().render(&format!("{{{{ {call} }}}}"), &()).unwrap_err();
        assert_eq!(error.code(), "expr::unavailable", "{call}");
        assert!(error.to_string().contains("is not available here"), "{error}");
    }
}

#[test]
fn every_secret_is_disclosed_to_the_host() {
    let (context, fake) = (context(), Fake::default());
    let scope = Overlay::on(&context).with_host(&fake);
    let template = "{{ secret('AWS_ACCESS_KEY') }}{{ secrets.awsAccessKey }}{{ secret('DB', full=true).user }}{{ render(\"{{ secret('DB', 'ns', 'password') }}\") }}";
    Engine::default().render(template, &scope).unwrap();
    let disclosed = fake.disclosed.lock().unwrap();
    assert_eq!(*disclosed, ["hidden", "hidden", r#"{"user": "u", "password": "p"}"#, "u", "p", "p"]);
    assert!(fake.asked.lock().unwrap().contains(&r#"DB Some("ns") Some("password")"#.to_owned()));
}

#[test]
fn encryption_has_the_documented_shape() {
    let sealed = typed("{{ encrypt('MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=', 'plain') }}");
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(sealed.as_str().unwrap()).unwrap();
    assert_eq!(bytes.len(), 12 + "plain".len() + 16);
    assert_eq!(bytes[..12], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(typed("{{ fromJson('[1, 2]') }}"), json!([1, 2]));
}
