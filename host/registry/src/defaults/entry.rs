//! Which entry is for which type.

use switchyard_model::DefaultEntry;

use super::Types;

/// An entry that matches a type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Match<'a> {
    pub entry: &'a DefaultEntry,
    /// It names the type itself, not a package above it.
    pub exact: bool,
    /// The component asks for it by name.
    named: bool,
    /// Length of the matching name.
    length: usize,
    /// 0 is the flow; higher is farther out.
    level: usize,
    /// Order of writing within its level.
    position: usize,
}

/// All matching entries, in the order in which they are merged: the first one wins among those that are not forced, the last one
/// among those that are.
pub(super) fn matching<'a>(
    levels: &[&'a [DefaultEntry]],
    forced: bool,
    written: &str,
    reference: Option<&str>,
    types: &dyn Types,
) -> Vec<Match<'a>> {
    let current = types.current(written);
    let mut found: Vec<Match<'a>> = Vec::new();
    for (level, entries) in levels.iter().enumerate() {
        for (position, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.forced == forced) {
            let exact = entry.type_name.as_ref() == written || types.current(&entry.type_name) == current;
            let length = if exact { usize::MAX } else { entry.type_name.len() };
            let named = entry.reference.is_some();
            let wanted = entry.reference.as_deref().is_none_or(|name| Some(name) == reference);
            if !wanted {
                continue;
            }
            if exact || is_above(&entry.type_name, written) || is_above(&entry.type_name, current) {
                found.push(Match { entry, exact, named, length, level, position });
            }
        }
    }
    found.sort_by(|a, b| {
        // What was asked for by name is nearer than what comes by type.
        let by_length = b.length.cmp(&a.length).then(a.position.cmp(&b.position));
        let by_name = b.named.cmp(&a.named);
        // The nearest level wins, unless forced: then it is the farthest, which belongs to the administrator.
        if forced {
            by_name.reverse().then(a.level.cmp(&b.level)).then(by_length.reverse())
        } else {
            by_name.then(a.level.cmp(&b.level)).then(by_length)
        }
    });
    found
}

/// Whether `package` is a package above the type: `io.kestra.plugin.aws` is not above `io.kestra.plugin.awsome.Task`.
fn is_above(package: &str, type_name: &str) -> bool {
    type_name.strip_prefix(package.trim_end_matches('.')).is_some_and(|rest| rest.starts_with('.'))
}
