//! Where files of the internal storage are; spec 10.1 and 4.3. A path begins with `/`; its URI is `kestra://` before it.

/// Before the path of every file in the internal storage.
pub const SCHEME: &str = "kestra://";

/// `kestra:///a/b` for `/a/b`.
pub fn uri(path: &str) -> String {
    format!("{SCHEME}{path}")
}

/// The path of a URI; `None` when it is another scheme, relative, or climbs with `..`.
pub fn from_uri(uri: &str) -> Option<&str> {
    let path = uri.strip_prefix(SCHEME)?;
    is_inside(path).then_some(path)
}

/// Whether a path is absolute and never climbs, so that nothing outside of the storage can be named.
pub fn is_inside(path: &str) -> bool {
    path.starts_with('/') && !path.contains(['\\', '\0']) && path.split('/').all(|segment| segment != ".." && segment != ".")
}

/// `company.team` as `company/team`.
pub fn namespace(namespace: &str) -> String {
    namespace.replace('.', "/")
}

/// White space becomes `-`, accents go, other characters than letters, digits and `-` go, `_` becomes `-`; lower case.
pub fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for character in text.chars().flat_map(plain_letters) {
        let character = if character.is_whitespace() || character == '_' { '-' } else { character };
        let keep = character.is_ascii_alphanumeric() || character == '-';
        let repeated = character == '-' && (slug.is_empty() || slug.ends_with('-'));
        if keep && !repeated {
            slug.extend(character.to_lowercase());
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// The base letter of the accented ones in Latin-1 and Latin Extended-A; ids have none, only free texts do.
fn plain_letters(character: char) -> impl Iterator<Item = char> {
    const ACCENTED: &[(&str, char)] = &[
        ("ÀÁÂÃÄÅĀĂĄàáâãäåāăą", 'a'),
        ("ÇĆĈĊČçćĉċč", 'c'),
        ("ĎďĐđ", 'd'),
        ("ÈÉÊËĒĔĖĘĚèéêëēĕėęě", 'e'),
        ("ĜĞĠĢĝğġģ", 'g'),
        ("ĤĥĦħ", 'h'),
        ("ÌÍÎÏĨĪĬĮİìíîïĩīĭį", 'i'),
        ("Ĵĵ", 'j'),
        ("Ķķ", 'k'),
        ("ĹĻĽĺļľ", 'l'),
        ("ÑŃŅŇñńņň", 'n'),
        ("ÒÓÔÕÖŌŎŐòóôõöōŏő", 'o'),
        ("ŔŖŘŕŗř", 'r'),
        ("ŚŜŞŠśŝşš", 's'),
        ("ŢŤţť", 't'),
        ("ÙÚÛÜŨŪŬŮŰŲùúûüũūŭůűų", 'u'),
        ("Ŵŵ", 'w'),
        ("ÝŶŸýÿŷ", 'y'),
        ("ŹŻŽźżž", 'z'),
    ];
    let base = ACCENTED.iter().find(|(letters, _)| letters.contains(character)).map(|(_, base)| *base);
    std::iter::once(base.unwrap_or(character))
}

/// The folder of everything that belongs to one execution.
pub fn execution_path(flow_namespace: &str, flow_id: &str, execution_id: &str) -> String {
    format!("/{}/{}/executions/{execution_id}", namespace(flow_namespace), slug(flow_id))
}

/// A file of one task run; `file` is relative and may have folders.
pub fn task_run_uri(flow_namespace: &str, flow_id: &str, execution_id: &str, task_id: &str, task_run_id: &str, file: &str) -> String {
    let execution = execution_path(flow_namespace, flow_id, execution_id);
    uri(&format!("{execution}/tasks/{}/{task_run_id}/{file}", slug(task_id)))
}

/// A file of the trigger that made the execution.
pub fn trigger_uri(flow_namespace: &str, flow_id: &str, execution_id: &str, trigger_id: &str, file: &str) -> String {
    let execution = execution_path(flow_namespace, flow_id, execution_id);
    uri(&format!("{execution}/trigger/{}/{file}", slug(trigger_id)))
}

/// A file that was given as an input.
pub fn input_uri(flow_namespace: &str, flow_id: &str, execution_id: &str, input_id: &str, file: &str) -> String {
    let execution = execution_path(flow_namespace, flow_id, execution_id);
    uri(&format!("{execution}/inputs/{input_id}/{file}"))
}

/// The cache of a WorkingDirectory; `value_hash` when it is inside of a loop.
pub fn cache_uri(flow_namespace: &str, flow_id: &str, task_id: &str, value_hash: Option<&str>) -> String {
    let value = value_hash.map(|hash| format!("/{hash}")).unwrap_or_default();
    uri(&format!("/{}/{}/{}/cache{value}/cache.zip", namespace(flow_namespace), slug(flow_id), slug(task_id)))
}

/// An archive that a task of the namespace has made for later runs. No namespace has a part that begins like this.
pub fn archive_uri(flow_namespace: &str, name: &str) -> String {
    uri(&format!("/{}/_archives/{name}", namespace(flow_namespace)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_10_1() {
        for (text, expected) in [
            ("process_script_runner", "process-script-runner"),
            ("My Flow", "my-flow"),
            ("a__b--c  d", "a-b-c-d"),
            ("_edge_", "edge"),
            ("Éric's flöw.v2", "erics-flowv2"),
            ("日本", ""),
        ] {
            assert_eq!(slug(text), expected, "{text}");
        }
    }

    #[test]
    fn layout_10_1() {
        let (namespace, flow) = ("company.team", "my_flow");
        for (uri, expected) in [
            (task_run_uri(namespace, flow, "4Zr", "send_data", "2Ab", "dir/a.csv"), "my-flow/executions/4Zr/tasks/send-data/2Ab/dir/a.csv"),
            (trigger_uri(namespace, flow, "4Zr", "each_day", "log.txt"), "my-flow/executions/4Zr/trigger/each-day/log.txt"),
            (input_uri(namespace, flow, "4Zr", "my_file", "a.csv"), "my-flow/executions/4Zr/inputs/my_file/a.csv"),
            (cache_uri(namespace, flow, "dir_1", None), "my-flow/dir-1/cache/cache.zip"),
            (cache_uri(namespace, flow, "dir_1", Some("9c")), "my-flow/dir-1/cache/9c/cache.zip"),
        ] {
            assert_eq!(uri, format!("kestra:///company/team/{expected}"));
            assert!(from_uri(&uri).is_some());
        }
        assert_eq!(execution_path(namespace, flow, "4Zr"), "/company/team/my-flow/executions/4Zr");
    }

    #[test]
    fn only_paths_inside_the_storage_are_read_10_1() {
        for (text, expected) in [
            ("kestra:///a/b.csv", Some("/a/b.csv")),
            ("kestra:///a/..b", Some("/a/..b")),
            ("kestra:///a/../../etc", None),
            ("kestra:///..", None),
            ("kestra://host/a", None),
            ("kestra:///a\\..\\b", None),
            ("file:///a", None),
        ] {
            assert_eq!(from_uri(text), expected, "{text}");
        }
        assert_eq!(uri("/a"), "kestra:///a");
    }
}
