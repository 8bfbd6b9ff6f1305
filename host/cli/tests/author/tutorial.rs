//! The tutorial: what it shows of the finished code is there, and what it types into a terminal gives what it says.

use std::{fs, path::Path};

use crate::support::Home;

const TUTORIAL: &str = include_str!("../../../../plugin-api/docs/tutorial.md");

/// Content of the fenced blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let mark = format!("```{language}\n");
    TUTORIAL.split(&mark).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Without what formatting changes.
fn bare(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn every_excerpt_is_in_the_file_that_it_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let excerpts = blocks("rust,ignore");
    assert!(excerpts.len() >= 6, "the tutorial shows the finished code");
    for excerpt in excerpts {
        let (first, code) = excerpt.split_once('\n').unwrap();
        let file = first.strip_prefix("// ").unwrap_or_else(|| panic!("{first:?} names no file"));
        let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(bare(&text).contains(&bare(code)), "{file} no longer has\n{code}");
    }
}

/// Lines that are shown must come in their order; `...` stands for any.
fn assert_shown(command: &str, shown: &str, said: &str) {
    let mut lines = said.lines();
    for line in shown.lines().filter(|line| *line != "...") {
        assert!(lines.any(|found| found.trim_end() == line.trim_end()), "`{command}` does not say {line:?}:\n{said}");
    }
}

#[test]
fn what_is_typed_gives_what_is_shown() {
    let home = Home::new(&[]);
    let mut ran = 0;
    for block in blocks("console") {
        for part in block.split("$ ").skip(1) {
            let (command, shown) = part.split_once('\n').unwrap();
            let words: Vec<&str> = command.split_whitespace().collect();
            // What cargo builds is tested by the stranger.
            let needs_a_build = command.contains("target/release");
            if words[0] != "switchyard" || needs_a_build {
                assert!(["cd", "cargo", "switchyard"].contains(&words[0]), "nobody tests `{command}`");
                continue;
            }
            let output = home.run(&words[1..]);
            assert_eq!(output.code(), 0, "{command}: {}", output.stderr());
            assert_shown(command, shown, &output.stdout());
            ran += 1;
        }
    }
    assert_eq!(ran, 2);
}
