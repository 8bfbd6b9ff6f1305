use std::time::Duration;

/// What a committed write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The death of this process. A power cut may lose the last writes, never their order (SQLite WAL, `synchronous=NORMAL`).
    #[default]
    Process,
    /// A power cut too: one fsync per group (`synchronous=FULL`).
    Machine,
}

/// How a journal behaves.
#[derive(Clone, Debug)]
pub struct Options {
    pub durability: Durability,
    /// Writes that may wait; the next one waits for room, which slows its caller down to the speed of the disk.
    pub queue: usize,
    /// Writes committed in one transaction at most.
    pub group: usize,
    /// How long a full or locked disk is retried before the journal gives up. Meanwhile tickets stay open, so
    /// nothing is lost when space is made. A terminal command keeps this short, a server long.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { durability: Durability::Process, queue: 65_536, group: 8_192, patience: Duration::from_secs(2) }
    }
}
