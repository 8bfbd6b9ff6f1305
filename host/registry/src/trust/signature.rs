//! Minisign signatures: `NAME.so.minisig` beside the library.

use std::{fmt, fs, io, path::Path, path::PathBuf};

use minisign_verify::{Error, PublicKey, Signature};

use crate::{cache, refusal::Refusal};

/// A public key, as `minisign -G` prints it.
#[derive(Clone)]
pub struct Key {
    text: String,
    key: PublicKey,
}

/// A text that is no public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a minisign public key")]
pub struct BadKey(String);

impl Key {
    /// Takes the key by itself or the content of a `.pub` file.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        let key = PublicKey::from_base64(line).map_err(|_| BadKey(line.to_owned()))?;
        Ok(Self { text: line.to_owned(), key })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.text)
    }
}

pub(super) struct Signed {
    pub detail: String,
    pub proof: String,
}

pub(super) fn file_name(path: &Path) -> String {
    format!("{}.minisig", path.file_name().unwrap_or_default().to_string_lossy())
}

fn file(path: &Path) -> PathBuf {
    path.with_file_name(file_name(path))
}

/// What a valid signature by a key is remembered as.
fn proof(signature: &str, key: &Key) -> String {
    cache::hash(format!("{}\n{signature}", key.text).as_bytes())
}

/// The key that signed the bytes; none when there is no signature.
pub(super) fn examine(path: &Path, bytes: &[u8], keys: &[Key]) -> Result<Option<Signed>, Refusal> {
    let text = match fs::read_to_string(file(path)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let reason = format!("its signature {} cannot be read: {error}", file_name(path));
            return Err(Refusal::new("plugin::bad_signature", reason).with_help("make it readable, or sign the library again"));
        }
    };
    let again = "sign this very file again with `minisign -Sm FILE`; if its author signed it, it was changed since";
    let Ok(signature) = Signature::decode(&text) else {
        let reason = format!("{} is not a minisign signature", file_name(path));
        return Err(Refusal::new("plugin::bad_signature", reason).with_help(again));
    };
    let mut known = false;
    for key in keys {
        match key.key.verify(bytes, &signature, false) {
            Ok(()) => {
                let detail = format!("signed by {} ({})", key.text, signature.trusted_comment());
                return Ok(Some(Signed { detail, proof: proof(&text, key) }));
            }
            Err(Error::UnexpectedKeyId) => {}
            Err(_) => known = true,
        }
    }
    Err(if known {
        Refusal::new("plugin::bad_signature", format!("its signature {} does not fit its content", file_name(path))).with_help(again)
    } else {
        Refusal::new("plugin::unknown_key", format!("it is signed by a key that is not among the {} configured ones", keys.len()))
            .with_help("add the author's public key to `plugins.trust.publicKeys`, if you trust it")
    })
}

/// Whether the signature is the one that was found valid before.
pub(super) fn is_proven(path: &Path, keys: &[Key], proven: Option<&str>) -> bool {
    match (fs::read_to_string(file(path)), proven) {
        (Ok(text), Some(proven)) => keys.iter().any(|key| proof(&text, key) == proven),
        _ => false,
    }
}
