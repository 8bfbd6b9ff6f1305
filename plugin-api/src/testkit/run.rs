//! One run of the runner under test.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::task::{JoinError, JoinHandle};

use super::{
    Checked,
    directory::{Directory, unique},
    host::{Host, Sink, shorten},
    subject::Subject,
};
use crate::{Attached, CancelReason, Cancellation, Command, Error, ErrorKind, Files, Outcome, Phase, RunRequest, TaskRef};

/// A run that has not begun.
pub(crate) struct Run {
    pub subject: Subject,
    pub request: RunRequest,
    pub directory: Arc<Directory>,
    sink: Sink,
    room: Option<u64>,
    cancel_in: Option<(Phase, Cancellation)>,
    before: [u64; 2],
}

/// A run that has begun.
pub(crate) struct Running<T = Outcome> {
    pub subject: Subject,
    pub request: RunRequest,
    pub host: Host,
    pub directory: Arc<Directory>,
    task: JoinHandle<Result<T, Error>>,
}

/// A run that has ended.
pub(crate) struct Ended<T = Outcome> {
    pub result: Result<T, Error>,
    pub host: Host,
    pub directory: Arc<Directory>,
}

impl Run {
    pub fn new(subject: Subject, argv: Vec<String>) -> Result<Self, String> {
        let directory = Arc::new(Directory::new()?);
        let key = format!("conformance-{}-0", unique());
        let labels = [
            ("namespace", "tests.conformance"),
            ("flow-id", "conformance"),
            ("task-id", "behaviour"),
            ("execution-id", "conformance"),
            ("taskrun-id", key.as_str()),
            ("taskrun-attempt", "0"),
        ];
        let task = TaskRef {
            key: key.clone(),
            namespace: "tests.conformance".into(),
            flow_id: "conformance".into(),
            task_id: "behaviour".into(),
            execution_id: "conformance".into(),
            taskrun_id: key.clone(),
            attempt: 0,
            labels: labels.into_iter().map(|(name, value)| (format!("kestra.io/{name}"), value.to_owned())).collect(),
        };
        let request = RunRequest {
            task,
            properties: subject.properties(),
            config: subject.options().config.clone(),
            command: Command { argv, image: subject.options().image.clone(), ..Command::default() },
            files: Files { working_dir: directory.path().to_owned(), ..Files::default() },
            timeout_ms: None,
        };
        Ok(Self { subject, request, directory, sink: Sink::Keep, room: None, cancel_in: None, before: [0, 0] })
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.request.command.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn outputs(mut self, globs: &[&str]) -> Self {
        self.request.files.outputs = globs.iter().map(|&glob| glob.to_owned()).collect();
        self
    }

    pub fn sink(mut self, sink: Sink) -> Self {
        self.sink = sink;
        self
    }

    /// Bytes of log that the host takes before it refuses.
    pub fn room(mut self, bytes: u64) -> Self {
        self.room = Some(bytes);
        self
    }

    pub fn cancel_in(mut self, phase: Phase, asked: Cancellation) -> Self {
        self.cancel_in = Some((phase, asked));
        self
    }

    pub fn start(self) -> Running {
        let host = Host::prepared(self.sink.clone(), self.room, self.cancel_in, Some(self.before));
        self.start_on(host)
    }

    /// On a host that has asked it to end before it begins.
    pub fn start_cancelled(self, grace: Duration) -> Running {
        let host = Host::prepared(self.sink.clone(), self.room, self.cancel_in, Some(self.before));
        host.cancel(CancelReason::Kill, grace);
        self.start_on(host)
    }

    fn start_on(self, host: Host) -> Running {
        let (runner, request, context) = (self.subject.runner().clone(), self.request.clone(), host.context());
        let task = tokio::spawn(async move { runner.run(request, context).await });
        Running { subject: self.subject, request: self.request, host, directory: self.directory, task }
    }

    /// Runs to the end; what is no outcome is an error.
    pub async fn end(self) -> Result<(Outcome, Host, Arc<Directory>), String> {
        let ended = self.start().end().await?;
        match ended.result {
            Ok(outcome) => Ok((outcome, ended.host, ended.directory)),
            Err(error) => Err(format!("the run failed: {} [{}]", error, error.code)),
        }
    }

    /// Runs to the end and wants this exit code.
    pub async fn ends_with(self, code: i32) -> Result<(Host, Arc<Directory>), String> {
        let (outcome, host, directory) = self.end().await?;
        if outcome.exit_code == code {
            return Ok((host, directory));
        }
        let message = outcome.message.map(|message| format!(" ({message})")).unwrap_or_default();
        Err(format!("the exit code is {}{message}, not {code}; {}", outcome.exit_code, host.said()))
    }
}

impl Running {
    /// A run that has ended, as the one that another host looks for.
    pub fn over(subject: Subject, request: RunRequest, host: Host, directory: Arc<Directory>) -> Self {
        Self { subject, request, host, directory, task: tokio::spawn(async { Ok(Outcome::detached()) }) }
    }

    /// What another host would do after a restart.
    pub fn attach_again(&self, checkpoint: Option<Value>, before: [u64; 2]) -> Running<Attached> {
        let host = Host::after(before[0], before[1]);
        let (runner, request, context) = (self.subject.runner().clone(), self.request.clone(), host.context());
        let task = tokio::spawn(async move { runner.attach(request, checkpoint, context).await });
        Running { subject: self.subject.clone(), request: self.request.clone(), host, directory: self.directory.clone(), task }
    }
}

impl<T> Running<T> {
    pub async fn end(self) -> Result<Ended<T>, String> {
        let patience = self.subject.patience();
        self.end_within(patience).await
    }

    /// A panic is an error, however it comes.
    pub async fn end_within(self, limit: Duration) -> Result<Ended<T>, String> {
        let mut task = self.task;
        let joined = match tokio::time::timeout(limit, &mut task).await {
            Ok(joined) => joined,
            Err(_) => {
                task.abort();
                return Err(format!("the run had not ended after {:.0} s; {}", limit.as_secs_f32(), self.host.said()));
            }
        };
        let result = joined.map_err(explain)?;
        no_panic(result.as_ref().err())?;
        Ok(Ended { result, host: self.host, directory: self.directory })
    }

    /// Waits for something that the run has to say on standard output.
    pub async fn says(&self, text: &str) -> Checked {
        let what = format!("{text:?} in the log");
        let said = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        let wait = self.host.sees(&what, self.subject.patience(), |seen| said(&seen.stdout) || self.task.is_finished());
        wait.await?;
        if said(&self.host.seen().stdout) { Ok(()) } else { Err(format!("the run ended without {what}; {}", self.host.said())) }
    }
}

/// A panic that crossed the boundary as data.
pub(super) fn no_panic(error: Option<&Error>) -> Checked {
    match error {
        Some(error) if error.code == "plugin::panic" || error.kind == ErrorKind::Plugin && error.code == "plugin::aborted" => {
            Err(shorten(&error.message))
        }
        _ => Ok(()),
    }
}

/// What a task that gave no answer died of.
pub(super) fn explain(error: JoinError) -> String {
    if !error.is_panic() {
        return "the work was aborted".to_owned();
    }
    let payload = error.into_panic();
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| payload.downcast_ref::<String>().cloned());
    format!("the runner panicked: {}", text.unwrap_or_else(|| "without a message".to_owned()))
}
