//! What Python needs.

use std::borrow::Cow;

/// JSON's names, in Python.
const NAMES: &str = "true, false, null = True, False, None\n";

/// A script in which values that an expression rendered as JSON (`x = {{ inputs.flag }}`) mean what they say. A script without such
/// names is left alone, so that the line numbers of its errors stay right.
pub(crate) fn with_json_names(script: &str) -> Cow<'_, str> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    if !script.split(|c| !word(c)).any(|name| matches!(name, "true" | "false" | "null")) {
        return Cow::Borrowed(script);
    }
    let (before, after) = script.split_at(first_place(script));
    Cow::Owned(format!("{before}{NAMES}{after}"))
}

/// After the comments at the top, one of which may name the encoding, and after imports that have to come first.
fn first_place(script: &str) -> usize {
    let mut place = 0;
    let mut at = 0;
    let (mut top, mut import) = (true, false);
    for line in script.split_inclusive('\n') {
        at += line.len();
        top &= line.starts_with('#') && line.ends_with('\n');
        let begins = line.starts_with("from __future__ import");
        import |= begins;
        if top || import {
            place = at;
        }
        // An import in brackets goes on to the closing one.
        if import && (line.contains(')') || begins && !line.contains('(')) {
            import = false;
        }
    }
    place
}

/// On the host itself either name may be missing; a virtual environment that was activated before has both. No shell is started
/// for the choice.
pub(crate) fn run_on_host(path: &str) -> String {
    format!("if command -v python3 >/dev/null; then python3 {path}; else python {path}; fi")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_names() {
        for (script, expected) in [
            ("print(1)", "print(1)"),
            ("x = True; nullable = untrue", "x = True; nullable = untrue"),
            ("x = true", "true, false, null = True, False, None\nx = true"),
            (
                "#!/usr/bin/env python\n# coding: utf-8\nx = null\n",
                "#!/usr/bin/env python\n# coding: utf-8\ntrue, false, null = True, False, None\nx = null\n",
            ),
            (
                "\"\"\"Doc.\"\"\"\nfrom __future__ import annotations\nimport os\nx = [false]",
                "\"\"\"Doc.\"\"\"\nfrom __future__ import annotations\ntrue, false, null = True, False, None\nimport os\nx = [false]",
            ),
            (
                "from __future__ import (\n    annotations,\n)\nx = true",
                "from __future__ import (\n    annotations,\n)\ntrue, false, null = True, False, None\nx = true",
            ),
        ] {
            assert_eq!(with_json_names(script), expected, "{script}");
        }
    }
}
