//! `plugins.record`: which attempts are recorded at the plugin boundary.

use std::path::Path;

use switchyard_model::{Node, Path as Place, Violations};
use switchyard_plugin_api::ByteSize;
use switchyard_registry::Pattern;

use super::{invalid, known};
use crate::recording::Record;

const NAMES: &[&str] = &["directory", "only", "types", "flows", "tasks", "content", "size", "keep"];

/// Either a directory, or a map. Recorded is what fails, unless the map says `only: all`.
pub(super) fn read(node: &Node, base: &Path, here: &Place<'_>, found: &mut Violations) -> Option<Record> {
    if let Some(directory) = node.as_str() {
        return Some(Record { only_failed: true, ..Record::into(base.join(directory)) });
    }
    known(node, here, NAMES, found);
    let Some(directory) = node.get("directory").and_then(Node::as_str) else {
        found.push(invalid(here, node, "`record` needs a `directory`").with_help("write `record: recordings`, or a map with `directory`"));
        return None;
    };
    let usual = Record::into(base.join(directory));
    let only_failed = match node.get("only").map(|node| (node, node.as_str())) {
        None | Some((_, Some("failed"))) => true,
        Some((_, Some("all"))) => false,
        Some((node, _)) => {
            found.push(invalid(&here.key("only"), node, "expected which attempts are kept").with_help("write one of: failed, all"));
            true
        }
    };
    Some(Record {
        only_failed,
        types: patterns(node, "types", here, found),
        flows: patterns(node, "flows", here, found),
        tasks: patterns(node, "tasks", here, found),
        content: size(node, "content", here, found).unwrap_or(usual.content),
        size: size(node, "size", here, found).unwrap_or(usual.size),
        keep: keep(node, here, found).unwrap_or(usual.keep),
        dir: usual.dir,
    })
}

fn patterns(node: &Node, name: &str, here: &Place<'_>, found: &mut Violations) -> Vec<Pattern> {
    let Some(list) = node.get(name) else { return Vec::new() };
    let items = list.as_seq().unwrap_or_default();
    let patterns: Vec<Pattern> = items.iter().filter_map(Node::as_str).map(Pattern::new).collect();
    // An empty list would mean every one.
    if patterns.is_empty() || patterns.len() != items.len() {
        let help = format!("write for example `{name}: [org.example.*]`");
        found.push(invalid(&here.key(name), list, "expected a list of names").with_help(help));
    }
    patterns
}

fn size(node: &Node, name: &str, here: &Place<'_>, found: &mut Violations) -> Option<u64> {
    let node = node.get(name)?;
    let json = node.to_json();
    let size = json.as_u64().or_else(|| node.as_str().and_then(ByteSize::parse).map(|size| size.0));
    if size.is_none() {
        found.push(invalid(&here.key(name), node, "expected a size").with_help("write it as `64KB` or `10MB`"));
    }
    size
}

fn keep(node: &Node, here: &Place<'_>, found: &mut Violations) -> Option<usize> {
    let node = node.get("keep")?;
    let keep = node.to_json().as_u64().and_then(|keep| usize::try_from(keep).ok()).filter(|keep| *keep > 0);
    if keep.is_none() {
        found.push(invalid(&here.key("keep"), node, "expected how many recordings are kept").with_help("write a number from 1"));
    }
    keep
}

#[cfg(test)]
mod tests {
    use switchyard_model::{Sources, yaml};

    use super::*;

    fn record(text: &str) -> (Option<Record>, Vec<String>) {
        let (_, document) = yaml::parse_bytes(&mut Sources::new(), "switchyard.yaml", text.as_bytes());
        let mut found = Violations::new();
        let record = read(&document.unwrap().root, Path::new("/etc"), &Place::Root, &mut found);
        (record, found.iter().map(|violation| violation.code().to_owned()).collect())
    }

    #[test]
    fn a_directory_alone_means_what_fails() {
        let (record, found) = record("recordings");
        assert_eq!(record, Some(Record { only_failed: true, ..Record::into("/etc/recordings") }));
        assert!(found.is_empty());
    }

    #[test]
    fn a_map_says_the_rest() {
        let text = "directory: /var/r\nonly: all\ntypes: ['*.Docker']\nflows: [prod.*]\ntasks: [load]\ncontent: 64KB\nsize: 1MB\nkeep: 5\n";
        let (record, found) = record(text);
        let one = |pattern: &str| vec![Pattern::new(pattern)];
        let expected = Record {
            types: one("*.Docker"),
            flows: one("prod.*"),
            tasks: one("load"),
            content: 64 << 10,
            size: 1 << 20,
            keep: 5,
            ..Record::into("/var/r")
        };
        assert_eq!((record, found), (Some(expected), Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for text in
            ["only: all", "directory: d\nonly: some", "directory: d\ntypes: docker", "directory: d\nkeep: 0", "directory: d\nsize: big"]
        {
            assert_eq!(record(text).1, ["config::invalid"], "{text}");
        }
        assert_eq!(record("directory: d\nring: 3").1, ["config::unknown_property"]);
    }
}
