//! AES-GCM for others than expressions: SECRET inputs and encrypted outputs at rest.

use crate::{crypto, host::Nowhere};

/// Base64 of a nonce and the encrypted text; the key is 16 or 32 bytes in Base64.
pub fn encrypt(key: &str, plain: &str) -> Result<String, String> {
    crypto::encrypt(&Nowhere, key, plain).map_err(|fault| fault.message)
}

/// What [`encrypt`] was given.
pub fn decrypt(key: &str, encrypted: &str) -> Result<String, String> {
    crypto::decrypt(key, encrypted).map_err(|fault| fault.message)
}
