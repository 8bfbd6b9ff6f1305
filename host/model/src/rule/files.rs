//! Names of files that a task brings or keeps: one that leads out of the working directory is found before a run.

use crate::dynamic::is_template;
use crate::node::{Node, Value};
use crate::path::Path;
use crate::task::Task;
use crate::violation::{Violation, Violations};

pub(super) fn check(task: &Task, path: &Path<'_>, found: &mut Violations) {
    brought(task.node.get("inputFiles"), &path.key("inputFiles"), found);
    kept(task.node.get("outputFiles"), &path.key("outputFiles"), found);
}

fn brought(files: Option<&Node>, path: &Path<'_>, found: &mut Violations) {
    let Some(files) = files.and_then(Node::as_map) else { return };
    // One without content is not written.
    for (name, entry) in files.iter().filter(|(name, entry)| !is_template(name) && !entry.value.is_null()) {
        let reason = match name {
            name if name.is_empty() => "it is empty",
            name if name.starts_with('/') => "it is absolute",
            name if name.ends_with('/') => "it ends in `/` like a directory",
            name if goes_up(name) => "`..` leads out of it",
            _ => continue,
        };
        let message = format!("`{name}` cannot name a file of a working directory: {reason}");
        found.push(
            Violation::error("workdir::name", &path.key(name), entry.key_span, message)
                .with_help("use a relative path such as `data/input.csv`"),
        );
    }
}

/// A run only warns of these, so flows that have them go on to work.
fn kept(patterns: Option<&Node>, path: &Path<'_>, found: &mut Violations) {
    let Some(patterns) = patterns else { return };
    let items = match &patterns.value {
        Value::Seq(items) => items.as_slice(),
        _ => std::slice::from_ref(patterns),
    };
    for item in items {
        let Some(pattern) = item.as_str().filter(|text| !is_template(text) && !text.starts_with("regex:")) else { continue };
        if goes_up(pattern) {
            let message = format!("`{pattern}` matches nothing: `..` leads out of the working directory");
            found.push(
                Violation::warning("workdir::name", path, item.span, message)
                    .with_help("write output files to the working directory, and name them by relative paths such as `data/*.csv`"),
            );
        }
    }
}

fn goes_up(name: &str) -> bool {
    name.split('/').any(|part| part == "..")
}
