//! The pages that explain error codes.

use switchyard_model::suggestion;

use crate::failure::Failure;

/// Code and Markdown, in order of the codes; made from `docs/errors` by the build script.
const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The page of a code.
pub fn find(code: &str) -> Option<&'static str> {
    PAGES.binary_search_by_key(&code, |(code, _)| code).ok().map(|at| PAGES[at].1)
}

/// Every code that has a page.
pub fn codes() -> impl Iterator<Item = &'static str> + Clone {
    PAGES.iter().map(|(code, _)| *code)
}

/// Why there is no page.
pub fn missing(code: &str) -> Failure {
    let failure = Failure::usage("cli::unknown_code", format!("there is no error code `{code}`"));
    match suggestion::nearest(code, codes()) {
        Some(near) => failure.with_help(format!("did you mean `{near}`?")),
        None => failure.with_help("error codes look like `flow::unknown_property`; `switchyard explain --codes` lists them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_sorted_and_say_what_to_do() {
        assert!(PAGES.is_sorted_by(|one, next| one.0 < next.0));
        for (code, page) in PAGES {
            assert!(page.starts_with(&format!("# {code}\n")), "{code}: the page begins with its code");
            assert!(page.contains("\n## What to try\n"), "{code}: the page says what to try");
        }
    }

    #[test]
    fn a_misspelt_code_is_answered_with_the_nearest() {
        assert_eq!(missing("flow::unknown_propery").help.as_deref(), Some("did you mean `flow::unknown_property`?"));
    }
}
