//! Types of old releases that no plugin brings any more, and what took their place.

/// What to write instead.
pub(crate) fn instead_of(type_name: &str) -> Option<String> {
    let (language, task) = type_name.strip_prefix("io.kestra.plugin.scripts.")?.split_once('.')?;
    let now = match (language, task) {
        ("jython", "Eval" | "FileTransform") => "python",
        ("nashorn", "Eval" | "FileTransform") => "node",
        ("groovy", "Eval" | "FileTransform") => "groovy",
        _ => return None,
    };
    Some(format!("it needs a Java machine in the host, which this one has not; write the work as `io.kestra.plugin.scripts.{now}.Script`"))
}

#[cfg(test)]
mod tests {
    use super::instead_of;

    #[test]
    fn script_1_8_old_types_name_their_heirs() {
        for (old, part) in [
            ("io.kestra.plugin.scripts.groovy.Eval", Some("groovy.Script")),
            ("io.kestra.plugin.scripts.nashorn.FileTransform", Some("node.Script")),
            ("io.kestra.plugin.scripts.groovy.Script", None),
        ] {
            let found = instead_of(old);
            assert_eq!(found.is_some(), part.is_some(), "{old}: {found:?}");
            assert!(part.is_none_or(|part| found.is_some_and(|found| found.contains(part))), "{old}");
        }
    }
}
