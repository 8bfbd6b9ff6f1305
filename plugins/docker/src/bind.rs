//! Entries of `volumes`: `source:target[:options]`.

use crate::error::Failure;

const OPTIONS: &[&str] = &["ro", "rw", "z", "Z", "nocopy", "shared", "rshared", "slave", "rslave", "private", "rprivate"];

/// Checks an entry. It is passed to the engine as it was written: the engine resolves the source.
pub fn check(entry: &str, index: usize) -> Result<(), Failure> {
    let invalid = |reason: String| Err(Failure::InvalidVolume { entry: entry.to_owned(), index, reason });
    let parts = split(entry);
    let (source, target, options) = match parts.as_slice() {
        [source, target] => (source, target, None),
        [source, target, options] => (source, target, Some(options)),
        _ => return invalid("it needs a source and a target, separated by a colon".to_owned()),
    };
    if source.is_empty() {
        return invalid("the source is empty".to_owned());
    }
    if !target.starts_with('/') && !is_drive(target) {
        return invalid(format!("the target {target:?} is not an absolute path"));
    }
    for option in options.iter().flat_map(|o| o.split(',')) {
        if !OPTIONS.contains(&option) {
            return invalid(format!("the option {option:?} is none of {}", OPTIONS.join(", ")));
        }
    }
    Ok(())
}

/// Parts between colons; the colon of a Windows drive (`C:\data`) separates nothing. `x:/target` mounts the volume `x`: only a backslash
/// makes a drive.
fn split(entry: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in entry.split(':') {
        match parts.last_mut() {
            Some(last) if last.len() == 1 && last.as_bytes()[0].is_ascii_alphabetic() && part.starts_with('\\') => {
                last.push(':');
                last.push_str(part);
            }
            _ => parts.push(part.to_owned()),
        }
    }
    parts
}

fn is_drive(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && matches!(bytes[2], b'\\' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_d25_entries_of_volumes() {
        for (entry, ok) in [
            ("/a:/b", true),
            ("/a:/b:ro", true),
            ("/a:/b:ro,z", true),
            ("data:/b:nocopy", true),
            (r"C:\data:/b", true),
            (r"C:\data:D:\b:ro", true),
            ("x:/b", true),
            ("/a", false),
            ("/a:b", false),
            (":/b", false),
            ("/a:/b:fast", false),
            ("/a:/b:ro:rw", false),
            ("", false),
        ] {
            assert_eq!(check(entry, 0).is_ok(), ok, "{entry}");
        }
    }
}
