//! A recording, played to another build: the same calls, the host's services answered from the file, and what differs.
//!
//! What a component asks of the host is in the recording. What it asks of a system outside is only where it says so
//! ([`Context::outside`](crate::Context::outside)). So `paths`, `plan` and `preview` are replayed always; `run` and `attach` where the
//! recording shows that everything they did went through the host or through `outside`. Any other run happens for real, and only when
//! [`Options::real`] says so.

mod compare;
mod host;
mod text;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;
use serde_json::Value;

use super::{Report, Row, Verdict, checked, directory::Directory};
use crate::{
    ComponentKind, Context, DynTask, DynTaskRunner, Error, PluginSet,
    recording::{Answer, Call, Entry, Recorder, Recording},
};
use host::Played;
use text::Places;

/// How a recording is replayed.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Runs that need a system outside happen, on the real one.
    pub real: bool,
    /// Values for what is masked in the arguments of real runs, by JSON pointer, such as `/command/env/TOKEN`.
    pub set: Vec<(String, Value)>,
    /// The files of the working directory, where the recording has only their digests.
    pub files: Option<PathBuf>,
    /// What is not compared: `answer`, `logs`, `phases`, `checkpoints`, `events`, `services`, `outside`.
    pub ignore: Vec<String>,
    /// Seconds that one call may take; a minute when 0.
    pub patience: u64,
    /// Records what happens now, so that the recording can be replaced.
    pub recorder: Option<Recorder>,
}

/// Parts of a call that are compared.
pub const PARTS: [&str; 7] = ["answer", "logs", "phases", "checkpoints", "events", "services", "outside"];

/// The build that a recording is played to.
pub trait Components: Sync {
    /// A runner by canonical type name.
    fn runner(&self, type_name: &str) -> Option<Arc<dyn DynTaskRunner>>;
    /// A task by canonical type name.
    fn task(&self, type_name: &str) -> Option<Arc<dyn DynTask>>;
}

impl Components for PluginSet {
    fn runner(&self, type_name: &str) -> Option<Arc<dyn DynTaskRunner>> {
        self.find_runner(type_name)
    }

    fn task(&self, type_name: &str) -> Option<Arc<dyn DynTask>> {
        self.find_task(type_name)
    }
}

/// Plays a recording: a row per call.
pub fn replay(recording: &Recording, components: &dyn Components, options: &Options) -> Report {
    let task = &recording.header.task;
    let mut report = Report::new(&format!("{}.{}", task.flow_id, task.task_id));
    // A thread of its own: the caller may be inside another runtime.
    std::thread::scope(|scope| {
        let rows = scope.spawn(|| recording.calls.iter().map(|call| row(recording, call, components, options)).collect::<Vec<_>>());
        match rows.join() {
            Ok(rows) => report.rows = rows,
            Err(_) => tracing::error!("the replay itself failed"),
        }
    });
    if !report.rows.iter().any(|row| !matches!(row.verdict, Verdict::NotApplicable { .. })) {
        let reason = if report.rows.is_empty() { "it holds no call" } else { "none of its calls could be made" }.to_owned();
        let title = "something of the recording is replayed".to_owned();
        report.rows.push(Row { behaviour: "replay.something".into(), title, verdict: Verdict::Failed { reason }, millis: 0 });
    }
    report
}

fn row(recording: &Recording, call: &Call, components: &dyn Components, options: &Options) -> Row {
    let name = format!("call.{}.{}", call.number, call.method);
    let title = format!("{} of {} as recorded", call.method, call.type_name);
    let Some(subject) = Subject::of(call, components, options.recorder.as_ref()) else {
        let reason = format!("the plugin has no {} {}", call.component.as_str(), call.type_name);
        return Row { behaviour: name, title, verdict: Verdict::NotApplicable { reason }, millis: 0 };
    };
    let reason = needs_reality(recording, call, options);
    let (call, recording, options) = (call.clone(), recording.clone(), options.clone());
    checked(&name, &title, reason, move || Box::pin(async move { play(subject, &recording, &call, &options).await }))
}

/// Reads a recording and plays it; what [`testkit::replay!`](crate::testkit::replay) does.
pub fn replay_file(path: impl AsRef<Path>, components: &dyn Components, options: &Options) -> Report {
    let path = path.as_ref();
    match Recording::read(path) {
        Ok(recording) => replay(&recording, components, options),
        Err(error) => {
            let mut report = Report::new(&path.display().to_string());
            let (title, reason) = ("the recording can be read".to_owned(), error.to_string());
            report.rows.push(Row { behaviour: "replay.read".into(), title, verdict: Verdict::Failed { reason }, millis: 0 });
            report
        }
    }
}

/// Why a call cannot be made offline.
fn needs_reality(recording: &Recording, call: &Call, options: &Options) -> Option<String> {
    let works = matches!(call.method.as_str(), "run" | "attach" | "health");
    if !works || options.real {
        return None;
    }
    let told = call.said.iter().any(|line| match &line.entry {
        Entry::Outside { .. } => true,
        // Its work was done by the host, on a runner.
        Entry::Service { service, .. } => service == "run_plan",
        _ => false,
    });
    if told {
        return None;
    }
    let masked = if recording.end.as_ref().is_some_and(|end| end.masked > 0) { "; masked values have to be given with it" } else { "" };
    Some(format!("it worked with systems that the recording does not hold; it has to be run for real (`--real`){masked}"))
}

enum Subject {
    Runner(Arc<dyn DynTaskRunner>),
    Task(Arc<dyn DynTask>),
}

impl Subject {
    fn of(call: &Call, components: &dyn Components, recorder: Option<&Recorder>) -> Option<Self> {
        let name = &call.type_name;
        match call.component {
            ComponentKind::TaskRunner => {
                let runner = components.runner(name)?;
                Some(Self::Runner(recorder.map_or_else(|| runner.clone(), |recorder| recorder.runner(name, runner.clone()))))
            }
            ComponentKind::Task => {
                let task = components.task(name)?;
                Some(Self::Task(recorder.map_or_else(|| task.clone(), |recorder| recorder.task(name, task.clone()))))
            }
        }
    }

    async fn call(&self, method: &str, payload: Value, context: Context) -> Result<Answer, String> {
        let part = |name: &str| payload.get(name).cloned().unwrap_or_default();
        Ok(match (self, method) {
            (Self::Runner(runner), "validate") => Answer::of(&runner.validate(&payload)),
            (Self::Runner(runner), "paths") => Answer::of(&runner.paths(&part("properties"), &read(part("files"))?)),
            (Self::Runner(runner), "preview") => Answer::of(&runner.preview(read(payload)?).await),
            (Self::Runner(runner), "run") => Answer::of(&runner.run(read(payload)?, context).await),
            (Self::Runner(runner), "attach") => {
                let checkpoint = Some(part("checkpoint")).filter(|checkpoint| !checkpoint.is_null());
                Answer::of(&runner.attach(read(part("request"))?, checkpoint, context).await)
            }
            (Self::Runner(runner), "health") => Answer::of(&runner.health(payload).await),
            (Self::Task(task), "validate") => Answer::of(&task.validate(&payload)),
            (Self::Task(task), "plan") => Answer::of(&task.plan(&part("properties"), &read(part("context"))?)),
            (Self::Task(task), "run") => Answer::of(&task.run(read(payload)?, context).await),
            (_, other) => return Err(format!("this program does not know the method {other}; replay it with a newer one")),
        })
    }
}

fn read<T: for<'de> Deserialize<'de>>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| format!("the recorded arguments cannot be read: {error}"))
}

async fn play(subject: Subject, recording: &Recording, call: &Call, options: &Options) -> Result<(), String> {
    let works = matches!(call.method.as_str(), "run" | "attach");
    let mut payload = call.payload.clone();
    let mut places = Places::default();
    // Calls that look at no file keep the recorded path.
    let looks = works || call.method == "preview";
    let directory = if looks { Some(Directory::new()?) } else { None };
    let mut unknown = Vec::new();
    if let Some(directory) = &directory {
        unknown = place_files(recording, directory, options, !works)?;
        let request = if call.method == "attach" { payload.get_mut("request") } else { Some(&mut payload) };
        if let Some(request) = request {
            let recorded = request.pointer("/files/workingDir").and_then(Value::as_str).unwrap_or_default().to_owned();
            places = Places::new(&recorded, directory.path());
            for (pointer, value) in &options.set {
                set(request, pointer, value.clone())?;
                places.conceal(value);
            }
            places.move_here(request);
        }
    }
    let played = Arc::new(Played::new(call, &places, options.real));
    let work = subject.call(&call.method, payload, Context::new(played.clone()));
    let patience = Duration::from_secs(if options.patience == 0 { 60 } else { options.patience });
    let answer = match tokio::time::timeout(patience, work).await {
        Ok(answer) => answer?,
        Err(_) => return Err(format!("it has not answered within {} s", patience.as_secs())),
    };
    let mut found = compare::differences(call, &played.seen(), &answer, &places, options);
    if !found.is_empty() && !unknown.is_empty() {
        found.push(format!(
            "files were missing, of which the recording has the digest only: {}; say where they are (`--files`)",
            unknown.join(", ")
        ));
    }
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

/// Answers the names of those that nobody has. A preview asks only whether there are any.
fn place_files(recording: &Recording, directory: &Directory, options: &Options, empty: bool) -> Result<Vec<String>, String> {
    let mut known = Vec::new();
    // Written by the task's plan, and therefore known.
    let planned = recording.calls.iter().filter(|call| call.method == "plan").filter_map(|call| match &call.result {
        Some(Answer::Ok(plan)) => plan.get("files")?.as_array().cloned(),
        _ => None,
    });
    for file in planned.flatten() {
        let text = |name: &str| file.get(name).and_then(Value::as_str);
        if let (Some(path), Some(content)) = (text("path"), text("content")) {
            directory.write(inside(path)?, content.as_bytes())?;
            known.push(path.to_owned());
        }
    }
    let mut unknown = Vec::new();
    for file in &recording.files {
        let path = inside(&file.path)?;
        let given = options.files.as_ref().map(|files| files.join(path)).filter(|given| given.is_file());
        if let Some(given) = given {
            let content = std::fs::read(&given).map_err(|error| format!("{} cannot be read: {error}", given.display()))?;
            directory.write(path, &content)?;
        } else if let Some(content) = &file.content {
            directory.write(path, &content.0)?;
        } else if known.contains(&file.path) {
            continue;
        } else if empty {
            directory.write(path, b"")?;
        } else {
            unknown.push(file.path.clone());
        }
    }
    Ok(unknown)
}

/// A file of a recording may come from anybody.
fn inside(path: &str) -> Result<&str, String> {
    let plain = Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if plain { Ok(path) } else { Err(format!("the recording names a file outside of the working directory: {path:?}")) }
}

fn set(request: &mut Value, pointer: &str, value: Value) -> Result<(), String> {
    let place = request.pointer_mut(pointer);
    place.map(|place| *place = value).ok_or_else(|| format!("the arguments have nothing at {pointer}"))
}

/// Why a service has no answer.
fn not_recorded(what: &str) -> Error {
    Error::environment("replay::not_recorded", format!("the recording has no answer to {what}"))
        .with_help("the new build asks what the old one did not; record the task anew with the new build")
}

/// Makes a test that plays a recording to the plugin's components and fails with what differs:
/// `replay!(plugin(), "recordings/failed.recording.jsonl")`, `replay!(name: plugin(), "…", replay::Options { … })`.
#[doc(hidden)]
#[macro_export]
macro_rules! __replay {
    ($plugin:expr, $path:expr $(,)?) => {
        $crate::testkit::replay!(replay: $plugin, $path, $crate::testkit::ReplayOptions::default());
    };
    ($name:ident: $plugin:expr, $path:expr $(,)?) => {
        $crate::testkit::replay!($name: $plugin, $path, $crate::testkit::ReplayOptions::default());
    };
    ($name:ident: $plugin:expr, $path:expr, $options:expr $(,)?) => {
        #[test]
        fn $name() {
            $crate::testkit::replay_file($path, &$plugin, &$options).assert();
        }
    };
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
