//! `plugins.isolation`: which plugins run in a process of their own.

use std::time::Duration;

use switchyard_model::{Node, Path as Place, Violations};
use switchyard_plugin_api::{ByteSize, IsoDuration};
use switchyard_registry::{Isolation, Pattern, Placement, Rule, Rules};

use super::{invalid, known};

const ALL: &[&str] = &["default", "plugins", "memory", "hungAfter"];
const ONE: &[&str] = &["mode", "memory", "hungAfter"];

/// Either one mode for all, or a map.
pub(super) fn read(node: &Node, here: &Place<'_>, found: &mut Violations) -> Rules {
    let usual = Placement::default();
    if node.as_str().is_some() {
        let isolation = mode(node, here, found).unwrap_or_default();
        return Rules { default: Placement { isolation, ..usual }, rules: Vec::new() };
    }
    known(node, here, ALL, found);
    let isolation = node.get("default").and_then(|node| mode(node, &here.key("default"), found));
    let mut rules = Rules {
        default: Placement {
            isolation: isolation.unwrap_or(usual.isolation),
            memory: memory(node, here, found),
            hung_after: hung_after(node, here, found).unwrap_or(usual.hung_after),
        },
        rules: Vec::new(),
    };
    if let Some(plugins) = node.get("plugins").and_then(Node::as_map) {
        let here = here.key("plugins");
        for (name, entry) in plugins.iter() {
            let (here, node, pattern) = (here.key(name), &entry.value, Pattern::new(&**name));
            let rule = if node.as_str().is_some() {
                Rule { pattern, isolation: mode(node, &here, found), memory: None, hung_after: None }
            } else {
                known(node, &here, ONE, found);
                let isolation = node.get("mode").and_then(|node| mode(node, &here.key("mode"), found));
                Rule { pattern, isolation, memory: memory(node, &here, found), hung_after: hung_after(node, &here, found) }
            };
            rules.rules.push(rule);
        }
    }
    rules
}

fn mode(node: &Node, here: &Place<'_>, found: &mut Violations) -> Option<Isolation> {
    let mode = node.as_str().and_then(Isolation::from_name);
    if mode.is_none() {
        let help = format!("write one of: {}", Isolation::NAMES.join(", "));
        found.push(invalid(here, node, "expected where the plugin runs").with_help(help));
    }
    mode
}

fn memory(node: &Node, here: &Place<'_>, found: &mut Violations) -> Option<u64> {
    let node = node.get("memory")?;
    let size = node.as_str().and_then(ByteSize::parse).map(|size| size.0);
    if size.is_none() {
        found.push(invalid(&here.key("memory"), node, "expected an amount of memory").with_help("write it as `512MB` or `2GB`"));
    }
    size
}

fn hung_after(node: &Node, here: &Place<'_>, found: &mut Violations) -> Option<Duration> {
    let node = node.get("hungAfter")?;
    let time = node.as_str().and_then(IsoDuration::parse).map(|time| time.0).filter(|time| !time.is_zero());
    if time.is_none() {
        found.push(invalid(&here.key("hungAfter"), node, "expected a duration").with_help("write it as `PT30S`"));
    }
    time
}

#[cfg(test)]
mod tests {
    use switchyard_model::{Sources, yaml};

    use super::*;

    fn rules(text: &str) -> (Rules, Vec<String>) {
        let (_, document) = yaml::parse_bytes(&mut Sources::new(), "switchyard.yaml", text.as_bytes());
        let mut found = Violations::new();
        let rules = read(&document.unwrap().root, &Place::Root, &mut found);
        (rules, found.iter().map(|violation| violation.code().to_owned()).collect())
    }

    #[test]
    fn one_word_is_for_all() {
        let (rules, found) = rules("subprocess");
        assert_eq!((rules.default.isolation, rules.rules.len(), found.len()), (Isolation::Subprocess, 0, 0));
    }

    #[test]
    fn a_map_is_for_some() {
        let (rules, found) = rules(
            "default: in-process\nmemory: 1GB\nplugins:\n  docker: subprocess\n  org.example.*: { mode: subprocess, memory: 64MB, hungAfter: PT5S }\n",
        );
        assert!(found.is_empty(), "{found:?}");
        let docker = rules.placement("docker", std::iter::empty());
        assert_eq!((docker.isolation, docker.hung_after), (Isolation::Subprocess, Duration::from_secs(30)));
        let mine = rules.placement("mine", ["org.example.Mine"].into_iter());
        assert_eq!(mine, Placement { isolation: Isolation::Subprocess, memory: mine.memory, hung_after: Duration::from_secs(5) });
        assert!(mine.memory < docker.memory && mine.memory.is_some());
        assert_eq!(rules.placement("scripts", std::iter::empty()).isolation, Isolation::InProcess);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for text in ["thread", "default: thread", "memory: much", "hungAfter: PT0S", "plugins: { docker: { mode: 3 } }"] {
            assert_eq!(rules(text).1, ["config::invalid"], "{text}");
        }
        assert_eq!(rules("everything: subprocess").1, ["config::unknown_property"]);
    }
}
