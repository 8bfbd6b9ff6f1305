//! Which task runs after which, as far as the document tells.

use std::collections::HashMap;

use switchyard_expr::Reference;
use switchyard_model::{Node, Value};

/// Tasks whose children run side by side, in an order of their own, or again and again: a later one may have run before.
const UNORDERED: &[&str] = &["Parallel", "Dag", "ForEach", "EachSequential", "EachParallel", "LoopUntil", "WaitFor", "Loop"];

/// Where the tasks of a flow stand.
#[derive(Default)]
pub struct Order(HashMap<String, Place>);

/// The lists around a task, outermost first.
type Place = Vec<Step>;

#[derive(Clone, PartialEq)]
struct Step {
    /// The path of the list.
    list: String,
    index: usize,
    ordered: bool,
}

impl Order {
    pub fn of(root: &Node) -> Self {
        let mut order = Self::default();
        for name in ["tasks", "errors", "finally", "afterExecution"] {
            if let Some(list) = root.get(name) {
                order.list(list, name, &[], true);
            }
        }
        order
    }

    fn list(&mut self, node: &Node, path: &str, around: &[Step], ordered: bool) {
        let Value::Seq(items) = &node.value else { return };
        for (index, item) in items.iter().enumerate() {
            let place: Place = around.iter().cloned().chain([Step { list: path.to_owned(), index, ordered }]).collect();
            self.task(item, &format!("{path}[{index}]"), &place);
        }
    }

    fn task(&mut self, node: &Node, path: &str, place: &[Step]) {
        let Value::Map(map) = &node.value else { return };
        let kind = node.get("type").and_then(Node::as_str).and_then(|name| name.rsplit('.').next()).unwrap_or_default();
        if let Some(id) = node.get("id").and_then(Node::as_str) {
            self.0.insert(id.to_owned(), place.to_vec());
        }
        let ordered = !UNORDERED.contains(&kind);
        for (name, entry) in map.iter() {
            let at = format!("{path}.{name}");
            match (&**name, &entry.value.value) {
                ("task", Value::Map(_)) => self.task(&entry.value, &at, place),
                ("cases", Value::Map(cases)) => {
                    for (case, entry) in cases.iter() {
                        self.list(&entry.value, &format!("{at}.{case}"), place, true);
                    }
                }
                ("tasks" | "then" | "else" | "defaults" | "errors" | "finally", Value::Seq(_)) => {
                    self.list(&entry.value, &at, place, ordered);
                }
                _ => {}
            }
        }
    }

    /// What is wrong with a reference that stands at this path: the task that it names cannot have run by then.
    pub fn too_early(&self, reference: &Reference, path: &str) -> Option<String> {
        let [root, name, ..] = reference.path.as_slice() else { return None };
        if !matches!(&**root, "outputs" | "tasks") || reference.guarded {
            return None;
        }
        let there = self.0.get(&**name)?;
        // The task that the reference stands in: the one with the longest path before it.
        let inside = |step: &Step| path.starts_with(&format!("{}[{}]", step.list, step.index));
        let here = self.0.values().filter(|place| place.iter().all(inside)).max_by_key(|place| place.len())?;
        let shared = here.iter().zip(there).take_while(|(one, other)| one == other).count();
        let (mine, other) = (here.get(shared)?, there.get(shared)?);
        let ordered = here[..=shared].iter().all(|step| step.ordered);
        (ordered && mine.list == other.list && mine.index < other.index)
            .then(|| format!("`{}`: the task `{name}` runs after this one", reference.path.join(".")))
    }
}
