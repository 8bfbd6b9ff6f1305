//! Changed texts for the readers of flows and expressions: nothing may panic, and what the two readers of an expression say must agree.
//!
//! A run of the tests tries a few thousand texts, the same each time; `cargo xtask fuzz` goes on for as long as it is told, with others
//! each time. The seed of a failure is in its message.

#![allow(clippy::unwrap_used)]

mod mutation;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use mutation::Mutation;
use serde_json::{Value as Json, json};
use switchyard_engine::{built_in, load};
use switchyard_expr::{Engine, Limits, Template};
use switchyard_model::Sources;
use switchyard_registry::{Options, Registry};

/// Seconds that `cargo xtask fuzz` gives to each target.
const SECONDS: &str = "SWITCHYARD_FUZZ_SECONDS";

/// Flows of the language's tests.
fn flows() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language/flows");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The lines of those flows that hold expressions.
fn expressions() -> Vec<String> {
    let lines = flows().into_iter().flat_map(|flow| flow.lines().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|line| line.contains("{{") || line.contains("{%")).collect()
}

/// Tries changed texts until the time is over; the first one that panics is made smaller and shown.
fn fuzz(corpus: &[String], words: &[&str], texts: u32, target: impl Fn(&str)) {
    let time = std::env::var(SECONDS).ok().and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let seed = match time {
        Some(_) => SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64,
        None => 1,
    };
    let began = Instant::now();
    let mut mutation = Mutation::new(seed, corpus, words);
    let breaks = |text: &str| catch_unwind(AssertUnwindSafe(|| target(text))).is_err();
    let mut tried = 0;
    while time.map_or(tried < texts, |time| began.elapsed() < time) {
        let text = mutation.text();
        tried += 1;
        if breaks(&text) {
            let small = mutation::smaller(&text, breaks);
            panic!("seed {seed}, text {tried}: this one panics:\n{small}\n{small:?}");
        }
    }
    eprintln!("{tried} texts, seed {seed}");
}

#[test]
fn flows_are_read_or_refused() {
    let data = tempfile::tempdir().unwrap();
    let registry = Registry::open(Options::new(data.path().join("cache"), Vec::new()), vec![built_in(None)]);
    let words =
        ["- ", ": ", "{", "}", "[", "]", "|\n", ">-\n", "&a ", "*a", "<<: ", "!!str ", "\t", "'", "\"", "#", "\n  ", "~", "{{ ", " }}"];
    fuzz(&flows(), &words, 4_000, |text| {
        let mut sources = Sources::new();
        let read = load::bytes_of("flow.yaml", text.as_bytes(), &registry, &Default::default(), &mut sources);
        let found = match &read {
            Ok(loaded) => &loaded.violations,
            Err(violations) => violations,
        };
        // Whatever is told has a place that can be shown.
        let _ = found.display(&sources).to_string();
        if read.as_ref().map_or(true, |loaded| loaded.program.is_none()) {
            assert!(found.has_errors(), "refused without a word");
        }
    });
}

#[test]
fn expressions_are_rendered_or_refused() {
    let context = json!({
        "inputs": {"n": 1, "s": "x", "list": [1, "a", null], "users": [{"name": "Ann"}]},
        "outputs": {"a": {"value": "v", "body": "{\"k\": [1]}"}},
        "vars": {"x": "{{ inputs.n }}"}, "flow": {"id": "f"}, "taskrun": {"value": "v"},
    });
    let engine = Engine::new(Limits { steps: 20_000, ..Limits::default() });
    let words = [
        "{{ ",
        " }}",
        "{% ",
        " %}",
        "if ",
        "for x in ",
        "set ",
        "endif",
        "endfor",
        " | ",
        "??",
        "???",
        "..",
        "~",
        "'",
        "\"",
        "#{",
        "(",
        ")",
        "[",
        "]",
        ".",
        " is ",
        "not ",
        "range(0, 9)",
        "jq('.')",
        "date('yyyy')",
        "é",
        "9223372036854775807",
        "-",
        "{#",
        "#}",
    ];
    fuzz(&expressions(), &words, 30_000, |text| {
        let read = Template::parse(text);
        let typed = engine.render_typed(text, &context);
        let plain = engine.render(text, &context);
        if let Err(error) = &read {
            // An error points into the text.
            let place = error.place();
            assert!(text.get(place.offset..).is_some(), "{place:?} is outside");
            assert!(plain.is_err() || !switchyard_expr::needs_rendering(text), "{error} was rendered");
        }
        if let (Ok(Json::String(typed)), Ok(plain)) = (&typed, &plain)
            && !["now(", "uuid", "random", "id(", "anoId"].iter().any(|chance| text.contains(chance))
        {
            assert_eq!(typed, plain);
        }
        if let Ok(template) = read {
            template.references().iter().for_each(|reference| assert!(text.get(reference.place.clone()).is_some()));
        }
    });
}
