//! `{% raw %}` tags that came out of a rendering: they protected one level and are spent.

/// Removes the tags of raw blocks, which are always on one line.
pub(crate) fn strip(text: String) -> String {
    if memchr::memmem::find(text.as_bytes(), b"endraw").is_none() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while let Some((before, inner, after)) = block(rest) {
            out.push_str(before);
            out.push_str(inner);
            rest = after;
        }
        out.push_str(rest);
    }
    out
}

fn block(line: &str) -> Option<(&str, &str, &str)> {
    let (open_start, open_end) = tag(line, 0, "raw")?;
    let (close_start, close_end) = tag(line, open_end, "endraw")?;
    Some((&line[..open_start], &line[open_end..close_start], &line[close_end..]))
}

/// Where `{% name %}` starts and ends in `line`, from `from`.
fn tag(line: &str, from: usize, name: &str) -> Option<(usize, usize)> {
    let mut at = from;
    while let Some(found) = line[at..].find("{%") {
        let open = at + found;
        let inner = line[open + 2..].trim_start_matches('-').trim_start();
        let rest = inner.strip_prefix(name).map(|rest| rest.trim_start().trim_start_matches('-'));
        if let Some(after) = rest.and_then(|rest| rest.strip_prefix("%}")) {
            return Some((open, line.len() - after.len()));
        }
        at = open + 2;
    }
    None
}
