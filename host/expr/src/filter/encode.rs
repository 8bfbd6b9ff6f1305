//! Filters that encode, decode and digest.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::Digest;

use super::{Filter, filter};
use crate::error::{Fault, Outcome};
use crate::eval::{Call, Param};
use crate::val::Val;
use crate::{ion, jq, print, yaml};

pub(super) static FILTERS: &[Filter] = &[
    filter("base64encode", &[], "Base64 of the UTF-8 text.", |call| Ok(Val::text(STANDARD.encode(call.input_text()?)))),
    filter("base64decode", &[], "The UTF-8 text of Base64.", base64_decode),
    filter("urlencode", &[], "Form encoding: `a b&c` becomes `a+b%26c`.", |call| Ok(Val::text(url_encode(&call.input_text()?)))),
    filter("urldecode", &[], "The text of a form encoding.", |call| url_decode(&call.input_text()?).map(Val::text)),
    filter("md5", &[], "MD5 in hexadecimal.", digest::<md5::Md5>),
    filter("sha1", &[], "SHA-1 in hexadecimal.", digest::<sha1::Sha1>),
    filter("sha256", &[], "SHA-256 in hexadecimal.", digest::<sha2::Sha256>),
    filter("sha512", &[], "SHA-512 in hexadecimal.", digest::<sha2::Sha512>),
    filter("json", &[], "As JSON; the old name of `toJson`.", to_json).nulls(),
    filter("toJson", &[], "As JSON.", to_json).nulls(),
    filter("toIon", &[], "As Ion text.", |call| Ok(Val::text(ion::write(&call.input)))).nulls(),
    filter("yaml", &[], "As YAML.", |call| Ok(Val::text(yaml::write(&call.input)))).nulls(),
    filter("jq", &[Param::required("expression")], "The results of a jq program, always a list.", |call| {
        let program = call.need_text(0)?;
        jq::run(call.render, &call.input, &program)
    })
    .nulls(),
];

fn base64_decode<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let text = call.input_text()?;
    let text = text.trim();
    let bytes = STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text));
    let bytes = bytes.map_err(|error| Fault::value(format!("the text is not Base64: {error}")))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Val::text(text)),
        Err(_) => Err(Fault::value("the decoded bytes are not UTF-8 text").help("decode binary data in a task, into a file")),
    }
}

fn digest<'a, D: Digest>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let Some(text) = call.input.as_str() else { return Err(call.wrong_input("a string")) };
    call.render.charge(text.len() / 64)?;
    let bytes = D::digest(text.as_bytes());
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    Ok(Val::text(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect::<String>()))
}

fn to_json<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    Ok(Val::text(print::json(&call.input)))
}

fn url_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            byte => {
                let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase();
                out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    out
}

fn url_decode(text: &str) -> Outcome<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let hex = text.get(at + 1..at + 3).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
                let value = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
                out.push(value.ok_or_else(|| Fault::value(format!("`%` at byte {at} is not followed by two hexadecimal digits")))?);
                at += 2;
            }
            byte => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8(out).map_err(|_| Fault::value("the decoded bytes are not UTF-8 text"))
}
