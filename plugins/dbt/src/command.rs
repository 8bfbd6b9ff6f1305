//! Flags that are added to the user's dbt commands.

use switchyard_plugin_api::script::quoted;

/// Adds flags to every dbt command of a line of shell, unless they are there already.
pub fn with_flags(line: &str, flags: &[(&str, String)]) -> String {
    let mut out = String::with_capacity(line.len());
    for piece in pieces(line) {
        let (text, separator) = piece;
        let words: Vec<&str> = text.split_whitespace().collect();
        // Without a command, as in `dbt --version`, dbt knows few options.
        if words.first() == Some(&"dbt") && words.iter().skip(1).any(|word| !word.starts_with('-')) {
            let body = text.trim_end();
            out.push_str(body);
            for (name, value) in flags {
                if !words.iter().any(|word| word == name || word.strip_prefix(name).is_some_and(|rest| rest.starts_with('='))) {
                    out.push_str(&format!(" {name} {}", quoted(value)));
                }
            }
            out.push_str(&text[body.len()..]);
        } else {
            out.push_str(text);
        }
        out.push_str(separator);
    }
    out
}

/// The simple commands of a line, each with what separates it from the next one. Quotes and `\` keep what is inside together.
fn pieces(line: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let (mut start, mut quote, mut escaped) = (0, None, false);
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if escaped {
            escaped = false;
            continue;
        }
        match (c, quote) {
            ('\\', None | Some('"')) => escaped = true,
            ('\'' | '"', None) => quote = Some(c),
            // A comment separates as much as the end of its line does.
            ('#', None) if line[..at].ends_with(|before: char| before.is_whitespace()) || at == 0 => {
                let end = line[at..].find('\n').map_or(line.len(), |length| at + length);
                found.push((&line[start..at], &line[at..end]));
                start = end;
                while chars.next_if(|(next, _)| *next < end).is_some() {}
            }
            (_, Some(open)) if c == open => quote = None,
            // `2>&1` and `&>file` separate nothing.
            ('&', None) if line[..at].ends_with('>') || chars.peek().is_some_and(|(_, next)| *next == '>') => {}
            ('&' | '|' | ';' | '\n', None) => {
                let mut end = at + 1;
                if let Some((_, next)) = chars.peek()
                    && *next == c
                {
                    end += 1;
                    chars.next();
                }
                found.push((&line[start..at], &line[at..end]));
                start = end;
            }
            _ => {}
        }
    }
    found.push((&line[start..], ""));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let flags = [("--project-dir", "my dir".to_owned()), ("--log-format", "json".to_owned())];
        for (line, expected) in [
            ("dbt run", "dbt run --project-dir 'my dir' --log-format json"),
            (
                "dbt deps && dbt build",
                "dbt deps --project-dir 'my dir' --log-format json && dbt build --project-dir 'my dir' --log-format json",
            ),
            ("dbt run --log-format=text", "dbt run --log-format=text --project-dir 'my dir'"),
            ("dbt run --project-dir a --log-format text", "dbt run --project-dir a --log-format text"),
            ("echo dbt; ls", "echo dbt; ls"),
            ("dbt run --vars '{a: b; c}' > out 2>&1", "dbt run --vars '{a: b; c}' > out 2>&1 --project-dir 'my dir' --log-format json"),
            (
                "dbt run \\\n  --select a\ndbt test",
                "dbt run \\\n  --select a --project-dir 'my dir' --log-format json\ndbt test --project-dir 'my dir' --log-format json",
            ),
            ("dbtx run", "dbtx run"),
            ("dbt --version", "dbt --version"),
            ("dbt", "dbt"),
            ("dbt --debug run", "dbt --debug run --project-dir 'my dir' --log-format json"),
            (
                "dbt run # it's all; really\n# dbt seed\ndbt test",
                "dbt run --project-dir 'my dir' --log-format json # it's all; really\n# dbt seed\ndbt test --project-dir 'my dir' --log-format json",
            ),
            ("dbt run --select a#b", "dbt run --select a#b --project-dir 'my dir' --log-format json"),
            ("  dbt ls | wc -l", "  dbt ls --project-dir 'my dir' --log-format json | wc -l"),
        ] {
            assert_eq!(with_flags(line, &flags), expected, "{line}");
        }
    }
}
