//! Signatures, made from the documents of the services and not from the runner.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use ring::hmac;
use switchyard_cloud_api::fake::http::Request;

use super::{ACCOUNT, CONTAINER, KEY, STORAGE, STORAGE_KEY};

fn sign(key: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(key).unwrap());
    STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

/// Whether a request to Batch is signed by the account's key, not too long ago.
pub fn check(request: &Request, now: Timestamp) -> Result<(), String> {
    let date = request.header("ocp-date").ok_or("no ocp-date")?;
    let then = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).map_err(|error| error.to_string())?;
    if (now.as_second() - then.as_second()).abs() > 15 * 60 {
        return Err("the date is too far away".to_owned());
    }
    let header = |name: &str| request.header(name).unwrap_or_default().to_owned();
    let length = match request.method.as_str() {
        "GET" | "HEAD" => String::new(),
        _ => request.header("content-length").unwrap_or("0").to_owned(),
    };
    let mut lines = vec![request.method.clone(), header("content-encoding"), header("content-language"), length];
    for name in ["content-md5", "content-type", "date", "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"] {
        lines.push(header(name));
    }
    let mut own: Vec<String> =
        request.headers.iter().filter(|(name, _)| name.starts_with("ocp-")).map(|(name, value)| format!("{name}:{value}")).collect();
    own.sort();
    lines.extend(own);
    lines.push(format!("/{ACCOUNT}{}", request.path));
    let mut query = request.query.clone();
    query.sort();
    lines.extend(query.iter().map(|(name, value)| format!("{name}:{value}")));
    let expected = format!("SharedKey {ACCOUNT}:{}", sign(KEY, &lines.join("\n")));
    if header("authorization") == expected { Ok(()) } else { Err(format!("the signature is not that of {lines:?}")) }
}

/// Whether a query gives a right to a blob, or to the container when there is none.
pub fn allows(query: &[(String, String)], blob: Option<&str>, right: char) -> Result<(), String> {
    let value = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default();
    let (rights, until, version, kind) = (value("sp"), value("se"), value("sv"), value("sr"));
    let resource = match (kind.as_str(), blob) {
        ("b", Some(blob)) => format!("/blob/{STORAGE}/{CONTAINER}/{blob}"),
        ("c", _) => format!("/blob/{STORAGE}/{CONTAINER}"),
        _ => return Err("a signature of something else".to_owned()),
    };
    let fields = [&rights, "", &until, &resource, "", "", "", &version, &kind, "", "", "", "", "", "", ""];
    if value("sig") != sign(STORAGE_KEY, &fields.join("\n")) {
        return Err("the signature is wrong".to_owned());
    }
    if until.parse::<Timestamp>().map_err(|error| error.to_string())? < Timestamp::now() {
        return Err("the signature has ended".to_owned());
    }
    if rights.contains(right) { Ok(()) } else { Err(format!("{rights} lacks {right}")) }
}
