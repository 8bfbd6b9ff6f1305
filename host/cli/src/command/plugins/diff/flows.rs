//! Flows that are valid with the one library and not with the other.

use std::path::Path;

use serde::Serialize;
use switchyard_engine::load;
use switchyard_model::{Sources, Violations};
use switchyard_registry::{Directory, Registry};

use super::super::test::Stage;
use crate::{
    arguments::DiffPlugins,
    command::flow_files,
    failure::Failure,
    host::{Host, registry_options},
};

#[derive(Debug, Serialize)]
pub struct Broken {
    pub file: String,
    /// What the new library says, one line each.
    pub findings: Vec<String>,
}

/// How many flows were checked, and those that would stop validating.
pub fn check(host: &Host, command: &DiffPlugins, old: &str, new: &str) -> Result<(usize, Vec<Broken>), Failure> {
    if command.flows.is_empty() {
        return Ok((0, Vec::new()));
    }
    let files = flow_files::files(&command.flows)?;
    let (before, after) = (Side::new(host, &command.old, old)?, Side::new(host, &command.new, new)?);
    let mut broken = Vec::new();
    for file in &files {
        if !before.findings(host, file).is_empty() {
            continue;
        }
        let findings = after.findings(host, file);
        if !findings.is_empty() {
            broken.push(Broken { file: file.display().to_string(), findings });
        }
    }
    Ok((files.len(), broken))
}

/// A registry with one of the libraries and everything else that is installed.
struct Side {
    registry: Registry,
    _stage: Stage,
}

impl Side {
    fn new(host: &Host, file: &Path, plugin: &str) -> Result<Self, Failure> {
        let stage = Stage::new(host, file, plugin)?;
        let mut options = registry_options();
        options.directories = [&stage.directory, &stage.others].map(Directory::explicit).to_vec();
        options.write_status = false;
        Ok(Self { registry: Registry::open(options, vec![switchyard_engine::built_in(None)]), _stage: stage })
    }

    fn findings(&self, host: &Host, file: &Path) -> Vec<String> {
        let mut sources = Sources::new();
        let violations: Violations = match load::file(file, &self.registry, &host.config, &mut sources) {
            Ok(loaded) => loaded.violations,
            Err(violations) => violations,
        };
        let errors = violations.iter().filter(|violation| violation.is_error());
        errors.map(|violation| format!("{}: {} [{}]", violation.path, violation.message, violation.code)).collect()
    }
}
