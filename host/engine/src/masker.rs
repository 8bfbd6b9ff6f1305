//! Which bytes of a log are secret.

use std::{ops::Range, sync::Arc};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;

use crate::capture::Secrets;

/// Finds secrets in every form they are likely to be printed in: as they are, line by line, in base64, in a URL.
#[derive(Clone, Default)]
pub struct Masker(Option<Arc<Patterns>>);

struct Patterns {
    automaton: AhoCorasick,
    longest: usize,
}

/// Shorter lines of a secret of several lines would hide half of every log.
const SHORTEST_LINE: usize = 4;

impl Masker {
    pub fn new(secrets: &[String]) -> Self {
        let mut patterns: Vec<Vec<u8>> = Vec::new();
        for secret in secrets {
            let lines: Vec<&str> = secret.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
            let several = lines.len() > 1;
            for line in lines.iter().filter(|line| !several || line.len() >= SHORTEST_LINE) {
                patterns.push(line.as_bytes().to_vec());
                patterns.push(url_encoded(line).into_bytes());
            }
            // In base64 a short secret is too likely to be a part of something else.
            if secret.len() >= SHORTEST_LINE {
                patterns.push(base64::engine::general_purpose::STANDARD.encode(secret).into_bytes());
                patterns.push(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(secret).into_bytes());
            }
        }
        patterns.sort();
        patterns.dedup();
        let longest = patterns.iter().map(Vec::len).max().unwrap_or(0);
        // A set of patterns that is too large for the automaton cannot come from a flow; then nothing would be shown at all.
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&patterns);
        Self(automaton.ok().filter(|_| longest > 0).map(|automaton| Arc::new(Patterns { automaton, longest })))
    }

    /// A text with its secrets replaced.
    pub fn mask(&self, text: &str) -> String {
        match &self.0 {
            None => text.to_owned(),
            Some(patterns) => patterns.automaton.replace_all(text, &vec!["******"; patterns.automaton.patterns_len()]),
        }
    }
}

impl Secrets for Masker {
    fn longest(&self) -> usize {
        self.0.as_ref().map_or(0, |patterns| patterns.longest)
    }

    fn find(&self, bytes: &[u8]) -> Option<Range<usize>> {
        self.0.as_ref()?.automaton.find(bytes).map(|found| found.range())
    }
}

fn url_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c25_every_form_is_masked() {
        let masker = Masker::new(&["hunter2hunter2".to_owned(), "line one\nab\nline two".to_owned(), "p@ss word".to_owned()]);
        for (text, masked) in [
            ("x hunter2hunter2 y", "x ****** y"),
            ("aHVudGVyMmh1bnRlcjI=", "******"),
            ("line two and ab", "****** and ab"),
            ("q=p%40ss%20word", "q=******"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(masker.mask(text), masked);
        }
        assert_eq!(Masker::new(&[]).longest(), 0);
    }
}
