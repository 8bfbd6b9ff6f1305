//! Finds every map with a `type` and gives it its defaults: children first, then the map itself, then what was put into it.

use switchyard_model::{DefaultEntry, Map, Node, Path, Value, defaults::DEFAULTS_PROPERTIES};

use super::{
    Merged, Override, Types, Unresolved,
    entry::{Match, matching},
    merge::{Merge, Winner},
};

const REFERENCE: &str = "pluginDefaultsRef";
const RUNNER: &str = "taskRunner";
/// What `taskRunner` replaced. Whoever writes one side means that side alone.
const LEGACY_RUNNER: [&str; 2] = ["runner", "docker"];

pub(super) struct Walk<'a> {
    levels: &'a [&'a [DefaultEntry]],
    types: &'a dyn Types,
    overrides: Vec<Override>,
    unresolved: Vec<Unresolved>,
}

/// One of the two passes: defaults that yield, defaults that win.
#[derive(Clone, Copy)]
struct Pass {
    forced: bool,
}

impl<'a> Walk<'a> {
    pub fn new(levels: &'a [&'a [DefaultEntry]], types: &'a dyn Types) -> Self {
        Self { levels, types, overrides: Vec::new(), unresolved: Vec::new() }
    }

    pub fn run(mut self, tree: &Node) -> Merged {
        let mut node = tree.clone();
        for forced in [false, true] {
            self.visit(Pass { forced }, &mut node, &Path::Root, false, &mut Vec::new());
        }
        Merged { node, overrides: self.overrides, unresolved: self.unresolved }
    }

    /// `above` are entries that put this node where it is: they would go on for ever if they matched it again.
    fn visit(&mut self, pass: Pass, node: &mut Node, path: &Path<'_>, is_runner: bool, above: &mut Vec<&'a DefaultEntry>) {
        match &mut node.value {
            Value::Map(map) => {
                for (key, entry) in map.iter_mut() {
                    let is_defaults = matches!(path, Path::Root) && DEFAULTS_PROPERTIES.contains(&&**key);
                    if !is_defaults {
                        self.visit(pass, &mut entry.value, &path.key(key), &**key == RUNNER, above);
                    }
                }
            }
            Value::Seq(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.visit(pass, item, &path.index(index), false, above);
                }
            }
            _ => return,
        }
        let Some(type_name) = node.get("type").and_then(Node::as_text).cloned() else { return };
        let is_runner = is_runner || self.types.is_runner(&type_name);
        let reference = self.reference(pass, node, &type_name, path, is_runner);
        let mut matches = matching(self.levels, pass.forced, &type_name, reference.as_deref(), self.types);
        matches.retain(|found| !above.iter().any(|entry| std::ptr::eq(*entry, found.entry)));
        for found in matches {
            let typed = typed_children(node);
            self.merge(pass, node, &type_name, found, path, is_runner);
            above.push(found.entry);
            self.visit_new(pass, node, &typed, path, above);
            above.pop();
        }
    }

    /// The named entries that a component asks for.
    fn reference(&mut self, pass: Pass, node: &mut Node, type_name: &str, path: &Path<'_>, is_runner: bool) -> Option<String> {
        let asked = node.get(REFERENCE)?;
        let (name, span) = (asked.as_str()?.to_owned(), asked.span);
        let any =
            |forced| matching(self.levels, forced, type_name, Some(&name), self.types).iter().any(|found| found.entry.reference.is_some());
        if !pass.forced && !any(false) && !any(true) {
            self.unresolved.push(Unresolved { path: path.key(REFERENCE).to_string(), name: name.clone(), span });
        }
        // Runners have no property of that name.
        if is_runner
            && pass.forced
            && let Some(map) = node.as_map_mut()
        {
            map.remove(REFERENCE);
        }
        Some(name)
    }

    /// Children that have a type only now were put there, or completed, by a default: they get the defaults of their own type.
    fn visit_new(&mut self, pass: Pass, node: &mut Node, typed: &[String], path: &Path<'_>, above: &mut Vec<&'a DefaultEntry>) {
        let Some(map) = node.as_map_mut() else { return };
        for (key, entry) in map.iter_mut() {
            if has_type(&entry.value) && !typed.iter().any(|known| **known == **key) {
                self.visit(pass, &mut entry.value, &path.key(key), &**key == RUNNER, above);
            }
        }
    }

    fn merge(&mut self, pass: Pass, node: &mut Node, type_name: &str, found: Match<'_>, path: &Path<'_>, is_runner: bool) {
        let Some(values) = found.entry.values.as_map() else { return };
        let types = self.types;
        let winner = if pass.forced { Winner::Other } else { Winner::Base };
        for (key, value) in values.iter() {
            // A package's defaults are for whatever in it has the property: a runner has no runner.
            let foreign = is_runner && !found.exact && (&**key == RUNNER || types.has_property(type_name, key) == Some(false));
            if &**key == "type" || foreign {
                continue;
            }
            let at = path.key(key);
            let other_side: &[&str] = if &**key == RUNNER {
                &LEGACY_RUNNER
            } else if LEGACY_RUNNER.contains(&&**key) {
                &[RUNNER]
            } else {
                &[]
            };
            let mut merge = Merge { winner, types, overrides: &mut self.overrides };
            let rival = other_side.iter().find_map(|name| node.get(name).filter(|rival| !rival.is_null()).map(|rival| rival.span));
            let Some(map) = node.as_map_mut() else { return };
            match (rival, winner) {
                (Some(rival), Winner::Base) => {
                    merge.record(&at, rival, value.value.span);
                    continue;
                }
                (Some(rival), Winner::Other) => {
                    merge.record(&at, value.value.span, rival);
                    for name in other_side {
                        map.remove(name);
                    }
                }
                (None, _) => {}
            }
            match map.get_mut(key) {
                Some(present) => merge.nodes(present, &value.value, &at),
                None => drop(map.insert(key.clone(), value.key_span, value.value.clone())),
            }
        }
    }
}

fn has_type(node: &Node) -> bool {
    node.get("type").and_then(Node::as_str).is_some()
}

fn typed_children(node: &Node) -> Vec<String> {
    let entries = node.as_map().into_iter().flat_map(Map::iter);
    entries.filter(|(_, entry)| has_type(&entry.value)).map(|(key, _)| key.to_string()).collect()
}
