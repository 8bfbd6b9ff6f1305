//! What git says while it works.

use switchyard_plugin_api::Progress;

/// One line of git's own account.
#[derive(Debug, PartialEq)]
pub enum Said {
    /// How far it is.
    Progress(Progress),
    /// Something to look at.
    Warning(String),
    /// Why it ends.
    Failure(String),
    /// Anything else.
    Text(String),
}

/// Reads a line, which may have ended in a carriage return.
pub fn read(line: &str) -> Option<Said> {
    let line = line.trim();
    if line.is_empty() {
        return None;
    }
    if let Some(progress) = progress(line) {
        return Some(Said::Progress(progress));
    }
    let text = || line.to_owned();
    Some(match line.split_once(':').map(|(head, _)| head) {
        Some("warning") => Said::Warning(text()),
        Some("fatal" | "error") => Said::Failure(text()),
        _ => Said::Text(text()),
    })
}

/// `Receiving objects:  42% (21/50), 1.2 MiB | 3.4 MiB/s`
fn progress(line: &str) -> Option<Progress> {
    let (message, rest) = line.strip_prefix("remote: ").unwrap_or(line).split_once(": ")?;
    let (percent, rest) = rest.trim_start().split_once("% (")?;
    percent.parse::<u8>().ok()?;
    let (done, rest) = rest.split_once('/')?;
    let (total, _) = rest.split_once(')')?;
    Some(Progress { done: done.parse().ok()?, total: Some(total.parse().ok()?), unit: "objects".into(), message: message.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let at = |message: &str, done, total| {
            Some(Said::Progress(Progress { done, total: Some(total), unit: "objects".into(), message: message.into() }))
        };
        for (line, expected) in [
            ("Receiving objects:  42% (21/50), 1.2 MiB | 3.4 MiB/s", at("Receiving objects", 21, 50)),
            ("remote: Counting objects: 100% (9/9), done.", at("Counting objects", 9, 9)),
            ("warning: no such thing", Some(Said::Warning("warning: no such thing".into()))),
            ("fatal: repository 'x' not found", Some(Said::Failure("fatal: repository 'x' not found".into()))),
            ("Cloning into 'x'...", Some(Said::Text("Cloning into 'x'...".into()))),
            ("a: b% (c/d)", Some(Said::Text("a: b% (c/d)".into()))),
            ("  ", None),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }
}
