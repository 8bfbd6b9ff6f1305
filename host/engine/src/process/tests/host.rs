//! A host that remembers everything, and a directory to run in.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use switchyard_plugin_api::{
    BoxFuture, CancelReason, Cancellation, Command, Context, Error, Event, Files, HostContext, LogStream, Outcome, Phase, RunRequest,
    TaskRunner,
};
use tokio::{sync::watch, task::JoinHandle};

use super::super::{ProcessProperties, ProcessRunner};

/// Everything a run told its host.
#[derive(Debug, Default)]
pub struct Seen {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub events: Vec<Event>,
    /// Bytes the host still takes; `None` for any number.
    room: Option<usize>,
    /// Chunks for which there was no room.
    pub refused: usize,
    /// Sizes of the chunks, as they came.
    pub chunks: Vec<usize>,
}

/// The host of one run.
#[derive(Debug)]
pub struct Host {
    seen: Mutex<Seen>,
    changed: watch::Sender<()>,
    cancellation: watch::Sender<Option<Cancellation>>,
}

impl Host {
    pub fn new(room: Option<usize>) -> Arc<Self> {
        let seen = Seen { room, ..Seen::default() };
        Arc::new(Self { seen: Mutex::new(seen), changed: watch::Sender::new(()), cancellation: watch::Sender::new(None) })
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// Waits until what was seen satisfies `expected`.
    pub async fn until(&self, expected: impl Fn(&Seen) -> bool) {
        let mut changes = self.changed.subscribe();
        let wait = async {
            while !expected(&self.seen()) {
                changes.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(Duration::from_secs(30), wait).await.is_err() {
            panic!("the run never did what was expected: {:?}", self.seen());
        }
    }

    pub async fn until_stdout(&self, text: &str) {
        self.until(|seen| String::from_utf8_lossy(&seen.stdout).contains(text)).await;
    }

    /// Makes room for any number of bytes.
    pub fn open(&self) {
        self.seen().room = None;
        self.changed.send_replace(());
    }

    pub fn cancel(&self, grace: Duration) {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap();
        self.cancellation.send_replace(Some(Cancellation { reason: CancelReason::Kill, grace_ms }));
    }
}

impl HostContext for Host {
    fn try_write_log(&self, stream: LogStream, _: i64, bytes: &[u8]) -> bool {
        let mut seen = self.seen();
        match &mut seen.room {
            Some(room) if *room < bytes.len() => {
                seen.refused += 1;
                drop(seen);
                self.changed.send_replace(());
                return false;
            }
            Some(room) => *room -= bytes.len(),
            None => {}
        }
        seen.chunks.push(bytes.len());
        match stream {
            LogStream::Stdout => seen.stdout.extend_from_slice(bytes),
            LogStream::Stderr => seen.stderr.extend_from_slice(bytes),
        }
        drop(seen);
        self.changed.send_replace(());
        true
    }

    fn log_ready(&self) -> BoxFuture<()> {
        let mut changes = self.changed.subscribe();
        // Room may have been made between the refusal and this call.
        let ready = self.seen().room.is_none();
        Box::pin(async move {
            if !ready {
                changes.changed().await.unwrap();
            }
        })
    }

    fn notify(&self, event: Event) {
        self.seen().events.push(event);
        self.changed.send_replace(());
    }

    fn call(&self, service: &str, _: serde_json::Value) -> BoxFuture<Result<serde_json::Value, Error>> {
        let error = Error::plugin("host::unknown_service", service);
        Box::pin(async { Err(error) })
    }

    fn cancelled(&self) -> BoxFuture<Cancellation> {
        let mut asked = self.cancellation.subscribe();
        Box::pin(async move { asked.wait_for(Option::is_some).await.unwrap().unwrap() })
    }

    fn cancellation(&self) -> Option<Cancellation> {
        *self.cancellation.borrow()
    }
}

/// A run in its own directory.
pub struct Run {
    pub host: Arc<Host>,
    pub directory: tempfile::TempDir,
    running: JoinHandle<Result<Outcome, Error>>,
}

impl Run {
    pub fn start(argv: &[&str], env: &[(&str, &str)]) -> Self {
        Self::start_on(Host::new(None), argv, env)
    }

    pub fn start_on(host: Arc<Host>, argv: &[&str], env: &[(&str, &str)]) -> Self {
        Self::start_in(host, tempfile::tempdir().unwrap(), argv, env)
    }

    /// The directory is gone before the command starts.
    pub fn start_without_directory(argv: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::remove_dir(directory.path()).unwrap();
        Self::start_in(Host::new(None), directory, argv, &[])
    }

    pub fn start_in(host: Arc<Host>, directory: tempfile::TempDir, argv: &[&str], env: &[(&str, &str)]) -> Self {
        let working_dir = directory.path().to_owned();
        let mut command = Command { argv: argv.iter().map(|&s| s.to_owned()).collect(), ..Command::default() };
        command.env = env.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        command.env.insert("WORKING_DIR".into(), working_dir.display().to_string());
        let request = RunRequest {
            task: Default::default(),
            properties: ProcessProperties::default(),
            config: Default::default(),
            command,
            files: Files { working_dir, ..Files::default() },
            timeout_ms: None,
        };
        let context = Context::new(host.clone());
        let running = tokio::spawn(async move { ProcessRunner::default().run(request, context).await });
        Self { host, directory, running }
    }

    pub fn shell(script: &str) -> Self {
        Self::start(&["/bin/sh", "-c", script], &[])
    }

    /// Waits for the end.
    pub async fn end(self) -> (Result<Outcome, Error>, Arc<Host>) {
        let outcome = tokio::time::timeout(Duration::from_secs(30), self.running).await.expect("the run never ends").unwrap();
        (outcome, self.host)
    }

    /// Drops the run half-way.
    pub fn abandon(self) {
        self.running.abort();
    }
}

/// Phases, in order.
pub fn phases(seen: &Seen) -> Vec<Phase> {
    seen.events.iter().filter_map(|event| if let Event::Phase { phase } = event { Some(*phase) } else { None }).collect()
}

/// Messages of the runner itself.
pub fn messages(seen: &Seen) -> Vec<String> {
    seen.events
        .iter()
        .filter_map(|event| if let Event::Message { level, message } = event { Some(format!("{level:?} {message}")) } else { None })
        .collect()
}
