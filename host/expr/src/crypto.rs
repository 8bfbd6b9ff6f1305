//! `encrypt()` and `decrypt()`: AES-GCM; a 12-byte nonce, the ciphertext and a 16-byte tag, in Base64.

use aes_gcm::aead::{Aead, KeyInit, Nonce};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Fault, Outcome};
use crate::eval::from_host;
use crate::host::Host;

const NONCE: usize = 12;

enum Cipher {
    Short(Box<Aes128Gcm>),
    Long(Box<Aes256Gcm>),
}

fn cipher(key: &str) -> Outcome<Cipher> {
    let wrong = || Fault::argument("the encryption key must be 16 or 32 bytes in Base64");
    let key = STANDARD.decode(key.trim()).map_err(|_| wrong())?;
    match key.len() {
        16 => Aes128Gcm::new_from_slice(&key).map(|cipher| Cipher::Short(Box::new(cipher))).map_err(|_| wrong()),
        32 => Aes256Gcm::new_from_slice(&key).map(|cipher| Cipher::Long(Box::new(cipher))).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

pub(crate) fn encrypt(host: &dyn Host, key: &str, plain: &str) -> Outcome<String> {
    let cipher = cipher(key)?;
    let mut nonce = [0u8; NONCE];
    from_host(host.random(&mut nonce))?;
    let sealed = match &cipher {
        Cipher::Short(cipher) => cipher.encrypt(Nonce::<Aes128Gcm>::from_slice(&nonce), plain.as_bytes()),
        Cipher::Long(cipher) => cipher.encrypt(Nonce::<Aes256Gcm>::from_slice(&nonce), plain.as_bytes()),
    };
    let sealed = sealed.map_err(|_| Fault::value("the text is too long to encrypt"))?;
    Ok(STANDARD.encode([nonce.as_slice(), &sealed].concat()))
}

pub(crate) fn decrypt(key: &str, encrypted: &str) -> Outcome<String> {
    let cipher = cipher(key)?;
    let wrong = || Fault::value("the text was not encrypted with this key");
    let bytes = STANDARD.decode(encrypted.trim()).map_err(|_| Fault::value("the encrypted text is not Base64"))?;
    let (nonce, sealed) = bytes.split_at_checked(NONCE).ok_or_else(wrong)?;
    let plain = match &cipher {
        Cipher::Short(cipher) => cipher.decrypt(Nonce::<Aes128Gcm>::from_slice(nonce), sealed),
        Cipher::Long(cipher) => cipher.decrypt(Nonce::<Aes256Gcm>::from_slice(nonce), sealed),
    };
    String::from_utf8(plain.map_err(|_| wrong())?).map_err(|_| wrong())
}
