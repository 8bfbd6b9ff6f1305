//! The host's side of one attempt: takes what the runner reports.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Map, Value as Json};
use switchyard_plugin_api::{
    BoxFuture, Cancellation, Error, ErrorKind, Event, HostContext, Level as ReportedLevel, LogStream, Metric, MetricKind, Phase,
};
use switchyard_store::{
    logs::{Mark, Marked},
    workdir::WorkDir,
};

use super::{
    cancel::Cancel,
    files, kv,
    log::TaskLog,
    plan::{self, Plans, Ran},
};
use crate::{
    capture::{Capture, LogSink, Progress, Spot},
    engine::Shared,
    recovery::Trace,
    script::Prepared,
};

/// What an attempt leaves behind besides files.
#[derive(Debug, Default)]
pub struct Captured {
    /// Values of `::{"outputs":…}::` lines.
    pub vars: Map<String, Json>,
    /// Facts the runner reported early.
    pub details: Map<String, Json>,
    /// What was measured.
    pub metrics: Vec<switchyard_model::Metric>,
    /// What came of the plans of a task that does its work itself.
    pub plans: Ran,
}

pub struct AttemptContext {
    shared: Arc<Shared>,
    log: TaskLog,
    cancel: Cancel,
    streams: Mutex<Option<Streams>>,
    /// The journal has a checkpoint of it.
    checkpointed: AtomicBool,
    details: Mutex<Map<String, Json>>,
    metrics: Metrics,
    key: String,
    plans: Plans,
    runtime: tokio::runtime::Handle,
    /// Tells that the work of an earlier host was found.
    trace: Option<Trace>,
}

/// The output of the attempt, and how much of it has come.
struct Streams {
    capture: Capture<Sink>,
    stdout: u64,
    stderr: u64,
    time: i64,
}

/// Where a capture's text and events go.
struct Sink {
    log: TaskLog,
    metrics: Metrics,
    /// Another host may have to go on: it is told how far this one came.
    marks: bool,
}

impl LogSink for Sink {
    fn append(&mut self, stream: LogStream, level: ReportedLevel, time: i64, bytes: &[u8], progress: Progress) {
        let mark = self.marks.then(|| mark(progress, None));
        self.log.stream(stream, level_of(level), time, bytes, mark.as_ref());
    }

    fn framed(&mut self, time: i64, outputs: &Map<String, Json>, progress: Progress) {
        if self.marks {
            self.log.mark(time, &mark(progress, Some(Found { outputs: outputs.clone(), metrics: self.metrics.all() })));
        }
    }

    fn event(&mut self, time: i64, event: Event) {
        match event {
            // Masked by the capture.
            Event::Message { level, message } => self.log.message_at(level_of(level), time, message.as_bytes()),
            Event::Metric(metric) => self.metrics.record(metric),
            _ => {}
        }
    }
}

/// What an attempt measures, by its frames and by its runner.
#[derive(Clone, Default)]
struct Metrics(Arc<Mutex<Vec<switchyard_model::Metric>>>);

impl Metrics {
    fn record(&self, metric: Metric) {
        let kind = match metric.kind {
            MetricKind::Counter => switchyard_model::MetricKind::Counter,
            MetricKind::Timer => switchyard_model::MetricKind::Timer,
            MetricKind::Gauge => switchyard_model::MetricKind::Gauge,
        };
        let metric = switchyard_model::Metric { name: metric.name.into(), kind, value: metric.value, tags: metric.tags };
        metric.record(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn take(&self) -> Vec<switchyard_model::Metric> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn all(&self) -> Vec<switchyard_model::Metric> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Levels and open lines in two bytes, then the values that were found, as JSON.
fn mark(progress: Progress, found: Option<Found>) -> Mark {
    let mut state = vec![progress.stdout.flags(), progress.stderr.flags()];
    if let Some(found) = found {
        state.extend(serde_json::to_vec(&found).unwrap_or_default());
    }
    Mark { stdout: progress.stdout.taken, stderr: progress.stderr.taken, state }
}

/// What the marks of an earlier host say.
fn unmark(marked: &Marked) -> (Progress, Found) {
    let mut progress = Progress::default();
    if let Some([stdout, stderr, ..]) = marked.states.last().map(Vec::as_slice) {
        progress = Progress { stdout: Spot::with_flags(marked.stdout, *stdout), stderr: Spot::with_flags(marked.stderr, *stderr) };
    }
    let mut all = Found::default();
    for found in marked.states.iter().filter_map(|state| serde_json::from_slice::<Found>(state.get(2..)?).ok()) {
        all.outputs.extend(found.outputs);
        all.metrics = found.metrics;
    }
    (progress, all)
}

/// What the frames of an attempt said: values of one frame, everything measured up to it.
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Found {
    outputs: Map<String, Json>,
    metrics: Vec<switchyard_model::Metric>,
}

impl AttemptContext {
    /// A context of work that begins, or of work that an earlier host left and whose `trace` is looked for.
    pub fn new(
        shared: Arc<Shared>,
        log: TaskLog,
        cancel: Cancel,
        prepared: &Prepared,
        directory: &WorkDir,
        trace: Option<Trace>,
    ) -> Arc<Self> {
        let marked = trace.as_ref().and_then(|_| log.marked()).unwrap_or_default();
        let (progress, found) = unmark(&marked);
        let metrics = Metrics(Arc::new(Mutex::new(found.metrics)));
        let sink = Sink { log: log.clone(), metrics: metrics.clone(), marks: shared.durable };
        let capture = Capture::resume(sink, log.masker().clone(), progress, found.outputs);
        log.continues(&marked.open);
        let streams = Streams { capture, stdout: marked.stdout, stderr: marked.stderr, time: marked.time };
        Arc::new(Self {
            shared,
            key: prepared.request.task.key.clone(),
            log,
            cancel,
            streams: Mutex::new(Some(streams)),
            checkpointed: AtomicBool::new(trace.is_some()),
            details: Mutex::default(),
            metrics,
            plans: Plans::new(prepared, directory),
            trace,
            runtime: tokio::runtime::Handle::current(),
        })
    }

    /// The host goes, the work stays: what was not passed on yet comes again to the next host.
    pub fn abandon(&self) {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Something was heard of the work.
    fn heard(&self) {
        if let Some(trace) = &self.trace {
            trace.found();
        }
    }

    pub fn checkpointed(&self) -> bool {
        self.checkpointed.load(Ordering::Relaxed)
    }

    fn position(&self) -> Json {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let (stdout, stderr, time) = streams.as_ref().map_or((0, 0, 0), |streams| (streams.stdout, streams.stderr, streams.time));
        serde_json::json!({ "stdout": stdout, "stderr": stderr, "time": time })
    }

    /// The streams are over; what a runner still writes afterwards is lost with its process.
    pub fn close(&self) -> Captured {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner).take();
        let vars = streams.map(|streams| streams.capture.finish()).unwrap_or_default();
        self.log.end();
        let details = std::mem::take(&mut *self.details.lock().unwrap_or_else(PoisonError::into_inner));
        Captured { vars, details, metrics: self.metrics.take(), plans: self.plans.close() }
    }

    pub(super) fn plans(&self) -> &Plans {
        &self.plans
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

/// Plans need the context itself as the runner's context; the trait only has `&self`.
pub struct Shareable(pub Arc<AttemptContext>);

impl HostContext for Shareable {
    fn try_write_log(&self, stream: LogStream, time: i64, bytes: &[u8]) -> bool {
        // Written through at once: the runner waits as long as the disk needs, so memory stays bounded.
        if let Some(streams) = &mut *self.0.streams.lock().unwrap_or_else(PoisonError::into_inner) {
            let time = if time == 0 { super::log::now() } else { time };
            let counter = match stream {
                LogStream::Stdout => &mut streams.stdout,
                LogStream::Stderr => &mut streams.stderr,
            };
            *counter += bytes.len() as u64;
            streams.time = time;
            streams.capture.push(stream, time, bytes);
        }
        self.0.heard();
        true
    }

    fn log_ready(&self) -> BoxFuture<()> {
        Box::pin(std::future::ready(()))
    }

    fn notify(&self, event: Event) {
        match event {
            Event::Phase { phase } => {
                if phase >= Phase::Running {
                    self.0.heard();
                }
                self.0.log.phase(phase);
            }
            Event::Progress(progress) => self.0.log.progress(&progress),
            Event::Message { level, message } => self.0.log.message(level_of(level), &message),
            Event::Details { details } => self.0.details.lock().unwrap_or_else(PoisonError::into_inner).extend(details),
            Event::Metric(metric) => self.0.metrics.record(metric),
        }
    }

    fn call(&self, service: &str, payload: Json) -> BoxFuture<Result<Json, Error>> {
        let context = Arc::clone(&self.0);
        let work: BoxFuture<Result<Json, Error>> = match service {
            "checkpoint" => Box::pin(async move {
                let bytes = serde_json::to_vec(&payload).unwrap_or_default();
                context.checkpointed.store(true, Ordering::Relaxed);
                let saved = context.shared.journal.save_checkpoint(context.key.clone(), bytes).await;
                saved.map(|_| Json::Null).map_err(|error| Error::environment(error.code(), error.to_string()))
            }),
            "log_position" => {
                let position = context.position();
                Box::pin(std::future::ready(Ok(position)))
            }
            "ended_executions" => Box::pin(async move {
                let journal = &context.shared.journal;
                let mut ended = Vec::new();
                for id in payload.get("ids").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str) {
                    let known = journal.execution(id).await.map_err(|error| Error::environment(error.code(), error.to_string()))?;
                    // What the journal does not know is nobody's business here.
                    if known.is_some_and(|summary| summary.finished) {
                        ended.push(id.to_owned());
                    }
                }
                Ok(serde_json::json!({ "ids": ended }))
            }),
            "run_plan" => plan::run(context, payload),
            "plan_output" => plan::output(&context),
            "kv_get" | "kv_put" => kv::serve(context, service == "kv_put", payload),
            "read_file" | "write_file" | "store_file" => files::serve(context, service.to_owned(), payload),
            other => {
                let error = Error::plugin("host::unknown_service", format!("this host has no service `{other}`"))
                    .with_help("the plugin may need a newer host");
                return Box::pin(std::future::ready(Err(error)));
            }
        };
        // A plugin's thread polls what is returned, and knows nothing of the host's runtime: the work itself stays here.
        let work = self.0.runtime.spawn(work);
        Box::pin(async move {
            work.await.unwrap_or_else(|error| {
                Err(Error::new(ErrorKind::Internal, "host::service", format!("the host's service was lost: {error}")))
            })
        })
    }

    fn cancelled(&self) -> BoxFuture<Cancellation> {
        Box::pin(self.0.cancel.requested())
    }

    fn cancellation(&self) -> Option<Cancellation> {
        self.0.cancel.current()
    }
}

fn level_of(level: ReportedLevel) -> switchyard_model::Level {
    use switchyard_model::Level;
    match level {
        ReportedLevel::Trace => Level::Trace,
        ReportedLevel::Debug => Level::Debug,
        ReportedLevel::Info => Level::Info,
        ReportedLevel::Warn => Level::Warn,
        ReportedLevel::Error => Level::Error,
    }
}
