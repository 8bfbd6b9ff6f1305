//! The law of the capture: how the bytes are cut makes no difference.

use proptest::{collection::vec, prelude::*};
use switchyard_plugin_api::LogStream;

use super::{LIMITS, capture};

/// What makes trouble, and what does not.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::sample::select(vec!["\n", "\r", "\r\n", "\n\n"]).prop_map(|s| s.as_bytes().to_vec()),
        4 => prop::sample::select(vec![
            "::{", "}::", "::", ":", "::{}::", "::{\"outputs\":{\"a\":1}}::", "::{\"outputs\":{\"b\":2}}::", "::{bad}::",
            "##kestra:log:debug##", "##kestra:log:info##", "##kestra:log:", "#", "secret", "sec", "ret", "secretary", " ",
        ]).prop_map(|s| s.as_bytes().to_vec()),
        2 => vec(any::<u8>(), 0..20),
        1 => vec(Just(b'x'), 0..80),
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(fragment(), 0..40).prop_map(|fragments| fragments.concat())
}

/// The bytes in pieces of the given sizes, over and over.
fn cut<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    for &size in sizes.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (chunk, rest) = bytes.split_at(size.min(bytes.len()));
        chunks.push(chunk);
        bytes = rest;
    }
    chunks
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunks_give_the_same_result(bytes in bytes(), sizes in vec(1_usize..40, 1..8), stderr: bool, small: bool, secret: bool) {
        let name = if stderr { LogStream::Stderr } else { LogStream::Stdout };
        let limits = if small { (30, 16) } else { LIMITS };
        let secrets: &[&str] = if secret { &["secret", "secretary", "et sec"] } else { &[] };
        let whole = capture(name, secrets, limits, [&bytes[..]]);
        let pieces = capture(name, secrets, limits, cut(&bytes, &sizes));
        let single = capture(name, secrets, limits, bytes.chunks(1));
        prop_assert_eq!((&whole.0.parts, &whole.1), (&pieces.0.parts, &pieces.1));
        prop_assert_eq!((&whole.0.parts, &whole.1), (&single.0.parts, &single.1));
    }

    #[test]
    fn text_without_protocol_and_secrets_is_kept_byte_by_byte(bytes in vec(any::<u8>(), 0..400), sizes in vec(1_usize..40, 1..8)) {
        let (told, _) = capture(LogStream::Stderr, &[], LIMITS, cut(&bytes, &sizes));
        let text: String = told.parts.iter().map(|part| match part { super::Part::Text(_, text) => text.as_str(), super::Part::Event(_) => "" }).collect();
        prop_assert_eq!(text, bytes.iter().map(|&byte| char::from(byte)).collect::<String>());
    }
}
