use std::borrow::Cow;

use proptest::prelude::*;

use super::Masker;

fn masker(secrets: &[&str]) -> Masker {
    Masker::new(secrets).unwrap()
}

#[test]
fn rule_2_16_secrets_are_masked_in_all_their_forms() {
    let secret = "p@ss w/ö\"rd?";
    let table = [
        (&[secret][..], "it is p@ss w/ö\"rd?!", "it is ******!"),
        (&[secret], "cEBzcyB3L8O2InJkPw==", "******"),
        (&[secret], "cEBzcyB3L8O2InJkPwo=", "******o="),
        (&[secret], "p%40ss%20w%2F%C3%B6%22rd%3F", "******"),
        (&[secret], "p%40ss%20w%2f%c3%b6%22rd%3f", "******"),
        (&[secret], "p%40ss+w%2F%C3%B6%22rd%3F", "******"),
        (&[secret], r#"{"a":"p@ss w/ö\"rd?"}"#, r#"{"a":"******"}"#),
        (&["first line\n  second\nabc\n"], "  second, first line, abc", "  ******, ******, abc"),
        (&["abc", ""], "abc", "abc"),
        (&["abcdef", "defghi"], "xabcdefghix", "x******x"),
        (&["abcd"], "abcdabcd", "************"),
        (&["abab"], "ababab", "******"),
    ];
    for (secrets, text, expected) in table {
        assert_eq!(masker(secrets).text(text), expected, "{secrets:?} in {text}");
    }
}

#[test]
fn without_secrets_nothing_is_copied() {
    let none = masker(&["", "abc"]);
    assert!(none.is_empty());
    assert!(matches!(none.text("abc"), Cow::Borrowed("abc")));
    assert!(matches!(none.stream().push(b"abc"), Cow::Borrowed(b"abc")));
    assert!(matches!(masker(&["secret"]).stream().push(b"line\n"), Cow::Borrowed(b"line\n")));
}

#[test]
fn a_secret_across_pieces_is_masked_and_a_beginning_that_is_none_is_given() {
    let table: [(&[&str], &[&str], &str); 6] = [
        (&["secret"], &["my sec", "ret is"], "my |****** i|s"),
        (&["secret"], &["my sec", "ond"], "my |second|"),
        (&["secret"], &["my sec"], "my |sec"),
        (&["secret"], &["s", "e", "c", "r", "e", "t", "!"], "|||||******|!|"),
        (&["abcd", "cdef"], &["xabcd", "ef", "gh"], "x******||gh|"),
        (&["abcd", "abcdef"], &["abcd", "ex"], "|******ex|"),
    ];
    for (secrets, pieces, expected) in table {
        let mut stream = masker(secrets).stream();
        let mut shown = String::new();
        for piece in pieces {
            shown.push_str(std::str::from_utf8(&stream.push(piece.as_bytes())).unwrap());
            shown.push('|');
        }
        shown.push_str(std::str::from_utf8(&stream.finish()).unwrap());
        assert_eq!(shown, expected, "{pieces:?}");
    }
}

#[test]
fn a_complete_line_is_never_held_back() {
    let mut stream = masker(&["line one\nline two"]).stream();
    assert_eq!(&*stream.push(b"progress 10%\n"), b"progress 10%\n");
    assert_eq!(&*stream.push(b"line one\n"), b"******\n");
}

proptest! {
    /// However a text is cut into pieces, the same is shown as for the whole.
    #[test]
    fn pieces_are_masked_like_the_whole(
        secrets in proptest::collection::vec("[ab]{4,7}", 1..4),
        text in "[abc]{0,60}",
        cuts in proptest::collection::vec(0usize..60, 0..8),
    ) {
        let masker = Masker::new(&secrets).unwrap();
        let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut < text.len()).collect();
        cuts.sort_unstable();
        cuts.push(text.len());
        let mut stream = masker.stream();
        let mut shown = Vec::new();
        let mut at = 0;
        for cut in cuts {
            shown.extend_from_slice(&stream.push(&text.as_bytes()[at..cut]));
            at = cut;
        }
        shown.extend_from_slice(&stream.finish());
        let expected = masker.text(&text);
        let shown = String::from_utf8(shown).unwrap();
        prop_assert_eq!(&*expected, &shown);
        for secret in &secrets {
            prop_assert!(!shown.contains(secret.as_str()));
        }
    }
}
