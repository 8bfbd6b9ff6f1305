//! What is wanted, in the words of `find`.

use switchyard_plugin_api::transfer::{Pattern, Wanted};

/// They travel in the query of a request, which proxies cut at some kilobytes.
const MOST_BYTES: usize = 3000;

/// Arguments of `find -path` that let through at least what is wanted; none for everything.
pub fn arguments(wanted: &Wanted) -> Vec<String> {
    let Wanted::Matching(patterns) = wanted else { return Vec::new() };
    let arguments: Vec<String> = patterns.iter().flat_map(of).collect();
    let bytes: usize = arguments.iter().map(|a| a.len() * 3).sum();
    if bytes > MOST_BYTES { Vec::new() } else { arguments }
}

fn of(pattern: &Pattern) -> Vec<String> {
    match pattern {
        Pattern::Literal(literal) => vec![format!("./{}", plain(literal)), format!("./{}/*", plain(literal))],
        Pattern::Ends { prefix, suffix } => vec![format!("./{}*{}", plain(prefix), plain(suffix))],
    }
}

/// Text that `fnmatch` takes literally.
fn plain(text: &str) -> String {
    text.chars().flat_map(|c| Pattern::SPECIAL.contains(&c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use switchyard_plugin_api::Files;

    use super::*;

    #[test]
    fn kube_k2_what_is_asked_for() {
        let wanted = |outputs: Vec<String>| Wanted::of(&Files { outputs, ..Files::default() });
        for (outputs, expected) in [
            (&["a.txt", "./d/b", "a.txt"][..], &["./a.txt", "./a.txt/*", "./d/b", "./d/b/*"][..]),
            (&["*.json"], &["./*.json"]),
            (&["out/**/x.csv"], &["./out*x.csv"]),
            (&["data_[0-9].txt"], &["./data_*.txt"]),
        ] {
            assert_eq!(arguments(&wanted(outputs.iter().map(|&o| o.to_owned()).collect())), expected, "{outputs:?}");
        }
        let many = wanted((0..200).map(|n| format!("some/long/name/{n}.txt")).collect());
        assert!(arguments(&many).is_empty() && many.takes("some/long/name/7.txt") && !many.takes("other"));
    }
}
