//! Text as HTML.

/// With everything escaped that means something in HTML, also in an attribute.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A type name that may break at its dots.
pub fn breakable(name: &str) -> String {
    escape(name).replace('.', ".<wbr>")
}

/// YAML with its keys and comments marked.
pub fn yaml(text: &str) -> String {
    let mut out = String::new();
    for line in text.trim_end().lines() {
        let body = line.trim_start();
        let indent = &line[..line.len() - body.len()];
        out.push_str(indent);
        if body.starts_with('#') {
            out.push_str(&format!("<span class=\"comment\">{}</span>\n", escape(body)));
            continue;
        }
        let dashes = body.len() - body.trim_start_matches("- ").len();
        out.push_str(&escape(&body[..dashes]));
        let rest = &body[dashes..];
        let key = rest.split_once(':').filter(|(key, value)| {
            !key.is_empty()
                && key.chars().all(|c| c.is_alphanumeric() || "_-./".contains(c))
                && (value.is_empty() || value.starts_with(' '))
        });
        match key {
            Some((key, value)) => out.push_str(&format!("<span class=\"key\">{}</span>:{}\n", escape(key), escape(value))),
            None => out.push_str(&format!("{}\n", escape(rest))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_is_marked_and_escaped() {
        assert_eq!(
            yaml("# a <b>\nid: x\ntasks:\n  - id: \"<i>\"\n    x & y\n"),
            "<span class=\"comment\"># a &lt;b&gt;</span>\n<span class=\"key\">id</span>: x\n<span class=\"key\">tasks</span>:\n  \
             - <span class=\"key\">id</span>: &quot;&lt;i&gt;&quot;\n    x &amp; y\n"
        );
    }
}
