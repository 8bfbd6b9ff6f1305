//! `plugins.trust`: which plugins are used.

use std::path::Path;

use switchyard_model::{Node, Path as Place, Violations};
use switchyard_registry::{Key, Pattern, Policy};

use super::{invalid, known};

const NAMES: &[&str] = &["locked", "requireSignatures", "publicKeys", "allow"];

/// `base` is the directory of the configuration, where key files are looked for.
pub(super) fn read(node: &Node, base: &Path, here: &Place<'_>, found: &mut Violations) -> Policy {
    known(node, here, NAMES, found);
    let policy = Policy {
        locked: flag(node, "locked", here, found),
        require_signatures: flag(node, "requireSignatures", here, found),
        keys: texts(node, "publicKeys", here, found).iter().filter_map(|(node, text)| key(node, text, base, here, found)).collect(),
        allow: node.get("allow").map(|_| texts(node, "allow", here, found).into_iter().map(|(_, text)| Pattern::new(text)).collect()),
    };
    if policy.require_signatures && policy.keys.is_empty() {
        let message = "signatures are required, but no key is configured";
        found.push(invalid(&here.key("requireSignatures"), node, message).with_help("list the authors' keys as `publicKeys`"));
    }
    policy
}

fn flag(node: &Node, name: &str, here: &Place<'_>, found: &mut Violations) -> bool {
    let Some(node) = node.get(name) else { return false };
    match node.to_json().as_bool() {
        Some(flag) => flag,
        None => {
            found.push(invalid(&here.key(name), node, "expected true or false"));
            // What cannot be read must not open a door.
            true
        }
    }
}

fn texts<'a>(node: &'a Node, name: &str, here: &Place<'_>, found: &mut Violations) -> Vec<(&'a Node, &'a str)> {
    let Some(list) = node.get(name) else { return Vec::new() };
    let texts: Option<Vec<_>> = list.as_seq().map(|items| items.iter().filter_map(|item| Some((item, item.as_str()?))).collect());
    if texts.as_ref().is_none_or(|texts| Some(texts.len()) != list.as_seq().map(<[Node]>::len)) {
        found.push(invalid(&here.key(name), list, "expected a list of texts"));
    }
    texts.unwrap_or_default()
}

/// The key itself, or the file that `minisign -G` wrote.
fn key(node: &Node, text: &str, base: &Path, here: &Place<'_>, found: &mut Violations) -> Option<Key> {
    let content =
        Key::parse(text).or_else(|wrong| std::fs::read_to_string(base.join(text)).map_or(Err(wrong), |content| Key::parse(&content)));
    if content.is_err() {
        let help = "write the second line of the author's `.pub` file, or the path of that file";
        found.push(invalid(&here.key("publicKeys"), node, "expected a minisign public key").with_help(help));
    }
    content.ok()
}

#[cfg(test)]
mod tests {
    use switchyard_model::{Sources, yaml};

    use super::*;

    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    fn policy(text: &str, base: &Path) -> (Policy, Vec<String>) {
        let (_, document) = yaml::parse_bytes(&mut Sources::new(), "switchyard.yaml", text.as_bytes());
        let mut found = Violations::new();
        let policy = read(&document.unwrap().root, base, &Place::Root, &mut found);
        (policy, found.iter().map(|violation| violation.code().to_owned()).collect())
    }

    #[test]
    fn keys_stand_in_the_file_or_in_one_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("author.pub"), format!("untrusted comment: of an author\n{KEY}\n")).unwrap();
        let text = format!("locked: true\nrequireSignatures: true\npublicKeys: [{KEY}, author.pub]\nallow: [docker, org.example.*]\n");
        let (policy, found) = policy(&text, folder.path());
        assert!(found.is_empty(), "{found:?}");
        assert_eq!((policy.locked, policy.require_signatures, policy.keys.len()), (true, true, 2));
        assert_eq!(policy.allow.map(|allow| allow.len()), Some(2));
    }

    #[test]
    fn what_is_wrong_is_named_and_nothing_is_opened() {
        for text in ["locked: perhaps", "publicKeys: [nonsense]", "publicKeys: all", "allow: [1]", "requireSignatures: true"] {
            assert_eq!(policy(text, Path::new("/nowhere")).1, ["config::invalid"], "{text}");
        }
        assert!(policy("locked: perhaps", Path::new("/nowhere")).0.locked);
    }
}
