//! Functions that give something new each time; the host brings the randomness.

use super::{Function, function};
use crate::error::{Fault, Outcome};
use crate::eval::{Call, Param, from_host};
use crate::val::Val;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const NANO_ID: &str = "_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// The second that KSUIDs count from.
const KSUID_EPOCH: i128 = 1_400_000_000;

pub(super) static FUNCTIONS: &[Function] = &[
    function("id", &[], "A short unique id.", |call| Ok(Val::text(base62(&bytes::<16>(call)?, 22)))),
    function("uuid", &[], "A UUID.", |call| {
        let mut bytes = bytes::<16>(call)?;
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = format!("{:032x}", u128::from_be_bytes(bytes));
        Ok(Val::text([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")))
    }),
    function("ksuid", &[], "A unique id that sorts by time.", |call| {
        let seconds = call.render.host.now().div_euclid(1_000_000_000) - KSUID_EPOCH;
        let mut bytes = bytes::<20>(call)?;
        bytes[..4].copy_from_slice(&(seconds as u32).to_be_bytes());
        Ok(Val::text(base62(&bytes, 27)))
    }),
    function("nanoId", &[Param::optional("length"), Param::optional("alphabet")], "A random id of a length, from an alphabet.", nano_id),
    function(
        "randomInt",
        &[Param::required("lower"), Param::required("upper")],
        "A random integer; the upper bound is not included.",
        |call| {
            let (lower, upper) = (call.need_int(0)?, call.need_int(1)?);
            let width = upper.checked_sub(lower).and_then(|width| u128::try_from(width).ok()).filter(|width| *width > 0);
            let Some(width) = width else {
                return Err(Fault::argument(format!("`randomInt({lower}, {upper})` needs a lower bound below the upper one")));
            };
            let offset = u128::from_be_bytes(bytes::<16>(call)?) % width;
            Ok(i128::try_from(offset).ok().and_then(|offset| lower.checked_add(offset)).map_or(Val::Int(lower), Val::Int))
        },
    ),
];

fn bytes<const N: usize>(call: &Call<'_, '_>) -> Outcome<[u8; N]> {
    let mut bytes = [0; N];
    from_host(call.render.host.random(&mut bytes))?;
    Ok(bytes)
}

/// A big-endian number in base 62, with leading zeros up to `width`.
fn base62(bytes: &[u8], width: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = Vec::with_capacity(width);
    for _ in 0..width {
        let mut rest = 0u32;
        for byte in &mut number {
            let value = rest << 8 | u32::from(*byte);
            *byte = (value / 62) as u8;
            rest = value % 62;
        }
        digits.push(char::from(BASE62[rest as usize]));
    }
    digits.iter().rev().collect()
}

fn nano_id<'a>(call: &mut Call<'_, 'a>) -> Outcome<Val<'a>> {
    let length = call.int(0)?.unwrap_or(21);
    let alphabet: Vec<char> = call.text(1).unwrap_or_else(|| NANO_ID.to_owned()).chars().collect();
    let (Ok(length @ 1..=1000), 1..=256) = (usize::try_from(length), alphabet.len()) else {
        return Err(Fault::argument("`nanoId` needs a length from 1 to 1000 and an alphabet of 1 to 256 characters"));
    };
    // Bytes above the last whole multiple of the alphabet would favour its first characters.
    let fair = 256 - 256 % alphabet.len();
    let mut id = String::new();
    let mut count = 0;
    while count < length {
        call.render.charge(1)?;
        for byte in bytes::<32>(call)? {
            if usize::from(byte) < fair && count < length {
                id.push(alphabet[usize::from(byte) % alphabet.len()]);
                count += 1;
            }
        }
    }
    Ok(Val::text(id))
}
