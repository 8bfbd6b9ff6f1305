//! Ids of executions and task runs: 22 characters of base62. Randomness is passed in.

use std::sync::Arc;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LENGTH: usize = 22;

/// The same 16 bytes always give the same id, different ones different ids.
pub fn from_random(bytes: [u8; 16]) -> Arc<str> {
    let mut number = u128::from_be_bytes(bytes);
    let mut text = [b'0'; LENGTH];
    for digit in text.iter_mut().rev() {
        *digit = DIGITS[usize::try_from(number % 62).unwrap_or_default()];
        number /= 62;
    }
    text.iter().map(|byte| char::from(*byte)).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_base62_of_the_whole_number() {
        for (bytes, id) in [
            ([0; 16], "0000000000000000000000"),
            ([255; 16], "7n42DGM5Tflk9n8mt7Fhc7"),
            ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 62], "0000000000000000000010"),
        ] {
            assert_eq!(&*from_random(bytes), id);
        }
    }
}
