//! Section 5.2 to 5.6: lexical rules, operators, tags, tests, missing and null.

use super::table;

#[test]
fn s5_3_operators() {
    table(&[
        ("{{ true ? 'a' : 'b' }}", "a"),
        ("{{ null ? 'a' : 'b' }}", "b"),
        ("{{ 1 + 2 * 3 }}", "7"),
        ("{{ 7 / 2 }}", "3"),
        ("{{ 7 / 2.0 }}", "3.5"),
        ("{{ inputs.name ~ '-' ~ inputs.nothing }}", "Ada-"),
        ("{{ outputs['my-task'].value }}", "hyphen"),
    ]);
}
