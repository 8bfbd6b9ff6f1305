//! Shared access signatures: an address that may be used by whoever has it, for a time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;

use crate::batch::auth;

const VERSION: &str = "2022-11-02";

/// A query that gives rights to one blob, or to all of a container.
pub fn query(key: &hmac::Key, account: &str, container: &str, blob: Option<&str>, rights: &str, lives: Duration) -> String {
    let until = SignedDuration::try_from(lives).ok().and_then(|lives| Timestamp::now().checked_add(lives).ok()).unwrap_or(Timestamp::MAX);
    until_then(key, account, container, blob, rights, &until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn until_then(key: &hmac::Key, account: &str, container: &str, blob: Option<&str>, rights: &str, until: &str) -> String {
    let (resource, kind) = match blob {
        Some(blob) => (format!("/blob/{account}/{container}/{blob}"), "b"),
        None => (format!("/blob/{account}/{container}"), "c"),
    };
    // Start, policy, address, protocol, snapshot, encryption scope and five headers are left open.
    let text = format!("{rights}\n\n{until}\n{resource}\n\n\n\n{VERSION}\n{kind}\n\n\n\n\n\n\n");
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    format!("se={}&sp={rights}&sv={VERSION}&sr={kind}&sig={}", encode(until), encode(&auth::signature(key, &text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Azure's own Python library (`azure-storage-blob`) makes of the same, with this version of the service.
    #[test]
    fn z3_signatures_are_those_of_azures_own_library() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"0123456789abcdef0123456789abcdef");
        for (blob, rights, expected) in [
            (Some("a b/ü.txt"), "r", "NcQ3tbWi68o0WrNOeAuF1k/n41X+HWfVGloFrkbJ92A="),
            (None, "rcwdl", "qG2nq5P+NmTApY7hDbaD/xKZdpT0H+lb+nehvJvnbrU="),
        ] {
            let made = until_then(&key, "acct", "cont", blob, rights, "2026-01-02T03:04:05Z");
            let signature = made.split("&sig=").nth(1).unwrap();
            let decoded = percent_encoding::percent_decode_str(signature).decode_utf8().unwrap();
            assert_eq!(decoded, expected, "{made}");
        }
    }
}
