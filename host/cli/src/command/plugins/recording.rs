//! `switchyard plugins recording`: what a recording holds, for people.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use switchyard_engine::recording::ENDING;
use switchyard_plugin_api::{
    Event,
    recording::{Answer, Entry, Line, Recording},
};

use crate::{
    arguments::{Globals, ShowRecording},
    command::print,
    exit::Exit,
    failure::Failure,
    screen::{Palette, Screen, Table},
};

/// Characters of what was said, unless all of it is wanted.
const LENGTH: usize = 100;

pub fn run(globals: &Globals, command: &ShowRecording) -> Result<Exit, Failure> {
    let palette = Screen::stdout(globals.color).palette;
    if command.path.is_dir() {
        return list(&command.path, palette);
    }
    let recording = read(&command.path)?;
    let length = if command.full { usize::MAX } else { LENGTH };
    print(show(&recording, palette, length).as_bytes())?;
    Ok(Exit::Success)
}

/// Reads one; the error says what it is instead.
pub fn read(path: &Path) -> Result<Recording, Failure> {
    Recording::read(path).map_err(|error| {
        Failure::usage("cli::not_a_recording", format!("{} is no recording: {error}", path.display()))
            .with_help("`switchyard run FLOW --record DIR` writes recordings into DIR")
    })
}

/// The recordings of a directory, the oldest first.
pub fn of_directory(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(directory).map_err(|error| Failure::unreadable(directory, &error))?.flatten();
    let mut found: Vec<(std::time::SystemTime, PathBuf)> = entries
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(ENDING))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

fn list(directory: &Path, palette: Palette) -> Result<Exit, Failure> {
    let mut table = Table::new(["BEGAN", "TASK", "STATE", "CALLS", "FILE"]);
    for path in of_directory(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let row = match Recording::read(&path) {
            Ok(recording) => {
                let task = &recording.header.task;
                [
                    recording.header.began.clone(),
                    format!("{}.{}.{} #{}", task.namespace, task.flow_id, task.task_id, task.attempt),
                    state(&recording).to_owned(),
                    recording.calls.len().to_string(),
                    name,
                ]
            }
            Err(error) => [String::new(), String::new(), format!("unreadable: {error}"), String::new(), name],
        };
        table.push(row);
    }
    if table.is_empty() {
        print(format!("{} holds no recordings\n", directory.display()).as_bytes())?;
    } else {
        print(table.render(|row, _, cell| if row == 0 { palette.dim(cell).to_string() } else { cell }).as_bytes())?;
    }
    Ok(Exit::Success)
}

fn state(recording: &Recording) -> &str {
    match &recording.end {
        None => "the host ended first, or it goes on",
        Some(end) => end.state.as_deref().unwrap_or("left to the next host"),
    }
}

fn show(recording: &Recording, palette: Palette, length: usize) -> String {
    let (header, task) = (&recording.header, &recording.header.task);
    let name = format!("{}.{}.{}", task.namespace, task.flow_id, task.task_id);
    let mut text = format!(
        "{} attempt {} of task run {}, execution {}\n{} with plugin API {}, {}\n",
        palette.bold(&name),
        task.attempt,
        task.taskrun_id,
        task.execution_id,
        header.host,
        header.api,
        header.began
    );
    for plugin in &header.plugins {
        let place = plugin.isolation.as_deref().unwrap_or("part of the host");
        let digest = plugin.sha256.as_deref().map(|hash| format!(", sha256 {hash}")).unwrap_or_default();
        text += &format!("{} {}: {}, {place}{digest}\n", plugin.id, plugin.version, plugin.types.join(", "));
    }
    let masked = recording.end.as_ref().map_or(0, |end| end.masked);
    let cut = if recording.cut { "; its last line is cut off" } else { "" };
    let masks = if masked > 0 { format!("; {masked} values are masked") } else { String::new() };
    text += &format!("{}{masks}{cut}\n\n", state(recording));
    for line in &recording.lines {
        let (call, what, said) = said(line);
        let time = format!("{:>12.3} ms", line.at as f64 / 1000.0);
        text += &format!("{} {call:>3} {what:<10} {}\n", palette.dim(&time), shorten(&said, length));
    }
    text
}

/// Number of the call, kind of entry, and what it says in one line.
fn said(line: &Line) -> (String, &'static str, String) {
    let of = |call: &u64| call.to_string();
    match &line.entry {
        Entry::Recording(_) => (String::new(), "recording", String::new()),
        Entry::Call { call, type_name, method, payload, .. } => (of(call), "call", format!("{method} {type_name} {payload}")),
        Entry::Reply { call, result } => (of(call), "reply", answer(result)),
        Entry::Log { call, stream, bytes, .. } => {
            let stream = if *stream == switchyard_plugin_api::LogStream::Stdout { "stdout" } else { "stderr" };
            (of(call), stream, format!("{:?}", String::from_utf8_lossy(&bytes.0)))
        }
        Entry::Skipped { call, stdout, stderr } => {
            (of(call), "skipped", format!("{stdout} bytes of standard output and {stderr} of standard error are not in the file"))
        }
        Entry::Event { call, event: Event::Phase { phase } } => (of(call), "phase", phase.as_str().to_owned()),
        Entry::Event { call, event } => (of(call), "event", serde_json::to_string(event).unwrap_or_default()),
        Entry::Service { call, number, service, payload } => (of(call), "asks", format!("#{number} {service} {payload}")),
        Entry::Answer { call, number, result } => (of(call), "answer", format!("#{number} {}", answer(result))),
        Entry::Outside { call, question, result } => (of(call), "outside", format!("{question} {}", answer(result))),
        Entry::Cancel { call, cancellation } => {
            (of(call), "cancel", format!("{:?}, {} ms to end", cancellation.reason, cancellation.grace_ms))
        }
        Entry::File { path, size, sha256, content } => {
            let kept = if content.is_some() { "with its content" } else { "digest only" };
            (String::new(), "file", format!("{path} {size} bytes, {kept}, sha256 {sha256}"))
        }
        Entry::End(end) => (String::new(), "end", end.state.clone().unwrap_or_default()),
        Entry::Unknown => (String::new(), "?", "of a newer host".to_owned()),
    }
}

fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Ok(Value::Null) => "done".to_owned(),
        Answer::Ok(value) => value.to_string(),
        Answer::Error(error) => format!("error [{}] {error}", error.code),
    }
}

fn shorten(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}
