//! Whatever the text, the model answers with a flow or with violations that point into it.

use proptest::prelude::*;
use switchyard_model::{Flow, Sources, Violations, yaml};

/// What matters to the YAML reader.
const PIECES: &[&str] = &[
    "id: f\n",
    "namespace: n\n",
    "tasks:\n",
    "  - id: a\n",
    "    type: io.kestra.plugin.core.flow.Sequential\n",
    "    tasks:\n",
    "- ",
    "k: ",
    "\"q\": ",
    "{{ x }}",
    "{{ 'é' | f(\"#\") }}",
    "{{ open",
    "{% if x %}",
    "|\n  text\n",
    ">-2\n",
    "\"",
    "'",
    "''",
    "\\",
    "# comment ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "&a ",
    "*a",
    "!t ",
    "!!str ",
    "<<: ",
    "? ",
    ": ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "\t",
    "  ",
    "\n",
    "\r\n",
    "ü日",
    "\u{feff}",
    "\u{2028}",
    "inputs: [{id: i, type: INT, min: 5}]\n",
    "retry: {type: constant, interval: PT1S}\n",
];

/// Pieces in every order.
fn pieces() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(PIECES), 0..40).prop_map(|pieces| pieces.concat())
}

fn check(sources: &Sources, length: usize, found: &Violations) {
    for violation in found {
        let range = violation.span.range();
        assert!(range.start <= range.end && range.end <= length, "{violation} at {range:?} of {length}");
        assert!(!violation.display(sources).to_string().is_empty());
        assert!(sources.snippet(violation.span).len() <= length);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn texts_of_yaml_pieces(text in pieces()) {
        let mut sources = Sources::new();
        let (_, outcome) = yaml::parse_bytes(&mut sources, "flow.yaml", text.as_bytes());
        match outcome {
            Ok(document) => {
                check(&sources, text.len(), &document.warnings);
                check(&sources, text.len(), &Flow::from_node(&document.root).1);
            }
            Err(found) => {
                assert!(found.has_errors());
                check(&sources, text.len(), &found);
            }
        }
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut sources = Sources::new();
        let (source, outcome) = yaml::parse_bytes(&mut sources, "flow.yaml", &bytes);
        if let Err(found) = outcome {
            check(&sources, sources.get(source).text().len(), &found);
        }
    }

    /// Quoting a value ourselves gives what the author would have got by quoting it.
    #[test]
    fn an_unquoted_expression_reads_like_a_quoted_one(expression in "[a-z.'|()é ]{0,12}") {
        // Quotes that do not match leave the expression open, which is refused.
        prop_assume!(expression.matches('\'').count() % 2 == 0);
        let value = format!("{{{{ {expression} }}}}");
        let mut sources = Sources::new();
        let bare = sources.add("bare", format!("k: {value}  # comment\nl:\n  - {value}\n"));
        let quoted = sources.add("quoted", format!("k: \"{value}\"\nl:\n  - \"{value}\"\n"));
        let bare = yaml::parse(&sources, bare).unwrap();
        prop_assert_eq!(&bare.root, &yaml::parse(&sources, quoted).unwrap().root);
        prop_assert_eq!(bare.warnings.len(), 2);
        let span = bare.root.get_path("l[0]").unwrap().span;
        prop_assert_eq!(sources.text(span), value);
    }
}
