//! Messages, places and hints.

use super::context;
use crate::{Engine, Error, codes};

fn error(template: &str) -> Error {
    Engine::default().render(template, &context()).unwrap_err()
}

#[test]
fn s5_6_message_of_a_missing_name() {
    let error = error("line one\n{{ inputs.zz }}");
    assert_eq!(error.to_string(), "Unable to find `zz` used in the expression `line one\n{{ inputs.zz }}` at line 2");
    assert!(error.is_missing());
}

#[test]
fn errors_point_into_the_template() {
    let rows = [
        ("ä{{ inputs.zz }}", 1, 5, "inputs.zz"),
        ("a\nb {{ 1 / 0 }}", 2, 6, "1 / 0"),
        ("{{ 'a' | uper }}", 1, 10, "uper"),
        ("{{ nothing() }}", 1, 4, "nothing()"),
        ("{{ 1 + }}", 1, 8, "}}"),
        ("{% fro x in y %}", 1, 4, "fro"),
    ];
    for (template, line, column, part) in rows {
        let error = error(template);
        let place = error.place();
        assert_eq!((place.line, place.column), (line, column), "{template}");
        assert_eq!(&template[place.offset..place.offset + place.len], part, "{template}");
        assert_eq!(error.template(), template);
    }
}

#[test]
fn hints_name_what_was_meant() {
    let rows = [
        ("{{ input.n }}", "did you mean `inputs`?"),
        ("{{ inputs.nme }}", "did you mean `name`?"),
        ("{{ 'a' | uper }}", "did you mean `upper`?"),
        ("{{ fromjson('1') }}", "did you mean `fromJson`?"),
        ("{{ 1 is evn }}", "did you mean `even`?"),
        ("{% fro x in y %}", "did you mean `for`?"),
        ("{{ 'a' | date(fromat='x') }}", "did you mean `format`?"),
        ("{{ outputs.my-task.value }}", "`-` subtracts; write outputs['my-task'].value"),
        ("{{ outputs.my-task }}", "`-` subtracts; write outputs['my-task']"),
        ("{{ inputs.list[3] }}", "the list has 3 items: indexes go from 0 to 2"),
        ("{{ outputs.zzzzzzz }}", "the keys are `first`, `my-task`"),
        ("{{ inputs.nothing.x }}", "what `x` is looked up in is null"),
        ("{{ a && b }}", "write `and`"),
        ("{{ 'a' < 'b' }}", "make a number of a string with `| number`"),
        ("{% if a %}", "write `{% endif %}` where it ends"),
    ];
    for (template, help) in rows {
        assert_eq!(error(template).help(), Some(help), "{template}");
    }
}

#[test]
fn an_error_inside_render_keeps_its_own_template() {
    let error = error("{{ render('x {{ zz }}') }}");
    assert_eq!(error.template(), "x {{ zz }}");
    assert_eq!(error.code(), "expr::missing");
}

#[test]
fn a_long_template_is_cut_in_the_message() {
    let error = error(&format!("{}{{{{ zz }}}}", "ä".repeat(5000)));
    assert!(error.to_string().len() < 1200);
    assert_eq!(error.place().column, 5004);
}

#[test]
fn codes_are_listed_once() {
    let mut all: Vec<_> = codes().collect();
    all.sort_unstable();
    let count = all.len();
    all.dedup();
    assert_eq!((all.len(), count), (14, 14));
    assert!(all.iter().all(|code| code.starts_with("expr::")));
}

#[test]
fn habits_from_elsewhere_are_answered() {
    for (template, help) in [
        ("{{ '1' | int }}", "number('INT')"),
        ("{{ x | fromJson }}", "`fromJson` is a function"),
        ("{{ upper('x') }}", "`upper` is a filter"),
        ("{{ ','.join(['a']) }}", "`join` is a filter"),
        ("{% if true %}a{% elif false %}b{% endif %}", "elseif"),
        ("{{ a[{{ b }}] }}", "no further braces"),
        ("{{ a | }}", "write a filter after"),
        ("{{ a }", "two braces"),
        ("{{ 1 + }}", "write a value here"),
        ("{{ schedule.date }}", "no trigger began"),
    ] {
        let error = error(template);
        assert!(error.help().is_some_and(|found| found.contains(help)), "{template}: {:?}", error.help());
    }
    let error = error("{{ (1 + 2 }}");
    assert!(error.to_string().contains("`(` is not closed"), "{error}");
}
