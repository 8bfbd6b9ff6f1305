//! `switchyard plugins test`: the conformance kit on a finished library.
//!
//! The library runs in processes of its own ([`child`]), so that a crash is a row of the report. What a host does with examples is asked
//! of this very program.

mod child;
mod examples;
mod parent;
mod report;

use std::{fs, path::Path};

use serde_json::Value;
use switchyard_model::{Sources, yaml};
use switchyard_plugin_api::{
    ComponentKind,
    testkit::{self, Options, Report, Row, Verdict},
};

pub use child::main as child;
pub use parent::Stage;
use report::Document;

use crate::{
    arguments::{Globals, TestPlugin},
    command::{print, print_json},
    exit::Exit,
    failure::Failure,
    host::Host,
    screen::{Palette, Screen},
};

pub fn run(globals: &Globals, host: &Host, command: &TestPlugin) -> Result<Exit, Failure> {
    if command.list {
        let rows: String = names().map(|(name, title)| format!("{name:<22} {title}\n")).collect();
        print(rows.as_bytes())?;
        return Ok(Exit::Success);
    }
    let Some(file) = &command.file else { return Ok(Exit::Invalid) };
    let options = options(command)?;
    let chosen = chosen(&command.only)?;
    let library = fs::read(file).map_err(|error| Failure::unreadable(file, &error))?;
    let palette = Screen::stdout(globals.color).palette;
    let mut document = match host.registry.manifest(file) {
        Ok(manifest) => Document::new(file, &library, manifest),
        Err(refusal) => {
            let failure = Failure::new(Exit::Failed, refusal.code.clone(), format!("{} is refused: {}", file.display(), refusal.reason));
            return Err(match refusal.help {
                Some(help) => failure.with_help(help),
                None => failure,
            });
        }
    };
    let stage = Stage::new(host, file, &document.plugin.id)?;
    let show = |row: &Row| if command.json { Ok(()) } else { print(line(palette, row).as_bytes()) };
    for component in document.manifest.components.clone() {
        if command.type_name.as_ref().is_some_and(|name| *name != component.type_name) {
            continue;
        }
        if !command.json {
            print(format!("{}\n", palette.bold(&component.type_name)).as_bytes())?;
        }
        let mut report = Report::new(&component.type_name);
        let owed: Vec<&str> = match component.kind {
            ComponentKind::TaskRunner => testkit::names().map(|(name, _)| name).collect(),
            ComponentKind::Task => testkit::task_names().map(|(name, _)| name).collect(),
        };
        let names: Vec<String> = chosen.iter().filter(|name| owed.contains(&name.as_str())).cloned().collect();
        parent::check(&stage, &component.type_name, &options, &names, &mut |row| {
            show(&row)?;
            report.rows.push(row);
            Ok(())
        })?;
        if command.only.is_empty() {
            for row in examples::check(&stage, &component, globals, &options) {
                show(&row)?;
                report.rows.push(row);
            }
        }
        document.components.push(report);
    }
    if document.components.is_empty() {
        let wanted = command.type_name.clone().unwrap_or_default();
        return Err(Failure::usage("cli::no_component", format!("{} has no component {wanted}", file.display()))
            .with_help("`switchyard plugins check FILE` and `plugins list` show what a library brings"));
    }
    finish(command, file, &document)
}

fn finish(command: &TestPlugin, file: &Path, document: &Document) -> Result<Exit, Failure> {
    let beside = |end: &str| {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(end);
        file.with_file_name(name)
    };
    let mut places = command.report.clone();
    if places.is_empty() && !command.no_report {
        places = vec![beside(".conformance.json"), beside(".conformance.md")];
    }
    for place in &places {
        document.write(place)?;
    }
    if command.json {
        print_json(document)?;
    } else {
        let (passed, failed, exempt) = document.counts();
        let mut text = format!("{passed} passed, {failed} failed, {exempt} not applicable\n");
        for place in &places {
            text.push_str(&format!("report: {}\n", place.display()));
        }
        print(text.as_bytes())?;
    }
    Ok(if document.passed() { Exit::Success } else { Exit::Failed })
}

fn line(palette: Palette, row: &Row) -> String {
    let word = match &row.verdict {
        Verdict::Passed => palette.good("passed").to_string(),
        Verdict::Failed { .. } => palette.bad("FAILED").to_string(),
        Verdict::NotApplicable { .. } => palette.dim("n/a   ").to_string(),
    };
    let mut text = format!("  {word}  {:<22} {}\n", row.behaviour, row.title);
    for line in row.reason().into_iter().flat_map(str::lines) {
        text.push_str(&format!("          {:<22} {line}\n", ""));
    }
    text
}

fn options(command: &TestPlugin) -> Result<Options, Failure> {
    let mut options =
        Options { image: command.image.clone(), flood: command.flood, patience: command.patience.max(1), ..Options::default() };
    if let Some(file) = &command.properties {
        options.properties = properties(file)?;
    }
    for written in &command.skip {
        let Some((name, reason)) = written.split_once('=').filter(|(_, reason)| !reason.trim().is_empty()) else {
            return Err(Failure::usage("cli::not_a_pair", format!("`--skip {written}` is no pair of a behaviour and a reason"))
                .with_help("write for example `--skip logs.flood=slow_network`; the reason stands in the report"));
        };
        options.skip.insert(chosen(&[name.to_owned()])?.remove(0), reason.to_owned());
    }
    Ok(options)
}

/// Reads a YAML map.
fn properties(file: &Path) -> Result<Value, Failure> {
    let text = fs::read_to_string(file).map_err(|error| Failure::unreadable(file, &error))?;
    let mut sources = Sources::new();
    let source = sources.add(file.display().to_string(), text);
    match yaml::parse(&sources, source) {
        Ok(document) => Ok(document.root.to_json()),
        Err(violations) => Err(Failure::findings(violations, sources)),
    }
}

/// Every behaviour: those of task runners, then what only tasks have.
pub(super) fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let own = testkit::task_names().filter(|(name, _)| testkit::names().all(|(known, _)| known != *name));
    testkit::names().chain(own)
}

/// The behaviours of these names, where a group's name means all of its behaviours; all when nobody is named.
fn chosen(only: &[String]) -> Result<Vec<String>, Failure> {
    let all: Vec<String> = names().map(|(name, _)| name.to_owned()).collect();
    for name in only {
        if !all.iter().any(|known| matches(known, name)) {
            let near = switchyard_model::suggestion::nearest(name, all.iter().map(String::as_str));
            let help = near.map_or_else(|| "`plugins test --list` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
            return Err(Failure::usage("cli::no_behaviour", format!("there is no behaviour `{name}`")).with_help(help));
        }
    }
    Ok(all.into_iter().filter(|known| only.is_empty() || only.iter().any(|name| matches(known, name))).collect())
}

fn matches(known: &str, name: &str) -> bool {
    known == name || known.split_once('.').is_some_and(|(group, _)| group == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaviours_are_chosen_by_name_or_group() {
        for (only, expected) in [
            (vec!["outcome.signals"], Some(1)),
            (vec!["cancel"], Some(6)),
            (vec!["cancel", "outcome.signals"], Some(7)),
            (vec!["outcome.signal"], None),
        ] {
            let only: Vec<String> = only.into_iter().map(str::to_owned).collect();
            assert_eq!(chosen(&only).ok().map(|names| names.len()), expected, "{only:?}");
        }
        assert_eq!(chosen(&[]).unwrap().len(), names().count());
    }
}
