//! Character positions of the parser as byte positions of the original text.

use std::ops::Range;

use super::expression::Quoted;

/// The parser counts characters of the rewritten text; spans count bytes of what the author wrote.
pub(super) struct Offsets<'a> {
    quoted: &'a Quoted<'a>,
    /// Byte position of each character; empty for ASCII, where both are the same.
    bytes: Vec<u32>,
    /// Bytes before the text that the parser never saw (a byte order mark).
    skipped: usize,
}

impl<'a> Offsets<'a> {
    pub(super) fn new(quoted: &'a Quoted<'a>, skipped: usize) -> Self {
        let text: &str = &quoted.text;
        let bytes = if text.is_ascii() {
            Vec::new()
        } else {
            let ends = [text.len()];
            text.char_indices().map(|(at, _)| at).chain(ends).map(|at| u32::try_from(at).unwrap_or(u32::MAX)).collect()
        };
        Self { quoted, bytes, skipped }
    }

    /// In the rewritten text.
    pub(super) fn byte(&self, character: usize) -> usize {
        match self.bytes.last() {
            None => character.min(self.quoted.text.len()),
            Some(end) => self.bytes.get(character).unwrap_or(end).to_owned() as usize,
        }
    }

    /// In what the author wrote.
    pub(super) fn original(&self, character: usize) -> usize {
        self.quoted.original(self.byte(character)) + self.skipped
    }

    /// The original range of a value that was put in quotes and begins at this character.
    pub(super) fn edit_at(&self, character: usize) -> Option<Range<usize>> {
        let range = self.quoted.edit_at(self.byte(character))?;
        Some(range.start + self.skipped..range.end + self.skipped)
    }

    /// Where an expression was left open, in what the author wrote.
    pub(super) fn unclosed(&self) -> Option<usize> {
        self.quoted.unclosed.map(|at| at + self.skipped)
    }
}
