//! How much one rendering may cost before it is stopped.

/// Bounds of one rendering. Going over one is the error `expr::limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest text or value, in bytes.
    pub output: usize,
    /// Steps: evaluated nodes, loop rounds and produced elements; 64 produced bytes are one step.
    pub steps: u64,
    /// Nested macros, blocks and `render()` calls.
    pub depth: usize,
    /// Numbers that `range()` or `..` may produce.
    pub range: usize,
    /// Rounds of `render()` until the text stays the same.
    pub renderings: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { output: 64 << 20, steps: 10_000_000, depth: 32, range: 1_000_000, renderings: 100 }
    }
}
