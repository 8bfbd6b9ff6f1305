//! Keeping secrets out of everything that is stored.

mod stream;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

pub use stream::MaskStream;

/// What a secret is replaced with.
pub const MASK: &str = "******";

/// Shorter pieces are not masked: they would make any text unreadable and are no secret.
pub const SHORTEST: usize = 4;

/// Left as they are in URLs.
const URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Knows the secrets of a run. Clones share them; without secrets it costs nothing.
#[derive(Clone, Debug, Default)]
pub struct Masker(Option<Arc<Patterns>>);

#[derive(Debug)]
struct Patterns {
    all: Vec<Vec<u8>>,
    search: AhoCorasick,
    /// Which patterns begin with a byte.
    by_first: Vec<Vec<usize>>,
    longest: usize,
}

/// The secrets cannot be searched for, because they are too many or too large together.
#[derive(Debug, thiserror::Error)]
#[error("the secrets of this run cannot be masked, so it was not started: {source}; use fewer or smaller secrets")]
pub struct Error {
    #[from]
    source: aho_corasick::BuildError,
}

impl Error {
    /// A stable name, the same in every release.
    pub fn code(&self) -> &'static str {
        "masking::too_large"
    }
}

impl Masker {
    /// Masks these secrets, each line of those with several lines, and their base64 and URL-encoded forms.
    pub fn new(secrets: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, Error> {
        let mut all = BTreeSet::new();
        for secret in secrets {
            let secret = secret.as_ref();
            add(&mut all, secret);
            add(&mut all, secret.trim());
            for line in secret.lines() {
                add(&mut all, line.trim());
            }
        }
        // A text with a line end in it is covered line by line, and would hold back lines that are complete.
        all.retain(|pattern| pattern.len() >= SHORTEST && !pattern.contains(&b'\n'));
        if all.is_empty() {
            return Ok(Self::default());
        }
        let all: Vec<Vec<u8>> = all.into_iter().collect();
        let mut by_first = vec![Vec::new(); 256];
        for (index, pattern) in all.iter().enumerate() {
            if let Some(first) = pattern.first() {
                by_first[usize::from(*first)].push(index);
            }
        }
        Ok(Self(Some(Arc::new(Patterns {
            search: AhoCorasick::new(&all)?,
            longest: all.iter().map(Vec::len).max().unwrap_or_default(),
            by_first,
            all,
        }))))
    }

    /// There is nothing to mask.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// A whole text without its secrets.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(masked) => Cow::Owned(String::from_utf8_lossy(&masked).into_owned()),
        }
    }

    /// Whole bytes without their secrets.
    pub fn bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(patterns) = &self.0 else {
            return Cow::Borrowed(bytes);
        };
        let spans = patterns.spans(bytes);
        if spans.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut masked = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for (start, end) in spans {
            masked.extend_from_slice(&bytes[at..start]);
            masked.extend_from_slice(MASK.as_bytes());
            at = end;
        }
        masked.extend_from_slice(&bytes[at..]);
        Cow::Owned(masked)
    }

    /// Masks bytes that come piece by piece; one for each stream of each attempt.
    pub fn stream(&self) -> MaskStream {
        MaskStream::new(self.0.clone())
    }
}

impl Patterns {
    /// What is covered by secrets. Overlapping ones become one span, so that no end of one stays visible.
    fn spans(&self, bytes: &[u8]) -> Vec<(usize, usize)> {
        // Nearly all text has no secret, and this search is the fast one.
        let Some(first) = self.search.find(bytes) else {
            return Vec::new();
        };
        let from = first.start().saturating_sub(self.longest);
        let mut found: Vec<(usize, usize)> =
            self.search.find_overlapping_iter(&bytes[from..]).map(|found| (from + found.start(), from + found.end())).collect();
        found.sort_unstable();
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for (start, end) in found {
            match spans.last_mut() {
                Some(last) if start < last.1 => last.1 = last.1.max(end),
                _ => spans.push((start, end)),
            }
        }
        spans
    }

    /// Where the bytes may end in the beginning of a secret.
    fn possible_start(&self, bytes: &[u8]) -> usize {
        let from = bytes.len().saturating_sub(self.longest - 1);
        (from..bytes.len())
            .find(|at| {
                let rest = &bytes[*at..];
                self.by_first[usize::from(rest[0])]
                    .iter()
                    .any(|index| self.all[*index].len() > rest.len() && self.all[*index].starts_with(rest))
            })
            .unwrap_or(bytes.len())
    }
}

fn add(all: &mut BTreeSet<Vec<u8>>, secret: &str) {
    let bytes = secret.as_bytes();
    if bytes.len() < SHORTEST {
        return;
    }
    all.insert(bytes.to_vec());
    for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
        all.insert(engine.encode(bytes).into_bytes());
    }
    // `echo "$SECRET" | base64` encodes a line end too, which changes only what follows the last whole group.
    let groups = bytes.len() / 3 * 3;
    if groups >= 6 {
        all.insert(STANDARD.encode(&bytes[..groups]).into_bytes());
        all.insert(URL_SAFE.encode(&bytes[..groups]).into_bytes());
    }
    let encoded = percent_encode(bytes, URL).to_string();
    all.insert(encoded.replace("%20", "+").into_bytes());
    all.insert(lower_hex(&encoded).into_bytes());
    all.insert(encoded.into_bytes());
    let quoted = serde_json::Value::from(secret).to_string();
    all.insert(quoted.trim_matches('"').as_bytes().to_vec());
}

/// `%2F` as `%2f`, which some programs write.
fn lower_hex(encoded: &str) -> String {
    let mut hex = 0;
    encoded
        .chars()
        .map(|character| {
            if character == '%' {
                hex = 2;
            } else if hex > 0 {
                hex -= 1;
                return character.to_ascii_lowercase();
            }
            character
        })
        .collect()
}
