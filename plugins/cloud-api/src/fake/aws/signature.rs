//! Signature version 4, from the receiver's side.

use std::collections::BTreeMap;

use ring::{digest, hmac};

use crate::fake::http::Request;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// The access key that signed, or the name of the error.
pub fn check(request: &Request, keys: &BTreeMap<String, (String, Option<String>)>) -> Result<String, &'static str> {
    let header = request.header("authorization").ok_or("MissingAuthenticationToken")?;
    let part =
        |name: &str| header.split([' ', ',']).find_map(|part| part.trim().strip_prefix(&format!("{name}="))).ok_or("IncompleteSignature");
    let (credential, signed, signature) = (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
    let (id, scope) = credential.split_once('/').ok_or("IncompleteSignature")?;
    let (secret, token) = keys.get(id).ok_or("UnrecognizedClientException")?;
    if token.as_deref() != request.header("x-amz-security-token") {
        return Err("InvalidClientTokenId");
    }
    let parts: Vec<&str> = scope.split('/').collect();
    let [date, region, service, "aws4_request"] = parts.as_slice() else { return Err("IncompleteSignature") };
    let expected = match super::operation(request).split_once('.') {
        Some((service, _)) => service.to_owned(),
        None => "batch".to_owned(),
    };
    if *service != expected || *region != super::REGION {
        return Err("InvalidSignatureException");
    }
    let headers: String = signed.split(';').map(|name| format!("{name}:{}\n", request.header(name).unwrap_or_default().trim())).collect();
    let payload = request.header("x-amz-content-sha256").ok_or("InvalidSignatureException")?;
    if payload != "UNSIGNED-PAYLOAD" && payload != hex(digest::digest(&digest::SHA256, &request.body).as_ref()) {
        return Err("InvalidSignatureException");
    }
    let escape = |text: &str| percent_encoding::utf8_percent_encode(text, STRICT).to_string();
    let mut query: Vec<String> = request.query.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    query.sort();
    let canonical = format!("{}\n{}\n{}\n{headers}\n{signed}\n{payload}", request.method, request.path, query.join("&"));
    let time = request.header("x-amz-date").ok_or("InvalidSignatureException")?;
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref()));
    let key = [*region, *service, "aws4_request"].iter().fold(sign(format!("AWS4{secret}").as_bytes(), date), |key, part| sign(&key, part));
    if hex(&sign(&key, &text)) == signature { Ok(id.to_owned()) } else { Err("SignatureDoesNotMatch") }
}

const STRICT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
