//! What counts as true in conditions; spec 2.1. The expression language's own `if` has other rules.

/// False are exactly the empty text, `false`, `0` and `-0`; everything else is true, `False` and a space included.
pub fn is_truthy(rendered: &str) -> bool {
    !matches!(rendered, "" | "false" | "0" | "-0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truthiness_2_1() {
        for (rendered, expected) in [
            ("", false),
            ("false", false),
            ("0", false),
            ("-0", false),
            ("False", true),
            (" ", true),
            ("0.0", true),
            ("no", true),
            ("true", true),
        ] {
            assert_eq!(is_truthy(rendered), expected, "{rendered:?}");
        }
    }
}
