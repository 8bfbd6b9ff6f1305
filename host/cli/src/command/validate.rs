//! `switchyard validate`.

use std::path::{Path, PathBuf};

use serde::Serialize;
use switchyard_model::{Severity, Sources, Violation, Violations};

use super::{flow_files::files, print, print_json};
use crate::{
    arguments::{Format, Globals, Validate},
    exit::Exit,
    failure::Failure,
    host::Host,
    screen::{Excerpt, Finding, Screen},
};

pub fn run(globals: &Globals, command: &Validate) -> Result<Exit, Failure> {
    let mut host = Host::open(globals)?;
    let mut reports = Vec::new();
    for file in files(&command.paths)? {
        let (flow, violations) = match host.load(&file) {
            Ok(loaded) => {
                let name = |key: &str| loaded.node.get(key).and_then(switchyard_model::Node::scalar_text).unwrap_or_default();
                let flow = format!("{}.{}", name("namespace"), name("id"));
                (Some(flow), loaded.violations)
            }
            Err(violations) => (None, violations),
        };
        reports.push(Report { file, flow, violations });
    }
    match command.format {
        Format::Json => print_json(&reports.iter().map(|report| report.json(&host.sources)).collect::<Vec<_>>())?,
        Format::Text => show(&reports, &host.sources, globals)?,
    }
    let valid = reports.iter().all(|report| !report.violations.has_errors());
    Ok(if valid { Exit::Success } else { Exit::Invalid })
}

struct Report {
    file: PathBuf,
    /// `namespace.id`, when the file is YAML.
    flow: Option<String>,
    violations: Violations,
}

fn show(reports: &[Report], sources: &Sources, globals: &Globals) -> Result<(), Failure> {
    let screen = Screen::stdout(globals.color);
    let mut text = String::new();
    let (mut errors, mut warnings) = (0, 0);
    for report in reports {
        for violation in &report.violations {
            text.push_str(&Finding::of(violation, sources).render(&screen));
            errors += usize::from(violation.is_error());
            warnings += usize::from(matches!(violation.severity, Severity::Warning | Severity::Deprecation));
        }
        if !report.violations.has_errors() {
            let flow = report.flow.as_deref().unwrap_or_default();
            text.push_str(&format!("{} {}: {flow} is valid\n", screen.palette.good("ok"), report.file.display()));
        }
    }
    if errors + warnings > 0 {
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let files = count(reports.len(), "file");
        text.push_str(&format!("{}, {} in {files}\n", count(errors, "error"), count(warnings, "warning")));
    }
    print(text.as_bytes())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    file: &'a Path,
    valid: bool,
    flow: Option<&'a str>,
    violations: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    severity: &'static str,
    code: &'a str,
    path: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    source: String,
    line: usize,
    column: usize,
    /// Of the marked text, in characters.
    length: usize,
}

impl Report {
    fn json<'a>(&'a self, sources: &Sources) -> Json<'a> {
        Json {
            file: &self.file,
            valid: !self.violations.has_errors(),
            flow: self.flow.as_deref(),
            violations: self.violations.iter().map(|violation| entry(violation, sources)).collect(),
        }
    }
}

fn entry<'a>(violation: &'a Violation, sources: &Sources) -> Entry<'a> {
    let excerpt = Excerpt::of(sources, violation.span);
    Entry {
        severity: match violation.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Deprecation => "deprecation",
            Severity::Info => "info",
        },
        code: violation.code,
        path: &violation.path,
        message: &violation.message,
        help: violation.help.as_deref(),
        source: excerpt.name,
        line: excerpt.line,
        column: excerpt.column,
        length: excerpt.length,
    }
}
