//! Flows that would stop validating.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;
use switchyard_engine::load;
use switchyard_model::Sources;
use switchyard_server::control::{Answer, Client, Request};

use crate::{
    command::{
        flow_files,
        server::{ask, broken},
    },
    failure::Failure,
    host::Host,
    screen::Excerpt,
};

#[derive(Debug, Serialize)]
pub struct Broken {
    /// The file, or the name of the flow of a running execution.
    pub flow: String,
    /// Executions that began with it and are not over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub executions: Vec<String>,
    /// `FILE:LINE:COLUMN: what is wrong [code]`.
    pub findings: Vec<String>,
}

/// Checks flows with the plugins of the next host.
pub struct Flows<'a> {
    server: Option<&'a Client>,
    next: &'a Host,
    pub checked: usize,
    pub broken: Vec<Broken>,
}

impl<'a> Flows<'a> {
    pub fn new(server: Option<&'a Client>, next: &'a Host) -> Self {
        Self { server, next, checked: 0, broken: Vec::new() }
    }

    /// Files, and the flows in directories.
    pub fn check_files(&mut self, paths: &[PathBuf]) -> Result<(), Failure> {
        let mut files: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
        for file in flow_files::files(paths)? {
            files.entry(file.canonicalize().unwrap_or_else(|_| file.clone())).or_insert(file);
        }
        files.into_values().try_for_each(|file| self.check_file(&file))
    }

    fn check_file(&mut self, file: &Path) -> Result<(), Failure> {
        let text = fs::read(file).map_err(|error| Failure::unreadable(file, &error))?;
        let name = file.display().to_string();
        self.checked += 1;
        let findings = self.findings(&name, &text);
        if !findings.is_empty() && self.is_valid_now(&name, &text)? {
            self.broken.push(Broken { flow: name, executions: Vec::new(), findings });
        }
        Ok(())
    }

    /// The text that an execution began with; whether it can go on.
    pub fn check_execution(&mut self, name: &str, text: &str, execution: &str) -> bool {
        let findings = self.findings(name, text.as_bytes());
        let valid = findings.is_empty();
        match self.broken.iter_mut().find(|broken| !broken.executions.is_empty() && broken.findings == findings) {
            Some(broken) => broken.executions.push(execution.to_owned()),
            None => {
                self.checked += 1;
                if !valid {
                    self.broken.push(Broken { flow: name.to_owned(), executions: vec![execution.to_owned()], findings });
                }
            }
        }
        valid
    }

    /// Whether a flow would be valid, without a word about it.
    pub fn is_valid(&self, name: &str, text: &str) -> bool {
        self.findings(name, text.as_bytes()).is_empty()
    }

    fn findings(&self, name: &str, text: &[u8]) -> Vec<String> {
        let mut sources = Sources::new();
        let loaded = load::bytes_of(name, text, &self.next.registry, &self.next.config, &mut sources);
        let violations = loaded.map_or_else(|violations| violations, |loaded| loaded.violations);
        let errors = violations.iter().filter(|found| found.is_error());
        errors.map(|found| format!("{}: {found} [{}]", Excerpt::of(&sources, found.span).place(), found.code)).collect()
    }

    /// A flow that has errors already does not break. Nobody knows that without a server.
    fn is_valid_now(&self, name: &str, text: &[u8]) -> Result<bool, Failure> {
        let Some(server) = self.server else { return Ok(true) };
        let request = Request::Findings { name: name.to_owned(), flow: String::from_utf8_lossy(text).into_owned() };
        match ask(server, &request)? {
            Answer::Findings { errors } => Ok(errors.is_empty()),
            _ => Err(broken(&std::io::ErrorKind::InvalidData.into())),
        }
    }
}
