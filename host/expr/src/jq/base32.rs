//! `@base32` and `@base32d`: RFC 4648, with padding.

use jaq_core::{Error, ValR};
use jaq_json::Val as Jq;

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

pub(super) fn encode(value: &Jq) -> ValR<Jq> {
    let mut text = Vec::new();
    for chunk in bytes(value)?.chunks(5) {
        let mut five = [0; 8];
        five[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(five);
        let used = (chunk.len() * 8).div_ceil(5);
        text.extend((0..8).map(|place| if place < used { ALPHABET[(bits >> (35 - 5 * place)) as usize & 31] } else { b'=' }));
    }
    Ok(Jq::utf8_str(text))
}

pub(super) fn decode(value: &Jq) -> ValR<Jq> {
    let text = bytes(value)?.trim_ascii_end();
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let (mut bits, mut count, mut found) = (0_u64, 0, Vec::with_capacity(end * 5 / 8));
    for byte in &text[..end] {
        let Some(five) = ALPHABET.iter().position(|known| known == byte) else {
            return Err(Error::str(format_args!("{value} is not valid base32 data")));
        };
        bits = bits << 5 | five as u64;
        count += 5;
        if count >= 8 {
            count -= 8;
            found.push((bits >> count) as u8);
        }
    }
    Ok(Jq::utf8_str(found))
}

fn bytes(value: &Jq) -> Result<&[u8], Error<Jq>> {
    match value {
        Jq::TStr(bytes) | Jq::BStr(bytes) => Ok(bytes),
        other => Err(Error::typ(other.clone(), "string")),
    }
}
