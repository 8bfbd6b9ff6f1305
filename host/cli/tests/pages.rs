//! Every error code that the sources can produce has a page, and every page a code.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Sources whose codes no user sees.
const LEFT_OUT: &[&str] = &["/tests/", "tests.rs", "/probe/", "/misbehave/", "/benches/", "/examples/", "/target/"];

#[test]
fn every_code_has_a_page() {
    let pages = pages();
    let missing: Vec<_> = codes().into_iter().filter(|(code, _)| !pages.contains(code)).collect();
    assert!(missing.is_empty(), "codes without a page in host/cli/docs/errors: {missing:#?}");
}

#[test]
fn every_page_has_a_code() {
    let codes = codes();
    let left: Vec<_> = pages().into_iter().filter(|page| !codes.contains_key(page)).collect();
    assert!(left.is_empty(), "pages in host/cli/docs/errors whose code nothing raises: {left:#?}");
}

/// Every code of the product and a file that has it.
fn codes() -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for folder in ["host", "plugins", "plugin-api"] {
        scan(&root().join(folder), &mut found);
    }
    assert!(found.len() > 100, "the scan finds the codes: {}", found.len());
    found
}

/// The codes that have a page.
fn pages() -> BTreeSet<String> {
    let names = fs::read_dir(root().join("host/cli/docs/errors")).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_str().unwrap().strip_suffix(".md").unwrap().replacen('.', "::", 1)).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn scan(folder: &Path, found: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let shown = path.display().to_string();
        if LEFT_OUT.iter().any(|part| format!("{shown}/").contains(part) || shown.ends_with(part)) {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            scan(&path, found);
        } else if shown.ends_with(".rs") {
            let text = fs::read_to_string(&path).unwrap();
            let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            for literal in product.split('"').filter(|literal| is_code(literal)) {
                found.entry(literal.to_owned()).or_insert_with(|| path.clone());
            }
        }
    }
}

/// `area::what_is_wrong`.
fn is_code(literal: &str) -> bool {
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    literal.split_once("::").is_some_and(|(area, rest)| word(area) && word(rest))
}
