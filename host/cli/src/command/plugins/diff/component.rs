//! What changed about one component, its properties apart.

use switchyard_plugin_api::{Capabilities, Component, FileStrategy, Image, LogStreams};

use super::{
    Change, Step,
    change::Changes,
    properties::{self, Direction},
};

pub fn compare(old: &Component, new: &Component, found: &mut Vec<Change>) {
    let mut changes = Changes { place: old.type_name.clone(), found };
    if old.kind != new.kind {
        changes.add(Step::Major, format!("it is a {} instead of a {}", new.kind.as_str(), old.kind.as_str()));
        return;
    }
    if old.type_name != new.type_name {
        changes.add(Step::Minor, format!("it is called {} now; the old name still means it", new.type_name));
    }
    let names = |component: &Component| -> Vec<String> {
        std::iter::once(&component.type_name).chain(&component.description.aliases).cloned().collect()
    };
    let (before, after) = (names(old), names(new));
    for name in before.iter().filter(|name| !after.contains(name)) {
        changes.add(Step::Major, format!("the name {name} no longer means it"));
    }
    for name in after.iter().filter(|name| !before.contains(name) && **name != new.type_name) {
        changes.add(Step::Minor, format!("the name {name} means it too"));
    }
    match (&old.description.deprecated, &new.description.deprecated) {
        (None, Some(instead)) => changes.add(Step::Minor, format!("it is deprecated: {instead}")),
        (Some(_), None) => changes.add(Step::Minor, "it is no longer deprecated"),
        _ => {}
    }
    capabilities(&old.capabilities, &new.capabilities, &mut changes);
    words(old, new, &mut changes);
    let place = old.type_name.clone();
    properties::compare(&old.schema, &new.schema, &place, Direction::In, changes.found);
    if let (Some(before), Some(after)) = (&old.outputs, &new.outputs) {
        properties::compare(before, after, &format!("{place} outputs"), Direction::Out, changes.found);
    }
}

fn capabilities(old: &Capabilities, new: &Capabilities, changes: &mut Changes<'_>) {
    let abilities = [
        ("work is found again after a restart of the host (`reattach`)", old.reattach, new.reattach),
        ("a killed task may clean up (`graceful_stop`)", old.graceful_stop, new.graceful_stop),
        ("limits are enforced (`limits`)", old.limits, new.limits),
        ("a preview is shown (`preview`)", old.preview, new.preview),
    ];
    for (what, before, after) in abilities {
        match (before, after) {
            (true, false) => changes.add(Step::Major, format!("no longer: {what}")),
            (false, true) => changes.add(Step::Minor, format!("new: {what}")),
            _ => {}
        }
    }
    if old.placement != new.placement {
        changes.add(Step::Major, format!("commands run elsewhere: {} instead of {}", word(&new.placement), word(&old.placement)));
    }
    match (old.image, new.image) {
        (Image::Ignored, Image::Required) => changes.add(Step::Major, "an image is required"),
        (Image::Required, Image::Ignored) => changes.add(Step::Minor, "no image is needed any more"),
        _ => {}
    }
    match (old.log_streams, new.log_streams) {
        (LogStreams::Separate, LogStreams::Merged) => changes.add(Step::Major, "standard error arrives as standard output"),
        (LogStreams::Merged, LogStreams::Separate) => changes.add(Step::Minor, "standard output and standard error arrive apart"),
        _ => {}
    }
    let strategies = |list: &[FileStrategy]| list.iter().map(word).collect::<Vec<_>>();
    let (before, after) = (strategies(&old.file_strategies), strategies(&new.file_strategies));
    for lost in before.iter().filter(|name| !after.contains(name)) {
        changes.add(Step::Major, format!("files no longer move by {lost}"));
    }
    for gained in after.iter().filter(|name| !before.contains(name)) {
        changes.add(Step::Minor, format!("files can move by {gained}"));
    }
    if let (Some(one), Some(other)) = (before.first(), after.first())
        && one != other
    {
        changes.add(Step::Major, format!("files move by {other} unless a flow says otherwise, and no longer by {one}"));
    }
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn words(old: &Component, new: &Component, changes: &mut Changes<'_>) {
    let (before, after) = (&old.description, &new.description);
    let differs = [
        ("the title", before.title != after.title),
        ("the documentation", before.docs != after.docs),
        ("the icon", before.icon != after.icon),
        ("the examples", before.examples != after.examples),
    ];
    for (what, _) in differs.into_iter().filter(|(_, differs)| *differs) {
        changes.add(Step::Patch, format!("{what} changed"));
    }
}
