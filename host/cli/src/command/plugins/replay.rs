//! `switchyard plugins replay`: the calls of a recording, made of another build.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use switchyard_engine::recording::Film;
use switchyard_plugin_api::{
    DynTask, DynTaskRunner,
    recording::{End, Entry, Line, RecordedPlugin, Recorder, Recording, Sink},
    testkit::{Components, REPLAY_PARTS, ReplayOptions, Report, Row, Verdict, replay_recording},
};
use switchyard_registry::{Directory, Isolation, Registry};
use switchyard_store::masking::Masker;

use super::{recording, test::Stage};
use crate::{
    arguments::{Globals, Replay},
    command::{print, print_json},
    exit::Exit,
    failure::Failure,
    host::Host,
    place,
    screen::{Palette, Screen},
};

pub fn run(globals: &Globals, command: &Replay) -> Result<Exit, Failure> {
    let options = options(command)?;
    let isolation = Isolation::from_name(&command.isolation).ok_or_else(|| {
        Failure::usage("cli::no_isolation", format!("there is no isolation {:?}", command.isolation))
            .with_help(format!("write one of: {}", Isolation::NAMES.join(", ")))
    })?;
    let mut paths = Vec::new();
    for path in &command.paths {
        if path.is_dir() {
            paths.extend(recording::of_directory(path)?);
        } else {
            paths.push(path.clone());
        }
    }
    let (_stage, host) = host(globals, command.plugin.as_deref(), isolation)?;
    let palette = Screen::stdout(globals.color).palette;
    let mut reports = Vec::new();
    for path in &paths {
        let recording = recording::read(path)?;
        compare_files(&recording, command);
        let report = replay(&recording, &host.registry, &options, command)?;
        if !command.json {
            print(screen(path, &recording, &report, palette).as_bytes())?;
        }
        reports.push((path, report));
    }
    if command.json {
        let documents: Vec<Value> = reports.iter().map(|(path, report)| json!({ "recording": path, "report": report })).collect();
        print_json(&documents)?;
    }
    if reports.is_empty() {
        return Err(Failure::new(Exit::Failed, "cli::no_recordings", "there is no recording to replay")
            .with_help("`switchyard run FLOW --record DIR` writes recordings into DIR"));
    }
    Ok(if reports.iter().all(|(_, report)| report.passed()) { Exit::Success } else { Exit::Failed })
}

fn options(command: &Replay) -> Result<ReplayOptions, Failure> {
    if let Some(part) = command.ignore.iter().find(|part| !REPLAY_PARTS.contains(&part.as_str())) {
        return Err(Failure::usage("cli::no_part", format!("a replay has no part {part:?}"))
            .with_help(format!("parts are: {}", REPLAY_PARTS.join(", "))));
    }
    let mut set = Vec::new();
    for written in &command.set {
        let Some((pointer, value)) = written.split_once('=').filter(|(pointer, _)| pointer.starts_with('/')) else {
            return Err(Failure::usage("cli::not_a_pair", format!("{written:?} is not of the form POINTER=VALUE"))
                .with_help("a pointer begins with a slash: --set /command/env/TOKEN=secret"));
        };
        set.push((pointer.to_owned(), Value::String(value.to_owned())));
    }
    Ok(ReplayOptions {
        real: command.real,
        set,
        files: command.files.clone(),
        ignore: command.ignore.clone(),
        patience: command.patience,
        recorder: None,
    })
}

/// A host with the plugins that are asked. What happens to them here is no reason to keep them away from others.
fn host(globals: &Globals, plugin: Option<&Path>, isolation: Isolation) -> Result<(Option<Stage>, Host), Failure> {
    let scratch = place::cache().join("replay");
    let change = |options: &mut switchyard_registry::Options, directory: Option<&Path>| {
        options.isolation.rules.clear();
        options.isolation.default.isolation = isolation;
        options.record_dir = scratch.clone();
        options.write_status = false;
        if let Some(directory) = directory {
            options.directories = vec![Directory::explicit(directory)];
        }
    };
    let Some(file) = plugin else { return Ok((None, Host::open_with(globals, |options| change(options, None))?)) };
    let usual = Host::open(globals)?;
    let manifest = usual.registry.manifest(file).map_err(|refusal| {
        let failure = Failure::new(Exit::Failed, refusal.code.clone(), format!("{} is refused: {}", file.display(), refusal.reason));
        refusal.help.into_iter().fold(failure, Failure::with_help)
    })?;
    let stage = Stage::new(&usual, file, &manifest.plugin.id)?;
    let host = Host::open_with(globals, |options| change(options, Some(&stage.directory)))?;
    Ok((Some(stage), host))
}

/// Says which of the given files are not those of the recorded run.
fn compare_files(recording: &Recording, command: &Replay) {
    let Some(directory) = &command.files else { return };
    for file in &recording.files {
        let path = directory.join(&file.path);
        let Ok(content) = std::fs::read(&path) else { continue };
        let digest: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        if digest != file.sha256 {
            tracing::warn!("{} is not the file of the recorded run: it has another content", path.display());
        }
    }
}

struct Installed<'a>(&'a Registry);

impl Components for Installed<'_> {
    fn runner(&self, type_name: &str) -> Option<Arc<dyn DynTaskRunner>> {
        self.0.runner(type_name).ok()
    }

    fn task(&self, type_name: &str) -> Option<Arc<dyn DynTask>> {
        self.0.task(type_name).ok()
    }
}

fn replay(recording: &Recording, registry: &Registry, options: &ReplayOptions, command: &Replay) -> Result<Report, Failure> {
    let Some(path) = &command.write else { return Ok(replay_recording(recording, &Installed(registry), options)) };
    let copy = Arc::new(Copy::begin(path, recording, registry, options)?);
    let options = ReplayOptions { recorder: Some(Recorder::new(Arc::clone(&copy) as Arc<dyn Sink>)), ..options.clone() };
    let report = replay_recording(recording, &Installed(registry), &options);
    copy.end(recording);
    Ok(report)
}

/// What happens now, as a recording.
struct Copy(Mutex<Film>);

impl Copy {
    fn begin(path: &Path, recording: &Recording, registry: &Registry, options: &ReplayOptions) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::usage("cli::unwritable", format!("{} cannot be written: {error}", path.display()));
        let given = options.set.iter().filter_map(|(_, value)| value.as_str());
        let masker = Masker::new(given).map_err(|error| Failure::usage(error.code(), error.to_string()))?;
        let mut film = Film::create(path, masker).map_err(failed)?;
        let mut header = recording.header.clone();
        header.plugins = plugins(recording, registry);
        let first = Entry::Recording(Box::new(header));
        let files = recording.files.iter().map(|file| Entry::File {
            path: file.path.clone(),
            size: file.size,
            sha256: file.sha256.clone(),
            content: file.content.clone(),
        });
        for entry in std::iter::once(first).chain(files) {
            film.write(&Line { at: 0, entry }).map_err(failed)?;
        }
        Ok(Self(Mutex::new(film)))
    }

    fn end(&self, recording: &Recording) {
        let masked = recording.end.as_ref().map_or(0, |end| end.masked);
        let state = recording.end.as_ref().and_then(|end| end.state.clone());
        self.take(Line { at: 0, entry: Entry::End(End { state, masked }) });
    }
}

impl Sink for Copy {
    fn take(&self, line: Line) {
        let mut film = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = film.take(line) {
            tracing::warn!(path = %film.path().display(), %error, "the new recording is not whole");
        }
    }
}

/// The plugins that are asked now, for the types of the recording.
fn plugins(recording: &Recording, registry: &Registry) -> Vec<RecordedPlugin> {
    let rows = registry.plugins();
    let mut plugins = recording.header.plugins.clone();
    for plugin in &mut plugins {
        let row = rows.iter().find(|row| row.state.is_usable() && row.plugin.as_deref() == Some(&plugin.id));
        if let Some(row) = row {
            plugin.version = row.version.clone().unwrap_or_default();
            plugin.sha256.clone_from(&row.hash);
        }
    }
    plugins
}

fn screen(path: &Path, recording: &Recording, report: &Report, palette: Palette) -> String {
    let task = &recording.header.task;
    let name = format!("{}.{} #{}", task.flow_id, task.task_id, task.attempt);
    let (same, different, left) = report.counts();
    let mut text = format!("{} ({}): {same} as recorded, {different} different, {left} not made\n", palette.bold(&name), path.display());
    for row in &report.rows {
        text += &line(row, palette);
    }
    text
}

fn line(row: &Row, palette: Palette) -> String {
    let number = row.behaviour.trim_start_matches("call.");
    let what = row.title.trim_end_matches(" as recorded");
    match &row.verdict {
        Verdict::Passed => format!("  {} {number:<12} {what}\n", palette.good("same    ")),
        Verdict::NotApplicable { reason } => format!("  {} {number:<12} {what}: {reason}\n", palette.dim("not made")),
        Verdict::Failed { reason } => {
            let differences: String = reason.lines().map(|line| format!("      {line}\n")).collect();
            format!("  {} {number:<12} {what}\n{differences}", palette.bad("DIFFERS "))
        }
    }
}
