//! Short names for long texts.

use sha2::{Digest, Sha256};

/// Sixteen hexadecimal digits that only this text has.
pub fn short(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// All of them.
pub fn long(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
