//! Hiding secrets in bytes that arrive in pieces.

use std::ops::Range;

/// Finds secrets in bytes.
pub trait Secrets: Send + Sync {
    /// Length of the longest match in bytes; 0 when there is nothing to hide. No match contains a line end.
    fn longest(&self) -> usize;
    /// The first match.
    fn find(&self, bytes: &[u8]) -> Option<Range<usize>>;
}

/// No secrets.
impl Secrets for () {
    fn longest(&self) -> usize {
        0
    }

    fn find(&self, _: &[u8]) -> Option<Range<usize>> {
        None
    }
}

const MASK: &[u8] = b"******";

/// The end of a line that has not ended yet: a secret may have begun in it.
#[derive(Debug, Default)]
pub(super) struct Undecided(Vec<u8>);

impl Undecided {
    /// Passes on all of `bytes` that is decided, masked. With `last`, all of it is.
    pub(super) fn pass(&mut self, secrets: &dyn Secrets, bytes: &[u8], last: bool, emit: &mut dyn FnMut(&[u8])) {
        if secrets.longest() == 0 {
            if !bytes.is_empty() {
                emit(bytes);
            }
        } else if self.0.is_empty() {
            let kept = mask(secrets, bytes, last, emit);
            self.0.extend_from_slice(kept);
        } else {
            let mut joined = std::mem::take(&mut self.0);
            joined.extend_from_slice(bytes);
            let kept = mask(secrets, &joined, last, emit).len();
            joined.drain(..joined.len() - kept);
            self.0 = joined;
        }
    }
}

/// Emits the decided part, returns the rest.
fn mask<'a>(secrets: &dyn Secrets, bytes: &'a [u8], last: bool, emit: &mut dyn FnMut(&[u8])) -> &'a [u8] {
    // Every match that begins before this point lies wholly in `bytes`.
    let decided = if last || bytes.last().is_some_and(|byte| is_line_end(*byte)) {
        bytes.len()
    } else {
        bytes.len().saturating_sub(secrets.longest() - 1)
    };
    let mut masked = Vec::new();
    let mut done = 0;
    while let Some(found) = secrets.find(&bytes[done..]).filter(|found| done + found.start < decided && !found.is_empty()) {
        masked.extend_from_slice(&bytes[done..done + found.start]);
        masked.extend_from_slice(MASK);
        done += found.end;
    }
    let decided = decided.max(done);
    if masked.is_empty() {
        if decided > 0 {
            emit(&bytes[..decided]);
        }
    } else {
        masked.extend_from_slice(&bytes[done..decided]);
        emit(&masked);
    }
    &bytes[decided..]
}

/// Text with its secrets masked.
pub(super) fn masked(secrets: &dyn Secrets, text: &str) -> String {
    let mut result = Vec::new();
    Undecided::default().pass(secrets, text.as_bytes(), true, &mut |bytes| result.extend_from_slice(bytes));
    String::from_utf8_lossy(&result).into_owned()
}

pub(super) fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}
