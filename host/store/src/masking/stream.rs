use std::borrow::Cow;
use std::sync::Arc;

use super::{MASK, Patterns};

/// Masks a stream whose pieces may end in the middle of a secret: that end is held back until it is known what it is. No
/// more is held back than the longest secret, and nothing of a complete line.
#[derive(Debug)]
pub struct MaskStream {
    patterns: Option<Arc<Patterns>>,
    held: Vec<u8>,
    /// So many of the held bytes belong to a secret whose mask was given already.
    masked: usize,
}

impl MaskStream {
    pub(super) fn new(patterns: Option<Arc<Patterns>>) -> Self {
        Self { patterns, held: Vec::new(), masked: 0 }
    }

    /// Bytes that were taken and neither shown nor masked yet.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Takes the next piece; gives what can be shown of it and of what was held back.
    pub fn push<'a>(&mut self, piece: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(patterns) = self.patterns.clone() else {
            return Cow::Borrowed(piece);
        };
        if self.held.is_empty() {
            let spans = patterns.spans(piece);
            let hold = patterns.possible_start(piece);
            if spans.is_empty() {
                self.held.extend_from_slice(&piece[hold..]);
                return Cow::Borrowed(&piece[..hold]);
            }
            return Cow::Owned(self.show(piece, &spans, hold));
        }
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(piece);
        let spans = patterns.spans(&bytes);
        let hold = patterns.possible_start(&bytes);
        Cow::Owned(self.show(&bytes, &spans, hold))
    }

    /// The stream ended: what was held back is no secret, or one that is masked.
    pub fn finish(&mut self) -> Vec<u8> {
        let Some(patterns) = self.patterns.clone() else {
            return Vec::new();
        };
        let bytes = std::mem::take(&mut self.held);
        let spans = patterns.spans(&bytes);
        self.show(&bytes, &spans, bytes.len())
    }

    /// Gives everything before `hold` with masks and keeps the rest.
    fn show(&mut self, bytes: &[u8], spans: &[(usize, usize)], hold: usize) -> Vec<u8> {
        let mut shown = Vec::with_capacity(bytes.len());
        // Behind what was given, masked or not.
        let mut at = self.masked;
        for &(start, end) in spans {
            if start >= hold {
                break;
            }
            // A secret that overlaps the one masked before is covered by the same mask.
            if start >= at {
                shown.extend_from_slice(&bytes[at..start]);
                shown.extend_from_slice(MASK.as_bytes());
            }
            at = at.max(end);
        }
        if at < hold {
            shown.extend_from_slice(&bytes[at..hold]);
        }
        self.held = bytes[hold..].to_vec();
        self.masked = at.saturating_sub(hold);
        shown
    }
}
