//! Plans of a task that does its work itself: run on the user's runner, one after the other.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::Value as Json;
use switchyard_plugin_api::{
    BoxFuture, Cancellation, Context, DynTaskRunner, Error, ErrorKind, Event, HostContext, Line, LogStream, Outcome, Paths, Plan,
    RunRequest,
};
use switchyard_store::workdir::WorkDir;
use tokio::sync::mpsc;

use super::{
    context::{AttemptContext, Shareable},
    files::decode,
    staging,
};
use crate::script::{self, Prepared};

/// Chunks of lines that wait for a slow task.
const WAITING: usize = 16;
/// A line is passed on in pieces of this length.
const LONGEST: usize = 1 << 20;

/// Lines of a plan that is followed, for whoever asks for them next.
type Output = Arc<tokio::sync::Mutex<mpsc::Receiver<Vec<Line>>>>;

/// What running plans needs, and what came of them.
pub(super) struct Plans {
    runner: Arc<dyn DynTaskRunner>,
    image_required: bool,
    runner_type: String,
    request: RunRequest,
    paths: Paths,
    directory: WorkDir,
    ran: Mutex<Ran>,
    output: Mutex<Option<Output>>,
}

/// What came of an attempt's plans.
#[derive(Debug, Clone, Default)]
pub struct Ran {
    /// How many were begun.
    pub count: usize,
    /// The end of the latest one.
    pub last: Option<Outcome>,
    /// Files that the task brought itself.
    pub own: Vec<String>,
}

#[derive(Deserialize)]
struct Wanted {
    plan: Plan,
    #[serde(default)]
    follow: bool,
}

impl Plans {
    pub(super) fn new(prepared: &Prepared, directory: &WorkDir) -> Self {
        Self {
            runner: Arc::clone(&prepared.runner),
            image_required: script::needs_image(&prepared.runner_component),
            runner_type: prepared.runner_type.clone(),
            request: prepared.request.clone(),
            paths: prepared.plan.paths.clone(),
            directory: directory.clone(),
            ran: Mutex::default(),
            output: Mutex::default(),
        }
    }

    pub(super) fn directory(&self) -> &WorkDir {
        &self.directory
    }

    pub(super) fn request(&self) -> &RunRequest {
        &self.request
    }

    /// Remembers a file that is the task's own.
    pub(super) fn own(&self, path: String) {
        self.ran.lock().unwrap_or_else(PoisonError::into_inner).own.push(path);
    }

    pub(super) fn close(&self) -> Ran {
        std::mem::take(&mut *self.ran.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Runs a plan. Its output goes to the log, or to whoever asks for it.
pub(super) fn run(context: Arc<AttemptContext>, payload: Json) -> BoxFuture<Result<Json, Error>> {
    let Wanted { plan, follow } = match decode(payload) {
        Ok(wanted) => wanted,
        Err(error) => return Box::pin(std::future::ready(Err(error))),
    };
    // Known before the first question for output can come.
    let sender = follow.then(|| {
        let (sender, receiver) = mpsc::channel(WAITING);
        *context.plans().output.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(tokio::sync::Mutex::new(receiver)));
        sender
    });
    Box::pin(async move {
        let mut request = context.plans().request.clone();
        let number = {
            let mut ran = context.plans().ran.lock().unwrap_or_else(PoisonError::into_inner);
            ran.count += 1;
            ran.count
        };
        // A runner finds work again by its key: the second plan is not the first one.
        if number > 1 {
            request.task.key = format!("{}-{number}", request.task.key);
        }
        let wanted = plan.wanted.clone();
        let files = script::apply(&mut request, plan, &context.plans().paths);
        if context.plans().image_required {
            script::require_image(&request, &context.plans().runner_type)?;
        }
        request.files.outputs.extend(wanted);
        for file in files {
            context.plans().own(file.path.clone());
            staging::put(&context.plans().directory, &file, &file.content)?;
        }
        let plans = context.plans();
        let named = staging::fetch_named(context.shared(), &plans.directory, &mut request.command.argv, &plans.paths.working_dir).await?;
        named.into_iter().for_each(|name| plans.own(name));
        let runner = Arc::clone(&context.plans().runner);
        let plain = Shareable(Arc::clone(&context));
        let outcome = match sender {
            None => runner.run(request, Context::new(Arc::new(plain))).await,
            Some(sender) => {
                let followed = Arc::new(Followed { plain, open: Mutex::new(Some(Open { sender, partial: Default::default() })) });
                let outcome = runner.run(request, Context::new(Arc::clone(&followed) as Arc<dyn HostContext>)).await;
                followed.close().await;
                outcome
            }
        };
        let outcome = outcome?;
        context.plans().ran.lock().unwrap_or_else(PoisonError::into_inner).last = Some(outcome.clone());
        serde_json::to_value(outcome).map_err(|e| Error::new(ErrorKind::Internal, "host::not_json", e.to_string()))
    })
}

/// The next lines of the plan that is followed; null when there will be no more.
pub(super) fn output(context: &AttemptContext) -> BoxFuture<Result<Json, Error>> {
    let receiver = context.plans().output.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Box::pin(async move {
        let Some(receiver) = receiver else { return Ok(Json::Null) };
        let lines = receiver.lock().await.recv().await;
        serde_json::to_value(lines).map_err(|e| Error::new(ErrorKind::Internal, "host::not_json", e.to_string()))
    })
}

/// The runner's context while its output is followed: lines go to the task instead of the log.
struct Followed {
    plain: Shareable,
    /// Nothing after the end: a runner may hold its context longer than it should.
    open: Mutex<Option<Open>>,
}

struct Open {
    sender: mpsc::Sender<Vec<Line>>,
    /// What has no end yet, of standard output and of standard error.
    partial: [Vec<u8>; 2],
}

impl Followed {
    /// Passes on what has no line end, and tells the task that there is no more.
    async fn close(&self) {
        let Some(open) = self.open.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let rest: Vec<Line> = [LogStream::Stdout, LogStream::Stderr]
            .into_iter()
            .zip(open.partial)
            .filter(|(_, bytes)| !bytes.is_empty())
            .map(|(stream, bytes)| line(stream, &bytes))
            .collect();
        if !rest.is_empty() {
            // An error says that the task does not read any more.
            let _ = open.sender.send(rest).await;
        }
    }
}

impl HostContext for Followed {
    fn try_write_log(&self, stream: LogStream, _: i64, bytes: &[u8]) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Open { sender, partial }) = &mut *open else { return true };
        let permit = match sender.try_reserve() {
            Ok(permit) => permit,
            Err(mpsc::error::TrySendError::Full(())) => return false,
            // Nobody reads any more.
            Err(mpsc::error::TrySendError::Closed(())) => return true,
        };
        let lines = lines(&mut partial[usize::from(stream == LogStream::Stderr)], stream, bytes);
        if !lines.is_empty() {
            permit.send(lines);
        }
        true
    }

    fn log_ready(&self) -> BoxFuture<()> {
        let sender = self.open.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|open| open.sender.clone());
        Box::pin(async move {
            if let Some(sender) = sender {
                drop(sender.reserve().await);
            }
        })
    }

    fn notify(&self, event: Event) {
        self.plain.notify(event);
    }

    fn call(&self, service: &str, payload: Json) -> BoxFuture<Result<Json, Error>> {
        self.plain.call(service, payload)
    }

    fn cancelled(&self) -> BoxFuture<Cancellation> {
        self.plain.cancelled()
    }

    fn cancellation(&self) -> Option<Cancellation> {
        self.plain.cancellation()
    }
}

fn lines(partial: &mut Vec<u8>, stream: LogStream, bytes: &[u8]) -> Vec<Line> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        partial.extend_from_slice(&rest[..end]);
        found.push(line(stream, partial));
        partial.clear();
        rest = &rest[end + 1..];
    }
    partial.extend_from_slice(rest);
    if partial.len() > LONGEST {
        found.push(line(stream, partial));
        partial.clear();
    }
    found
}

fn line(stream: LogStream, bytes: &[u8]) -> Line {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    Line { stream, text: String::from_utf8_lossy(bytes).into_owned() }
}
