//! Recordings of small components, played to themselves and to others.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{Options, replay};
use crate::{
    API_VERSION, CancelReason, Context, DynTask, Files, Outcome, PluginSet, RunRequest, TaskRef, TaskRequest,
    prelude::*,
    recording::{Bytes, End, Entry, Header, Line, ReadError, Recorder, Recording, Sink, VERSION},
    testkit::{Host, Report},
};

const RUNNER: &str = "org.example.Speaker";
const TASK: &str = "org.example.Worker";

#[derive(Deserialize, JsonSchema)]
struct Properties {
    #[serde(default)]
    words: String,
}

/// Says its words and the name of its working directory; differs by its second field.
struct Speaker(&'static str);

impl TaskRunner for Speaker {
    type Properties = Properties;
    const TYPE: &'static str = RUNNER;

    fn describe(&self) -> Description {
        Description::new("Speaks.")
    }

    async fn preview(&self, request: RunRequest<Properties>) -> Result<Preview, Error> {
        Ok(Preview { kind: "speech".into(), document: json!({ "words": request.properties.words, "more": self.0 }), notes: Vec::new() })
    }

    async fn run(&self, request: RunRequest<Properties>, context: Context) -> Result<Outcome, Error> {
        context.phase(Phase::Starting);
        let answer: String = context.outside(&"what now?", || async { Ok("stay".to_owned()) }).await?;
        context.checkpoint(&json!({ "answer": answer })).await?;
        context.phase(Phase::Running);
        let place = request.files.working_dir.display();
        context.write_log(LogStream::Stdout, format!("{}{} in {place}\n", request.properties.words, self.0).as_bytes()).await;
        context.write_log(LogStream::Stderr, b"\xff\n").await;
        let asked = context.cancelled().await;
        Ok(Outcome::exited(143).detail("graceMs", asked.grace_ms).detail("place", place.to_string()))
    }
}

/// Has a plan run and reads a key; differs by the key.
struct Worker(&'static str);

impl Task for Worker {
    type Properties = Properties;
    const TYPE: &'static str = TASK;
    const PLANNED: bool = false;

    fn describe(&self) -> Description {
        Description::new("Works.")
    }

    fn plan(&self, properties: &Properties, _: &PlanContext) -> Result<Plan, Error> {
        Ok(Plan { argv: vec!["echo".into(), properties.words.clone()], ..Plan::default() })
    }

    async fn run(&self, request: TaskRequest<Properties>, context: Context) -> Result<TaskOutcome, Error> {
        let outcome = context.run_plan(&self.plan(&request.properties, &request.plan)?).await?;
        let value = context.kv_get("tests", self.0).await?;
        let outputs = [("code".to_owned(), json!(outcome.exit_code)), ("value".to_owned(), value.unwrap_or_default())];
        Ok(TaskOutcome { outputs: outputs.into_iter().collect(), ..TaskOutcome::default() })
    }
}

fn plugin(more: &'static str, key: &'static str) -> PluginSet {
    PluginSet::new("tests", "1.0.0").runner(Speaker(more)).task(Worker(key))
}

#[derive(Default)]
struct Lines(Mutex<Vec<Line>>);

impl Sink for Lines {
    fn take(&self, line: Line) {
        self.0.lock().unwrap().push(line);
    }
}

fn task() -> TaskRef {
    TaskRef { flow_id: "flow".into(), task_id: "task".into(), ..TaskRef::default() }
}

/// What a host would have written of a run of each component.
async fn recorded() -> String {
    let lines = Arc::new(Lines::default());
    let recorder = Recorder::new(lines.clone());
    recorder.put(Entry::Recording(Box::new(Header {
        version: VERSION,
        host: "tests".into(),
        api: API_VERSION.into(),
        began: "2026-01-01T00:00:00Z".into(),
        task: task(),
        plugins: Vec::new(),
    })));
    let plugin = plugin("", "key");
    let runner = recorder.runner(RUNNER, plugin.find_runner(RUNNER).unwrap());
    let files = Files { working_dir: "/then".into(), ..Files::default() };
    let request = RunRequest {
        task: task(),
        properties: json!({ "words": "hello" }),
        config: Value::Null,
        command: Command::default(),
        files: files.clone(),
        timeout_ms: None,
    };
    runner.preview(request.clone()).await.unwrap();
    let host = Host::new();
    let running = tokio::spawn(runner.run(request, host.context()));
    host.until("output", |host| !host.stderr().is_empty()).await;
    host.cancel(CancelReason::Kill, std::time::Duration::from_millis(1234));
    assert_eq!(running.await.unwrap().unwrap().exit_code, 143);

    let worker: Arc<dyn DynTask> = recorder.task(TASK, plugin.find_task(TASK).unwrap());
    let host = Host::new();
    host.answer("run_plan", json!({ "exitCode": 7 }));
    host.answer("kv_get", json!("treasure"));
    let request =
        TaskRequest { task: task(), properties: json!({ "words": "hi" }), config: Value::Null, files, plan: PlanContext::default() };
    worker.run(request, host.context()).await.unwrap();
    recorder.put(Entry::End(End { state: Some("FAILED".into()), masked: 0 }));
    let lines = lines.0.lock().unwrap();
    lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect()
}

async fn played(plugin: PluginSet, options: Options) -> Report {
    let recording = Recording::parse(recorded().await.as_bytes()).unwrap();
    replay(&recording, &plugin, &options)
}

#[tokio::test]
async fn the_same_build_does_the_same() {
    let report = played(plugin("", "key"), Options::default()).await;
    report.assert();
    assert_eq!(report.counts(), (3, 0, 0), "{report}");
    // The system outside is asked for real then, and says the same.
    played(plugin("", "key"), Options { real: true, ..Options::default() }).await.assert();
}

#[tokio::test]
async fn what_another_build_does_differently_is_named() {
    let report = played(plugin(" there", "other"), Options::default()).await;
    assert_eq!(report.counts(), (0, 3, 0), "{report}");
    let text = report.to_string();
    for part in [
        "answer/document/more: recorded \"\", now \" there\"",
        "standard output: line 1 was recorded as \"hello in /then\", is now \"hello there in /then\"",
        "services asked: number 2 was recorded as kv_get({\"namespace\":\"tests\",\"key\":\"key\"})",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let ignored = ["answer", "logs", "services"].map(str::to_owned).to_vec();
    played(plugin(" there", "other"), Options { ignore: ignored, ..Options::default() }).await.assert();
}

#[tokio::test]
async fn a_component_that_is_not_there_is_not_a_pass() {
    let report = played(PluginSet::new("tests", "2.0.0"), Options::default()).await;
    assert_eq!(report.counts(), (0, 1, 3), "{report}");
    assert!(report.to_string().contains("none of its calls could be made"), "{report}");
}

#[tokio::test]
async fn a_run_that_spoke_with_nobody_known_needs_to_be_real() {
    let text = recorded().await;
    let without: String = text.lines().filter(|line| !line.contains("\"entry\":\"outside\"")).map(|line| format!("{line}\n")).collect();
    let recording = Recording::parse(without.as_bytes()).unwrap();
    let report = replay(&recording, &plugin("", "key"), &Options::default());
    assert_eq!(report.counts(), (2, 0, 1), "{report}");
    assert!(report.row("call.2.run").unwrap().reason().unwrap().contains("run for real"), "{report}");
}

#[tokio::test]
async fn what_was_masked_can_be_given() {
    let text = recorded().await.replace("\"words\":\"hello\"", "\"words\":\"******\"").replace("hello in", "****** in");
    let recording = Recording::parse(text.as_bytes()).unwrap();
    let set = vec![("/properties/words".to_owned(), json!("open sesame"))];
    let report = replay(&recording, &plugin("", "key"), &Options { set, ..Options::default() });
    // What is compared holds the mask, whatever was given.
    assert!(!report.row("call.2.run").unwrap().failed(), "{report}");
    let set = vec![("/command/env/TOKEN".to_owned(), json!("x"))];
    let report = replay(&recording, &plugin("", "key"), &Options { set, ..Options::default() });
    assert!(report.to_string().contains("the arguments have nothing at /command/env/TOKEN"), "{report}");
}

#[tokio::test]
async fn a_replay_can_be_recorded() {
    let lines = Arc::new(Lines::default());
    let recorder = Some(Recorder::new(lines.clone()));
    played(plugin(" again", "key"), Options { recorder, ..Options::default() }).await;
    let lines = lines.0.lock().unwrap();
    let says =
        |wanted: &str| lines.iter().any(|line| matches!(&line.entry, Entry::Log { bytes, .. } if bytes.0.starts_with(wanted.as_bytes())));
    assert!(says("hello again in "), "{lines:?}");
}

#[test]
fn files_are_read_as_far_as_they_are_whole() {
    let header = r#"{"at":0,"entry":"recording","version":1,"host":"h","api":"1","began":"t","task":{},"plugins":[]}"#;
    let cut = format!("{header}\n{{\"at\":1,\"entry\":\"log\",\"call\":1,\"stre");
    assert!(Recording::parse(cut.as_bytes()).is_ok_and(|recording| recording.cut));
    let newer = format!("{header}\n{{\"at\":1,\"entry\":\"thought\",\"of\":\"a newer host\"}}\n");
    assert!(Recording::parse(newer.as_bytes()).is_ok_and(|recording| recording.lines[0].entry == Entry::Unknown));
    for (text, expected) in [
        (String::new(), "line 1: a recording begins with a line of JSON"),
        ("{}\n".to_owned(), "line 1: a recording begins with an entry `recording`"),
        (header.replace("\"version\":1", "\"version\":2"), "version 2 of the format, this program knows 1"),
        (format!("{header}\nnonsense\n{header}\n"), "line 2: "),
    ] {
        let error = Recording::parse(text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!matches!(error, ReadError::Io(_)));
    }
}

#[test]
fn bytes_are_text_where_they_can_be() {
    for (bytes, json) in [(&b"a\"b"[..], r#"{"text":"a\"b"}"#), (b"\xff\x00", r#"{"hex":"ff00"}"#), (b"", r#"{"text":""}"#)] {
        assert_eq!(serde_json::to_string(&Bytes(bytes.to_vec())).unwrap(), json);
        assert_eq!(serde_json::from_str::<Bytes>(json).unwrap().0, bytes);
    }
    assert!(serde_json::from_str::<Bytes>(r#"{"hex":"f"}"#).is_err() && serde_json::from_str::<Bytes>(r#"{"hex":"zz"}"#).is_err());
}
