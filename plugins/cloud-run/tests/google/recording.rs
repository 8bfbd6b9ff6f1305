//! What a run asks of Google is in its recording, so that it is replayed without Google.

use std::sync::{Arc, Mutex};

use switchyard_plugin_api::{
    API_VERSION, Context, RunRequest,
    recording::{Entry, Header, Line, Recorder, Recording, Sink, VERSION},
    testkit::{ReplayOptions, replay_recording},
};

use crate::setup::{Setup, TYPE, runner};

#[derive(Default)]
struct Lines(Mutex<Vec<Line>>);

impl Sink for Lines {
    fn take(&self, line: Line) {
        self.0.lock().unwrap().push(line);
    }
}

async fn record(setup: &Setup, request: RunRequest, context: Context) -> String {
    let lines = Arc::new(Lines::default());
    let recorder = Recorder::new(lines.clone());
    recorder.put(Entry::Recording(Box::new(Header {
        version: VERSION,
        host: "test".into(),
        api: API_VERSION.into(),
        began: "2026-01-01T00:00:00Z".into(),
        task: setup.request.task.clone(),
        plugins: Vec::new(),
    })));
    let outcome = recorder.runner(TYPE, runner()).run(request, context).await.unwrap();
    assert_eq!(outcome.exit_code, 3);
    let lines = lines.0.lock().unwrap();
    lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect()
}

#[tokio::test]
async fn a_run_is_replayed_without_google() {
    let setup = Setup::new("echo hello; exit 3").without("bucket");
    let text = record(&setup, setup.request.clone(), setup.host.context()).await;
    assert!(setup.google.asked("POST", ":run") == 1 && text.contains("\"entry\":\"outside\""), "{text}");
    let recording = Recording::parse(text.as_bytes()).unwrap();
    drop(setup);
    let replayed = move |recording: &Recording| {
        let plugin = switchyard_plugin_cloud_run::plugin();
        replay_recording(recording, &plugin, &ReplayOptions::default())
    };
    replayed(&recording).assert();

    // Google would have said something else.
    let changed = text.replace("\"exitCode\":3}", "\"exitCode\":4}");
    let mut changed = Recording::parse(changed.as_bytes()).unwrap();
    changed.calls[0].result = recording.calls[0].result.clone();
    let report = replayed(&changed);
    assert!(!report.passed());
    assert!(report.to_string().contains("answer/exitCode: recorded 3, now 4"), "{report}");
}
