//! A command as the one line that Batch takes. A node splits it by quotes and backslashes; no shell reads it.

/// Characters that need no quotes, whoever splits the line.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c)
}

pub fn line(argv: &[String]) -> String {
    let words: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    let mut text = String::with_capacity(word.len() + 2);
    text.push('"');
    for c in word.chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn z5_every_word_arrives_as_it_is() {
        for (argv, expected) in [
            (&["/bin/sh", "-c", "echo hello"][..], r#"/bin/sh -c "echo hello""#),
            (&["bash", "-e", "-u", "-c", "a\nb"], "bash -e -u -c \"a\nb\""),
            (&["echo", r#"it's "quoted" \ $HOME `id`"#], r#"echo "it's \"quoted\" \\ $HOME `id`""#),
            (&["x", "", " "], r#"x "" " ""#),
            (&["a=b", "--c=/d,e", "50%"], "a=b --c=/d,e 50%"),
            (&["größe", "*", ";"], r#""größe" "*" ";""#),
        ] {
            let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(line(&argv), expected);
        }
    }
}
