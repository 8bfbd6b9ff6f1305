//! `switchyard plugins diff`: what changes for flows between two builds of a plugin, and which version that asks for.

pub mod change;
mod component;
mod flows;
mod properties;
mod version;

use std::path::Path;

use serde::Serialize;
use switchyard_plugin_api::Manifest;

pub use change::{Change, Step, between};
use flows::Broken;
use version::Verdict;

use crate::{
    arguments::{DiffPlugins, Globals},
    command::{print, print_json},
    exit::Exit,
    failure::Failure,
    host::Host,
    screen::{Palette, Screen},
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    plugin: String,
    old: String,
    new: String,
    /// What the changes ask for.
    asks_for: Step,
    /// The least version that says so.
    least: String,
    /// Whether the new version says enough.
    enough: bool,
    changes: Vec<Change>,
    flows: usize,
    /// Flows that are valid with the old library and not with the new one.
    broken: Vec<Broken>,
}

pub fn run(globals: &Globals, host: &Host, command: &DiffPlugins) -> Result<Exit, Failure> {
    let (old, new) = (manifest(host, &command.old)?, manifest(host, &command.new)?);
    let changes = between(&old, &new);
    let asks_for = changes.iter().map(|change| change.step).max().unwrap_or(Step::None);
    let Verdict { enough, least } = version::judge(&old.plugin.version, &new.plugin.version, asks_for);
    let (flows, broken) = flows::check(host, command, &old.plugin.id, &new.plugin.id)?;
    let document = Document {
        plugin: new.plugin.id.clone(),
        old: old.plugin.version.clone(),
        new: new.plugin.version.clone(),
        asks_for,
        least,
        enough,
        changes,
        flows,
        broken,
    };
    if command.json {
        print_json(&document)?;
    } else {
        print(document.text(Screen::stdout(globals.color).palette).as_bytes())?;
    }
    Ok(if document.enough && document.broken.is_empty() { Exit::Success } else { Exit::Failed })
}

fn manifest(host: &Host, file: &Path) -> Result<Manifest, Failure> {
    std::fs::metadata(file).map_err(|error| Failure::unreadable(file, &error))?;
    host.registry.manifest(file).map_err(|refusal| {
        let failure = Failure::new(Exit::Failed, refusal.code.clone(), format!("{} is refused: {}", file.display(), refusal.reason));
        match refusal.help {
            Some(help) => failure.with_help(help),
            None => failure,
        }
    })
}

impl Document {
    fn text(&self, palette: Palette) -> String {
        let mut text = format!("{} {} -> {}\n", palette.bold(&self.plugin), self.old, self.new);
        text.push_str(&change::text(palette, &self.changes));
        if self.changes.is_empty() {
            text.push_str("\nthe libraries say the same about themselves\n");
        }
        text.push('\n');
        if self.flows > 0 {
            text.push_str(&format!("{} flows checked with both, {} would stop validating\n", self.flows, self.broken.len()));
        }
        for broken in &self.broken {
            text.push_str(&format!("  {}\n", palette.bad(&broken.file)));
            broken.findings.iter().for_each(|finding| text.push_str(&format!("    {finding}\n")));
        }
        let verdict = match (self.asks_for, self.enough) {
            (Step::None, _) => palette.good("nothing asks for another version").to_string(),
            (step, true) => palette.good(format!("asks for a {} version; {} says so", step.as_str(), self.new)).to_string(),
            (step, false) => {
                palette.bad(format!("asks for a {} version: {} or higher, not {}", step.as_str(), self.least, self.new)).to_string()
            }
        };
        text + &verdict + "\n"
    }
}
