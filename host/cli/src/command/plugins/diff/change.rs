//! One change, and all of those between two manifests.

use serde::Serialize;
use switchyard_plugin_api::{Component, Manifest};

use super::component;
use crate::screen::Palette;

/// The step in a version number that a change asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    None,
    /// No flow can tell.
    Patch,
    /// Flows can do more.
    Minor,
    /// Flows that worked may not work, or work in another way.
    Major,
}

impl Step {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "new",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub step: Step,
    /// The plugin, a type, or a type and one of its properties.
    pub place: String,
    pub what: String,
}

/// Collects changes of one place.
pub struct Changes<'a> {
    pub place: String,
    pub found: &'a mut Vec<Change>,
}

impl Changes<'_> {
    pub fn add(&mut self, step: Step, what: impl Into<String>) {
        self.found.push(Change { step, place: self.place.clone(), what: what.into() });
    }
}

pub fn between(old: &Manifest, new: &Manifest) -> Vec<Change> {
    let mut found = Vec::new();
    library(old, new, &mut Changes { place: new.plugin.id.clone(), found: &mut found });
    for before in &old.components {
        let place = before.type_name.clone();
        match find(new, &before.type_name) {
            Some(after) => component::compare(before, after, &mut found),
            None => Changes { place, found: &mut found }.add(Step::Major, format!("the {} is gone", before.kind.as_str())),
        }
    }
    for after in &new.components {
        let known = std::iter::once(&after.type_name).chain(&after.description.aliases).any(|name| find(old, name).is_some());
        if !known {
            let place = after.type_name.clone();
            Changes { place, found: &mut found }.add(Step::Minor, format!("the {} is new", after.kind.as_str()));
        }
    }
    found
}

/// All of them, the worst first.
pub fn text(palette: Palette, changes: &[Change]) -> String {
    let mut text = String::new();
    for (step, title) in [(Step::Major, "breaks flows"), (Step::Minor, "adds"), (Step::Patch, "no flow can tell")] {
        let mut changes = changes.iter().filter(|change| change.step == step).peekable();
        if changes.peek().is_some() {
            text.push_str(&format!("\n{title}\n"));
        }
        for change in changes {
            let line = format!("{}: {}", change.place, change.what);
            let line = if step == Step::Major { palette.bad(line).to_string() } else { line };
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}

/// A component by any of its names.
fn find<'a>(manifest: &'a Manifest, name: &str) -> Option<&'a Component> {
    let names = |component: &&Component| component.type_name == name || component.description.aliases.iter().any(|alias| alias == name);
    manifest.components.iter().find(|component| component.type_name == name).or_else(|| manifest.components.iter().find(names))
}

fn library(old: &Manifest, new: &Manifest, changes: &mut Changes<'_>) {
    let (before, after) = (&old.plugin, &new.plugin);
    if before.id != after.id {
        changes.add(Step::Major, format!("the plugin was called {}: both would be loaded", before.id));
    }
    if before.api != after.api {
        let what = format!("built with plugin API {} instead of {}", after.api, before.api);
        let numbers = |version: &str| version.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>();
        let (one, other) = (numbers(&before.api), numbers(&after.api));
        let step = match (one.first() == other.first(), other > one) {
            (false, _) => Step::Major,
            (true, true) if one.get(1) != other.get(1) => Step::Minor,
            _ => Step::Patch,
        };
        changes.add(step, what);
    }
    if before.target != after.target {
        changes.add(Step::Major, format!("built for {} instead of {}", after.target, before.target));
    }
    if before.panic != after.panic {
        let step = if after.panic == "unwind" { Step::Patch } else { Step::Major };
        changes.add(step, format!("a panic is `{}` instead of `{}`", after.panic, before.panic));
    }
    if before.rustc != after.rustc {
        changes.add(Step::Patch, format!("built by rustc {} instead of {}", after.rustc, before.rustc));
    }
}
