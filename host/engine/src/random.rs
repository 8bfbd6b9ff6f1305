//! Randomness for ids and retry delays.

use std::hash::{BuildHasher, RandomState};

/// Sixteen unpredictable bytes. The standard library seeds its hasher from the system; each state differs.
pub fn bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    let nanos = jiff::Timestamp::now().as_nanosecond();
    for half in bytes.chunks_exact_mut(8) {
        half.copy_from_slice(&RandomState::new().hash_one(nanos).to_be_bytes());
    }
    bytes
}

/// In `[0, 1)`.
pub fn unit() -> f64 {
    let mut bits = [0; 8];
    bits.copy_from_slice(&bytes()[..8]);
    (u64::from_be_bytes(bits) >> 11) as f64 / (1_u64 << 53) as f64
}
