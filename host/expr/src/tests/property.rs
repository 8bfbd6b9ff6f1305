//! Laws: no input panics; literal text is itself; what is printed as JSON, Ion and YAML is read back.

use proptest::prelude::*;
use serde_json::Value;

use super::fake::Fake;
use super::{context, typed};
use crate::{Engine, Limits, Overlay, ion, raw, yaml};

fn piece() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "-",
        " ",
        "\n",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "'",
        "\"",
        "\\",
        "#{",
        "|",
        "~",
        "..",
        "??",
        "???",
        "?",
        ":",
        ",",
        ".",
        "=",
        "==",
        "+",
        "*",
        "/",
        "%",
        "<",
        "1",
        "0",
        "2.5",
        "9223372036854775807",
        "'a'",
        "inputs",
        "inputs.list",
        "inputs.map",
        "inputs.nothing",
        "inputs.date",
        "vars.twice",
        "not",
        "and",
        "or",
        "is",
        "defined",
        "empty",
        "contains",
        "in",
        "if",
        "else",
        "endif",
        "for",
        "x",
        "endfor",
        "set",
        "macro",
        "endmacro",
        "block",
        "endblock",
        "filter",
        "endfilter",
        "raw",
        "endraw",
        "verbatim",
        "endverbatim",
        "render",
        "upper",
        "date",
        "split",
        "slice",
        "replace",
        "numberFormat",
        "jq",
        "join",
        "first",
        "indent",
        "abbreviate",
        "yaml",
        "toIon",
        "range",
        "max",
        "now",
        "loop.index",
        "_context",
        "ä",
        "€",
        "null",
        "true",
    ]);
    prop_oneof![4 => words.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from), 1 => "[a-z]{0,3}"]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
        "\\PC{0,8}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec!["true", "1", "~", "a: b", "- x", "#", "a\nb\n", " a", "yes", "1.0", "", "x'y", "\u{85}", "\u{feff}"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("\\PC{0,4}", inner), 0..4).prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_template_panics(pieces in prop::collection::vec(piece(), 0..40)) {
        let (context, fake) = (context(), Fake::default());
        let scope = Overlay::on(&context).with_host(&fake);
        let engine = Engine::new(Limits { steps: 20_000, output: 100_000, ..Limits::default() });
        for template in [pieces.concat(), format!("{{{{ {} }}}}", pieces.join(" ")), format!("{{{{ inputs.date | {} }}}}", pieces.join(" "))] {
            if let Err(error) = engine.render(&template, &scope) {
                let place = error.place();
                prop_assert!(place.offset + place.len <= error.template().len());
                prop_assert!(error.template().is_char_boundary(place.offset));
            }
            let _ = engine.render_typed(&template, &scope);
        }
    }

    #[test]
    fn no_argument_panics(filter in prop::sample::select(crate::entries()), text in any::<String>(), number in any::<i64>(), odd in "\\PC{0,6}") {
        let context = serde_json::json!({"t": text, "n": number, "o": odd});
        let fake = Fake::default();
        let scope = Overlay::on(&context).with_host(&fake);
        let engine = Engine::new(Limits { steps: 20_000, output: 100_000, ..Limits::default() });
        for args in ["", "n", "t", "o", "n, n", "t, t", "n, t", "o, n", "t, o, n, n", "[t, n]", "{'a': o}, true"] {
            for input in ["t", "n", "[t, n, o]", "{'a': n, 'b': t}", "n / 7.0"] {
                let _ = engine.render(&format!("{{{{ {input} | {}({args}) }}}}", filter.name), &scope);
            }
            let _ = engine.render(&format!("{{{{ {}({args}) }}}}", filter.name), &scope);
        }
    }

    #[test]
    fn literal_text_is_itself(text in "[^{]*") {
        prop_assert_eq!(Engine::default().render(&format!("{text}{{{{ '' }}}}"), &()).unwrap(), text);
    }

    #[test]
    fn json_ion_and_yaml_are_read_back(value in json()) {
        let val = crate::Val::from(&value);
        prop_assert_eq!(serde_json::from_str::<Value>(&crate::print::json(&val)).unwrap(), value.clone());
        let rows = ion::read(&ion::write(&val)).unwrap();
        prop_assert!(crate::eval::same(&rows[0], &val), "{}", ion::write(&val));
        let text = yaml::write(&val);
        let back = yaml::read(&text).map_err(|fault| TestCaseError::fail(format!("{fault:?}\n{text}")))?;
        prop_assert!(crate::eval::same(&back, &val), "{}\n{:?}", text, back);
    }

    #[test]
    fn readers_do_not_panic(text in "[\\[\\]{}():,'\"a-z0-9_\\\\.+\\-|>&*!% \\n]{0,60}") {
        let _ = ion::read(&text);
        let _ = yaml::read(&text);
        let _ = raw::strip(text);
    }
}

#[test]
fn a_typed_value_is_the_value() {
    assert_eq!(typed("{{ inputs }}"), context()["inputs"]);
}
