//! Certificates and keys as flows have them: PEM or its base64, keys with a passphrase, PKCS#12 files.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12ImportPolicy};
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, SecretDocument};

use crate::error::Failure;

const CERTIFICATE: &str = "CERTIFICATE";
const KEY: &str = "PRIVATE KEY";
const ENCRYPTED_KEY: &str = "ENCRYPTED PRIVATE KEY";

fn invalid(property: &'static str, reason: impl Into<String>) -> Failure {
    Failure::InvalidConfig { property, reason: reason.into() }
}

/// The text of PEM, from PEM or from base64 with any white space.
pub fn text(value: Option<&str>, property: &'static str) -> Result<Option<String>, Failure> {
    let Some(value) = value.filter(|v| !v.trim().is_empty()) else { return Ok(None) };
    if value.contains("-----BEGIN") {
        // A flow's folded text may have lost its line ends, and with a literal `\n` some keep them in quotes.
        return Ok(Some(value.replace("\\n", "\n")));
    }
    let compact: String = value.chars().filter(|c| !c.is_whitespace()).collect();
    let bytes = STANDARD.decode(compact).map_err(|_| invalid(property, "it is neither PEM nor base64"))?;
    let text = String::from_utf8(bytes).ok().filter(|t| t.contains("-----BEGIN"));
    text.map(Some).ok_or_else(|| invalid(property, "its base64 does not contain PEM"))
}

/// The text of a key's PEM, without its passphrase.
pub fn key(text: String, passphrase: Option<&str>, property: &'static str) -> Result<String, Failure> {
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(invalid(property, "the key is encrypted in an old way; convert it first: openssl pkcs8 -topk8 -in KEY -out NEW"));
    }
    if !text.contains(&format!("-----BEGIN {ENCRYPTED_KEY}-----")) {
        return Ok(text);
    }
    let Some(passphrase) = passphrase else { return Err(invalid(property, "the key is encrypted: set clientKeyPassphrase")) };
    let encrypted = blocks(&text, ENCRYPTED_KEY, property)?;
    let encrypted = encrypted.first().map(Vec::as_slice).unwrap_or_default();
    let wrong = |reason: String| invalid("clientKeyPassphrase", reason);
    let read = EncryptedPrivateKeyInfoRef::try_from(encrypted).map_err(|e| invalid(property, e.to_string()))?;
    let plain: SecretDocument = read.decrypt(passphrase).map_err(|e| wrong(format!("the key cannot be decrypted: {e}")))?;
    let pem = plain.to_pem(KEY, LineEnding::LF).map_err(|e| wrong(e.to_string()))?;
    Ok(pem.as_str().to_owned())
}

/// The blocks of this kind in PEM text, as DER.
pub fn blocks(text: &str, kind: &str, property: &'static str) -> Result<Vec<Vec<u8>>, Failure> {
    let mut found = Vec::new();
    for block in text.split(&format!("-----BEGIN {kind}-----")).skip(1) {
        let body: String = block.split("-----END").next().unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect();
        found.push(STANDARD.decode(body).map_err(|e| invalid(property, e.to_string()))?);
    }
    Ok(found)
}

/// The certificates of PEM text, as DER.
pub fn certificates(text: &str, property: &'static str) -> Result<Vec<Vec<u8>>, Failure> {
    blocks(text, CERTIFICATE, property)
}

/// The certificates of a PKCS#12 file, as PEM text.
pub fn trusted(path: &Path, passphrase: Option<&str>, property: &'static str) -> Result<String, Failure> {
    // Stores of other programs than Java's do not mark what is to be trusted: all of it is.
    let store = store(path, passphrase, property, Pkcs12ImportPolicy::Raw)?;
    let certificates = store.entries().filter_map(|(_, entry)| match entry {
        KeyStoreEntry::Certificate(certificate) => Some(armoured(CERTIFICATE, certificate.as_der())),
        _ => None,
    });
    let text: String = certificates.collect();
    if text.is_empty() { Err(invalid(property, "there is no certificate in it")) } else { Ok(text) }
}

/// The first key of a PKCS#12 file and its certificate with those that signed it, as PEM text.
pub fn identity(path: &Path, passphrase: Option<&str>, property: &'static str) -> Result<(String, String), Failure> {
    let store = store(path, passphrase, property, Pkcs12ImportPolicy::Relaxed)?;
    let (_, chain) = store.private_key_chain().ok_or_else(|| invalid(property, "there is no key in it"))?;
    let certificates = chain.certs().iter().map(|c| armoured(CERTIFICATE, c.as_der())).collect();
    Ok((armoured(KEY, chain.key().as_der()), certificates))
}

fn store(path: &Path, passphrase: Option<&str>, property: &'static str, policy: Pkcs12ImportPolicy) -> Result<KeyStore, Failure> {
    let bytes = std::fs::read(path).map_err(|e| invalid(property, format!("{}: {e}", path.display())))?;
    if matches!(bytes.get(..4), Some([0xfe, 0xed, 0xfe, 0xed] | [0xce, 0xce, 0xce, 0xce])) {
        let reason = "it is a JKS file; convert it: keytool -importkeystore -srckeystore OLD -destkeystore NEW.p12 -deststoretype PKCS12";
        return Err(invalid(property, reason));
    }
    let read = KeyStore::from_pkcs12(&bytes, passphrase.unwrap_or_default(), policy);
    read.map_err(|e| invalid(property, format!("it cannot be read as PKCS#12, or its passphrase is wrong: {e}")))
}

/// DER as PEM.
fn armoured(kind: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let lines: Vec<&str> = (0..encoded.len()).step_by(64).map(|at| &encoded[at..encoded.len().min(at + 64)]).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}
