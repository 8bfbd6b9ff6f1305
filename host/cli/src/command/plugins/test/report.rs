//! The report that travels with a plugin.

use std::{fs, path::Path};

use serde::Serialize;
use sha2::{Digest, Sha256};
use switchyard_plugin_api::{Manifest, PluginInfo, testkit::Report};

use crate::failure::Failure;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// The library's file name.
    file: String,
    /// Of the library's bytes, so that nobody takes the report for that of another build.
    sha256: String,
    pub plugin: PluginInfo,
    /// Version of the host that tested it, and of its plugin API.
    host: String,
    host_api: String,
    pub components: Vec<Report>,
    #[serde(skip)]
    pub manifest: Manifest,
}

impl Document {
    pub fn new(file: &Path, library: &[u8], manifest: Manifest) -> Self {
        Self {
            file: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            sha256: Sha256::digest(library).iter().map(|byte| format!("{byte:02x}")).collect(),
            plugin: manifest.plugin.clone(),
            host: env!("CARGO_PKG_VERSION").to_owned(),
            host_api: switchyard_plugin_api::API_VERSION.to_owned(),
            components: Vec::new(),
            manifest,
        }
    }

    pub fn passed(&self) -> bool {
        self.components.iter().all(Report::passed)
    }

    pub fn counts(&self) -> (usize, usize, usize) {
        self.components.iter().map(Report::counts).fold((0, 0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2))
    }

    fn markdown(&self) -> String {
        let plugin = &self.plugin;
        let verdict = if self.passed() { "It conforms." } else { "It does not conform." };
        let mut text = format!(
            "# Conformance of `{}` {}\n\n{verdict} Tested by Switchyard {} with plugin API {}.\n\n\
             | | |\n|---|---|\n| file | `{}` |\n| SHA-256 | `{}` |\n| plugin API | {} |\n| compiler | rustc {} |\n| target | {} |\n\n",
            plugin.id, plugin.version, self.host, self.host_api, self.file, self.sha256, plugin.api, plugin.rustc, plugin.target
        );
        for report in &self.components {
            text.push_str(&report.markdown());
            text.push('\n');
        }
        text
    }

    /// Markdown or JSON, by the file's ending.
    pub fn write(&self, place: &Path) -> Result<(), Failure> {
        let text = match place.extension().and_then(|end| end.to_str()) {
            Some("json") => serde_json::to_string_pretty(self).map(|json| json + "\n").map_err(|error| Failure::output(&error.into()))?,
            _ => self.markdown(),
        };
        fs::write(place, text).map_err(|error| {
            Failure::usage("cli::unwritable", format!("{} cannot be written: {error}", place.display()))
                .with_help("choose another place with `--report`, or `--no-report`")
        })
    }
}
